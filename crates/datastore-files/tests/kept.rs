//! Folders that stay open.
#![cfg(unix)]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::sim::{FaultyFs, NoFaults, OpKind};
use datastore_files::{
    Change, Changed, Contents, RealFs, Reason, Replace, Result, Safety, Tree, Wait,
};

fn open(root: &Path) -> (Tree, FaultyFs) {
    let fs = FaultyFs::new(Arc::new(RealFs::new()), NoFaults);
    let tree = Tree::open(Arc::new(fs.clone()), root, Path::new(".tmp")).unwrap();
    (tree.with_open_folders(), fs)
}

fn write(tree: &Tree, path: &str, value: &'static str) -> Result<Changed> {
    let change = Change::Write {
        path: path.into(),
        contents: Contents::Bytes(Bytes::from_static(value.as_bytes())),
        replace: Replace::Yes,
        obsolete: None,
    };
    tree.apply(vec![change], Safety::Process).pop().unwrap()
}

fn remove(tree: &Tree, path: &str) -> Result<Changed> {
    let change = Change::Remove {
        path: path.into(),
        first: None,
    };
    tree.apply(vec![change], Safety::Process).pop().unwrap()
}

fn read(tree: &Tree, path: &str) -> Result<Option<Bytes>> {
    let file = tree.open_file(Path::new(path), Wait::Yes)?;
    file.map(|file| file.read(0..99, Wait::Yes)).transpose()
}

#[test]
fn a_folder_is_opened_once() {
    let root = tempfile::tempdir().unwrap();
    let (tree, fs) = open(root.path());
    write(&tree, "a/one", "1").unwrap();
    fs.reset_counts();
    write(&tree, "a/two", "2").unwrap();
    assert_eq!(read(&tree, "a/one").unwrap().unwrap(), "1");
    assert!(
        tree.metadata(Path::new("a/two"), Wait::Yes)
            .unwrap()
            .is_some()
    );
    assert_eq!(read(&tree, "a/three").unwrap(), None);
    assert!(matches!(remove(&tree, "a/one"), Ok(Changed::Removed(_))));
    assert_eq!(remove(&tree, "a/one").unwrap(), Changed::WasAbsent);
    assert_eq!(fs.counts().get(OpKind::OpenDir), 0);
    // Deeper folders are not kept.
    write(&tree, "a/b/c", "3").unwrap();
    fs.reset_counts();
    write(&tree, "a/b/c", "4").unwrap();
    assert_eq!(fs.counts().get(OpKind::OpenDir), 1);
}

/// Another program removes a folder that is kept open, and perhaps makes it again.
fn remove_meanwhile(root: &Path, again: bool) {
    std::fs::remove_dir_all(root.join("a")).unwrap();
    if again {
        std::fs::create_dir(root.join("a")).unwrap();
        std::fs::write(root.join("a/new"), "new").unwrap();
    }
}

#[test]
fn a_folder_that_is_gone_is_noticed() {
    for again in [false, true] {
        let new = again.then(|| Bytes::from_static(b"new"));
        for first in ["read", "look", "write", "remove"] {
            let root = tempfile::tempdir().unwrap();
            let (tree, _) = open(root.path());
            write(&tree, "a/old", "old").unwrap();
            assert!(read(&tree, "a/old").unwrap().is_some());
            remove_meanwhile(root.path(), again);
            let place = format!("made again: {again}, {first}");
            match first {
                "read" => assert_eq!(read(&tree, "a/new").unwrap(), new, "{place}"),
                "look" => {
                    let found = tree.metadata(Path::new("a/new"), Wait::Yes).unwrap();
                    assert_eq!(found.is_some(), new.is_some(), "{place}");
                }
                "write" => {
                    write(&tree, "a/more", "more").unwrap();
                    assert!(root.path().join("a/more").is_file(), "{place}");
                }
                _ => {
                    let removed = remove(&tree, "a/new").unwrap();
                    assert_eq!(
                        matches!(removed, Changed::Removed(_)),
                        new.is_some(),
                        "{place}"
                    );
                }
            }
            assert_eq!(read(&tree, "a/old").unwrap(), None, "{place}");
        }
    }
}

#[test]
fn a_link_in_place_of_a_folder_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let root = tempfile::tempdir().unwrap();
    let (tree, _) = open(root.path());
    write(&tree, "a/old", "old").unwrap();
    std::fs::remove_dir_all(root.path().join("a")).unwrap();
    symlink(outside.path(), root.path().join("a")).unwrap();
    let link = |error: datastore_files::FileError| error.reason() == Reason::LinkInTheWay;
    assert!(read(&tree, "a/secret").is_err_and(link));
    assert!(write(&tree, "a/secret", "mine").is_err_and(link));
    assert!(remove(&tree, "a/secret").is_err_and(link));
    let kept = std::fs::read(outside.path().join("secret")).unwrap();
    assert_eq!(kept, b"secret");
}
