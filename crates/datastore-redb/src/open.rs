//! Opening and creating.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use datastore_engine::{
    Error, ErrorKind, Result,
    implement::{folder_of, guarded, sync_name},
};
use datastore_files::Blocking;
use redb::{Builder, Database, Durability, ReadableDatabase, StorageBackend, TableHandle};

use crate::{
    RedbEngine,
    engine::TABLE,
    error::{interrupted, translate},
};

/// How a file of redb begins.
const MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1A, 0x0A, 0xA9, 0x0D, 0x0A];
const DEFAULT_CACHE: usize = 64 << 20;

/// How an engine is opened.
#[derive(Debug, Clone)]
#[must_use]
pub struct RedbOptions {
    create: bool,
    cache_bytes: usize,
    check_on_open: bool,
    quick_repair: bool,
    blocking: Blocking,
}

impl Default for RedbOptions {
    fn default() -> Self {
        Self {
            create: true,
            cache_bytes: DEFAULT_CACHE,
            check_on_open: false,
            quick_repair: true,
            blocking: Blocking::Never,
        }
    }
}

impl RedbOptions {
    /// Creates the file if it is missing; reads about 64 MiB into memory at most; opens quickly behind a crash.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a missing file is created; yes unless told otherwise.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Bytes of pages kept in memory, read or about to be written: 64 MiB unless told otherwise.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Reads the whole file when it is opened and verifies its checksums, so that one which was changed behind redb's back is
    /// refused then. Without this such a file may be noticed only where it is read.
    pub fn check_on_open(mut self, check: bool) -> Self {
        self.check_on_open = check;
        self
    }

    /// Stores with each commit what opening needs behind a crash, which otherwise has to read the whole tree. Yes unless
    /// told otherwise; without it a commit is cheaper.
    pub fn quick_repair(mut self, quick: bool) -> Self {
        self.quick_repair = quick;
        self
    }

    /// Whether calls that block may run where they are polled.
    pub fn blocking(mut self, blocking: Blocking) -> Self {
        self.blocking = blocking;
        self
    }

    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if it is missing and not to be created, [`Foreign`](ErrorKind::Foreign) if it is no
    /// file of redb or holds tables of another program, [`Locked`](ErrorKind::Locked), [`Damaged`](ErrorKind::Damaged), or
    /// what the system meets.
    pub async fn open(self, path: impl Into<PathBuf>) -> Result<RedbEngine> {
        let path = path.into();
        let place = path.clone();
        let blocking = self.blocking;
        let work = move || guarded(&path, || self.open_file(&path));
        blocking.run(&place, work).await.map_err(interrupted)?
    }

    /// Opens or creates a database on a medium of the caller's: for tests that let it fail, or for places that are no files.
    /// `name` stands for it in errors. There is no [`size_on_disk`](datastore_engine::Engine::size_on_disk).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with_backend(
        self,
        name: impl Into<PathBuf>,
        backend: impl StorageBackend,
    ) -> Result<RedbEngine> {
        let name = name.into();
        let place = name.clone();
        let blocking = self.blocking;
        let work = move || {
            guarded(&name, || {
                let opened = self.builder().create_with_backend(backend);
                let database = opened.map_err(|error| translate(&name, error))?;
                self.prepared(database, &name, None)
            })
        };
        blocking.run(&place, work).await.map_err(interrupted)?
    }

    fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache_bytes);
        builder.set_check_integrity_on_open(self.check_on_open);
        builder
    }

    fn open_file(&self, path: &Path) -> Result<RedbEngine> {
        let failed = |error: io::Error| Error::io(error).with_path(path);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => check_magic(path)?,
            Ok(_) => return Err(foreign(path, "it is not a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.create => {
                self.create_file(path)?;
            }
            Err(error) => return Err(failed(error)),
        }
        let database = self
            .builder()
            .open(path)
            .map_err(|error| translate(path, error))?;
        self.prepared(database, path, Some(path.to_owned()))
    }

    /// A kill half way through creating must not leave a file that nobody can open: it gets its name once it is whole.
    fn create_file(&self, path: &Path) -> Result<()> {
        let failed = |error: io::Error| Error::io(error).with_path(path);
        let unnamed = tempfile::Builder::new()
            .prefix(".creating-")
            .tempfile_in(folder_of(path))
            .map_err(failed)?;
        let created = self.builder().create(unnamed.path());
        let database = created.map_err(|error| translate(path, error))?;
        self.prepared_table(&database, path)?;
        database.close().map_err(|error| translate(path, error))?;
        match unnamed.persist_noclobber(path) {
            Ok(_) => {}
            // Somebody else was faster: theirs is opened.
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.error)),
        }
        sync_name(path).map_err(failed)
    }

    fn prepared(
        &self,
        database: Database,
        name: &Path,
        file: Option<PathBuf>,
    ) -> Result<RedbEngine> {
        self.prepared_table(&database, name)?;
        Ok(RedbEngine::new(
            database,
            name,
            file,
            self.quick_repair,
            self.blocking,
        ))
    }

    /// Makes sure of the one table, in a database that has no others.
    fn prepared_table(&self, database: &Database, name: &Path) -> Result<()> {
        let reading = database
            .begin_read()
            .map_err(|error| translate(name, error))?;
        let tables = reading
            .list_tables()
            .map_err(|error| translate(name, error))?;
        let tables: Vec<String> = tables.map(|table| table.name().to_owned()).collect();
        drop(reading);
        if tables.iter().any(|table| table == TABLE.name()) {
            return Ok(());
        }
        if !tables.is_empty() {
            return Err(foreign(name, "it holds the tables of another program"));
        }
        let mut writing = database
            .begin_write()
            .map_err(|error| translate(name, error))?;
        let durable = writing.set_durability(Durability::Immediate);
        durable.map_err(|error| translate(name, error))?;
        writing.set_quick_repair(self.quick_repair);
        drop(
            writing
                .open_table(TABLE)
                .map_err(|error| translate(name, error))?,
        );
        writing.commit().map_err(|error| translate(name, error))
    }
}

fn foreign(path: &Path, detail: &'static str) -> Error {
    let remedy = "choose another path, or move what is there";
    Error::new(ErrorKind::Foreign)
        .with_path(path)
        .with_detail(detail)
        .with_remedy(remedy)
}

fn check_magic(path: &Path) -> Result<()> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| Error::io(error).with_path(path))?;
    let read = file.take(MAGIC.len() as u64).read_to_end(&mut start);
    read.map_err(|error| Error::io(error).with_path(path))?;
    if start == MAGIC {
        return Ok(());
    }
    Err(foreign(path, "it does not begin as files of redb do"))
}
