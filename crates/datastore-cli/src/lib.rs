#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod args;
mod commands;
mod context;
mod failure;
mod folder;
mod input;
mod interrupt;
mod key_text;
mod listing;
mod output;
mod progress;
mod store_operand;
mod transfer;

use std::{ffi::OsString, process::ExitCode};

use clap::FromArgMatches;
use datastore_open::Registry;

use self::{
    args::Cli,
    context::Context,
    failure::{Exit, Failure, Outcome},
    interrupt::Interrupt,
    output::Output,
    progress::Screen,
};

/// Runs the program `datastore` with these arguments, the program's name first, and stores of the schemes in `registry`.
///
/// Writes to standard output and error, handles Ctrl-C, and gives the code to exit with: see the crate's documentation.
/// It is meant to be all that a `main` calls.
pub fn run(registry: &Registry, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = store_operand::as_option(registry, args);
    let parsed = args::command(registry).try_get_matches_from(args);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Success
            });
        }
    };
    let json = cli.global.json;
    let interrupt = Interrupt::new();
    let outcome = execute(registry, cli, &interrupt);
    let exit = outcome.unwrap_or_else(|failure| {
        let failure = failure.noting(&interrupt);
        failure.report(json);
        failure.exit()
    });
    ExitCode::from(exit)
}

fn execute(registry: &Registry, cli: Cli, interrupt: &Interrupt) -> Outcome {
    // A second thread hears signals while the first waits for standard output.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|source| Failure::system("start the runtime", source))?;
    interrupt.listen(&runtime);
    let context = Context {
        registry: registry.clone(),
        screen: Screen::new(&cli.global),
        global: cli.global,
        abort: interrupt.signal(),
    };
    let mut out = Output::new(&context.global);
    let outcome = runtime.block_on(cli.command.run(&context, &mut out));
    // A thread that still waits for standard input must not hold up the end.
    runtime.shutdown_background();
    let exit = outcome?;
    out.finish()?;
    Ok(exit)
}
