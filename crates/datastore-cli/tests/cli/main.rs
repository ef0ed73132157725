//! The program as people use it: each test has a folder of its own and runs the real binary.

#[cfg(unix)]
mod bad_input;
mod copying;
mod flatfs;
#[cfg(unix)]
mod folders;
mod help;
#[cfg(unix)]
mod interrupted;
mod listing;
mod stores;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
mod tour;
mod values;
mod watching;
