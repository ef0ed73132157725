//! What a tree can be told when it is opened, and keeping files as they are.
#![cfg(unix)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use datastore_files::sim::{Errno, FailNth, Fault, FaultyFs, NoFaults, OpKind};
use datastore_files::{
    Access, Change, Changed, Contents, Links, RealFs, Reason, Replace, Safety, Step, Tree, Wait,
};

const ALL: [Safety; 3] = [Safety::Process, Safety::Ordered, Safety::Power];

fn open(root: &Path) -> (Tree, FaultyFs) {
    let fs = FaultyFs::new(Arc::new(RealFs::new()), NoFaults);
    let tree = Tree::open(Arc::new(fs.clone()), root, Path::new(".tmp")).unwrap();
    (tree, fs)
}

fn write(path: &str) -> Change {
    Change::Write {
        path: path.into(),
        contents: Contents::Bytes(Bytes::from_static(b"value")),
        replace: Replace::Yes,
        obsolete: None,
    }
}

fn apply(tree: &Tree, change: Change, safety: Safety) -> datastore_files::Result<Changed> {
    tree.apply(vec![change], safety).pop().unwrap()
}

#[test]
fn files_get_the_rights_they_are_told() {
    for (access, mode) in [(Access::Owner, 0o600), (Access::ReadOnly, 0o444)] {
        let root = tempfile::tempdir().unwrap();
        let tree = open(root.path()).0.with_access(access);
        apply(&tree, write("a/b"), Safety::Process).unwrap();
        let found = std::fs::metadata(root.path().join("a/b")).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, mode, "{access:?}");
    }
}

#[test]
fn folders_made_are_told() {
    let root = tempfile::tempdir().unwrap();
    let told: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
    let list = Arc::clone(&told);
    let tree = open(root.path())
        .0
        .with_folder_made(Arc::new(move |_, path| {
            list.lock().unwrap().push(path.to_owned());
        }));
    for path in ["a/b/c", "a/b/d", "a/e"] {
        apply(&tree, write(path), Safety::Process).unwrap();
    }
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(told, [".tmp", "a", "a/b"].map(PathBuf::from));
}

#[test]
fn links_in_the_root_are_followed_only_if_told() {
    for safety in ALL {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        symlink(outside.path(), root.path().join("far")).unwrap();
        symlink(outside.path(), outside.path().join("further")).unwrap();
        let (strict, _) = open(root.path());
        let refused = apply(&strict, write("far/file"), safety).unwrap_err();
        assert_eq!(refused.reason(), Reason::LinkInTheWay);
        let steps = |tree: &Tree| {
            let mut walk = tree.walk(Path::new(""), |path| path != Path::new(".tmp"));
            std::iter::from_fn(|| walk.next(tree))
                .map(Result::unwrap)
                .filter(|step| *step != Step::Folder(".tmp".into()))
                .collect::<Vec<_>>()
        };
        assert_eq!(steps(&strict), [Step::Other("far".into())]);

        let tree = strict.with_links_in_root(Links::Follow);
        let written = apply(&tree, write("far/file"), safety).unwrap();
        assert!(matches!(written, Changed::Written(_)));
        assert!(outside.path().join("file").is_file());
        let path = Path::new("far/file");
        let file = tree.open_file(path, Wait::Yes).unwrap().unwrap();
        assert_eq!(file.read(0..9, Wait::Yes).unwrap(), "value");
        assert_eq!(tree.metadata(path, Wait::Yes).unwrap().unwrap().len, 5);
        let mut found = steps(&tree);
        found.sort_by_key(|step| format!("{step:?}"));
        let expected = [
            Step::File("far/file".into()),
            Step::Folder("far".into()),
            Step::Other("far/further".into()),
        ];
        assert_eq!(found, expected);
        tree.sync(&|_| true).unwrap();
        let deeper = apply(&tree, write("far/further/file"), safety).unwrap_err();
        assert_eq!(deeper.reason(), Reason::LinkInTheWay);
    }
}

#[test]
fn kept_files_are_synced_as_far_as_asked() {
    for (safety, files, folders, settled) in [
        (Safety::Process, 0, 0, false),
        (Safety::Ordered, 1, 0, false),
        // The folder and its own name.
        (Safety::Power, 1, 2, true),
    ] {
        let root = tempfile::tempdir().unwrap();
        let (tree, fs) = open(root.path());
        apply(&tree, write("a/b"), Safety::Process).unwrap();
        fs.reset_counts();
        let path = || PathBuf::from("a/b");
        let Ok(Changed::Kept(file)) = apply(&tree, Change::Keep { path: path() }, safety) else {
            panic!("the file is there");
        };
        let synced = (
            fs.counts().get(OpKind::SyncFile),
            fs.counts().get(OpKind::SyncDir),
        );
        assert_eq!(synced, (files, folders), "{safety:?}");
        assert_eq!(tree.is_settled(&path(), &file), settled, "{safety:?}");
        // Another file under that name is another matter.
        std::fs::remove_file(root.path().join("a/b")).unwrap();
        let gone = apply(&tree, Change::Keep { path: path() }, safety);
        assert_eq!(gone.unwrap(), Changed::WasAbsent);
        let Ok(Changed::Written(file)) = apply(&tree, write("a/b"), Safety::Process) else {
            panic!("it is written");
        };
        assert!(!tree.is_settled(&path(), &file));
    }
}

