#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod beside;
mod commit;
mod durable;
mod error;
mod folder;
mod fs;
mod gate;
mod group;
mod holder;
mod hop;
mod intake;
mod kept;
mod ledger;
mod leftover;
mod lock;
mod names;
mod paths;
mod patience;
mod publish;
mod read;
mod real;
mod relocate;
mod settings;
#[cfg(feature = "sim")]
pub mod sim;
mod stage;
mod sweep;
mod temp;
mod tree;
mod used_folders;
mod walk;
mod whole;
mod witness;

pub use beside::side_by_side;
pub use commit::{Conclude, Job, Prepared};
pub use error::{Action, FileError, Reason, Result};
pub use folder::Folder;
pub use fs::{
    Access, Dir, DirEntry, Entries, File, Fs, Instant, Kind, Links, LockMode, Metadata, Replace,
    SyncWhat, Wait, is_link, link_error,
};
pub use gate::{Gates, Pass};
pub use group::GroupCommit;
pub use holder::lock_holder;
pub use hop::{Blocking, Tell};
pub use intake::Intake;
pub use leftover::Leftover;
pub use lock::TreeLock;
pub use publish::{Change, Changed, Contents, Opened, Safety};
pub use read::OpenFile;
pub use real::RealFs;
pub use settings::{EmptiedFolders, FolderMade, OwnFolders};
pub use temp::TempFile;
pub use tree::{ReadError, Tree};
pub use walk::{Step, Walk};
