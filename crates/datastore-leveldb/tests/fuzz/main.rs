//! Random databases against a map, and databases that somebody broke on purpose: no byte on a disk makes the reader panic, or
//! give what was never written.

mod broken_bytes;
mod hostile;
mod model;
mod reading;
mod writer;
