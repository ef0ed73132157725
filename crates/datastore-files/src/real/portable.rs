//! Systems without handles to act beneath: paths, each of whose components is looked at for links first.
//!
//! Unlike on Unix, someone who swaps a folder for a link between the look and the act is not caught.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::windows::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{check_name, check_path, create_with_parents};
use crate::fs::{
    Dir, DirEntry, Entries, File, Fs, Instant, Kind, Links, LockMode, Metadata, Replace, SyncWhat,
    Wait, link_error,
};
use crate::patience::patiently;

/// `ERROR_ACCESS_DENIED`.
const ACCESS_DENIED: i32 = 5;
/// `ERROR_SHARING_VIOLATION`.
const SHARING_VIOLATION: i32 = 32;
/// `FILE_FLAG_BACKUP_SEMANTICS`, without which no folder opens.
const BACKUP_SEMANTICS: u32 = 0x0200_0000;
/// `FILE_SHARE_READ`.
const SHARE_READ: u32 = 1;

/// The operating system's file systems.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFs;

impl RealFs {
    /// The operating system's file systems.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// The same: paths are never reached in another way here.
    #[must_use]
    pub const fn name_by_name() -> Self {
        Self
    }
}

fn beneath(at: &Dir, path: &Path) -> io::Result<PathBuf> {
    check_path(path)?;
    let mut full = at.inner::<PathBuf>()?.clone();
    let mut names = path.components().peekable();
    while let Some(name) = names.next() {
        full.push(name);
        if names.peek().is_some() && fs::symlink_metadata(&full)?.file_type().is_symlink() {
            return Err(link_error());
        }
    }
    Ok(full)
}

fn beneath_no_link(at: &Dir, path: &Path) -> io::Result<PathBuf> {
    let full = beneath(at, path)?;
    if fs::symlink_metadata(&full)?.file_type().is_symlink() {
        return Err(link_error());
    }
    Ok(full)
}

fn named(at: &Dir, name: &OsStr) -> io::Result<PathBuf> {
    check_name(name)?;
    Ok(at.inner::<PathBuf>()?.join(name))
}

impl Fs for RealFs {
    fn create_root(&self, path: &Path) -> io::Result<()> {
        create_with_parents(path, &|one| fs::create_dir(one))
    }

    fn open_root(&self, path: &Path) -> io::Result<Dir> {
        let full = fs::canonicalize(path)?;
        if !fs::metadata(&full)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Dir::new(full))
    }

    fn instant(&self, _dir: &Dir) -> Instant {
        Instant::default()
    }

    fn open_dir(&self, at: &Dir, path: &Path, links: Links) -> io::Result<Dir> {
        let full = match links {
            Links::Refuse => beneath_no_link(at, path)?,
            Links::Follow => beneath(at, path)?,
        };
        if !fs::metadata(&full)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Dir::new(full))
    }

    fn create_dir(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        fs::create_dir(named(at, name)?)
    }

    fn remove_dir(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(named(at, name)?)
    }

    fn read_dir(&self, dir: &Dir) -> io::Result<Entries> {
        let entries = fs::read_dir(dir.inner::<PathBuf>()?)?;
        Ok(Box::new(entries.map(|entry| {
            let entry = entry?;
            Ok(DirEntry {
                kind: kind_of(entry.file_type()?),
                name: entry.file_name(),
            })
        })))
    }

    fn sync_dir(&self, dir: &Dir) -> io::Result<()> {
        // NTFS journals names by itself, and many handles on folders refuse to be flushed.
        let options = fs::OpenOptions::new()
            .write(true)
            .custom_flags(BACKUP_SEMANTICS)
            .open(dir.inner::<PathBuf>()?);
        if let Ok(folder) = options {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    fn open_file(&self, at: &Dir, path: &Path, wait: Wait) -> io::Result<File> {
        if wait == Wait::No {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(File::new(fs::File::open(beneath_no_link(at, path)?)?))
    }

    fn create_file(&self, at: &Dir, name: &OsStr) -> io::Result<File> {
        let options = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(named(at, name)?)?;
        Ok(File::new(options))
    }

    fn read_at(
        &self,
        file: &File,
        buffer: &mut [u8],
        offset: u64,
        wait: Wait,
    ) -> io::Result<usize> {
        if wait == Wait::No {
            return Err(io::ErrorKind::Unsupported.into());
        }
        file.inner::<fs::File>()?.seek_read(buffer, offset)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match file.inner::<fs::File>()?.seek_write(bytes, offset)? {
            0 if !bytes.is_empty() => Err(io::ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }

    fn sync_file(&self, file: &File, what: SyncWhat) -> io::Result<()> {
        match what {
            SyncWhat::Data => file.inner::<fs::File>()?.sync_data(),
            SyncWhat::All => file.inner::<fs::File>()?.sync_all(),
        }
    }

    fn set_modified(&self, file: &File, nanos: u64) -> io::Result<()> {
        file.inner::<fs::File>()?
            .set_modified(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos))
    }

    fn file_metadata(&self, file: &File) -> io::Result<Metadata> {
        Ok(metadata_of(&file.inner::<fs::File>()?.metadata()?))
    }

    fn dir_metadata(&self, dir: &Dir) -> io::Result<Metadata> {
        Ok(metadata_of(&fs::metadata(dir.inner::<PathBuf>()?)?))
    }

    fn metadata(&self, at: &Dir, path: &Path, wait: Wait) -> io::Result<Metadata> {
        if wait == Wait::No {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(metadata_of(&fs::symlink_metadata(beneath(at, path)?)?))
    }

    fn rename(&self, from: (&Dir, &OsStr), to: (&Dir, &OsStr), replace: Replace) -> io::Result<()> {
        let (from, to) = (named(from.0, from.1)?, named(to.0, to.1)?);
        if replace == Replace::No {
            // A second name fails if there is one, which a rename here does not.
            fs::hard_link(&from, &to)?;
            return fs::remove_file(&from);
        }
        // Virus scanners and indexers open new files for a moment, which keeps them from being renamed or replaced.
        let held = |error: &io::Error| {
            matches!(
                error.raw_os_error(),
                Some(ACCESS_DENIED | SHARING_VIOLATION)
            )
        };
        patiently(held, || fs::rename(&from, &to))
    }

    fn remove_file(&self, at: &Dir, name: &OsStr) -> io::Result<()> {
        fs::remove_file(named(at, name)?)
    }

    fn lock(&self, at: &Dir, name: &OsStr, mode: LockMode) -> io::Result<File> {
        let share = if mode == LockMode::Shared {
            SHARE_READ
        } else {
            0
        };
        let mut options = fs::OpenOptions::new();
        options
            .read(true)
            .write(mode == LockMode::Exclusive)
            .create(mode == LockMode::Exclusive)
            .share_mode(share);
        match options.open(named(at, name)?) {
            Ok(file) => Ok(File::new(file)),
            Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(error) => Err(error),
        }
    }
}

fn kind_of(file_type: fs::FileType) -> Kind {
    if file_type.is_symlink() {
        Kind::Link
    } else if file_type.is_dir() {
        Kind::Dir
    } else if file_type.is_file() {
        Kind::File
    } else {
        Kind::Other
    }
}

fn metadata_of(metadata: &fs::Metadata) -> Metadata {
    // Hundreds of nanoseconds since 1601.
    let since_1970 = metadata
        .last_write_time()
        .saturating_sub(116_444_736_000_000_000);
    Metadata {
        kind: kind_of(metadata.file_type()),
        len: metadata.len(),
        allocated: metadata.len(),
        id: 0,
        modified: since_1970.saturating_mul(100),
    }
}
