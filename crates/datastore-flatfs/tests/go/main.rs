//! Taking turns with go-ds-flatfs itself, through the program that `RS_STORES_GO_FLATFS` names; where none is named, these
//! tests are listed as ignored. What the program is told and tells: [`program`].
#![allow(
    clippy::print_stderr,
    reason = "a test program's notes go to its terminal"
)]

#[path = "../suite/common/hex.rs"]
mod hex;
mod program;
mod turns;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if let Some(folder) = std::env::var_os(turns::CHILD) {
        turns::dies(folder.as_ref());
    }
    let enabled = program::path().is_some();
    if !enabled {
        eprintln!("0 peers run: name a program for turns of go-ds-flatfs in RS_STORES_GO_FLATFS");
    }
    let trial = |(name, test): &(&str, fn())| {
        let test = *test;
        let run = move || {
            test();
            Ok(())
        };
        Trial::test(*name, run).with_ignored_flag(!enabled)
    };
    let tests = turns::TESTS.iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
