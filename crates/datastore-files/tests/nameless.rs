//! Files that have no name until they stand in their place.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::sim::{
    Errno, FailNth, Fault, FaultHook, FaultyFs, FsOp, NoFaults, OpKind, PowerLossFs,
};
use datastore_files::{
    Access, Change, Changed, Contents, Dir, File, Fs, RealFs, Reason, Replace, Result, Safety,
    Tree, Wait,
};

const ROOT: &str = "/root";
const NEW: [&str; 3] = ["a/1", "b/2", "b/3"];
const OLD: [&str; 2] = ["a/old", "b/old"];

struct Disk {
    power: PowerLossFs,
    fs: FaultyFs,
    tree: Tree,
}

impl Disk {
    /// With files that last.
    fn new() -> Self {
        let power = PowerLossFs::new();
        let fs = power.with_faults(NoFaults);
        let dyn_fs: Arc<dyn Fs> = Arc::new(fs.clone());
        Tree::create(&*dyn_fs, Path::new(ROOT)).unwrap();
        let tree = Tree::open(dyn_fs, Path::new(ROOT), Path::new(".tmp")).unwrap();
        let disk = Self { power, fs, tree };
        for outcome in disk.write(&OLD, "old", Replace::Yes) {
            outcome.unwrap();
        }
        disk.fs.reset_counts();
        disk
    }

    fn prepared(&self, name: &str, value: &str, replace: Replace) -> Result<Change> {
        Ok(Change::Write {
            path: name.into(),
            contents: Contents::Temp(self.tree.prepare(value.as_bytes())?),
            replace,
            obsolete: None,
        })
    }

    /// Prepares all, and then applies all that could be.
    fn write(&self, names: &[&str], value: &str, replace: Replace) -> Vec<Result<Changed>> {
        let prepared: Vec<_> = names
            .iter()
            .map(|name| self.prepared(name, value, replace))
            .collect();
        let mut failed = Vec::new();
        let mut changes = Vec::new();
        for change in prepared {
            failed.push(change.map(|change| changes.push(change)));
        }
        let mut outcomes = self.tree.apply(changes, Safety::Power).into_iter();
        let outcome = |failed: Result<()>| failed.and_then(|()| outcomes.next().unwrap());
        failed.into_iter().map(outcome).collect()
    }

    /// Values that a file may have after a power cut, none standing for no file.
    fn after_power_cut(&self, name: &str) -> Vec<Option<Vec<u8>>> {
        let path = Path::new(ROOT).join(name);
        let states = self.power.crash_states(5, 60);
        let mut values: Vec<_> = states
            .iter()
            .map(|state| state.image().read(&path))
            .collect();
        values.sort();
        values.dedup();
        values
    }

    fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.power.image().read(Path::new(ROOT).join(name))
    }

    fn temporary_files(&self) -> Vec<String> {
        let at = self.fs.open_root(&Path::new(ROOT).join(".tmp")).unwrap();
        let entries = self.fs.read_dir(&at).unwrap();
        let names = entries.map(|entry| entry.unwrap().name.into_string().unwrap());
        names.filter(|name| !name.ends_with(".lock")).collect()
    }
}

fn some(value: &str) -> Option<Vec<u8>> {
    Some(value.as_bytes().to_vec())
}

#[test]
fn what_is_not_published_leaves_nothing() {
    let disk = Disk::new();
    let temp = disk.tree.prepare(b"value").unwrap().synced().unwrap();
    assert_eq!(disk.temporary_files(), Vec::<String>::new());
    for state in disk.power.crash_states(1, 60) {
        let nodes = state.image().nodes();
        let left = |path: &Path| {
            path.starts_with(Path::new(ROOT).join(".tmp"))
                && path.extension() != Some("lock".as_ref())
        };
        let found: Vec<_> = nodes.keys().filter(|path| left(path)).collect();
        assert!(found.len() <= 1, "{found:?}");
    }
    drop(temp);
    assert_eq!(disk.temporary_files(), Vec::<String>::new());
}

