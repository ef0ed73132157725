//! Kubo: its descriptions of stores, and whole repositories.

mod hostile;
mod locked;
mod opening;
mod repo;
mod specs;
