//! Temporary files: where they lie, whose they are, and how those of the dead are swept.

use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write};
use std::hash::BuildHasher;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use crate::error::{Action, FileError, Result};
use crate::fs::{
    Access, Dir, EMPTY_TIME, File, Fs, Kind, LockMode, Metadata, Replace, SYNCED_TIME, SyncWhat,
    Wait,
};
use crate::sweep::{Remove, sweep};
use crate::whole::{Failures, WholeSync};

pub(crate) const LOCK_SUFFIX: &str = ".lock";
/// Bytes that are copied at a time to another file system.
const COPY_PIECE: usize = 1 << 18;

/// A folder of temporary files, one owner among perhaps several.
///
/// Each owner has an id and holds a lock on the file `ID.lock` there for as long as it lives; its files are called
/// `ID.NUMBER`. So a file whose owner's lock can be had belongs to nobody.
pub(crate) struct TempArea {
    fs: Arc<dyn Fs>,
    dir: Dir,
    path: PathBuf,
    id: String,
    next: AtomicU64,
    /// Whether files without a name are to be had, as far as is known.
    nameless: AtomicBool,
    lock: Option<File>,
    whole: WholeSync,
}

impl fmt::Debug for TempArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TempArea")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl TempArea {
    /// Becomes an owner in the folder `dir`, whose path is told for messages.
    pub(crate) fn open(fs: Arc<dyn Fs>, dir: Dir, path: PathBuf) -> Result<Self> {
        let (id, lock) = loop {
            let id = new_id();
            let name = lock_name(&id);
            let full = path.join(&name);
            match fs.lock(&dir, &name, LockMode::Exclusive) {
                Ok(lock) => {
                    // Between its creation and its locking, a sweep may have taken the file for a dead one's.
                    if fs.metadata(&dir, Path::new(&name), Wait::Yes).is_ok() {
                        // For people who wonder whose it is.
                        let _ =
                            fs.write_at(&lock, format!("{}\n", std::process::id()).as_bytes(), 0);
                        break (id, lock);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(FileError::new(Action::Lock, &full, error)),
            }
        };
        Ok(Self {
            fs,
            dir,
            path,
            id,
            next: AtomicU64::new(0),
            nameless: AtomicBool::new(true),
            lock: Some(lock),
            whole: WholeSync::default(),
        })
    }

    /// Creates a temporary file. It is removed when dropped unless it was published.
    pub(crate) fn create(self: &Arc<Self>, access: Access) -> Result<TempFile> {
        let name = self.next_name();
        let failures = self.failures();
        let file = self.fs.create_file_for(&self.dir, &name, access);
        let file =
            file.map_err(|error| FileError::new(Action::Create, &self.path.join(&name), error))?;
        let mut temp = TempFile::new(Arc::clone(self), self.dir.clone(), name, Some(file));
        temp.made_after = Some(failures);
        Ok(temp)
    }

    /// As [`create`](Self::create), without a name until it is published, where there are such files: then it is created beside
    /// others, and needs no renaming.
    pub(crate) fn create_nameless(self: &Arc<Self>, access: Access) -> Result<TempFile> {
        if !self.nameless.load(Ordering::Relaxed) {
            return self.create(access);
        }
        let failures = self.failures();
        match self.fs.create_nameless(&self.dir, access) {
            Ok(file) => {
                let name = self.next_name();
                let mut temp = TempFile::new(Arc::clone(self), self.dir.clone(), name, Some(file));
                temp.made_after = Some(failures);
                temp.nameless = true;
                Ok(temp)
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.nameless.store(false, Ordering::Relaxed);
                self.create(access)
            }
            Err(error) => Err(FileError::new(Action::Create, &self.path, error)),
        }
    }

    fn next_name(&self) -> OsString {
        /// Of the largest number, and the dot.
        const DIGITS: usize = 21;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut name = String::with_capacity(self.id.len() + DIGITS);
        name.push_str(&self.id);
        // Writing to a string does not fail.
        let _ = write!(name, ".{number}");
        name.into()
    }

    /// Makes durable all that was done on the file system of the folder, and tells of failures as [`WholeSync::run`].
    pub(crate) fn sync_file_system(&self) -> io::Result<Failures> {
        self.whole.run(&*self.fs, &self.dir)
    }

    /// How many times [`sync_file_system`](Self::sync_file_system) failed.
    pub(crate) fn failures(&self) -> Failures {
        self.whole.failures()
    }

    /// Takes the place of an owner that is gone; none if it is not.
    pub(crate) fn take_over(
        fs: Arc<dyn Fs>,
        dir: Dir,
        path: PathBuf,
        id: String,
    ) -> Result<Option<Self>> {
        let name = lock_name(&id);
        let lock = match fs.lock(&dir, &name, LockMode::Exclusive) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(FileError::new(Action::Lock, &path.join(&name), error)),
        };
        Ok(Some(Self {
            fs,
            dir,
            path,
            id,
            // Nothing is created in its name any more.
            next: AtomicU64::new(u64::MAX),
            nameless: AtomicBool::new(false),
            lock: Some(lock),
            whole: WholeSync::default(),
        }))
    }

    /// A file that the owner left behind, finished as it is; none if there is no such file.
    pub(crate) fn left_behind(self: &Arc<Self>, name: &OsStr) -> Result<Option<TempFile>> {
        let found = match self.fs.metadata(&self.dir, Path::new(name), Wait::Yes) {
            Ok(found) if found.kind == Kind::File => found,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(FileError::new(
                    Action::Inspect,
                    &self.path.join(name),
                    error,
                ));
            }
        };
        let mut temp = TempFile::new(Arc::clone(self), self.dir.clone(), name.to_owned(), None);
        temp.len = found.len;
        temp.sealed = Some(found);
        temp.started = true;
        temp.synced = true;
        // Dropped, it stays: what comes of it may have to be tried again.
        temp.published = true;
        Ok(Some(temp))
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Removes the files of owners that are gone; gives their paths.
    pub(crate) fn sweep(&self) -> Result<Vec<PathBuf>> {
        sweep(
            &*self.fs,
            &self.dir,
            &self.path,
            Some(&self.id),
            Remove::Yes,
        )
    }
}

