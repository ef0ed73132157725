//! Counting the space taken.

use std::path::Path;
use std::sync::Arc;

use datastore_files::Wait;
use interface_datastore::{DiskUsage, Key, Operation, Result};

use crate::database::{Database, names};
use crate::failure::Failure;
use crate::range::KeyRange;
use crate::store::LevelDatastore;

impl LevelDatastore {
    /// Of the root: the bytes that all files of the folder take on the disk. Of another key: about the bytes of those
    /// blocks in which its entries are.
    pub(crate) async fn disk_usage(&self, scope: &Key) -> Result<DiskUsage> {
        self.inner.check_open(Operation::DiskUsage)?;
        let (inner, wanted) = (Arc::clone(&self.inner), scope.clone());
        let count = move || match wanted.is_root() {
            true => allocated(&inner.db).map(DiskUsage::exact),
            false => estimated(&inner.db, &wanted).map(DiskUsage::approximate),
        };
        let counted = self.inner.hop(Operation::DiskUsage, count).await?;
        counted.map_err(|failure| failure.during(Operation::DiskUsage, Some(scope)))
    }
}

fn allocated(db: &Database) -> Result<u64, Failure> {
    let mut bytes = 0u64;
    for name in names(&db.tree)? {
        let about = db.tree.metadata(Path::new(&name), Wait::Yes)?;
        bytes = bytes.saturating_add(about.map_or(0, |about| about.allocated));
    }
    Ok(bytes)
}

fn estimated(db: &Database, scope: &Key) -> Result<u64, Failure> {
    let under = KeyRange::under(scope);
    let mut bytes = db.contents.memtable.len_of(&under);
    for meta in db
        .contents
        .levels
        .tables()
        .filter(|meta| meta.overlaps(&under))
    {
        let len = db.table(meta, Wait::Yes).and_then(|table| {
            let len = table.len_between(&under.low, under.high.as_deref());
            len.map_err(|what| Failure::Damaged(db.damage(&meta.name, what)))
        });
        match len {
            Ok(len) => bytes = bytes.saturating_add(len),
            Err(failure) if db.salvages(&failure) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(bytes)
}
