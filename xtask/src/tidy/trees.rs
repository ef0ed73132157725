//! The dependency trees of crates that promise to be light.
//!
//! `xtask/trees/CRATE.txt` lists the packages that a program gets with the crate's default features on Linux. A change
//! to it is seen in review: `cargo xtask tidy --accept-trees` writes the lists anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process::{cargo, output};
use crate::workspace::Workspace;

/// A crate with what its tree must keep to.
struct Guard {
    name: &'static str,
    /// Packages besides the crate itself.
    at_most: usize,
    /// No package's name begins with one of these.
    never: &'static [&'static str],
}

/// Runtimes, and the cloud.
const NO_RUNTIME: &[&str] = &["async-std", "aws-", "hyper", "reqwest", "smol", "tokio"];
const NO_NETWORK: &[&str] = &["aws-", "hyper", "reqwest"];

const GUARDS: &[Guard] = &[
    Guard {
        name: "interface-datastore",
        at_most: 30,
        never: NO_RUNTIME,
    },
    Guard {
        name: "datastore-engine",
        at_most: 30,
        never: NO_RUNTIME,
    },
    Guard {
        name: "flat-merkle",
        at_most: 40,
        never: NO_RUNTIME,
    },
    Guard {
        name: "datastore-core",
        at_most: 70,
        never: NO_NETWORK,
    },
    Guard {
        name: "datastore-files",
        at_most: 30,
        never: NO_NETWORK,
    },
    Guard {
        name: "datastore-flatfs",
        at_most: 80,
        never: NO_NETWORK,
    },
    Guard {
        name: "datastore-fs",
        at_most: 60,
        never: NO_NETWORK,
    },
    Guard {
        name: "datastore-kv",
        at_most: 40,
        never: NO_RUNTIME,
    },
    Guard {
        name: "datastore-leveldb",
        at_most: 40,
        never: NO_NETWORK,
    },
    Guard {
        name: "interface-datastore-tests",
        at_most: 90,
        never: NO_NETWORK,
    },
];

type Names = BTreeSet<String>;

pub(crate) fn check(ws: &Workspace) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for guard in present(ws) {
        let path = file(ws, guard);
        let written = fs::read_to_string(&path).unwrap_or_default();
        let known = written.lines().map(ToOwned::to_owned).collect();
        all.extend(findings(guard, &known, &tree(ws, guard)?));
    }
    Ok(all)
}

/// Writes the trees down as they are.
pub(crate) fn accept(ws: &Workspace) -> Result<()> {
    for guard in present(ws) {
        let path = file(ws, guard);
        let lines: String = tree(ws, guard)?
            .iter()
            .map(|name| format!("{name}\n"))
            .collect();
        fs::write(&path, lines).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn present(ws: &Workspace) -> impl Iterator<Item = &'static Guard> {
    GUARDS
        .iter()
        .filter(|guard| ws.package(guard.name).is_some())
}

fn file(ws: &Workspace, guard: &Guard) -> PathBuf {
    ws.root.join(format!("xtask/trees/{}.txt", guard.name))
}

/// The names of the packages that come with the crate, procedural macros and itself left out.
fn tree(ws: &Workspace, guard: &Guard) -> Result<Names> {
    let words = [
        "tree",
        "--quiet",
        "--package",
        guard.name,
        "--edges",
        "normal,no-proc-macro",
    ];
    let more = ["--prefix", "none", "--target", "x86_64-unknown-linux-gnu"];
    let text = output(&mut cargo(ws, words.into_iter().chain(more)))?;
    let names = text.lines().filter_map(|line| line.split(' ').next());
    Ok(names
        .filter(|name| *name != guard.name)
        .map(ToOwned::to_owned)
        .collect())
}

fn findings(guard: &Guard, known: &Names, now: &Names) -> Vec<String> {
    let name = guard.name;
    let mut findings = Vec::new();
    let heavy = |package: &&String| guard.never.iter().any(|start| package.starts_with(start));
    findings.extend(
        now.iter()
            .filter(heavy)
            .map(|package| format!("{name} must not bring {package}")),
    );
    if now.len() > guard.at_most {
        findings.push(format!(
            "{name} brings {} packages, more than {}",
            now.len(),
            guard.at_most
        ));
    }
    findings.extend(
        now.difference(known)
            .map(|package| format!("{name}: + {package}")),
    );
    findings.extend(
        known
            .difference(now)
            .map(|package| format!("{name}: - {package}")),
    );
    findings
}

#[cfg(test)]
mod tests {
    use super::{Guard, Names, findings};

    #[test]
    fn growth_and_heavy_packages_are_found() {
        let guard = Guard {
            name: "light",
            at_most: 2,
            never: &["tokio"],
        };
        let names = |words: &str| {
            words
                .split_whitespace()
                .map(ToOwned::to_owned)
                .collect::<Names>()
        };
        for (known, now, expected) in [
            ("a b", "a b", 0),
            ("a", "a b", 1),
            ("a b", "a", 1),
            ("a b c", "a b c", 1),
            ("a tokio-util", "a tokio-util", 1),
            ("a", "a b c tokio", 5),
        ] {
            let found = findings(&guard, &names(known), &names(now));
            assert_eq!(found.len(), expected, "{now}: {found:?}");
        }
    }
}
