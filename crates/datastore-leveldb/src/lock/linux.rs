//! Locks on Linux.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, major, minor, open};

use super::Taken;

/// The open lock file, whose locks end with it.
pub(super) type Held = OwnedFd;

/// Finds out whether somebody holds the lock in a way that keeps others out.
pub(super) fn look(path: &Path) -> io::Result<Taken<Option<Held>>> {
    match hold_both(path, false)? {
        // Closing the file ends what was taken of it.
        Taken::Held(_) => Ok(Taken::Held(None)),
        other => Ok(other),
    }
}

/// Takes both kinds of lock, shared.
pub(super) fn hold(path: &Path) -> io::Result<Taken<Option<Held>>> {
    hold_both(path, true)
}

fn hold_both(path: &Path, hold: bool) -> io::Result<Taken<Option<Held>>> {
    // Before the file is opened: closing it would drop a lock that a library in this very process may have on it.
    match listed_holder(path) {
        Ok(Some(id)) => return Ok(Taken::By(Some(id))),
        Err(error) if super::is_absent(&error) => return Ok(Taken::NoFile),
        // The list is a help; the locks themselves decide.
        Ok(None) | Err(_) => {}
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = open(path, flags, Mode::empty())?;
    // There is no way to ask about this kind without taking it.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Taken::By(None)),
        Err(error) => return Err(error.into()),
    }
    let mut range = whole_file();
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut range)).map_err(io::Error::from)?;
    if libc::c_int::from(range.l_type) != libc::F_UNLCK {
        return Ok(Taken::By(u32::try_from(range.l_pid).ok()));
    }
    if hold {
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file())) {
            Ok(_) => {}
            Err(Errno::EAGAIN | Errno::EACCES) => return Ok(Taken::By(None)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Taken::Held(Some(file)))
}

/// A shared lock of the whole file.
fn whole_file() -> libc::flock {
    libc::flock {
        // Both constants are small.
        l_type: libc::F_RDLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// The process that the system lists as holding the file's lock for writing.
fn listed_holder(path: &Path) -> io::Result<Option<u32>> {
    let about = fs::symlink_metadata(path)?;
    let device = about.dev();
    let file = format!(
        "{:02x}:{:02x}:{}",
        major(device),
        minor(device),
        about.ino()
    );
    Ok(holder_in(&fs::read_to_string("/proc/locks")?, &file))
}

/// Looks a file up in the system's list of locks.
fn holder_in(locks: &str, file: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        // Those who wait have an arrow in front of the kind.
        let _kind = words.next().filter(|kind| *kind != "->")?;
        let _binding = words.next()?;
        let _mode = words.next().filter(|mode| *mode == "WRITE")?;
        let id = words.next()?.parse().ok()?;
        (words.next()? == file && id > 0).then_some(id)
    })
}

/// The name of a process's program.
pub(super) fn program_of(id: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
    Some(
        name.trim_end()
            .chars()
            .filter(|c| !c.is_control())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::holder_in;

    #[test]
    fn the_list_of_locks() {
        let locks = "1: POSIX  ADVISORY  WRITE 31672 fe:00:100 0 EOF\n\
            2: FLOCK  ADVISORY  WRITE 77 fe:00:101 0 EOF\n\
            3: POSIX  ADVISORY  READ 78 fe:00:102 0 EOF\n\
            4: OFDLCK ADVISORY  WRITE -1 fe:00:103 0 EOF\n\
            4: -> FLOCK  ADVISORY  WRITE 79 fe:00:104 0 EOF\n";
        for (file, expected) in [
            ("fe:00:100", Some(31672)),
            ("fe:00:101", Some(77)),
            ("fe:00:102", None),
            ("fe:00:103", None),
            ("fe:00:104", None),
            ("fe:00:10", None),
        ] {
            assert_eq!(holder_in(locks, file), expected, "{file}");
        }
        assert_eq!(holder_in("garbage\n\n1:", "fe:00:100"), None);
    }
}
