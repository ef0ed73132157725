//! Folders that were changed behind fjall's back: errors, no panics, no entries that nobody stored.

use std::{
    fs,
    path::{Path, PathBuf},
};

use datastore_engine::{
    Batch, CommitOptions, Engine, EngineReader, Error, ErrorKind, Result, Scan,
};
use datastore_fjall::{FjallEngine, FjallOptions};
use fastrand::Rng;
use futures_util::TryStreamExt;
use interface_datastore_tests::runs;

/// The files of a sound database, one part in tables and another in the log; of long files only the part that is used.
fn sound() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    pollster::block_on(async {
        let engine = FjallOptions::new().open(&path).await.unwrap();
        for round in 0..6_u32 {
            let mut batch = Batch::new();
            for n in 0..200_u32 {
                batch.put(&(n * 7 + round).to_be_bytes(), &[round as u8; 300]);
            }
            engine
                .commit(&batch, CommitOptions::default())
                .await
                .unwrap();
            if round == 3 {
                engine.compact().await.unwrap();
            }
        }
        // As a kill leaves it.
        files_below(&path, &path)
    })
}

fn files_below(root: &Path, folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(root, &path));
        } else {
            let mut bytes = fs::read(&path).unwrap();
            let used = bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |at| at + 1);
            bytes.truncate(used.max(bytes.len().min(1 << 20)));
            files.push((path.strip_prefix(root).unwrap().to_owned(), bytes));
        }
    }
    files.sort();
    files
}

async fn use_all(engine: &FjallEngine) -> Result<()> {
    let entries: Vec<_> = engine.scan(Scan::all()).try_collect().await?;
    for entry in &entries {
        let sound = entry.key.len() == 4
            && entry.value.len() == 300
            && entry.value.iter().all(|byte| *byte < 6);
        assert!(sound, "an entry that nobody stored: {entry:?}");
    }
    engine.get(&7_u32.to_be_bytes()).await?;
    let mut batch = Batch::new();
    batch
        .put(b"new", &[0; 5000])
        .delete_range(&100_u32.to_be_bytes(), Some(&200_u32.to_be_bytes()));
    engine.commit(&batch, CommitOptions::default()).await?;
    engine.check().await.map(drop)
}

/// Writes the files, opens the database and uses it in every way; the first error, if any.
fn first_error(files: &[(PathBuf, Vec<u8>)]) -> Option<Error> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("database");
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    pollster::block_on(async {
        let engine = match FjallOptions::new().open(&root).await {
            Ok(engine) => engine,
            Err(error) => return Some(error),
        };
        let used = use_all(&engine).await;
        let closed = engine.close().await;
        used.and(closed).err()
    })
}

#[test]
fn damaged_files_give_typed_errors() {
    let sound = sound();
    let mut random = Rng::with_seed(5);
    assert!(first_error(&sound).is_none());
    for round in 0..runs(300) {
        let mut files = sound.clone();
        let at = random.usize(0..files.len());
        let (name, bytes) = &mut files[at];
        let told = format!("round {round}, {}", name.display());
        match round % 4 {
            0 => bytes.truncate(random.usize(0..=bytes.len())),
            1 | 2 if !bytes.is_empty() => {
                for _ in 0..random.usize(1..20) {
                    let at = random.usize(0..bytes.len());
                    bytes[at] ^= 1 << random.u8(0..8);
                }
            }
            _ => drop(files.remove(at)),
        }
        if let Some(error) = first_error(&files) {
            let typed = matches!(
                error.kind(),
                ErrorKind::Damaged | ErrorKind::Foreign | ErrorKind::SyncFailed
            );
            assert!(
                typed && error.path().is_some() && error.remedy().is_some(),
                "{told}: {error:?}"
            );
        }
    }
}
