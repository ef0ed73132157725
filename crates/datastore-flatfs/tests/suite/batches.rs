//! Batches: all or nothing when the process is gone, whatever moment it went, and nothing harmed by what only looks like a journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering as Memory};

use datastore_files::RealFs;
use datastore_files::sim::{
    CrashModel, Errno, FailNth, Fault, FaultyFs, FsOp, NoFaults, OpKind, PowerLossFs,
};
use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions};
use futures::TryStreamExt;
use interface_datastore::Durability::{Ordered, Power, Process};
use interface_datastore::{
    Batch, Datastore, DatastoreExt, Durability, Key, PutOptions, Query, WriteOptions,
};

use interface_datastore_tests::runs;

use crate::common::{finish, open_with};

type Contents = BTreeMap<Key, Vec<u8>>;

fn options() -> FlatfsOptions {
    // Inline, so that calls come in the order of the code.
    FlatfsOptions::new().with_blocking(Blocking::Inline)
}

async fn contents(store: &FlatfsDatastore) -> Contents {
    let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
    let pairs = entries.into_iter();
    pairs
        .map(|entry| (entry.key.clone(), entry.into_value().to_vec()))
        .collect()
}

fn pairs(list: &[(&str, &str)]) -> Contents {
    let pair = |(key, value): &(&str, &str)| (Key::new(*key), value.as_bytes().to_vec());
    list.iter().map(pair).collect()
}

const OLD: &[(&str, &str)] = &[
    ("/AAA", "old a"),
    ("/BBB", "old b"),
    ("/CCC", ""),
    ("/EQUAL", "the same"),
    ("/XDD", "old d"),
];
/// The first eight in the order of their folders are new, so that others are not looked for.
const NEW: &[(&str, &str)] = &[
    ("/N00Q", "0"),
    ("/N01Q", "1"),
    ("/N02Q", "2"),
    ("/N03Q", "3"),
    ("/N04Q", "4"),
    ("/N05Q", "5"),
    ("/N06Q", "6"),
    ("/N07Q", "7"),
    ("/EQUAL", "the same"),
    ("/AAA", "new a"),
    ("/CCC", "new c"),
    ("/NEW", ""),
    ("/XDD", "d"),
];

async fn put_old(store: &FlatfsDatastore, durability: Durability) {
    for (key, value) in pairs(OLD) {
        let options = PutOptions::default().with_durability(Some(durability));
        store.put_opts(&key, value.into(), options).await.unwrap();
    }
}

/// Makes of the old contents the new ones.
fn batch() -> Batch {
    let mut batch = Batch::new();
    for (key, value) in pairs(NEW) {
        batch.put(key, value);
    }
    batch.delete(Key::new("/BBB"));
    batch
}

async fn write(
    store: &FlatfsDatastore,
    batch: Batch,
    durability: Durability,
) -> interface_datastore::Result<()> {
    let options = WriteOptions::default().with_durability(Some(durability));
    store.write_opts(batch, options).await.map(drop)
}

/// Names in `.temp` that are of no living owner.
fn scratch(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join(".temp")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

/// A dead process does nothing more: from one call on, all fail.
#[tokio::test]
async fn all_or_nothing_after_a_kill_at_every_call() {
    let mut completed = 0;
    for last in 0.. {
        let home = tempfile::tempdir().unwrap();
        let fs = FaultyFs::new(Arc::new(RealFs::new()), NoFaults);
        let store = open_with(home.path(), options().with_fs(Arc::new(fs.clone()))).await;
        put_old(&store, Process).await;
        let calls = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&calls);
        fs.set_hook(
            move |_: &FsOp<'_>| match seen.fetch_add(1, Memory::SeqCst) < last {
                true => Fault::Pass,
                false => Fault::Fail(Errno::Io),
            },
        );
        let acknowledged = write(&store, batch(), Process).await.is_ok();
        let ended = calls.load(Memory::SeqCst) <= last;
        drop(store);
        let store = open_with(home.path(), options()).await;
        let found = contents(&store).await;
        let new = found == pairs(NEW);
        assert!(
            new || found == pairs(OLD),
            "dead after {last} calls: {found:?}"
        );
        assert!(new || !acknowledged, "dead after {last} calls");
        completed += u64::from(new && !acknowledged);
        finish(store).await;
        assert_eq!(scratch(home.path()), [""; 0], "dead after {last} calls");
        if ended {
            break;
        }
    }
    assert!(completed > 4, "{completed} batches were completed");
}