#[test]
fn a_file_whose_sync_failed_is_known_until_it_is_written_again() {
    let root = tempfile::tempdir().unwrap();
    let (tree, fs) = open(root.path());
    apply(&tree, write("a/b"), Safety::Process).unwrap();
    let path = Path::new("a/b");
    assert!(!tree.has_failed(path));
    fs.set_hook(FailNth::new(OpKind::SyncFile, 0, Fault::Fail(Errno::Io)));
    let keep = Change::Keep { path: path.into() };
    apply(&tree, keep, Safety::Power).unwrap_err();
    assert!(tree.has_failed(path));
    apply(&tree, write("a/b"), Safety::Process).unwrap();
    assert!(!tree.has_failed(path));
}

#[test]
fn removals_are_measured_if_told() {
    let root = tempfile::tempdir().unwrap();
    let tree = open(root.path()).0.with_measured_removals();
    apply(&tree, write("a/b"), Safety::Process).unwrap();
    let remove = || Change::Remove {
        path: "a/b".into(),
        first: None,
    };
    let Ok(Changed::Removed(Some(file))) = apply(&tree, remove(), Safety::Process) else {
        panic!("it was there");
    };
    assert_eq!(file.len, 5);
    let again = apply(&tree, remove(), Safety::Process);
    assert_eq!(again.unwrap(), Changed::WasAbsent);
}

#[test]
fn a_folder_is_opened_once_for_all_that_is_done_in_it() {
    let root = tempfile::tempdir().unwrap();
    let (tree, fs) = open(root.path());
    apply(&tree, write("a/b"), Safety::Process).unwrap();
    std::fs::create_dir(root.path().join("a/c")).unwrap();
    assert!(tree.folder(Path::new("a/b")).unwrap().is_none());
    fs.reset_counts();
    let folder = tree.folder(Path::new("a")).unwrap().unwrap();
    let mut names: Vec<_> = folder.entries().unwrap().map(|e| e.unwrap().name).collect();
    names.sort();
    assert_eq!(names, ["b", "c"]);
    for (name, value, exists) in [
        ("b", Some("value"), true),
        ("c", None, true),
        ("d", None, false),
    ] {
        let file = folder.open_file(name.as_ref()).unwrap();
        let read = file.map(|file| file.read(0..9, Wait::Yes).unwrap());
        assert_eq!(read.as_deref(), value.map(str::as_bytes), "{name}");
        let found = folder.metadata(name.as_ref()).unwrap();
        assert_eq!(found.is_some(), exists, "{name}");
    }
    assert_eq!(fs.counts().get(OpKind::OpenDir), 1);
}

#[test]
fn files_tell_whether_they_hold_given_bytes() {
    let root = tempfile::tempdir().unwrap();
    let (tree, _) = open(root.path());
    let long = Bytes::from(vec![7; 200_000]);
    let mut other = long.to_vec();
    other[150_000] = 8;
    for (held, asked, same) in [
        (Bytes::new(), &b""[..], true),
        (Bytes::new(), b"a", false),
        (Bytes::from_static(b"abc"), b"abc", true),
        (Bytes::from_static(b"abc"), b"abd", false),
        (Bytes::from_static(b"abc"), b"ab", false),
        (long.clone(), &long, true),
        (long.clone(), &other, false),
    ] {
        let change = Change::Write {
            path: "file".into(),
            contents: Contents::Bytes(held),
            replace: Replace::Yes,
            obsolete: None,
        };
        apply(&tree, change, Safety::Process).unwrap();
        let file = tree.open_file(Path::new("file"), Wait::Yes).unwrap();
        assert_eq!(file.unwrap().holds(asked, Wait::Yes).unwrap(), same);
    }
}

#[test]
fn values_in_pieces_are_taken_in_whole() {
    let root = tempfile::tempdir().unwrap();
    let (tree, _) = open(root.path());
    const MEGABYTE: usize = 1 << 20;
    for (pieces, in_memory) in [
        (vec![], true),
        (vec![5], true),
        (vec![0, 3, MEGABYTE - 4], true),
        (vec![MEGABYTE], false),
        (vec![3, MEGABYTE, 5, 2 * MEGABYTE, 0, 1], false),
    ] {
        let mut intake = datastore_files::Intake::new(&tree);
        let mut whole = Vec::new();
        for (at, len) in pieces.into_iter().enumerate() {
            let piece = vec![u8::try_from(at).unwrap(); len];
            whole.extend_from_slice(&piece);
            if intake.add(piece.into()) {
                intake = intake.write_out().unwrap();
            }
        }
        assert_eq!(intake.is_in_memory(), in_memory);
        let change = Change::Write {
            path: "file".into(),
            contents: intake.finish().unwrap(),
            replace: Replace::Yes,
            obsolete: None,
        };
        apply(&tree, change, Safety::Process).unwrap();
        let file = std::fs::read(root.path().join("file")).unwrap();
        assert!(file == whole, "{} of {} bytes", file.len(), whole.len());
    }
}

#[test]
fn a_limit_of_open_files_is_waited_for_a_while() {
    for (kind, kept) in [
        (OpKind::CreateFile, true),
        (OpKind::OpenDir, true),
        (OpKind::OpenFile, false),
    ] {
        let root = tempfile::tempdir().unwrap();
        let (tree, fs) = open(root.path());
        apply(&tree, write("a/b"), Safety::Process).unwrap();
        let act = || match kept {
            true => apply(&tree, write("a/b"), Safety::Process).map(drop),
            false => tree.open_file(Path::new("a/b"), Wait::Yes).map(drop),
        };
        let limit = Fault::Fail(Errno::TooManyFiles);
        fs.set_hook(FailNth::new(kind, 0, limit));
        act().unwrap();
        fs.reset_counts();
        fs.set_hook(FailNth::new(kind, 0, limit).and_onwards());
        let error = act().unwrap_err();
        assert_eq!(error.reason(), Reason::TooManyOpenFiles, "{kind:?}");
        assert!(fs.counts().get(kind) < 10, "it gives up soon");
    }
}
