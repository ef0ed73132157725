//! Disks that are full, read-only, out of handles or broken: what is told, and that nothing is lost.

use std::path::Path;
use std::sync::Arc;

use datastore_files::Fs;
use datastore_files::sim::{
    Errno, FailAll, FailNth, Fault, FaultyFs, FsOp, NoFaults, OpKind, PowerLossFs,
};
use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions};
use futures::TryStreamExt;
use interface_datastore::{
    Batch, Datastore, DatastoreExt, Durability, ErrorKind, Key, Maintenance, MaintenanceEvent,
    Query, WriteOptions,
};

const ROOT: &str = "/store";

fn on(fs: &FaultyFs) -> FlatfsOptions {
    FlatfsOptions::new()
        .with_blocking(Blocking::Inline)
        .with_fs(Arc::new(fs.clone()))
}

async fn store(fs: &FaultyFs) -> FlatfsDatastore {
    let store = FlatfsDatastore::open(ROOT, on(fs)).await.unwrap();
    crate::common::counted(&store).await;
    store
}

fn disk() -> FaultyFs {
    FaultyFs::new(Arc::new(PowerLossFs::new()), NoFaults)
}

/// A call that fails for good, and the error of a put that needs it.
const PUTS: &[(OpKind, Errno, ErrorKind)] = &[
    (OpKind::Write, Errno::NoSpace, ErrorKind::NoSpace),
    (OpKind::Write, Errno::Quota, ErrorKind::NoSpace),
    (OpKind::CreateFile, Errno::NoSpace, ErrorKind::NoSpace),
    (OpKind::CreateDir, Errno::NoSpace, ErrorKind::NoSpace),
    (OpKind::Rename, Errno::NoSpace, ErrorKind::NoSpace),
    (
        OpKind::CreateFile,
        Errno::TooManyFiles,
        ErrorKind::Unavailable,
    ),
    (OpKind::CreateFile, Errno::ReadOnly, ErrorKind::ReadOnly),
    (
        OpKind::CreateFile,
        Errno::AccessDenied,
        ErrorKind::PermissionDenied,
    ),
    (
        OpKind::CreateDir,
        Errno::AccessDenied,
        ErrorKind::PermissionDenied,
    ),
    (OpKind::Rename, Errno::Io, ErrorKind::Failed),
];

#[tokio::test]
async fn writes_tell_cause_and_remedy() {
    for (call, errno, kind) in PUTS {
        let fs = disk();
        let store = store(&fs).await;
        let key = Key::new("/NEWUUX");
        fs.set_hook(FailAll::new(&[*call], Fault::Fail(*errno)));
        let single = store.put(&key, "v").await.map(drop);
        let mut batch = Batch::new();
        batch.put(key.clone(), "v");
        let batched = store.write(batch).await.map(drop);
        fs.set_hook(NoFaults);
        for (what, outcome) in [("put", single), ("batch", batched)] {
            let error = outcome.unwrap_err();
            let place = format!("{what}, {call:?} {errno:?}: {error}");
            assert_eq!(error.kind(), *kind, "{place}");
            assert!(
                error.path().is_some_and(|path| path.starts_with(ROOT)),
                "{place}"
            );
            assert_eq!(error.remedy().is_some(), *errno != Errno::Io, "{place}");
            assert_eq!(error.key(), Some(&key), "{place}");
        }
        assert!(!store.has(&key).await.unwrap(), "{call:?} {errno:?}");
        store.put(&key, "after").await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), "after");
        let events: Vec<_> = store
            .maintain(Maintenance::Check)
            .try_collect()
            .await
            .unwrap();
        let found = events
            .iter()
            .find(|event| matches!(event, MaintenanceEvent::Finding(_)));
        assert!(found.is_none(), "{call:?} {errno:?} left {found:?}");
    }
}

/// Opening a store where nothing may be written says that reading is possible; reading is.
#[tokio::test]
async fn directories_that_cannot_be_written() {
    for (errno, kind) in [
        (Errno::ReadOnly, ErrorKind::ReadOnly),
        (Errno::AccessDenied, ErrorKind::PermissionDenied),
    ] {
        let fs = disk();
        let store = store(&fs).await;
        store.put(&Key::new("/KEY"), "v").await.unwrap();
        store.close().await.unwrap();
        let writes = [
            OpKind::CreateFile,
            OpKind::CreateDir,
            OpKind::Write,
            OpKind::Rename,
            OpKind::RemoveFile,
            OpKind::RemoveDir,
            OpKind::SetModified,
            OpKind::Lock,
        ];
        fs.set_hook(FailAll::new(&writes, Fault::Fail(errno)));
        let error = FlatfsDatastore::open(ROOT, on(&fs)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.path().is_some_and(|path| path.starts_with(ROOT)),
            "{error}"
        );
        assert!(
            error.remedy().is_some_and(|remedy| remedy.contains("read")),
            "{error}"
        );
        let reader = FlatfsDatastore::open(ROOT, on(&fs).with_read_only(true))
            .await
            .unwrap();
        assert_eq!(reader.get(&Key::new("/KEY")).await.unwrap(), "v");
        reader.close().await.unwrap();
    }
}

