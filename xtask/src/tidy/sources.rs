//! The repository's text files.

use std::fs;

use anyhow::Result;
use walkdir::{DirEntry, WalkDir};

use crate::workspace::Workspace;

/// Folders that hold no source of ours.
const LEFT_OUT: &[&str] = &[".datastore", ".git", "node_modules", "results", "target"];

/// A text file, its path relative to the top.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All text files but test vectors.
pub(crate) fn all(ws: &Workspace) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for entry in WalkDir::new(&ws.root).into_iter().filter_entry(is_ours) {
        let entry = entry?;
        let path = ws.relative(entry.path());
        if !entry.file_type().is_file() || path.contains("/tests/vectors/") {
            continue;
        }
        if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
            sources.push(Source { path, text });
        }
    }
    Ok(sources)
}

/// All Rust files but test vectors.
pub(crate) fn rust(ws: &Workspace) -> Result<Vec<Source>> {
    let mut sources = all(ws)?;
    sources.retain(|source| source.path.ends_with(".rs"));
    Ok(sources)
}

fn is_ours(entry: &DirEntry) -> bool {
    !LEFT_OUT.iter().any(|name| entry.file_name() == *name)
}
