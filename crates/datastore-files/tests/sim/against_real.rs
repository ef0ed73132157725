//! While the power is on, the simulation and the operating system's file system are the same.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use datastore_files::sim::{Node, PowerLossFs};
use datastore_files::{
    Dir, File, Fs, Kind, Links, LockMode, RealFs, Replace, SyncWhat, Wait, is_link,
};
use proptest::prelude::*;

use crate::runs::config;

/// Numbers stand for open folders and files, counted from the newest.
#[derive(Debug, Clone)]
enum Op {
    OpenDir(usize, PathBuf, Links),
    CreateDir(usize, OsString),
    RemoveDir(usize, OsString),
    List(usize),
    SyncDir(usize),
    OpenFile(usize, PathBuf),
    CreateFile(usize, OsString),
    Lock(usize, OsString, LockMode),
    Close(usize),
    Read(usize, usize, u64),
    Write(usize, Vec<u8>, u64),
    SyncFile(usize, SyncWhat),
    SetModified(usize, u64),
    FileMetadata(usize),
    Metadata(usize, PathBuf),
    Rename((usize, OsString), (usize, OsString), Replace),
    RemoveFile(usize, OsString),
    PlantLink(PathBuf, PathBuf),
}

fn name() -> impl Strategy<Value = OsString> {
    let plain = prop::sample::select(vec!["a", "b", "c"]);
    let odd = prop::sample::select(vec!["", ".", "..", "a/b", "/", "/a", "a/", "a\0b", "ü \n"]);
    let long = prop::sample::select(vec![255, 256]).prop_map(|len| "x".repeat(len));
    prop_oneof![
        40 => plain.prop_map(OsString::from),
        2 => odd.prop_map(OsString::from),
        1 => long.prop_map(OsString::from),
    ]
}

/// Where in a path a NUL is found out is nobody's concern.
fn path() -> impl Strategy<Value = PathBuf> {
    let depth = prop_oneof![3 => Just(1_usize), 2 => Just(2), 1 => Just(3)];
    depth
        .prop_flat_map(|depth| prop::collection::vec(name(), depth))
        .prop_map(|names| names.join(OsStr::new("/")))
        .prop_filter("no NUL", |path| !path.as_encoded_bytes().contains(&0))
        .prop_map(PathBuf::from)
}

fn plain_path() -> impl Strategy<Value = PathBuf> {
    prop::sample::select(vec!["a", "b", "c", "a/a", "a/b", "b/c", "c/a/b"]).prop_map(PathBuf::from)
}

fn target() -> impl Strategy<Value = PathBuf> {
    let targets = vec![
        "a",
        "b",
        "../a",
        "a/b",
        "../../outside",
        "missing",
        "./b/../c",
        "/missing",
    ];
    prop::sample::select(targets).prop_map(PathBuf::from)
}

fn op() -> impl Strategy<Value = Op> {
    let handle = || 0..4_usize;
    let entry = move || (handle(), name());
    let links = prop::sample::select(vec![Links::Refuse, Links::Follow]);
    let mode = prop::sample::select(vec![LockMode::Exclusive, LockMode::Shared]);
    let what = prop::sample::select(vec![SyncWhat::Data, SyncWhat::All]);
    let replace = prop::sample::select(vec![Replace::Yes, Replace::No]);
    let offset = prop_oneof![9 => 0..5000_u64, 1 => Just(u64::MAX)];
    let bytes = prop::collection::vec(any::<u8>(), 0..3000);
    prop_oneof![
        4 => (handle(), path(), links).prop_map(|(at, path, links)| Op::OpenDir(at, path, links)),
        4 => entry().prop_map(|(at, name)| Op::CreateDir(at, name)),
        2 => entry().prop_map(|(at, name)| Op::RemoveDir(at, name)),
        2 => handle().prop_map(Op::List),
        1 => handle().prop_map(Op::SyncDir),
        3 => (handle(), path()).prop_map(|(at, path)| Op::OpenFile(at, path)),
        4 => entry().prop_map(|(at, name)| Op::CreateFile(at, name)),
        2 => (entry(), mode).prop_map(|((at, name), mode)| Op::Lock(at, name, mode)),
        1 => handle().prop_map(Op::Close),
        3 => (handle(), 0..4000_usize, offset.clone()).prop_map(|(file, len, at)| Op::Read(file, len, at)),
        3 => (handle(), bytes, offset).prop_map(|(file, bytes, at)| Op::Write(file, bytes, at)),
        1 => (handle(), what).prop_map(|(file, what)| Op::SyncFile(file, what)),
        1 => (handle(), 0..u64::from(u32::MAX)).prop_map(|(file, nanos)| Op::SetModified(file, nanos)),
        2 => handle().prop_map(Op::FileMetadata),
        3 => (handle(), path()).prop_map(|(at, path)| Op::Metadata(at, path)),
        6 => (entry(), entry(), replace).prop_map(|(from, to, replace)| Op::Rename(from, to, replace)),
        2 => entry().prop_map(|(at, name)| Op::RemoveFile(at, name)),
        1 => (plain_path(), target()).prop_map(|(path, target)| Op::PlantLink(path, target)),
    ]
}

