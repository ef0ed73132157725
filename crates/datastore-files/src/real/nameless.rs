//! Files that have no name yet, on Linux.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

/// Where the files that this process has open have a name for it.
const OPEN_FILES: &str = "/proc/self/fd";

/// Only where whole file systems are synced, too: others have not been measured, nor what they make durable of such a file.
pub(super) fn create(at: BorrowedFd<'_>, mode: Mode) -> io::Result<OwnedFd> {
    if !super::whole::is_ext4(at)? || !can_be_named() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    match rustix::fs::openat(at, ".", flags, mode) {
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOSYS | Errno::INVAL) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        // In a folder that was removed.
        Err(Errno::PERM) if rustix::fs::fstat(at)?.st_nlink == 0 => {
            Err(io::ErrorKind::NotFound.into())
        }
        created => Ok(created?),
    }
}

pub(super) fn link(file: BorrowedFd<'_>, dir: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    // Not every process may do this, and where it may not, it is as if the file were missing.
    match rustix::fs::linkat(file, "", dir, name, AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT) => {}
        linked => return Ok(linked?),
    }
    let file = Path::new(OPEN_FILES).join(file.as_raw_fd().to_string());
    Ok(rustix::fs::linkat(
        CWD,
        &file,
        dir,
        name,
        AtFlags::SYMLINK_FOLLOW,
    )?)
}

/// Whether [`link`] can do its work.
fn can_be_named() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| Path::new(OPEN_FILES).exists())
}
