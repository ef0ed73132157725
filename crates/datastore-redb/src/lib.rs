#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod commit;
mod engine;
mod error;
mod newest;
mod open;
mod read;

pub use datastore_files::Blocking;
pub use redb::StorageBackend;

pub use self::{engine::RedbEngine, open::RedbOptions};
