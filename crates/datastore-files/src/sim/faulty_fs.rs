//! A file system whose operations fail as told.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::fault::{Fault, FaultHook, FsOp, OpCounts, OpKind};
use super::power_loss::PowerLossFs;
use crate::fs::{
    Access, Dir, DirEntry, Entries, File, Fs, Instant, Links, LockMode, Metadata, Replace,
    SyncWhat, Wait,
};

/// Wraps a file system and fails its operations as a [`FaultHook`] says. Clones share hook and counts.
///
/// [`Fs::instant`], [`Fs::start_sync`] and [`Fs::unwritten`] cannot fail, so they are neither counted nor asked about.
#[derive(Clone)]
pub struct FaultyFs {
    inner: Arc<dyn Fs>,
    control: Arc<Control>,
}

struct Control {
    hook: RwLock<Arc<dyn FaultHook>>,
    counts: [AtomicU64; OpKind::ALL.len()],
    /// The same file system as `inner`, if it can lose what a failed sync leaves behind.
    power: Option<PowerLossFs>,
    /// How many files without a name were asked for.
    nameless: AtomicU64,
    /// What [`Fs::unwritten`] tells instead of the truth.
    unwritten: Mutex<Option<u64>>,
}

struct FaultyDir {
    inner: Dir,
    path: PathBuf,
}

struct FaultyFile {
    inner: File,
    path: PathBuf,
}

impl FaultyFs {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Fs>, hook: impl FaultHook) -> Self {
        Self::with_power(inner, hook, None)
    }

    pub(super) fn over_power_loss(power: PowerLossFs, hook: impl FaultHook) -> Self {
        Self::with_power(Arc::new(power.clone()), hook, Some(power))
    }

    fn with_power(inner: Arc<dyn Fs>, hook: impl FaultHook, power: Option<PowerLossFs>) -> Self {
        let hook = RwLock::new(Arc::new(hook) as Arc<dyn FaultHook>);
        let counts = std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            inner,
            control: Arc::new(Control {
                hook,
                counts,
                power,
                nameless: AtomicU64::new(0),
                unwritten: Mutex::default(),
            }),
        }
    }

    /// Puts another hook in place, for operations that begin from now on. To disarm: [`NoFaults`](super::NoFaults).
    pub fn set_hook(&self, hook: impl FaultHook) {
        *self
            .control
            .hook
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(hook);
    }

    /// Has [`Fs::unwritten`] tell so many bytes from now on, or the truth.
    pub fn set_unwritten(&self, bytes: Option<u64>) {
        let told = self.control.unwritten.lock();
        *told.unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// Operations asked for since the start or the last [`reset_counts`](Self::reset_counts), failed ones included.
    #[must_use]
    pub fn counts(&self) -> OpCounts {
        OpCounts(std::array::from_fn(|kind| {
            self.control
                .counts
                .get(kind)
                .map_or(0, |count| count.load(Ordering::Relaxed))
        }))
    }

    /// Counts from 0 again.
    pub fn reset_counts(&self) {
        for count in &self.control.counts {
            count.store(0, Ordering::Relaxed);
        }
    }

    fn act<T>(&self, op: &FsOp<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.control.act(op, act)
    }
}

impl Control {
    fn decide(&self, op: &FsOp<'_>) -> Fault {
        if let Some(count) = self.counts.get(op.kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        // The lock is let go before the hook runs, which may block.
        let hook = Arc::clone(&self.hook.read().unwrap_or_else(PoisonError::into_inner));
        hook.before(op)
    }

    fn act<T>(&self, op: &FsOp<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.decide(op) {
            Fault::Pass | Fault::Short(_) => act(),
            Fault::Fail(errno) | Fault::Torn { then: errno, .. } => Err(errno.into()),
            Fault::FailAfter(errno) => act().and_then(|_| Err(errno.into())),
        }
    }
}

fn op<'a>(kind: OpKind, path: &'a Path) -> FsOp<'a> {
    FsOp {
        kind,
        path,
        to: None,
        len: 0,
        wait: Wait::Yes,
    }
}

impl FaultyDir {
    fn of(dir: &Dir) -> io::Result<&Self> {
        dir.inner()
    }
}

impl FaultyFile {
    fn of(file: &File) -> io::Result<&Self> {
        file.inner()
    }
}

fn wrap_dir(inner: Dir, path: PathBuf) -> Dir {
    Dir::new(FaultyDir { inner, path })
}

fn wrap_file(inner: File, path: PathBuf) -> File {
    File::new(FaultyFile { inner, path })
}

impl Fs for FaultyFs {
    fn create_root(&self, path: &Path) -> io::Result<()> {
        self.act(&op(OpKind::CreateRoot, path), || {
            self.inner.create_root(path)
        })
    }