/// The same in memory, where syncs take no time and the run of the system is not known.
#[tokio::test]
async fn all_or_nothing_after_a_kill_at_every_change() {
    for durability in [Process, Ordered, Power] {
        let disk = PowerLossFs::new();
        let on = |fs: PowerLossFs| options().with_fs(Arc::new(fs));
        let store = open_with(Path::new("/store"), on(disk.clone())).await;
        put_old(&store, Power).await;
        let begun = disk.history_len();
        write(&store, batch(), durability).await.unwrap();
        let acknowledged = disk.history_len();
        let mut completed = 0;
        for cut in begun..=acknowledged {
            let survivor = PowerLossFs::from_image(&disk.power_cut(cut).survivor());
            let store = open_with(Path::new("/store"), on(survivor)).await;
            let found = contents(&store).await;
            let new = found == pairs(NEW);
            let old = found == pairs(OLD) && cut < acknowledged;
            assert!(new || old, "{durability}, dead after {cut}: {found:?}");
            completed += usize::from(new && cut < acknowledged);
        }
        assert!(
            completed > 4,
            "{durability}: {completed} batches were completed"
        );
    }
}

/// Replacing and new values only: the time of a file, by which a journal knows the one to delete, may be lost with the power.
#[tokio::test]
async fn all_or_nothing_after_a_power_cut_at_every_moment() {
    for model in [CrashModel::Ordered, CrashModel::Chaos] {
        let disk = PowerLossFs::new();
        let on = |fs: PowerLossFs| options().with_fs(Arc::new(fs));
        let store = open_with(Path::new("/store"), on(disk.clone())).await;
        put_old(&store, Power).await;
        let begun = disk.history_len();
        let mut batch = Batch::new();
        let mut new = pairs(OLD);
        for (key, value) in pairs(NEW) {
            batch.put(key.clone(), value.clone());
            new.insert(key, value);
        }
        write(&store, batch, Power).await.unwrap();
        let acknowledged = disk.history_len();
        let mut completed = 0;
        for cut in begun..=acknowledged {
            for state in disk.power_cut(cut).model(model).states(11, 24) {
                let store = open_with(Path::new("/store"), on(state.mount())).await;
                let found = contents(&store).await;
                let whole = found == new || (found == pairs(OLD) && cut < acknowledged);
                assert!(whole, "{model:?}, cut after {cut}: {found:?}");
                completed += usize::from(found == new && cut < acknowledged);
            }
        }
        assert!(
            completed > 4,
            "{model:?}: {completed} batches were completed"
        );
    }
}

