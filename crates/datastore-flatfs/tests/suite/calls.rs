//! Which calls an operation makes, and in which order: what makes it durable, and what it must not cost.
//!
//! The vectors' section `system_call_order` lists the original's. Ours need not be the same calls; that what a call relies on
//! comes before it must be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datastore_files::sim::{FaultyFs, NoFaults, OpKind, PowerLossFs, RecordedOp, Recorder};
use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions};
use interface_datastore::{Batch, DatastoreExt, Durability, Key, Result};

use crate::common::vectors;

const ROOT: &str = "/store";

/// A store whose calls are written down.
struct Watched {
    fs: FaultyFs,
    store: FlatfsDatastore,
}

async fn watched(durability: Durability) -> Watched {
    let fs = FaultyFs::new(Arc::new(PowerLossFs::new()), NoFaults);
    let options = FlatfsOptions::new()
        .with_blocking(Blocking::Inline)
        .with_durability(durability)
        .with_fs(Arc::new(fs.clone()));
    let store = FlatfsDatastore::open(ROOT, options).await.unwrap();
    crate::common::counted(&store).await;
    Watched { fs, store }
}

impl Watched {
    /// The calls of some work, without those that open and ask, which change nothing, and those of the thread that writes the
    /// disk usage down now and then.
    async fn calls<T>(&self, work: impl Future<Output = Result<T>>) -> Vec<RecordedOp> {
        let recorder = Arc::new(Recorder::new(NoFaults));
        self.fs.set_hook(Arc::clone(&recorder));
        work.await.unwrap();
        while is_under_way(&recorder.trace()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.fs.set_hook(NoFaults);
        let mut calls = recorder.trace();
        let usage = |call: &RecordedOp| call.to.as_deref() == Some(&at("diskUsage.cache"));
        let renames = calls.iter().filter(|call| usage(call));
        let temps: BTreeSet<PathBuf> = renames.map(|call| call.path.clone()).collect();
        calls.retain(|call| !temps.contains(&call.path));
        calls
    }
}

/// Whether a temporary file was made or written whose fate is not known yet; it may have been made before the trace began.
fn is_under_way(calls: &[RecordedOp]) -> bool {
    let ended = |path: &Path| {
        let ends = |call: &RecordedOp| matches!(call.kind, OpKind::Rename | OpKind::RemoveFile);
        calls.iter().any(|call| ends(call) && call.path == path)
    };
    let written = |call: &&RecordedOp| {
        use OpKind::{CreateFile, SetModified, Write};
        matches!(call.kind, CreateFile | Write | SetModified)
    };
    calls.iter().filter(written).any(|call| !ended(&call.path))
}

fn at(path: &str) -> PathBuf {
    Path::new(ROOT).join(path)
}

/// Places of calls of a kind on a path, or to it.
fn places(calls: &[RecordedOp], kind: OpKind, path: &Path) -> Vec<usize> {
    let on = |call: &RecordedOp| {
        call.kind == kind && (call.path == path || call.to.as_deref() == Some(path))
    };
    let found = calls.iter().enumerate().filter(|(_, call)| on(call));
    found.map(|(place, _)| place).collect()
}

fn last(calls: &[RecordedOp], kind: OpKind, path: &Path) -> usize {
    let found = places(calls, kind, path).pop();
    found.unwrap_or_else(|| panic!("no {kind:?} of {}: {calls:#?}", path.display()))
}

fn count(calls: &[RecordedOp], kind: OpKind) -> usize {
    calls.iter().filter(|call| call.kind == kind).count()
}

/// The temporary file that a rename brought to its place was synced before.
fn synced_before_rename(calls: &[RecordedOp], to: &Path) {
    synced_before(calls, to, last(calls, OpKind::Rename, to));
}

/// What a rename brings to its place was written and then synced before a call.
fn synced_before(calls: &[RecordedOp], to: &Path, before: usize) {
    let from = &calls[last(calls, OpKind::Rename, to)].path;
    assert!(
        from.starts_with(at(".temp")),
        "{} lies elsewhere",
        from.display()
    );
    let written = last(calls, OpKind::Write, from);
    let syncs = |call: &RecordedOp| match call.kind {
        OpKind::SyncFile => call.path == *from,
        OpKind::SyncFileSystem => true,
        _ => false,
    };
    assert!(calls[written..before].iter().any(syncs), "{calls:#?}");
}

#[tokio::test]
async fn puts() {
    let (key, path) = (Key::new("/QUUX"), at("UU/QUUX.data"));
    let watched = watched(Durability::Power).await;
    // put_sync_new_shard
    let calls = watched.calls(watched.store.put(&key, "value")).await;
    synced_before_rename(&calls, &path);
    let rename = last(&calls, OpKind::Rename, &path);
    assert!(last(&calls, OpKind::CreateDir, &at("UU")) < rename);
    assert!(last(&calls, OpKind::SyncDir, &at("UU")) > rename);
    assert!(
        !places(&calls, OpKind::SyncDir, Path::new(ROOT)).is_empty(),
        "{calls:#?}"
    );
    // put_sync_known_shard
    let calls = watched
        .calls(watched.store.put(&Key::new("/QVUUX"), "value"))
        .await;
    synced_before_rename(&calls, &at("UU/QVUUX.data"));
    assert!(
        last(&calls, OpKind::SyncDir, &at("UU"))
            > last(&calls, OpKind::Rename, &at("UU/QVUUX.data"))
    );
    assert_eq!(
        count(&calls, OpKind::CreateDir),
        0,
        "a known folder is not made again"
    );
    assert!(
        places(&calls, OpKind::SyncDir, Path::new(ROOT)).is_empty(),
        "{calls:#?}"
    );
    // An equal value that is durable already is found to be so: nothing is written.
    let calls = watched.calls(watched.store.put(&key, "value")).await;
    for kind in [OpKind::CreateFile, OpKind::Write, OpKind::Rename] {
        assert_eq!(
            count(&calls, kind),
            0,
            "{kind:?} for an equal value: {calls:#?}"
        );
    }
}

#[tokio::test]
async fn puts_without_sync() {
    let watched = watched(Durability::Process).await;
    watched
        .store
        .put(&Key::new("/QUUX"), "value")
        .await
        .unwrap();
    // put_nosync
    let calls = watched
        .calls(watched.store.put(&Key::new("/QVUUX"), "value"))
        .await;
    assert_eq!(
        count(&calls, OpKind::SyncFile) + count(&calls, OpKind::SyncDir),
        0,
        "{calls:#?}"
    );
    assert_eq!(count(&calls, OpKind::CreateDir), 0);
    assert_eq!(count(&calls, OpKind::Write), 1);
    assert_eq!(count(&calls, OpKind::Rename), 1);
    // What is there already costs no write, and, when it is to be durable, one sync.
    let calls = watched
        .calls(watched.store.put(&Key::new("/QVUUX"), "value"))
        .await;
    assert_eq!(
        count(&calls, OpKind::Write) + count(&calls, OpKind::Rename),
        0,
        "{calls:#?}"
    );
}

#[tokio::test]
async fn reads_and_deletes() {
    let watched = watched(Durability::Process).await;
    let key = Key::new("/QUUX");
    watched.store.put(&key, "value").await.unwrap();
    // has, get_size: nothing is opened.
    for calls in [
        watched.calls(watched.store.has(&key)).await,
        watched.calls(watched.store.get_size(&key)).await,
    ] {
        assert_eq!(
            count(&calls, OpKind::OpenFile) + count(&calls, OpKind::Read),
            0,
            "{calls:#?}"
        );
        let asked = places(&calls, OpKind::Metadata, &at("UU/QUUX.data")).len();
        assert_eq!(asked, 1, "{calls:#?}");
    }
    // get
    let calls = watched.calls(watched.store.get(&key)).await;
    assert_eq!(count(&calls, OpKind::OpenFile), 1, "{calls:#?}");
    assert_eq!(count(&calls, OpKind::Metadata), 0, "{calls:#?}");
    // delete: the original never syncs it; one that is to be durable is, here.
    let calls = watched.calls(watched.store.delete(&key)).await;
    assert_eq!(count(&calls, OpKind::RemoveFile), 1, "{calls:#?}");
    assert_eq!(count(&calls, OpKind::SyncDir), 0, "{calls:#?}");
    assert_eq!(
        count(&calls, OpKind::RemoveDir),
        0,
        "shard folders stay: {calls:#?}"
    );
}

#[tokio::test]
async fn durable_deletes() {
    let watched = watched(Durability::Power).await;
    let key = Key::new("/QUUX");
    watched.store.put(&key, "value").await.unwrap();
    let calls = watched.calls(watched.store.delete(&key)).await;
    let removed = last(&calls, OpKind::RemoveFile, &at("UU/QUUX.data"));
    assert!(
        last(&calls, OpKind::SyncDir, &at("UU")) > removed,
        "{calls:#?}"
    );
}

/// batch_put_sync, batch_commit_sync: all data before any rename, each touched folder once, the root for new folders.
#[tokio::test]
async fn durable_batches() {
    let watched = watched(Durability::Power).await;
    let mut batch = Batch::new();
    for at in 0..8 {
        batch.put(Key::new(format!("/K{at}QUUX")), vec![7; 3000]);
        batch.put(Key::new(format!("/K{at}QVVX")), vec![7; 3000]);
    }
    watched.store.put(&Key::new("/GONEUUX"), "v").await.unwrap();
    batch.delete(Key::new("/GONEUUX"));
    let calls = watched.calls(watched.store.write(batch)).await;
    let renamed: BTreeSet<&PathBuf> = calls.iter().filter_map(|call| call.to.as_ref()).collect();
    let values = renamed
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "data"));
    assert_eq!(values.clone().count(), 16, "{renamed:?}");
    let first_rename = values
        .clone()
        .map(|path| places(&calls, OpKind::Rename, path)[0])
        .min();
    for path in values {
        synced_before(&calls, path, first_rename.unwrap());
    }
    for shard in ["UU", "VV"] {
        assert_eq!(
            places(&calls, OpKind::SyncDir, &at(shard)).len(),
            1,
            "{calls:#?}"
        );
    }
    let removed = last(&calls, OpKind::RemoveFile, &at("UU/GONEUUX.data"));
    assert!(last(&calls, OpKind::SyncDir, &at("UU")) > removed);
    assert!(!places(&calls, OpKind::SyncDir, Path::new(ROOT)).is_empty());
}

