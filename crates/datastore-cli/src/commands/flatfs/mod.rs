//! `datastore flatfs`

mod javascript;
mod layout;
mod look;
mod space;
mod work;

use crate::{
    context::Context,
    failure::{Exit, Failure, Outcome},
    output::Output,
};

/// Make, convert, check and mend directories of go-ds-flatfs, such as the blocks of Kubo
///
/// Kubo must not run on the directory meanwhile: it takes no lock on it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Create(layout::Create),
    Upgrade(layout::Upgrade),
    Downgrade(layout::Downgrade),
    Move(layout::Move),
    Reshard(layout::Reshard),
    Resume(layout::Resume),
    Import(javascript::Import),
    Adopt(javascript::Adopt),
    Info(space::Info),
    Check(look::Check),
    Repair(look::Repair),
    Prune(look::Prune),
    Recount(space::Recount),
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    match args.command {
        Command::Create(args) => as_the_tool(args.run().await, context),
        Command::Upgrade(args) => as_the_tool(args.run().await, context),
        Command::Downgrade(args) => as_the_tool(args.run().await, context),
        Command::Move(args) => as_the_tool(args.run(context, out).await, context),
        Command::Reshard(args) => args.run(context, out).await,
        Command::Resume(args) => args.run(context, out).await,
        Command::Import(args) => args.run(context, out).await,
        Command::Adopt(args) => args.run(context, out).await,
        Command::Info(args) => args.run(out).await,
        Command::Check(args) => args.run(context, out).await,
        Command::Repair(args) => args.run(context, out).await,
        Command::Prune(args) => args.run(context, out).await,
        Command::Recount(args) => args.run(out).await,
    }
}

/// These commands are those of Go's program `flatfs`, which exits with 1 whatever has failed.
fn as_the_tool(outcome: Outcome, context: &Context) -> Outcome {
    match outcome {
        Err(Failure::Store(error)) if !error.is_aborted() => {
            Failure::Store(error).report(context.global.json);
            Ok(Exit::No)
        }
        other => other,
    }
}
