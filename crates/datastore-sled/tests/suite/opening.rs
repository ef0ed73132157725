//! What opening says of what it finds, and what a close leaves.

use std::{fs, path::Path};

use datastore_engine::{Batch, CommitOptions, Durability, Engine, EngineReader, ErrorKind};
use datastore_sled::SledOptions;
use pollster::block_on;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Besides what the public suite tries: databases of sled that are not ours.
#[test]
fn databases_of_others_are_refused() {
    type Fill = fn(&sled::Db);
    let rows: [(&str, Fill); 2] = [
        ("in its own tree", |database| {
            drop(database.insert("k", "v").unwrap());
        }),
        ("in another tree", |database| {
            let theirs = database.open_tree("theirs").unwrap();
            theirs.insert("k", "v").unwrap();
        }),
    ];
    for (name, fill) in rows {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other");
        let database = sled::open(&path).unwrap();
        fill(&database);
        database.flush().unwrap();
        drop(database);
        // sled's threads let go of the lock a little later.
        let error = loop {
            let error = block_on(SledOptions::new().open(&path)).unwrap_err();
            if error.kind() != ErrorKind::Locked {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::Foreign, "{name}: {error}");
        assert_eq!(error.path(), Some(&*path), "{error}");
        assert!(error.to_string().contains("another program"), "{error}");
        let database = sled::open(&path).unwrap();
        let tree = if database.is_empty() {
            database.open_tree("theirs").unwrap()
        } else {
            (*database).clone()
        };
        assert_eq!(tree.get("k").unwrap().as_deref(), Some(&b"v"[..]), "{name}");
    }
}

/// A creation may be killed at any of its steps. What it leaves is told from what others left, and from what was lost.
#[test]
fn a_creation_that_was_killed_is_begun_anew() {
    type Step = fn(&Path);
    let settings: Step = |folder| fs::write(folder.join("conf"), "segment_si").unwrap();
    let blobs: Step = |folder| fs::create_dir(folder.join("blobs")).unwrap();
    let log: Step = |folder| fs::write(folder.join("db"), "").unwrap();
    let begun: Step = |folder| fs::write(folder.join("datastore-sled"), "").unwrap();
    let value: Step = |folder| fs::write(folder.join("blobs/7"), "value").unwrap();
    let other: Step = |folder| fs::write(folder.join("notes"), "mine").unwrap();
    let rows: [(&[Step], Option<ErrorKind>); 8] = [
        (&[], None),
        (&[blobs], None),
        (&[blobs, settings], None),
        (&[blobs, settings, log], None),
        (&[blobs, settings, log, begun], Some(ErrorKind::Damaged)),
        (&[blobs, settings, begun], Some(ErrorKind::Damaged)),
        (&[blobs, settings, log, value], Some(ErrorKind::Damaged)),
        (&[blobs, settings, log, other], Some(ErrorKind::Foreign)),
    ];
    for (at, (steps, expected)) in rows.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        steps.iter().for_each(|make| make(folder.path()));
        let before = names(folder.path());
        let missing = block_on(SledOptions::new().create(false).open(folder.path())).unwrap_err();
        let not_there = expected.unwrap_or(ErrorKind::NotFound);
        assert_eq!(missing.kind(), not_there, "row {at}: {missing}");
        assert_eq!(names(folder.path()), before, "row {at}");
        let opened = block_on(SledOptions::new().open(folder.path()));
        let told = opened.as_ref().err().map(datastore_engine::Error::kind);
        assert_eq!(told, expected, "row {at}: {opened:?}");
    }
}

/// sled sums up what it has read when it is opened: behind a close there is nothing to sum up.
#[test]
fn a_close_leaves_nothing_to_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, killed) = (folder.path().join("database"), folder.path().join("killed"));
    let summary = |folder: &Path| {
        names(folder)
            .into_iter()
            .find(|name| name.starts_with("snap."))
    };
    let reopened = |folder: &Path| {
        let before = summary(folder);
        let engine = block_on(SledOptions::new().create(false).open(folder)).unwrap();
        assert_eq!(block_on(engine.check()).unwrap().entries, 300);
        let after = summary(folder);
        block_on(engine.close()).unwrap();
        (before, after)
    };
    let engine = block_on(SledOptions::new().open(&path)).unwrap();
    for n in 0..300_u32 {
        let mut batch = Batch::new();
        batch.put(&n.to_be_bytes(), &[7; 3000]);
        block_on(engine.commit(&batch, CommitOptions::default())).unwrap();
    }
    fs::create_dir_all(killed.join("blobs")).unwrap();
    for name in names(&path).iter().filter(|name| *name != "blobs") {
        fs::copy(path.join(name), killed.join(name)).unwrap();
    }
    block_on(engine.close()).unwrap();
    let (before, after) = reopened(&path);
    assert!(before.is_some() && before == after, "{before:?}, {after:?}");
    let (before, after) = reopened(&killed);
    assert_ne!(before, after, "a kill leaves something");
}

/// What was committed at `Volatile` is there behind a close, and behind a sync for whoever is killed.
#[test]
fn a_sync_takes_along_what_is_volatile() {
    let folder = tempfile::tempdir().unwrap();
    let (path, killed) = (folder.path().join("database"), folder.path().join("killed"));
    let engine = block_on(SledOptions::new().open(&path)).unwrap();
    let mut batch = Batch::new();
    batch.put(b"k", b"v");
    let volatile = CommitOptions::at(Durability::Volatile);
    block_on(engine.commit(&batch, volatile)).unwrap();
    assert_eq!(block_on(engine.sync()).unwrap(), Durability::Process);
    fs::create_dir_all(killed.join("blobs")).unwrap();
    for name in names(&path).iter().filter(|name| *name != "blobs") {
        fs::copy(path.join(name), killed.join(name)).unwrap();
    }
    let left = block_on(SledOptions::new().create(false).open(&killed)).unwrap();
    assert_eq!(
        block_on(left.get(b"k")).unwrap().as_deref(),
        Some(&b"v"[..])
    );
}
