//! Unix: handles relative to handles.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;

use super::beneath::{Reach, link_of};
use super::{check_name, check_path, create_with_parents};
use crate::fs::{
    Access, Dir, DirEntry, Entries, File, Fs, Instant, Kind, Links, LockMode, Metadata, Replace,
    SyncWhat, Wait,
};

pub(super) const DIR_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);
/// Without `NONBLOCK`, opening a planted pipe would wait for its other end.
const FILE_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIR_MODE: Mode = Mode::from_raw_mode(0o777);

/// The operating system's file systems.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFs {
    reach: Reach,
}

impl RealFs {
    /// The operating system's file systems.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            reach: Reach::WholePaths,
        }
    }

    /// The same without the call that takes a whole path: each path is opened name by name, which is slower, and nothing
    /// is answered without waiting. Kernels and sandboxes without that call get this by themselves; asking for it lets a
    /// program be tested as they will run it.
    #[must_use]
    pub const fn name_by_name() -> Self {
        Self {
            reach: Reach::NameByName,
        }
    }
}

fn mode_of(access: Access) -> Mode {
    match access {
        Access::Usual => FILE_MODE,
        Access::Owner => Mode::from_raw_mode(0o600),
        Access::ReadOnly => Mode::from_raw_mode(0o444),
    }
}

fn dir_fd(dir: &Dir) -> io::Result<BorrowedFd<'_>> {
    Ok(dir.inner::<OwnedFd>()?.as_fd())
}

fn file_fd(file: &File) -> io::Result<BorrowedFd<'_>> {
    match file.inner::<OwnedFd>() {
        Ok(fd) => Ok(fd.as_fd()),
        Err(_) => Ok(file.inner::<Locked>()?.0.as_fd()),
    }
}

/// A file that is locked. The lock is given up expressly: closing alone would leave it to a child process that another thread is
/// just starting, until that runs its program.
struct Locked(OwnedFd);

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing follows, which does the same if this failed.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

impl Fs for RealFs {
    fn create_root(&self, path: &Path) -> io::Result<()> {
        create_with_parents(path, &|one| {
            rustix::fs::mkdir(one, DIR_MODE)?;
            let parent = one
                .parent()
                .filter(|p| !p.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            Ok(rustix::fs::fsync(rustix::fs::open(
                parent,
                DIR_FLAGS,
                Mode::empty(),
            )?)?)
        })
    }

    fn open_root(&self, path: &Path) -> io::Result<Dir> {
        Ok(Dir::new(rustix::fs::open(path, DIR_FLAGS, Mode::empty())?))
    }

    fn instant(&self, dir: &Dir) -> Instant {
        dir_fd(dir)
            .map(|fd| instant::probe(self.reach, fd))
            .unwrap_or_default()
    }

    #[cfg(target_os = "linux")]
    fn system_run(&self) -> Option<String> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let id = id.trim_ascii();
        (!id.is_empty()).then(|| id.to_owned())
    }

    fn open_dir(&self, at: &Dir, path: &Path, links: Links) -> io::Result<Dir> {
        check_path(path)?;
        let at = dir_fd(at)?;
        if links == Links::Refuse {
            return Ok(Dir::new(self.reach.open(at, path, DIR_FLAGS, Wait::Yes)?));
        }
        let Some(name) = path.file_name() else {
            return Err(super::not_plain());
        };
        match path.parent().filter(|p| !p.as_os_str().is_empty()) {
            None => Ok(Dir::new(rustix::fs::openat(
                at,
                name,
                DIR_FLAGS,
                Mode::empty(),
            )?)),
            Some(parent) => {
                let parent = self.reach.open(at, parent, DIR_FLAGS, Wait::Yes)?;
                Ok(Dir::new(rustix::fs::openat(
                    parent,
                    name,
                    DIR_FLAGS,
                    Mode::empty(),
                )?))
            }
        }
    }

    fn create_dir(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        check_name(name)?;
        Ok(rustix::fs::mkdirat(dir_fd(at)?, name, DIR_MODE)?)
    }

    fn remove_dir(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        check_name(name)?;
        Ok(
            rustix::fs::unlinkat(dir_fd(at)?, name, AtFlags::REMOVEDIR).map_err(
                |errno| match errno {
                    Errno::EXIST => Errno::NOTEMPTY,
                    other => other,
                },
            )?,
        )
    }

    fn read_dir(&self, dir: &Dir) -> io::Result<Entries> {
        let reader = rustix::fs::Dir::read_from(dir_fd(dir)?)?;
        Ok(Box::new(RealEntries {
            reader,
            dir: dir.clone(),
        }))
    }

    fn sync_dir(&self, dir: &Dir) -> io::Result<()> {
        Ok(rustix::fs::fsync(dir_fd(dir)?)?)
    }

