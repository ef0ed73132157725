//! The crates that promise to compile on systems other than this one.

use anyhow::Result;

use crate::lint::clippy;
use crate::outcome::Outcome;
use crate::process::{command, output};
use crate::workspace::Workspace;

/// One target for each way in which files are reached, and whatever else differs.
const TARGETS: &[&str] = &[
    "x86_64-pc-windows-gnu",
    "x86_64-apple-darwin",
    "x86_64-unknown-freebsd",
];

/// Crates without dependencies in C, which would need a C compiler for each target; with the features to check them with.
const CRATES: &[(&str, &[&str])] = &[
    ("interface-datastore", &["--all-features"]),
    ("interface-datastore-tests", &["--all-features"]),
    ("datastore-core", &["--all-features"]),
    ("datastore-files", &["--all-features"]),
    ("datastore-fs", &["--all-features"]),
    ("datastore-flatfs", &["--all-features"]),
    ("datastore-leveldb", &["--all-features"]),
    ("datastore-open", &["--all-features"]),
    ("datastore-cli", &[]),
];

/// Clippy over libraries and programs; their tests depend on crates with parts in C.
pub(crate) fn run(ws: &Workspace) -> Result<Outcome> {
    let mut outcome = Outcome::passed();
    for target in TARGETS {
        if let Err(error) = add_standard_library(ws, target) {
            outcome.skipped.push(format!(
                "systems: the standard library for {target} is not installed and cannot be: {error:#}"
            ));
            continue;
        }
        for (name, features) in CRATES {
            let scope = ["--lib", "--bins", "--target", target, "--package", name];
            clippy(ws, &[&scope, *features].concat())?;
        }
    }
    Ok(outcome)
}

/// Makes sure of a target's standard library: present with the compiler, or had by rustup.
pub(crate) fn add_standard_library(ws: &Workspace, target: &str) -> Result<()> {
    let places =
        output(command(ws, "rustc").args(["--print", "target-libdir", "--target", target]))?;
    if std::path::Path::new(places.trim()).is_dir() {
        return Ok(());
    }
    output(command(ws, "rustup").args(["target", "add", target])).map(drop)
}
