//! What a check on opening is for.

use std::fs;

use datastore_engine::{Batch, CommitOptions, Engine, ErrorKind};
use datastore_redb::RedbOptions;

/// It finds what a plain opening trusts.
#[test]
fn a_check_on_open_finds_a_changed_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database.redb");
    pollster::block_on(async {
        let engine = RedbOptions::new().open(&path).await.unwrap();
        let mut batch = Batch::new();
        for n in 0..200_u32 {
            batch.put(&n.to_be_bytes(), &[3; 300]);
        }
        let options = CommitOptions::default();
        engine.commit(&batch, options).await.unwrap();
        engine.close().await.unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let value = bytes.windows(300).position(|bytes| bytes == [3; 300]);
        bytes[value.unwrap() + 5] ^= 1;
        fs::write(&path, bytes).unwrap();
        let trusting = RedbOptions::new().open(&path).await.unwrap();
        trusting.close().await.unwrap();
        let checked = RedbOptions::new().check_on_open(true).open(&path).await;
        let error = checked.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}");
    });
}
