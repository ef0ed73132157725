//! `kill -9` in the middle of every way to write, of upkeep and of conversions: nothing acknowledged is lost, and the next user
//! goes on from what is there. The harness of the family kills put, delete and batch of every kind of store (`suite/kill.rs`).

mod conversions;
mod process;
mod upkeep;
mod writes;
