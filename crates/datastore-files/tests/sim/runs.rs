//! How long random tests run.

use proptest::test_runner::{Config, RngSeed};

/// So many cases in a full run and a tenth else, the same ones every time.
pub(crate) fn config(cases: u32, seed: u64) -> Config {
    let full = std::env::var_os("RS_STORES_RUNS").is_some_and(|runs| runs == "full");
    Config {
        cases: if full { cases } else { cases / 10 },
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}
