//! A tree of files beneath one root.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::durable::Durable;
use crate::error::{Action, Context, FileError, Reason, Result};
use crate::fs::{Access, Dir, Entries, Fs, Instant, Kind, Links, Metadata, Wait, is_link};
use crate::hop::Blocking;
use crate::kept::KeptFolders;
use crate::ledger::Ledgers;
use crate::paths::split;
use crate::patience::patiently;
use crate::settings::{EmptiedFolders, FolderMade, OwnFolders};
use crate::sweep::{Remove, sweep};
use crate::temp::{TempArea, TempFile};
use crate::used_folders::Folders;
use crate::witness::Witnesses;

/// How often a folder is made again that others remove as empty at the same time.
pub(crate) const FOLDER_RETRIES: usize = 100;

/// A tree of files beneath one root, with all that it takes to read and change them safely. Clones share it.
///
/// Paths given to its methods are relative to the root, as [`Fs`] wants them. Methods that are not `async` block.
#[derive(Clone)]
pub struct Tree {
    pub(crate) inner: Arc<Inner>,
    pub(crate) emptied: EmptiedFolders,
    pub(crate) measures_removals: bool,
    pub(crate) compares_replacements: bool,
    pub(crate) links: Links,
    pub(crate) access: Access,
    pub(crate) folder_made: Option<FolderMade>,
    /// None if all folders beneath the root are its own.
    pub(crate) own_folders: Option<OwnFolders>,
    /// None if folders are opened each time.
    pub(crate) kept: Option<Arc<KeptFolders>>,
}

pub(crate) struct Inner {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) root: Dir,
    /// As the owner spelt it; for messages.
    pub(crate) path: PathBuf,
    temp_path: PathBuf,
    temp: RwLock<Option<Arc<TempArea>>>,
    opening_temp: Mutex<()>,
    instant: Instant,
    pub(crate) durable: Durable,
    pub(crate) ledgers: Ledgers,
    pub(crate) witnesses: Witnesses,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

impl Tree {
    /// Opens the tree whose root is the folder `path`. Temporary files will lie in the folder `temp` of it, which is
    /// made when the first one is needed; opening writes nothing.
    ///
    /// # Errors
    ///
    /// [`Reason::NotFound`], [`Reason::NotAFolder`] and what else opening a folder meets.
    pub fn open(fs: Arc<dyn Fs>, path: &Path, temp: &Path) -> Result<Self> {
        let root = fs.open_root(path).during(Action::Open, path)?;
        let instant = fs.instant(&root);
        Ok(Self {
            inner: Arc::new(Inner {
                fs,
                root,
                path: path.to_owned(),
                temp_path: temp.to_owned(),
                temp: RwLock::default(),
                opening_temp: Mutex::default(),
                instant,
                durable: Durable::default(),
                ledgers: Ledgers::default(),
                witnesses: Witnesses::default(),
            }),
            emptied: EmptiedFolders::default(),
            measures_removals: false,
            compares_replacements: false,
            links: Links::Refuse,
            access: Access::default(),
            folder_made: None,
            own_folders: None,
            kept: None,
        })
    }

    /// Creates the root folder and those above it, which must not exist.
    ///
    /// # Errors
    ///
    /// [`Reason::AlreadyExists`] and what else creating a folder meets.
    pub fn create(fs: &dyn Fs, path: &Path) -> Result<()> {
        fs.create_root(path).during(Action::Create, path)
    }

    /// The root as it was given to [`open`](Self::open).
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The full path of something in the tree, for messages.
    #[must_use]
    pub fn full(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() {
            self.inner.path.clone()
        } else {
            self.inner.path.join(path)
        }
    }

