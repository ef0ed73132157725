//! The live file system: what programs see while the power is on, and the history of how it came about.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use super::change::Change;
use super::image::Image;
use super::locks::Locks;
use super::losses::Losses;
use super::tree::{Body, Ino, NAMELESS, ROOT, Tree};
use crate::fs::{Kind, Metadata, Replace, link_error};
use crate::sim::Errno;

/// 2023-11-14: any time will do that is plausible and the same in every run.
// Times as clocks tell them: of no round number.
const FIRST_TIME: u64 = 1_700_000_000_123_456_789;
const TICK: u64 = 1_000_003;
const BLOCK: u64 = 4096;
/// A wild offset must not take all memory.
const MAX_FILE: usize = 1 << 30;
const MAX_NAME: usize = 255;
/// As Linux has it.
const MAX_LINKS: usize = 40;

#[derive(Debug)]
pub(super) struct Disk {
    /// The disk before the first change.
    pub(super) base: Tree,
    pub(super) live: Tree,
    pub(super) history: Vec<Arc<Change>>,
    pub(super) locks: Locks,
    pub(super) losses: Losses,
    next_ino: Ino,
    time: u64,
}

impl Disk {
    pub(super) fn new(image: &Image) -> Self {
        let mut base = image.tree.clone();
        base.insert(NAMELESS, Body::empty_dir(), FIRST_TIME);
        let times = base
            .reachable()
            .into_iter()
            .filter_map(|ino| base.get(ino))
            .map(|inode| inode.modified);
        Self {
            time: times.max().unwrap_or_default().max(FIRST_TIME),
            next_ino: base.last_ino() + 1,
            live: base.clone(),
            base,
            history: Vec::new(),
            locks: Locks::default(),
            losses: Losses::default(),
        }
    }

    pub(super) fn empty() -> Self {
        Self::new(&Image {
            tree: Tree::new(FIRST_TIME),
        })
    }

    pub(super) fn record(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.history.push(Arc::new(change));
    }

    fn tick(&mut self) -> u64 {
        self.time = self.time.saturating_add(TICK);
        self.time
    }

    /// Follows a path of plain names and no links; the last one may be a link itself.
    pub(super) fn lookup(&self, at: Ino, path: &Path) -> io::Result<Ino> {
        let mut current = at;
        for component in path.components() {
            current = self.child(current, component.as_os_str())?;
        }
        Ok(current)
    }

    /// As [`lookup`](Self::lookup), and the last one is no link either.
    pub(super) fn lookup_no_link(&self, at: Ino, path: &Path) -> io::Result<Ino> {
        let found = self.lookup(at, path)?;
        match self.kind(found)? {
            Kind::Link => Err(link_error()),
            _ => Ok(found),
        }
    }

