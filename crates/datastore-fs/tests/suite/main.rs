//! The store tested by the harness, by the vectors of the JavaScript store, and where it goes beyond both.

mod common;
mod compositions;
mod conformance;
mod durability;
mod keys;
mod kill;
mod processes;
mod store;
mod vectors;
