//! Folders that stay open, so that they need not be opened for each file that is changed in them.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::fs::{Dir, Kind, Wait};
use crate::paths::is_in_root;
use crate::patience::is_open_limit;
use crate::tree::Tree;

/// All trees of the process together keep this part of the files that it may have open.
const PART_OF_LIMIT: usize = 4;
/// And no more than these.
const MOST: usize = 2048;
/// Folders kept open by all trees.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// The folders of a root that stay open. Which were first stay: where there are more than may be kept, changing them would cost
/// more than it saves.
#[derive(Debug, Default)]
pub(crate) struct KeptFolders(RwLock<HashMap<OsString, Kept>>);

#[derive(Debug, Clone)]
struct Kept {
    dir: Dir,
    id: u64,
}

impl KeptFolders {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<OsString, Kept>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<OsString, Kept>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, folder: &OsStr) -> Option<Kept> {
        self.read().get(folder).cloned()
    }

    fn insert(&self, folder: &OsStr, kept: Kept) {
        if self.write().insert(folder.to_owned(), kept).is_none() {
            OPEN.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn clear(&self) {
        let let_go = std::mem::take(&mut *self.write());
        OPEN.fetch_sub(let_go.len(), Ordering::Relaxed);
    }

    fn remove(&self, folder: &OsStr) {
        if self.write().remove(folder).is_some() {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for KeptFolders {
    fn drop(&mut self) {
        OPEN.fetch_sub(self.read().len(), Ordering::Relaxed);
    }
}

/// How many folders the process may keep open.
fn limit() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(|| MOST.min(open_files() / PART_OF_LIMIT))
}

#[cfg(unix)]
fn open_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// Where handles are paths, keeping them saves nothing.
#[cfg(not(unix))]
fn open_files() -> usize {
    0
}

/// Has the table of open files grow at once to what may be kept open. Linux doubles it as files are opened, and each time
/// threads that open one wait until no processor uses the old table any more, which takes some 10 ms where there are
/// several threads.
#[cfg(target_os = "linux")]
fn make_room(root: &Dir) {
    use std::os::fd::OwnedFd;

    /// For files that are not kept.
    const OTHERS: usize = 256;
    static ONCE: Once = Once::new();
    let root = root.clone();
    let grow = move || {
        let highest = limit()
            .saturating_add(OTHERS)
            .min(open_files().saturating_sub(1));
        if let (Ok(fd), Ok(highest)) = (root.inner::<OwnedFd>(), highest.try_into()) {
            // Without room it grows later.
            drop(rustix::io::fcntl_dupfd_cloexec(fd, highest));
        }
    };
    // Nobody need wait for it.
    ONCE.call_once(|| drop(std::thread::Builder::new().spawn(grow)));
}

impl Tree {
    /// The same tree, which keeps folders of the root open once they were used: a quarter of the files that the process may have
    /// open, 2048 at most, all trees together. What is changed in them takes fewer calls of the system.
    #[must_use]
    pub fn with_open_folders(mut self) -> Self {
        self.kept = Some(Arc::default());
        #[cfg(target_os = "linux")]
        make_room(&self.inner.root);
        self
    }

    /// The folder, if it is kept open or can be from now on. It is the one that has the name now.
    pub(crate) fn kept_dir(&self, folder: &Path) -> Option<Dir> {
        self.known_dir(folder).or_else(|| self.keep(folder))
    }

    /// The folder, if it is kept open and has its name still: asking costs less than opening, and a folder that was moved away
    /// or removed, or has a link in its place, is let go.
    pub(crate) fn known_dir(&self, folder: &Path) -> Option<Dir> {
        let kept_folders = self.kept.as_ref()?;
        let kept = kept_folders.get(folder.as_os_str())?;
        if self.is_current(folder, &kept) {
            return Some(kept.dir);
        }
        kept_folders.remove(folder.as_os_str());
        None
    }

    /// Keeps a folder open that was opened for something else, if there is room.
    pub(crate) fn keep_dir(&self, folder: &Path, dir: &Dir) {
        if self.may_keep(folder) {
            self.keep_opened(folder, dir);
        }
    }

    /// Whether too many files are open. Then folders are let go: somebody needs the room more.
    pub(crate) fn is_at_limit(&self, error: &io::Error) -> bool {
        let at_limit = is_open_limit(error);
        if at_limit {
            self.forget_all_kept();
        }
        at_limit
    }

    pub(crate) fn forget_all_kept(&self) {
        if let Some(kept) = &self.kept {
            kept.clear();
        }
    }

    /// Lets go of a folder.
    pub(crate) fn forget_kept(&self, folder: &Path) {
        if let Some(kept) = &self.kept {
            kept.remove(folder.as_os_str());
        }
    }

    fn keep(&self, folder: &Path) -> Option<Dir> {
        if !self.may_keep(folder) {
            return None;
        }
        let opened = self.open_dir(folder).ok()?;
        self.keep_opened(folder, &opened);
        Some(opened)
    }

    /// Only folders of the root are kept.
    fn may_keep(&self, folder: &Path) -> bool {
        self.kept.is_some() && OPEN.load(Ordering::Relaxed) < limit() && is_in_root(folder)
    }

    fn keep_opened(&self, folder: &Path, dir: &Dir) {
        let (Some(kept_folders), Ok(found)) = (&self.kept, self.inner.fs.dir_metadata(dir)) else {
            return;
        };
        let kept = Kept {
            dir: dir.clone(),
            id: found.id,
        };
        // Not so for a link that was followed.
        if self.is_current(folder, &kept) {
            kept_folders.insert(folder.as_os_str(), kept);
        }
    }

    /// Whether a folder still has its name.
    fn is_current(&self, folder: &Path, kept: &Kept) -> bool {
        let found = self.inner.fs.metadata(&self.inner.root, folder, Wait::Yes);
        found.is_ok_and(|found| found.kind == Kind::Dir && found.id == kept.id)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use super::limit;
    use crate::real::RealFs;
    use crate::tree::Tree;

    /// How many files the system has room for.
    fn room() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
        line.unwrap().trim().parse().unwrap()
    }

    #[test]
    fn there_is_room_before_folders_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::open(Arc::new(RealFs::new()), dir.path(), Path::new(".temp")).unwrap();
        let _tree = tree.with_open_folders();
        for _ in 0..10_000 {
            if room() >= limit() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("room for {} files, {} folders may be kept", room(), limit());
    }
}
