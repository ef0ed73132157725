#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod fs;
mod real;
#[cfg(feature = "sim")]
pub mod sim;

pub use fs::{
    Dir, DirEntry, Entries, File, Fs, Instant, Kind, Links, LockMode, Metadata, Replace, SyncWhat,
    Wait, is_link, link_error,
};
pub use real::RealFs;
