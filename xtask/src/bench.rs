//! Our stores beside the peers and the raw limit, as one Markdown table.

use anyhow::Result;

use crate::contender;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// What `cargo xtask bench` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Handed on to the measuring program.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    contender::start(ws, &["bench"], &args.rest)
}
