//! The number of bytes used: read and written as the original does, never trusted for nothing, counted while the store is used.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::{Condvar, Mutex};

use datastore_files::RealFs;
use datastore_files::sim::{Fault, FaultyFs, FsOp, OpKind};
use datastore_flatfs::{Accuracy, Blocking, FlatfsDatastore, FlatfsOptions};
use interface_datastore::{Batch, DatastoreExt, Key, Maintenance, MaintenanceEvent};

use crate::common::{finish, open_with};

const CACHE: &str = "diskUsage.cache";

fn options() -> FlatfsOptions {
    FlatfsOptions::new().with_blocking(Blocking::Inline)
}

/// The bytes of a directory as the original counts them, without notes of ours and temporary files.
fn walked(folder: &Path, in_root: bool) -> u64 {
    let own = std::fs::metadata(folder).unwrap().len();
    let mut sum = own;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (name, kind) = (entry.file_name(), entry.file_type().unwrap());
        let is_note = in_root && kind.is_file() && name.to_string_lossy().starts_with(".flatfs-");
        if kind.is_dir() && in_root && name == ".temp" {
            sum += entry.metadata().unwrap().len();
        } else if kind.is_dir() {
            sum += walked(&entry.path(), false);
        } else if !(is_note || in_root && name == CACHE) {
            sum += entry.metadata().unwrap().len();
        }
    }
    sum
}

fn cached(root: &Path) -> String {
    std::fs::read_to_string(root.join(CACHE)).unwrap()
}

/// A store of some values, closed.
async fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let store = open_with(home.path(), options()).await;
    for number in 0..20 {
        let key = Key::new(format!("/KEY{number}X"));
        store.put(&key, vec![1; number * 10]).await.unwrap();
    }
    finish(store).await;
    home
}

/// What lies in the file, what the store makes of it without a count, and what it writes back; none: it counts.
#[tokio::test]
async fn texts_of_the_file() {
    let known = [
        (
            "{\"diskUsage\":5}",
            5,
            "",
            "{\"diskUsage\":5,\"accuracy\":\"\"}\n",
        ),
        (
            " {\"DISK\\u0055SAGE\" : 7, \"aCCuracy\":\"x\"} \r\n\t",
            7,
            "x",
            "{\"diskUsage\":7,\"accuracy\":\"x\"}\n",
        ),
        (
            "{\"disk\u{17f}\":1,\"di\u{17f}\u{212a}Usage\":8,\"other\":[{}],\"accuracy\":\"a\",\"accuracy\":null}",
            8,
            "a",
            "{\"diskUsage\":8,\"accuracy\":\"a\"}\n",
        ),
        (
            "{\"diskUsage\":9,\"diskUsage\":null,\"accuracy\":\"<&>\\u2028\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\u{7f}\u{e9}\"}",
            9,
            "<&>\u{2028}\u{1}\u{8}\u{c}\n\r\t\"\\/\u{7f}\u{e9}",
            "{\"diskUsage\":9,\"accuracy\":\"\\u003c\\u0026\\u003e\\u2028\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\u{7f}\u{e9}\"}\n",
        ),
        (
            "{\"diskUsage\":9223372036854775807}",
            9_223_372_036_854_775_807,
            "",
            "{\"diskUsage\":9223372036854775807,\"accuracy\":\"\"}\n",
        ),
    ];
    let options = options().with_recount(false);
    for (text, bytes, accuracy, written) in known {
        let home = home().await;
        std::fs::write(home.path().join(CACHE), text).unwrap();
        let store = open_with(home.path(), options.clone()).await;
        assert_eq!(store.counting(), None, "{text}");
        let (found, how_well) = store.usage();
        assert_eq!((found, how_well.as_str()), (bytes, accuracy), "{text}");
        finish(store).await;
        assert_eq!(cached(home.path()), written);
    }
    let unknown: [&[u8]; 16] = [
        b"",
        b"null",
        b"{}",
        b"5",
        b"[5]",
        b"{\"diskUsage\":0}",
        b"{\"diskUsage\":-5}",
        b"{\"diskUsage\":5.0}",
        b"{\"diskUsage\":5e0}",
        b"{\"diskUsage\":\"5\"}",
        b"{\"diskUsage\":9223372036854775808}",
        b"{\"diskUsage\":\"5\",\"diskUsage\":5}",
        b"{\"diskUsage\":5,\"accuracy\":5}",
        b"{\"diskUsage\":5}}",
        b"\xef\xbb\xbf{\"diskUsage\":5}",
        b"{\"diskUsage\":5\0}",
    ];
    for text in unknown {
        let home = home().await;
        let text_len = text.len() as u64;
        std::fs::write(home.path().join(CACHE), text).unwrap();
        let store = open_with(home.path(), options.clone()).await;
        let bytes = store.disk_usage().await.unwrap().bytes;
        let expected = walked(home.path(), true) + text_len;
        assert_eq!(bytes, expected, "{}", text.escape_ascii());
        assert_eq!(store.usage().1, Accuracy::Exact);
        finish(store).await;
    }
}

