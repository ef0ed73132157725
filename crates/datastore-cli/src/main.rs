//! The program `datastore`.

use std::process::ExitCode;

use datastore_open::Registry;

fn main() -> ExitCode {
    datastore_cli::run(&Registry::with_defaults(), std::env::args_os())
}