#[test]
fn a_new_value_takes_no_renaming_and_lasts() {
    let disk = Disk::new();
    for outcome in disk.write(&NEW, "new", Replace::Yes) {
        assert!(matches!(outcome.unwrap(), Changed::Written(_)));
    }
    let counts = disk.fs.counts();
    assert_eq!(counts.get(OpKind::Rename), NEW.len() as u64);
    assert_eq!(counts.get(OpKind::RemoveFile), 0);
    for name in NEW {
        assert_eq!(disk.after_power_cut(name), [some("new")], "{name}");
    }
}

#[test]
fn a_file_that_is_there_is_replaced_if_it_may_be() {
    for (replace, expected) in [(Replace::Yes, "new"), (Replace::No, "old")] {
        let disk = Disk::new();
        for outcome in disk.write(&OLD, "new", replace) {
            let refused = outcome.err().map(|error| error.reason());
            let expected = (replace == Replace::No).then_some(Reason::AlreadyExists);
            assert_eq!(refused, expected);
        }
        for name in OLD {
            assert_eq!(disk.after_power_cut(name), [some(expected)], "{name}");
        }
        assert_eq!(disk.temporary_files(), Vec::<String>::new());
    }
}

#[test]
fn staged_it_has_a_name() {
    let disk = Disk::new();
    let change = disk.prepared(NEW[0], "new", Replace::No).unwrap();
    let staged = disk.tree.stage(vec![change], Safety::Ordered).unwrap();
    assert_eq!(disk.temporary_files().len(), 1);
    for outcome in disk.tree.apply(staged, Safety::Power) {
        outcome.unwrap();
    }
    assert_eq!(disk.after_power_cut(NEW[0]), [some("new")]);
}

/// Whatever fails, each file has its old or its new contents whole, those of a success last, and nothing is left over.
#[test]
fn every_failure_at_every_step() {
    let names = [NEW.as_slice(), &OLD].concat();
    let disk = Disk::new();
    disk.write(&names, "new", Replace::Yes);
    for (case, hook) in FailNth::matrix(&disk.fs.counts()).enumerate() {
        let hook = Arc::new(hook);
        let disk = Disk::new();
        disk.fs.set_hook(Arc::clone(&hook));
        let outcomes = disk.write(&names, "new", Replace::Yes);
        disk.fs.set_hook(NoFaults);
        for (name, outcome) in names.iter().zip(outcomes) {
            let before = OLD.contains(name).then(|| b"old".to_vec());
            for found in disk.after_power_cut(name) {
                let right = found == some("new") || outcome.is_err() && found == before;
                assert!(right, "{case}: {hook:?}: {name}: {outcome:?}: {found:?}");
            }
        }
        for outcome in disk.write(&names, "again", Replace::Yes) {
            outcome.unwrap();
        }
        for name in &names {
            assert_eq!(disk.after_power_cut(name), [some("again")], "{name}");
        }
    }
}

/// What the system may refuse, and how many files are then made in all for the first put and the next.
#[test]
fn where_there_are_no_such_files() {
    struct Refuse(OpKind, Errno);
    impl FaultHook for Refuse {
        fn before(&self, op: &FsOp<'_>) -> Fault {
            let nameless = op.path.to_string_lossy().contains("(nameless");
            match nameless && op.kind == self.0 {
                true => Fault::Fail(self.1),
                false => Fault::Pass,
            }
        }
    }
    let table = [
        (OpKind::CreateFile, Errno::NotSupported),
        (OpKind::Rename, Errno::NotSupported),
        (OpKind::Rename, Errno::AccessDenied),
    ];
    for (kind, errno) in table {
        for name in ["a/1", "a/old"] {
            let disk = Disk::new();
            disk.fs.set_hook(Refuse(kind, errno));
            disk.write(&[name], "new", Replace::Yes).remove(0).unwrap();
            assert_eq!(
                disk.after_power_cut(name),
                [some("new")],
                "{kind:?} {errno:?}"
            );
            assert_eq!(disk.fs.counts().get(OpKind::CreateFile), 2);
            disk.fs.reset_counts();
            disk.write(&[name], "next", Replace::Yes).remove(0).unwrap();
            assert_eq!(disk.value(name), some("next"));
            assert_eq!(disk.fs.counts().get(OpKind::CreateFile), 1);
            assert_eq!(disk.temporary_files(), Vec::<String>::new());
        }
    }
}

