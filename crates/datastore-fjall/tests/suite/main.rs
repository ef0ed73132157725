//! The engine by the public suites; and what is its own.

mod conformance;
mod durability;
mod opening;
