//! The trait [`Fs`] over the simulated disk.

use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, PoisonError};

use super::change::{Outcome, Synced};
use super::tree::{Body, Ino, ROOT};
use super::{PowerLossFs, Process};
use crate::fs::{
    Access, Dir, DirEntry, Entries, File, Fs, Instant, Kind, Links, LockMode, Metadata, Replace,
    SyncWhat, Wait,
};
use crate::real;
use crate::sim::Errno;

pub(super) struct SimDir {
    process: Arc<Process>,
    ino: Ino,
}

pub(super) struct SimFile {
    process: Arc<Process>,
    ino: Ino,
    writable: bool,
    /// Losses up to this length of the history do not concern the handle, or were told to it.
    told: Mutex<usize>,
    _lock: Option<LockGuard>,
}

struct LockGuard {
    fs: PowerLossFs,
    ino: Ino,
    number: u64,
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        self.fs.disk().locks.release(self.ino, self.number);
    }
}

impl PowerLossFs {
    pub(super) fn dir_ino(&self, dir: &Dir) -> io::Result<Ino> {
        let dir = dir.inner::<SimDir>()?;
        self.check_own(&dir.process)?;
        Ok(dir.ino)
    }

    pub(super) fn file_ino(&self, file: &File) -> io::Result<Ino> {
        let file = file.inner::<SimFile>()?;
        self.check_own(&file.process)?;
        Ok(file.ino)
    }

    fn dir(&self, ino: Ino) -> Dir {
        Dir::new(SimDir {
            process: Arc::clone(&self.process),
            ino,
        })
    }

    fn file(&self, ino: Ino, writable: bool, lock: Option<LockGuard>) -> File {
        let told = Mutex::new(self.history_len());
        File::new(SimFile {
            told,
            process: Arc::clone(&self.process),
            ino,
            writable,
            _lock: lock,
        })
    }
}

impl Fs for PowerLossFs {
    fn create_root(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut parent = ROOT;
        let mut components = path.components().peekable();
        while let Some(component) = components.next() {
            let last = components.peek().is_none();
            let mut disk = self.live()?;
            let found = disk.lookup_following(parent, Path::new(&component));
            parent = match (found, component) {
                (Ok(_), _) if last => return Err(io::ErrorKind::AlreadyExists.into()),
                (Err(error), Component::Normal(name))
                    if error.kind() == io::ErrorKind::NotFound =>
                {
                    disk.check_dir(parent)?;
                    let created = disk.create(parent, name, Body::empty_dir())?;
                    drop(disk);
                    self.sync(parent, Synced::Names, Outcome::Durable)?;
                    created
                }
                (found, _) => found?,
            };
        }
        Ok(())
    }

    fn open_root(&self, path: &Path) -> io::Result<Dir> {
        let disk = self.live()?;
        let ino = disk.lookup_following(ROOT, path)?;
        disk.check_dir(ino)?;
        Ok(self.dir(ino))
    }

    fn instant(&self, _: &Dir) -> Instant {
        Instant {
            lookup: true,
            read: true,
        }
    }

    fn open_dir(&self, at: &Dir, path: &Path, links: Links) -> io::Result<Dir> {
        check_path(path)?;
        let at = self.dir_ino(at)?;
        let disk = self.live()?;
        let mut ino = disk.lookup(at, path)?;
        if links == Links::Follow && disk.kind(ino)? == Kind::Link {
            let parent = disk.lookup(at, path.parent().unwrap_or(Path::new("")))?;
            ino = disk.lookup_following(parent, Path::new(path.file_name().unwrap_or_default()))?;
        }
        disk.check_dir(ino)?;
        Ok(self.dir(ino))
    }

    fn create_dir(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        check_name(name)?;
        let at = self.dir_ino(at)?;
        self.live()?.create(at, name, Body::empty_dir()).map(drop)
    }

    fn remove_dir(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        check_name(name)?;
        let at = self.dir_ino(at)?;
        self.live()?.remove(at, name, Kind::Dir)
    }

    fn read_dir(&self, dir: &Dir) -> io::Result<Entries> {
        let dir = self.dir_ino(dir)?;
        let entries = SimEntries {
            fs: self.clone(),
            dir,
            fetched: Vec::new(),
            last: None,
            failed: false,
        };
        Ok(Box::new(entries))
    }

    fn sync_file_system(&self, dir: &Dir) -> io::Result<()> {
        self.sync(self.dir_ino(dir)?, Synced::Everything, Outcome::Durable)
    }

    fn sync_dir(&self, dir: &Dir) -> io::Result<()> {
        self.live()?.check_names(self.dir_ino(dir)?)?;
        self.sync(self.dir_ino(dir)?, Synced::Names, Outcome::Durable)
    }

    fn open_file(&self, at: &Dir, path: &Path, _: Wait) -> io::Result<File> {
        check_path(path)?;
        let ino = self.live()?.lookup_no_link(self.dir_ino(at)?, path)?;
        Ok(self.file(ino, false, None))
    }

    fn create_file(&self, at: &Dir, name: &OsStr) -> io::Result<File> {
        check_name(name)?;
        let at = self.dir_ino(at)?;
        let ino = self.live()?.create(at, name, Body::empty_file())?;
        Ok(self.file(ino, true, None))
    }

