//! The example programs of every crate: all are built and run, without arguments, in an empty folder.

use std::collections::BTreeMap;
use std::env::consts::EXE_SUFFIX;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::outcome::Outcome;
use crate::process::{self, cargo, command, run_within};
use crate::workspace::{Target, Workspace};

/// No example may take longer.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(ws: &Workspace) -> Result<Outcome> {
    names_are_unique(ws)?;
    process::run(&mut cargo(ws, ["build", "--workspace", "--examples"]))?;
    for (package, example) in all(ws) {
        build_behind_features(ws, package, example)?;
        let program = ws
            .target
            .join("debug/examples")
            .join(format!("{}{EXE_SUFFIX}", example.name));
        let folder = tempfile::tempdir()?;
        run_within(command(ws, program).current_dir(folder.path()), LIMIT)?;
    }
    println!("{} examples ran", all(ws).count());
    Ok(Outcome::passed())
}

/// Every example with the name of its package.
fn all(ws: &Workspace) -> impl Iterator<Item = (&str, &Target)> {
    ws.packages.iter().flat_map(|package| {
        let examples = package.targets_of("example");
        examples.map(|example| (package.name.as_str(), example))
    })
}

/// Builds an example that the build of the whole workspace leaves out for want of a feature.
fn build_behind_features(ws: &Workspace, package: &str, example: &Target) -> Result<()> {
    if example.required_features.is_empty() {
        return Ok(());
    }
    let features = example.required_features.join(",");
    let words = ["build", "--package", package, "--example", &example.name];
    process::run(cargo(ws, words).args(["--features", &features]))
}

/// Cargo puts all examples of a workspace into one folder, where one name would hide another.
fn names_are_unique(ws: &Workspace) -> Result<()> {
    let mut seen = BTreeMap::new();
    for (package, example) in all(ws) {
        if let Some(other) = seen.insert(&example.name, package) {
            bail!(
                "{other} and {package} both have an example `{}`: rename one",
                example.name
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::names_are_unique;
    use crate::workspace::{Package, Target, Workspace};

    fn workspace(examples: [&str; 2]) -> Workspace {
        let package = |(name, example): (&str, &str)| Package {
            name: name.to_owned(),
            targets: vec![Target {
                name: example.to_owned(),
                kind: vec!["example".to_owned()],
                required_features: Vec::new(),
            }],
            ..Package::default()
        };
        Workspace {
            packages: ["a", "b"].into_iter().zip(examples).map(package).collect(),
            ..Workspace::default()
        }
    }

    #[test]
    fn two_examples_of_one_name_are_refused() {
        assert!(names_are_unique(&workspace(["one", "two"])).is_ok());
        let error = names_are_unique(&workspace(["same", "same"])).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("a and b both have an example `same`")
        );
    }
}
