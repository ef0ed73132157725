//! Files that were changed behind redb's back: errors, no panics, and no end of the process.

use std::fs;

use datastore_engine::{
    Batch, CommitOptions, Engine, EngineReader, Error, ErrorKind, Result, Scan,
};
use datastore_redb::{RedbEngine, RedbOptions};
use fastrand::Rng;
use futures_util::TryStreamExt;
use interface_datastore_tests::runs;

fn sound() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database.redb");
    pollster::block_on(async {
        let engine = RedbOptions::new().open(&path).await.unwrap();
        for round in 0..6_u32 {
            let mut batch = Batch::new();
            for n in 0..200_u32 {
                batch.put(&(n * 7 + round).to_be_bytes(), &[round as u8; 300]);
            }
            engine
                .commit(&batch, CommitOptions::default())
                .await
                .unwrap();
        }
        engine.close().await.unwrap();
    });
    fs::read(&path).unwrap()
}

async fn use_all(engine: &RedbEngine) -> Result<()> {
    let entries: Vec<_> = engine.scan(Scan::all()).try_collect().await?;
    engine.get(&7_u32.to_be_bytes()).await?;
    let mut batch = Batch::new();
    batch
        .put(b"new", &[0; 5000])
        .delete_range(&100_u32.to_be_bytes(), Some(&200_u32.to_be_bytes()));
    engine.commit(&batch, CommitOptions::default()).await?;
    assert!(
        entries.len() <= 1206,
        "a damaged file gives entries that nobody stored"
    );
    engine.check().await.map(drop)
}

/// Opens the damaged file and uses it in every way; the first error, if any.
fn first_error(bytes: &[u8], options: RedbOptions) -> Option<Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database.redb");
    fs::write(&path, bytes).unwrap();
    pollster::block_on(async {
        let engine = match options.open(&path).await {
            Ok(engine) => engine,
            Err(error) => return Some(error),
        };
        let used = use_all(&engine).await;
        let closed = engine.close().await;
        used.and(closed).err()
    })
}

fn typed(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Damaged | ErrorKind::Foreign | ErrorKind::Failed
    ) && error.path().is_some()
        && (error.remedy().is_some() || error.kind() == ErrorKind::Failed)
}

#[test]
fn damaged_files_give_typed_errors() {
    let sound = sound();
    let mut random = Rng::with_seed(3);
    assert!(first_error(&sound, RedbOptions::new()).is_none());
    for round in 0..runs(400) {
        let mut bytes = sound.clone();
        match round % 3 {
            0 => bytes.truncate(random.usize(0..bytes.len())),
            1 => {
                for _ in 0..random.usize(1..20) {
                    let at = random.usize(0..bytes.len());
                    bytes[at] ^= 1 << random.u8(0..8);
                }
            }
            _ => {
                let at = random.usize(0..bytes.len() - 4096);
                bytes[at..at + 4096].fill(random.u8(..));
            }
        }
        for options in [RedbOptions::new(), RedbOptions::new().check_on_open(true)] {
            if let Some(error) = first_error(&bytes, options) {
                assert!(typed(&error), "round {round}: {error:?}");
            }
        }
    }
}

/// What a check on opening is for: it finds what a plain opening trusts.
#[test]
fn a_check_on_open_finds_a_changed_page() {
    let sound = sound();
    let page = sound
        .windows(300)
        .position(|bytes| bytes == [3; 300])
        .unwrap();
    let mut bytes = sound.clone();
    bytes[page + 5] ^= 1;
    let error = first_error(&bytes, RedbOptions::new().check_on_open(true)).unwrap();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}");
}
