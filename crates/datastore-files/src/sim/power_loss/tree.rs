//! Folders and files in memory: what the live file system and every image of it are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

/// Number of a file, folder or link. It is never used again.
pub(super) type Ino = u64;

pub(super) const ROOT: Ino = 1;
/// A folder without a path, which holds the files without a name.
pub(super) const NAMELESS: Ino = 0;

#[derive(Debug, Clone)]
pub(super) struct Tree {
    inodes: BTreeMap<Ino, Inode>,
}

#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) body: Body,
    pub(super) modified: u64,
    /// The names it has: one, none once removed, two while a rename that links first is half done.
    names: Vec<(Ino, OsString)>,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    File(Arc<Vec<u8>>),
    Dir(BTreeMap<OsString, Ino>),
    Link(PathBuf),
}

impl Body {
    pub(super) fn empty_file() -> Self {
        Self::File(Arc::default())
    }

    pub(super) fn empty_dir() -> Self {
        Self::Dir(BTreeMap::new())
    }

    pub(super) fn is_dir(&self) -> bool {
        matches!(self, Self::Dir(_))
    }
}

impl Tree {
    pub(super) fn new(modified: u64) -> Self {
        let root = Inode {
            body: Body::empty_dir(),
            modified,
            names: Vec::new(),
        };
        Self {
            inodes: BTreeMap::from([(ROOT, root)]),
        }
    }

    pub(super) fn get(&self, ino: Ino) -> Option<&Inode> {
        self.inodes.get(&ino)
    }

    pub(super) fn last_ino(&self) -> Ino {
        self.inodes.last_key_value().map_or(ROOT, |(ino, _)| *ino)
    }

    pub(super) fn entries(&self, dir: Ino) -> Option<&BTreeMap<OsString, Ino>> {
        match &self.get(dir)?.body {
            Body::Dir(entries) => Some(entries),
            Body::File(_) | Body::Link(_) => None,
        }
    }

    pub(super) fn child(&self, dir: Ino, name: &OsStr) -> Option<Ino> {
        self.entries(dir)?.get(name).copied()
    }

    pub(super) fn contents(&self, file: Ino) -> Option<&Arc<Vec<u8>>> {
        match &self.get(file)?.body {
            Body::File(contents) => Some(contents),
            Body::Dir(_) | Body::Link(_) => None,
        }
    }

    /// The folder that a folder lies in; the root lies in itself, and one that was removed nowhere.
    pub(super) fn parent(&self, dir: Ino) -> Option<Ino> {
        if dir == ROOT {
            return Some(ROOT);
        }
        self.get(dir)?.names.first().map(|(parent, _)| *parent)
    }

    /// Whether a folder can take names: it can no longer once it is removed.
    pub(super) fn is_linked(&self, dir: Ino) -> bool {
        self.parent(dir).is_some()
    }

    /// Adds a file, folder or link that has no name yet.
    pub(super) fn insert(&mut self, ino: Ino, body: Body, modified: u64) {
        self.inodes.insert(
            ino,
            Inode {
                body,
                modified,
                names: Vec::new(),
            },
        );
    }

    /// Gives `ino` a name, and takes that name from whatever had it.
    pub(super) fn link(&mut self, dir: Ino, name: &OsStr, ino: Ino) {
        self.unlink(dir, name);
        let Some(Inode {
            body: Body::Dir(entries),
            ..
        }) = self.inodes.get_mut(&dir)
        else {
            return;
        };
        entries.insert(name.to_owned(), ino);
        if let Some(inode) = self.inodes.get_mut(&ino) {
            inode.names.push((dir, name.to_owned()));
        }
    }

    /// Takes a name away.
    pub(super) fn unlink(&mut self, dir: Ino, name: &OsStr) {
        let Some(Inode {
            body: Body::Dir(entries),
            ..
        }) = self.inodes.get_mut(&dir)
        else {
            return;
        };
        let Some(ino) = entries.remove(name) else {
            return;
        };
        if let Some(inode) = self.inodes.get_mut(&ino) {
            inode
                .names
                .retain(|(at, known)| *at != dir || known != name);
        }
    }

    /// Takes all names of `ino` away.
    pub(super) fn unlink_all(&mut self, ino: Ino) {
        let names = self
            .get(ino)
            .map(|inode| inode.names.clone())
            .unwrap_or_default();
        for (dir, name) in names {
            self.unlink(dir, &name);
        }
    }

    pub(super) fn write(&mut self, file: Ino, bytes: &[u8], offset: usize) {
        if let Some(Inode {
            body: Body::File(contents),
            ..
        }) = self.inodes.get_mut(&file)
        {
            let contents = Arc::make_mut(contents);
            overwrite(contents, bytes, offset);
        }
    }

    pub(super) fn set_contents(&mut self, file: Ino, new: Arc<Vec<u8>>) {
        if let Some(Inode {
            body: Body::File(contents),
            ..
        }) = self.inodes.get_mut(&file)
        {
            *contents = new;
        }
    }

    pub(super) fn set_modified(&mut self, ino: Ino, modified: u64) {
        if let Some(inode) = self.inodes.get_mut(&ino) {
            inode.modified = modified;
        }
    }

    /// The numbers of all that has a path from one of `roots`, folders before what is in them.
    fn reachable_from(&self, mut found: Vec<Ino>) -> Vec<Ino> {
        let mut next = 0;
        while let Some(&ino) = found.get(next) {
            next += 1;
            found.extend(self.entries(ino).into_iter().flat_map(BTreeMap::values));
        }
        found
    }

    pub(super) fn reachable(&self) -> Vec<Ino> {
        self.reachable_from(vec![ROOT])
    }

    /// All names there are: folder, name, and what has it.
    pub(super) fn names(&self) -> Vec<(Ino, OsString, Ino)> {
        let named = |dir| {
            self.entries(dir)
                .into_iter()
                .flatten()
                .map(move |(name, ino)| (dir, name.clone(), *ino))
        };
        self.reachable().into_iter().flat_map(named).collect()
    }

    /// Drops what has no path.
    pub(super) fn prune(&mut self) {
        self.prune_except(std::iter::empty());
    }

    /// Drops what has no path, but for `kept` and what is in it.
    pub(super) fn prune_except(&mut self, kept: impl Iterator<Item = Ino>) {
        let roots = std::iter::once(ROOT).chain(kept).collect();
        let reachable: BTreeSet<Ino> = self.reachable_from(roots).into_iter().collect();
        self.inodes.retain(|ino, _| reachable.contains(ino));
    }
}

/// Writes at `offset`, over what is there and over zeros beyond it.
fn overwrite(contents: &mut Vec<u8>, bytes: &[u8], offset: usize) {
    let end = offset.saturating_add(bytes.len());
    if contents.len() < end {
        contents.resize(end, 0);
    }
    if let Some(place) = contents.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}
