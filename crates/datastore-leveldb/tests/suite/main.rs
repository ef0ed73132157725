//! Reading databases that npm packages wrote, and refusing what cannot be read.

mod common;
mod damage;
mod faults;
mod fixtures;
mod open;
mod refusals;
