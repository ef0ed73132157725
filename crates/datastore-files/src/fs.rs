//! The small trait through which a file store touches the disk.

use std::any::Any;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Everything that a file store does to the disk.
///
/// [`RealFs`](crate::RealFs) is the operating system; the feature `sim` has one that fails as told and one that
/// loses power. All methods block, and all act relative to a folder handle.
///
/// # Containment
///
/// A `path` may have several components, a `name` has exactly one. Both are relative and free of `..`, `.` and empty
/// components; anything else is refused with [`io::ErrorKind::InvalidInput`]. No component may be a symbolic link, the
/// last one included: a link in the way is an error for which [`is_link`] is true. So nothing reached from a root
/// lies outside of it, whoever else moves things about at the same time.
///
/// # Durability
///
/// A write is safe from power loss after [`sync_file`](Fs::sync_file); a name that was created, renamed or removed is
/// after [`sync_dir`](Fs::sync_dir) of its folder. For a file whose name must last, sync the file before the rename
/// and the folder after it. A new folder's own name lasts after a sync of the folder that holds it. What was not
/// synced may or may not survive, each change by itself and in any order; renames within one file system are atomic.
pub trait Fs: fmt::Debug + Send + Sync + 'static {
    /// Creates the folder `path` and those above it that are missing, and makes their names durable. The path is the
    /// owner's word: links in it are followed.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if anything at all is there.
    fn create_root(&self, path: &Path) -> io::Result<()>;

    /// Opens the folder `path`, following links, as the root that nothing below it leaves.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotADirectory`] if something else is there.
    fn open_root(&self, path: &Path) -> io::Result<Dir>;

    /// What reads of files below `dir` can do without waiting; asked once, when a store opens.
    fn instant(&self, dir: &Dir) -> Instant;

    /// Names the present run of the system: while the name is the same, what was written is there, in memory if not on the
    /// disk. None where that cannot be told.
    fn system_run(&self) -> Option<String> {
        None
    }

    /// Opens the folder `path` below `at`. With [`Links::Follow`] the last component may be a link to a folder
    /// anywhere; those before it may not.
    fn open_dir(&self, at: &Dir, path: &Path, links: Links) -> io::Result<Dir>;

    /// Creates the folder `name` in `at`; [`io::ErrorKind::AlreadyExists`] if anything is there.
    fn create_dir(&self, at: &Dir, name: &OsStr) -> io::Result<()>;

    /// Removes the empty folder `name` in `at`; [`io::ErrorKind::DirectoryNotEmpty`] if it is not empty.
    fn remove_dir(&self, at: &Dir, name: &OsStr) -> io::Result<()>;

    /// The entries of a folder, in the order of the file system, without `.` and `..`. They are fetched in chunks as the
    /// iterator is pulled. Entries that come or go meanwhile may be seen or not.
    fn read_dir(&self, dir: &Dir) -> io::Result<Entries>;

    /// Makes the names in a folder durable: see the trait's notes.
    fn sync_dir(&self, dir: &Dir) -> io::Result<()>;

    /// Makes all durable that was done before the call on the file system on which `dir` lies, by whichever program:
    /// contents and names. It takes as long as what others have left [`unwritten`](Self::unwritten) takes.
    ///
    /// # Errors
    ///
    /// A failure to write anything of that file system, since `dir` was opened or since the last call for it, is the error
    /// of one call for that handle and its clones. Whose contents are meant is told by [`sync_file`](Self::sync_file), of
    /// handles that were open at the time, and whose names by [`sync_dir`](Self::sync_dir).
    ///
    /// [`io::ErrorKind::Unsupported`], without an effect, where failures could go unnoticed. That is the default.
    fn sync_file_system(&self, dir: &Dir) -> io::Result<()> {
        let _ = dir;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// About how many bytes wait to be written to the disks of this machine, by whichever program. None if it cannot be
    /// told at once.
    fn unwritten(&self) -> Option<u64> {
        None
    }

    /// Opens what is at `path` for reading. With [`Wait::No`] the answer comes from the kernel's caches, or is
    /// [`io::ErrorKind::WouldBlock`]. A folder may open too: [`file_metadata`](Fs::file_metadata) tells.
    fn open_file(&self, at: &Dir, path: &Path, wait: Wait) -> io::Result<File>;

    /// Creates the file `name` in `at` for writing; [`io::ErrorKind::AlreadyExists`] if anything is there.
    fn create_file(&self, at: &Dir, name: &OsStr) -> io::Result<File>;

    /// As [`create_file`](Fs::create_file), with rights of access from the start. A system without them leaves them out.
    fn create_file_for(&self, at: &Dir, name: &OsStr, access: Access) -> io::Result<File> {
        let _ = access;
        self.create_file(at, name)
    }

    /// Creates a file for writing that has no name yet, and lies on the file system of `at`. Nothing of it stays if it is closed, or
    /// the system ends, before it is [given one](Self::give_name).
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`], without an effect, where there is no such file. That is the default.
    fn create_nameless(&self, at: &Dir, access: Access) -> io::Result<File> {
        let _ = (at, access);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives a file of [`create_nameless`](Self::create_nameless), which has no name, the name `to`. The file must have been
    /// [synced](Self::sync_file) before, and the folder be afterwards, if both shall last.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if anything is there, and [`io::ErrorKind::CrossesDevices`] if the folder is not on the file
    /// system of the file.
    fn give_name(&self, file: &File, to: (&Dir, &OsStr)) -> io::Result<()> {
        let _ = (file, to);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Reads at `offset`; 0 is the end. Fewer bytes than asked may come at any time. With [`Wait::No`]: only what is cached,
    /// or [`io::ErrorKind::WouldBlock`], or [`io::ErrorKind::Unsupported`] on a file system that never can.
    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64, wait: Wait)
    -> io::Result<usize>;

    /// Writes at `offset`; fewer bytes than given may be taken, but not 0 unless none are given.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Hints that [`sync_file`](Fs::sync_file) comes soon, so that several files travel to the disk at once. Never waits,
    /// promises nothing.
    fn start_sync(&self, file: &File) {
        let _ = file;
    }

    /// Makes the contents of a file durable. After an error the file's fate is unknown: a second call that succeeds
    /// proves nothing, only writing a new file does.
    fn sync_file(&self, file: &File, what: SyncWhat) -> io::Result<()>;

    /// Sets the time of last change, in nanoseconds since 1970.
    fn set_modified(&self, file: &File, nanos: u64) -> io::Result<()>;

    /// Facts about an open file.
    fn file_metadata(&self, file: &File) -> io::Result<Metadata>;

    /// Facts about an open folder.
    fn dir_metadata(&self, dir: &Dir) -> io::Result<Metadata>;

    /// Facts about what is at `path`, without opening it. Unlike for the other methods, a link in last place is no error:
    /// it is [`Kind::Link`]. With [`Wait::No`]: from the caches or [`io::ErrorKind::WouldBlock`].
    fn metadata(&self, at: &Dir, path: &Path, wait: Wait) -> io::Result<Metadata>;

    /// Moves the file `from` to `to`, atomically. With [`Replace::No`] something at `to` is
    /// [`io::ErrorKind::AlreadyExists`], and a file at `to` is replaced otherwise; a folder there is [`io::ErrorKind::IsADirectory`].
    fn rename(&self, from: (&Dir, &OsStr), to: (&Dir, &OsStr), replace: Replace) -> io::Result<()>;

    /// Removes the file `name` in `at`. A link is removed itself, not what it points to.
    fn remove_file(&self, at: &Dir, name: &OsStr) -> io::Result<()>;

    /// Takes a lock on the file `name` in `at`, which is created if missing. The lock ends when it is dropped or the process ends.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if another handle, of this process or another, holds it in a way that excludes ours.
    fn lock(&self, at: &Dir, name: &OsStr, mode: LockMode) -> io::Result<File>;
}

/// A handle on an open folder. Clones share it.
#[derive(Clone)]
pub struct Dir(Arc<dyn Any + Send + Sync>);

impl Dir {
    /// Wraps what an [`Fs`] knows of a folder.
    pub fn new<T: Any + Send + Sync>(inner: T) -> Self {
        Self(Arc::new(inner))
    }

    /// What was wrapped.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if another kind of [`Fs`] made the handle.
    pub fn inner<T: Any>(&self) -> io::Result<&T> {
        self.0.downcast_ref().ok_or_else(foreign_handle)
    }
}

impl fmt::Debug for Dir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dir")
    }
}

/// A handle on an open file, or on a lock. Dropping it closes the file.
pub struct File(Box<dyn Any + Send + Sync>);

impl File {
    /// Wraps what an [`Fs`] knows of a file.
    pub fn new<T: Any + Send + Sync>(inner: T) -> Self {
        Self(Box::new(inner))
    }

    /// What was wrapped.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if another kind of [`Fs`] made the handle.
    pub fn inner<T: Any>(&self) -> io::Result<&T> {
        self.0.downcast_ref().ok_or_else(foreign_handle)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("File")
    }
}

fn foreign_handle() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the handle belongs to another kind of file system",
    )
}

/// The entries of a folder: see [`Fs::read_dir`].
pub type Entries = Box<dyn Iterator<Item = io::Result<DirEntry>> + Send>;

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The entry's name in its folder.
    pub name: OsString,
    /// What it is; a link is not followed.
    pub kind: Kind,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link, or what plays its part on the system.
    Link,
    /// A device, socket or pipe.
    Other,
}

/// Facts about a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// Length of the contents in bytes.
    pub len: u64,
    /// Bytes that it takes up on the disk.
    pub allocated: u64,
    /// Number of the file within its file system; 0 where there is none. It may be used again after the file is gone.
    pub id: u64,
    /// Time of last change in nanoseconds since 1970.
    pub modified: u64,
}

/// What the time of change of a file that a tree synced before it got its name is a multiple of, and of no other that it wrote.
pub(crate) const SYNCED_TIME: u64 = 10_000;
/// The same for files that are empty on purpose, synced or not: nothing of them can get lost.
pub(crate) const EMPTY_TIME: u64 = 1_000_000;

impl Metadata {
    /// Whether the time of change says that a tree wrote the file and synced it before it got its name, or wrote it empty: then no
    /// loss of power has damaged it. Of files of other programs one in ten thousand says so, too, and one in a million of
    /// the empty ones; on file systems that keep no fractions of seconds all do.
    #[must_use]
    pub fn was_synced_before_named(&self) -> bool {
        let sign = if self.len == 0 {
            EMPTY_TIME
        } else {
            SYNCED_TIME
        };
        self.modified % sign == 0
    }
}

/// Whether a call may wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It may wait.
    Yes,
    /// It answers from the caches or with [`io::ErrorKind::WouldBlock`].
    No,
}

/// What [`Wait::No`] can do on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Instant {
    /// Names can be looked up in the caches.
    pub lookup: bool,
    /// Contents can be read from the caches.
    pub read: bool,
}

/// Whether a link in last place is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// A link is an error.
    Refuse,
    /// A link to a folder is followed.
    Follow,
}

/// Who may do what with a file that is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Everybody may read and write it, less what the process's umask takes away.
    #[default]
    Usual,
    /// Only its owner may read and write it.
    Owner,
    /// Everybody may read it and nobody write it, but through the handle that created it.
    ReadOnly,
}

/// Whether a rename may replace a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// A file with the new name is replaced.
    Yes,
    /// The new name must be free.
    No,
}

/// What [`Fs::sync_file`] makes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncWhat {
    /// The contents, and so much of the rest as it takes to read them.
    Data,
    /// The contents and all facts about the file.
    All,
}

/// How a lock excludes others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// One holder.
    Exclusive,
    /// Many holders, none exclusive.
    Shared,
}

/// The error for a link in the way, as [`is_link`] knows it.
#[must_use]
pub fn link_error() -> io::Error {
    io::Error::other(LinkInTheWay)
}

/// Whether an error of an [`Fs`] means that a symbolic link was in the way.
#[must_use]
pub fn is_link(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<LinkInTheWay>)
}

#[derive(Debug)]
struct LinkInTheWay;

impl fmt::Display for LinkInTheWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a symbolic link is in the way")
    }
}

impl std::error::Error for LinkInTheWay {}
