//! The names, rights and texts of what the store makes: sections `constants` and `readme`, and `combine_accuracy`.

use std::collections::BTreeSet;
use std::path::Path;

use datastore_flatfs::{Accuracy, FlatfsOptions, ShardFunction};
use interface_datastore::{Batch, DatastoreExt, Key};

use super::section;
use super::tree::found;
use crate::common::{finish, open_with, vectors};

/// Sections of constants that are numbers of the original's inside: how they are met stands beside the tests named.
const INSIDE: &[&str] = &[
    // How its own temporary files and batches are called: ours only have to lie where it cleans up.
    "temp_prefix",
    "batch_dir_pattern",
    // One mode for all values.
    "batch_file_mode_before_umask",
    // The unit tests of the module `usage`, and the traces of estimates and checkpoints.
    "usage_files_average",
    "usage_calc_timeout_ms",
    "usage_message_after_ms",
    "checkpoint_percent",
    "checkpoint_after_ms",
    // Ours neither sleeps under a key's gate nor has fixed numbers of writers: the modules `errors` and `calls`.
    "retry_delay_ms",
    "retry_attempts",
    "max_concurrent_batch_puts",
    "max_concurrent_syncs",
    "how",
];

#[tokio::test(flavor = "multi_thread")]
async fn constants() {
    let constants = vectors("flatfs.json")["constants"].clone();
    let text = |name: &str| constants[name].as_str().unwrap().to_owned();
    let mut used = BTreeSet::new();
    let mut constant = |name: &'static str| {
        used.insert(name);
        text(name)
    };
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ds");
    let store = open_with(&dir, FlatfsOptions::new()).await;
    store.put(&Key::new("/QUUX"), "v").await.unwrap();
    let mut batch = Batch::new();
    batch.put(Key::new("/QAAX"), "v");
    store.write(batch).await.unwrap();
    let default = constant("default_shard");
    assert_eq!(store.shard().to_string(), default);
    assert_eq!(ShardFunction::default().to_string(), default);
    assert!(default.starts_with(&constant("shard_prefix")));
    finish(store).await;

    let tree = found(&dir, false);
    let mode = |name: &str| mode_of(&constants, name);
    let extension = constant("extension");
    for (path, words) in [
        (
            format!("UU/QUUX{extension}"),
            format!("{} 76", mode("put_file_mode")),
        ),
        (
            format!("AA/QAAX{extension}"),
            format!("{} 76", mode("put_file_mode")),
        ),
        ("UU".to_owned(), format!("{}/", mode("dir_mode"))),
        (
            constant("readme_file"),
            format!("{} readme", mode("readme_mode")),
        ),
        (constant("usage_file"), "600 usage-cache".to_owned()),
    ] {
        assert_eq!(tree.get(&path), Some(&words), "{path} in {tree:?}");
    }
    assert!(dir.join(constant("temp_dir")).is_dir());
    let marker = &tree[&constant("sharding_file")];
    assert!(
        marker.starts_with(&mode("sharding_mode_before_umask")),
        "{marker}"
    );
    used.extend([
        "put_file_mode",
        "dir_mode",
        "readme_mode",
        "sharding_mode_before_umask",
    ]);
    used.extend(INSIDE);
    let all: BTreeSet<&str> = constants
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(used, all);
}

/// The mode of a constant, less what the process does not give away.
fn mode_of(constants: &serde_json::Value, name: &str) -> String {
    let entry = serde_json::json!({"x": {"type": "dir", "mode": constants[name]}});
    let words = super::tree::expected(&entry, &BTreeSet::new(), false);
    words["x"].trim_end_matches('/').to_owned()
}

/// Section `readme`: written for the default function alone, with a text of ours.
#[tokio::test(flavor = "multi_thread")]
async fn readme() {
    let written_for = vectors("flatfs.json")["readme"]["written_for"].clone();
    let default = ShardFunction::default().to_string();
    assert!(written_for.as_str().unwrap().starts_with(&default));
    for (shard, written) in [
        (ShardFunction::default(), true),
        (ShardFunction::next_to_last(3).unwrap(), false),
        (ShardFunction::prefix(2).unwrap(), false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let options = FlatfsOptions::new().with_shard(shard);
        finish(open_with(folder.path(), options).await).await;
        let path = folder.path().join("_README");
        assert_eq!(path.exists(), written, "{shard}");
        if written {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                text.contains("two characters") && text.ends_with('\n'),
                "{text}"
            );
            check_example(&text);
        }
    }
}

/// The key that the text gives as an example lies where it says.
fn check_example(text: &str) {
    let path = text
        .split_whitespace()
        .find(|word| word.ends_with(".data") && word.contains('/'));
    let path = Path::new(path.unwrap());
    let key = path.file_stem().unwrap().to_str().unwrap();
    assert_eq!(
        path.parent(),
        Some(Path::new(&ShardFunction::default().dir(key)))
    );
}

#[test]
fn accuracies_combine() {
    for row in section("combine_accuracy") {
        let accuracy = |field: &str| Accuracy::from_text(row[field].as_str().unwrap());
        let combined = accuracy("a").combine(&accuracy("b"));
        assert_eq!(combined, accuracy("result"), "{row}");
        assert_eq!(combined.as_str(), row["result"], "{row}");
    }
}
