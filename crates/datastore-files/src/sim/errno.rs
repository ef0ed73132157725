//! The errors of operating systems that the simulations speak of.

use std::io;

/// An error of the operating system, as a fault names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Errno {
    /// `ENOSPC`: no space left.
    NoSpace,
    /// `EDQUOT`: the quota is used up.
    Quota,
    /// `EIO`: the device failed.
    Io,
    /// `EMFILE`: the process has too many files open.
    TooManyFiles,
    /// `EROFS`: the file system is read-only.
    ReadOnly,
    /// `EACCES`: access denied.
    AccessDenied,
    /// `EINTR`: a signal came in between.
    Interrupted,
    /// `EAGAIN`: not without waiting; for a lock, somebody else holds it.
    WouldBlock,
    /// `EOPNOTSUPP`: the file system does not know the operation.
    NotSupported,
    /// `ENAMETOOLONG`: the name is too long.
    NameTooLong,
    /// `EBADF`: the handle is not open for this.
    BadHandle,
    /// `EFBIG`: the file would become too large.
    FileTooLarge,
    /// `EXDEV`: the two places are on different file systems.
    CrossesDevices,
    /// `ELOOP`: too many symbolic links on the way.
    TooManyLinks,
}

#[cfg(unix)]
impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        use rustix::io::Errno as System;
        match errno {
            Errno::NoSpace => System::NOSPC,
            Errno::Quota => System::DQUOT,
            Errno::Io => System::IO,
            Errno::TooManyFiles => System::MFILE,
            Errno::ReadOnly => System::ROFS,
            Errno::AccessDenied => System::ACCESS,
            Errno::Interrupted => System::INTR,
            Errno::WouldBlock => System::AGAIN,
            Errno::NotSupported => System::OPNOTSUPP,
            Errno::NameTooLong => System::NAMETOOLONG,
            Errno::BadHandle => System::BADF,
            Errno::FileTooLarge => System::FBIG,
            Errno::CrossesDevices => System::XDEV,
            Errno::TooManyLinks => System::LOOP,
        }
        .into()
    }
}

#[cfg(not(unix))]
impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        let kind = match errno {
            Errno::NoSpace => io::ErrorKind::StorageFull,
            Errno::Quota => io::ErrorKind::QuotaExceeded,
            Errno::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
            Errno::AccessDenied => io::ErrorKind::PermissionDenied,
            Errno::Interrupted => io::ErrorKind::Interrupted,
            Errno::WouldBlock => io::ErrorKind::WouldBlock,
            Errno::NotSupported => io::ErrorKind::Unsupported,
            Errno::NameTooLong => io::ErrorKind::InvalidInput,
            Errno::FileTooLarge => io::ErrorKind::FileTooLarge,
            Errno::CrossesDevices => io::ErrorKind::CrossesDevices,
            // There is no portable kind for these.
            Errno::Io | Errno::TooManyFiles | Errno::BadHandle | Errno::TooManyLinks => {
                io::ErrorKind::Other
            }
        };
        Self::new(kind, format!("{errno:?} (simulated)"))
    }
}
