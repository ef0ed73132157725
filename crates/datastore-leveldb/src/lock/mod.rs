//! Who else has the database open.
//!
//! LevelDB and the npm packages lock the file `LOCK` with `fcntl`, goleveldb (Kubo) with `flock`; neither kind sees the other,
//! so both are looked at.

use std::io;
use std::path::Path;

use interface_datastore::{Error, ErrorKind, Operation, Result};

use crate::{format::names, options::Lock};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as system;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
mod unix;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
use unix as system;
#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
use other as system;

/// A lock that is held as long as this lives.
#[derive(Debug)]
pub(crate) struct Held {
    _lock: Option<system::Held>,
}

/// How taking a lock ended, other than by an error of the system.
enum Taken<T> {
    Held(T),
    /// Somebody else holds it, told by their process number where it is known.
    By(Option<u32>),
    /// There is no file that anybody could lock.
    NoFile,
}

/// Does what the options say about the lock of the database in `folder`. Creates nothing.
pub(crate) fn take(folder: &Path, lock: Lock) -> Result<Held> {
    let path = folder.join(names::LOCK);
    let taken = match lock {
        Lock::Ignore => return Ok(Held { _lock: None }),
        Lock::Respect => system::look(&path),
        Lock::Hold => system::hold(&path),
    };
    let error = |kind| Error::new(kind, Operation::Open).with_path(&path);
    match taken {
        Ok(Taken::Held(held)) => Ok(Held { _lock: held }),
        Ok(Taken::NoFile) if lock == Lock::Respect => Ok(Held { _lock: None }),
        Ok(Taken::NoFile) => Err(error(ErrorKind::InvalidArgument)
            .with_detail("there is no lock file, and none is created")
            .with_remedy("open it without holding the lock")),
        Ok(Taken::By(holder)) => Err(error(ErrorKind::Locked)
            .with_detail(format!("{} has the database open", who(holder)))
            .with_remedy(
                "close it, or read a copy; to read beside it anyway, ignore the lock in the options",
            )),
        Err(cause) if cause.kind() == io::ErrorKind::Unsupported => Err(error(ErrorKind::Unsupported)
            .with_detail("this system has no lock of the right kind that can be held safely")
            .with_remedy("open it without holding the lock")),
        Err(cause) => Err(error(ErrorKind::Failed)
            .with_detail("cannot find out who holds the lock")
            .with_source(cause)),
    }
}

/// Whether an error means that there is no lock file.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The holder, in words.
fn who(holder: Option<u32>) -> String {
    let Some(id) = holder else {
        return "another program".to_owned();
    };
    match system::program_of(id) {
        Some(name) => format!("process {id} ({name})"),
        None => format!("process {id}"),
    }
}
