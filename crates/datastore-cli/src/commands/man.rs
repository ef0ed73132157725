//! `datastore man`

use clap_mangen::Man;

use crate::{
    context::Context,
    failure::{Exit, Failure, Outcome},
    output::Output,
};

/// Write the manual page of the program or of one command
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The command
    command: Option<String>,
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let mut program = crate::args::command(&context.registry);
    program.build();
    let page = match &args.command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            let found =
                found.ok_or_else(|| Failure::usage(format!("there is no command \"{name}\"")))?;
            let title = format!("datastore-{name}");
            found.name(title)
        }
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(Failure::Output)?;
    out.bytes(&text)?;
    Ok(Exit::Success)
}
