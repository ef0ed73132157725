//! What Kubo writes down about its datastores.
//!
//! The file `config` of a Kubo repository says in `Datastore.Spec` which stores there are and where they are mounted: a
//! [`Spec`]. The file `datastore_spec` holds what of that may not change once there is data, a [`DiskSpec`]; Kubo opens no
//! repository in which the two disagree. Both are read and compared here as Kubo does (repository version 18). Nothing that
//! is public here touches the disk: URLs `kubo:PATH` open whole repositories.
//!
//! ```
//! use datastore_open::kubo::Spec;
//!
//! let spec = Spec::parse(
//!     r#"{"type": "measure", "prefix": "flatfs.datastore", "child": {
//!         "type": "flatfs", "path": "blocks", "sync": false, "shardFunc": "/repo/flatfs/shard/v1/next-to-last/2"
//!     }}"#,
//! )?;
//! let disk = spec.disk_spec();
//! assert_eq!(
//!     disk.as_str(),
//!     r#"{"path":"blocks","shardFunc":"/repo/flatfs/shard/v1/next-to-last/2","type":"flatfs"}"#,
//! );
//! # Ok::<(), datastore_open::kubo::SpecError>(())
//! ```

mod disk;
mod error;
mod go_json;
mod lock;
mod open;
mod plan;
mod repo;
mod spec;

pub(crate) use self::open::opener;

pub use self::{
    disk::DiskSpec,
    error::{SpecError, SpecProblem},
    spec::{Compression, Mount, Spec},
};