    fn open_root(&self, path: &Path) -> io::Result<Dir> {
        let opened = self.act(&op(OpKind::OpenRoot, path), || self.inner.open_root(path))?;
        Ok(wrap_dir(opened, path.to_owned()))
    }

    fn system_run(&self) -> Option<String> {
        self.inner.system_run()
    }

    fn instant(&self, dir: &Dir) -> Instant {
        FaultyDir::of(dir)
            .map(|dir| self.inner.instant(&dir.inner))
            .unwrap_or_default()
    }

    fn open_dir(&self, at: &Dir, path: &Path, links: Links) -> io::Result<Dir> {
        let at = FaultyDir::of(at)?;
        let full = at.path.join(path);
        let opened = self.act(&op(OpKind::OpenDir, &full), || {
            self.inner.open_dir(&at.inner, path, links)
        })?;
        Ok(wrap_dir(opened, full))
    }

    fn create_dir(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        let at = FaultyDir::of(at)?;
        self.act(&op(OpKind::CreateDir, &at.path.join(name)), || {
            self.inner.create_dir(&at.inner, name)
        })
    }

    fn remove_dir(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        let at = FaultyDir::of(at)?;
        self.act(&op(OpKind::RemoveDir, &at.path.join(name)), || {
            self.inner.remove_dir(&at.inner, name)
        })
    }

    fn read_dir(&self, dir: &Dir) -> io::Result<Entries> {
        let dir = FaultyDir::of(dir)?;
        let entries = self.act(&op(OpKind::ReadDir, &dir.path), || {
            self.inner.read_dir(&dir.inner)
        })?;
        Ok(Box::new(FaultyEntries {
            entries,
            control: Arc::clone(&self.control),
            path: dir.path.clone(),
        }))
    }

    fn sync_dir(&self, dir: &Dir) -> io::Result<()> {
        let dir = FaultyDir::of(dir)?;
        let mut reached = false;
        let synced = self.act(&op(OpKind::SyncDir, &dir.path), || {
            reached = true;
            self.inner.sync_dir(&dir.inner)
        });
        if let (Err(_), false, Some(power)) = (&synced, reached, &self.control.power) {
            power.fail_sync_dir(&dir.inner)?;
        }
        synced
    }

    fn sync_file_system(&self, dir: &Dir) -> io::Result<()> {
        let dir = FaultyDir::of(dir)?;
        let mut reached = false;
        let synced = self.act(&op(OpKind::SyncFileSystem, &dir.path), || {
            reached = true;
            self.inner.sync_file_system(&dir.inner)
        });
        if let (Err(_), false, Some(power)) = (&synced, reached, &self.control.power) {
            power.fail_sync_file_system()?;
        }
        synced
    }

    fn unwritten(&self) -> Option<u64> {
        let told = self.control.unwritten.lock();
        let told = *told.unwrap_or_else(PoisonError::into_inner);
        told.or_else(|| self.inner.unwritten())
    }

    fn open_file(&self, at: &Dir, path: &Path, wait: Wait) -> io::Result<File> {
        let at = FaultyDir::of(at)?;
        let full = at.path.join(path);
        let op = FsOp {
            wait,
            ..op(OpKind::OpenFile, &full)
        };
        let opened = self.act(&op, || self.inner.open_file(&at.inner, path, wait))?;
        Ok(wrap_file(opened, full))
    }

    fn create_file(&self, at: &Dir, name: &OsStr) -> io::Result<File> {
        self.create_file_for(at, name, Access::Usual)
    }

    fn create_file_for(&self, at: &Dir, name: &OsStr, access: Access) -> io::Result<File> {
        let at = FaultyDir::of(at)?;
        let full = at.path.join(name);
        let created = self.act(&op(OpKind::CreateFile, &full), || {
            self.inner.create_file_for(&at.inner, name, access)
        })?;
        Ok(wrap_file(created, full))
    }

    fn create_nameless(&self, at: &Dir, access: Access) -> io::Result<File> {
        let at = FaultyDir::of(at)?;
        let number = self.control.nameless.fetch_add(1, Ordering::Relaxed);
        let full = at.path.join(format!("(nameless {number})"));
        let created = self.act(&op(OpKind::CreateFile, &full), || {
            self.inner.create_nameless(&at.inner, access)
        })?;
        Ok(wrap_file(created, full))
    }

    fn give_name(&self, file: &File, to: (&Dir, &OsStr)) -> io::Result<()> {
        let (file, to_dir) = (FaultyFile::of(file)?, FaultyDir::of(to.0)?);
        let to_path = to_dir.path.join(to.1);
        let op = FsOp {
            to: Some(&to_path),
            ..op(OpKind::Rename, &file.path)
        };
        self.act(&op, || {
            self.inner.give_name(&file.inner, (&to_dir.inner, to.1))
        })
    }

