#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "flatfs")]
mod flatfs;
#[cfg(feature = "_files")]
mod found;
#[cfg(feature = "fs")]
mod fs;
#[cfg(feature = "kubo")]
pub mod kubo;
#[cfg(feature = "_engines")]
mod kv;
#[cfg(feature = "leveldb")]
mod leveldb;
#[cfg(feature = "memory")]
mod memory;
mod options;
mod registry;
mod url;

pub use self::{
    options::{Create, OpenOptions},
    registry::{COMMON_OPTIONS, Opener, OptionHelp, Registry},
    url::StoreUrl,
};
