//! What opening says of what it finds.

use std::{fs, path::Path};

use datastore_engine::{Engine, ErrorKind};
use datastore_fjall::FjallOptions;
use fjall::{Database, KeyspaceCreateOptions};

/// Besides what the public suite tries: a database of fjall that is not ours, or of another version.
#[test]
fn what_is_no_database_of_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let database = Database::builder(path("other")).open().unwrap();
    let theirs = database.keyspace("theirs", KeyspaceCreateOptions::default);
    theirs.unwrap().insert("k", "v").unwrap();
    drop(database);
    fs::create_dir(path("old")).unwrap();
    fs::write(path("old/version"), b"FJL\x02").unwrap();
    for (name, says) in [("other", "another program"), ("old", "version of fjall")] {
        let opened = pollster::block_on(FjallOptions::new().open(path(name)));
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Foreign, "{name}: {error}");
        assert_eq!(error.path(), Some(&*path(name)), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let database = Database::builder(path("other")).open().unwrap();
    let theirs = database.keyspace("theirs", KeyspaceCreateOptions::default);
    assert_eq!(
        theirs.unwrap().get("k").unwrap().as_deref(),
        Some(&b"v"[..])
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
