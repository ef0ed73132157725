//! What opening says of what it finds.

use std::{fs, path::Path};

use datastore_engine::{Batch, CommitOptions, Engine, EngineReader, ErrorKind, Scan};
use datastore_fjall::FjallOptions;
use fjall::{Database, KeyspaceCreateOptions};
use futures_util::TryStreamExt;

fn kind(options: FjallOptions, folder: &Path) -> (ErrorKind, String) {
    let error = pollster::block_on(options.open(folder)).unwrap_err();
    assert_eq!(error.path(), Some(folder), "{error}");
    (error.kind(), error.to_string())
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "something else").unwrap();
    fs::create_dir(path("photos")).unwrap();
    fs::write(path("photos/one.png"), "a picture").unwrap();
    let database = Database::builder(path("other")).open().unwrap();
    database
        .keyspace("theirs", KeyspaceCreateOptions::default)
        .unwrap()
        .insert("k", "v")
        .unwrap();
    drop(database);
    fs::create_dir(path("old")).unwrap();
    fs::write(path("old/version"), b"FJL\x02").unwrap();
    for (name, expected, says) in [
        ("file", ErrorKind::Foreign, "not a folder"),
        ("photos", ErrorKind::Foreign, "something else"),
        ("other", ErrorKind::Foreign, "another program"),
        ("old", ErrorKind::Foreign, "version of fjall"),
        (
            "missing/database",
            ErrorKind::NotFound,
            "there is no database",
        ),
    ] {
        let (kind, text) = kind(FjallOptions::new(), &path(name));
        assert_eq!(kind, expected, "{name}: {text}");
        assert!(text.contains(says), "{text}");
    }
    assert_eq!(
        kind(FjallOptions::new().create(false), &path("none")).0,
        ErrorKind::NotFound
    );
    assert_eq!(fs::read(path("photos/one.png")).unwrap(), b"a picture");
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["file", "old", "other", "photos"],
        "nothing is left behind"
    );
}

#[test]
fn an_empty_folder_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    pollster::block_on(async {
        FjallOptions::new()
            .open(folder.path())
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        FjallOptions::new()
            .create(false)
            .open(folder.path())
            .await
            .unwrap();
    });
}

/// A creation in an empty folder may be killed at any of its steps. What it leaves is told from what others left.
#[test]
fn a_creation_that_was_killed_is_begun_anew() {
    type Made = fn(&Path);
    type Row<'a> = (&'a [&'a dyn Fn(&Path)], bool);
    let log =
        |first: u8| move |folder: &Path| fs::write(folder.join("0.jnl"), [first; 100]).unwrap();
    let lock: Made = |folder| fs::write(folder.join("lock"), "").unwrap();
    let trees: Made = |folder| fs::create_dir(folder.join("keyspaces")).unwrap();
    let table: Made = |folder| fs::create_dir_all(folder.join("keyspaces/0")).unwrap();
    let other: Made = |folder| fs::write(folder.join("notes"), "mine").unwrap();
    let (unused, used) = (log(0), log(1));
    let rows: [Row<'_>; 6] = [
        (&[&lock], true),
        (&[&lock, &trees], true),
        (&[&lock, &trees, &unused], true),
        (&[&lock, &trees, &used], false),
        (&[&lock, &table, &unused], false),
        (&[&lock, &trees, &unused, &other], false),
    ];
    for (at, (steps, taken)) in rows.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        steps.iter().for_each(|make| make(folder.path()));
        let opened = pollster::block_on(FjallOptions::new().open(folder.path()));
        assert_eq!(opened.is_ok(), taken, "row {at}: {opened:?}");
        assert_eq!(folder.path().join("version").exists(), taken, "row {at}");
    }
}

#[test]
fn a_database_has_one_holder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    pollster::block_on(async {
        let engine = FjallOptions::new().open(&path).await.unwrap();
        let (kind, text) = kind(FjallOptions::new(), &path);
        assert_eq!(kind, ErrorKind::Locked, "{text}");
        assert!(text.contains("close it"), "{text}");
        if let Some(holder) = datastore_files::lock_holder(&path.join("lock")) {
            assert!(text.contains(&format!("process {holder}")), "{text}");
        }
        engine.close().await.unwrap();
        FjallOptions::new().open(&path).await.unwrap();
    });
}

/// A snapshot or scan that is forgotten does not keep the lock behind a close, and the last handle closes without being told.
#[test]
fn the_lock_ends_with_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    pollster::block_on(async {
        let engine = FjallOptions::new().open(&path).await.unwrap();
        let mut batch = Batch::new();
        batch.put(b"k", b"v").put(b"l", b"v");
        engine
            .commit(&batch, CommitOptions::default())
            .await
            .unwrap();
        let snapshot = engine.snapshot().await.unwrap();
        let mut scan = engine.scan(Scan::all());
        assert!(scan.try_next().await.unwrap().is_some());
        engine.close().await.unwrap();
        let again = FjallOptions::new().open(&path).await.unwrap();
        assert_eq!(again.get(b"k").await.unwrap().as_deref(), Some(&b"v"[..]));
        drop(again);
        drop(FjallOptions::new().open(&path).await.unwrap());
        drop((snapshot, scan));
    });
}