    #[cfg(target_os = "linux")]
    fn sync_file_system(&self, dir: &Dir) -> io::Result<()> {
        super::whole::sync(dir_fd(dir)?)
    }

    #[cfg(target_os = "linux")]
    fn unwritten(&self) -> Option<u64> {
        super::whole::unwritten()
    }

    fn open_file(&self, at: &Dir, path: &Path, wait: Wait) -> io::Result<File> {
        check_path(path)?;
        let opened = self.reach.open(dir_fd(at)?, path, FILE_FLAGS, wait)?;
        Ok(File::new(opened))
    }

    fn create_file(&self, at: &Dir, name: &OsStr) -> io::Result<File> {
        self.create_file_for(at, name, Access::Usual)
    }

    fn create_file_for(&self, at: &Dir, name: &OsStr, access: Access) -> io::Result<File> {
        check_name(name)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(File::new(rustix::fs::openat(
            dir_fd(at)?,
            name,
            flags,
            mode_of(access),
        )?))
    }

    #[cfg(target_os = "linux")]
    fn create_nameless(&self, at: &Dir, access: Access) -> io::Result<File> {
        Ok(File::new(super::nameless::create(
            dir_fd(at)?,
            mode_of(access),
        )?))
    }

    #[cfg(target_os = "linux")]
    fn give_name(&self, file: &File, to: (&Dir, &OsStr)) -> io::Result<()> {
        check_name(to.1)?;
        super::nameless::link(file_fd(file)?, dir_fd(to.0)?, to.1)
    }

    fn read_at(
        &self,
        file: &File,
        buffer: &mut [u8],
        offset: u64,
        wait: Wait,
    ) -> io::Result<usize> {
        let fd = file_fd(file)?;
        loop {
            let result = match wait {
                Wait::Yes => rustix::io::pread(fd, &mut *buffer, offset),
                Wait::No => instant::read(fd, buffer, offset),
            };
            match result {
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) if wait == Wait::No => {
                    return Err(io::ErrorKind::Unsupported.into());
                }
                other => return Ok(other?),
            }
        }
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        loop {
            match rustix::io::pwrite(file_fd(file)?, bytes, offset) {
                Err(Errno::INTR) => {}
                Ok(0) if !bytes.is_empty() => return Err(io::ErrorKind::WriteZero.into()),
                other => return Ok(other?),
            }
        }
    }

    fn start_sync(&self, file: &File) {
        // The advice makes Linux start writing dirty pages at once; its other effect, dropping clean ones, has nothing to do yet.
        #[cfg(target_os = "linux")]
        if let Ok(fd) = file_fd(file) {
            let _ = rustix::fs::fadvise(fd, 0, None, rustix::fs::Advice::DontNeed);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = file;
    }

    fn sync_file(&self, file: &File, what: SyncWhat) -> io::Result<()> {
        let fd = file_fd(file)?;
        #[cfg(target_vendor = "apple")]
        {
            // There, fsync leaves the data in the drive's own cache.
            let _ = what;
            Ok(rustix::fs::fcntl_fullfsync(fd)?)
        }
        #[cfg(not(target_vendor = "apple"))]
        match what {
            SyncWhat::Data => Ok(rustix::fs::fdatasync(fd)?),
            SyncWhat::All => Ok(rustix::fs::fsync(fd)?),
        }
    }

    fn set_modified(&self, file: &File, nanos: u64) -> io::Result<()> {
        let invalid = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let time = Timespec {
            tv_sec: (nanos / NANOS).try_into().map_err(invalid)?,
            tv_nsec: (nanos % NANOS).try_into().map_err(invalid)?,
        };
        let access = Timespec {
            tv_sec: 0,
            tv_nsec: rustix::fs::UTIME_OMIT,
        };
        Ok(rustix::fs::futimens(
            file_fd(file)?,
            &Timestamps {
                last_access: access,
                last_modification: time,
            },
        )?)
    }

    fn file_metadata(&self, file: &File) -> io::Result<Metadata> {
        Ok(metadata_of(&rustix::fs::fstat(file_fd(file)?)?))
    }

    fn dir_metadata(&self, dir: &Dir) -> io::Result<Metadata> {
        Ok(metadata_of(&rustix::fs::fstat(dir_fd(dir)?)?))
    }

    fn metadata(&self, at: &Dir, path: &Path, wait: Wait) -> io::Result<Metadata> {
        check_path(path)?;
        let at = dir_fd(at)?;
        if wait == Wait::Yes && !path.as_os_str().as_bytes().contains(&b'/') {
            return Ok(metadata_of(&rustix::fs::statat(
                at,
                path,
                AtFlags::SYMLINK_NOFOLLOW,
            )?));
        }
        Ok(metadata_of(&self.reach.stat(at, path, wait)?))
    }

    fn rename(&self, from: (&Dir, &OsStr), to: (&Dir, &OsStr), replace: Replace) -> io::Result<()> {
        check_name(from.1)?;
        check_name(to.1)?;
        let (from_dir, to_dir) = (dir_fd(from.0)?, dir_fd(to.0)?);
        if replace == Replace::Yes {
            return Ok(rustix::fs::renameat(from_dir, from.1, to_dir, to.1)?);
        }
        match rename_new((from_dir, from.1), (to_dir, to.1)) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                // Not every file system knows such a rename; a second name for the file fails just as well if there is one.
                rustix::fs::linkat(from_dir, from.1, to_dir, to.1, AtFlags::empty())?;
                Ok(rustix::fs::unlinkat(from_dir, from.1, AtFlags::empty())?)
            }
            other => Ok(other?),
        }
    }

    fn remove_file(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        check_name(name)?;
        Ok(rustix::fs::unlinkat(dir_fd(at)?, name, AtFlags::empty())?)
    }

    fn lock(&self, at: &Dir, name: &OsStr, mode: LockMode) -> io::Result<File> {
        check_name(name)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(dir_fd(at)?, name, flags, FILE_MODE).map_err(link_of)?;
        rustix::fs::flock(
            &fd,
            match mode {
                LockMode::Exclusive => FlockOperation::NonBlockingLockExclusive,
                LockMode::Shared => FlockOperation::NonBlockingLockShared,
            },
        )?;
        Ok(File::new(Locked(fd)))
    }
}

