//! A file system that loses power. See [`PowerLossFs`] for the model.

mod change;
mod contents;
mod cut;
mod disk;
mod fs_impl;
mod image;
mod locks;
mod losses;
mod names;
mod tree;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use change::{Change, Outcome, Synced};
use disk::Disk;
use tree::{Body, Ino, ROOT};

pub use cut::{CrashState, PowerCut};
pub use image::{Image, Node};

use super::FaultHook;
use super::faulty_fs::FaultyFs;
use crate::fs::{Dir, File};

/// A file system in memory that remembers everything done to it, and tells what the disk may hold after the power went
/// away at any point.
///
/// Paths given to [`Fs::create_root`](crate::Fs::create_root) and [`Fs::open_root`](crate::Fs::open_root) start at the
/// root of a simulated disk, which is empty at first. Clones are the same process on the same disk.
///
/// # What a power cut leaves
///
/// A store should be right on any file system that keeps the promises of [`Fs`](crate::Fs), so this one keeps those
/// and no others, however kind most real ones are:
///
/// * **Contents** last by a sync of that file, and by nothing else. Of what was written since, each block (512 bytes, a
///   sector, unless told otherwise) may be there in any of the versions that it had, or as it was; the size is any from
///   the old to the new at which a write or block ended. So an unsynced file may be empty, cut off, or have zeros for
///   data. Real file systems do so: delayed allocation gives empty files, and separate writing of sizes and data zeros.
/// * **Times** are contents to a sync of [`SyncWhat::All`](crate::SyncWhat::All); one of
///   [`SyncWhat::Data`](crate::SyncWhat::Data) leaves them as they were, or not.
/// * **Names** last by a sync of their folder. A sync of the file does not make its name last, though journals often do,
///   and a sync of a folder does not make its own name last, which is its parent's matter. Of names changed since, those
///   survive that the [`CrashModel`] says.
/// * **Renames** are atomic: the file is there under the old name or the new one, and what it replaced until then. One
///   between two folders lasts by a sync of the new name's folder.
/// * **Locks** are gone, and so is all that only processes knew.
/// * **A sync covers what was done before it began**, and not what other threads do until it ends.
/// * **A failed sync** ([`with_faults`](Self::with_faults)) loses: what it should have made durable counts as written
///   from then on, as pages do in kernels, so that a later sync succeeds and proves nothing. Only changing it again and
///   syncing that helps. Until the power goes away, reads see the new data.
/// * **A failed sync of the whole file system** loses all that was not synced, and then tells whose that was: of each file the
///   next sync fails of every handle that was open, and of each folder the next sync.
///
/// # What the death of a process leaves
///
/// Everything done up to then, and no locks: [`kill`](Self::kill), or for any earlier moment [`PowerCut::survivor`].
///
/// # Cost
///
/// The history holds all bytes ever written, and each power cut goes through all of it: this is for tests of some thousand
/// operations on some megabytes.
#[derive(Clone)]
pub struct PowerLossFs {
    shared: Arc<Shared>,
    process: Arc<Process>,
}

/// What a file system promises about names that were changed and not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CrashModel {
    /// As with a journal: the changes in each folder reach the disk in the order they were made, so a power cut leaves some
    /// first part of them. Folders are independent of each other, but for renames between them.
    #[default]
    Ordered,
    /// Any of the changes may be there without the others, and a rename with
    /// [`Replace::No`](crate::Replace::No) may leave the file with both names, as where it is done by a second link.
    /// This is all that [`Fs`](crate::Fs) promises.
    Chaos,
}

struct Shared {
    disk: Mutex<Disk>,
    while_syncing: Mutex<Arc<dyn Fn() + Send + Sync>>,
    next_process: AtomicU64,
}

struct Process {
    number: u64,
    alive: AtomicBool,
}

