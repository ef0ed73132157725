//! The store beside npm `datastore-fs` and `datastore-core`: each finds, overwrites and deletes what the other wrote, also
//! while both write.
//!
//! `cargo xtask peers` runs these tests; anywhere else they are listed as ignored.
#![allow(
    clippy::print_stderr,
    reason = "a test program's notes go to its terminal"
)]

#[path = "peers/apart.rs"]
mod apart;
#[path = "peers/exchange.rs"]
mod exchange;
#[path = "suite/common/hex.rs"]
mod hex;
#[path = "peers/side.rs"]
mod side;
#[path = "peers/together.rs"]
mod together;
#[path = "suite/common/tree.rs"]
mod tree;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

const TESTS: &[(&str, fn())] = &[
    (
        "peers_javascript_writes_first",
        exchange::javascript_writes_first,
    ),
    ("peers_we_write_first", exchange::we_write_first),
    ("peers_same_files", exchange::same_files),
    ("peers_keys_of_ours_alone", apart::keys_of_ours_alone),
    ("peers_keys_that_move", apart::keys_that_move),
    ("peers_shard_functions_agree", apart::shard_functions_agree),
    ("peers_keys_lost_in_shards", apart::keys_lost_in_shards),
    ("peers_write_different_keys", together::different_keys),
    ("peers_write_one_key", together::one_key),
    ("peers_write_while_we_prune", together::pruning),
    ("peers_killed_while_writing", together::killed),
];

fn main() -> ExitCode {
    let enabled = std::env::var_os("RS_STORES_PEERS").is_some_and(|value| value == "1");
    if !enabled {
        eprintln!("0 peers run: `cargo xtask peers` runs them with Node.js and the npm packages");
    }
    let trial = |(name, test): &(&str, fn())| {
        let test = *test;
        let run = move || {
            test();
            Ok(())
        };
        Trial::test(*name, run).with_ignored_flag(!enabled)
    };
    libtest_mimic::run(&Arguments::from_args(), TESTS.iter().map(trial).collect()).exit_code()
}
