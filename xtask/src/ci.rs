//! All checks that a change has to pass, besides `cargo test --workspace`.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::outcome::{Outcome, Step};
use crate::workspace::Workspace;
use crate::{
    deny, doc, examples, features, fuzz, lint, msrv, peers, release, systems, test, tidy, wasm,
};

/// What `cargo xtask ci` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only these steps.
    #[arg(long = "step", value_name = "NAME")]
    steps: Vec<String>,
    /// Print the names of the steps, and what each does.
    #[arg(long)]
    list: bool,
}

struct Check {
    name: &'static str,
    does: &'static str,
    run: fn(&Workspace) -> Result<Outcome>,
}

/// Quick ones first.
const CHECKS: &[Check] = &[
    Check {
        name: "tidy",
        does: "the repository's own rules",
        run: |ws| tidy::run(ws, &tidy::Args::default()),
    },
    Check {
        name: "lint",
        does: "formatting, and clippy without warnings",
        run: lint::run,
    },
    Check {
        name: "features",
        does: "each crate with no feature, each alone, and all",
        run: |ws| features::run(ws, &features::Args::default()),
    },
    Check {
        name: "test-features",
        does: "the tests behind features that are off by default",
        run: test::with_all_features,
    },
    Check {
        name: "doc",
        does: "documentation without warnings, and the examples in it",
        run: doc::run,
    },
    Check {
        name: "examples",
        does: "every example builds and exits with 0",
        run: examples::run,
    },
    Check {
        name: "fuzz",
        does: "the randomised tests with more cases",
        run: |ws| fuzz::run(ws, &fuzz::Args::default()),
    },
    Check {
        name: "peers",
        does: "tests against the JavaScript packages",
        run: |ws| peers::run(ws, &peers::Args::default()),
    },
    Check {
        name: "wasm",
        does: "the crates that compile for browsers",
        run: wasm::run,
    },
    Check {
        name: "systems",
        does: "the crates that compile on Windows, macOS and FreeBSD",
        run: systems::run,
    },
    Check {
        name: "msrv",
        does: "the compiler version that each crate promises",
        run: |ws| msrv::run(ws, &msrv::Args::default()),
    },
    Check {
        name: "deny",
        does: "licences, bans, sources and advisories",
        run: deny::run,
    },
    Check {
        name: "release",
        does: "each crate can be published",
        run: |ws| release::run(ws, &release::Args::default()),
    },
];

pub(crate) fn run(ws: &Workspace, args: &Args, no_skip: bool) -> Result<Outcome> {
    if args.list {
        for check in CHECKS {
            println!("{:<14} {}", check.name, check.does);
        }
        return Ok(Outcome::passed());
    }
    let mut ends = Vec::new();
    for check in chosen(&args.steps)? {
        eprintln!("\n== {}: {}", check.name, check.does);
        let start = Instant::now();
        let step = Step::from((check.run)(ws)).unless_skips_count(no_skip);
        let took = start.elapsed();
        if let Step::Failed(why) = &step {
            eprintln!("failed: {why}");
        }
        eprintln!(
            "== {}: {} ({:.1} s)",
            check.name,
            word(&step),
            took.as_secs_f64()
        );
        ends.push((check.name, step, took));
    }
    println!("\n{}", summary(&ends));
    let failed: Vec<&str> = ends
        .iter()
        .filter(|(_, step, _)| step.is_failure())
        .map(|(name, ..)| *name)
        .collect();
    if failed.is_empty() {
        return Ok(Outcome::passed());
    }
    bail!(
        "{}: run one again with `cargo xtask ci --step NAME`",
        failed.join(", ")
    )
}

/// The checks of these names, or all.
fn chosen(names: &[String]) -> Result<Vec<&'static Check>> {
    let find = |name: &String| {
        let check = CHECKS.iter().find(|check| check.name == name);
        check.ok_or_else(|| anyhow::anyhow!("no step `{name}`: see `cargo xtask ci --list`"))
    };
    if names.is_empty() {
        Ok(CHECKS.iter().collect())
    } else {
        names.iter().map(find).collect()
    }
}

fn word(step: &Step) -> &'static str {
    match step {
        Step::Passed => "passed",
        Step::Skipped(_) => "passed in part",
        Step::Failed(_) => "FAILED",
    }
}

/// One line a step, with what it left out or why it failed.
fn summary(ends: &[(&str, Step, Duration)]) -> String {
    let mut lines = vec![format!("{:<14} {:>8}  end", "step", "seconds")];
    for (name, step, took) in ends {
        lines.push(format!(
            "{name:<14} {:>8.1}  {}",
            took.as_secs_f64(),
            word(step)
        ));
        if let Step::Skipped(reasons) = step {
            let indented = reasons.iter().map(|reason| format!("    skipped {reason}"));
            lines.extend(indented);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{chosen, summary};
    use crate::outcome::Step;

    #[test]
    fn an_unknown_step_is_refused() {
        assert!(chosen(&["lint".to_owned()]).is_ok());
        assert!(chosen(&["lnit".to_owned()]).is_err());
    }

    #[test]
    fn the_summary_says_what_was_left_out() {
        let took = Duration::from_secs(2);
        let shown = summary(&[
            ("one", Step::Passed, took),
            ("two", Step::Skipped(vec!["two: no moon".to_owned()]), took),
            ("three", Step::Failed("it broke".to_owned()), took),
        ]);
        for part in ["one ", "passed in part", "skipped two: no moon", "FAILED"] {
            assert!(shown.contains(part), "{part} is missing in\n{shown}");
        }
    }
}
