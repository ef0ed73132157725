//! The crates that promise to compile for browsers.

use anyhow::Result;

use crate::outcome::Outcome;
use crate::process::{self, cargo};
use crate::systems::add_standard_library;
use crate::workspace::Workspace;

const TARGET: &str = "wasm32-unknown-unknown";

/// With the features to check them with.
const CRATES: &[(&str, &[&str])] = &[
    ("interface-datastore", &["--all-features"]),
    ("datastore-core", &["--all-features"]),
    ("datastore-idb", &["--all-features"]),
    ("datastore-engine", &["--all-features"]),
    ("datastore-kv", &["--no-default-features"]),
    ("flat-merkle", &["--all-features"]),
    ("protomux", &["--no-default-features"]),
    ("hypercore-secret-stream", &["--no-default-features"]),
    ("hypercore-crypto", &["--all-features"]),
    ("hypercore-storage", &["--no-default-features"]),
    ("ddatabase", &["--no-default-features"]),
    ("hypercore-log", &["--no-default-features"]),
];

pub(crate) fn run(ws: &Workspace) -> Result<Outcome> {
    if let Err(error) = add_standard_library(ws, TARGET) {
        return Ok(Outcome::skipped(format!(
            "wasm: the standard library for {TARGET} is not installed and cannot be: {error:#}"
        )));
    }
    for (name, features) in CRATES {
        if ws.package(name).is_some() {
            let words = [
                "check",
                "--quiet",
                "--lib",
                "--target",
                TARGET,
                "--package",
                name,
            ];
            process::run(cargo(ws, words).args(*features))?;
        }
    }
    Ok(Outcome::passed())
}
