//! A file that may not grow any more, as on a full disk: what was acknowledged stays, and no batch is there in part.

use std::{
    env, fs,
    path::Path,
    process::{Command, exit},
};

use datastore_engine::{Batch, CommitOptions, Engine, EngineReader};
use datastore_sled::{SledEngine, SledOptions};
use pollster::block_on;

const FOLDER: &str = "DATASTORE_SLED_FULL_DISK";
const TRIO: [&[u8]; 3] = [b"a", b"m", b"z"];
/// In units of 512 or 1024 bytes, as the shell has it.
const LIMIT: u32 = 4096;

/// A value that tells its round again and again.
fn value(round: u32, len: usize) -> Vec<u8> {
    round.to_be_bytes().repeat(len / 4)
}

fn round_of(engine: &SledEngine) -> Result<Option<u32>, String> {
    let found = block_on(engine.get_many(&TRIO)).map_err(|error| error.to_string())?;
    let rounds: Vec<Option<u32>> = found
        .iter()
        .map(|value| {
            value
                .as_ref()
                .map(|value| u32::from_be_bytes(*value.first_chunk().unwrap()))
        })
        .collect();
    assert!(
        rounds.windows(2).all(|two| two[0] == two[1]),
        "a part of a batch: {rounds:?}"
    );
    Ok(rounds[0])
}

/// Commits until that fails, goes on for a while, and notes the last round that was acknowledged.
fn fill(folder: &Path) -> ! {
    let engine = block_on(
        SledOptions::new()
            .cache_bytes(0)
            .open(folder.join("database")),
    )
    .unwrap();
    let (mut acknowledged, mut failures) = (0, 0);
    for round in 1..10_000 {
        let mut batch = Batch::new();
        for (n, key) in TRIO.into_iter().enumerate() {
            batch.put(key, &value(round, 4 << (4 * n)));
        }
        batch.put(&round.to_be_bytes(), &value(round, 20_000));
        match block_on(engine.commit(&batch, CommitOptions::default())) {
            Ok(()) => acknowledged = round,
            Err(error) => {
                assert!(
                    error.path().is_some() && error.remedy().is_some(),
                    "{error:?}"
                );
                failures += 1;
            }
        }
        // A reader gets an error or what is whole.
        let _ = round_of(&engine);
        if failures == 5 {
            break;
        }
    }
    assert_eq!(failures, 5, "the disk was never full");
    fs::write(folder.join("acknowledged"), acknowledged.to_string()).unwrap();
    let _ = block_on(engine.close());
    exit(0);
}

#[test]
fn batches_are_whole_when_the_disk_is_full() {
    if let Some(folder) = env::var_os(FOLDER) {
        fill(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let done = Command::new("sh")
        .args([
            "-c",
            &format!("trap '' XFSZ; ulimit -f {LIMIT}; exec \"$0\" \"$@\""),
        ])
        .arg(env::current_exe().unwrap())
        .args([
            "full_disk::batches_are_whole_when_the_disk_is_full",
            "--exact",
            "--nocapture",
        ])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let acknowledged = fs::read_to_string(folder.path().join("acknowledged")).unwrap();
    let acknowledged: u32 = acknowledged.parse().unwrap();
    assert!(acknowledged > 3, "{acknowledged}");
    let engine = block_on(
        SledOptions::new()
            .create(false)
            .open(folder.path().join("database")),
    )
    .unwrap();
    let found = round_of(&engine).unwrap().unwrap();
    assert!(
        (acknowledged..=acknowledged + 5).contains(&found),
        "{found} behind {acknowledged}"
    );
    for round in 1..=acknowledged {
        let held = block_on(engine.get(&round.to_be_bytes())).unwrap();
        assert!(
            held.is_some_and(|held| held == value(round, 20_000)),
            "round {round}"
        );
    }
    let mut batch = Batch::new();
    batch.put(b"after", b"v");
    block_on(engine.commit(&batch, CommitOptions::default())).unwrap();
    assert_eq!(
        block_on(engine.check()).unwrap().damage,
        Vec::<String>::new()
    );
    block_on(engine.close()).unwrap();
}
