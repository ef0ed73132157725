//! Opening and creating.

use std::path::{Path, PathBuf};

use datastore_engine::{Error, ErrorKind, Result, implement::guarded};
use datastore_files::Blocking;

use crate::{
    SledEngine,
    error::{foreign, interrupted},
    folder::{self, Found},
    opened::Opened,
};

const DEFAULT_CACHE: u64 = 64 << 20;
/// sled divides its cache into 256 parts.
const LEAST_CACHE: u64 = 1 << 20;

/// How an engine is opened.
#[derive(Debug, Clone)]
#[must_use]
pub struct SledOptions {
    create: bool,
    cache_bytes: u64,
    pub(crate) max_range_delete: u64,
    pub(crate) blocking: Blocking,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            create: true,
            cache_bytes: DEFAULT_CACHE,
            max_range_delete: 65_536,
            blocking: Blocking::Never,
        }
    }
}

impl SledOptions {
    /// Creates the folder if it is missing; keeps about 64 MiB of pages in memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a missing folder is created; yes unless told otherwise. The folder above must be there.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Bytes of pages kept in memory, as sled counts them: 64 MiB unless told otherwise, at least 1 MiB. The table of all pages is
    /// in memory besides.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes.max(LEAST_CACHE);
        self
    }

    /// The most keys that the range deletes of one batch may meet: 65 536 unless told otherwise. They are held in memory.
    pub fn max_range_delete(mut self, keys: u64) -> Self {
        self.max_range_delete = keys;
        self
    }

    /// Whether calls that block may run where they are polled.
    pub fn blocking(mut self, blocking: Blocking) -> Self {
        self.blocking = blocking;
        self
    }

    /// Opens the database in a folder, or creates it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if it is missing and not to be created, [`Foreign`](ErrorKind::Foreign) if the folder
    /// holds something else, or trees of another program, [`Locked`](ErrorKind::Locked), [`Damaged`](ErrorKind::Damaged), or
    /// what the system meets.
    pub async fn open(self, path: impl Into<PathBuf>) -> Result<SledEngine> {
        let path = path.into();
        let place = path.clone();
        let blocking = self.blocking;
        let work = move || {
            let opened = guarded(&path, || self.open_folder(&path))?;
            Ok(SledEngine::new(opened, &path, &self))
        };
        blocking.run(&place, work).await.map_err(interrupted)?
    }

    fn open_folder(&self, folder: &Path) -> Result<Opened> {
        match folder::look(folder)? {
            Found::Database => folder::check_unlocked(folder)?,
            Found::Nothing if self.create => {
                folder::check_unlocked(folder)?;
                folder::begin(folder)?;
            }
            Found::Nothing => {
                return Err(Error::new(ErrorKind::NotFound)
                    .with_path(folder)
                    .with_remedy("check the path, or allow that it is created"));
            }
        }
        // sled's thread that writes from time to time would only be in the way: commits say when they are to be written.
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(self.cache_bytes)
            .flush_every_ms(None);
        let opened = Opened::open(config, folder)?
            .ok_or_else(|| foreign(folder, "it holds the trees of another program"))?;
        opened.flush()?;
        folder::mark(folder)?;
        Ok(opened)
    }
}
