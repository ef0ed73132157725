//! What writes withstand: the end of the process, a power cut at any moment, and a disk that fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use datastore_files::Fs;
use datastore_files::sim::{Errno, FailNth, Fault, FaultyFs, NoFaults, OpKind, PowerLossFs};
use datastore_fs::{Blocking, FsDatastore, FsOptions};
use futures::TryStreamExt;
use interface_datastore::{
    Batch, DatastoreExt, DeleteOptions, Durability, ErrorKind, Key, PutOptions, Query, WriteOptions,
};

const ROOT: &str = "/store";

async fn open_on(fs: impl Fs) -> interface_datastore::Result<FsDatastore> {
    // Inline, so that the order of calls is that of the script.
    let options = FsOptions::new().with_blocking(Blocking::Inline);
    FsDatastore::open(ROOT, options.with_fs(Arc::new(fs))).await
}

async fn contents(store: &FsDatastore) -> BTreeMap<String, Vec<u8>> {
    let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.key.to_string(), entry.into_value().to_vec()))
        .collect()
}

/// One step of a script: a value, or none to delete.
#[derive(Debug, Clone, Copy)]
struct Write {
    key: &'static str,
    value: Option<&'static str>,
    durability: Durability,
}

const fn put(key: &'static str, value: &'static str, durability: Durability) -> Write {
    Write {
        key,
        value: Some(value),
        durability,
    }
}

const fn delete(key: &'static str, durability: Durability) -> Write {
    Write {
        key,
        value: None,
        durability,
    }
}

use Durability::{Ordered, Power, Process};

/// Plain and encoded keys, new folders, overwriting, emptied folders; each at several durabilities.
const SCRIPT: &[Write] = &[
    put("/a/b/c", "first", Process),
    put("/a/b/c", "second, which is longer", Power),
    put("/x/y", "ordered", Ordered),
    put("/x/y", "ordered, again", Ordered),
    put("/..", "encoded", Power),
    put("/a/b/d", "neighbour", Process),
    delete("/a/b/c", Power),
    put("/a/b/c", "third", Ordered),
    delete("/a/b/d", Process),
    put("/new/folder/k", "durable with its folders", Power),
    delete("/new/folder/k", Power),
    put("/new/folder/k", "back", Power),
];

async fn apply(store: &FsDatastore, write: &Write) -> interface_datastore::Result<()> {
    let key = Key::new(write.key);
    match write.value {
        Some(value) => {
            let options = PutOptions::default().with_durability(write.durability);
            interface_datastore::Datastore::put_opts(store, &key, value.into(), options)
                .await
                .map(drop)
        }
        None => {
            let options = DeleteOptions::default().with_durability(write.durability);
            interface_datastore::Datastore::delete_opts(store, &key, options).await
        }
    }
}

/// The states that a key may be in after a cut: since its last acknowledged write at `Power` any that was begun, where those
/// at `Process` may also leave an incomplete value.
fn allowed(key: &str, acknowledged: usize, begun: usize) -> (BTreeSet<Option<&'static str>>, bool) {
    let of_key = |writes: &'static [Write]| writes.iter().filter(move |write| write.key == key);
    let last_durable = SCRIPT[..acknowledged]
        .iter()
        .rposition(|write| write.key == key && write.durability == Power);
    let since = last_durable.unwrap_or(0);
    let mut states: BTreeSet<_> = of_key(&SCRIPT[since..begun])
        .map(|write| write.value)
        .collect();
    if last_durable.is_none() {
        states.insert(None);
    }
    let torn = of_key(&SCRIPT[since..begun])
        .any(|write| write.durability == Process && write.value.is_some());
    (states, torn)
}

async fn check_state(fs: PowerLossFs, acknowledged: usize, begun: usize, place: &str) {
    // A folder whose creation was not complete yet is made again.
    let store = open_on(fs)
        .await
        .unwrap_or_else(|error| panic!("{place}: {error}"));
    let found = contents(&store).await;
    let keys: BTreeSet<&str> = SCRIPT.iter().map(|write| write.key).collect();
    for name in found.keys() {
        assert!(
            keys.contains(name.as_str()),
            "{place}: a key out of nowhere: {name}"
        );
    }
    for key in keys {
        let value = found
            .get(key)
            .map(|value| String::from_utf8_lossy(value).into_owned());
        let (states, torn) = allowed(key, acknowledged, begun);
        let listed = states.iter().any(|state| *state == value.as_deref());
        assert!(
            listed || torn && value.is_some(),
            "{place}: {key} is {value:?}, not one of {states:?}"
        );
        let got = store.try_get(&Key::new(key)).await.unwrap();
        assert_eq!(
            got.map(|bytes| bytes.to_vec()),
            found.get(key).cloned(),
            "{place}: {key}"
        );
    }
    store.put(&Key::new("/afterwards"), "works").await.unwrap();
}