    /// Follows any path, links included, to what is no link.
    pub(super) fn lookup_following(&self, at: Ino, path: &Path) -> io::Result<Ino> {
        if path.as_os_str().is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut links = 0;
        let mut current = at;
        let mut waiting = reversed(path);
        while let Some(step) = waiting.pop() {
            let next = match step {
                Step::Root => ROOT,
                Step::Up => self.above(current)?,
                Step::Down(name) => self.child(current, &name)?,
            };
            match self.live.get(next).map(|inode| &inode.body) {
                Some(Body::Link(target)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::TooManyLinks.into());
                    }
                    waiting.extend(reversed(target));
                }
                _ => current = next,
            }
        }
        Ok(current)
    }

    fn child(&self, dir: Ino, name: &OsStr) -> io::Result<Ino> {
        self.check_place(dir, name)?;
        Ok(self.live.child(dir, name).ok_or(io::ErrorKind::NotFound)?)
    }

    fn above(&self, dir: Ino) -> io::Result<Ino> {
        self.check_dir(dir)?;
        Ok(self.live.parent(dir).ok_or(io::ErrorKind::NotFound)?)
    }

    /// Checks that there can be something of this name in a folder.
    fn check_place(&self, dir: Ino, name: &OsStr) -> io::Result<()> {
        self.check_dir(dir)?;
        if !self.live.is_linked(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if name.len() > MAX_NAME {
            return Err(Errno::NameTooLong.into());
        }
        Ok(())
    }

    pub(super) fn kind(&self, ino: Ino) -> io::Result<Kind> {
        Ok(
            match self.live.get(ino).ok_or(io::ErrorKind::NotFound)?.body {
                Body::File(_) => Kind::File,
                Body::Dir(_) => Kind::Dir,
                Body::Link(_) => Kind::Link,
            },
        )
    }

    pub(super) fn check_dir(&self, ino: Ino) -> io::Result<()> {
        match self.kind(ino)? {
            Kind::Dir => Ok(()),
            Kind::Link => Err(link_error()),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn create(&mut self, dir: Ino, name: &OsStr, body: Body) -> io::Result<Ino> {
        self.check_place(dir, name)?;
        if self.live.child(dir, name).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(self.create_as(dir, name.to_owned(), body))
    }

    /// A file that has no name until it gets one.
    pub(super) fn create_nameless(&mut self, dir: Ino) -> io::Result<Ino> {
        let name = nameless(self.next_ino);
        self.check_place(dir, &name)?;
        Ok(self.create_as(NAMELESS, name, Body::empty_file()))
    }

    pub(super) fn give_name(&mut self, ino: Ino, dir: Ino, name: &OsStr) -> io::Result<()> {
        self.check_place(dir, name)?;
        if self.live.child(dir, name).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let from = nameless(ino);
        self.live
            .child(NAMELESS, &from)
            .ok_or(io::ErrorKind::InvalidInput)?;
        self.record(Change::Rename {
            from: (NAMELESS, from),
            to: (dir, name.to_owned()),
            ino,
            replace: Replace::No,
            replaced: None,
        });
        Ok(())
    }

    fn create_as(&mut self, dir: Ino, name: OsString, body: Body) -> Ino {
        let ino = self.next_ino;
        self.next_ino += 1;
        let time = self.tick();
        self.record(Change::Create {
            dir,
            name,
            ino,
            body,
            time,
        });
        ino
    }

    pub(super) fn remove(&mut self, dir: Ino, name: &OsStr, what: Kind) -> io::Result<()> {
        let ino = self.child(dir, name)?;
        let entries = self.live.entries(ino);
        match (what, entries) {
            (Kind::Dir, None) => return Err(io::ErrorKind::NotADirectory.into()),
            (Kind::Dir, Some(entries)) if !entries.is_empty() => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            (Kind::Dir, Some(_)) | (_, None) => {}
            (_, Some(_)) => return Err(io::ErrorKind::IsADirectory.into()),
        }
        self.record(Change::Remove {
            dir,
            name: name.to_owned(),
            ino,
        });
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        from: (Ino, &OsStr),
        to: (Ino, &OsStr),
        replace: Replace,
    ) -> io::Result<()> {
        let ino = self.child(from.0, from.1)?;
        self.check_place(to.0, to.1)?;
        let replaced = self.live.child(to.0, to.1);
        if let Some(target) = replaced {
            if replace == Replace::No {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            if target == ino {
                return Ok(());
            }
            self.check_replaceable(ino, target)?;
        }
        if self.lies_in(to.0, ino) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let own = |(dir, name): (Ino, &OsStr)| (dir, name.to_owned());
        self.record(Change::Rename {
            from: own(from),
            to: own(to),
            ino,
            replace,
            replaced,
        });
        Ok(())
    }

    fn check_replaceable(&self, ino: Ino, target: Ino) -> io::Result<()> {
        let error = match (self.live.entries(ino), self.live.entries(target)) {
            (None, None) => return Ok(()),
            (None, Some(_)) => io::ErrorKind::IsADirectory,
            (Some(_), None) if self.lies_in(target, ino) => io::ErrorKind::InvalidInput,
            (Some(_), None) => io::ErrorKind::NotADirectory,
            (Some(_), Some(entries)) if entries.is_empty() => return Ok(()),
            (Some(_), Some(_)) => io::ErrorKind::DirectoryNotEmpty,
        };
        Err(error.into())
    }

    /// Whether `ino` is the folder `above` or below it.
    fn lies_in(&self, ino: Ino, above: Ino) -> bool {
        let mut current = ino;
        loop {
            if current == above {
                return true;
            }
            match self.live.parent(current) {
                Some(parent) if parent != current => current = parent,
                _ => return false,
            }
        }
    }

    pub(super) fn write(&mut self, ino: Ino, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let too_large = || io::Error::from(Errno::FileTooLarge);
        let offset = usize::try_from(offset).map_err(|_| too_large())?;
        if offset
            .checked_add(bytes.len())
            .is_none_or(|end| end > MAX_FILE)
        {
            return Err(too_large());
        }
        let time = self.tick();
        self.record(Change::Write {
            ino,
            offset,
            bytes: bytes.into(),
            time,
        });
        Ok(bytes.len())
    }

    pub(super) fn set_modified(&mut self, ino: Ino, nanos: u64) {
        self.record(Change::SetModified { ino, nanos });
    }

    pub(super) fn read(&self, ino: Ino, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let contents = self.live.contents(ino).ok_or(io::ErrorKind::IsADirectory)?;
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(contents.len());
        let rest = contents.get(start..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        if let (Some(place), Some(found)) = (buffer.get_mut(..len), rest.get(..len)) {
            place.copy_from_slice(found);
        }
        Ok(len)
    }

    pub(super) fn metadata(&self, ino: Ino) -> io::Result<Metadata> {
        let inode = self.live.get(ino).ok_or(io::ErrorKind::NotFound)?;
        let len = match &inode.body {
            Body::File(contents) => contents.len() as u64,
            Body::Dir(_) => BLOCK,
            Body::Link(target) => target.as_os_str().len() as u64,
        };
        let allocated = len.div_ceil(BLOCK) * BLOCK;
        Ok(Metadata {
            kind: self.kind(ino)?,
            len,
            allocated,
            id: ino,
            modified: inode.modified,
        })
    }
}

/// What stands for a name among the files without one.
fn nameless(ino: Ino) -> OsString {
    ino.to_string().into()
}

enum Step {
    Root,
    Up,
    Down(OsString),
}

fn reversed(path: &Path) -> Vec<Step> {
    let step = |component: Component<'_>| match component {
        Component::RootDir => Some(Step::Root),
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Down(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(step).collect()
}
