//! Formatting and clippy.
//!
//! Clippy runs here on every target with the default and with all features; `features` runs it with each feature alone.

use anyhow::Result;

use crate::outcome::Outcome;
use crate::process::{self, cargo};
use crate::workspace::Workspace;

pub(crate) fn run(ws: &Workspace) -> Result<Outcome> {
    process::run(&mut cargo(ws, ["fmt", "--all", "--check"]))?;
    clippy(ws, &["--workspace", "--all-targets"])?;
    clippy(ws, &["--workspace", "--all-targets", "--all-features"])?;
    Ok(Outcome::passed())
}

/// Clippy over a choice of packages, targets and features, without a warning.
pub(crate) fn clippy(ws: &Workspace, scope: &[&str]) -> Result<()> {
    let words = [&["clippy", "--quiet"], scope, &["--", "-D", "warnings"]].concat();
    process::run(&mut cargo(ws, words))
}