    fn create_nameless(&self, at: &Dir, _: Access) -> io::Result<File> {
        let at = self.dir_ino(at)?;
        let mut disk = self.live()?;
        let ino = disk.create_nameless(at)?;
        drop(disk);
        Ok(self.file(ino, true, None))
    }

    fn give_name(&self, file: &File, to: (&Dir, &OsStr)) -> io::Result<()> {
        check_name(to.1)?;
        let (ino, dir) = (self.file_ino(file)?, self.dir_ino(to.0)?);
        self.live()?.give_name(ino, dir, to.1)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64, _: Wait) -> io::Result<usize> {
        check_offset(offset)?;
        let ino = self.file_ino(file)?;
        self.live()?.read(ino, buffer, offset)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        check_offset(offset)?;
        let ino = self.file_ino(file)?;
        if !file.inner::<SimFile>()?.writable {
            return Err(Errno::BadHandle.into());
        }
        self.live()?.write(ino, bytes, offset)
    }

    fn sync_file(&self, file: &File, what: SyncWhat) -> io::Result<()> {
        let told = &file.inner::<SimFile>()?.told;
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        self.live()?
            .check_contents(self.file_ino(file)?, &mut told)?;
        drop(told);
        self.sync(
            self.file_ino(file)?,
            Synced::Contents(what),
            Outcome::Durable,
        )
    }

    fn set_modified(&self, file: &File, nanos: u64) -> io::Result<()> {
        let ino = self.file_ino(file)?;
        self.live()?.set_modified(ino, nanos);
        Ok(())
    }

    fn file_metadata(&self, file: &File) -> io::Result<Metadata> {
        let ino = self.file_ino(file)?;
        self.live()?.metadata(ino)
    }

    fn dir_metadata(&self, dir: &Dir) -> io::Result<Metadata> {
        let ino = self.dir_ino(dir)?;
        self.live()?.metadata(ino)
    }

    fn metadata(&self, at: &Dir, path: &Path, _: Wait) -> io::Result<Metadata> {
        check_path(path)?;
        let at = self.dir_ino(at)?;
        let disk = self.live()?;
        disk.metadata(disk.lookup(at, path)?)
    }

    fn rename(&self, from: (&Dir, &OsStr), to: (&Dir, &OsStr), replace: Replace) -> io::Result<()> {
        check_name(from.1)?;
        check_name(to.1)?;
        let (from_dir, to_dir) = (self.dir_ino(from.0)?, self.dir_ino(to.0)?);
        self.live()?
            .rename((from_dir, from.1), (to_dir, to.1), replace)
    }

    fn remove_file(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        check_name(name)?;
        let at = self.dir_ino(at)?;
        self.live()?.remove(at, name, Kind::File)
    }

    fn lock(&self, at: &Dir, name: &OsStr, mode: LockMode) -> io::Result<File> {
        check_name(name)?;
        let at = self.dir_ino(at)?;
        let mut disk = self.live()?;
        let ino = match disk.lookup_no_link(at, Path::new(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                disk.create(at, name, Body::empty_file())
            }
            found => found,
        }?;
        if disk.kind(ino)? == Kind::Dir {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let number = disk
            .locks
            .take(ino, self.process.number, mode)
            .ok_or(Errno::WouldBlock)?;
        drop(disk);
        let guard = LockGuard {
            fs: self.clone(),
            ino,
            number,
        };
        Ok(self.file(ino, true, Some(guard)))
    }
}

fn check_path(path: &Path) -> io::Result<()> {
    real::check_path(path)?;
    check_nul(path.as_os_str())
}

fn check_name(name: &OsStr) -> io::Result<()> {
    real::check_name(name)?;
    check_nul(name)
}

/// Systems whose paths end with a NUL refuse it elsewhere.
fn check_nul(text: &OsStr) -> io::Result<()> {
    if text.as_encoded_bytes().contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(())
}

/// Systems count with a sign.
fn check_offset(offset: u64) -> io::Result<()> {
    match i64::try_from(offset) {
        Ok(_) => Ok(()),
        Err(_) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Entries come in no useful order, as on real file systems, and in chunks between which the folder may change.
struct SimEntries {
    fs: PowerLossFs,
    dir: Ino,
    /// Fetched and not yet given, last first.
    fetched: Vec<(u64, DirEntry)>,
    last: Option<u64>,
    failed: bool,
}

const CHUNK: usize = 32;

impl SimEntries {
    fn fetch(&mut self) -> io::Result<()> {
        let disk = self.fs.live()?;
        for (name, &ino) in disk.live.entries(self.dir).into_iter().flatten() {
            let place = place_of(name);
            if self.last.is_none_or(|last| place > last) {
                self.fetched.push((
                    place,
                    DirEntry {
                        name: name.clone(),
                        kind: disk.kind(ino)?,
                    },
                ));
            }
        }
        self.fetched.sort_unstable_by_key(|(place, _)| *place);
        self.fetched.truncate(CHUNK);
        self.fetched.reverse();
        Ok(())
    }
}

impl Iterator for SimEntries {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        if self.fetched.is_empty() {
            if let Err(error) = self.fetch() {
                self.failed = true;
                return Some(Err(error));
            }
        }
        let (place, entry) = self.fetched.pop()?;
        self.last = Some(place);
        Some(Ok(entry))
    }
}

fn place_of(name: &OsStr) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