    fn read_at(
        &self,
        file: &File,
        buffer: &mut [u8],
        offset: u64,
        wait: Wait,
    ) -> io::Result<usize> {
        let file = FaultyFile::of(file)?;
        let op = FsOp {
            wait,
            len: buffer.len(),
            ..op(OpKind::Read, &file.path)
        };
        match self.control.decide(&op) {
            Fault::Pass => self.inner.read_at(&file.inner, buffer, offset, wait),
            Fault::Short(len) => {
                let len = len.max(1).min(buffer.len());
                self.inner.read_at(
                    &file.inner,
                    buffer.get_mut(..len).unwrap_or_default(),
                    offset,
                    wait,
                )
            }
            Fault::Fail(errno) | Fault::FailAfter(errno) | Fault::Torn { then: errno, .. } => {
                Err(errno.into())
            }
        }
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let file = FaultyFile::of(file)?;
        let op = FsOp {
            len: bytes.len(),
            ..op(OpKind::Write, &file.path)
        };
        let write = |len: usize| {
            self.inner
                .write_at(&file.inner, bytes.get(..len).unwrap_or(bytes), offset)
        };
        match self.control.decide(&op) {
            Fault::Pass => write(bytes.len()),
            Fault::Short(len) => write(len.max(1)),
            Fault::Fail(errno) => Err(errno.into()),
            Fault::FailAfter(errno) => write(bytes.len()).and_then(|_| Err(errno.into())),
            Fault::Torn { written, then } => write(written).and_then(|_| Err(then.into())),
        }
    }

    fn start_sync(&self, file: &File) {
        if let Ok(file) = FaultyFile::of(file) {
            self.inner.start_sync(&file.inner);
        }
    }

    fn sync_file(&self, file: &File, what: SyncWhat) -> io::Result<()> {
        let file = FaultyFile::of(file)?;
        let mut reached = false;
        let synced = self.act(&op(OpKind::SyncFile, &file.path), || {
            reached = true;
            self.inner.sync_file(&file.inner, what)
        });
        if let (Err(_), false, Some(power)) = (&synced, reached, &self.control.power) {
            power.fail_sync_file(&file.inner)?;
        }
        synced
    }

    fn set_modified(&self, file: &File, nanos: u64) -> io::Result<()> {
        let file = FaultyFile::of(file)?;
        self.act(&op(OpKind::SetModified, &file.path), || {
            self.inner.set_modified(&file.inner, nanos)
        })
    }

    fn file_metadata(&self, file: &File) -> io::Result<Metadata> {
        let file = FaultyFile::of(file)?;
        self.act(&op(OpKind::FileMetadata, &file.path), || {
            self.inner.file_metadata(&file.inner)
        })
    }

    fn dir_metadata(&self, dir: &Dir) -> io::Result<Metadata> {
        let dir = FaultyDir::of(dir)?;
        self.act(&op(OpKind::Metadata, &dir.path), || {
            self.inner.dir_metadata(&dir.inner)
        })
    }

    fn metadata(&self, at: &Dir, path: &Path, wait: Wait) -> io::Result<Metadata> {
        let at = FaultyDir::of(at)?;
        let full = at.path.join(path);
        let op = FsOp {
            wait,
            ..op(OpKind::Metadata, &full)
        };
        self.act(&op, || self.inner.metadata(&at.inner, path, wait))
    }

    fn rename(&self, from: (&Dir, &OsStr), to: (&Dir, &OsStr), replace: Replace) -> io::Result<()> {
        let (from_dir, to_dir) = (FaultyDir::of(from.0)?, FaultyDir::of(to.0)?);
        let (from_path, to_path) = (from_dir.path.join(from.1), to_dir.path.join(to.1));
        let op = FsOp {
            to: Some(&to_path),
            ..op(OpKind::Rename, &from_path)
        };
        self.act(&op, || {
            self.inner
                .rename((&from_dir.inner, from.1), (&to_dir.inner, to.1), replace)
        })
    }

    fn remove_file(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        let at = FaultyDir::of(at)?;
        self.act(&op(OpKind::RemoveFile, &at.path.join(name)), || {
            self.inner.remove_file(&at.inner, name)
        })
    }

    fn lock(&self, at: &Dir, name: &OsStr, mode: LockMode) -> io::Result<File> {
        let at = FaultyDir::of(at)?;
        let full = at.path.join(name);
        let locked = self.act(&op(OpKind::Lock, &full), || {
            self.inner.lock(&at.inner, name, mode)
        })?;
        Ok(wrap_file(locked, full))
    }
}

struct FaultyEntries {
    entries: Entries,
    control: Arc<Control>,
    path: PathBuf,
}

impl Iterator for FaultyEntries {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = || self.entries.next().transpose();
        self.control
            .act(&op(OpKind::NextEntry, &self.path), next)
            .transpose()
    }
}

impl fmt::Debug for FaultyFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyFs")
            .field("inner", &self.inner)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
