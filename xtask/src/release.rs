//! Whether each crate can be published, and publishing one by its tag.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::outcome::Outcome;
use crate::process::{self, cargo, output};
use crate::workspace::{Package, Workspace};

/// What `cargo xtask release` takes.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Check only the crate that this tag names, as CRATE-vVERSION, and that the version agrees.
    #[arg(long)]
    tag: Option<String>,
    /// Publish that crate once it passed.
    #[arg(long, requires = "tag")]
    publish: bool,
}

/// The registry takes no more bytes than this in one package.
const LARGEST: u64 = 10 * 1024 * 1024;

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    let packages: Vec<&Package> = match &args.tag {
        Some(tag) => vec![tagged(ws, tag)?],
        None => ws.published().collect(),
    };
    let mut faults = Vec::new();
    for package in &packages {
        faults.extend(unready(package));
        faults.extend(contents(ws, package)?);
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    pack(ws, &packages)?;
    if args.publish {
        for package in packages {
            process::run(&mut cargo(ws, ["publish", "--package", &package.name]))?;
        }
    }
    Ok(Outcome::passed())
}

/// The package that a tag such as `datastore-fs-v0.2.0` releases.
fn tagged<'a>(ws: &'a Workspace, tag: &str) -> Result<&'a Package> {
    let (name, version) = tag
        .rsplit_once("-v")
        .with_context(|| format!("the tag {tag} is not CRATE-vVERSION"))?;
    let package = ws
        .published()
        .find(|package| package.name == name)
        .with_context(|| format!("no crate {name} to publish"))?;
    if package.version != version {
        bail!(
            "{name} is at version {}, the tag says {version}",
            package.version
        );
    }
    if !dated(package)? {
        bail!("the changelog of {name} calls {version} unreleased: write the date");
    }
    Ok(package)
}

fn heading(package: &Package) -> Result<Option<String>> {
    let path = package.dir().join("CHANGELOG.md");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let version = &package.version;
    let starts = [format!("## {version}"), format!("## [{version}]")];
    let of_version = |line: &&str| {
        let first = line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
        starts.contains(&first)
    };
    Ok(text.lines().find(of_version).map(ToOwned::to_owned))
}

fn dated(package: &Package) -> Result<bool> {
    Ok(heading(package)?.is_some_and(|line| !line.contains("unreleased")))
}

/// What would keep the registry or its users from taking this version.
fn unready(package: &Package) -> Vec<String> {
    let name = &package.name;
    let mut faults = Vec::new();
    if !matches!(heading(package), Ok(Some(_))) {
        faults.push(format!(
            "{name}: CHANGELOG.md has no heading `## {}`",
            package.version
        ));
    }
    for on in package.dependencies.iter().filter(|on| on.path.is_some()) {
        match (on.kind.as_deref() == Some("dev"), on.req.as_str()) {
            (false, "*") => faults.push(format!("{name}: the dependency {} has no version", on.name)),
            (true, req) if req != "*" => faults.push(format!(
                "{name}: the dev-dependency {} has a version, which makes a cycle: give its path alone",
                on.name
            )),
            _ => {}
        }
    }
    faults
}

/// What the package would lack, read from cargo.
fn contents(ws: &Workspace, package: &Package) -> Result<Vec<String>> {
    let words = [
        "package",
        "--list",
        "--allow-dirty",
        "--package",
        &package.name,
    ];
    let list = output(&mut cargo(ws, words))?;
    let mut faults = Vec::new();
    for wanted in ["CHANGELOG.md", "README.md"] {
        if !list.lines().any(|line| line == wanted) {
            faults.push(format!("{}: the package holds no {wanted}", package.name));
        }
    }
    Ok(faults)
}

/// Packs the crates together, so that those not yet published find each other. Nothing may come out too large.
fn pack(ws: &Workspace, packages: &[&Package]) -> Result<()> {
    let mut pack = cargo(ws, ["package", "--quiet", "--no-verify", "--allow-dirty"]);
    pack.args(
        packages
            .iter()
            .flat_map(|package| ["--package", &package.name]),
    );
    process::run(&mut pack)?;
    for package in packages {
        let file = format!("package/{}-{}.crate", package.name, package.version);
        let bytes = fs::metadata(ws.target.join(&file))
            .with_context(|| format!("cargo made no {file}"))?
            .len();
        println!("{file}: {} KiB", bytes.div_ceil(1024));
        if bytes > LARGEST {
            bail!("{file} has {bytes} bytes, more than {LARGEST}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{dated, tagged, unready};
    use crate::workspace::{Dependency, Package, Workspace};

    /// A package whose changelog has this heading, in a folder that lasts as long as the guard.
    fn package(heading: &str) -> (tempfile::TempDir, Package) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("CHANGELOG.md"),
            format!("# c\n\n{heading}\n"),
        )
        .unwrap();
        let package = Package {
            name: "a-b".to_owned(),
            version: "0.1.0".to_owned(),
            manifest_path: dir.path().join("Cargo.toml"),
            ..Package::default()
        };
        (dir, package)
    }

    #[test]
    fn the_changelog_must_know_the_version() {
        for (heading, ready, is_dated) in [
            ("## 0.1.0 (unreleased)", true, false),
            ("## 0.1.0 (2026-01-01)", true, true),
            ("## [0.1.0] - 2026-01-01", true, true),
            ("## 0.1.0-beta", false, false),
            ("## 0.1.00", false, false),
            ("## 0.2.0", false, false),
        ] {
            let (_dir, package) = package(heading);
            assert_eq!(unready(&package).is_empty(), ready, "{heading}");
            assert_eq!(dated(&package).unwrap(), is_dated, "{heading}");
        }
    }

    #[test]
    fn dependencies_carry_versions_and_dev_dependencies_do_not() {
        for (kind, req, faults) in [
            (None, "^0.1.0", 0),
            (None, "*", 1),
            (Some("dev"), "*", 0),
            (Some("dev"), "^0.1.0", 1),
        ] {
            let (_dir, mut package) = package("## 0.1.0");
            package.dependencies.push(Dependency {
                name: "other".to_owned(),
                kind: kind.map(ToOwned::to_owned),
                req: req.to_owned(),
                path: Some("other".into()),
            });
            assert_eq!(unready(&package).len(), faults, "{kind:?} {req}");
        }
    }

    #[test]
    fn a_tag_names_crate_and_version() {
        let (_dir, package) = package("## 0.1.0 (2026-01-01)");
        let ws = Workspace {
            packages: vec![package],
            ..Workspace::default()
        };
        assert!(tagged(&ws, "a-b-v0.1.0").is_ok());
        for wrong in ["a-b-v0.2.0", "a-v0.1.0", "v0.1.0", "a-b"] {
            assert!(tagged(&ws, wrong).is_err(), "{wrong}");
        }
    }
}
