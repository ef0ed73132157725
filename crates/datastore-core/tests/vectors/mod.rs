//! Reading the test vectors.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The vector file `name`: from the folder that the environment variable `RS_STORES_VECTORS` names, if it is there, else
/// from this folder.
pub(crate) fn read(name: &str) -> Value {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    let replacement =
        std::env::var_os("RS_STORES_VECTORS").map(|folder| PathBuf::from(folder).join(name));
    let path = replacement.filter(|path| path.exists()).unwrap_or(own);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
