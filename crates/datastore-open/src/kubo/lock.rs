//! Whether a Kubo has the repository open: it holds the file `repo.lock` until it ends, and then removes it.
//!
//! On Unix the lock is one of `fcntl`. Where there are none it is a file that nobody else may open (Windows), or one that
//! holds the owner's process number.

use std::{fs::File, io, path::Path};

use interface_datastore::{Error, ErrorKind, Operation, Result};

/// The name of the file.
const LOCK: &str = "repo.lock";

/// What became of a look at the lock.
enum Seen {
    Free,
    /// Held, by the process of this number where it is known.
    Held(Option<u32>),
}

/// Refuses a repository that is in use. Takes no lock, and makes no file.
pub(super) fn refuse_if_held(repo: &Path) -> Result<()> {
    let path = repo.join(LOCK);
    match look(&path) {
        Ok(Seen::Free) => Ok(()),
        Ok(Seen::Held(holder)) => {
            let who = match holder {
                Some(process) => format!("process {process} has the repository open"),
                None => "another program has the repository open".to_owned(),
            };
            Err(Error::new(ErrorKind::Locked, Operation::Open)
                .with_path(path)
                .with_detail(who)
                .with_remedy(
                    "stop Kubo (ipfs shutdown); to read beside it anyway, open with lock=ignore",
                ))
        }
        Err(cause) => Err(Error::new(ErrorKind::Failed, Operation::Open)
            .with_path(path)
            .with_detail("cannot find out whether Kubo has the repository open")
            .with_source(cause)),
    }
}

fn look(path: &Path) -> io::Result<Seen> {
    // Before the file is opened: closing it would drop a lock that this very process has on it.
    if let Some(process) = datastore_files::lock_holder(path) {
        return Ok(Seen::Held(Some(process)));
    }
    match system::open(path) {
        Ok(Some(file)) => system::held(&file),
        Ok(None) => Ok(Seen::Held(None)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Seen::Free)
        }
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
mod system {
    use rustix::{
        fs::{Mode, OFlags},
        process::{Flock, FlockType, fcntl_getlk},
    };

    use super::{File, Path, Seen, io};

    /// Opens the lock file, which may be no link, and no pipe that would wait.
    pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Some(rustix::fs::open(path, flags, Mode::empty())?.into()))
    }

    pub(super) fn held(file: &File) -> io::Result<Seen> {
        let found = fcntl_getlk(file, &Flock::from(FlockType::ReadLock))?;
        Ok(match found {
            None => Seen::Free,
            Some(lock) => {
                let process = lock.pid.map(|pid| pid.as_raw_nonzero().get());
                Seen::Held(process.and_then(|number| u32::try_from(number).ok()))
            }
        })
    }
}

#[cfg(not(unix))]
mod system {
    use super::{File, Path, Seen, io};

    /// What Windows answers about a file that another program keeps for itself.
    const KEPT: i32 = 32;

    /// Opens the lock file; none if its owner lets nobody.
    pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
        match File::open(path) {
            Err(error) if error.raw_os_error() == Some(KEPT) => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Where the owner writes its number into the file, the file is the lock.
    pub(super) fn held(file: &File) -> io::Result<Seen> {
        Ok(match file.metadata()?.len() {
            0 => Seen::Free,
            _ => Seen::Held(None),
        })
    }
}
