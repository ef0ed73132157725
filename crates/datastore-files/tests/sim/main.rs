//! The simulated file systems keep to their models.

mod against_real;
mod crash_states;
mod faults;
mod laws;
mod listing;
mod processes;
mod protocols;
mod runs;
mod script;
