//! Licences, bans, sources and advisories of the dependencies, by cargo-deny and `deny.toml`.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::cache;
use crate::outcome::Outcome;
use crate::process::{self, cargo, command, output, run_within};
use crate::workspace::Workspace;

/// Installed where none is found. The lock file that comes with it fixes all that it is built from.
const VERSION: &str = "0.20.2";

/// The database of advisories is small: longer means that it cannot be reached.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(ws: &Workspace) -> Result<Outcome> {
    let program = find_or_install(ws)?;
    let deny = |words: &[&str]| {
        let mut deny = command(ws, &program);
        deny.args(["--all-features", "--workspace"]).args(words);
        deny
    };
    process::run(&mut deny(&["check", "bans", "licenses", "sources"]))?;
    if let Err(error) = run_within(&mut deny(&["fetch", "db"]), FETCH_LIMIT) {
        return Ok(Outcome::skipped(format!(
            "deny: advisories, because their database cannot be fetched: {error:#}"
        )));
    }
    process::run(&mut deny(&["check", "--disable-fetch", "advisories"]))?;
    Ok(Outcome::passed())
}

/// The program on the path, else the one in the cache folder, else a new one there.
fn find_or_install(ws: &Workspace) -> Result<PathBuf> {
    if output(command(ws, "cargo-deny").arg("--version")).is_ok() {
        return Ok("cargo-deny".into());
    }
    let root = cache::dir()?.join(format!("cargo-deny-{VERSION}"));
    let program = root.join(format!("bin/cargo-deny{EXE_SUFFIX}"));
    if !program.is_file() {
        eprintln!(
            "installing cargo-deny {VERSION} into {} (some minutes)",
            root.display()
        );
        let words = [
            "install",
            "--locked",
            "--quiet",
            "cargo-deny",
            "--version",
            VERSION,
        ];
        // A target folder of its own keeps the optimised build out of the workspace's.
        process::run(
            cargo(ws, words)
                .arg("--root")
                .arg(&root)
                .env_remove("CARGO_TARGET_DIR"),
        )?;
    }
    Ok(program)
}