    /// Runs a read: from the caches where that works, else in one hop. `read` is called with [`Wait::No`] first, and if it
    /// answers [`Reason::WouldBlock`], again with [`Wait::Yes`].
    ///
    /// # Errors
    ///
    /// Those of `read`, and [`Reason::Interrupted`] as [`Blocking::run`].
    pub async fn answer<T, E>(
        &self,
        blocking: Blocking,
        read: impl Fn(&Self, Wait) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: ReadError,
    {
        if let Some(wait) = self.wait_here(blocking) {
            match read(self, wait) {
                Err(error) if error.would_block() => {}
                answered => return answered,
            }
        }
        self.answer_elsewhere(blocking, read).await
    }

    /// As [`answer`](Self::answer), after the caches were asked [here](Self::wait_here).
    ///
    /// # Errors
    ///
    /// Those of `read`, and [`Reason::Interrupted`] as [`Blocking::run`].
    pub async fn answer_elsewhere<T, E>(
        &self,
        blocking: Blocking,
        read: impl Fn(&Self, Wait) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: ReadError,
    {
        let tree = self.clone();
        blocking
            .run(&self.inner.path, move || read(&tree, Wait::Yes))
            .await?
    }

    /// How a read may be tried right here, before a hop. With [`Wait::No`] it may have to be repeated after one; none if
    /// there is no use in trying.
    #[must_use]
    pub fn wait_here(&self, blocking: Blocking) -> Option<Wait> {
        if !blocking.hops() {
            Some(Wait::Yes)
        } else if self.inner.instant.lookup {
            Some(Wait::No)
        } else {
            None
        }
    }

    /// What is at `path`; none if nothing is.
    ///
    /// # Errors
    ///
    /// [`Reason::LinkInTheWay`] for a link before the last component and what else asking meets.
    pub fn metadata(&self, path: &Path, wait: Wait) -> Result<Option<Metadata>> {
        let fs = &self.inner.fs;
        let in_kept = || {
            let (folder, name) = split(path);
            let dir = self.kept_dir(folder)?;
            Some(fs.metadata(&dir, Path::new(name), wait))
        };
        let may_wait = wait == Wait::Yes && self.kept.is_some();
        let found = may_wait.then(in_kept).flatten();
        let by_path = || self.beneath(path, wait, |at, path| fs.metadata(at, path, wait));
        match found.unwrap_or_else(by_path) {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed(Action::Inspect, path, error)),
        }
    }

    /// Names the present run of the system: see [`Fs::system_run`].
    #[must_use]
    pub fn system_run(&self) -> Option<String> {
        self.inner.fs.system_run()
    }

    /// The entries of a folder; none if there is no folder. The root is the empty path.
    ///
    /// # Errors
    ///
    /// What opening a folder meets.
    pub fn entries(&self, path: &Path) -> Result<Option<Entries>> {
        let Some(dir) = absent_is_none(self.open_dir(path))? else {
            return Ok(None);
        };
        self.inner
            .fs
            .read_dir(&dir)
            .map(Some)
            .map_err(|error| self.failed(Action::List, path, error))
    }

    /// A new temporary file, to be filled and then given to [`apply`](Self::apply).
    ///
    /// # Errors
    ///
    /// What creating a file meets.
    pub fn temp_file(&self) -> Result<TempFile> {
        self.temp_file_for(self.access)
    }

    /// As [`temp_file`](Self::temp_file), with other rights of access than those of the tree.
    ///
    /// # Errors
    ///
    /// What creating a file meets.
    pub fn temp_file_for(&self, access: Access) -> Result<TempFile> {
        self.make_temp(|area| area.create(access))
    }

    /// As [`temp_file`](Self::temp_file), for a file that is published soon: it has no name until then, if that can be.
    pub(crate) fn nameless_file(&self) -> Result<TempFile> {
        self.make_temp(|area| area.create_nameless(self.access))
    }

    fn make_temp(&self, make: impl Fn(&Arc<TempArea>) -> Result<TempFile>) -> Result<TempFile> {
        let at_limit = |error: &FileError| {
            let at_limit = error.reason() == Reason::TooManyOpenFiles;
            if at_limit {
                self.forget_all_kept();
            }
            at_limit
        };
        match patiently(at_limit, || make(&self.temp()?)) {
            Err(error) if error.reason() == Reason::NotFound => {
                // Somebody removed the folder of temporary files. A new one has to be claimed.
                self.release();
                make(&self.temp()?)
            }
            other => other,
        }
    }

    /// Gives up the place for temporary files, and with it the lock that tells others that it is used, and the folders that
    /// are kept open. The next change claims a new place.
    pub fn release(&self) {
        self.forget_all_kept();
        *self
            .inner
            .temp
            .write()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Removes temporary files whose owner is gone and gives their paths, relative to the root. A tree that never had a folder of them
    /// has nothing to sweep, and none is made.
    ///
    /// # Errors
    ///
    /// What listing a folder meets.
    pub fn sweep(&self) -> Result<Vec<PathBuf>> {
        match self.claimed_temp() {
            Some(temp) => temp.sweep(),
            None => self.stale(Remove::Yes),
        }
        .map(|paths| self.relative(paths))
    }

    /// The temporary files that certainly belong to nobody. Writes nothing.
    ///
    /// # Errors
    ///
    /// What listing a folder meets.
    pub fn stale_temp_files(&self) -> Result<Vec<PathBuf>> {
        self.stale(Remove::No).map(|paths| self.relative(paths))
    }

    fn stale(&self, remove: Remove) -> Result<Vec<PathBuf>> {
        let temp_path = &self.inner.temp_path;
        let Some(dir) = absent_is_none(self.open_dir(temp_path))? else {
            return Ok(Vec::new());
        };
        sweep(&*self.inner.fs, &dir, &self.full(temp_path), None, remove)
    }

    fn relative(&self, paths: Vec<PathBuf>) -> Vec<PathBuf> {
        let cut = |path: PathBuf| {
            path.strip_prefix(&self.inner.path)
                .map(Path::to_owned)
                .unwrap_or(path)
        };
        paths.into_iter().map(cut).collect()
    }

    pub(crate) fn temp_path(&self) -> &Path {
        &self.inner.temp_path
    }

    fn claimed_temp(&self) -> Option<Arc<TempArea>> {
        self.inner
            .temp
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn temp(&self) -> Result<Arc<TempArea>> {
        if let Some(temp) = self.claimed_temp() {
            return Ok(temp);
        }
        let _one_at_a_time = lock(&self.inner.opening_temp);
        if let Some(temp) = self.claimed_temp() {
            return Ok(temp);
        }
        let dir = self.ensure_dir(&self.inner.temp_path)?;
        let path = self.full(&self.inner.temp_path);
        let area = Arc::new(TempArea::open(Arc::clone(&self.inner.fs), dir, path)?);
        *self
            .inner
            .temp
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&area));
        Ok(area)
    }

    pub(crate) fn open_dir(&self, path: &Path) -> Result<Dir> {
        if path.as_os_str().is_empty() {
            return Ok(self.inner.root.clone());
        }
        let fs = &self.inner.fs;
        let opened = match path.parent() {
            Some(above) if above.as_os_str().is_empty() => {
                let open = || fs.open_dir(&self.inner.root, path, self.links);
                patiently(|error| self.is_at_limit(error), open)
            }
            _ => self.beneath(path, Wait::Yes, |at, path| {
                fs.open_dir(at, path, Links::Refuse)
            }),
        };
        opened.map_err(|error| self.failed(Action::Open, path, error))
    }

    /// Whether the name of a link in the root stands for a folder, as such links are followed.
    #[must_use]
    pub fn leads_to_folder(&self, path: &Path) -> bool {
        let in_root = path
            .parent()
            .is_some_and(|above| above.as_os_str().is_empty());
        self.links == Links::Follow && in_root && self.open_dir(path).is_ok()
    }

    /// Does something with what lies at `path`, seen from the root, or from the folder that a link in the root points to
    /// where such links are followed.
    pub(crate) fn beneath<T>(
        &self,
        path: &Path,
        wait: Wait,
        act: impl Fn(&Dir, &Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let first = match wait {
            Wait::Yes => {
                let act = || act(&self.inner.root, path);
                patiently(|error| self.is_at_limit(error), act)
            }
            Wait::No => act(&self.inner.root, path),
        };
        let error = match first {
            Err(error) if wait == Wait::No && self.is_at_limit(&error) => {
                // To be repeated where it may wait.
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Err(error) if self.links == Links::Follow && is_link(&error) => error,
            outcome => return outcome,
        };
        if wait == Wait::No {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut names = path.components();
        match (names.next(), names.as_path()) {
            (Some(first), rest) if !rest.as_os_str().is_empty() => {
                let fs = &self.inner.fs;
                let folder = fs.open_dir(&self.inner.root, first.as_ref(), Links::Follow)?;
                act(&folder, rest)
            }
            _ => Err(error),
        }
    }

    /// Opens a folder, creating it and those above it where they are missing.
    pub(crate) fn ensure_dir(&self, path: &Path) -> Result<Dir> {
        let mut retries = FOLDER_RETRIES;
        let mut outcome = self.open_dir(path);
        // Others may remove a folder as empty between our making it and our opening it.
        while retries > 0 && matches!(&outcome, Err(error) if error.reason() == Reason::NotFound) {
            retries -= 1;
            outcome = self.create_dirs(path);
        }
        outcome
    }

    fn create_dirs(&self, path: &Path) -> Result<Dir> {
        let mut at = self.inner.root.clone();
        let mut missing: Vec<&Path> = path.ancestors().collect();
        while let Some(next) = missing.pop() {
            let (Some(name), Some(parent)) = (next.file_name(), next.parent()) else {
                continue;
            };
            match self.inner.fs.create_dir(&at, name) {
                Ok(()) => {
                    self.inner.durable.folder_changed(parent);
                    if let Some(told) = &self.folder_made {
                        told(self, next);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.failed(Action::Create, next, error)),
            }
            let links = match parent.as_os_str().is_empty() {
                true => self.links,
                false => Links::Refuse,
            };
            let opened = self.inner.fs.open_dir(&at, Path::new(name), links);
            at = opened.map_err(|error| self.failed(Action::Open, next, error))?;
        }
        Ok(at)
    }

    pub(crate) fn failed(&self, action: Action, path: &Path, error: io::Error) -> FileError {
        if is_link(&error) {
            return FileError::new(action, &self.full(self.link_in(path)), error);
        }
        FileError::new(action, &self.full(path), error)
    }

    /// The first link along a path.
    fn link_in<'p>(&self, path: &'p Path) -> &'p Path {
        let mut along: Vec<&Path> = path.ancestors().collect();
        along.pop();
        let is_link = |path: &&Path| {
            let found = self.inner.fs.metadata(&self.inner.root, path, Wait::Yes);
            found.is_ok_and(|found| found.kind == Kind::Link)
        };
        along.into_iter().rev().find(is_link).unwrap_or(path)
    }

    /// Removes the empty folders among `folders` and then those above that have become empty. Those that may be gone are
    /// forgotten in `open`.
    pub(crate) fn prune(&self, folders: HashSet<PathBuf>, open: &mut Folders) {
        for folder in folders {
            let opened = open.open(&folder);
            if opened
                .as_ref()
                .is_some_and(|dir| self.is_seen_not_empty(&folder, dir))
            {
                continue;
            }
            open.forget(&folder);
            let mut current: &Path = &folder;
            while let (Some(name), Some(parent)) = (current.file_name(), current.parent()) {
                let Ok(dir) = self.open_dir(parent) else {
                    break;
                };
                let removed = self
                    .inner
                    .durable
                    .forget_folder(current, || self.inner.fs.remove_dir(&dir, name));
                if let Err(error) = removed {
                    let not_empty = error.kind() == io::ErrorKind::DirectoryNotEmpty;
                    if let (true, true, Some(dir)) = (not_empty, current == folder, &opened) {
                        self.note_not_empty(current, dir);
                    }
                    break;
                }
                self.forget_kept(current);
                self.forget_witness(current);
                self.inner.durable.folder_changed(parent);
                current = parent;
            }
        }
    }

    /// Removes `path` and the folders above it as far as they are empty; true if `path` itself was.
    ///
    /// # Errors
    ///
    /// What removing meets, other than that it is not empty.
    pub fn remove_empty_dir(&self, path: &Path) -> Result<bool> {
        let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else {
            return Ok(false);
        };
        let Some(dir) = absent_is_none(self.open_dir(parent))? else {
            return Ok(false);
        };
        let removed = self
            .inner
            .durable
            .forget_folder(path, || self.inner.fs.remove_dir(&dir, name));
        match removed {
            Ok(()) => {
                self.forget_kept(path);
                self.inner.durable.folder_changed(parent);
                let emptied = HashSet::from([parent.to_owned()]);
                self.prune(emptied, &mut Folders::default());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed(Action::Remove, path, error)),
        }
    }
}

/// An error that can say "not from the caches".
pub trait ReadError: From<FileError> + Send + 'static {
    /// Whether the read wants to be repeated where it may wait.
    fn would_block(&self) -> bool;
}

impl ReadError for FileError {
    fn would_block(&self) -> bool {
        self.reason() == Reason::WouldBlock
    }
}

/// Whether an error says that nothing is there. An error with a path is made only where somebody gets to see it.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Nothing there, or a file where the path has a folder, means that nothing is there.
pub(crate) fn absent_is_none<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.reason(), Reason::NotFound | Reason::NotAFolder) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No user code runs under these locks, and what they guard is whole between statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