/// A journal whose removal the disk forgot must not undo what came after it.
#[tokio::test]
async fn an_old_journal_undoes_nothing() {
    for model in [CrashModel::Ordered, CrashModel::Chaos] {
        for durability in [Process, Ordered, Power] {
            let disk = PowerLossFs::new();
            let on = |fs: PowerLossFs| options().with_fs(Arc::new(fs));
            let store = open_with(Path::new("/store"), on(disk.clone())).await;
            put_old(&store, Power).await;
            write(&store, batch(), durability).await.unwrap();
            for key in ["/AAA", "/BBB", "/NEW"] {
                let options = PutOptions::default().with_durability(Some(Power));
                let key = Key::new(key);
                let put = store.put_opts(&key, "later".into(), options);
                put.await.unwrap();
            }
            let cut = disk.power_cut(disk.history_len()).model(model);
            for state in cut.states(5, 200) {
                let store = open_with(Path::new("/store"), on(state.mount())).await;
                for key in ["/AAA", "/BBB", "/NEW"] {
                    let found = store.get(&Key::new(key)).await;
                    assert_eq!(found.unwrap(), "later", "{model:?}, {durability}: {key}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_looks_like_a_journal_does_no_harm() {
    let long = "x".repeat(100_000);
    let texts = [
        "",
        "\0\0\0\0",
        "flatfs-batch 1\n",
        "flatfs-batch 2\nrun -\nsynced yes\ncheck 00000000\n",
        "flatfs-batch 1\nrun -\nsynced yes\nput 1-2.0 1 AA/../../../evil\ncheck 00000000\n",
        &long,
    ];
    for text in texts {
        let home = tempfile::tempdir().unwrap();
        let store = open_with(home.path(), options()).await;
        put_old(&store, Process).await;
        finish(store).await;
        std::fs::write(home.path().join(".temp/1-2.0"), "value").unwrap();
        std::fs::write(home.path().join(".temp/1-2.0.batch"), text).unwrap();
        let store = open_with(home.path(), options()).await;
        assert_eq!(contents(&store).await, pairs(OLD), "{text:.40}");
        finish(store).await;
        assert_eq!(scratch(home.path()), [""; 0], "{text:.40}");
    }
}

/// Each fault in turn: keys in the report are as it says, all others as they were, and the store goes on.
#[tokio::test]
async fn reports_what_a_failing_disk_left() {
    for durability in [Process, Power] {
        let run = async |hook: Option<FailNth>| {
            let home = tempfile::tempdir().unwrap();
            let fs = FaultyFs::new(Arc::new(RealFs::new()), NoFaults);
            let store = open_with(home.path(), options().with_fs(Arc::new(fs.clone()))).await;
            put_old(&store, Process).await;
            fs.reset_counts();
            let hook = hook.map(Arc::new);
            if let Some(hook) = &hook {
                fs.set_hook(Arc::clone(hook));
            }
            let outcome = write(&store, batch(), durability).await;
            let counts = fs.counts();
            fs.set_hook(NoFaults);
            let found = contents(&store).await;
            let (old, new) = (pairs(OLD), pairs(NEW));
            let report = match &outcome {
                Ok(()) => None,
                Err(error) => Some(
                    error
                        .report()
                        .unwrap_or_else(|| panic!("{error:?}"))
                        .clone(),
                ),
            };
            for key in old.keys().chain(new.keys()) {
                let at = format!("{durability}, {hook:?}: {key}");
                let applied = report
                    .as_ref()
                    .is_none_or(|report| report.applied.contains(key));
                let unknown = report
                    .as_ref()
                    .is_some_and(|report| report.unknown.contains(key));
                if applied {
                    assert_eq!(found.get(key), new.get(key), "{at}");
                } else if !unknown {
                    assert_eq!(found.get(key), old.get(key), "{at}");
                }
            }
            write(&store, batch(), durability).await.unwrap();
            assert_eq!(contents(&store).await, new);
            counts
        };
        let counts = run(None).await;
        // Each run of a synced batch waits for the disk.
        let step = match durability {
            Power if runs(100) < 100 => 7,
            _ => 1,
        };
        for hook in FailNth::matrix(&counts).step_by(step) {
            run(Some(hook)).await;
        }
    }
}

/// A batch keeps equal values with their versions, and tells what it replaced, whether it looked for them first or not.
#[tokio::test]
async fn what_is_not_looked_for_is_compared() {
    let home = tempfile::tempdir().unwrap();
    let store = open_with(home.path(), options()).await;
    put_old(&store, Process).await;
    let version = async || {
        let entry = store.metadata(&Key::new("/EQUAL")).await.unwrap();
        entry.version.unwrap()
    };
    let (before, used) = (version().await, store.usage().0);
    let mut batch = Batch::new();
    for (key, value) in pairs(NEW) {
        batch.put(key, value);
    }
    write(&store, batch, Process).await.unwrap();
    assert_eq!(version().await, before);
    let folders: u64 = ["00", "01", "02", "03", "04", "05", "06", "07", "NE"]
        .iter()
        .map(|folder| std::fs::metadata(home.path().join(folder)).unwrap().len())
        .sum();
    // Eight values of a byte are new, one of five bytes took the place of none, one of one byte that of five.
    assert_eq!(store.usage().0, used + folders + 8 + 5 - 4);
    let mut expected = pairs(OLD);
    expected.extend(pairs(NEW));
    assert_eq!(contents(&store).await, expected);
}

/// However many values, few files are open, and no others are left.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn few_files_are_open() {
    for durability in [Process, Ordered] {
        let home = tempfile::tempdir().unwrap();
        let most = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&most);
        let hook = move |op: &FsOp<'_>| {
            if op.kind == OpKind::CreateFile {
                let open = std::fs::read_dir("/proc/self/fd").unwrap();
                let open = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
                let ours =
                    open.filter(|path| path.starts_with(op.path.ancestors().nth(2).unwrap()));
                seen.fetch_max(ours.count(), Memory::SeqCst);
            }
            Fault::Pass
        };
        let fs = FaultyFs::new(Arc::new(RealFs::new()), hook);
        let store = open_with(home.path(), options().with_fs(Arc::new(fs))).await;
        let mut batch = Batch::new();
        for number in 0..1000 {
            batch.put(Key::new(format!("/KEY{number}")), vec![1; 10]);
        }
        write(&store, batch, durability).await.unwrap();
        let most = most.load(Memory::SeqCst);
        assert!(
            (1..300).contains(&most),
            "{durability}: {most} files were open"
        );
        assert_eq!(contents(&store).await.len(), 1000);
        // The number of bytes may be on its way.
        let journals = scratch(home.path()).into_iter();
        let journals: Vec<_> = journals.filter(|name| name.ends_with(".batch")).collect();
        assert_eq!(journals, [""; 0], "{durability}");
        finish(store).await;
    }
}
