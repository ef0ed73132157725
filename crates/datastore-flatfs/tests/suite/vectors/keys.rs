//! Which keys there are.

use datastore_flatfs::FlatfsOptions;
use interface_datastore::{Datastore, DatastoreExt, ErrorKind, Key};

use super::section;
use crate::common::open_with;

/// The longest key whose file name a file system can hold: the original fails at longer ones when it calls it.
const LONGEST: usize = 251;

/// The keys that the original takes are taken and come back; the others are refused, and never there.
#[tokio::test(flavor = "multi_thread")]
async fn keys() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_with(&folder.path().join("ds"), FlatfsOptions::new()).await;
    for row in section("keys") {
        let key = Key::clean_path(row["input"].as_str().unwrap());
        assert_eq!(key.to_string(), row["expect"]["clean"], "{row}");
        let valid = row["expect"]["valid"] == true && key.as_bytes().len() <= LONGEST;
        assert_eq!(store.capabilities(&key).keys.allows(&key), valid, "{row}");
        match store.put(&key, "value").await {
            Ok(_) => assert!(valid, "{row}"),
            Err(error) => {
                assert!(!valid, "{row}: {error}");
                assert_eq!(error.kind(), ErrorKind::InvalidKey, "{row}: {error}");
                assert_eq!(error.key(), Some(&key), "{row}");
            }
        }
        assert_eq!(store.has(&key).await.unwrap(), valid, "{row}");
        assert_eq!(store.try_get(&key).await.unwrap().is_some(), valid, "{row}");
        assert_eq!(store.get_size(&key).await.is_ok(), valid, "{row}");
        store.delete(&key).await.unwrap();
        assert!(!store.has(&key).await.unwrap(), "{row}");
    }
}
