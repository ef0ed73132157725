//! `datastore completions`

use clap_complete::Shell;

use crate::{
    context::Context,
    failure::{Exit, Outcome},
    output::Output,
};

/// Write the completions for a shell
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let mut command = crate::args::command(&context.registry);
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "datastore", &mut script);
    out.bytes(&script)?;
    Ok(Exit::Success)
}
