//! Folders that stay open.
#![cfg(unix)]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::sim::{Errno, FailNth, Fault, FaultyFs, NoFaults, OpKind};
use datastore_files::{Change, Changed, Contents, RealFs, Replace, Result, Safety, Tree, Wait};

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
    assert!(
        tree.metadata(Path::new("a/two"), Wait::Yes)
            .unwrap()
            .is_some()
    );
    assert!(matches!(remove(&tree, "a/one"), Ok(Changed::Removed(_))));
    assert_eq!(remove(&tree, "a/one").unwrap(), Changed::WasAbsent);
    assert_eq!(fs.counts().get(OpKind::OpenDir), 0);
    // Deeper folders are not kept.
    write(&tree, "a/b/c", "3").unwrap();
    fs.reset_counts();
    write(&tree, "a/b/c", "4").unwrap();
    assert_eq!(fs.counts().get(OpKind::OpenDir), 1);
}

/// At the limit of open files folders are let go, so that there is room for what is to be done.
#[test]
fn folders_are_let_go_where_too_many_files_are_open() {
    for (kind, call) in [
        (OpKind::CreateFile, "write"),
        (OpKind::OpenFile, "read"),
        (OpKind::OpenDir, "new folder"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let (tree, fs) = open(root.path());
        write(&tree, "a/one", "1").unwrap();
        fs.set_hook(FailNth::new(kind, 0, Fault::Fail(Errno::TooManyFiles)));
        match call {
            "write" => drop(write(&tree, "a/two", "2").unwrap()),
            "read" => assert_eq!(read(&tree, "a/one").unwrap().unwrap(), "1"),
            _ => drop(write(&tree, "b/one", "1").unwrap()),
        }
        fs.reset_counts();
        write(&tree, "a/three", "3").unwrap();
        let opened = fs.counts().get(OpKind::OpenDir);
        // The write that failed at first has opened its folder again.
        assert_eq!(opened, u64::from(call != "write"), "{call}");
    }
}

/// What another program does to a folder that is kept open.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Removed,
    MadeAgain,
    MovedAway,
    MovedAndLinked,
    MovedAndReplaced,
}

impl Meanwhile {
    const ALL: [Self; 5] = [
        Self::Removed,
        Self::MadeAgain,
        Self::MovedAway,
        Self::MovedAndLinked,
        Self::MovedAndReplaced,
    ];

    /// The folder ends up outside, or nowhere; another may take its place.
    fn happens(self, root: &Path, outside: &Path) {
        let folder = root.join("a");
        match self {
            Self::Removed | Self::MadeAgain => std::fs::remove_dir_all(&folder).unwrap(),
            _ => std::fs::rename(&folder, outside.join("a")).unwrap(),
        }
        match self {
            Self::MadeAgain | Self::MovedAndReplaced => {
                std::fs::create_dir(&folder).unwrap();
                std::fs::write(folder.join("new"), "new").unwrap();
            }
            Self::MovedAndLinked => symlink(outside.join("a"), &folder).unwrap(),
            _ => {}
        }
    }
}

/// What a call tells, and what is in the folders afterwards.
fn outcome(keeps: bool, meanwhile: Meanwhile, call: &str, name: &str) -> Vec<String> {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fs: Arc<dyn datastore_files::Fs> = Arc::new(RealFs::new());
    let tree = Tree::open(fs, root.path(), Path::new(".tmp")).unwrap();
    let tree = match keeps {
        true => tree.with_open_folders(),
        false => tree,
    };
    for name in ["a/old", "a/other"] {
        write(&tree, name, "old").unwrap();
        tree.metadata(Path::new(name), Wait::Yes).unwrap();
    }
    meanwhile.happens(root.path(), outside.path());
    let path = format!("a/{name}");
    let reason = |error: datastore_files::FileError| format!("{:?}", error.reason());
    let told = match call {
        "read" => read(&tree, &path).map(|found| format!("{found:?}")),
        "look" => tree
            .metadata(Path::new(&path), Wait::Yes)
            .map(|found| format!("{:?}", found.map(|found| found.len))),
        "write" => write(&tree, &path, "mine").map(|_| "written".to_owned()),
        _ => remove(&tree, &path).map(|removed| {
            let there = matches!(removed, Changed::Removed(_));
            format!("was there: {there}")
        }),
    };
    let mut lines = vec![told.unwrap_or_else(reason)];
    for folder in [root.path().join("a"), outside.path().join("a")] {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        let mut inside: Vec<String> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| format!("{:?} {:?}", path.file_name(), std::fs::read(&path)))
            .collect();
        inside.sort();
        lines.push(inside.join(", "));
    }
    lines
}

/// Whatever happens to a folder, a tree that keeps it open does as one that does not.
#[test]
fn a_folder_that_is_not_what_it_was_is_noticed() {
    for meanwhile in Meanwhile::ALL {
        for call in ["read", "look", "write", "remove"] {
            for name in ["old", "new"] {
                let place = format!("{meanwhile:?}, {call} of {name}");
                let expected = outcome(false, meanwhile, call, name);
                assert_eq!(outcome(true, meanwhile, call, name), expected, "{place}");
                let away = !matches!(meanwhile, Meanwhile::Removed | Meanwhile::MadeAgain);
                let whole =
                    "Some(\"old\") Ok([111, 108, 100]), Some(\"other\") Ok([111, 108, 100])";
                assert!(
                    !away || expected.iter().any(|line| line == whole),
                    "{place}: {expected:?}"
                );
            }
        }
    }
}
