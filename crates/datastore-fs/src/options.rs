//! How a store is opened.

use std::sync::Arc;

use datastore_files::{Blocking, Fs, RealFs};
use interface_datastore::Durability;

use crate::layout::Names;

/// How a store is opened. The default creates what is missing and writes as the JavaScript store does.
#[derive(Debug, Clone)]
pub struct FsOptions {
    pub(crate) create_if_missing: bool,
    pub(crate) error_if_exists: bool,
    pub(crate) read_only: bool,
    pub(crate) extension: Option<String>,
    pub(crate) names: Option<Names>,
    pub(crate) blocking: Blocking,
    pub(crate) durability: Durability,
    pub(crate) fs: Arc<dyn Fs>,
}

impl Default for FsOptions {
    fn default() -> Self {
        Self {
            create_if_missing: true,
            error_if_exists: false,
            read_only: false,
            extension: None,
            names: None,
            blocking: Blocking::Never,
            durability: Durability::Process,
            fs: Arc::new(RealFs::new()),
        }
    }
}

impl FsOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a missing folder is created, with those above it. Default: yes.
    #[must_use]
    pub fn with_create_if_missing(mut self, create: bool) -> Self {
        self.create_if_missing = create;
        self
    }

    /// Whether opening fails if the folder is there already. Default: no.
    #[must_use]
    pub fn with_error_if_exists(mut self, error: bool) -> Self {
        self.error_if_exists = error;
        self
    }

    /// Whether the folder is only read. Nothing is written then, no lock taken, nothing created. Default: no.
    #[must_use]
    pub fn with_read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// The end of the file names of values. Default: that of the store found, or `.data` for a new one.
    #[must_use]
    pub fn with_extension(mut self, extension: impl Into<String>) -> Self {
        self.extension = Some(extension.into());
        self
    }

    /// Which keys get a file of the same name. Default: that of the store found; for a new one [`Names::JavaScript`], or
    /// [`Names::Portable`] if the file system ignores case, and on Windows.
    #[must_use]
    pub fn with_names(mut self, names: Names) -> Self {
        self.names = Some(names);
        self
    }

    /// Where blocking calls run. Default: [`Blocking::Never`], not on the thread that polls.
    #[must_use]
    pub fn with_blocking(mut self, blocking: Blocking) -> Self {
        self.blocking = blocking;
        self
    }

    /// The durability of writes that ask for none. Default: [`Durability::Process`].
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The file system. Default: the operating system's. Others are for tests: one that fails, one that loses power.
    #[must_use]
    pub fn with_fs(mut self, fs: Arc<dyn Fs>) -> Self {
        self.fs = fs;
        self
    }
}