/// Somebody removes the folder of temporary files while one has no name yet.
#[test]
fn without_the_folder_of_temporary_files() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::open(Arc::new(RealFs::new()), folder.path(), Path::new(".tmp")).unwrap();
    for (name, replace) in [
        ("new", Replace::No),
        ("new", Replace::Yes),
        ("new", Replace::Yes),
    ] {
        let change = |bytes: &'static [u8]| Change::Write {
            path: name.into(),
            contents: Contents::Temp(tree.prepare(bytes).unwrap()),
            replace,
            obsolete: None,
        };
        let change = change(b"value");
        std::fs::remove_dir_all(folder.path().join(".tmp")).unwrap();
        let outcome = tree.apply(vec![change], Safety::Power).remove(0);
        let has_one = std::fs::read(folder.path().join(name)).is_ok_and(|found| found == b"value");
        // A file with a name is gone with the folder, and says so.
        assert!(outcome.is_err() || has_one, "{outcome:?}");
        let bytes = Contents::Bytes(Bytes::from_static(b"value"));
        let again = Change::Write {
            path: name.into(),
            contents: bytes,
            replace: Replace::Yes,
            obsolete: None,
        };
        tree.apply(vec![again], Safety::Power).remove(0).unwrap();
    }
}

/// While the power is on, the simulation and the operating system do the same.
#[test]
fn as_on_a_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let real = told(&RealFs::new(), &root);
    let simulated = told(&PowerLossFs::new(), Path::new(ROOT));
    // File systems other than ext4 do not have them.
    if real != ["Unsupported"] {
        assert_eq!(real, simulated);
    }
    assert_eq!(simulated.len(), 9);
}

/// What comes of making files without a name, and of giving them some.
fn told(fs: &dyn Fs, root: &Path) -> Vec<String> {
    fs.create_root(root).unwrap();
    let at = fs.open_root(root).unwrap();
    for name in ["folder", "gone"] {
        fs.create_dir(&at, OsStr::new(name)).unwrap();
    }
    let open = |name| fs.open_dir(&at, Path::new(name), datastore_files::Links::Refuse);
    let (inside, gone) = (open("folder").unwrap(), open("gone").unwrap());
    fs.remove_dir(&at, OsStr::new("gone")).unwrap();
    let file = match fs.create_nameless(&at, Access::Usual) {
        Ok(file) => file,
        Err(error) => return vec![format!("{:?}", error.kind())],
    };
    fs.write_at(&file, b"value", 0).unwrap();
    let in_no_folder = fs.create_nameless(&gone, Access::Usual);
    let in_no_folder = in_no_folder.map_err(|error| error.kind());
    let mut told = vec![names(fs, &at), format!("{:?}", in_no_folder.err())];
    let mut give = |file: &File, dir: &Dir, name: &str| {
        let given = fs.give_name(file, (dir, OsStr::new(name)));
        told.push(format!("{:?}", given.map_err(|error| error.kind())));
    };
    give(&file, &gone, "name");
    give(&file, &at, "folder");
    give(&file, &at, "a/b");
    give(&file, &inside, "name");
    let other = fs.create_nameless(&inside, Access::ReadOnly).unwrap();
    give(&other, &inside, "name");
    told.push(names(fs, &inside));
    let found = fs.open_file(&inside, Path::new("name"), Wait::Yes).unwrap();
    let mut buffer = [0; 9];
    let len = fs.read_at(&found, &mut buffer, 0, Wait::Yes).unwrap();
    told.push(format!("{:?}", &buffer[..len]));
    told
}

fn names(fs: &dyn Fs, dir: &Dir) -> String {
    let entries: io::Result<Vec<_>> = fs.read_dir(dir).unwrap().collect();
    let mut names: Vec<_> = entries
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    names.sort();
    format!("{names:?}")
}
