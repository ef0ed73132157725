//! What goes wrong while a database is read, and the errors that stores give for it.

use std::path::PathBuf;

use datastore_files::{FileError, ReadError, Reason};
use interface_datastore::{Error, ErrorKind, Finding, Key, Operation, Severity};

/// Stored data that contradicts its format or checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) path: PathBuf,
    /// Where in the file, where that is known.
    pub(crate) offset: Option<u64>,
    pub(crate) what: &'static str,
}

impl Damage {
    fn detail(&self) -> String {
        match self.offset {
            Some(offset) => format!("{}, at byte {offset} of the file", self.what),
            None => self.what.to_owned(),
        }
    }

    pub(crate) fn finding(&self, severity: Severity, code: &str) -> Finding {
        Finding::new(severity, code, self.detail()).with_path(&self.path)
    }
}

/// What can end a read, which may have to be repeated where it may wait.
#[derive(Debug)]
pub(crate) enum Failure {
    File(FileError),
    Damaged(Damage),
    /// A file that was there when the database was opened.
    Vanished(PathBuf),
    /// A block is compressed in a way that is not read.
    Compression {
        path: PathBuf,
        kind: u8,
    },
    /// A block, or the logs, would take so many bytes, more than the options allow.
    TooLarge {
        path: PathBuf,
        len: u64,
        max: u64,
    },
    Store(Error),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl ReadError for Failure {
    fn would_block(&self) -> bool {
        matches!(self, Self::File(error) if error.would_block())
    }
}

impl Failure {
    /// Whether what could not be read is lost for good: salvage goes on without it.
    pub(crate) fn is_loss(&self) -> bool {
        match self {
            Self::Damaged(_) | Self::Compression { .. } | Self::TooLarge { .. } => true,
            // A bad sector, say; what passes by itself is no loss.
            Self::File(error) => matches!(
                error.reason(),
                Reason::Other | Reason::PermissionDenied | Reason::LinkInTheWay
            ),
            Self::Vanished(_) | Self::Store(_) => false,
        }
    }

    /// The error that a caller gets.
    pub(crate) fn during(self, operation: Operation, key: Option<&Key>) -> Error {
        let new = |kind| Error::new(kind, operation).with_key_opt(key);
        match self {
            Self::Store(error) => error,
            Self::File(error) => file_error(error, operation, key),
            Self::Damaged(damage) => new(ErrorKind::Damaged)
                .with_detail(damage.detail())
                .with_path(damage.path)
                .with_remedy("restore it from a backup; the option salvage serves what can be read"),
            Self::Vanished(path) => new(ErrorKind::Failed)
                .with_detail("a file of the database is gone: another program has changed the database since it was opened")
                .with_path(path)
                .with_remedy("close that program or make a copy, and open the database again"),
            Self::Compression { path, kind } => new(ErrorKind::Unsupported)
                .with_detail(compression(kind))
                .with_path(path)
                .with_remedy("compact the database with Snappy or without compression, by a program that knows it"),
            Self::TooLarge { path, len, max } => new(ErrorKind::Unsupported)
                .with_detail(format!("{len} bytes would have to be held in memory, the options allow {max}"))
                .with_path(path)
                .with_remedy("raise the limit: with_max_block_len (in a URL: max-block), or for logs with_max_log_len (max-log)"),
        }
    }
}

fn compression(kind: u8) -> String {
    match kind {
        2 => "a block is compressed with Zstandard".to_owned(),
        other => format!("a block is compressed in the unknown way {other}"),
    }
}

/// The error of a store for a failure with a file.
pub(crate) fn file_error(error: FileError, operation: Operation, key: Option<&Key>) -> Error {
    let kind = match error.reason() {
        Reason::NotFound => ErrorKind::NotFound,
        Reason::NotAFolder | Reason::LinkInTheWay => ErrorKind::Foreign,
        Reason::TooManyOpenFiles | Reason::Interrupted => ErrorKind::Unavailable,
        Reason::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::Failed,
    };
    // A missing file is no missing key.
    let kind = match kind {
        ErrorKind::NotFound if operation != Operation::Open => ErrorKind::Failed,
        kind => kind,
    };
    let mut out = Error::new(kind, operation)
        .with_key_opt(key)
        .with_path(error.path())
        .with_detail(format!("cannot {}", error.action()));
    if let Some(remedy) = error.remedy() {
        out = out.with_remedy(remedy);
    }
    out.with_source(error.into_cause())
}
