//! The kill harness passes a store that keeps its word, and finds those that do not.

use std::path::PathBuf;

use crate::common::log_store::{Flaw, LogStore};
use interface_datastore_tests::{block_on, crash_conformance, survives_kills};

crash_conformance!(log_store, |folder: PathBuf| async move {
    LogStore::open(&folder, Flaw::None).await
});

/// Runs the harness under the name of the test that calls this, and gives its complaint.
#[track_caller]
fn complaint(test: &str, flaw: Flaw) -> String {
    let test = format!("suite::kill::{test}");
    let open = move |folder: PathBuf| async move { LogStore::open(&folder, flaw).await };
    survives_kills(&test, open, block_on)
        .unwrap_err()
        .to_string()
}

#[test]
fn lost_writes_are_found() {
    let found = complaint("lost_writes_are_found", Flaw::Lazy);
    assert!(found.contains("lost an acknowledged write"), "{found}");
}

#[test]
fn torn_values_are_found() {
    let found = complaint("torn_values_are_found", Flaw::Torn);
    assert!(found.contains("lost an acknowledged write"), "{found}");
}

#[test]
fn split_batches_are_found() {
    let found = complaint("split_batches_are_found", Flaw::SplitBatches);
    assert!(found.contains("applied in part"), "{found}");
}
