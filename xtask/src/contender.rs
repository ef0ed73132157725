//! Starts the measuring program, built with optimisations.
//!
//! It is a package of its own, so that this one stays small and does not compile every store to check the formatting.

use anyhow::{Result, bail};

use crate::outcome::Outcome;
use crate::process::{self, cargo};
use crate::workspace::Workspace;

/// The package of the measuring program.
const PACKAGE: &str = "contender";

/// What `cargo xtask contender` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Handed on to the program: `--workloads`, `--dir`, `--contender` and so on.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    start(ws, &[], &args.rest)
}

/// Runs the program with these words before the caller's.
pub(crate) fn start(ws: &Workspace, first: &[&str], rest: &[String]) -> Result<Outcome> {
    if ws.package(PACKAGE).is_none() {
        bail!("the workspace has no package `{PACKAGE}`, which would do the measuring");
    }
    let words = ["run", "--release", "--quiet", "--package", PACKAGE, "--"];
    process::run(cargo(ws, words).args(first).args(rest))?;
    Ok(Outcome::passed())
}