/// The number of a store that was not closed, or that another program used last, is there at once and counted again.
#[tokio::test]
async fn a_number_that_nobody_vouches_for_is_counted() {
    type Spoil = fn(&Path);
    let spoils: [(&str, Spoil); 4] = [
        ("a damaged note", |root| {
            let state = std::fs::read_to_string(root.join(".flatfs-state")).unwrap();
            std::fs::write(root.join(".flatfs-state"), state.replace("closed", "open")).unwrap();
        }),
        ("another program's number", |root| {
            std::fs::write(
                root.join(CACHE),
                "{\"diskUsage\":77,\"accuracy\":\"initial-exact\"}\n",
            )
            .unwrap();
        }),
        ("no note", |root| {
            std::fs::remove_file(root.join(".flatfs-state")).unwrap();
        }),
        ("the note of another directory", |root| {
            let state = std::fs::read_to_string(root.join(".flatfs-state")).unwrap();
            let foreign = state.replace("root ", "root 1");
            std::fs::write(root.join(".flatfs-state"), foreign).unwrap();
        }),
    ];
    for (what, spoil) in spoils {
        let home = home().await;
        let before = cached(home.path());
        std::fs::write(home.path().join("EE/FOREIGNEEX.data"), [0; 5000]).ok();
        std::fs::create_dir_all(home.path().join("ZZ")).unwrap();
        std::fs::write(home.path().join("ZZ/KEYZZX.data"), [0; 5000]).unwrap();
        spoil(home.path());
        let store = open_with(home.path(), options()).await;
        store.counted().await;
        let right =
            walked(home.path(), true) + std::fs::metadata(home.path().join(CACHE)).unwrap().len();
        let (bytes, accuracy) = store.usage();
        // The count may have met the file before or after it was stored.
        assert!(bytes.abs_diff(right) < 100, "{what}: {bytes}, not {right}");
        assert_eq!(accuracy, Accuracy::Exact, "{what}");
        finish(store).await;
        assert_ne!(cached(home.path()), before, "{what}");
        // And now it is trusted.
        let store = open_with(home.path(), options()).await;
        assert_eq!(store.counting(), None, "{what}");
        assert_eq!(store.usage(), (bytes, Accuracy::Exact), "{what}");
    }
}

/// A gate that calls of one kind wait at.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// Opens a store whose count hangs at its first file, and tells when it does.
async fn hanging(home: &Path) -> (FlatfsDatastore, Gate, mpsc::Receiver<()>) {
    let gate = Gate::default();
    let (waiting, reached) = mpsc::channel();
    let held = gate.clone();
    let hook = move |op: &FsOp<'_>| {
        let name = op.path.file_name().unwrap_or_default().to_string_lossy();
        if op.kind == OpKind::Metadata && name == "KEY7X.data" {
            waiting.send(()).ok();
            held.wait();
        }
        Fault::Pass
    };
    let fs = FaultyFs::new(Arc::new(RealFs::new()), hook);
    let store = open_with(home, options().with_fs(Arc::new(fs))).await;
    (store, gate, reached)
}

#[tokio::test]
async fn opening_does_not_wait_for_the_count() {
    let home = home().await;
    let (number, _) = {
        let store = open_with(home.path(), options()).await;
        let usage = store.usage();
        drop(store);
        usage
    };
    let (store, gate, reached) = hanging(home.path()).await;
    reached.recv().unwrap();
    assert_eq!(
        store.usage(),
        (number, Accuracy::Unknown),
        "the number found"
    );
    assert!(store.counting().is_some());
    let key = Key::new("/WHILEX");
    store.put(&key, "counting").await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), "counting");
    gate.open();
    store.counted().await;
    assert_eq!(store.usage().1, Accuracy::Exact);
    finish(store).await;
}

/// A count that is going on ends when the store is closed or dropped, and holds nothing then.
#[tokio::test]
async fn a_count_ends_with_the_store() {
    for close in [true, false] {
        let home = home().await;
        drop(open_with(home.path(), options()).await);
        let (store, gate, reached) = hanging(home.path()).await;
        reached.recv().unwrap();
        gate.open();
        if close {
            finish(store).await;
        } else {
            drop(store);
        }
        let store = open_with(home.path(), options()).await;
        store.counted().await;
        assert_eq!(store.usage().1, Accuracy::Exact);
    }
}

/// Without any runtime, counts and checkpoints work as well.
#[test]
fn without_a_runtime() {
    pollster::block_on(async {
        let home = home().await;
        drop(open_with(home.path(), options()).await);
        let store = open_with(home.path(), FlatfsOptions::new()).await;
        store.counted().await;
        assert_eq!(store.usage().1, Accuracy::Exact);
        let counted = store.recount().await.unwrap();
        assert_eq!(counted, store.usage());
        finish(store).await;
    });
}

