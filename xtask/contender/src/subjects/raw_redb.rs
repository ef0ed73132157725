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

    /// The entries that have the prefix, copied out of the pages: those of the other subjects outlive a scan, too.
    fn entries(&self, prefix: &str) -> Result<impl Iterator<Item = Result<(Bytes, Bytes)>>> {
        let entries = self.table()?.range(prefix.as_bytes()..)?.map(|entry| {
            let (key, value) = entry?;
            let copied = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
            Ok((copied(key.value()), copied(value.value())))
        });
        let prefix = prefix.to_owned();
        let has_prefix = move |entry: &Result<(Bytes, Bytes)>| {
            let key = entry.as_ref().map(|(key, _)| key);
            key.map_or(true, |key| key.starts_with(prefix.as_bytes()))
        };
        Ok(entries.take_while(has_prefix))
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
        for entry in self.entries(prefix)? {
            count += 1;
            bytes += entry?.1.len();
        }
        Ok((count, bytes))
    }

    async fn query_keys(&self, prefix: &str) -> Result<usize> {
        let mut count = 0;
        for entry in self.entries(prefix)? {
            entry?;
            count += 1;
        }
        Ok(count)
    }
}
