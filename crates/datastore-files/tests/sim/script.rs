//! Small scripts that act on a file system, and images as short texts.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use datastore_files::sim::{
    CrashModel, Errno, FailAll, Fault, FaultyFs, Image, NoFaults, Node, OpKind, PowerCut,
    PowerLossFs,
};
use datastore_files::{Dir, File, Fs, Links, Replace, SyncWhat};

/// Small, so that tables can show several blocks.
pub(crate) const BLOCK: usize = 4;

/// Runs scripts in the root of a simulated disk.
pub(crate) struct Runner {
    pub(crate) power: PowerLossFs,
    fs: FaultyFs,
    root: Dir,
    /// Open files by the path that they were created at.
    files: BTreeMap<String, File>,
}

impl Runner {
    pub(crate) fn new() -> Self {
        let power = PowerLossFs::new();
        let fs = power.with_faults(NoFaults);
        let root = fs.open_root(Path::new("/")).unwrap();
        Self {
            power,
            fs,
            root,
            files: BTreeMap::new(),
        }
    }

    /// Runs commands that `;` separates. A file is written and synced by the name that it was created with.
    pub(crate) fn run(&mut self, script: &str) {
        for command in script
            .split(';')
            .map(str::trim)
            .filter(|command| !command.is_empty())
        {
            let words: Vec<&str> = command.split_whitespace().collect();
            self.command(&words)
                .unwrap_or_else(|error| panic!("{command}: {error}"));
        }
    }

    /// Runs a command, whether it can be done or not.
    pub(crate) fn attempt(&mut self, command: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let _ = self.command(&words);
    }

    fn command(&mut self, words: &[&str]) -> io::Result<()> {
        match *words {
            ["mkdir", path] => self.at(path, FaultyFs::create_dir),
            ["rmdir", path] => self.at(path, FaultyFs::remove_dir),
            ["remove", path] => self.at(path, FaultyFs::remove_file),
            ["create", path] => {
                let file = self.at(path, FaultyFs::create_file)?;
                self.files.insert(path.to_owned(), file);
                Ok(())
            }
            ["write", path, text] => self.write(path, text, 0),
            ["write", path, text, "at", offset] => self.write(path, text, offset.parse().unwrap()),
            ["sync", path] => self.fs.sync_file(self.file(path)?, SyncWhat::Data),
            ["sync-dir", path] => self.fs.sync_dir(&self.dir(path)?),
            ["fail-sync", path] => {
                self.failing(OpKind::SyncFile, |runner| runner.command(&["sync", path]))
            }
            ["fail-sync-dir", path] => self.failing(OpKind::SyncDir, |runner| {
                runner.command(&["sync-dir", path])
            }),
            ["rename", from, to] => self.rename(from, to, Replace::Yes),
            ["rename-new", from, to] => self.rename(from, to, Replace::No),
            // A file that is whole and durable, with its name.
            ["put", path, text] => {
                let folder = Path::new(path).parent().unwrap().to_str().unwrap();
                self.run(&format!(
                    "create {path}; write {path} {text}; sync {path}; sync-dir {folder}/"
                ));
                Ok(())
            }
            _ => panic!("no such command"),
        }
    }

    fn failing(
        &mut self,
        kind: OpKind,
        act: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.fs
            .set_hook(FailAll::new(&[kind], Fault::Fail(Errno::Io)));
        let result = act(self);
        self.fs.set_hook(NoFaults);
        match result {
            Ok(()) => panic!("the sync was to fail"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
            Err(_) => Ok(()),
        }
    }

    fn dir(&self, path: &str) -> io::Result<Dir> {
        match path.trim_end_matches('/') {
            "" => Ok(self.root.clone()),
            path => self.fs.open_dir(&self.root, Path::new(path), Links::Refuse),
        }
    }

    fn file(&self, path: &str) -> io::Result<&File> {
        Ok(self.files.get(path).ok_or(io::ErrorKind::NotFound)?)
    }

    fn at<T>(
        &self,
        path: &str,
        act: impl FnOnce(&FaultyFs, &Dir, &OsStr) -> io::Result<T>,
    ) -> io::Result<T> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        act(&self.fs, &self.dir(dir)?, OsStr::new(name))
    }

    fn write(&self, path: &str, text: &str, offset: u64) -> io::Result<()> {
        let written = self
            .fs
            .write_at(self.file(path)?, text.as_bytes(), offset)?;
        assert_eq!(written, text.len());
        Ok(())
    }

    fn rename(&self, from: &str, to: &str, replace: Replace) -> io::Result<()> {
        self.at(from, |_, from_dir, from| {
            self.at(to, |fs, to_dir, to| {
                fs.rename((from_dir, from), (to_dir, to), replace)
            })
        })
    }

    pub(crate) fn cut(&self, model: CrashModel) -> PowerCut {
        self.power
            .power_cut(usize::MAX)
            .model(model)
            .block_size(BLOCK)
    }
}

/// An image as text: `name=contents` for a file, zeros as dots, and `name/` for a folder.
pub(crate) fn text_of(image: &Image) -> String {
    let nodes = image.nodes();
    let words: Vec<String> = nodes
        .iter()
        .map(|(path, node)| word_of(path, node))
        .collect();
    words.join(" ")
}

fn word_of(path: &Path, node: &Node) -> String {
    let name = path.strip_prefix("/").unwrap().display();
    match node {
        Node::File(contents) => {
            let contents = String::from_utf8(contents.to_vec())
                .unwrap()
                .replace('\0', ".");
            format!("{name}={contents}")
        }
        Node::Dir => format!("{name}/"),
        Node::Link(target) => format!("{name}->{}", target.display()),
    }
}

/// The images that a power cut may leave.
pub(crate) fn images(cut: &PowerCut, max: usize) -> BTreeSet<String> {
    cut.states(1, max)
        .iter()
        .map(|state| text_of(state.image()))
        .collect()
}
