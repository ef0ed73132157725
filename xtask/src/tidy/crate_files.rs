//! What each crate brings besides its code.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::workspace::{Package, Workspace};

pub(crate) fn check(ws: &Workspace) -> Result<Vec<String>> {
    Ok(ws.published().flat_map(findings).collect())
}

fn findings(package: &Package) -> Vec<String> {
    let dir = package.dir();
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    let readme = read("README.md");
    let mut missing = Vec::new();
    if readme.is_empty() {
        missing.push("a README.md");
    }
    if read("CHANGELOG.md").is_empty() {
        missing.push("a CHANGELOG.md");
    }
    if package.is_library() {
        if !readme.contains("\n```rust") {
            missing.push("a ```rust example in its README.md");
        }
        if !read("src/lib.rs").contains(r#"include_str!("../README.md")"#) {
            missing.push("#![doc = include_str!(\"../README.md\")] in src/lib.rs, which compiles that example");
        }
        if !has_rust_file(&dir.join("examples")) {
            missing.push("a program in examples/");
        }
    }
    let name = &package.name;
    missing
        .iter()
        .map(|what| format!("{name} lacks {what}"))
        .collect()
}

/// Whether the folder holds an example: `NAME.rs` or `NAME/main.rs`.
fn has_rust_file(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let path = entry.path();
            path.extension().is_some_and(|is| is == "rs") || path.join("main.rs").is_file()
        })
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::findings;
    use crate::workspace::{Package, Target};

    fn library(files: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        findings(&Package {
            manifest_path: dir.path().join("Cargo.toml"),
            targets: vec![Target {
                kind: vec!["lib".to_owned()],
                ..Target::default()
            }],
            ..Package::default()
        })
    }

    #[test]
    fn each_missing_file_is_found() {
        let whole = [
            ("README.md", "# a\n```rust\nf();\n```\n"),
            ("CHANGELOG.md", "# c\n"),
            ("src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n"),
            ("examples/one.rs", "fn main() {}\n"),
        ];
        assert_eq!(library(&whole), [""; 0]);
        for (at, (name, _)) in whole.iter().enumerate() {
            let mut rest = whole.to_vec();
            rest.remove(at);
            assert!(!library(&rest).is_empty(), "without {name}");
        }
        assert_eq!(library(&[]).len(), 5);
    }
}
