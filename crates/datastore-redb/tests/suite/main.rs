//! The engine by the public suites, on files and on a medium that fails and loses power; and what is its own.

mod conformance;
mod damage;
mod group;
mod medium;
mod opening;
