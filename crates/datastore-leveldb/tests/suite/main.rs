//! Reading databases that npm packages wrote, and refusing what cannot be read.

mod common;
mod damage;
mod fixtures;
mod open;
mod refusals;
