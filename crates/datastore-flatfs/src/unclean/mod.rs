//! What to trust after a stop that was not clean.
//!
//! While the system that wrote a file still runs, the file is whole, whoever was killed: its pages are in memory. After a loss of
//! power those are in doubt that were changed since the last completed sync, unless they were synced before they got their
//! names. So the note in the root tells in which run of the system it was written, and up to when all is on the disk. While any file is in
//! doubt, each is looked at before it is served; a pass over all of them in the background ends that.

mod evidence;
mod note;
mod pass;
mod settle;
mod suspect;

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use datastore_files::{Action, Change, FileError, Metadata, OpenFile, Replace, Tree, Wait};
use interface_datastore::{Error, Key, Operation};
use tokio::sync::watch;

pub(crate) use self::note::{FILE as NOTE, OWN_PREFIX};
use self::note::{Found, Note};
use self::suspect::Sight;
pub(crate) use self::suspect::{Depth, Hashed, Suspect, hashed, hashed_at};
use crate::failure::file_error;
use crate::multihash::Multihash;
use crate::sharding::Sharding;

/// Where files are moved that are not what they should be.
pub(crate) const QUARANTINE: &str = ".flatfs-quarantine";
/// Clocks are set now and then: by so many nanoseconds it does not matter.
const CLOCK_SLACK: u64 = 120 * 1_000_000_000;
/// Of a store whose past is not known, what was written in the last hour may not be on the disk yet.
const ADOPTED: u64 = 3600 * 1_000_000_000;
/// The note follows completed syncs at this distance at most.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// So many files are remembered as looked at.
const MAX_CLEARED: usize = 1 << 16;

/// What is in doubt, and the note that will tell the next user.
#[derive(Debug)]
pub(crate) struct Unclean {
    /// Whether anything is in doubt.
    active: AtomicBool,
    suspect: Option<Suspect>,
    hashes: bool,
    sharding: Sharding,
    /// Files in doubt that turned out whole, by a hash of path and facts.
    cleared: Mutex<HashSet<u64>>,
    state: RandomState,
    keys_are_hashes: OnceLock<bool>,
    torn: AtomicU64,
    /// Whether all files are being looked at.
    looking: watch::Sender<bool>,
    /// Something was written since the last sync that is not on the disk.
    unsynced: AtomicBool,
    note: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    note: Note,
    at: Instant,
}

/// What the last user left behind.
pub(crate) struct Left {
    pub(crate) unclean: Unclean,
    /// Whether the number in `diskUsage.cache` is the one that the last user left in good order.
    pub(crate) usage_is_trusted: bool,
}

/// How a store is being opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) sharding: Sharding,
    pub(crate) read_only: bool,
    /// Whether it was created just now.
    pub(crate) created: bool,
    /// Whether values are compared with their hashes.
    pub(crate) hashes: bool,
}

impl Unclean {
    /// Finds out how the store was left and notes that it is in use. `cache` is what `diskUsage.cache` holds.
    ///
    /// # Errors
    ///
    /// A note of a later release, and what reading and writing files meet.
    pub(crate) fn open(tree: &Tree, opening: Opening, cache: Option<&str>) -> Result<Left, Error> {
        let failed = |error| file_error(error, Operation::Open, None);
        let found = Note::read(tree)?;
        let root = tree.folder_metadata(Path::new("")).map_err(failed)?;
        let root = root.map_or(0, |metadata| metadata.id);
        let now = match opening.read_only {
            true => system_nanos(),
            false => clock(tree).map_err(failed)?,
        };
        let fresh = |synced, suspect| Note {
            root,
            run: tree.system_run(),
            closed: false,
            settled: false,
            synced,
            suspect,
            cache: None,
        };
        let (note, usage_is_trusted, settled) = match found {
            Found::Note(old) if old.root == root => {
                let trusted = old.closed && old.cache.as_deref() == cache;
                let suspect = old.in_doubt(tree.system_run().as_deref(), now);
                let settled = old.settled && trusted;
                (fresh(old.synced.min(now), suspect), trusted, settled)
            }
            _ if opening.created => (fresh(now, None), true, true),
            // Nobody knows what became of the last one's writes.
            _ => {
                let suspect = Suspect {
                    depth: Depth::Empties,
                    since: 0,
                    until: now.saturating_sub(ADOPTED),
                };
                (fresh(suspect.until, Some(suspect)), false, false)
            }
        };
        if !opening.read_only {
            note.write(tree).map_err(failed)?;
        }
        let unclean = Self::new(note, opening);
        if !settled {
            // What others left unsynced is covered by the first sync of everything.
            tree.assume_unsynced();
            unclean.note_unsynced();
        }
        Ok(Left {
            unclean,
            usage_is_trusted,
        })
    }

