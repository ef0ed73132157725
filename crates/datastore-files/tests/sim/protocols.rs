//! Ways of storing a value: those that lose data are caught, and those that do not are not.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use datastore_files::sim::{CrashModel, Image, PowerLossFs};
use datastore_files::{Dir, File, Fs, Links, Replace, SyncWhat};

const STATES_A_CUT: usize = 60;

#[derive(Clone, Copy)]
enum Step {
    Write,
    SyncFile,
    Rename,
    SyncTarget,
    SyncSource,
    SyncParent,
    SyncAll,
}

use Step::{Rename, SyncAll, SyncFile, SyncParent, SyncSource, SyncTarget, Write};

/// Puts values one after the other, each from the folder `tmp` to a name in a folder of its own below `data`.
struct Store {
    fs: PowerLossFs,
    tmp: Dir,
    data: Dir,
    steps: &'static [Step],
}

struct Acknowledged {
    path: String,
    value: Vec<u8>,
    changes: usize,
}

impl Store {
    fn open(steps: &'static [Step]) -> io::Result<Self> {
        let fs = PowerLossFs::new();
        fs.create_root(Path::new("/store"))?;
        let root = fs.open_root(Path::new("/store"))?;
        for name in ["tmp", "data"] {
            fs.create_dir(&root, OsStr::new(name))?;
        }
        fs.sync_dir(&root)?;
        let tmp = fs.open_dir(&root, Path::new("tmp"), Links::Refuse)?;
        let data = fs.open_dir(&root, Path::new("data"), Links::Refuse)?;
        Ok(Self {
            fs,
            tmp,
            data,
            steps,
        })
    }

    fn put(&self, folder: &str, name: &str, value: &[u8]) -> io::Result<Acknowledged> {
        match self.fs.create_dir(&self.data, OsStr::new(folder)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let target = self
            .fs
            .open_dir(&self.data, Path::new(folder), Links::Refuse)?;
        let file = self.fs.create_file(&self.tmp, OsStr::new("t"))?;
        for step in self.steps {
            self.step(*step, &file, value, (&target, OsStr::new(name)))?;
        }
        let path = format!("/store/data/{folder}/{name}");
        Ok(Acknowledged {
            path,
            value: value.to_vec(),
            changes: self.fs.history_len(),
        })
    }

    fn step(&self, step: Step, file: &File, value: &[u8], to: (&Dir, &OsStr)) -> io::Result<()> {
        match step {
            Write => self.fs.write_at(file, value, 0).map(drop),
            SyncFile => self.fs.sync_file(file, SyncWhat::Data),
            Rename => self
                .fs
                .rename((&self.tmp, OsStr::new("t")), to, Replace::Yes),
            SyncTarget => self.fs.sync_dir(to.0),
            SyncSource => self.fs.sync_dir(&self.tmp),
            SyncParent => self.fs.sync_dir(&self.data),
            SyncAll => self.fs.sync_file_system(&self.tmp),
        }
    }
}

/// Whether some power cut loses or spoils a value that was acknowledged.
fn is_caught(steps: &'static [Step], model: CrashModel) -> bool {
    let store = Store::open(steps).unwrap();
    let mut puts: Vec<Acknowledged> = Vec::new();
    for (round, (folder, name)) in [("p", "a"), ("p", "b"), ("q", "a"), ("p", "a")]
        .into_iter()
        .enumerate()
    {
        let value = vec![b'1' + u8::try_from(round).unwrap(); 1300 + round];
        puts.push(store.put(folder, name, &value).unwrap());
    }
    (0..=store.fs.history_len()).any(|changes| {
        let states = store
            .fs
            .power_cut(changes)
            .model(model)
            .states(changes as u64, STATES_A_CUT);
        states.iter().any(|state| {
            puts.iter()
                .any(|put| is_lost(&put.path, changes, &puts, state.image()))
        })
    })
}

/// A name has the last value that was acknowledged before the cut, or one that was put later; none is broken.
fn is_lost(path: &str, changes: usize, puts: &[Acknowledged], image: &Image) -> bool {
    let of_path: Vec<&Acknowledged> = puts.iter().filter(|put| put.path == path).collect();
    let acknowledged = of_path.iter().filter(|put| put.changes <= changes).count();
    match image.read(path) {
        None => acknowledged > 0,
        Some(found) => !of_path[acknowledged.saturating_sub(1)..]
            .iter()
            .any(|put| put.value == found),
    }
}

#[test]
fn exactly_the_careless_are_caught() {
    let table: &[(&str, &'static [Step], bool)] = &[
        (
            "all syncs",
            &[Write, SyncFile, Rename, SyncTarget, SyncParent],
            false,
        ),
        (
            "parent first",
            &[Write, SyncFile, SyncParent, Rename, SyncTarget],
            false,
        ),
        (
            "everything before and after the rename",
            &[Write, SyncAll, Rename, SyncAll],
            false,
        ),
        (
            "everything before the rename only",
            &[Write, SyncAll, Rename],
            true,
        ),
        (
            "everything after the rename only",
            &[Write, Rename, SyncAll],
            true,
        ),
        (
            "everything before the write",
            &[SyncAll, Write, Rename, SyncAll],
            true,
        ),
        ("no sync", &[Write, Rename], true),
        (
            "no sync of the file",
            &[Write, Rename, SyncTarget, SyncParent],
            true,
        ),
        (
            "file synced before the write",
            &[SyncFile, Write, Rename, SyncTarget, SyncParent],
            true,
        ),
        (
            "file synced after the rename",
            &[Write, Rename, SyncFile, SyncTarget, SyncParent],
            true,
        ),
        (
            "no sync of the folder",
            &[Write, SyncFile, Rename, SyncParent],
            true,
        ),
        (
            "folder synced before the rename",
            &[Write, SyncFile, SyncTarget, Rename, SyncParent],
            true,
        ),
        (
            "the old name's folder synced",
            &[Write, SyncFile, Rename, SyncSource, SyncParent],
            true,
        ),
        (
            "no sync of the folder's own name",
            &[Write, SyncFile, Rename, SyncTarget],
            true,
        ),
    ];
    for (name, steps, expected) in table {
        for model in [CrashModel::Ordered, CrashModel::Chaos] {
            assert_eq!(is_caught(steps, model), *expected, "{name}, {model:?}");
        }
    }
}