/// open_no_cache, close: temporary things are swept, the number of bytes is kept.
#[tokio::test]
async fn opening_and_closing() {
    let fs = FaultyFs::new(Arc::new(PowerLossFs::new()), NoFaults);
    let recorder = Arc::new(Recorder::new(NoFaults));
    fs.set_hook(Arc::clone(&recorder));
    let options = FlatfsOptions::new().with_blocking(Blocking::Inline);
    let options = options.with_fs(Arc::new(fs.clone()));
    let store = FlatfsDatastore::open(ROOT, options).await.unwrap();
    store.close().await.unwrap();
    let calls = recorder.trace();
    synced_before_rename(&calls, &at("SHARDING"));
    let cache = last(&calls, OpKind::Rename, &at("diskUsage.cache"));
    assert!(
        calls[cache].path.starts_with(at(".temp")),
        "{:?}",
        calls[cache]
    );
}

/// The tests above name what they stand for; a section with more is not covered by them.
#[test]
fn every_order_is_looked_at() {
    let orders = vectors("flatfs.json")["system_call_order"].clone();
    let found: BTreeSet<&str> = orders
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let known = [
        "batch_commit_sync",
        "batch_put_sync",
        "close",
        "delete",
        "get",
        "get_size",
        "has",
        "how",
        "note",
        "open_no_cache",
        "put_nosync",
        "put_sync_known_shard",
        "put_sync_new_shard",
    ];
    assert_eq!(found, BTreeSet::from(known));
}

