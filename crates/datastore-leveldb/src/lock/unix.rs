//! Locks on Unix systems other than Linux.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::Taken;

/// Never held: a `fcntl` lock of these systems would end as soon as this process closes the file anywhere.
pub(super) type Held = OwnedFd;

/// Finds out whether somebody holds the lock in a way that keeps others out.
pub(super) fn look(path: &Path) -> io::Result<Taken<Option<Held>>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match open(path, flags, Mode::empty()).map_err(io::Error::from) {
        Ok(file) => file,
        Err(error) if super::is_absent(&error) => return Ok(Taken::NoFile),
        Err(error) => return Err(error),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Taken::By(None)),
        Err(error) => return Err(error.into()),
    }
    let found = fcntl_getlk(&file, &Flock::from(FlockType::ReadLock))?;
    Ok(match found {
        None => Taken::Held(None),
        Some(lock) => {
            let id = lock.pid.map(|pid| pid.as_raw_nonzero().get());
            Taken::By(id.and_then(|id| u32::try_from(id).ok()))
        }
    })
}

/// These systems have no lock that is both of the right kind and safe to hold.
pub(super) fn hold(_: &Path) -> io::Result<Taken<Option<Held>>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The name of a process's program: not looked up.
pub(super) fn program_of(_: u32) -> Option<String> {
    None
}
