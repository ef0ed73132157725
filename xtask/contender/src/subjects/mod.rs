//! The subjects: ours, the peers', and the limits.

pub(crate) mod engines;
pub(crate) mod files;
pub(crate) mod maps;
pub(crate) mod objects;
pub(crate) mod ours;
pub(crate) mod raw_fjall;
pub(crate) mod raw_redb;
pub(crate) mod raw_sled;