/// One of the two file systems, with what is open in it.
struct Side<'a> {
    fs: &'a dyn Fs,
    dirs: Vec<Dir>,
    files: Vec<File>,
    plant: &'a dyn Fn(&Path, &Path) -> io::Result<()>,
}

impl<'a> Side<'a> {
    fn open(
        fs: &'a dyn Fs,
        root: &Path,
        plant: &'a dyn Fn(&Path, &Path) -> io::Result<()>,
    ) -> Self {
        fs.create_root(root).unwrap();
        let dirs = vec![fs.open_root(root).unwrap()];
        Self {
            fs,
            dirs,
            files: Vec::new(),
            plant,
        }
    }

    fn dir(&self, back: usize) -> &Dir {
        &self.dirs[self.dirs.len() - 1 - back.min(self.dirs.len() - 1)]
    }

    fn file(&self, back: usize) -> io::Result<&File> {
        let index = self
            .files
            .len()
            .checked_sub(1 + back)
            .ok_or(io::ErrorKind::Other)?;
        Ok(&self.files[index])
    }

    fn open_file(&mut self, file: io::Result<File>) -> io::Result<String> {
        self.files.push(file?);
        Ok(String::new())
    }

    /// Does it and tells what came of it.
    fn act(&mut self, op: &Op) -> String {
        let done = match op {
            Op::OpenDir(at, path, links) => {
                self.fs.open_dir(self.dir(*at), path, *links).map(|dir| {
                    self.dirs.push(dir);
                    String::new()
                })
            }
            Op::CreateDir(at, name) => told(self.fs.create_dir(self.dir(*at), name)),
            Op::RemoveDir(at, name) => told(self.fs.remove_dir(self.dir(*at), name)),
            Op::List(dir) => self.list(self.dir(*dir)),
            Op::SyncDir(dir) => told(self.fs.sync_dir(self.dir(*dir))),
            Op::OpenFile(at, path) => {
                self.open_file(self.fs.open_file(self.dir(*at), path, Wait::Yes))
            }
            Op::CreateFile(at, name) => self.open_file(self.fs.create_file(self.dir(*at), name)),
            Op::Lock(at, name, mode) => self.open_file(self.fs.lock(self.dir(*at), name, *mode)),
            Op::Close(file) => {
                let closed = self
                    .files
                    .len()
                    .checked_sub(1 + file)
                    .map(|index| self.files.remove(index));
                Ok(format!("{}", closed.is_some()))
            }
            Op::Read(file, len, offset) => self.read(*file, *len, *offset),
            Op::Write(file, bytes, offset) => self
                .file(*file)
                .and_then(|file| told(self.fs.write_at(file, bytes, *offset))),
            Op::SyncFile(file, what) => self
                .file(*file)
                .and_then(|file| told(self.fs.sync_file(file, *what))),
            Op::SetModified(file, nanos) => self.set_modified(*file, *nanos),
            Op::FileMetadata(file) => self
                .file(*file)
                .and_then(|file| facts(self.fs.file_metadata(file))),
            Op::Metadata(at, path) => facts(self.fs.metadata(self.dir(*at), path, Wait::Yes)),
            Op::Rename(from, to, replace) => told(self.fs.rename(
                (self.dir(from.0), &from.1),
                (self.dir(to.0), &to.1),
                *replace,
            )),
            Op::RemoveFile(at, name) => told(self.fs.remove_file(self.dir(*at), name)),
            Op::PlantLink(path, target) => told((self.plant)(path, target)),
        };
        match done {
            Ok(told) => format!("ok {told}"),
            Err(error) if is_link(&error) => "link in the way".into(),
            Err(error) => format!("{:?}", error.kind()),
        }
    }

    fn list(&self, dir: &Dir) -> io::Result<String> {
        let entries: io::Result<Vec<_>> = self.fs.read_dir(dir)?.collect();
        let mut entries: Vec<String> = entries?.iter().map(|entry| format!("{entry:?}")).collect();
        entries.sort();
        Ok(entries.join(" "))
    }

    fn read(&self, file: usize, len: usize, offset: u64) -> io::Result<String> {
        let mut buffer = vec![0; len];
        let len = self
            .fs
            .read_at(self.file(file)?, &mut buffer, offset, Wait::Yes)?;
        Ok(format!("{:?}", &buffer[..len]))
    }

    fn set_modified(&self, file: usize, nanos: u64) -> io::Result<String> {
        let file = self.file(file)?;
        self.fs.set_modified(file, nanos)?;
        Ok(format!("{}", self.fs.file_metadata(file)?.modified))
    }
}

