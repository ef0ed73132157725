//! Opening what lies beneath a folder's handle, through no link: a whole path by one `openat2` where the kernel has it,
//! else name by name.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::not_plain;
use super::unix::{DIR_FLAGS, stat_name};
use crate::fs::{Wait, link_error};

/// Systems take paths of 4096 bytes or, some, of 1024.
const MAX_CALL_PATH: usize = 1000;

/// How paths are opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// By one call, where the kernel has it.
    #[default]
    WholePaths,
    /// By a walk, always.
    NameByName,
}

impl Reach {
    pub(super) fn open(
        self,
        at: BorrowedFd<'_>,
        path: &Path,
        flags: OFlags,
        wait: Wait,
    ) -> io::Result<OwnedFd> {
        let (nearer, path) = self.approach(at, path, wait)?;
        let at = nearer.as_ref().map_or(at, |fd| fd.as_fd());
        self.open_short(at, path, flags, wait)
    }

    pub(super) fn stat(self, at: BorrowedFd<'_>, path: &Path, wait: Wait) -> io::Result<Stat> {
        let (nearer, path) = self.approach(at, path, wait)?;
        let at = nearer.as_ref().map_or(at, |fd| fd.as_fd());
        self.stat_short(at, path, wait)
    }

    /// Opens folders along a path that is too long for one call, until the rest is short enough.
    fn approach<'p>(
        self,
        at: BorrowedFd<'_>,
        mut path: &'p Path,
        wait: Wait,
    ) -> io::Result<(Option<OwnedFd>, &'p Path)> {
        let mut nearer: Option<OwnedFd> = None;
        while path.as_os_str().len() > MAX_CALL_PATH {
            let bytes = path.as_os_str().as_bytes();
            let head = bytes
                .get(..MAX_CALL_PATH)
                .and_then(|head| head.iter().rposition(|byte| *byte == b'/'));
            // A name longer than a path may be is refused by the system.
            let Some(cut) = head else {
                return Err(Errno::NAMETOOLONG.into());
            };
            let (head, tail) = bytes.split_at(cut);
            let here = nearer.as_ref().map_or(at, |fd| fd.as_fd());
            let head = Path::new(OsStr::from_bytes(head));
            nearer = Some(self.open_short(here, head, DIR_FLAGS, wait)?);
            path = Path::new(OsStr::from_bytes(tail.get(1..).unwrap_or_default()));
        }
        Ok((nearer, path))
    }

    fn open_short(
        self,
        at: BorrowedFd<'_>,
        path: &Path,
        flags: OFlags,
        wait: Wait,
    ) -> io::Result<OwnedFd> {
        match self.one_call(|| one_call::open(at, path, flags, wait)) {
            Some(result) => result.map_err(link_of),
            None if wait == Wait::No => Err(io::ErrorKind::WouldBlock.into()),
            None => walk(at, path, flags),
        }
    }

    fn stat_short(self, at: BorrowedFd<'_>, path: &Path, wait: Wait) -> io::Result<Stat> {
        if let Some(result) = self.one_call(|| one_call::stat(at, path, wait)) {
            return result.map_err(link_of);
        }
        if wait == Wait::No {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let name = path.file_name().ok_or_else(not_plain)?;
        match path.parent().filter(|p| !p.as_os_str().is_empty()) {
            None => Ok(stat_name(at, name)?),
            Some(parent) => Ok(stat_name(walk(at, parent, DIR_FLAGS)?.as_fd(), name)?),
        }
    }

    /// What one call answers; none if it is not there or not wanted.
    fn one_call<T>(self, call: impl FnOnce() -> Option<T>) -> Option<T> {
        (self == Self::WholePaths).then(call).flatten()
    }
}

/// Opens a path name by name, none of them a link.
fn walk(at: BorrowedFd<'_>, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let mut names = path.components().map(Component::as_os_str).peekable();
    let mut current: Option<OwnedFd> = None;
    while let Some(name) = names.next() {
        let here = current.as_ref().map_or(at, |fd| fd.as_fd());
        let wanted = if names.peek().is_none() {
            flags
        } else {
            DIR_FLAGS
        };
        let opened = rustix::fs::openat(here, name, wanted | OFlags::NOFOLLOW, Mode::empty());
        current = Some(match opened {
            Ok(fd) => fd,
            // For a link, systems say LOOP, MLINK or, when a folder was asked for, NOTDIR.
            Err(errno) if matches!(errno, Errno::LOOP | Errno::MLINK | Errno::NOTDIR) => {
                let link = stat_name(here, name)
                    .is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Symlink);
                return Err(if link { link_error() } else { errno.into() });
            }
            Err(errno) => return Err(errno.into()),
        });
    }
    current.ok_or_else(not_plain)
}

/// The error of a call that met a link, told as such.
pub(super) fn link_of(errno: Errno) -> io::Error {
    match errno {
        Errno::LOOP => link_error(),
        other => other.into(),
    }
}

/// A whole path in one call, where the kernel has one.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod one_call {
    use super::{AsFd, BorrowedFd, Errno, Mode, OFlags, OwnedFd, Path, Stat, Wait};
    use rustix::fs::{CWD, ResolveFlags};
    use std::sync::OnceLock;

    /// Kernels before 5.6, and sandboxes, refuse `openat2`.
    fn supported() -> bool {
        static SUPPORTED: OnceLock<bool> = OnceLock::new();
        *SUPPORTED.get_or_init(|| {
            rustix::fs::openat2(
                CWD,
                "/",
                OFlags::PATH | OFlags::CLOEXEC,
                Mode::empty(),
                ResolveFlags::empty(),
            )
            .is_ok()
        })
    }

    pub(super) fn open(
        at: BorrowedFd<'_>,
        path: &Path,
        flags: OFlags,
        wait: Wait,
    ) -> Option<rustix::io::Result<OwnedFd>> {
        if !supported() {
            return None;
        }
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        if wait == Wait::No {
            resolve |= ResolveFlags::CACHED;
        }
        loop {
            match rustix::fs::openat2(at, path, flags, Mode::empty(), resolve) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if wait == Wait::Yes => {}
                other => return Some(other),
            }
        }
    }

    pub(super) fn stat(
        at: BorrowedFd<'_>,
        path: &Path,
        wait: Wait,
    ) -> Option<rustix::io::Result<Stat>> {
        let opened = open(
            at,
            path,
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            wait,
        )?;
        Some(opened.and_then(|fd| rustix::fs::fstat(fd.as_fd())))
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod one_call {
    use super::{BorrowedFd, OFlags, OwnedFd, Path, Stat, Wait};

    pub(super) fn open(
        _: BorrowedFd<'_>,
        _: &Path,
        _: OFlags,
        _: Wait,
    ) -> Option<rustix::io::Result<OwnedFd>> {
        None
    }

    pub(super) fn stat(_: BorrowedFd<'_>, _: &Path, _: Wait) -> Option<rustix::io::Result<Stat>> {
        None
    }
}
