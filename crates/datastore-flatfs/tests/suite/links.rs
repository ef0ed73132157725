//! Symbolic links, planted where the store has its folders and files: nothing is read or written through them, but for
//! shard folders where that is asked for.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions};
use futures::TryStreamExt;
use interface_datastore::{
    Batch, Datastore, DatastoreExt, Durability, ErrorKind, Key, Maintenance, Query, Result,
    WriteOptions,
};

use crate::common::tree::tree;
use crate::common::{finish, open_with};

/// A store's directory beside a folder that must not be touched.
struct Scene {
    folder: tempfile::TempDir,
}

const SECRET: &[u8] = b"not for the store";

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        for name in ["QUUX.data", "temp-1", "file", "SHARDING", "diskUsage.cache"] {
            fs::write(outside.join(name), SECRET).unwrap();
        }
        let scene = Self { folder };
        let store = open_with(&scene.dir(), FlatfsOptions::new()).await;
        store.put(&Key::new("/QUUX"), "ours").await.unwrap();
        store.put(&Key::new("/QAAX"), "ours, too").await.unwrap();
        finish(store).await;
        scene
    }

    fn dir(&self) -> std::path::PathBuf {
        self.folder.path().join("ds")
    }

    fn outside(&self) -> std::path::PathBuf {
        self.folder.path().join("outside")
    }

    /// Replaces what lies at a path of the store with a link.
    fn plant(&self, path: &str, target: &Path) {
        let path = self.dir().join(path);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path).unwrap(),
            Ok(_) => fs::remove_file(&path).unwrap(),
            Err(_) => {}
        }
        symlink(target, path).unwrap();
    }
}

/// Everything that a store can do with one key and with all. What fails must say where.
async fn everything(store: &FlatfsDatastore, key: &Key) -> Vec<(&'static str, Result<Vec<u8>>)> {
    let batch = || {
        let mut batch = Batch::new();
        batch.put(key.clone(), "batched");
        batch.put(Key::new("/OTHERX"), "batched");
        batch
    };
    let power = WriteOptions::default().with_durability(Durability::Power);
    let upkeep = |task| store.maintain(task).try_collect::<Vec<_>>();
    let none = |_: Vec<_>| Vec::new();
    vec![
        ("get", store.get(key).await.map(Into::into)),
        ("has", store.has(key).await.map(|_| Vec::new())),
        ("get_size", store.get_size(key).await.map(|_| Vec::new())),
        ("query", values(store).await),
        ("put", store.put(key, "mine").await.map(|_| Vec::new())),
        ("get what was put", store.get(key).await.map(Into::into)),
        ("batch", store.write(batch()).await.map(|_| Vec::new())),
        (
            "durable batch",
            store.write_opts(batch(), power).await.map(|_| Vec::new()),
        ),
        ("get what was batched", store.get(key).await.map(Into::into)),
        ("delete", store.delete(key).await.map(|()| Vec::new())),
        ("sync", store.sync(&Key::root()).await.map(|_| Vec::new())),
        ("disk usage", store.disk_usage().await.map(|_| Vec::new())),
        ("check", upkeep(Maintenance::Check).await.map(none)),
        ("gc", upkeep(Maintenance::Gc).await.map(none)),
        ("repair", upkeep(Maintenance::Repair).await.map(none)),
        ("close", store.close().await.map(|()| Vec::new())),
    ]
}

async fn values(store: &FlatfsDatastore) -> Result<Vec<u8>> {
    let entries: Vec<_> = store.query(Query::all()).try_collect().await?;
    Ok(entries
        .into_iter()
        .flat_map(interface_datastore::Entry::into_value)
        .collect())
}

/// What is planted where, and where to.
const PLANTED: &[(&str, &str)] = &[
    ("UU", "outside"),
    ("UU", "ds/AA"),
    ("UU", "nowhere"),
    ("UU", "ds/UU"),
    ("UU/QUUX.data", "outside/QUUX.data"),
    ("UU/QUUX.data", "ds/AA/QAAX.data"),
    ("UU/QUUX.data", "outside"),
    ("UU/QUUX.data", "nowhere"),
    (".temp", "outside"),
    (".temp", "nowhere"),
    (".temp", "ds/UU"),
    ("SHARDING", "outside/SHARDING"),
    ("SHARDING", "nowhere"),
    ("diskUsage.cache", "outside/diskUsage.cache"),
    ("diskUsage.cache", "nowhere"),
    ("_README", "outside/file"),
    (".flatfs-lock", "outside/file"),
    (".flatfs-lock", "nowhere"),
    (".flatfs-open", "outside/file"),
    (".flatfs-open", "nowhere"),
    ("ZZ", "outside"),
];

