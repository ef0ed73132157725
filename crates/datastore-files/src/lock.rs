//! Locks on a tree, which say who holds them.

use std::io;
use std::path::Path;

use crate::error::{Action, FileError, Result};
use crate::fs::{File, LockMode, Wait};
use crate::tree::Tree;

/// A process number has at most so many digits.
const MAX_NUMBER: u64 = 20;

/// A lock on a file of a tree. It ends when dropped, or when the process ends however that may be. The file stays.
#[derive(Debug)]
pub struct TreeLock {
    _file: File,
}

impl Tree {
    /// Takes a lock on the file `name` in the root, which is created if missing and gets the number of this process, so that
    /// others can say who holds it. It is the lock of `flock` on Unix, and excludes other handles of this process, too.
    ///
    /// # Errors
    ///
    /// [`Reason::Locked`](crate::Reason::Locked) if somebody else holds it, naming the process that took it last where that is known; and what else
    /// creating a file meets.
    pub fn lock(&self, name: &Path, mode: LockMode) -> Result<TreeLock> {
        let fs = &self.inner.fs;
        match fs.lock(&self.inner.root, name.as_os_str(), mode) {
            Ok(file) => {
                // Padded, so that no digit of a longer number before it stays. The lock holds without a number, too.
                let number = format!("{:<20}\n", std::process::id());
                let _ = fs.write_at(&file, number.as_bytes(), 0);
                Ok(TreeLock { _file: file })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let held = match self.last_holder(name) {
                    Some(id) => format!("it is held, and process {id} took it last"),
                    None => "it is held".to_owned(),
                };
                Err(self.failed(
                    Action::Lock,
                    name,
                    io::Error::new(io::ErrorKind::WouldBlock, held),
                ))
            }
            Err(error) => Err(self.failed(Action::Lock, name, error)),
        }
    }

    fn last_holder(&self, name: &Path) -> Option<u32> {
        let file: Result<_, FileError> = self.open_file(name, Wait::Yes);
        let text = file.ok()??.read(0..MAX_NUMBER, Wait::Yes).ok()?;
        std::str::from_utf8(&text).ok()?.trim_ascii().parse().ok()
    }
}
