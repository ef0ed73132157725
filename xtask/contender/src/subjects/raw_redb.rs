//! redb, driven directly.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, Table, TableDefinition};

use crate::subject::{Subject, Tasks};

type Bytewise = &'static [u8];

const TABLE: TableDefinition<'static, Bytewise, Bytewise> = TableDefinition::new("entries");

#[derive(Clone)]
pub(crate) struct RawRedb {
    database: Arc<Database>,
    durability: Durability,
}

impl RawRedb {
    pub(crate) fn open(folder: &Path, synced: bool) -> Result<Self> {
        let raw = Self {
            database: Arc::new(Database::create(folder.join("redb"))?),
            durability: match synced {
                true => Durability::Immediate,
                false => Durability::None,
            },
        };
        raw.commit(|_| Ok(()))?;
        Ok(raw)
    }

    fn commit(
        &self,
        change: impl FnOnce(&mut Table<'_, Bytewise, Bytewise>) -> Result<()>,
    ) -> Result<()> {
        let mut writing = self.database.begin_write()?;
        writing.set_durability(self.durability)?;
        change(&mut writing.open_table(TABLE)?)?;
        Ok(writing.commit()?)
    }

    fn table(&self) -> Result<ReadOnlyTable<Bytewise, Bytewise>> {
        Ok(self.database.begin_read()?.open_table(TABLE)?)
    }

    /// Calls `found` with each entry that has the prefix.
    fn each(&self, prefix: &str, mut found: impl FnMut(&[u8], &[u8])) -> Result<()> {
        for entry in self.table()?.range(prefix.as_bytes()..)? {
            let (key, value) = entry?;
            if !key.value().starts_with(prefix.as_bytes()) {
                break;
            }
            found(key.value(), value.value());
        }
        Ok(())
    }
}

impl Subject for RawRedb {
    type Key = String;

    const TASKS: Tasks = Tasks::Threads;

    fn key(text: &str) -> String {
        text.to_owned()
    }

    async fn put(&self, key: &String, value: Bytes) -> Result<()> {
        self.commit(|table| {
            table.insert(key.as_bytes(), &*value)?;
            Ok(())
        })
    }

    async fn write(&self, pairs: Vec<(String, Bytes)>) -> Result<()> {
        self.commit(|table| {
            for (key, value) in &pairs {
                table.insert(key.as_bytes(), &**value)?;
            }
            Ok(())
        })
    }

    async fn get(&self, key: &String) -> Result<Bytes> {
        let value = self.table()?.get(key.as_bytes())?;
        let value = value.context("a value is missing")?;
        Ok(Bytes::copy_from_slice(value.value()))
    }

    async fn has(&self, key: &String) -> Result<bool> {
        Ok(self.table()?.get(key.as_bytes())?.is_some())
    }

    async fn delete(&self, key: &String) -> Result<()> {
        self.commit(|table| {
            table.remove(key.as_bytes())?;
            Ok(())
        })
    }

    async fn query(&self, prefix: &str) -> Result<(usize, usize)> {
        let (mut count, mut bytes) = (0, 0);
        self.each(prefix, |_, value| {
            count += 1;
            bytes += value.len();
        })?;
        Ok((count, bytes))
    }

    async fn query_keys(&self, prefix: &str) -> Result<usize> {
        let mut count = 0;
        self.each(prefix, |_, _| count += 1)?;
        Ok(count)
    }
}
