//! Taking turns with go-ds-flatfs on one directory: what it does there must not surprise ours, nor ours it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use datastore_files::RealFs;
use datastore_files::sim::{Fault, FaultyFs, FsOp, NoFaults, OpKind};
use datastore_flatfs::{Accuracy, Blocking, FlatfsDatastore, FlatfsOptions};
use futures::TryStreamExt;
use interface_datastore::{
    Batch, Datastore, DatastoreExt, Durability, ErrorKind, Key, Maintenance, MaintenanceEvent,
    PutOptions, Query, Severity, WriteOptions,
};

use crate::common::go::{Go, count};
use crate::common::{block, counted, finish, open_with};

type Contents = BTreeMap<String, Vec<u8>>;

fn own(name: &str) -> bool {
    name.starts_with(".flatfs-")
}

/// The bytes that the original would count, whose folder for temporary files would be empty: ours alone do not belong to it.
fn bytes_of(dir: &Path) -> u64 {
    let ours: i64 = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| own(entry.file_name().to_str().unwrap()))
        .map(|entry| entry.metadata().unwrap().len() as i64)
        .sum();
    let temp = dir.join(".temp");
    let temporary = count(&temp) - fs::metadata(&temp).unwrap().len() as i64;
    let cache = fs::metadata(dir.join("diskUsage.cache")).map_or(0, |metadata| metadata.len());
    (count(dir) - ours - temporary) as u64 - cache
}

async fn contents(store: &FlatfsDatastore) -> Contents {
    let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
    entries
        .into_iter()
        .map(|entry| {
            (
                entry.key.to_string()[1..].to_owned(),
                entry.into_value().to_vec(),
            )
        })
        .collect()
}

fn contents_of(go: &Go) -> Contents {
    let pair = |key: String| {
        let value = go.get(&key).unwrap();
        (key, value)
    };
    go.keys().into_iter().map(pair).collect()
}

async fn check(store: &FlatfsDatastore, held: &Contents, when: &str) {
    assert_eq!(contents(store).await, *held, "{when}");
    for (key, value) in held {
        assert_eq!(
            store.get(&Key::new(key)).await.unwrap(),
            *value,
            "{when}: {key}"
        );
    }
    let events: Vec<_> = store
        .maintain(Maintenance::Check)
        .try_collect()
        .await
        .unwrap();
    for event in events {
        let grave = matches!(&event, MaintenanceEvent::Finding(finding) if finding.severity == Severity::Error);
        assert!(!grave, "{when}: {event:?}");
    }
}

/// The count has ended, is exact and right.
async fn check_usage(store: &FlatfsDatastore, dir: &Path, when: &str) {
    counted(store).await;
    assert_eq!(store.usage(), (bytes_of(dir), Accuracy::Exact), "{when}");
}

/// Each writes, overwrites and deletes what the other wrote; the number of bytes goes from one to the other.
#[tokio::test(flavor = "multi_thread")]
async fn turn_by_turn() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("blocks");
    let mut held = Contents::new();
    for round in 0..6_u8 {
        let value = |at: usize| vec![round; at * 100];
        let store = open_with(&dir, FlatfsOptions::new()).await;
        check(&store, &held, "after Go").await;
        for at in 0..4 {
            let (key, value) = (format!("KEY{at}{round}"), value(at));
            store.put(&Key::new(&key), value.clone()).await.unwrap();
            held.insert(key, value);
        }
        if round > 0 {
            let mut batch = Batch::new();
            batch
                .put(Key::new("/GOA"), "ours now")
                .delete(Key::new("/GOB"));
            store.write(batch).await.unwrap();
            held.insert("GOA".to_owned(), b"ours now".to_vec());
            held.remove("GOB");
        }
        finish(store).await;

        let mut go = Go::open(&dir);
        assert_eq!(contents_of(&go), held, "what Go sees, round {round}");
        go.put("GOA", b"theirs");
        go.batch(&[("GOB", &[round; 300]), ("KEY10", b"theirs, too")]);
        go.delete(&format!("KEY0{round}"));
        held.insert("GOA".to_owned(), b"theirs".to_vec());
        held.insert("GOB".to_owned(), vec![round; 300]);
        held.insert("KEY10".to_owned(), b"theirs, too".to_vec());
        held.remove(&format!("KEY0{round}"));
        go.close();
    }
    let store = open_with(&dir, FlatfsOptions::new()).await;
    check(&store, &held, "at the end").await;
    check_usage(&store, &dir, "the number went from one to the other").await;
    finish(store).await;
}

