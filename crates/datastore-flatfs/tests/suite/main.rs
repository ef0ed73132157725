//! The store tested by the harness, by the vectors of go-ds-flatfs, and where it goes beyond both.

mod batches;
mod calls;
#[cfg(feature = "multihash")]
mod checking;
mod common;
mod compositions;
mod conformance;
mod converting;
#[cfg(feature = "multihash")]
mod doubt;
mod durability;
mod errors;
mod foreign;
mod kill;
mod links;
mod turns;
mod usage;
mod vectors;
