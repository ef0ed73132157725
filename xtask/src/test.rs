//! The tests.

use anyhow::Result;

use crate::outcome::Outcome;
use crate::process::{self, cargo};
use crate::workspace::{Package, Workspace};

/// What `cargo xtask test` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Handed on to `cargo test --workspace`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    let rest = args.rest.iter().map(String::as_str);
    process::run(&mut cargo(
        ws,
        ["test", "--workspace"].into_iter().chain(rest),
    ))?;
    Ok(Outcome::passed())
}

/// The tests that `cargo test --workspace` leaves out: those behind features that are off by default.
pub(crate) fn with_all_features(ws: &Workspace) -> Result<Outcome> {
    let names: Vec<&str> = ws
        .packages
        .iter()
        .filter(|package| has_optional_features(package))
        .flat_map(|package| ["--package", package.name.as_str()])
        .collect();
    if !names.is_empty() {
        let words = [&["test", "--all-features", "--tests"], names.as_slice()].concat();
        process::run(&mut cargo(ws, words))?;
    }
    Ok(Outcome::passed())
}

/// Whether some feature is not on by default.
fn has_optional_features(package: &Package) -> bool {
    let default = package.features.get("default");
    package
        .features
        .keys()
        .filter(|name| *name != "default")
        .any(|name| default.is_none_or(|on| !on.contains(name)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::has_optional_features;
    use crate::workspace::Package;

    fn package(features: &[(&str, &[&str])]) -> Package {
        let features = features.iter().map(|(name, on)| {
            let on = on.iter().map(ToString::to_string).collect();
            ((*name).to_owned(), on)
        });
        Package {
            features: BTreeMap::from_iter(features),
            ..Package::default()
        }
    }

    #[test]
    fn finds_features_that_are_off_by_default() {
        for (features, expected) in [
            (&[] as &[(&str, &[&str])], false),
            (&[("default", &[])], false),
            (&[("default", &["a"]), ("a", &[])], false),
            (&[("default", &["a"]), ("a", &[]), ("b", &[])], true),
            (&[("a", &[])], true),
        ] {
            assert_eq!(
                has_optional_features(&package(features)),
                expected,
                "{features:?}"
            );
        }
    }
}
