//! The compiler version that each crate promises.
//!
//! Two checks: what the crate's dependencies ask for, which needs no other compiler, and a build with that compiler
//! where rustup has it installed. (A third is part of `lint`: clippy knows since when the standard library has what.)

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::outcome::Outcome;
use crate::process::{self, cargo, command, output};
use crate::workspace::{Package, Workspace};

/// What `cargo xtask msrv` takes.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Print the versions that the crates promise, and check nothing.
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    if args.list {
        by_version(ws)
            .keys()
            .for_each(|version| println!("{version}"));
        return Ok(Outcome::passed());
    }
    dependencies_ask_for_no_more(ws)?;
    let mut outcome = Outcome::passed();
    for (version, packages) in by_version(ws) {
        if !has_toolchain(ws, version) {
            outcome.skipped.push(format!(
                "msrv: the build with Rust {version}, which `rustup toolchain install {version}` brings"
            ));
            continue;
        }
        let mut check = command(ws, "rustup");
        check.args([
            "run",
            version,
            "cargo",
            "check",
            "--lib",
            "--bins",
            "--all-features",
        ]);
        check.arg("--target-dir").arg(ws.target.join("msrv"));
        check.args(packages.iter().flat_map(|name| ["--package", name]));
        process::run(check.env_remove("RUSTC").env_remove("RUSTDOC"))?;
    }
    Ok(outcome)
}

/// The published packages by the version they promise.
fn by_version(ws: &Workspace) -> BTreeMap<&str, Vec<&str>> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in ws.published() {
        if let Some(version) = &package.rust_version {
            versions.entry(version).or_default().push(&package.name);
        }
    }
    versions
}

/// Whether rustup has the toolchain. Installing it is left to the caller: it is another compiler on their machine.
fn has_toolchain(ws: &Workspace, version: &str) -> bool {
    output(command(ws, "rustup").args(["run", version, "rustc", "--version"])).is_ok()
}

/// A version that a dependency does not compile with is promised in vain.
fn dependencies_ask_for_no_more(ws: &Workspace) -> Result<()> {
    let asked = versions_asked_for(ws)?;
    let mut faults = Vec::new();
    for package in ws.published() {
        let words = ["tree", "--quiet", "--package", &package.name];
        let more = [
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--all-features",
        ];
        let mut tree = cargo(ws, words.into_iter().chain(more));
        let tree = output(tree.args(["--format", "{p}"]))?;
        faults.extend(too_new(package, &tree, &asked));
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{}", faults.join("\n"))
}

/// `name vVERSION` as `cargo tree` prints it, to the compiler version that this package asks for.
fn versions_asked_for(ws: &Workspace) -> Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct All {
        packages: Vec<Package>,
    }
    let text = output(&mut cargo(ws, ["metadata", "--format-version", "1"]))?;
    let all: All = serde_json::from_str(&text).context("cannot read `cargo metadata`")?;
    let entry = |package: Package| {
        let asked = package.rust_version?;
        Some((format!("{} v{}", package.name, package.version), asked))
    };
    Ok(all.packages.into_iter().filter_map(entry).collect())
}

/// The lines of the tree that ask for a newer compiler than the package promises.
fn too_new(package: &Package, tree: &str, asked: &BTreeMap<String, String>) -> Vec<String> {
    let Some(promised) = package.rust_version.as_deref() else {
        return vec![format!("{} states no rust-version", package.name)];
    };
    let names = tree.lines().map(|line| {
        let mut words = line.split(' ');
        [words.next(), words.next()]
            .map(Option::unwrap_or_default)
            .join(" ")
    });
    names
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter_map(|name| {
            let needed = asked.get(&name)?;
            (numbers(needed) > numbers(promised)).then(|| {
                format!(
                    "{} promises Rust {promised}, but {name} needs {needed}",
                    package.name
                )
            })
        })
        .collect()
}

/// `1.85` as numbers that compare; a missing patch number is 0.
fn numbers(version: &str) -> [u32; 3] {
    let mut numbers = [0; 3];
    for (place, part) in numbers.iter_mut().zip(version.split('.')) {
        *place = part.parse().unwrap_or(u32::MAX);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::too_new;
    use crate::workspace::Package;

    #[test]
    fn a_dependency_that_needs_a_newer_compiler_is_found() {
        let package = Package {
            name: "mine".to_owned(),
            rust_version: Some("1.85".to_owned()),
            ..Package::default()
        };
        let asked = |version: &str| BTreeMap::from([("it v1.2.3".to_owned(), version.to_owned())]);
        let tree = "mine v0.1.0\nit v1.2.3 (*)\n";
        for (version, found) in [
            ("1.9", 0),
            ("1.85", 0),
            ("1.85.0", 0),
            ("1.85.1", 1),
            ("1.86", 1),
        ] {
            assert_eq!(
                too_new(&package, tree, &asked(version)).len(),
                found,
                "{version}"
            );
        }
    }
}
