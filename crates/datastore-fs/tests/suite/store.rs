//! The store's own behaviour: opening, reading without writing, several handles, bad input, links, streams, upkeep.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
#[cfg(unix)]
use datastore_files::RealFs;
use datastore_fs::{Blocking, FsDatastore, FsOptions, Names};
use futures::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    Action, Batch, ByteRange, Datastore, DatastoreExt, Durability, ErrorKind, GetOptions, Key,
    Maintenance, MaintenanceEvent, PutOptions, Query, WatchEvent, WatchOptions, WriteOptions,
};

use crate::common::tree::{plain_tree, tree};
use crate::common::{open, open_with};

fn key(text: &str) -> Key {
    Key::new(text)
}

/// A read-only store changes nothing at all, whatever is asked of it.
#[tokio::test(flavor = "multi_thread")]
async fn read_only_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.put(&key("/a/b"), "v").await.unwrap();
    store.put(&key("/.."), "w").await.unwrap();
    store.close().await.unwrap();
    std::fs::write(folder.path().join(".datastore/tmp/dead.0"), "left behind").unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let before = tree(folder.path());

    let store = open_with(folder.path(), FsOptions::new().with_read_only(true)).await;
    assert_eq!(store.get(&key("/a/b")).await.unwrap(), "v");
    assert_eq!(store.query(Query::all()).count().await, 2);
    let mut batch = Batch::new();
    batch.put(key("/x"), "y");
    let refused = [
        store.put(&key("/x"), "y").await.unwrap_err(),
        store.delete(&key("/a/b")).await.unwrap_err(),
        store.write(batch).await.unwrap_err(),
        store
            .put_many([(key("/x"), Bytes::from("y"))])
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err(),
        store
            .delete_many([key("/a/b")])
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err(),
        store
            .maintain(Maintenance::Gc)
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err(),
        store
            .maintain(Maintenance::Repair)
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
        assert!(
            error.path().is_some() && error.remedy().is_some(),
            "{error}"
        );
    }
    assert!(!findings(&store, Maintenance::Check).await.is_empty());
    store.sync(&Key::root()).await.unwrap();
    store.disk_usage().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(tree(folder.path()), before);

    let bare = tempfile::tempdir().unwrap();
    std::fs::write(bare.path().join("k.data"), "of JavaScript").unwrap();
    let store = open_with(bare.path(), FsOptions::new().with_read_only(true)).await;
    assert_eq!(store.get(&key("/k")).await.unwrap(), "of JavaScript");
    assert_eq!(tree(bare.path()).len(), 1, "not even a marker");
}