    fn new(note: Note, opening: Opening) -> Self {
        Self {
            active: AtomicBool::new(note.suspect.is_some()),
            suspect: note.suspect,
            hashes: opening.hashes,
            sharding: opening.sharding,
            cleared: Mutex::default(),
            state: RandomState::new(),
            keys_are_hashes: OnceLock::new(),
            torn: AtomicU64::new(0),
            looking: watch::Sender::new(false),
            unsynced: AtomicBool::new(false),
            note: Mutex::new(Written {
                note,
                at: Instant::now(),
            }),
        }
    }

    /// Whether any file is in doubt, so that each has to be looked at.
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Whether a file was damaged by a loss of power, so that it counts as not there. Asked while [doubt is
    /// active](Self::is_active), or was when the file was found.
    ///
    /// # Errors
    ///
    /// What reading meets; [`Reason::WouldBlock`](datastore_files::Reason::WouldBlock) with [`Wait::No`].
    pub(crate) fn is_torn(
        &self,
        tree: &Tree,
        path: &Path,
        key: &Key,
        metadata: &Metadata,
        wait: Wait,
    ) -> Result<bool, FileError> {
        self.judge(tree, path, key, metadata, wait, |hash| {
            // One that is gone by now is not there either.
            hashed_at(tree, path, hash)
        })
    }

    /// The same for a file that is open: what will be read of it is what is looked at.
    pub(crate) fn is_open_torn(
        &self,
        tree: &Tree,
        path: &Path,
        key: &Key,
        file: &OpenFile,
        wait: Wait,
    ) -> Result<bool, FileError> {
        self.judge(tree, path, key, file.metadata(), wait, |hash| {
            hashed(file, hash).map(Some)
        })
    }

    fn judge(
        &self,
        tree: &Tree,
        path: &Path,
        key: &Key,
        metadata: &Metadata,
        wait: Wait,
        hashed: impl FnOnce(&Multihash) -> Result<Option<Hashed>, FileError>,
    ) -> Result<bool, FileError> {
        // Doubt may have ended since the caller found the file, and the file with it.
        let Some(suspect) = &self.suspect else {
            return Ok(false);
        };
        let hash = match suspect.sight(key, metadata, self.hashes) {
            Sight::Whole => return Ok(false),
            Sight::Torn => return Ok(true),
            Sight::Contents(hash) => hash,
        };
        let print = self
            .state
            .hash_one((path, metadata.modified, metadata.id, metadata.len));
        if lock(&self.cleared).contains(&print) {
            return Ok(false);
        }
        if wait == Wait::No {
            let source = std::io::ErrorKind::WouldBlock.into();
            return Err(FileError::new(Action::Read, &tree.full(path), source));
        }
        let torn = match hashed(&hash)? {
            Some(Hashed::Right) => false,
            None | Some(Hashed::Zeros) => true,
            Some(Hashed::Wrong) => self.keys_are_hashes(tree),
        };
        if !torn {
            self.clear(print);
        }
        Ok(torn)
    }

    fn clear(&self, print: u64) {
        let mut cleared = lock(&self.cleared);
        if cleared.len() < MAX_CLEARED {
            cleared.insert(print);
        }
    }

    /// Whether the values of this store are what their keys are hashes of. Keys may look like hashes and be names of other things.
    pub(crate) fn keys_are_hashes(&self, tree: &Tree) -> bool {
        let told = || evidence::keys_are_hashes(tree, &self.sharding);
        *self.keys_are_hashes.get_or_init(told)
    }

    /// Moves a damaged file aside; where to. The gate of its key must be held.
    pub(crate) fn set_aside(&self, tree: &Tree, path: &Path) -> Result<PathBuf, FileError> {
        self.torn.fetch_add(1, Ordering::Relaxed);
        quarantine(tree, path)
    }

    /// Tells whether all files are being looked at.
    pub(crate) fn set_looking(&self, looking: bool) {
        self.looking.send_replace(looking);
    }

    /// Waits while all files are being looked at. Cancel-safe.
    async fn looked_over(&self) {
        let mut looking = self.looking.subscribe();
        // The sender lives as long as self.
        let _ = looking.wait_for(|looking| !looking).await;
    }

    /// How many damaged files were set aside.
    fn torn(&self) -> u64 {
        self.torn.load(Ordering::Relaxed)
    }

    /// Something was written that is not on the disk yet.
    pub(crate) fn note_unsynced(&self) {
        if !self.unsynced.load(Ordering::Relaxed) {
            self.unsynced.store(true, Ordering::SeqCst);
        }
    }

    /// A sync of everything begins; before it waits for writes in flight. What it returns goes to [`sync_ended`](Self::sync_ended).
    pub(crate) fn sync_begins(&self, tree: &Tree) -> Result<SyncMark, FileError> {
        let at = clock(tree)?;
        let unsynced = self.unsynced.swap(false, Ordering::SeqCst);
        Ok(SyncMark { at, unsynced })
    }

    /// A sync of everything ended.
    pub(crate) fn sync_ended(&self, tree: &Tree, mark: SyncMark, worked: bool) {
        if !worked {
            if mark.unsynced {
                self.note_unsynced();
            }
            return;
        }
        let mut written = lock(&self.note);
        written.note.synced = written.note.synced.max(mark.at);
        if written.at.elapsed() >= NOTE_EVERY {
            written.at = Instant::now();
            // An older note doubts more than it has to.
            let _ = written.note.write(tree);
        }
    }

    /// The change of the note that belongs to closing the store. `cache` is what `diskUsage.cache` will hold.
    /// None: nobody vouches for it.
    pub(crate) fn closing(&self, tree: &Tree, cache: Option<String>) -> Change {
        let mut written = lock(&self.note);
        let now = clock(tree).unwrap_or(0);
        let note = &mut written.note;
        note.settled = !self.unsynced.load(Ordering::SeqCst) && note.suspect.is_none();
        if note.settled {
            note.synced = note.synced.max(now);
        }
        note.closed = true;
        note.cache = cache.map(|text| text.trim_end_matches('\n').to_owned());
        note.change()
    }

    /// Every file in doubt has been looked at.
    fn pass_ended(&self, tree: &Tree) {
        let mut written = lock(&self.note);
        let Some(suspect) = written.note.suspect.take() else {
            return;
        };
        if written.note.run.is_some() {
            // What is whole now was read from the disk.
            written.note.synced = written.note.synced.max(suspect.until);
        }
        self.active.store(false, Ordering::SeqCst);
        lock(&self.cleared).clear();
        let _ = written.note.write(tree);
    }
}

/// Kept while a sync of everything runs.
#[derive(Debug)]
pub(crate) struct SyncMark {
    at: u64,
    unsynced: bool,
}

impl Note {
    /// What is in doubt, seen from another run of the system or the same one.
    fn in_doubt(&self, run: Option<&str>, now: u64) -> Option<Suspect> {
        if run.is_some() && run == self.run.as_deref() {
            return self.suspect;
        }
        let since = self.synced.min(now).saturating_sub(CLOCK_SLACK);
        let pending = self.suspect.filter(|old| old.depth == Depth::Contents);
        Some(Suspect {
            depth: Depth::Contents,
            since: pending.map_or(since, |old| since.min(old.since)),
            until: now,
        })
    }
}

/// Moves a file aside, under a name that is free there.
pub(crate) fn quarantine(tree: &Tree, path: &Path) -> Result<PathBuf, FileError> {
    let mut to = Path::new(QUARANTINE).join(path);
    for number in 1.. {
        match tree.relocate(path, &to, Replace::No) {
            Err(error) if error.reason() == datastore_files::Reason::AlreadyExists => {
                let mut name = path.as_os_str().to_owned();
                name.push(format!(".{number}"));
                to = Path::new(QUARANTINE).join(name);
            }
            moved => return moved.map(|()| to),
        }
    }
    Ok(to)
}

/// The present time, by the clock of the file system or of this system, whichever is behind.
fn clock(tree: &Tree) -> Result<u64, FileError> {
    let made = tree.temp_file()?.metadata()?.modified;
    Ok(made.min(system_nanos()))
}

fn system_nanos() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can stop half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
