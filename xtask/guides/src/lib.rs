//! Runs the code in the pages for users as documentation tests. Nothing else is in here.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/write-your-own-datastore.md")]
mod write_your_own_datastore {}
