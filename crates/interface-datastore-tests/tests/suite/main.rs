//! The harness tested on stores that keep the rules and on stores that break them.

mod common;
mod engine;
mod kill;
mod reference;
mod report;
mod self_test;
mod variants;
mod views;
