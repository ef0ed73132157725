//! Each crate with no feature, with each feature alone, and with all of them. Features whose names begin with `_` are parts of others.

use anyhow::Result;

use crate::lint::clippy;
use crate::outcome::Outcome;
use crate::workspace::{Package, Workspace};

/// Too slow to compile for a matrix.
const LEFT_OUT: &[&str] = &["hypercore-rocksdb"];

/// What `cargo xtask features` takes.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only these packages.
    #[arg(long = "package", short)]
    packages: Vec<String>,
}

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    let chosen = |package: &&Package| {
        if args.packages.is_empty() {
            !LEFT_OUT.contains(&package.name.as_str())
        } else {
            args.packages.contains(&package.name)
        }
    };
    for package in ws.packages.iter().filter(chosen) {
        for features in combinations(package) {
            let scope = ["--package", &package.name, "--lib", "--bins"];
            let features: Vec<&str> = features.iter().map(String::as_str).collect();
            clippy(ws, &[&scope, features.as_slice()].concat())?;
        }
    }
    Ok(Outcome::passed())
}

/// The arguments that choose each combination of features. Nothing for a crate without features: `lint` covers it.
fn combinations(package: &Package) -> Vec<Vec<String>> {
    let names = package.features.keys();
    let alone: Vec<&String> = names
        .filter(|name| *name != "default" && !name.starts_with('_'))
        .collect();
    if alone.is_empty() {
        return Vec::new();
    }
    let none = || vec!["--no-default-features".to_owned()];
    let mut all = vec![none()];
    for name in alone {
        let mut one = none();
        one.extend(["--features".to_owned(), name.clone()]);
        all.push(one);
    }
    all.push(vec!["--all-features".to_owned()]);
    all
}

#[cfg(test)]
mod tests {
    use super::combinations;
    use crate::workspace::Package;

    #[test]
    fn every_feature_is_tried_alone() {
        let mut package = Package::default();
        assert!(combinations(&package).is_empty());
        for name in ["default", "_part", "serde", "tokio"] {
            package.features.insert(name.to_owned(), Vec::new());
        }
        let shown: Vec<String> = combinations(&package).iter().map(|c| c.join(" ")).collect();
        assert_eq!(
            shown,
            [
                "--no-default-features",
                "--no-default-features --features serde",
                "--no-default-features --features tokio",
                "--all-features",
            ]
        );
    }
}