impl Drop for TempArea {
    fn drop(&mut self) {
        // What cannot be removed is swept by the next owner.
        let _ = self.fs.remove_file(&self.dir, &lock_name(&self.id));
        self.lock = None;
    }
}

fn lock_name(id: &str) -> OsString {
    OsString::from(format!("{id}{LOCK_SUFFIX}"))
}

/// Process, time and chance: unique among the living, and checked by creating the lock file.
fn new_id() -> String {
    let nanos = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let chance = RandomState::new().hash_one(nanos);
    format!("{:x}-{chance:016x}", std::process::id())
}

/// A file that has no name of its own yet.
pub struct TempFile {
    area: Arc<TempArea>,
    dir: Dir,
    name: OsString,
    /// Whether it does not have its name yet.
    nameless: bool,
    /// None once it is finished and closed.
    file: Option<File>,
    len: u64,
    /// How often syncing the file system had failed when it was made in the folder of its area; none if it was not made there.
    made_after: Option<Failures>,
    /// Its facts, once it has its time of change.
    sealed: Option<Metadata>,
    /// Whether its contents are on their way to the disk, or there.
    started: bool,
    synced: bool,
    published: bool,
}

impl fmt::Debug for TempFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TempFile")
            .field("name", &self.name)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl TempFile {
    fn new(area: Arc<TempArea>, dir: Dir, name: OsString, file: Option<File>) -> Self {
        Self {
            area,
            dir,
            name,
            nameless: false,
            file,
            len: 0,
            made_after: None,
            sealed: None,
            started: false,
            synced: false,
            published: false,
        }
    }

    /// Appends all of `bytes`. Blocks.
    ///
    /// # Errors
    ///
    /// [`Reason::NoSpace`](crate::Reason::NoSpace) and others; the file is of no use then.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.sealed = None;
        self.started = false;
        self.synced = false;
        while !bytes.is_empty() {
            let written = match self.area.fs.write_at(self.file()?, bytes, self.len) {
                Ok(0) => Err(io::Error::from(io::ErrorKind::WriteZero)),
                other => other,
            };
            let written = written.map_err(|error| self.failed(Action::Write, error))?;
            // A writer that claims more than it was given has taken all of it.
            bytes = bytes.get(written..).unwrap_or_default();
            self.len += written as u64;
        }
        Ok(())
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Finishes it but for syncing, which has to follow: a change of time while others sync would wait for them. With `hint` it starts its way to
    /// the disk.
    pub(crate) fn sealed(mut self, hint: bool) -> Result<Self> {
        self.seal(Time::OfSynced)?;
        if hint && !self.started {
            self.area.fs.start_sync(self.file()?);
            self.started = true;
        }
        Ok(self)
    }

    /// Makes the contents durable. Blocks.
    ///
    /// # Errors
    ///
    /// What syncing meets; the file is of no use then.
    pub fn synced(mut self) -> Result<Self> {
        self.sync()?;
        Ok(self)
    }

    /// Makes the contents durable, unless they are.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if !self.synced {
            self.seal(Time::OfSynced)?;
            // The time, which tells that it was synced, has to last with the contents.
            let synced = self.area.fs.sync_file(self.file()?, SyncWhat::All);
            synced.map_err(|error| self.failed(Action::Sync, error))?;
            self.started = true;
            self.synced = true;
        }
        Ok(())
    }

    /// Whether its contents are known to be durable.
    pub(crate) fn is_synced(&self) -> bool {
        self.synced
    }

    /// The area that it was made in and lies in.
    pub(crate) fn area(&self) -> Option<&Arc<TempArea>> {
        self.made_after.is_some().then_some(&self.area)
    }

    /// Takes note that the file system of an area was synced after so many failures.
    pub(crate) fn covered_by(&mut self, area: &Arc<TempArea>, failures: Failures) {
        let covered = Arc::ptr_eq(&self.area, area) && self.made_after == Some(failures);
        if covered && self.sealed.is_some() {
            self.started = true;
            self.synced = true;
        }
    }

    /// Gives it a time of change that no other file of this process has but empty ones, and tells its facts.
    pub(crate) fn seal(&mut self, time: Time) -> Result<Metadata> {
        if let Some(metadata) = self.sealed {
            return Ok(metadata);
        }
        let nanos = if self.is_empty() {
            now_nanos() / EMPTY_TIME * EMPTY_TIME
        } else {
            unique_nanos(time)
        };
        let stamped = self.area.fs.set_modified(self.file()?, nanos);
        stamped.map_err(|error| self.failed(Action::Write, error))?;
        let metadata = self.area.fs.file_metadata(self.file()?);
        let metadata = metadata.map_err(|error| self.failed(Action::Inspect, error))?;
        self.sealed = Some(metadata);
        Ok(metadata)
    }

    /// Facts about it as it is now. The time of change is by the file system's clock until it is published.
    ///
    /// # Errors
    ///
    /// What asking meets.
    pub fn metadata(&self) -> Result<Metadata> {
        if let Some(metadata) = self.sealed {
            return Ok(metadata);
        }
        let metadata = self.area.fs.file_metadata(self.file()?);
        metadata.map_err(|error| self.failed(Action::Inspect, error))
    }

    /// Its name in the folder of temporary files.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Finishes it but for syncing, and closes it.
    pub(crate) fn closed(mut self) -> Result<Self> {
        self.seal(Time::OfOthers)?;
        if self.nameless {
            let named = self.take_own_name();
            named.map_err(|error| self.failed(Action::Create, error))?;
        }
        self.started = true;
        self.file = None;
        Ok(self)
    }

    /// The open file, to be closed later.
    pub(crate) fn take_file(&mut self) -> Option<File> {
        self.file.take()
    }

    fn file(&self) -> Result<&File> {
        let closed = || self.failed(Action::Write, io::ErrorKind::InvalidInput.into());
        self.file.as_ref().ok_or_else(closed)
    }

    /// Moves it to its place.
    pub(crate) fn publish(&mut self, dir: &Dir, name: &OsStr, replace: Replace) -> io::Result<()> {
        if self.nameless {
            match self.give_name(dir, name) {
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && replace == Replace::Yes =>
                {
                    self.take_own_name()
                        .map_err(|error| self.unnamable(error))?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                named => {
                    named.map_err(|error| self.unnamable(error))?;
                    self.nameless = false;
                    self.published = true;
                    return Ok(());
                }
            }
        }
        self.area
            .fs
            .rename((&self.dir, &self.name), (dir, name), replace)?;
        self.published = true;
        Ok(())
    }

    fn give_name(&self, dir: &Dir, name: &OsStr) -> io::Result<()> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
        self.area.fs.give_name(file, (dir, name))
    }

    /// Takes its name in the folder of temporary files.
    fn take_own_name(&mut self) -> io::Result<()> {
        // Even if that fails there may be a file to remove.
        self.nameless = false;
        self.give_name(&self.dir, &self.name)
    }

    /// If files without a name are not allowed to get one here, or the folder of temporary files is gone: no more of them are
    /// made, and this one has to be copied, as to another file system.
    fn unnamable(&self, error: io::Error) -> io::Error {
        match error.kind() {
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::NotFound
            | io::ErrorKind::Unsupported => {
                self.area.nameless.store(false, Ordering::Relaxed);
                io::ErrorKind::CrossesDevices.into()
            }
            _ => error,
        }
    }

    /// Whether a file holds the same. Blocks.
    pub(crate) fn is_same_as(&self, file: &File) -> io::Result<bool> {
        let reopened = self.reopened()?;
        let Some(own) = reopened.as_ref().or(self.file.as_ref()) else {
            return Ok(false);
        };
        let piece = self.len.min(COPY_PIECE as u64) as usize;
        let (mut ours, mut theirs) = (vec![0; piece], vec![0; piece]);
        let mut at = 0;
        while at < self.len {
            let count = self.read_full(own, &mut ours, at)?;
            let same = self.read_full(file, &mut theirs, at)? == count && ours == theirs;
            if count == 0 || !same {
                return Ok(false);
            }
            at += count as u64;
        }
        Ok(true)
    }

    /// Reads until the buffer is full or the file ends; what is left of the buffer is zeros then.
    fn read_full(&self, file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let offset = at + filled as u64;
            match self.area.fs.read_at(file, rest, offset, Wait::Yes)? {
                0 => {
                    rest.fill(0);
                    break;
                }
                count => filled += count,
            }
        }
        Ok(filled)
    }

    /// The file, opened once more if it was closed.
    fn reopened(&self) -> io::Result<Option<File>> {
        match &self.file {
            Some(_) => Ok(None),
            None => {
                let fs = &self.area.fs;
                fs.open_file(&self.dir, Path::new(&self.name), Wait::Yes)
                    .map(Some)
            }
        }
    }

    /// A copy in the folder `dir` on another file system, as finished as this one. Its name is one that go-ds-flatfs knows
    /// for a temporary file in such a place.
    pub(crate) fn copied_to(&self, dir: &Dir, access: Access) -> Result<Self> {
        let name = OsString::from(format!("put-{}", unique_nanos(Time::OfOthers)));
        let file = self.area.fs.create_file_for(dir, &name, access);
        let file = file.map_err(|error| self.failed(Action::Create, error))?;
        let mut copy = Self::new(Arc::clone(&self.area), dir.clone(), name, Some(file));
        let reopened = self.reopened();
        let reopened = reopened.map_err(|error| self.failed(Action::Open, error))?;
        let from = match reopened.as_ref() {
            Some(file) => file,
            None => self.file()?,
        };
        let mut buffer = vec![0; COPY_PIECE];
        while copy.len < self.len {
            let read = self.area.fs.read_at(from, &mut buffer, copy.len, Wait::Yes);
            match read.map_err(|error| self.failed(Action::Read, error))? {
                0 => return Err(self.failed(Action::Read, io::ErrorKind::UnexpectedEof.into())),
                count => copy.write_all(buffer.get(..count).unwrap_or_default())?,
            }
        }
        if self.synced {
            copy.sync()?;
        }
        Ok(copy)
    }

    fn failed(&self, action: Action, error: io::Error) -> FileError {
        FileError::new(action, &self.area.path.join(&self.name), error)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.published && !self.nameless {
            let _ = self.area.fs.remove_file(&self.dir, &self.name);
        }
    }
}

/// Nanoseconds since 1970.
fn now_nanos() -> u64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(0)
}

/// What the time of change of a file tells: see [`Metadata::was_synced_before_named`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// It is synced before it gets its name.
    OfSynced,
    OfOthers,
}

/// Nanoseconds since 1970, never the same twice in this process.
fn unique_nanos(time: Time) -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = now_nanos();
    let later = |last: u64| {
        let next = now.max(last.saturating_add(1));
        match time {
            Time::OfSynced => next.checked_next_multiple_of(SYNCED_TIME).unwrap_or(next),
            Time::OfOthers if next % SYNCED_TIME == 0 => next.saturating_add(1),
            Time::OfOthers => next,
        }
    };
    match LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(later(last))
    }) {
        Ok(last) | Err(last) => later(last),
    }
}
