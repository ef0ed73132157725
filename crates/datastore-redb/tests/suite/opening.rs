//! What opening says of what it finds.

use std::fs;

use datastore_engine::{Batch, CommitOptions, Engine, ErrorKind};
use datastore_redb::RedbOptions;
use redb::{Database, ReadableDatabase, TableDefinition};

use crate::medium::Medium;

/// Besides what the public suite tries: a file that holds nothing, and a database of redb that is not ours.
#[test]
fn what_is_no_database_of_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty"), "").unwrap();
    let others: TableDefinition<'_, &str, u64> = TableDefinition::new("theirs");
    let database = Database::create(path("other.redb")).unwrap();
    let writing = database.begin_write().unwrap();
    writing.open_table(others).unwrap().insert("k", 1).unwrap();
    writing.commit().unwrap();
    drop(database);
    for (name, says) in [
        ("empty", "choose another path"),
        ("other.redb", "another program"),
    ] {
        let opened = pollster::block_on(RedbOptions::new().open(path(name)));
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Foreign, "{name}: {error}");
        assert_eq!(error.path(), Some(&*path(name)), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let database = Database::open(path("other.redb")).unwrap();
    let reading = database.begin_read().unwrap();
    let theirs = reading.open_table(others).unwrap().get("k").unwrap();
    assert_eq!(theirs.unwrap().value(), 1);
}

/// Behind a kill, too, opening reads no more of a large database than of a small one.
#[test]
fn opening_does_not_grow_with_the_data() {
    let reads = |entries: u32| {
        let medium = Medium::default();
        pollster::block_on(async {
            let engine = medium.clone().open().await.unwrap();
            for part in 0..entries / 100 {
                let mut batch = Batch::new();
                for n in 0..100 {
                    batch.put(&(part * 100 + n).to_be_bytes(), &[1; 300]);
                }
                engine
                    .commit(&batch, CommitOptions::default())
                    .await
                    .unwrap();
            }
            let left = Medium(medium.0.killed());
            let again = left.clone().open().await.unwrap();
            let reads = left.0.reads();
            assert_eq!(again.check().await.unwrap().entries, u64::from(entries));
            reads
        })
    };
    assert_eq!(reads(10_000), reads(300));
}