/// Counts while values come and go end with what a count in peace gives.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn counting_while_writing() {
    let home = home().await;
    let store = open_with(home.path(), FlatfsOptions::new()).await;
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..150_usize {
                    let key = Key::new(format!("/W{writer}K{}X", round % 23));
                    match round % 5 {
                        0 => store.delete(&key).await.unwrap(),
                        1 => {
                            let mut batch = Batch::new();
                            batch.put(key, vec![2; round * 7]);
                            batch.delete(Key::new(format!("/W{writer}K{}X", (round + 9) % 23)));
                            batch.put(Key::new(format!("/B{writer}{round}X")), "more");
                            store.write(batch).await.unwrap();
                        }
                        _ => {
                            store.put(&key, vec![1; round * 3]).await.unwrap();
                        }
                    }
                }
            })
        })
        .collect();
    for _ in 0..5 {
        store.recount().await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    store.recount().await.unwrap();
    let (bytes, accuracy) = store.usage();
    assert_eq!(accuracy, Accuracy::Exact);
    // The file of the number may have changed its length by then.
    let (again, _) = store.recount().await.unwrap();
    assert!(bytes.abs_diff(again) < 10, "{bytes}, then {again}");
    finish(store).await;
}

/// Puts and deletes of one key at once leave the number exact, whoever came last.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_by_many() {
    for blocking in [Blocking::Never, Blocking::Inline] {
        let home = tempfile::tempdir().unwrap();
        let options = FlatfsOptions::new().with_blocking(blocking);
        let store = open_with(home.path(), options).await;
        let work = |task: usize| {
            let store = store.clone();
            tokio::spawn(async move {
                let key = Key::new("/QUUX");
                for round in 0..200 {
                    match task % 2 {
                        0 => drop(
                            store
                                .put(&key, vec![1; 10 + task * 100 + round])
                                .await
                                .unwrap(),
                        ),
                        _ => store.delete(&key).await.unwrap(),
                    }
                }
            })
        };
        for task in (0..4).map(work).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let (bytes, accuracy) = store.usage();
        assert_eq!(accuracy, Accuracy::Exact);
        assert_eq!(bytes, walked(home.path(), true), "{blocking:?}");
        finish(store).await;
    }
}

/// Files that vanish behind the store's back do not make the number wrap.
#[tokio::test]
async fn never_below_zero() {
    let home = home().await;
    std::fs::write(
        home.path().join(CACHE),
        "{\"diskUsage\":3,\"accuracy\":\"\"}\n",
    )
    .unwrap();
    let store = open_with(home.path(), options().with_recount(false)).await;
    store.delete(&Key::new("/KEY9X")).await.unwrap();
    assert_eq!(store.usage().0, 0);
    finish(store).await;
    assert_eq!(cached(home.path()), "{\"diskUsage\":0,\"accuracy\":\"\"}\n");
    // The original takes that for no number, and so do we.
    let store = open_with(home.path(), options()).await;
    assert!(store.disk_usage().await.unwrap().bytes > 4000);
    finish(store).await;
}

/// Scrubbing corrects the number and says so.
#[tokio::test]
async fn scrub_counts() {
    let home = home().await;
    let store = open_with(home.path(), options()).await;
    std::fs::create_dir(home.path().join("ZZ")).unwrap();
    std::fs::write(home.path().join("ZZ/KEYZZX.data"), [0; 5000]).unwrap();
    let codes = async || {
        use futures::TryStreamExt;
        let events: Vec<_> = store
            .maintain(Maintenance::Scrub)
            .try_collect()
            .await
            .unwrap();
        let findings = events.into_iter().filter_map(|event| match event {
            MaintenanceEvent::Finding(finding) => Some(finding.code),
            _ => None,
        });
        findings.collect::<Vec<_>>()
    };
    assert_eq!(codes().await, ["wrong-usage"]);
    assert_eq!(codes().await, [""; 0]);
    finish(store).await;
}

/// A copy of a directory has the note of the other, which vouches for nothing there.
#[tokio::test]
async fn a_note_that_was_copied() {
    let home = home().await;
    let copy = tempfile::tempdir().unwrap();
    for (path, bytes) in crate::common::tree::tree(home.path()) {
        let to = copy.path().join(path);
        match bytes {
            None => std::fs::create_dir_all(to).unwrap(),
            Some(bytes) => {
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::write(to, bytes).unwrap();
            }
        }
    }
    std::fs::create_dir_all(copy.path().join("ZZ")).unwrap();
    std::fs::write(copy.path().join("ZZ/MOREZZX.data"), [1; 999]).unwrap();
    let store = open_with(copy.path(), options()).await;
    crate::common::counted(&store).await;
    assert_eq!(store.usage(), (walked(copy.path(), true), Accuracy::Exact));
    finish(store).await;
}
