#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod commit;
mod engine;
mod error;
mod folder;
mod open;
mod opened;
mod read;

pub use datastore_files::Blocking;

pub use self::{engine::SledEngine, open::SledOptions};
