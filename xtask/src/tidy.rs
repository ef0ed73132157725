//! The repository's own rules, run by `cargo xtask tidy` and, one test each, by `cargo test`.

mod crate_files;
mod floors;
mod formats;
mod length;
mod manifests;
mod sources;
mod tokens;
mod trees;
mod unsafe_code;
mod unwanted;
mod wrappers;

use anyhow::{Result, bail};

use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// What `cargo xtask tidy` takes.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Write the dependency trees down as they are now, instead of comparing them.
    #[arg(long)]
    accept_trees: bool,
}

/// A rule, and the check that lists what breaks it.
struct Rule {
    name: &'static str,
    says: &'static str,
    check: fn(&Workspace) -> Result<Vec<String>>,
}

const RULES: &[Rule] = &[
    Rule {
        name: "floors",
        says: "a crate uses only crates on lower floors",
        check: floors::check,
    },
    Rule {
        name: "wrappers",
        says: "a wrapper implements every method of Datastore",
        check: wrappers::check,
    },
    Rule {
        name: "crate_files",
        says: "each crate has README with example, changelog, examples",
        check: crate_files::check,
    },
    Rule {
        name: "manifests",
        says: "lints, versions and registry data stand where they belong",
        check: manifests::check,
    },
    Rule {
        name: "length",
        says: "no source file is too long to read",
        check: length::check,
    },
    Rule {
        name: "unwanted",
        says: "nothing unfinished, switched off or tied to one machine",
        check: unwanted::check,
    },
    Rule {
        name: "unsafe_code",
        says: "unsafe code only in files that were agreed on",
        check: unsafe_code::check,
    },
    Rule {
        name: "trees",
        says: "light crates keep light dependency trees",
        check: trees::check,
    },
    Rule {
        name: "formats",
        says: "each format on disk has its page",
        check: formats::check,
    },
];

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    if args.accept_trees {
        trees::accept(ws)?;
    }
    let mut broken = 0;
    for rule in RULES {
        let findings = (rule.check)(ws)?;
        let end = if findings.is_empty() { "ok" } else { "BROKEN" };
        println!("{:<12} {end:<7} {}", rule.name, rule.says);
        for finding in &findings {
            println!("    {finding}");
        }
        broken += findings.len();
    }
    if broken > 0 {
        bail!("{broken} findings");
    }
    Ok(Outcome::passed())
}

/// A test for each rule.
#[cfg(test)]
mod tests {
    use super::RULES;
    use crate::workspace::Workspace;

    fn holds(name: &str) {
        let ws = Workspace::load().unwrap();
        let rule = RULES.iter().find(|rule| rule.name == name).unwrap();
        let findings = (rule.check)(&ws).unwrap();
        assert!(
            findings.is_empty(),
            "{}:\n{}",
            rule.says,
            findings.join("\n")
        );
    }

    macro_rules! each_rule_holds {
        ($($name:ident)*) => {
            $(#[test]
            fn $name() {
                holds(stringify!($name));
            })*

            #[test]
            fn every_rule_has_its_test() {
                let tested = [$(stringify!($name)),*];
                assert_eq!(RULES.iter().map(|rule| rule.name).collect::<Vec<_>>(), tested);
            }
        };
    }

    each_rule_holds! {
        floors wrappers crate_files manifests length unwanted unsafe_code trees formats
    }
}
