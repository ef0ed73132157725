//! What a manifest must hold: the workspace's lints and versions, and what registry and docs.rs show.

use std::fs;

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::workspace::{Package, Workspace};

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(crate) fn check(ws: &Workspace) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for package in &ws.packages {
        let manifest = package.manifest()?;
        let mut findings = inherited(&manifest);
        if package.is_published() {
            findings.extend(shown(package));
        }
        all.extend(
            findings
                .iter()
                .map(|what| format!("{}: {what}", package.name)),
        );
    }
    let path = ws.root.join("Cargo.toml");
    let top =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    all.extend(out_of_order(&top));
    Ok(all)
}

/// What the registry and docs.rs show of a package.
fn shown(package: &Package) -> Vec<String> {
    let mut missing = Vec::new();
    for (what, value) in [
        ("description", &package.description),
        ("license", &package.license),
        ("readme", &package.readme),
        ("repository", &package.repository),
        ("rust-version", &package.rust_version),
    ] {
        if value.as_ref().is_none_or(String::is_empty) {
            missing.push(format!("states no {what}"));
        }
    }
    let docs = package.metadata.pointer("/docs/rs/all-features");
    if package.is_library() && docs.and_then(serde_json::Value::as_bool) != Some(true) {
        missing.push("has no [package.metadata.docs.rs] with all-features = true".to_owned());
    }
    missing
}

/// Whether lints and versions come from the workspace.
fn inherited(manifest: &Table) -> Vec<String> {
    let mut findings = Vec::new();
    let lints = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    if lints.and_then(Value::as_bool) != Some(true) {
        findings.push("does not take the workspace's lints".to_owned());
    }
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets
        .into_iter()
        .flat_map(Table::values)
        .filter_map(Value::as_table);
    for table in std::iter::once(manifest).chain(targets) {
        for kind in KINDS {
            let declared = table.get(kind).and_then(Value::as_table);
            let declared = declared.into_iter().flatten();
            findings.extend(declared.filter_map(|(name, how)| fault(kind, name, how)));
        }
    }
    findings
}

/// What is wrong with the way a dependency is declared.
fn fault(kind: &str, name: &str, how: &Value) -> Option<String> {
    let has = |word: &str| how.get(word).is_some();
    if has("path") && kind == "dev-dependencies" && !has("version") {
        return None;
    }
    if how.get("workspace").and_then(Value::as_bool) != Some(true) {
        return Some(format!(
            "the version of {name} belongs into the workspace table"
        ));
    }
    None
}

/// The names in the workspace's table that stand after a greater one of the same block.
fn out_of_order(top: &str) -> Vec<String> {
    let table = top
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let mut findings = Vec::new();
    let mut last = "";
    for line in table {
        let Some((name, _)) = line.split_once(" = ") else {
            last = "";
            continue;
        };
        if name < last {
            findings.push(format!("Cargo.toml: {name} belongs before {last}"));
        }
        last = name;
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{inherited, out_of_order, shown};
    use crate::workspace::{Package, Target};

    #[test]
    fn versions_and_lints_come_from_the_workspace() {
        let lints = "[lints]\nworkspace = true\n";
        for (text, expected) in [
            ("[dependencies]\na.workspace = true", 0),
            (
                "[dependencies]\na = { workspace = true, features = [\"x\"] }",
                0,
            ),
            ("[dependencies]\na = \"1\"", 1),
            ("[dependencies]\na = { version = \"1\" }", 1),
            ("[dependencies]\na = { path = \"../a\" }", 1),
            ("[dev-dependencies]\na = { path = \"../a\" }", 0),
            (
                "[dev-dependencies]\na = { path = \"../a\", version = \"1\" }",
                1,
            ),
            ("[target.'cfg(unix)'.dependencies]\na = \"1\"", 1),
        ] {
            let manifest = format!("{lints}{text}\n").parse().unwrap();
            assert_eq!(inherited(&manifest).len(), expected, "{text}");
        }
        assert_eq!(inherited(&"[lints.rust]\n".parse().unwrap()).len(), 1);
        assert_eq!(inherited(&"[package]\n".parse().unwrap()).len(), 1);
    }

    #[test]
    fn registry_data_is_asked_for() {
        let target = Target {
            kind: vec!["lib".to_owned()],
            ..Target::default()
        };
        let some = || Some("x".to_owned());
        let mut package = Package {
            targets: vec![target],
            description: some(),
            license: some(),
            readme: some(),
            repository: some(),
            rust_version: some(),
            metadata: serde_json::json!({ "docs": { "rs": { "all-features": true } } }),
            ..Package::default()
        };
        assert_eq!(shown(&package), [""; 0]);
        package.metadata = serde_json::Value::Null;
        package.description = Some(String::new());
        package.readme = None;
        assert_eq!(shown(&package).len(), 3);
    }

    #[test]
    fn the_table_of_versions_is_sorted() {
        let text = "[workspace.dependencies]\n# ours\nz = 1\n\n# theirs\na = 1\nc = 1\nb = 1\n[x]\na = 1\n";
        assert_eq!(out_of_order(text), ["Cargo.toml: b belongs before c"]);
    }
}
