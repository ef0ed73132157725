//! The crates that promise to compile for browsers.

use anyhow::Result;

use crate::outcome::Outcome;
use crate::process::{self, cargo, command, output};
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
    if let Err(error) = add_target(ws) {
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

/// Makes sure of the target's standard library: present with the compiler, or had by rustup.
fn add_target(ws: &Workspace) -> Result<()> {
    let places =
        output(command(ws, "rustc").args(["--print", "target-libdir", "--target", TARGET]))?;
    if std::path::Path::new(places.trim()).is_dir() {
        return Ok(());
    }
    output(command(ws, "rustup").args(["target", "add", TARGET])).map(drop)
}
