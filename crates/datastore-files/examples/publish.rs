//! Publishes a file whole or not at all, and shows that a planted link leads nowhere.
//!
//! Run with `cargo run -p datastore-files --example publish`.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;

use datastore_files::{Change, Contents, RealFs, Replace, Safety, Tree};

fn write(path: &str) -> Change {
    Change::Write {
        path: path.into(),
        contents: Contents::Bytes("value".into()),
        replace: Replace::Yes,
        obsolete: None,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = tempfile::tempdir()?;
    let tree = Tree::open(Arc::new(RealFs::new()), root.path(), Path::new(".tmp"))?;
    #[cfg(unix)]
    std::os::unix::fs::symlink("/", root.path().join("way-out"))?;
    for (path, outcome) in ["a/b", "way-out/tmp/x"]
        .into_iter()
        .zip(tree.apply(vec![write("a/b"), write("way-out/tmp/x")], Safety::Ordered))
    {
        match outcome {
            Ok(_) => println!("{path}: written"),
            Err(error) => println!("{path}: {error}"),
        }
    }
    Ok(())
}
