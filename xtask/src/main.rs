//! The one entry for lint, test, bench, docs, peers and release checks.

fn main() {}