/// Too few handles for a moment are no reason to fail: section `retry`. Not many are used to begin with.
#[tokio::test]
async fn too_many_open_files_for_a_moment() {
    let fs = disk();
    let store = store(&fs).await;
    let key = Key::new("/KEY");
    for errno in [Errno::TooManyFiles] {
        for call in [OpKind::CreateFile, OpKind::OpenFile] {
            store.put(&key, "v").await.unwrap();
            fs.set_hook(FailNth::new(call, 0, Fault::Fail(errno)));
            let read = store.get(&key).await;
            let written = store.put(&key, "other").await.map(drop);
            fs.set_hook(NoFaults);
            for error in [read.map(drop).err(), written.err()].into_iter().flatten() {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                assert!(error.remedy().is_some(), "{error}");
            }
            assert!(store.has(&key).await.unwrap());
        }
    }
}

/// A failed sync is not forgotten: the kernel would report it once only.
#[tokio::test]
async fn a_failed_sync_stays_failed_until_the_value_is_rewritten() {
    let fs = disk();
    let store = store(&fs).await;
    let (bad, good) = (Key::new("/BADUUX"), Key::new("/GOODVVX"));
    store.put(&bad, "v").await.unwrap();
    store.put(&good, "v").await.unwrap();
    let file = Path::new(ROOT).join("UU/BADUUX.data");
    fs.set_hook(FailNth::new(OpKind::SyncFile, 0, Fault::Fail(Errno::Io)).below(file));
    for attempt in 0..3 {
        let error = store.sync(&Key::root()).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::SyncFailed,
            "attempt {attempt}: {error}"
        );
        assert_eq!(error.key(), Some(&bad), "{error}");
        assert_eq!(store.sync(&good).await.unwrap(), Durability::Power);
    }
    // An equal value is not yet a durable one.
    store.put(&bad, "v").await.unwrap();
    assert_eq!(store.sync(&Key::root()).await.unwrap(), Durability::Power);
}

/// A value that goes while a query runs is left out, and ends nothing.
#[tokio::test]
async fn values_that_vanish() {
    let fs = disk();
    let store = store(&fs).await;
    let mut batch = Batch::new();
    for at in 0..200 {
        batch.put(Key::new(format!("/K{at}X")), "v");
    }
    let options = WriteOptions::default().with_durability(Durability::Process);
    store.write_opts(batch, options).await.unwrap();
    let mut entries = store.query(Query::all());
    let first = entries.try_next().await.unwrap().unwrap();
    for at in 0..200 {
        store.delete(&Key::new(format!("/K{at}X"))).await.unwrap();
    }
    let rest: Vec<_> = entries.try_collect().await.unwrap();
    assert!(
        rest.iter()
            .all(|entry| entry.key != first.key && entry.value.is_some())
    );
}

/// A folder of somebody else that may not be looked into, as a disk's `lost+found`, keeps nothing from being made durable.
#[tokio::test]
async fn a_foreign_folder_that_may_not_be_read() {
    let fs = disk();
    let first = store(&fs).await;
    first.put(&Key::new("/KEY"), "v").await.unwrap();
    first.close().await.unwrap();
    let root = fs.open_root(Path::new(ROOT)).unwrap();
    fs.create_dir(&root, "lost+found".as_ref()).unwrap();
    let foreign = Path::new(ROOT).join("lost+found");
    fs.set_hook(move |op: &FsOp<'_>| match op.path.starts_with(&foreign) {
        true => Fault::Fail(Errno::AccessDenied),
        false => Fault::Pass,
    });
    let second = store(&fs).await;
    let listed: Vec<_> = second.query_keys(Query::all()).try_collect().await.unwrap();
    assert_eq!(listed, [Key::new("/KEY")]);
    for _ in 0..2 {
        assert_eq!(second.sync(&Key::root()).await.unwrap(), Durability::Power);
    }
    second.put(&Key::new("/KEZ"), "v").await.unwrap();
    assert_eq!(second.sync(&Key::root()).await.unwrap(), Durability::Power);
    second.close().await.unwrap();
}

/// One of the store's own is not passed over: nobody can say that what it holds is on the disk.
#[tokio::test]
async fn a_shard_that_may_not_be_read() {
    let fs = disk();
    let first = store(&fs).await;
    first.put(&Key::new("/KEY"), "v").await.unwrap();
    first.close().await.unwrap();
    let shard = Path::new(ROOT).join("KE");
    let second = store(&fs).await;
    fs.set_hook(move |op: &FsOp<'_>| match op.path.starts_with(&shard) {
        true => Fault::Fail(Errno::AccessDenied),
        false => Fault::Pass,
    });
    for _ in 0..2 {
        let error = second.sync(&Key::root()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    }
}
