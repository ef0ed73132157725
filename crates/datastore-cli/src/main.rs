//! The program `datastore`.

fn main() {}
