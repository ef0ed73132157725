#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod failure;
mod layout;
mod maintain;
mod many;
mod marker;
mod open;
mod options;
mod query;
mod read;
mod store;
mod stream;
mod upkeep;
mod write;

pub use datastore_files::Blocking;

pub use self::layout::Names;
pub use self::options::FsOptions;
pub use self::store::FsDatastore;
