//! The engine by the public suites, and what is its own.

mod conformance;
#[cfg(unix)]
mod full_disk;
mod opening;
mod runtime;