async fn check_planted(path: &str, target: &str, options: &FlatfsOptions, open_before: bool) {
    let scene = Scene::new().await;
    let place = format!("{path} -> {target}, open before: {open_before}, {options:?}");
    let target = scene.folder.path().join(target);
    let before = tree(&scene.outside());
    let plant = || scene.plant(path, &target);
    let opened = if open_before {
        let opened = FlatfsDatastore::open(scene.dir(), options.clone()).await;
        plant();
        opened
    } else {
        plant();
        FlatfsDatastore::open(scene.dir(), options.clone()).await
    };
    let mut outcomes = match opened {
        Ok(store) => everything(&store, &Key::new("/QUUX")).await,
        Err(error) => vec![("open", Err(error))],
    };
    // Another key, whose place is as it should be: it is not taken along.
    for (what, outcome) in &mut outcomes {
        match outcome {
            Ok(value) => {
                let leaked = value.windows(SECRET.len()).any(|part| part == SECRET);
                assert!(!leaked, "{place}: {what} gives what lies outside");
            }
            Err(error) => {
                let kinds = [ErrorKind::NotFound, ErrorKind::SyncFailed];
                let named = error.path().is_some() || kinds.contains(&error.kind());
                assert!(named, "{place}: {what}: {error} names no path");
            }
        }
    }
    assert_eq!(
        tree(&scene.outside()),
        before,
        "{place}: something outside changed"
    );
    let nowhere = scene.folder.path().join("nowhere");
    assert!(
        fs::symlink_metadata(nowhere).is_err(),
        "{place}: written through the link"
    );
    let neighbour = fs::read(scene.dir().join("AA/QAAX.data")).unwrap();
    assert_eq!(
        neighbour, b"ours, too",
        "{place}: another key's value changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_links_lead_nowhere() {
    for (path, target) in PLANTED {
        for blocking in [Blocking::Never, Blocking::Inline] {
            for open_before in [false, true] {
                let options = FlatfsOptions::new().with_blocking(blocking);
                check_planted(path, target, &options, open_before).await;
            }
        }
        let read_only = FlatfsOptions::new().with_read_only(true);
        check_planted(path, target, &read_only, false).await;
    }
}

/// Even where links to shard folders are followed, no other link is.
#[tokio::test(flavor = "multi_thread")]
async fn only_shard_folders_are_followed() {
    let follow = FlatfsOptions::new().with_follow_shard_links(true);
    for (path, target) in PLANTED {
        // These are what is asked for.
        if ["UU", "ZZ"].contains(path) {
            continue;
        }
        check_planted(path, target, &follow, false).await;
    }
}

/// A shard on another disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_elsewhere() {
    let key = Key::new("/QUUX");
    for blocking in [Blocking::Never, Blocking::Inline] {
        for durability in [Durability::Process, Durability::Ordered, Durability::Power] {
            let scene = Scene::new().await;
            let elsewhere = scene.folder.path().join("elsewhere");
            fs::rename(scene.dir().join("UU"), &elsewhere).unwrap();
            scene.plant("UU", &elsewhere);
            let options = FlatfsOptions::new()
                .with_blocking(blocking)
                .with_durability(durability);

            // By default it is an error that says what to do.
            let store = open_with(&scene.dir(), options.clone()).await;
            let error = store.get(&key).await.unwrap_err();
            assert_eq!(error.path(), Some(&*scene.dir().join("UU")), "{error}");
            assert!(
                error
                    .remedy()
                    .is_some_and(|text| text.contains("follow_shard_links")),
                "{error}"
            );
            finish(store).await;

            let store = open_with(&scene.dir(), options.with_follow_shard_links(true)).await;
            assert_eq!(store.get(&key).await.unwrap(), "ours");
            assert!(store.has(&key).await.unwrap());
            let listed: Vec<Key> = store.query_keys(Query::all()).try_collect().await.unwrap();
            assert_eq!(listed.len(), 2, "{listed:?}");
            store.put(&key, "there").await.unwrap();
            assert_eq!(fs::read(elsewhere.join("QUUX.data")).unwrap(), b"there");
            let mut batch = Batch::new();
            batch
                .put(key.clone(), "batched")
                .put(Key::new("/QAUUX"), "batched");
            store.write(batch).await.unwrap();
            assert_eq!(store.get(&key).await.unwrap(), "batched");
            assert_eq!(fs::read(elsewhere.join("QAUUX.data")).unwrap(), b"batched");
            store.sync(&Key::root()).await.unwrap();
            store.delete(&key).await.unwrap();
            assert!(!elsewhere.join("QUUX.data").exists());
            assert!(
                fs::symlink_metadata(scene.dir().join("UU"))
                    .unwrap()
                    .is_symlink()
            );
            let findings: Vec<_> = store.maintain(Maintenance::Gc).try_collect().await.unwrap();
            assert!(
                fs::symlink_metadata(scene.dir().join("UU")).is_ok(),
                "{findings:?}"
            );
            finish(store).await;
        }
    }
}
