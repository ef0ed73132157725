//! The tests against the JavaScript packages.
//!
//! A crate has them as `tests/peers.rs`, an ordinary test that does its work only where `RS_STORES_PEERS` is 1, and
//! names the packages in `tests/peers/package.json`. They are installed once into the cache folder, beside a copy of
//! that file; the test finds them through `RS_STORES_PEERS_MODULES`, the path of a `node_modules` folder.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::outcome::Outcome;
use crate::process::{self, cargo, command, output};
use crate::workspace::{Package, Workspace};

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// What `cargo xtask peers` takes.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only these packages.
    #[arg(long = "package", short)]
    packages: Vec<String>,
}

pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<Outcome> {
    let chosen = |name: &String| args.packages.is_empty() || args.packages.contains(name);
    let with_peers = |package: &&Package| chosen(&package.name) && peers(package).is_dir();
    let packages: Vec<&Package> = ws.packages.iter().filter(with_peers).collect();
    if packages.is_empty() {
        eprintln!("no package has a folder tests/peers");
        return Ok(Outcome::passed());
    }
    if let Err(error) = output(command(ws, "node").arg("--version")) {
        if cache::unattended() {
            return Err(error.context("the peer tests need Node.js"));
        }
        return Ok(Outcome::skipped("peers: Node.js is not installed"));
    }
    for package in packages {
        let modules = install(ws, &peers(package))?;
        test(ws, package, &modules)?;
    }
    Ok(Outcome::passed())
}

fn peers(package: &Package) -> PathBuf {
    package.dir().join("tests/peers")
}

/// Runs the package's peer tests, and refuses a run without any.
fn test(ws: &Workspace, package: &Package, modules: &Path) -> Result<()> {
    let words = [
        "test",
        "--package",
        &package.name,
        "--test",
        "peers",
        "--all-features",
    ];
    let list = output(cargo(ws, words).args(["--", "--list"]))?;
    if !list.lines().any(|line| line.ends_with(": test")) {
        bail!("tests/peers.rs of {} holds no test", package.name);
    }
    process::run(
        cargo(ws, words)
            .env("RS_STORES_PEERS", "1")
            .env("RS_STORES_PEERS_MODULES", modules),
    )
}

/// Installs the packages that a folder asks for, unless they are there; gives their `node_modules`.
pub(crate) fn install(ws: &Workspace, asked: &Path) -> Result<PathBuf> {
    let folder = cache::dir()?.join("peers").join(digest(asked)?);
    let modules = folder.join("node_modules");
    let complete = folder.join("complete");
    if complete.is_file() {
        return Ok(modules);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut verb = "install";
    for name in ["package.json", "package-lock.json"] {
        let from = asked.join(name);
        if from.is_file() {
            fs::copy(&from, folder.join(name))?;
            verb = if name == "package-lock.json" {
                "ci"
            } else {
                verb
            };
        }
    }
    let words = [verb, "--no-audit", "--no-fund", "--omit=dev"];
    process::run(command(ws, NPM).args(words).current_dir(&folder))?;
    fs::write(&complete, "")?;
    Ok(modules)
}

/// Changes whenever the packages asked for do.
fn digest(asked: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    let manifest = asked.join("package.json");
    fs::read(&manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?
        .hash(&mut hasher);
    fs::read(asked.join("package-lock.json"))
        .ok()
        .hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::digest;

    #[test]
    fn another_lock_file_is_another_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert!(digest(dir.path()).is_err());
        fs::write(dir.path().join("package.json"), "{}").unwrap();
        let without = digest(dir.path()).unwrap();
        fs::write(dir.path().join("package-lock.json"), "{}").unwrap();
        let with = digest(dir.path()).unwrap();
        fs::write(dir.path().join("package-lock.json"), "{ }").unwrap();
        assert_ne!(without, with);
        assert_ne!(with, digest(dir.path()).unwrap());
    }
}
