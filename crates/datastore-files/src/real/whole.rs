//! Syncing a whole file system, on Linux.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use rustix::fs::StatVfsMountFlags;
use rustix::io::Errno;

/// ext4, and ext2 and ext3 where its driver serves them: those on which this was measured. Others may keep back what a sync of
/// one file would not, as file systems of user processes do.
const EXT4: i64 = 0xEF53;
/// Since 5.8 `syncfs` tells of contents that could not be written, and since 5.17 of a journal that could not.
const TELLS_OF_FAILURES: (u32, u32) = (5, 17);
/// What there is of `/proc/meminfo` up to the lines that are looked for is a good deal shorter.
const MEMINFO: usize = 2048;

pub(super) fn sync(fd: BorrowedFd<'_>) -> io::Result<()> {
    if !is_ext4(fd)? || !tells_of_failures() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    rustix::fs::syncfs(fd)?;
    // One that turned read-only after a failure has nothing to say, and has not written what there was.
    let flags = rustix::fs::fstatvfs(fd)?.f_flag;
    if flags.contains(StatVfsMountFlags::RDONLY) {
        return Err(Errno::ROFS.into());
    }
    Ok(())
}

pub(super) fn is_ext4(fd: BorrowedFd<'_>) -> io::Result<bool> {
    // The type of the number differs between systems.
    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
    let kind = i64::try_from(rustix::fs::fstatfs(fd)?.f_type);
    Ok(kind.is_ok_and(|kind| kind == EXT4))
}

fn tells_of_failures() -> bool {
    static TELLS: OnceLock<bool> = OnceLock::new();
    *TELLS.get_or_init(|| {
        let release = rustix::system::uname();
        let release = release.release().to_str().ok().and_then(version);
        release.is_some_and(|version| version >= TELLS_OF_FAILURES)
    })
}

/// The first two numbers of a kernel's release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(super) fn unwritten() -> Option<u64> {
    // Opening it takes longer than reading it.
    static OPEN: OnceLock<Option<File>> = OnceLock::new();
    let file = OPEN.get_or_init(|| File::open("/proc/meminfo").ok());
    let mut buffer = [0; MEMINFO];
    let len = file.as_ref()?.read_at(&mut buffer, 0).ok()?;
    unwritten_in(std::str::from_utf8(buffer.get(..len)?).ok()?)
}

fn unwritten_in(meminfo: &str) -> Option<u64> {
    let line = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kilobytes.checked_mul(1024)
    };
    line("Dirty:")?.checked_add(line("Writeback:")?)
}

#[cfg(test)]
mod tests {
    use super::{unwritten_in, version};

    #[test]
    fn releases_of_kernels() {
        let table = [
            ("6.18.44-fc-v769", Some((6, 18))),
            ("5.17.0", Some((5, 17))),
            ("5.4", Some((5, 4))),
            ("4.19-rc1", Some((4, 19))),
            ("6", None),
            ("", None),
            ("next", None),
        ];
        for (release, expected) in table {
            assert_eq!(version(release), expected, "{release}");
        }
    }

    #[test]
    fn what_waits_to_be_written() {
        let table = [
            (
                "MemTotal:  100 kB\nDirty:               104 kB\nWriteback:   2 kB\nAnonPages: 1 kB\n",
                Some(106 * 1024),
            ),
            ("Dirty: 1 kB\n", None),
            ("Dirty: 1\nWriteback: 1\n", None),
            ("Dirty: 18446744073709551615 kB\nWriteback: 0 kB\n", None),
            ("", None),
        ];
        for (meminfo, expected) in table {
            assert_eq!(unwritten_in(meminfo), expected, "{meminfo}");
        }
    }
}
