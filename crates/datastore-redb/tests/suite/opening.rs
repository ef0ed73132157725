//! What opening says of what it finds.

use std::{fs, path::Path};

use datastore_engine::{Batch, CommitOptions, Engine, EngineReader, ErrorKind};
use datastore_redb::RedbOptions;
use redb::{Database, TableDefinition};

use crate::medium::Medium;

fn kind(options: RedbOptions, path: &Path) -> (ErrorKind, String) {
    let error = pollster::block_on(options.open(path)).unwrap_err();
    assert_eq!(error.path(), Some(path), "{error}");
    (error.kind(), error.to_string())
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("text"), "something else, of more than nine bytes").unwrap();
    fs::write(path("empty"), "").unwrap();
    let others: TableDefinition<'_, &str, u64> = TableDefinition::new("theirs");
    let database = Database::create(path("other.redb")).unwrap();
    let writing = database.begin_write().unwrap();
    writing.open_table(others).unwrap().insert("k", 1).unwrap();
    writing.commit().unwrap();
    drop(database);
    for (name, expected, says) in [
        ("folder", ErrorKind::Foreign, "not a file"),
        ("text", ErrorKind::Foreign, "choose another path"),
        ("empty", ErrorKind::Foreign, "choose another path"),
        ("other.redb", ErrorKind::Foreign, "another program"),
        (
            "missing/database.redb",
            ErrorKind::NotFound,
            "there is no database",
        ),
    ] {
        let (kind, text) = kind(RedbOptions::new(), &path(name));
        assert_eq!(kind, expected, "{name}: {text}");
        assert!(text.contains(says), "{text}");
    }
    assert_eq!(
        kind(RedbOptions::new().create(false), &path("none")).0,
        ErrorKind::NotFound
    );
    assert_eq!(
        fs::read(path("text")).unwrap(),
        b"something else, of more than nine bytes"
    );
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["empty", "folder", "other.redb", "text"],
        "nothing is left behind"
    );
}

#[test]
fn a_database_has_one_holder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database.redb");
    pollster::block_on(async {
        let engine = RedbOptions::new().open(&path).await.unwrap();
        let (kind, text) = kind(RedbOptions::new(), &path);
        assert_eq!(kind, ErrorKind::Locked, "{text}");
        assert!(text.contains("close it"), "{text}");
        if let Some(holder) = datastore_files::lock_holder(&path) {
            assert!(text.contains(&format!("process {holder}")), "{text}");
        }
        engine.close().await.unwrap();
        RedbOptions::new().open(&path).await.unwrap();
    });
}

/// A snapshot that is forgotten does not keep the lock behind a close, and the last handle closes without being told.
#[test]
fn the_lock_ends_with_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database.redb");
    pollster::block_on(async {
        let engine = RedbOptions::new().open(&path).await.unwrap();
        let forgotten = engine.snapshot().await.unwrap();
        let mut batch = Batch::new();
        batch.put(b"k", b"v");
        engine
            .commit(&batch, CommitOptions::default())
            .await
            .unwrap();
        engine.close().await.unwrap();
        let again = RedbOptions::new().open(&path).await.unwrap();
        assert_eq!(again.get(b"k").await.unwrap().as_deref(), Some(&b"v"[..]));
        drop(again);
        drop(RedbOptions::new().open(&path).await.unwrap());
        drop(forgotten);
    });
}

/// Behind a kill, too, opening reads no more of a large database than of a small one.
#[test]
fn opening_does_not_grow_with_the_data() {
    let reads = |entries: u32| {
        let medium = Medium::default();
        pollster::block_on(async {
            let engine = medium.clone().open().await.unwrap();
            for part in 0..entries / 100 {
                let mut batch = Batch::new();
                for n in 0..100 {
                    batch.put(&(part * 100 + n).to_be_bytes(), &[1; 300]);
                }
                engine
                    .commit(&batch, CommitOptions::default())
                    .await
                    .unwrap();
            }
            let left = medium.killed();
            let again = left.clone().open().await.unwrap();
            let reads = left.reads();
            assert_eq!(again.check().await.unwrap().entries, u64::from(entries));
            reads
        })
    };
    assert_eq!(reads(10_000), reads(300));
}
