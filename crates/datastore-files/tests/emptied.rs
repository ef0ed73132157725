//! Folders that removals empty, and those that they do not.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::sim::{FaultyFs, NoFaults, OpKind, PowerLossFs};
use datastore_files::{Change, Changed, Contents, Fs, Replace, Safety, Tree, Wait};

const ROOT: &str = "/root";
const FILES: usize = 200;
/// Of the removals of that many files, so many may try to remove the folder.
const MOST_TRIES: u64 = 20;

fn tree() -> (FaultyFs, Tree) {
    let fs = PowerLossFs::new().with_faults(NoFaults);
    let dyn_fs: Arc<dyn Fs> = Arc::new(fs.clone());
    Tree::create(&*dyn_fs, Path::new(ROOT)).unwrap();
    let tree = Tree::open(dyn_fs, Path::new(ROOT), Path::new(".tmp")).unwrap();
    (fs, tree)
}

fn path(index: usize) -> String {
    format!("a/b/{index:03}")
}

fn fill(tree: &Tree) {
    let write = |index| Change::Write {
        path: path(index).into(),
        contents: Contents::Bytes(Bytes::from_static(b"value")),
        replace: Replace::Yes,
        obsolete: None,
    };
    for outcome in tree.apply((0..FILES).map(write).collect(), Safety::Process) {
        outcome.unwrap();
    }
}

fn remove(tree: &Tree, index: usize, safety: Safety) {
    let change = Change::Remove {
        path: path(index).into(),
        first: None,
    };
    let outcome = tree.apply(vec![change], safety).pop().unwrap();
    assert!(matches!(outcome, Ok(Changed::Removed(_))), "{outcome:?}");
}

fn is_there(tree: &Tree, folder: &str) -> bool {
    let found = tree.metadata(Path::new(folder), Wait::Yes);
    found.unwrap().is_some()
}

#[test]
fn a_folder_goes_with_its_last_file_and_is_seldom_tried_before() {
    // The order of removal: as listed, the other way round, and criss-cross.
    let orders: [fn(usize) -> usize; 3] = [|at| at, |at| FILES - 1 - at, |at| at * 77 % FILES];
    for (number, order) in orders.into_iter().enumerate() {
        for safety in [Safety::Process, Safety::Ordered, Safety::Power] {
            let (fs, tree) = tree();
            fill(&tree);
            fs.reset_counts();
            for at in 0..FILES {
                assert!(is_there(&tree, "a/b"), "{number} {safety:?} {at}");
                remove(&tree, order(at), safety);
            }
            assert!(!is_there(&tree, "a"), "{number} {safety:?}");
            let tries = fs.counts().get(OpKind::RemoveDir);
            assert!(tries <= MOST_TRIES, "{number} {safety:?}: {tries}");
        }
    }
}

/// What a store knows of a folder may be out of date, as others change it too.
#[test]
fn a_folder_goes_whoever_removed_the_other_files() {
    for kept in [0, FILES / 2, FILES - 1] {
        let (fs, tree) = tree();
        fill(&tree);
        let others = (0..FILES).filter(|index| *index != kept);
        let (mine, theirs): (Vec<_>, Vec<_>) = others.partition(|index| index % 2 == 0);
        for index in mine {
            remove(&tree, index, Safety::Process);
        }
        let root = fs.open_root(Path::new(ROOT)).unwrap();
        let folder = fs.open_dir(&root, Path::new("a/b"), datastore_files::Links::Refuse);
        let folder = folder.unwrap();
        for index in theirs {
            let name = format!("{index:03}");
            fs.remove_file(&folder, name.as_ref()).unwrap();
        }
        assert!(is_there(&tree, "a/b"));
        remove(&tree, kept, Safety::Process);
        assert!(!is_there(&tree, "a"), "{kept}");
    }
}