struct RealEntries {
    reader: rustix::fs::Dir,
    dir: Dir,
}

impl Iterator for RealEntries {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.reader.next()? {
                Ok(entry) => entry,
                Err(errno) => return Some(Err(errno.into())),
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not tell while listing.
                FileType::Unknown => match dir_fd(&self.dir).map(|fd| stat_name(fd, name)) {
                    Ok(Err(Errno::NOENT)) => continue,
                    Ok(Ok(stat)) => kind_of(FileType::from_raw_mode(stat.st_mode)),
                    Ok(Err(errno)) => return Some(Err(errno.into())),
                    Err(error) => return Some(Err(error)),
                },
                known => kind_of(known),
            };
            return Some(Ok(DirEntry {
                name: OsString::from(name),
                kind,
            }));
        }
    }
}

const NANOS: u64 = 1_000_000_000;

pub(super) fn stat_name(at: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<Stat> {
    rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)
}

fn kind_of(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Dir,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

// The widths and signs of these fields differ between systems.
#[allow(clippy::unnecessary_cast)]
fn metadata_of(stat: &Stat) -> Metadata {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    Metadata {
        kind: kind_of(FileType::from_raw_mode(stat.st_mode)),
        len: u64::try_from(stat.st_size).unwrap_or(0),
        allocated: u64::try_from(stat.st_blocks)
            .unwrap_or(0)
            .saturating_mul(512),
        id: stat.st_ino as u64,
        modified: seconds
            .saturating_mul(NANOS)
            .saturating_add(stat.st_mtime_nsec as u64),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_new(
    from: (BorrowedFd<'_>, &OsStr),
    to: (BorrowedFd<'_>, &OsStr),
) -> rustix::io::Result<()> {
    rustix::fs::renameat_with(
        from.0,
        from.1,
        to.0,
        to.1,
        rustix::fs::RenameFlags::NOREPLACE,
    )
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_new(_: (BorrowedFd<'_>, &OsStr), _: (BorrowedFd<'_>, &OsStr)) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}

/// Reads that answer from the caches or not at all.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod instant {
    use super::{BorrowedFd, DIR_FLAGS, Instant, Path, Reach, Wait};
    use rustix::io::ReadWriteFlags;
    use std::io::{self, IoSliceMut};

    pub(super) fn read(
        fd: BorrowedFd<'_>,
        buffer: &mut [u8],
        offset: u64,
    ) -> rustix::io::Result<usize> {
        rustix::io::preadv2(
            fd,
            &mut [IoSliceMut::new(buffer)],
            offset,
            ReadWriteFlags::NOWAIT,
        )
    }

    /// Whether a file system reads without waiting shows only with a file of it, so that is left to the first read.
    pub(super) fn probe(reach: Reach, dir: BorrowedFd<'_>) -> Instant {
        let refused = match reach.open(dir, Path::new("."), DIR_FLAGS, Wait::No) {
            Ok(_) => false,
            Err(error) => matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::WouldBlock
            ),
        };
        Instant {
            lookup: !refused,
            read: !refused,
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod instant {
    use super::{BorrowedFd, Errno, Instant, Reach};

    pub(super) fn read(_: BorrowedFd<'_>, _: &mut [u8], _: u64) -> rustix::io::Result<usize> {
        Err(Errno::OPNOTSUPP)
    }

    pub(super) fn probe(_: Reach, _: BorrowedFd<'_>) -> Instant {
        Instant::default()
    }
}