/// Tells a child process of a test where its store is.
const CHILD: &str = "FLATFS_TESTS_CHILD";
/// What it ends with: no store is closed, no memory freed, as if it had been killed.
const KILLED: i32 = 77;

/// Starts a test of this file once more, in a process of its own, and gives what it ended with.
fn ended(test: &str, dir: &Path, env: &[(&str, String)]) -> Option<i32> {
    let program = std::env::current_exe().unwrap();
    let status = std::process::Command::new(program)
        .args([test, "--exact", "--test-threads=1"])
        .env(CHILD, dir)
        .envs(env.iter().cloned())
        .stdout(std::process::Stdio::null())
        .status();
    status.unwrap().code()
}

/// Ours was killed, Go ran, and ours comes back: it notices, and counts anew.
#[tokio::test(flavor = "multi_thread")]
async fn go_after_a_kill() {
    if let Some(dir) = std::env::var_os(CHILD) {
        let store = open_with(Path::new(&dir), FlatfsOptions::new()).await;
        store.put(&block(b"a block"), "a block").await.unwrap();
        store.put(&Key::new("/OURS"), vec![1; 5000]).await.unwrap();
        std::process::exit(KILLED);
    }
    for go_runs in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("blocks");
        assert_eq!(ended("turns::go_after_a_kill", &dir, &[]), Some(KILLED));
        let mut held = Contents::from([
            (
                block(b"a block").to_string()[1..].to_owned(),
                b"a block".to_vec(),
            ),
            ("OURS".to_owned(), vec![1; 5000]),
        ]);
        if go_runs {
            let mut go = Go::open(&dir);
            go.put("THEIRS", &[2; 7000]);
            go.put(&block(b"theirs").to_string()[1..], b"theirs");
            held = contents_of(&go);
            assert_eq!(held.len(), 4);
            go.close();
        }
        let when = format!("after a kill, and Go: {go_runs}");
        let store = open_with(&dir, FlatfsOptions::new()).await;
        check(&store, &held, &when).await;
        check_usage(&store, &dir, &when).await;
        finish(store).await;
    }
}

/// Go knows of no lock: it opens the directory while ours is open, and empties the folder for temporary files.
#[tokio::test(flavor = "multi_thread")]
async fn go_beside_us() {
    for blocking in [Blocking::Never, Blocking::Inline] {
        for durability in [Durability::Process, Durability::Power] {
            let folder = tempfile::tempdir().unwrap();
            let dir = folder.path().join("blocks");
            let options = FlatfsOptions::new()
                .with_blocking(blocking)
                .with_durability(durability);
            let store = open_with(&dir, options).await;
            let mut held = Contents::new();
            let mut go = Go::open(&dir);
            for round in 0..3 {
                let key = format!("OURS{round}X");
                store.put(&Key::new(&key), "ours").await.unwrap();
                held.insert(key, b"ours".to_vec());
                go.put(&format!("THEIRS{round}X"), b"theirs");
                held.insert(format!("THEIRS{round}X"), b"theirs".to_vec());
                go.close();
                go = Go::open(&dir);
                let mut batch = Batch::new();
                batch
                    .put(Key::new("/BATCHED"), vec![round; 900])
                    .put(Key::new(format!("/BATCHED{round}")), "too");
                store.write(batch).await.unwrap();
                held.insert("BATCHED".to_owned(), vec![round; 900]);
                held.insert(format!("BATCHED{round}"), b"too".to_vec());
                go.close();
                go = Go::open(&dir);
            }
            check(&store, &held, "beside Go").await;
            finish(store).await;
            go.close();
        }
    }
}

