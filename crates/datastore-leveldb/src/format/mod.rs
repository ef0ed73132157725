//! The formats of LevelDB, as parsers without I/O. All that they are given may be hostile.

pub(crate) mod batch;
pub(crate) mod block;
pub(crate) mod checksum;
pub(crate) mod edit;
pub(crate) mod internal_key;
pub(crate) mod log;
pub(crate) mod names;
mod reader;
pub(crate) mod table;

/// What a parser finds wrong: a few words for a person.
pub(crate) type Fault = &'static str;
