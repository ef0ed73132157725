//! What lies in a store's directory, in short words: `755/` is a folder of that mode, `600 6869` a file with its contents.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::hex::hex;

pub(super) type Tree = BTreeMap<String, String>;

const OWN: &str = ".flatfs-";
const TEMP: &str = ".temp/";
const README: &str = "_README";
const CACHE: &str = "diskUsage.cache";

/// Everything below a folder but what is ours alone: dot files that the original does not look at.
pub(super) fn found(root: &Path, full: bool) -> Tree {
    let mut tree = Tree::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if is_ours(&name) {
                continue;
            }
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mode = mode(&metadata);
            let words = if metadata.is_dir() {
                pending.push(path);
                format!("{mode:03o}/")
            } else if metadata.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                format!(
                    "{mode:03o} {}",
                    contents(&name, &fs::read(&path).unwrap(), full)
                )
            };
            tree.insert(shown(&name), words);
        }
    }
    without_scratch(tree)
}

/// The folder for temporary files comes and goes: what matters is what lies in it.
pub(super) fn without_scratch(mut tree: Tree) -> Tree {
    if !tree.keys().any(|name| name.starts_with(TEMP)) {
        tree.remove(".temp");
    }
    tree
}

/// The name as the vectors have it: batches are not told apart.
fn shown(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    if let Some(batch) = parts.get_mut(1).filter(|name| name.starts_with("batch-")) {
        *batch = "batch-*";
    }
    parts.join("/")
}

/// Whether only ours has such a file. Of temporary files the vectors show those that a trace planted.
fn is_ours(name: &str) -> bool {
    let temporary = name.strip_prefix(TEMP);
    let planted = |name: &str| name.starts_with("temp-") || name.starts_with("batch-");
    name.starts_with(OWN) || temporary.is_some_and(|name| !planted(name))
}

/// The same of a vector. What `batched` names was written in a batch, for which we have no mode of its own.
pub(super) fn expected(vector: &Value, batched: &BTreeSet<String>, full: bool) -> Tree {
    let mask = umask();
    let entry = |(name, entry): (&String, &Value)| {
        let text = entry["mode"].as_str().unwrap();
        let mut mode = u32::from_str_radix(text, 8).unwrap() & !mask;
        if batched.contains(name) {
            mode = 0o600;
        }
        let words = match entry["type"].as_str().unwrap() {
            "dir" => format!("{mode:03o}/"),
            "file" => format!("{mode:03o} {}", vector_contents(name, entry, full)),
            other => panic!("unknown type {other}"),
        };
        (name.clone(), words)
    };
    without_scratch(vector.as_object().unwrap().iter().map(entry).collect())
}

fn contents(name: &str, bytes: &[u8], full: bool) -> String {
    match name {
        README => "readme".to_owned(),
        CACHE if !full => "usage-cache".to_owned(),
        _ if bytes.len() > 64 => format!("{}... {}", hex(&bytes[..8]), bytes.len()),
        _ => hex(bytes),
    }
}

fn vector_contents(name: &str, entry: &Value, full: bool) -> String {
    if name == README {
        return "readme".to_owned();
    }
    if let (Some(head), Some(len)) = (entry["head_hex"].as_str(), entry["len"].as_u64()) {
        return format!("{head}... {len}");
    }
    if name == CACHE && !full {
        return "usage-cache".to_owned();
    }
    entry["hex"]
        .as_str()
        .unwrap_or_else(|| panic!("{name}: {entry}"))
        .to_owned()
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    0
}

/// The permissions that this process does not give away.
fn umask() -> u32 {
    let folder = tempfile::tempdir().unwrap();
    let probe = folder.path().join("probe");
    fs::create_dir(&probe).unwrap();
    0o777 & !mode(&fs::metadata(probe).unwrap())
}
