//! Every wrapper over memory and over a folder of files, and every pair of wrappers over memory.
//!
//! Each runs a share of the conformance cases, another one than its neighbour; with `RS_STORES_RUNS=full` all of them.

#[path = "../vectors/queries.rs"]
mod queries;
#[path = "../vectors/mod.rs"]
mod vectors;

mod over_files;
mod over_memory;
mod query_vectors;
mod wrappers;