/// After puts of new values in a row, one more: what it costs in files opened to look, made, and named, and what then is there.
#[tokio::test]
async fn puts_after_new_ones() {
    let table = [
        ("a new key", "/KEY12", "new", 0, 1, 1),
        ("an equal value", "/KEY5", "value 5", 1, 1, 0),
        ("another value", "/KEY5", "another", 1, 2, 1),
        ("an empty value", "/KEY5", "", 1, 2, 1),
    ];
    for (what, key, value, looks, made, named) in table {
        let watched = watched(Durability::Process).await;
        let Watched { fs, store } = &watched;
        for i in 0..12 {
            let key = Key::new(format!("/KEY{i}"));
            store.put(&key, format!("value {i}")).await.unwrap();
        }
        let folders = store.usage().0 - stored(store).await;
        fs.reset_counts();
        let calls = watched.calls(store.put(&Key::new(key), value)).await;
        assert_eq!(fs.counts().get(OpKind::OpenFile), looks, "{what}");
        assert_eq!(count(&calls, OpKind::CreateFile), made, "{what}");
        let removed = count(&calls, OpKind::RemoveFile);
        assert_eq!(made - removed, named, "{what}: {calls:#?}");
        assert_eq!(store.get(&Key::new(key)).await.unwrap(), value, "{what}");
        assert_eq!(store.usage().0, folders + stored(store).await, "{what}");
        // A value that was not new makes the next put look first.
        let calls = watched
            .calls(store.put(&Key::new("/KEY5"), "value 5"))
            .await;
        let again = count(&calls, OpKind::CreateFile);
        assert_eq!(
            again,
            usize::from(what != "an equal value"),
            "{what}, again"
        );
    }
}

/// The bytes of all values.
async fn stored(store: &FlatfsDatastore) -> u64 {
    let mut bytes = 0;
    for i in 0..=12 {
        let size = store.get_size(&Key::new(format!("/KEY{i}"))).await;
        bytes += size.unwrap_or(0);
    }
    bytes
}
