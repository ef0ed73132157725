//! The randomised tests, with more cases than `cargo test` takes and a seed that is shown.

use anyhow::{Result, bail};

use crate::outcome::Outcome;
use crate::process::{self, cargo, output};
use crate::workspace::Workspace;

/// What `cargo xtask fuzz` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Cases of each property.
    #[arg(long, default_value_t = Args::default().cases)]
    cases: u32,
    /// Where the random numbers start.
    #[arg(long, default_value_t = Args::default().seed)]
    seed: u64,
    /// Only these packages.
    #[arg(long = "package", short)]
    packages: Vec<String>,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            cases: 2048,
            seed: 1,
            packages: Vec::new(),
        }
    }
}

/// How the names of randomised tests begin.
const NAMES: [&str; 2] = ["fuzz_", "model_"];

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    let mut words = vec!["test", "--tests"];
    if args.packages.is_empty() {
        words.push("--workspace");
    }
    words.extend(args.packages.iter().flat_map(|name| ["--package", name]));
    let filter = ["--"].into_iter().chain(NAMES);
    let words: Vec<&str> = words.into_iter().chain(filter).collect();

    let listed = output(cargo(ws, words.iter().copied()).arg("--list"))?;
    if !listed.lines().any(|line| line.ends_with(": test")) {
        bail!("no test has a name with `fuzz_` or `model_`");
    }
    eprintln!(
        "PROPTEST_CASES={} PROPTEST_RNG_SEED={}",
        args.cases, args.seed
    );
    let mut command = cargo(ws, words);
    command
        .env("PROPTEST_CASES", args.cases.to_string())
        .env("PROPTEST_RNG_SEED", args.seed.to_string());
    process::run(&mut command)?;
    Ok(Outcome::passed())
}
