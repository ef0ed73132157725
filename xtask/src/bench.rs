//! Our stores beside the peers and beside the raw limit, as one Markdown table.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::outcome::Outcome;
use crate::process::{cargo, command, output, run as execute};
use crate::workspace::Workspace;
use crate::{contender, peers};

/// The JavaScript contenders: what they need, and the program that runs them.
const JS: &str = "xtask/contender/peers/js";
const JS_PROGRAM: &str = "peer.mjs";

/// What `cargo xtask bench` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Handed on to the measuring program: `--memory`, `--groups`, `--repetitions` and so on; `-- --help`
    /// lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    let mut rest = args.rest.clone();
    if rest.iter().any(|word| word == "--memory") {
        // The measuring program looks for the command line tool beside itself.
        execute(&mut cargo(
            ws,
            ["build", "--release", "--package", "datastore-cli"],
        ))?;
    } else if output(command(ws, "node").arg("--version")).is_ok() {
        rest.extend(["--js".to_owned(), js(ws)?.display().to_string()]);
    }
    contender::start(ws, &["bench"], &rest)
}

/// The JavaScript program, beside the packages that it needs.
fn js(ws: &Workspace) -> Result<PathBuf> {
    let asked = ws.root.join(JS);
    let modules = peers::install(ws, &asked)?;
    let program = modules.with_file_name(JS_PROGRAM);
    fs::copy(asked.join(JS_PROGRAM), &program)?;
    Ok(program)
}
