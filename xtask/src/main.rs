//! The one entry for lint, test, docs, peers, bench and release checks: `cargo xtask --help`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program's output goes to its terminal"
)]

mod bench;
mod cache;
mod ci;
mod contender;
mod deny;
mod doc;
mod examples;
mod features;
mod fuzz;
mod lint;
mod msrv;
mod outcome;
mod peers;
mod process;
mod release;
mod systems;
mod test;
mod tidy;
mod wasm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::outcome::{Outcome, Step};
use crate::workspace::Workspace;

/// Build, check and release the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    /// Count what this machine cannot do (a missing target, database or program) as a failure.
    #[arg(long, global = true)]
    no_skip: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every check that a change has to pass, besides `cargo test --workspace` itself.
    Ci(ci::Args),
    /// Check the repository's own rules (also tests of this package).
    Tidy(tidy::Args),
    /// Check formatting, and clippy without warnings.
    Lint,
    /// Run `cargo test --workspace`; further arguments go to cargo.
    Test(test::Args),
    /// Build the documentation without warnings and run its examples.
    Doc,
    /// Build every example and run it; each must exit with 0.
    Examples,
    /// Check each crate with no feature, each feature alone, and all of them.
    Features(features::Args),
    /// Check that crates keep to the compiler version that they promise.
    Msrv(msrv::Args),
    /// Check licences, bans, sources and advisories of the dependencies.
    Deny,
    /// Check the crates that promise to compile for browsers.
    Wasm,
    /// Check the crates that promise to compile on Windows, macOS and FreeBSD.
    Systems,
    /// Run the tests against the JavaScript packages. Needs Node.js.
    Peers(peers::Args),
    /// Run the randomised tests (programs named `*fuzz*`, `*model*`, `*properties*`) for longer.
    Fuzz(fuzz::Args),
    /// Measure, and print one Markdown table.
    Bench(bench::Args),
    /// Run the workloads of the peer benchmark harness, in its line format.
    Contender(contender::Args),
    /// Check that each crate can be published; with a tag, one crate.
    Release(release::Args),
}

fn run(cli: Cli) -> anyhow::Result<Outcome> {
    let ws = Workspace::load()?;
    match cli.command {
        Command::Ci(args) => ci::run(&ws, &args, cli.no_skip),
        Command::Tidy(args) => tidy::run(&ws, &args),
        Command::Lint => lint::run(&ws),
        Command::Test(args) => test::run(&ws, &args),
        Command::Doc => doc::run(&ws),
        Command::Examples => examples::run(&ws),
        Command::Features(args) => features::run(&ws, &args),
        Command::Msrv(args) => msrv::run(&ws, &args),
        Command::Deny => deny::run(&ws),
        Command::Wasm => wasm::run(&ws),
        Command::Systems => systems::run(&ws),
        Command::Peers(args) => peers::run(&ws, &args),
        Command::Fuzz(args) => fuzz::run(&ws, &args),
        Command::Bench(args) => bench::run(&ws, &args),
        Command::Contender(args) => contender::run(&ws, &args),
        Command::Release(args) => release::run(&ws, &args),
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let no_skip = cli.no_skip;
    let step = Step::from(run(cli)).unless_skips_count(no_skip);
    match &step {
        Step::Passed => {}
        Step::Skipped(reasons) => {
            for reason in reasons {
                eprintln!("skipped: {reason}");
            }
        }
        Step::Failed(why) => eprintln!("failed: {why}"),
    }
    if step.is_failure() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
