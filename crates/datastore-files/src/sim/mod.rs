//! Simulated file systems for tests.
//!
//! * [`FaultyFs`] wraps any [`Fs`](crate::Fs) and asks a [`FaultHook`] before each operation whether it fails, and how.
//!   It counts operations by kind, so that a test counts first and then fails the n-th of each kind.
//! * [`PowerLossFs`] lives in memory, remembers all that was done to it, and tells which contents a disk may hold after
//!   the power went away at any point of that history.
//!
//! Both together, for failing syncs whose data is gone: [`PowerLossFs::with_faults`].
//!
//! ```
//! use std::ffi::OsStr;
//! use std::path::Path;
//! use datastore_files::Fs;
//! use datastore_files::sim::PowerLossFs;
//!
//! # fn main() -> std::io::Result<()> {
//! let fs = PowerLossFs::new();
//! fs.create_root(Path::new("/store"))?;
//! let dir = fs.open_root(Path::new("/store"))?;
//! let file = fs.create_file(&dir, OsStr::new("a"))?;
//! fs.write_at(&file, b"value", 0)?;
//! fs.sync_dir(&dir)?;
//!
//! // The name lasts, and the contents need not: nobody synced the file.
//! let cut = fs.power_cut(fs.history_len());
//! let mut found: Vec<_> = cut.states(7, 100).iter().map(|state| state.image().read("/store/a")).collect();
//! found.sort();
//! assert_eq!(found, [Some(b"".to_vec()), Some(vec![0; 5]), Some(b"value".to_vec())]);
//! # Ok(())
//! # }
//! ```

mod errno;
mod fault;
mod faulty_fs;
mod hooks;
mod power_loss;

pub use errno::Errno;
pub use fault::{Fault, FaultHook, FsOp, OpCounts, OpKind};
pub use faulty_fs::FaultyFs;
pub use hooks::{ColdCache, FailAll, FailNth, NoFaults, RecordedOp, Recorder};
pub use power_loss::{CrashModel, CrashState, Image, Node, PowerCut, PowerLossFs};
