#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod commit;
mod engine;
mod error;
mod open;
mod options;
mod read;
mod torn_log;
mod upkeep;
mod writes;

pub use datastore_files::Blocking;

pub use self::{engine::FjallEngine, options::FjallOptions};
