//! Reading files, from the caches where they have the answer.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::error::{Action, FileError, Result};
use crate::fs::{File, Kind, Metadata, Wait};
use crate::tree::{Tree, is_absent};

/// Bytes that are compared at a time.
const PIECE: usize = 1 << 16;
/// Values larger than this are not copied on the thread that polls, cached or not.
const MAX_INSTANT_READ: u64 = 1 << 20;

impl Tree {
    /// Opens a regular file for reading; none if nothing or something else is there.
    ///
    /// # Errors
    ///
    /// [`Reason::LinkInTheWay`](crate::Reason::LinkInTheWay),
    /// [`Reason::WouldBlock`](crate::Reason::WouldBlock) with [`Wait::No`], and what else opening meets.
    pub fn open_file(&self, path: &Path, wait: Wait) -> Result<Option<OpenFile>> {
        let fs = &self.inner.fs;
        let opened = self.beneath(path, wait, |at, path| fs.open_file(at, path, wait));
        self.opened(opened, || path.to_owned())
    }

    /// What an opening has given, if it is a regular file.
    pub(crate) fn opened(
        &self,
        opened: io::Result<File>,
        path: impl Fn() -> PathBuf,
    ) -> Result<Option<OpenFile>> {
        let file = match opened {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(self.failed(Action::Open, &path(), error)),
        };
        let metadata = self.inner.fs.file_metadata(&file);
        let metadata = metadata.map_err(|error| self.failed(Action::Inspect, &path(), error))?;
        if metadata.kind != Kind::File {
            return Ok(None);
        }
        Ok(Some(OpenFile {
            tree: self.clone(),
            path: path(),
            file,
            metadata,
        }))
    }
}

/// A regular file open for reading.
#[derive(Debug)]
pub struct OpenFile {
    tree: Tree,
    path: PathBuf,
    file: File,
    metadata: Metadata,
}

impl OpenFile {
    /// Facts about the file at the time of opening.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Reads a range of bytes, less if the file ends before. The memory taken is the range cut at the file's end.
    ///
    /// # Errors
    ///
    /// [`Reason::WouldBlock`](crate::Reason::WouldBlock) with [`Wait::No`], and what else reading meets.
    pub fn read(&self, range: Range<u64>, wait: Wait) -> Result<Bytes> {
        let wanted = range.end.min(self.metadata.len).saturating_sub(range.start);
        if wanted == 0 {
            return Ok(Bytes::new());
        }
        if wait == Wait::No && wanted > MAX_INSTANT_READ {
            return Err(self.failed(io::ErrorKind::WouldBlock.into()));
        }
        let wanted =
            usize::try_from(wanted).map_err(|_| self.failed(io::ErrorKind::OutOfMemory.into()))?;
        // The system hands out zeroed pages, and fresh ones have to be touched anyway.
        let mut buffer = vec![0; wanted];
        let mut filled = 0;
        while filled < wanted {
            // filled < wanted = buffer.len()
            let rest = &mut buffer[filled..];
            let read =
                self.tree
                    .inner
                    .fs
                    .read_at(&self.file, rest, range.start + filled as u64, wait);
            match read.map_err(|error| self.failed(error))? {
                0 => break,
                count => filled = filled.saturating_add(count).min(wanted),
            }
        }
        buffer.truncate(filled);
        Ok(Bytes::from(buffer))
    }

    /// Whether the file holds exactly these bytes. Reads no further than to the first piece that differs.
    ///
    /// # Errors
    ///
    /// [`Reason::WouldBlock`](crate::Reason::WouldBlock) with [`Wait::No`], and what else reading meets.
    pub fn holds(&self, bytes: &[u8], wait: Wait) -> Result<bool> {
        if self.metadata.len != bytes.len() as u64 {
            return Ok(false);
        }
        if wait == Wait::No && self.metadata.len > MAX_INSTANT_READ {
            return Err(self.failed(io::ErrorKind::WouldBlock.into()));
        }
        let mut offset = 0;
        for piece in bytes.chunks(PIECE) {
            let end = offset + piece.len() as u64;
            if self.read(offset..end, wait)? != piece {
                return Ok(false);
            }
            offset = end;
        }
        Ok(true)
    }

    fn failed(&self, error: io::Error) -> FileError {
        self.tree.failed(Action::Read, &self.path, error)
    }
}
