//! The documentation, and the examples in it.

use anyhow::Result;

use crate::outcome::Outcome;
use crate::process::{self, cargo};
use crate::workspace::Workspace;

pub(crate) fn run(ws: &Workspace) -> Result<Outcome> {
    let build = ["doc", "--workspace", "--no-deps", "--all-features"];
    process::run(cargo(ws, build).env("RUSTDOCFLAGS", "-D warnings"))?;
    process::run(&mut cargo(
        ws,
        ["test", "--doc", "--workspace", "--all-features"],
    ))?;
    Ok(Outcome::passed())
}
