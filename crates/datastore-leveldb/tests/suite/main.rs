//! Reading databases that npm packages and goleveldb wrote, and refusing what cannot be read.

mod common;
mod damage;
mod faults;
mod fixtures;
mod goleveldb;
mod open;
mod refusals;