#[tokio::test]
async fn power_cuts_at_every_moment() {
    let states = if std::env::var("RS_STORES_RUNS").as_deref() == Ok("full") {
        60
    } else {
        6
    };
    let fs = PowerLossFs::new();
    let store = open_on(fs.clone()).await.unwrap();
    let mut acknowledged_at = vec![fs.history_len()];
    for write in SCRIPT {
        apply(&store, write).await.unwrap();
        acknowledged_at.push(fs.history_len());
    }
    let mut checked = 0;
    for cut in acknowledged_at[0]..=fs.history_len() {
        let acknowledged = acknowledged_at.iter().rposition(|at| *at <= cut).unwrap();
        let begun = SCRIPT
            .len()
            .min(acknowledged + usize::from(acknowledged_at[acknowledged] < cut));
        for (at, state) in fs
            .power_cut(cut)
            .states(cut as u64, states)
            .into_iter()
            .enumerate()
        {
            let place = format!("cut {cut}, state {at}, after {acknowledged} writes");
            check_state(state.mount(), acknowledged, begun, &place).await;
            checked += 1;
        }
        // The process alone dies: all that was acknowledged is there.
        let survivor = PowerLossFs::from_image(&fs.power_cut(cut).survivor());
        let found = contents(&open_on(survivor).await.unwrap()).await;
        for key in SCRIPT.iter().map(|write| write.key) {
            let value = |writes: &[Write]| {
                writes
                    .iter()
                    .rfind(|write| write.key == key)
                    .and_then(|write| write.value)
            };
            let found = found
                .get(key)
                .map(|value| std::str::from_utf8(value).unwrap());
            let expected = [value(&SCRIPT[..acknowledged]), value(&SCRIPT[..begun])];
            assert!(
                expected.contains(&found),
                "cut {cut}: {key} is {found:?}, not one of {expected:?}"
            );
        }
    }
    assert!(checked > 100, "only {checked} states");
}

#[tokio::test]
async fn batches_and_sync_are_as_durable_as_they_say() {
    let states = 20;
    let fs = PowerLossFs::new();
    let store = open_on(fs.clone()).await.unwrap();
    let batch = |value: &str| {
        let mut batch = Batch::new();
        for at in 0..4 {
            batch.put(Key::new(format!("/batch/{at}/key")), value.to_owned());
        }
        batch
    };
    let with = |durability: Durability| WriteOptions::default().with_durability(durability);
    interface_datastore::Datastore::write_opts(&store, batch("old"), with(Power))
        .await
        .unwrap();
    interface_datastore::Datastore::write_opts(&store, batch("ordered"), with(Ordered))
        .await
        .unwrap();
    for state in fs.crash_states(1, states) {
        let found = contents(&open_on(state.mount()).await.unwrap()).await;
        assert_eq!(found.len(), 4);
        assert!(
            found
                .values()
                .all(|value| value == b"old" || value == b"ordered"),
            "{found:?}"
        );
    }
    store.put(&Key::new("/one/two"), "three").await.unwrap();
    store.delete(&Key::new("/batch/3/key")).await.unwrap();
    assert_eq!(store.sync(&Key::root()).await.unwrap(), Power);
    for state in fs.crash_states(2, states) {
        let found = contents(&open_on(state.mount()).await.unwrap()).await;
        assert_eq!(found, contents(&store).await);
    }
}

