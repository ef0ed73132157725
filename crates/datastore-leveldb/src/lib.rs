#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod check;
mod database;
mod failure;
mod format;
mod lock;
mod options;
mod query;
mod range;
mod read;
mod store;
mod usage;

pub use datastore_files::Blocking;

pub use self::options::{LevelOptions, Lock};
pub use self::store::LevelDatastore;