/// Go empties the folder for temporary files just before a value gets its name: the put begins anew, and says so if that never ends.
#[tokio::test(flavor = "multi_thread")]
async fn emptied_under_a_put() {
    let durabilities = [Durability::Process, Durability::Ordered, Durability::Power];
    for durability in durabilities {
        for times in [1, 3, u64::MAX] {
            let when = format!("{durability:?}, emptied {times} times");
            let folder = tempfile::tempdir().unwrap();
            let dir = folder.path().join("blocks");
            let fs = FaultyFs::new(Arc::new(RealFs::new()), NoFaults);
            let store = open_with(&dir, FlatfsOptions::new().with_fs(Arc::new(fs.clone()))).await;
            // Without a value of the key, the new one may need no name in that folder.
            let key = Key::new("/KEYX");
            store.put(&key, "before").await.unwrap();
            counted(&store).await;
            let (left, temp) = (AtomicU64::new(times), dir.join(".temp"));
            fs.set_hook(move |op: &FsOp<'_>| {
                let is_value = |to: &Path| to.extension().is_some_and(|end| end == "data");
                let names_value = op.kind == OpKind::Rename && op.to.is_some_and(is_value);
                let is_left = |left| (left > 0).then(|| left - 1);
                if names_value
                    && left
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_left)
                        .is_ok()
                {
                    for entry in fs::read_dir(&temp).unwrap() {
                        let _ = fs::remove_file(entry.unwrap().path());
                    }
                }
                Fault::Pass
            });
            let options = PutOptions::default().with_durability(durability);
            let put = store.put_opts(&key, "value".into(), options).await;
            fs.set_hook(NoFaults);
            if times < u64::MAX {
                put.unwrap_or_else(|error| panic!("{when}: {error}"));
                assert_eq!(store.get(&key).await.unwrap(), "value", "{when}");
            } else {
                let error = put.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{when}: {error}");
                assert!(
                    error
                        .remedy()
                        .is_some_and(|text| text.contains("one program at a time"))
                );
                assert_eq!(store.get(&key).await.unwrap(), "before", "{when}");
            }
            finish(store).await;
        }
    }
}

/// What a batch of the next test does to the keys `OLD0X` to `OLD3X`: the values before and after.
fn batch_of_both() -> (Contents, Batch, Contents) {
    let old = |at| (format!("OLD{at}X"), b"old".to_vec());
    let before: Contents = (0..4).map(old).collect();
    let (mut batch, mut after) = (Batch::new(), before.clone());
    for at in 0..6 {
        let key = format!("{}{at}X", if at % 2 == 0 { "OLD" } else { "NEW" });
        batch.put(Key::new(&key), "new");
        after.insert(key, b"new".to_vec());
    }
    batch.delete(Key::new("/OLD3X"));
    after.remove("OLD3X");
    (before, batch, after)
}

/// Writes a batch and ends at the rename that the environment names. Ends otherwise if there are not so many.
async fn dies_in_a_batch(dir: &Path, durability: Durability) -> ! {
    let fs = FaultyFs::new(Arc::new(RealFs::new()), NoFaults);
    let options = FlatfsOptions::new()
        .with_blocking(Blocking::Inline)
        .with_fs(Arc::new(fs.clone()));
    let store = open_with(dir, options).await;
    let (before, batch, _) = batch_of_both();
    for (key, value) in before {
        store.put(&Key::new(key), value).await.unwrap();
    }
    let last: u64 = std::env::var(RENAME).unwrap().parse().unwrap();
    let (renames, cache) = (AtomicU64::new(0), dir.join("diskUsage.cache"));
    fs.set_hook(move |op: &FsOp<'_>| {
        // Not those of the number of bytes, which is stored behind the scenes.
        let counts = op.kind == OpKind::Rename && op.to != Some(&cache);
        if counts && renames.fetch_add(1, Ordering::SeqCst) == last {
            std::process::exit(KILLED);
        }
        Fault::Pass
    });
    let options = WriteOptions::default().with_durability(durability);
    store.write_opts(batch, options).await.unwrap();
    std::process::exit(0);
}