impl PowerLossFs {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::with_disk(Disk::empty())
    }

    /// A disk with the contents of an image, all of them durable.
    #[must_use]
    pub fn from_image(image: &Image) -> Self {
        Self::with_disk(Disk::new(image))
    }

    fn with_disk(disk: Disk) -> Self {
        let shared = Shared {
            disk: Mutex::new(disk),
            while_syncing: Mutex::new(Arc::new(std::thread::yield_now)),
            next_process: AtomicU64::new(0),
        };
        Self::start_process(&Arc::new(shared))
    }

    fn start_process(shared: &Arc<Shared>) -> Self {
        let number = shared.next_process.fetch_add(1, Ordering::Relaxed);
        let process = Process {
            number,
            alive: AtomicBool::new(true),
        };
        Self {
            shared: Arc::clone(shared),
            process: Arc::new(process),
        }
    }

    /// Another process on the same disk. Handles of one are of no use to the other.
    #[must_use]
    pub fn new_process(&self) -> Self {
        Self::start_process(&self.shared)
    }

    /// Ends the process: all its calls fail from now on, and its locks are free. Gives the next process, which finds on the
    /// disk all that this one did.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut disk = self.disk();
        self.process.alive.store(false, Ordering::SeqCst);
        disk.locks.release_process(self.process.number);
        drop(disk);
        self.new_process()
    }

    /// Wraps it so that operations fail as `hook` says. Syncs that fail this way lose data.
    #[must_use]
    pub fn with_faults(&self, hook: impl FaultHook) -> FaultyFs {
        FaultyFs::over_power_loss(self.clone(), hook)
    }

    /// Calls `action` between beginning and end of each sync, with no lock held. It may sync and block.
    pub fn while_syncing(&self, action: impl Fn() + Send + Sync + 'static) {
        *self
            .shared
            .while_syncing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(action);
    }

    /// Makes a symbolic link at an absolute path, durably: what somebody may have planted.
    ///
    /// # Errors
    ///
    /// As for creating a file there.
    pub fn plant_link(&self, path: impl AsRef<Path>, target: impl Into<PathBuf>) -> io::Result<()> {
        let path = path.as_ref();
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut disk = self.live()?;
        let dir = disk.lookup_following(ROOT, path.parent().unwrap_or(path))?;
        disk.check_dir(dir)?;
        disk.create(dir, name, Body::Link(target.into()))?;
        drop(disk);
        self.sync(dir, Synced::Names, Outcome::Durable)
    }

    /// Number of changes so far. A change that was made, say a value acknowledged, is part of the history up to this.
    #[must_use]
    pub fn history_len(&self) -> usize {
        self.disk().history.len()
    }

    /// The moment after the first `changes` changes; the whole history if there are not so many.
    #[must_use]
    pub fn power_cut(&self, changes: usize) -> PowerCut {
        let disk = self.disk();
        let history = disk.history.get(..changes).unwrap_or(&disk.history);
        PowerCut::new(disk.base.clone(), history.to_vec())
    }

    /// What the disk may hold if the power goes away now: see [`PowerCut::states`].
    #[must_use]
    pub fn crash_states(&self, seed: u64, max: usize) -> Vec<CrashState> {
        self.power_cut(usize::MAX).states(seed, max)
    }

    /// What is there while the power stays on.
    #[must_use]
    pub fn image(&self) -> Image {
        let mut tree = self.disk().live.clone();
        tree.prune();
        Image { tree }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // Every change is done or not done when the lock is let go, panic or not.
        self.shared
            .disk
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk, for a process that lives.
    fn live(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.disk();
        if self.process.alive.load(Ordering::SeqCst) {
            Ok(disk)
        } else {
            Err(io::Error::other("the simulated process was killed"))
        }
    }

    fn check_own(&self, process: &Arc<Process>) -> io::Result<()> {
        if Arc::ptr_eq(process, &self.process) {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the handle belongs to another simulated process",
            ))
        }
    }

    fn sync(&self, ino: Ino, of: Synced, outcome: Outcome) -> io::Result<()> {
        let covers = self.live()?.history.len();
        let action = Arc::clone(
            &self
                .shared
                .while_syncing
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        action();
        self.live()?.record(Change::Sync {
            of,
            ino,
            covers,
            outcome,
        });
        Ok(())
    }

    /// What a sync that fails leaves behind.
    pub(super) fn fail_sync_file(&self, file: &File) -> io::Result<()> {
        self.sync(
            self.file_ino(file)?,
            Synced::Contents(crate::fs::SyncWhat::All),
            Outcome::Lost,
        )
    }

    /// What a sync of everything that fails leaves behind.
    pub(super) fn fail_sync_file_system(&self) -> io::Result<()> {
        self.live()?.note_losses();
        self.sync(ROOT, Synced::Everything, Outcome::Lost)
    }

    /// What a sync that fails leaves behind.
    pub(super) fn fail_sync_dir(&self, dir: &Dir) -> io::Result<()> {
        self.sync(self.dir_ino(dir)?, Synced::Names, Outcome::Lost)
    }
}

impl Default for PowerLossFs {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PowerLossFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PowerLossFs")
            .field("process", &self.process.number)
            .field("history_len", &self.history_len())
            .finish_non_exhaustive()
    }
}