async fn findings(store: &FsDatastore, task: Maintenance) -> Vec<(String, Action)> {
    let events: Vec<_> = store.maintain(task).try_collect().await.unwrap();
    let mut found: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event {
            MaintenanceEvent::Finding(finding) => {
                assert!(
                    finding
                        .path
                        .as_ref()
                        .is_some_and(|path| path.starts_with(store.path())),
                    "{finding:?}"
                );
                Some((finding.code, finding.action))
            }
            _ => None,
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[tokio::test]
async fn read_only_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let options = FsOptions::new().with_read_only(true);
    let error = FsDatastore::open(&missing, options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.path().is_some() && error.remedy().is_some(),
        "{error}"
    );
    assert!(!missing.exists());
}

/// What is no store of ours is refused, with its path and what to do; nothing is touched.
#[tokio::test(flavor = "multi_thread")]
async fn refused_folders() {
    let marker = |text: &'static str| {
        move |root: &Path| {
            std::fs::create_dir(root.join(".datastore")).unwrap();
            std::fs::write(root.join(".datastore/format"), text).unwrap();
        }
    };
    type Prepare = Box<dyn Fn(&Path)>;
    let plain = FsOptions::new;
    let cases: Vec<(&str, Prepare, FsOptions, ErrorKind)> = vec![
        (
            "newer version",
            Box::new(marker("datastore-fs 2\nnames js\nextension .data\n")),
            plain(),
            ErrorKind::Foreign,
        ),
        (
            "other marker",
            Box::new(marker("something else\n")),
            plain(),
            ErrorKind::Foreign,
        ),
        (
            "empty marker",
            Box::new(marker("")),
            plain(),
            ErrorKind::Foreign,
        ),
        (
            "unknown names",
            Box::new(marker("datastore-fs 1\nnames x\nextension .data\n")),
            plain(),
            ErrorKind::Foreign,
        ),
        (
            "more lines",
            Box::new(marker("datastore-fs 1\nnames js\nextension .data\nx\n")),
            plain(),
            ErrorKind::Foreign,
        ),
        (
            "other extension",
            Box::new(marker("datastore-fs 1\nnames js\nextension .txt\n")),
            plain().with_extension(".data"),
            ErrorKind::InvalidArgument,
        ),
        (
            "other names",
            Box::new(marker("datastore-fs 1\nnames js\nextension .data\n")),
            plain().with_names(Names::Portable),
            ErrorKind::InvalidArgument,
        ),
        (
            "file as reserved folder",
            Box::new(|root| std::fs::write(root.join(".datastore"), "x").unwrap()),
            plain(),
            ErrorKind::Foreign,
        ),
        (
            "flatfs",
            Box::new(|root| {
                std::fs::write(
                    root.join("SHARDING"),
                    "/repo/flatfs/shard/v1/next-to-last/2\n",
                )
                .unwrap();
            }),
            plain(),
            ErrorKind::Foreign,
        ),
        (
            "slash in extension",
            Box::new(|_| ()),
            plain().with_extension("/../x"),
            ErrorKind::InvalidArgument,
        ),
        (
            "line break in extension",
            Box::new(|_| ()),
            plain().with_extension(".a\nb"),
            ErrorKind::InvalidArgument,
        ),
        (
            "wanted new",
            Box::new(|_| ()),
            plain().with_error_if_exists(true),
            ErrorKind::AlreadyExists,
        ),
    ];
    for (name, prepare, options, kind) in cases {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let before = tree(folder.path());
        let error = FsDatastore::open(folder.path(), options).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(
            error
                .path()
                .is_some_and(|path| path.starts_with(folder.path())),
            "{name}: {error}"
        );
        assert!(error.remedy().is_some(), "{name}: {error}");
        assert_eq!(tree(folder.path()), before, "{name}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn links_are_errors_that_name_the_path() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("k.data"), "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let by_name = || FsOptions::new().with_fs(Arc::new(RealFs::name_by_name()));
    for (name, options) in [
        ("never", FsOptions::new().with_blocking(Blocking::Never)),
        ("inline", FsOptions::new().with_blocking(Blocking::Inline)),
        ("never-by-name", by_name().with_blocking(Blocking::Never)),
        ("inline-by-name", by_name().with_blocking(Blocking::Inline)),
    ] {
        let root = folder.path().join(name);
        let store = open_with(&root, options).await;
        store.put(&key("/moved/k"), "inside").await.unwrap();
        symlink(outside.path(), root.join("dir")).unwrap();
        symlink(outside.path().join("k.data"), root.join("file.data")).unwrap();
        symlink(outside.path(), root.join(".datastore/keys")).unwrap();
        std::fs::rename(root.join("moved"), root.join("elsewhere")).unwrap();
        symlink(outside.path(), root.join("moved")).unwrap();
        for path in ["/dir/k", "/moved/k", "/.."] {
            let key = key(path);
            let durable = PutOptions::default().with_durability(Durability::Power);
            let errors = [
                store.get(&key).await.unwrap_err(),
                store.has(&key).await.unwrap_err(),
                store.put(&key, "escaped").await.unwrap_err(),
                store
                    .put_opts(&key, "escaped".into(), durable)
                    .await
                    .unwrap_err(),
                store.delete(&key).await.unwrap_err(),
            ];
            for error in errors {
                assert!(
                    error.kind() == ErrorKind::Failed
                        && error.to_string().contains("symbolic link"),
                    "{error}"
                );
                assert!(
                    error.path().is_some_and(|path| path.starts_with(&root))
                        && error.remedy().is_some(),
                    "{error}"
                );
            }
        }
        assert!(
            store
                .get(&key("/file"))
                .await
                .unwrap_err()
                .to_string()
                .contains("symbolic link")
        );
        assert!(!store.has(&key("/file")).await.unwrap());
        let error = store
            .query(Query::all())
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        std::fs::remove_file(root.join(".datastore/keys")).unwrap();
        let listed: Vec<_> = store
            .query_keys(Query::prefix("/e"))
            .try_collect()
            .await
            .unwrap();
        assert_eq!(listed, [key("/elsewhere/k")]);
        assert_eq!(tree(outside.path()).len(), 1);
    }
    assert_eq!(
        std::fs::read(outside.path().join("k.data")).unwrap(),
        b"secret"
    );
    // The root itself may be reached through a link: that is the owner's word.
    let link = folder.path().join("link");
    symlink(folder.path().join("never"), &link).unwrap();
    open(&link).await.put(&key("/through"), "v").await.unwrap();
}

/// Two handles on one folder see each other's writes, decide conditions between them, and sweep nothing of the other.
#[tokio::test(flavor = "multi_thread")]
async fn two_handles() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(folder.path()).await, open(folder.path()).await);
    let tasks = (0..16).map(|task| {
        let store = if task % 2 == 0 {
            one.clone()
        } else {
            two.clone()
        };
        tokio::spawn(async move {
            for round in 0..20 {
                let own = key(&format!("/race/{task}/{round}"));
                store.put(&own, own.to_string()).await.unwrap();
                assert_eq!(store.get(&own).await.unwrap(), own.to_string());
                store.delete(&own).await.unwrap();
            }
            store
                .put_opts(
                    &key("/winner"),
                    task.to_string().into(),
                    PutOptions::if_absent(),
                )
                .await
                .is_ok()
        })
    });
    let outcomes = futures::future::join_all(tasks.collect::<Vec<_>>()).await;
    assert_eq!(
        outcomes
            .into_iter()
            .filter(|won| *won.as_ref().unwrap())
            .count(),
        1
    );
    let body = stream::iter(vec![Ok(Bytes::from(vec![1; 3 << 20])); 2]).boxed();
    let slow = body.chain(stream::once(async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(Bytes::from("end"))
    }));
    let writing = tokio::spawn({
        let one = one.clone();
        async move {
            one.put_stream_opts(&key("/large"), slow.boxed(), PutOptions::default())
                .await
        }
    });
    while tree(&folder.path().join(".datastore/tmp")).len() < 3 {
        tokio::task::yield_now().await;
    }
    let third = open(folder.path()).await;
    assert_eq!(findings(&third, Maintenance::Gc).await, []);
    writing.await.unwrap().unwrap();
    assert_eq!(third.get_size(&key("/large")).await.unwrap(), (6 << 20) + 3);
    assert_eq!(two.query(Query::all()).count().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let value: Vec<u8> = (0..5_000_000_u32).map(|at| (at % 251) as u8).collect();
    let pieces: Vec<_> = value
        .chunks(70_001)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    for durability in Durability::ALL {
        let options = PutOptions::default().with_durability(durability);
        store
            .put_stream_opts(&key("/v"), stream::iter(pieces.clone()).boxed(), options)
            .await
            .unwrap();
        let read = store
            .get_stream_opts(&key("/v"), GetOptions::default())
            .await
            .unwrap();
        assert_eq!(read.entry.size, Some(value.len() as u64));
        store.put(&key("/v"), "another").await.unwrap();
        let body: Vec<Bytes> = read.body.try_collect().await.unwrap();
        assert!(body.iter().all(|piece| piece.len() <= 1 << 20));
        assert!(
            body.concat() == value,
            "the value that was opened is the one that is read"
        );
    }
    store.put(&key("/v"), value.clone()).await.unwrap();
    for (range, expected) in [
        (ByteRange::Bounded(10, 20), 10..20),
        (ByteRange::From(4_999_990), 4_999_990..5_000_000),
        (ByteRange::Last(7), 4_999_993..5_000_000),
        (
            ByteRange::Bounded(4_999_999, u64::MAX),
            4_999_999..5_000_000,
        ),
        (ByteRange::Bounded(5, 5), 5..5),
    ] {
        let entry = store
            .get_opts(&key("/v"), GetOptions::range(range))
            .await
            .unwrap();
        assert_eq!(entry.into_value(), value[expected], "{range:?}");
    }
    let error = store
        .get_opts(&key("/v"), GetOptions::range(ByteRange::From(5_000_001)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let failing = stream::iter(vec![
        Ok(Bytes::from(vec![0; 2 << 20])),
        Err(interface_datastore::Error::new(
            ErrorKind::Failed,
            interface_datastore::Operation::Put,
        )),
    ]);
    store
        .put_stream_opts(&key("/v"), failing.boxed(), PutOptions::default())
        .await
        .unwrap_err();
    assert!(
        store.get(&key("/v")).await.unwrap() == value,
        "an error of the source leaves the old value"
    );
    assert_eq!(findings(&store, Maintenance::Check).await, []);
}

/// A batch that fails in part says exactly which part.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_reports_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    std::fs::create_dir(folder.path().join("blocked.data")).unwrap();
    std::fs::write(folder.path().join("blocked.data/foreign"), "x").unwrap();
    for durability in Durability::ALL {
        let mut batch = Batch::new();
        batch
            .put(key("/one"), "1")
            .put(key("/blocked"), "2")
            .delete(key("/three"));
        let options = WriteOptions::default().with_durability(durability);
        let error = store.write_opts(batch, options).await.unwrap_err();
        let report = error.report().unwrap();
        assert_eq!(report.applied, [key("/one"), key("/three")], "{error}");
        assert_eq!(report.failed, [key("/blocked")]);
        assert!(
            error.remedy().is_some() && error.path().is_some(),
            "{error}"
        );
    }
    for error in [
        store.put(&key("/blocked"), "x").await.unwrap_err(),
        store
            .put_opts(&key("/blocked"), "x".into(), PutOptions::if_absent())
            .await
            .unwrap_err(),
    ] {
        assert!(
            error.kind() == ErrorKind::Failed && error.to_string().contains("a folder is where"),
            "{error}"
        );
    }
    assert!(!store.has(&key("/blocked")).await.unwrap());
    store.delete(&key("/blocked")).await.unwrap();
    assert!(folder.path().join("blocked.data/foreign").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_finds_and_clears() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.put(&key("/k"), "v").await.unwrap();
    store.put(&key("/con"), "newer").await.unwrap();
    std::fs::write(folder.path().join("con.data"), "older").unwrap();
    std::fs::write(folder.path().join(".datastore/tmp/dead.7"), "x").unwrap();
    std::fs::create_dir_all(folder.path().join("empty/inner")).unwrap();
    std::fs::write(folder.path().join("foreign"), "x").unwrap();
    let codes = [
        "empty-folder",
        "foreign-file",
        "hidden-value",
        "stale-temporary-file",
    ];
    let check = findings(&store, Maintenance::Check).await;
    assert_eq!(check, codes.map(|code| (code.to_owned(), Action::None)));
    let gc = findings(&store, Maintenance::Gc).await;
    let acted = |code: &str| {
        if code == "foreign-file" {
            Action::None
        } else {
            Action::Removed
        }
    };
    assert_eq!(gc, codes.map(|code| (code.to_owned(), acted(code))));
    let left: Vec<_> = plain_tree(folder.path()).into_keys().collect();
    assert_eq!(left, [Path::new("foreign"), Path::new("k.data")]);
    assert_eq!(store.get(&key("/con")).await.unwrap(), "newer");
    let error = store
        .maintain(Maintenance::Scrub)
        .try_collect::<Vec<_>>()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_and_closing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let events = store
        .watch_opts(&key("/w"), WatchOptions::default().with_capacity(3_usize))
        .await
        .unwrap();
    let written = store.put(&key("/w/a"), "v").await.unwrap();
    store.put(&key("/other"), "v").await.unwrap();
    let power = PutOptions::default().with_durability(Durability::Power);
    let second = store
        .put_opts(&key("/w/b"), "v".into(), power)
        .await
        .unwrap();
    store.delete(&key("/w/a")).await.unwrap();
    store.delete(&key("/w/a")).await.unwrap();
    store
        .put_many((0..5).map(|at| (key(&format!("/w/{at}")), Bytes::new())))
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert_eq!(
        events,
        [
            WatchEvent::Put {
                key: key("/w/a"),
                version: written.version
            },
            WatchEvent::Put {
                key: key("/w/b"),
                version: second.version
            },
            WatchEvent::Delete { key: key("/w/a") },
            WatchEvent::Lagged(5),
        ]
    );
    let error = store.get(&key("/w/b")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    assert_eq!(
        store.put(&key("/w/b"), "v").await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(
        store
            .query(Query::all())
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Closed
    );
    assert_eq!(
        tree(&folder.path().join(".datastore/tmp")).len(),
        0,
        "the lock is let go"
    );
}

/// Without a runtime all calls run where they are polled.
#[test]
fn works_without_a_runtime() {
    let folder = tempfile::tempdir().unwrap();
    pollster::block_on(async {
        let store = open(folder.path()).await;
        for durability in Durability::ALL {
            let options = PutOptions::default().with_durability(durability);
            store
                .put_opts(&key("/a/b"), durability.to_string().into(), options)
                .await
                .unwrap();
            assert_eq!(
                store.get(&key("/a/b")).await.unwrap(),
                durability.to_string()
            );
        }
        store.close().await.unwrap();
    });
}