/// The rename that a child process does not come to do.
const RENAME: &str = "FLATFS_TESTS_RENAME";

/// Killed in the middle of a batch: our next open completes it, unless Go comes first and throws its rest away.
async fn a_batch_cut_short(test: &str, durability: Durability) {
    if let Some(dir) = std::env::var_os(CHILD) {
        dies_in_a_batch(Path::new(&dir), durability).await;
    }
    let (before, _, after) = batch_of_both();
    let (mut completed, mut partial) = (0, 0);
    for rename in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let [dir, with_go] = ["blocks", "and-go"].map(|name| folder.path().join(name));
        let env = [(RENAME, rename.to_string())];
        let outcomes = [&dir, &with_go].map(|dir| ended(test, dir, &env));
        if outcomes == [Some(0), Some(0)] {
            assert!(rename >= 6, "{rename} renames");
            break;
        }
        assert_eq!(outcomes, [Some(KILLED); 2]);
        let when = format!("killed before rename {rename}");
        let store = open_with(&dir, FlatfsOptions::new()).await;
        let found = contents(&store).await;
        assert!(
            found == before || found == after,
            "{when}: in part: {found:?}"
        );
        completed += usize::from(found == after);
        check(&store, &found, &when).await;
        check_usage(&store, &dir, &when).await;
        finish(store).await;

        let when = format!("{when}, then Go");
        Go::open(&with_go).close();
        let store = open_with(&with_go, FlatfsOptions::new()).await;
        let found = contents(&store).await;
        for (key, value) in &found {
            let known = [before.get(key), after.get(key)];
            assert!(known.contains(&Some(value)), "{when}: {key}");
        }
        for key in before.keys().filter(|key| after.contains_key(*key)) {
            assert!(found.contains_key(key), "{when}: {key} is lost");
        }
        partial += usize::from(found != before && found != after);
        check(&store, &found, &when).await;
        check_usage(&store, &with_go, &when).await;
        finish(store).await;
    }
    assert!(completed >= 5, "only {completed} were completed");
    assert!(partial > 0, "the stand-in for Go did not come in between");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_cut_short_at_process() {
    a_batch_cut_short("turns::a_batch_cut_short_at_process", Durability::Process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_cut_short_at_ordered() {
    a_batch_cut_short("turns::a_batch_cut_short_at_ordered", Durability::Ordered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_cut_short_at_power() {
    a_batch_cut_short("turns::a_batch_cut_short_at_power", Durability::Power).await;
}

/// What the original left behind is no value, and goes when space is freed, unless it may still be in use.
#[tokio::test(flavor = "multi_thread")]
async fn leftovers_of_go() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("blocks");
    let held = Contents::from([("KEYX".to_owned(), b"v".to_vec())]);
    let store = open_with(&dir, FlatfsOptions::new()).await;
    store.put(&Key::new("/KEYX"), "v").await.unwrap();
    finish(store).await;
    let left = [".temp/temp-123", ".temp/batch-1-2/QUUX.data", "EY/put-99"];
    let of_last_week = SystemTime::now() - Duration::from_secs(7 * 24 * 3600);
    for (age, written) in [("fresh", SystemTime::now()), ("old", of_last_week)] {
        for path in left {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "left").unwrap();
            fs::File::open(&path)
                .unwrap()
                .set_modified(written)
                .unwrap();
            let folder = fs::File::open(path.parent().unwrap()).unwrap();
            folder.set_modified(written).unwrap();
        }
        let store = open_with(&dir, FlatfsOptions::new()).await;
        check(&store, &held, "with leftovers").await;
        let found: Vec<_> = store.maintain(Maintenance::Gc).try_collect().await.unwrap();
        for path in left {
            assert_eq!(
                dir.join(path).exists(),
                age == "fresh",
                "{age} {path}: {found:?}"
            );
        }
        check(&store, &held, "after gc").await;
        finish(store).await;
    }
}