/// Every call to the disk fails once in every way: the write either reports it and changes nothing, or has succeeded; and the
/// store goes on.
#[tokio::test]
async fn faults_at_every_call() {
    let key = Key::new("/a/b");
    for durability in [Process, Ordered, Power] {
        let write = |value: &'static str| Write {
            key: "/a/b",
            value: Some(value),
            durability,
        };
        let fs = FaultyFs::new(Arc::new(PowerLossFs::new()), NoFaults);
        let store = open_on(fs.clone()).await.unwrap();
        apply(&store, &write("old")).await.unwrap();
        fs.reset_counts();
        apply(&store, &write("new")).await.unwrap();
        let counts = fs.counts();
        assert!(counts.get(OpKind::Rename) > 0 && counts.get(OpKind::Write) > 0);
        for hook in FailNth::matrix(&counts) {
            let (hook, place) = (Arc::new(hook), format!("{durability:?}"));
            let fs = FaultyFs::new(Arc::new(PowerLossFs::new()), NoFaults);
            let store = open_on(fs.clone()).await.unwrap();
            apply(&store, &write("old")).await.unwrap();
            fs.set_hook(Arc::clone(&hook));
            let outcome = apply(&store, &write("new")).await;
            fs.set_hook(NoFaults);
            let place = format!("{place} {hook:?}: {outcome:?}");
            assert!(hook.fired() > 0, "{place}");
            let value = store.get(&key).await.unwrap();
            match &outcome {
                Ok(()) => assert_eq!(value, "new", "{place}"),
                // The folder's sync comes after the rename, so the new value may stand.
                Err(error) if error.kind() == ErrorKind::SyncFailed => {
                    assert!(value == "new" || value == "old", "{place}");
                }
                Err(error) => {
                    assert_eq!(value, "old", "{place}");
                    assert!(
                        error.path().is_some() && error.key() == Some(&key),
                        "{place}"
                    );
                }
            }
            apply(&store, &write("after")).await.unwrap();
            assert_eq!(store.get(&key).await.unwrap(), "after");
            assert!(
                store.tree_is_clean().await,
                "{place}: something was left behind"
            );
        }
    }
}

/// Errors tell what is wrong and what to do.
#[tokio::test]
async fn errors_name_cause_and_remedy() {
    let cases = [
        (OpKind::Write, Errno::NoSpace, ErrorKind::NoSpace),
        (OpKind::CreateFile, Errno::NoSpace, ErrorKind::NoSpace),
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
        (OpKind::Rename, Errno::Io, ErrorKind::Failed),
    ];
    for (call, errno, kind) in cases {
        let fs = FaultyFs::new(Arc::new(PowerLossFs::new()), NoFaults);
        let store = open_on(fs.clone()).await.unwrap();
        // Onwards: where too many files are open it is tried again.
        fs.set_hook(FailNth::new(call, 0, Fault::Fail(errno)).and_onwards());
        let error = store.put(&Key::new("/k"), "v").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.path().is_some_and(|path| path.starts_with(ROOT)),
            "{error}"
        );
        assert!(error.to_string().contains("/k"), "{error}");
        assert_eq!(error.remedy().is_some(), errno != Errno::Io, "{error}");
    }
}

/// A failed sync is not forgotten: the kernel would report it once only.
#[tokio::test]
async fn a_failed_sync_stays_failed_until_the_value_is_rewritten() {
    let fs = FaultyFs::new(Arc::new(PowerLossFs::new()), NoFaults);
    let store = open_on(fs.clone()).await.unwrap();
    let (bad, good) = (Key::new("/bad"), Key::new("/good/x"));
    store.put(&bad, "v").await.unwrap();
    store.put(&good, "v").await.unwrap();
    fs.set_hook(
        FailNth::new(OpKind::SyncFile, 0, Fault::Fail(Errno::Io))
            .below(Path::new(ROOT).join("bad.data")),
    );
    for attempt in 0..3 {
        let error = store.sync(&Key::root()).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::SyncFailed,
            "attempt {attempt}: {error}"
        );
        assert_eq!(error.key(), Some(&bad));
        assert_eq!(store.sync(&Key::new("/good")).await.unwrap(), Power);
    }
    store.put(&bad, "again").await.unwrap();
    assert_eq!(store.sync(&Key::root()).await.unwrap(), Power);
}

/// Whether a store has left anything behind that it will not use.
trait TreeIsClean {
    async fn tree_is_clean(&self) -> bool;
}

impl TreeIsClean for FsDatastore {
    async fn tree_is_clean(&self) -> bool {
        let check = interface_datastore::Maintenance::Check;
        let events: Vec<_> = self.maintain(check).try_collect().await.unwrap();
        !events
            .iter()
            .any(|event| matches!(event, interface_datastore::MaintenanceEvent::Finding(_)))
    }
}
