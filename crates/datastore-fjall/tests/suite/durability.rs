//! What commits withstand, and what they cost each other.

use std::{fs, path::Path};

use datastore_engine::{Batch, CommitOptions, Durability, Engine, EngineReader, Scan};
use datastore_fjall::FjallOptions;
use futures_util::TryStreamExt;
use interface_datastore_tests::{on_tokio, runs};

fn log_of(folder: &Path) -> std::path::PathBuf {
    let mut logs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    logs.retain(|path| path.extension().is_some_and(|is| is == "jnl"));
    logs.sort();
    logs.pop().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn used(log: &[u8]) -> usize {
    log.iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1)
}

/// What is left of the end of a log: all of its sectors in front of a place, or any of them.
enum Left {
    UpTo(usize),
    AnyBy(u64),
}

impl Left {
    /// The log with what was not synced torn.
    fn torn(&self, log: &[u8], synced: usize) -> Vec<u8> {
        let mut torn = log.to_vec();
        torn.resize(log.len() + 4096, 0);
        match self {
            Self::UpTo(end) => torn[*end..].fill(0),
            Self::AnyBy(seed) => {
                let mut random = fastrand::Rng::with_seed(*seed);
                for sector in torn[synced..]
                    .chunks_mut(512)
                    .filter(|_| random.u8(0..3) == 0)
                {
                    sector.fill(0);
                }
            }
        }
        torn
    }
}

/// A power cut leaves of the log what was synced and any of what was not. Behind each possible cut the database holds the
/// state behind some commit, and none that was synced is missing.
#[test]
fn what_was_not_synced_may_be_lost_in_any_way() {
    const COMMITS: u8 = 12;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    let mut synced = 0;
    let engine = pollster::block_on(FjallOptions::new().open(&path)).unwrap();
    for n in 0..COMMITS {
        let mut batch = Batch::new();
        batch
            .put(b"last", &[n])
            .put(&[b'k', n], &[n; 900])
            .put(&[b'j', n], &[n; 900]);
        let level = if n == 5 {
            Durability::Power
        } else {
            Durability::Process
        };
        pollster::block_on(engine.commit(&batch, CommitOptions::at(level))).unwrap();
        if n == 5 {
            synced = used(&fs::read(log_of(&path)).unwrap());
        }
    }
    let mut log = fs::read(log_of(&path)).unwrap();
    log.truncate(used(&log));
    assert!(
        synced > 0 && synced < log.len(),
        "what is committed at Process is in the file"
    );
    let cuts = (synced..=log.len()).step_by(97).map(Left::UpTo);
    for (at, left) in cuts.chain((0..runs(600)).map(Left::AnyBy)).enumerate() {
        let place = folder.path().join(format!("left{at}"));
        copy(&path, &place);
        fs::write(log_of(&place), left.torn(&log, synced)).unwrap();
        let entries: Vec<_> = pollster::block_on(async {
            let engine = FjallOptions::new().open(&place).await.unwrap();
            let entries = engine.scan(Scan::all()).try_collect().await.unwrap();
            engine.close().await.unwrap();
            entries
        });
        let last = entries.last().map(|entry| entry.value[0]).unwrap();
        assert!(
            last >= 5,
            "cut {at}: commit 5 was synced, and {last} is the last one there"
        );
        assert_eq!(
            entries.len(),
            2 * usize::from(last) + 3,
            "cut {at}: the state behind commit {last}"
        );
        fs::remove_dir_all(&place).unwrap();
    }
}

/// A clean close leaves nothing to replay.
#[test]
fn a_close_leaves_tables_and_an_empty_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    pollster::block_on(async {
        for round in 1..=3_u8 {
            let engine = FjallOptions::new().open(&path).await.unwrap();
            let mut batch = Batch::new();
            for n in 0..100_u8 {
                batch
                    .put(&[round, n], &[n; 100])
                    .put(b"last", &[round])
                    .delete(&[round - 1, n]);
            }
            engine
                .commit(&batch, CommitOptions::default())
                .await
                .unwrap();
            engine.close().await.unwrap();
            assert_eq!(fs::metadata(log_of(&path)).unwrap().len(), 0);
            let again = FjallOptions::new().open(&path).await.unwrap();
            assert_eq!(
                again.get(b"last").await.unwrap().as_deref(),
                Some(&[round][..])
            );
            assert_eq!(again.check().await.unwrap().entries, 101);
            again.close().await.unwrap();
        }
    });
}

/// Entries that are in no table stay within the budget, however fast they come.
#[test]
fn memory_has_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    pollster::block_on(async {
        let options = FjallOptions::new().memtable_bytes(1 << 20).workers(1);
        let engine = options.open(folder.path().join("database")).await.unwrap();
        let mut batch = Batch::new();
        for n in 0..300_u32 {
            batch.clear();
            batch.put(&n.to_be_bytes(), &vec![1; 100_000]);
            engine
                .commit(&batch, CommitOptions::default())
                .await
                .unwrap();
            assert!(
                engine.unflushed_bytes() <= (3 << 20) + 200_000,
                "{}",
                engine.unflushed_bytes()
            );
        }
        assert_eq!(engine.check().await.unwrap().entries, 300);
    });
}

/// Commits at every durability from tasks on several threads, with range deletes between, are all there in the end.
#[test]
fn tasks_commit_side_by_side() {
    on_tokio(Box::pin(async {
        let folder = tempfile::tempdir().unwrap();
        let engine = FjallOptions::new()
            .open(folder.path().join("database"))
            .await
            .unwrap();
        let tasks: Vec<_> = (0..16_u8)
            .map(|task| {
                let engine = engine.clone();
                tokio::spawn(async move {
                    for round in 0..20_u8 {
                        let mut batch = Batch::new();
                        batch
                            .put(&[task + 1, 1], b"gone")
                            .delete_range(&[task + 1, 1], Some(&[task + 1, 2]));
                        batch.put(&[task + 1, 2, round], b"kept");
                        let level = Durability::ALL[usize::from(round) % Durability::ALL.len()];
                        engine
                            .commit(&batch, CommitOptions::at(level))
                            .await
                            .unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(engine.check().await.unwrap().entries, 16 * 20);
        engine.close().await.unwrap();
    }));
}
