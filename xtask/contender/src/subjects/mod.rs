//! The subjects: ours, the peers', and the limits.

pub(crate) mod files;
pub(crate) mod maps;
pub(crate) mod objects;
pub(crate) mod ours;
