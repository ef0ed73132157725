//! The randomised tests, with more cases than `cargo test` takes and a seed that is shown.

use anyhow::{Result, bail};

use crate::outcome::Outcome;
use crate::process::{self, cargo};
use crate::workspace::{Package, Target, Workspace};

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

/// What the names of test programs contain whose tests are randomised.
const NAMES: [&str; 3] = ["fuzz", "model", "properties"];

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    let asked =
        |package: &&Package| args.packages.is_empty() || args.packages.contains(&package.name);
    let programs: Vec<(&Package, &Target)> = ws
        .packages
        .iter()
        .filter(asked)
        .flat_map(|package| package.targets.iter().map(move |target| (package, target)))
        .filter(|(_, target)| is_randomised(target))
        .collect();
    if programs.is_empty() {
        bail!("no test program has a name with `fuzz`, `model` or `properties`");
    }
    eprintln!(
        "PROPTEST_CASES={} PROPTEST_RNG_SEED={} RS_STORES_RUNS=full",
        args.cases, args.seed
    );
    for (package, target) in programs {
        let words = [
            "test",
            "--package",
            &package.name,
            "--all-features",
            "--test",
            &target.name,
        ];
        let mut command = cargo(ws, words);
        command
            .env("PROPTEST_CASES", args.cases.to_string())
            .env("PROPTEST_RNG_SEED", args.seed.to_string())
            .env("RS_STORES_RUNS", "full");
        process::run(&mut command)?;
    }
    Ok(Outcome::passed())
}

fn is_randomised(target: &Target) -> bool {
    target.kind.iter().any(|kind| kind == "test")
        && NAMES.iter().any(|name| target.name.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_chosen_by_name() {
        let target = |kind: &str, name: &str| Target {
            name: name.to_owned(),
            kind: vec![kind.to_owned()],
            ..Target::default()
        };
        for (kind, name, expected) in [
            ("test", "key_properties", true),
            ("test", "query_model", true),
            ("test", "fuzz_layout", true),
            ("test", "vectors", false),
            ("bench", "model", false),
        ] {
            assert_eq!(
                is_randomised(&target(kind, name)),
                expected,
                "{kind} {name}"
            );
        }
    }
}
