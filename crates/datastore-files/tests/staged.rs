//! Changes in two steps: staged, then applied, by the same process or by one that finds what another left behind.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::sim::PowerLossFs;
use datastore_files::{Change, Changed, Contents, RealFs, Reason, Replace, Safety, Tree, Wait};

fn tree(root: &Path) -> Tree {
    Tree::open(Arc::new(RealFs::new()), root, Path::new(".tmp")).unwrap()
}

fn write(path: &str, value: &'static str) -> Change {
    Change::Write {
        path: path.into(),
        contents: Contents::Bytes(Bytes::from_static(value.as_bytes())),
        replace: Replace::Yes,
        obsolete: None,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn read(root: &Path, path: &str) -> Option<String> {
    std::fs::read_to_string(root.join(path)).ok()
}

#[test]
fn staged_changes_take_effect_when_applied() {
    for safety in [Safety::Process, Safety::Ordered, Safety::Power] {
        let root = tempfile::tempdir().unwrap();
        let tree = tree(root.path());
        for outcome in tree.apply(vec![write("a/old", "old"), write("a/gone", "x")], safety) {
            outcome.unwrap();
        }
        let remove = Change::Remove {
            path: "a/gone".into(),
            first: None,
        };
        let changes = vec![write("a/old", "new"), write("b/empty", ""), remove];
        let staged = tree.stage(changes, safety).unwrap();
        assert_eq!(read(root.path(), "a/old").unwrap(), "old");
        assert!(!root.path().join("b").exists());
        assert_eq!(
            names(&root.path().join(".tmp")).len(),
            3,
            "two values and the owner's lock"
        );
        let outcomes = tree.apply(staged, safety);
        assert!(matches!(
            outcomes[..],
            [
                Ok(Changed::Written(_)),
                Ok(Changed::Written(_)),
                Ok(Changed::Removed(_))
            ]
        ));
        assert_eq!(read(root.path(), "a/old").unwrap(), "new");
        assert_eq!(read(root.path(), "b/empty").unwrap(), "");
        assert!(!root.path().join("a/gone").exists());
        // What is staged and not applied goes.
        drop(tree.stage(vec![write("c", "c")], safety).unwrap());
        assert_eq!(names(&root.path().join(".tmp")).len(), 1);
    }
}

#[test]
fn leftovers_are_taken_over_and_published() {
    let root = tempfile::tempdir().unwrap();
    let living = tree(root.path());
    let own = living.temp_file().unwrap();
    let temp = root.path().join(".tmp");
    let own_name = own.name().to_str().unwrap().to_owned();
    for (name, value) in [
        ("dead-1.0", "value"),
        ("dead-1.1", "never published"),
        ("dead-1.2.note", "what to do"),
        ("dead-1.x.note", "no number"),
        ("dead-2.7.note", "another's"),
        ("other", "foreign"),
        (&format!("{own_name}.note"), "of a living owner"),
    ] {
        std::fs::write(temp.join(name), value).unwrap();
    }
    let tree = tree(root.path());
    let leftovers = tree.leftovers(".note").unwrap();
    let notes: Vec<_> = leftovers.iter().map(|left| left.notes().to_vec()).collect();
    assert_eq!(
        notes,
        [
            [Path::new(".tmp/dead-1.2.note").to_owned()],
            [Path::new(".tmp/dead-2.7.note").to_owned()]
        ]
    );
    let first = &leftovers[0];
    for strange in [
        "dead-2.7",
        "dead-1.9",
        "dead-1.2.note",
        "other",
        "../SHARDING",
        "",
    ] {
        assert!(first.temp_file(strange).unwrap().is_none(), "{strange}");
    }
    // Held, so neither swept nor taken by anybody else.
    assert!(tree.sweep().unwrap().is_empty());
    assert!(tree.leftovers(".note").unwrap().is_empty());
    let contents = Contents::Temp(first.temp_file("dead-1.0").unwrap().unwrap());
    assert_eq!(contents.len(), 5);
    drop(first.temp_file("dead-1.1").unwrap().unwrap());
    let change = Change::Write {
        path: "a/b".into(),
        contents,
        replace: Replace::Yes,
        obsolete: None,
    };
    tree.apply(vec![change], Safety::Power)
        .pop()
        .unwrap()
        .unwrap();
    assert_eq!(read(root.path(), "a/b").unwrap(), "value");
    drop(leftovers);
    assert_eq!(tree.sweep().unwrap(), [Path::new(".tmp/dead-1.1")]);
    drop(own);
}

#[test]
fn relocates_a_file_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let tree = tree(root.path());
    for outcome in tree.apply(vec![write("a/x", "x"), write("a/y", "y")], Safety::Process) {
        outcome.unwrap();
    }
    let (x, y, to) = (Path::new("a/x"), Path::new("a/y"), Path::new("b/c/z"));
    let before = tree.metadata(x, Wait::Yes).unwrap().unwrap();
    tree.relocate(x, to, Replace::No).unwrap();
    assert_eq!(tree.metadata(to, Wait::Yes).unwrap(), Some(before));
    let taken = tree.relocate(y, to, Replace::No).unwrap_err();
    assert_eq!(taken.reason(), Reason::AlreadyExists);
    assert_eq!(read(root.path(), "a/y").unwrap(), "y");
    let gone = tree.relocate(x, to, Replace::Yes).unwrap_err();
    assert_eq!(gone.reason(), Reason::NotFound);
    assert_eq!(read(root.path(), "b/c/z").unwrap(), "x");
}

/// Files tell by their time whether a loss of power can have damaged them.
#[test]
fn times_tell_what_was_synced() {
    let table = [
        (Safety::Process, "value", false),
        (Safety::Process, "", true),
        (Safety::Ordered, "value", true),
        (Safety::Ordered, "", true),
        (Safety::Power, "value", true),
    ];
    let root = tempfile::tempdir().unwrap();
    let tree = tree(root.path());
    let mut times = Vec::new();
    for round in 0..50 {
        for (number, (safety, value, expected)) in table.into_iter().enumerate() {
            if round > 2 && safety != Safety::Process {
                continue;
            }
            let path = format!("{number}");
            let outcome = tree.apply(vec![write(&path, value)], safety).pop().unwrap();
            let Ok(Changed::Written(written)) = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(
                written.was_synced_before_named(),
                expected,
                "{safety:?} {value:?}"
            );
            let found = tree.metadata(Path::new(&path), Wait::Yes).unwrap();
            assert_eq!(found, Some(written));
            if !value.is_empty() {
                times.push(written.modified);
            }
        }
    }
    let count = times.len();
    times.dedup();
    assert_eq!(times.len(), count, "each has a time of its own");
    assert!(times.is_sorted());
}

/// The time lasts with the contents, and folders before what is moved into them.
#[test]
fn signs_and_folders_last() {
    let fs = PowerLossFs::new();
    let tree_on =
        |fs: PowerLossFs| Tree::open(Arc::new(fs), Path::new("/store"), Path::new(".tmp"));
    datastore_files::Fs::create_root(&fs, Path::new("/store")).unwrap();
    let tree = tree_on(fs.clone()).unwrap();
    let changes = vec![write("a/value", "value"), write("b/empty", "")];
    tree.make_folders(&changes).unwrap();
    let made = fs.history_len();
    for outcome in tree.apply(changes, Safety::Power) {
        outcome.unwrap();
    }
    for state in fs.power_cut(fs.history_len()).states(1, 40) {
        let tree = tree_on(state.mount()).unwrap();
        for path in ["a/value", "b/empty"] {
            let found = tree.metadata(Path::new(path), Wait::Yes).unwrap().unwrap();
            assert!(found.was_synced_before_named(), "{path}");
        }
    }
    for state in fs.power_cut(made).states(1, 40) {
        let tree = tree_on(state.mount()).unwrap();
        for folder in ["a", "b"] {
            assert!(tree.folder_metadata(Path::new(folder)).unwrap().is_some());
        }
    }
}