fn told<T: std::fmt::Debug>(result: io::Result<T>) -> io::Result<String> {
    result.map(|value| format!("{value:?}"))
}

/// Folders have sizes of their own on each file system.
fn facts(metadata: io::Result<datastore_files::Metadata>) -> io::Result<String> {
    metadata.map(|found| match found.kind {
        Kind::Dir => "folder".into(),
        kind => format!("{kind:?} of {}", found.len),
    })
}

/// In two corners of renaming, both refuse and the words differ: Linux calls a folder above the file "not empty", and a
/// folder that would go into itself is tried as a second link, which folders cannot have.
fn is_same(op: &Op, simulated: &str, real: &str) -> bool {
    let corner = [
        ("IsADirectory", "DirectoryNotEmpty"),
        ("InvalidInput", "PermissionDenied"),
    ];
    simulated == real || matches!(op, Op::Rename(..)) && corner.contains(&(simulated, real))
}

fn real_nodes(root: &Path) -> io::Result<BTreeMap<PathBuf, Node>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let kind = path.symlink_metadata()?.file_type();
            let node = if kind.is_symlink() {
                Node::Link(path.read_link()?)
            } else if kind.is_dir() {
                waiting.push(path.clone());
                Node::Dir
            } else {
                Node::File(std::fs::read(&path)?.into())
            };
            found.insert(path.strip_prefix(root).unwrap().to_owned(), node);
        }
    }
    Ok(found)
}

/// By both ways in which paths are reached.
fn check(ops: &[Op]) -> Result<(), TestCaseError> {
    check_on(RealFs::new(), ops)?;
    check_on(RealFs::name_by_name(), ops)
}

fn check_on(system: RealFs, ops: &[Op]) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("outer/root");
    let power = PowerLossFs::new();
    let plant_real =
        |path: &Path, target: &Path| std::os::unix::fs::symlink(target, root.join(path));
    let plant_simulated =
        |path: &Path, target: &Path| power.plant_link(Path::new("/outer/root").join(path), target);
    let mut real = Side::open(&system, &root, &plant_real);
    let mut simulated = Side::open(&power, Path::new("/outer/root"), &plant_simulated);
    for (index, op) in ops.iter().enumerate() {
        let (found, expected) = (simulated.act(op), real.act(op));
        prop_assert!(
            is_same(op, &found, &expected),
            "{index}: {op:?}: simulated {found}, real {expected}"
        );
    }
    let found = power
        .image()
        .nodes()
        .into_iter()
        .filter_map(|(path, node)| {
            let path = path.strip_prefix("/outer/root").ok()?;
            (path != Path::new("")).then(|| (path.to_owned(), node))
        });
    prop_assert_eq!(
        found.collect::<BTreeMap<_, _>>(),
        real_nodes(&root).unwrap()
    );
    Ok(())
}

#[test]
fn what_random_operations_seldom_find() {
    let link = |name: &str, target: &str| Op::PlantLink(name.into(), target.into());
    let follow = |name: &str| Op::OpenDir(0, name.into(), Links::Follow);
    let refuse = |name: &str| Op::OpenDir(0, name.into(), Links::Refuse);
    let dir = |name: &str| Op::CreateDir(0, name.into());
    let file = |name: &str| Op::CreateFile(0, name.into());
    let table: &[&[Op]] = &[
        // Through a file and up again.
        &[file("b"), dir("c"), link("a", "./b/../c"), follow("a")],
        &[
            dir("b"),
            dir("c"),
            link("a", "./b/../c"),
            follow("a"),
            file("in_c"),
        ],
        // Links in a circle, and links to links.
        &[link("a", "b"), link("b", "a"), follow("a"), refuse("a")],
        &[
            dir("c"),
            link("b", "c"),
            link("a", "b"),
            follow("a"),
            file("in_c"),
            Op::Metadata(1, "a".into()),
        ],
        // In a folder that is gone.
        &[
            dir("a"),
            refuse("a"),
            Op::RemoveDir(1, "a".into()),
            file("f"),
            Op::List(0),
            Op::SyncDir(0),
        ],
        // A file that has no name any more.
        &[
            file("a"),
            Op::RemoveFile(0, "a".into()),
            Op::Write(0, vec![1; 9], 3),
            Op::Read(0, 99, 0),
        ],
        // A lock follows the file, not the name.
        &[
            Op::Lock(0, "a".into(), LockMode::Exclusive),
            Op::Rename((0, "a".into()), (0, "b".into()), Replace::No),
            Op::Lock(0, "b".into(), LockMode::Shared),
            Op::Lock(0, "a".into(), LockMode::Shared),
        ],
    ];
    for ops in table {
        check(ops).unwrap();
    }
}

proptest! {
    #![proptest_config(config(4000, 1))]

    #[test]
    fn every_operation_does_and_says_the_same(ops in prop::collection::vec(op(), 1..60)) {
        check(&ops)?;
    }
}
