//! How a commit becomes whole in a store.
//!
//! Where the store's batches are not atomic: the journal is put, the changes are applied, the journal is deleted. From the
//! journal on the commit has happened, and readers see it through what is [pending](super::core::Core::pending). Whatever
//! stops, the next commit, or the next opening, goes on from there.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use datastore_engine::{Batch, BatchOp, Error, ErrorKind, Result, implement::too_many_keys};
use futures_util::{TryStreamExt, stream};
use interface_datastore::{
    self as store, DatastoreExt, DeleteManyOptions, DeleteOptions, PutManyOptions, PutOptions,
    WriteOptions,
};

use super::{
    core::{Core, Journals, Pending, Way},
    error::{taken_over, translate},
    journal::{self, Changes},
    names::Note,
    read,
};

/// A failure that leaves open whether a commit took effect is never told as a refusal.
fn begun(error: store::Error) -> Error {
    let error = translate(error);
    match error.kind() {
        ErrorKind::Unsupported | ErrorKind::InvalidArgument => Error::new(ErrorKind::Failed)
            .with_detail("the store refused a write that its rules allow")
            .with_source(error),
        _ => error,
    }
}

/// The refusal of a batch whose journal would be too long.
pub(super) fn too_long(len: u64, most: u64) -> Error {
    Error::unsupported(format!(
        "the journal of this batch would have {len} bytes, the engine writes at most {most}"
    ))
    .with_remedy("commit less at a time, or allow longer journals when opening the engine")
}

impl Core {
    /// Commits batches as one.
    pub(super) async fn carry_out(&self, batches: &[Batch]) -> Result<()> {
        match &self.way {
            Way::Batches => self.write_whole(self.changes(batches).await?).await,
            Way::Journals(journals) => {
                self.make_up(journals).await?;
                let mut changes = self.changes(batches).await?;
                match changes.pop_first() {
                    None => Ok(()),
                    Some(change) if changes.is_empty() => self.write_one(journals, change).await,
                    Some((key, value)) => {
                        changes.insert(key, value);
                        self.write_by_journal(journals, changes).await
                    }
                }
            }
        }
    }

    /// What batches come to, their ranges looked up. Nobody else may write meanwhile.
    async fn changes(&self, batches: &[Batch]) -> Result<Changes> {
        let mut changes = Changes::new();
        for batch in batches {
            journal::apply(&mut changes, batch, self.met(batch).await?);
        }
        Ok(changes)
    }

    /// The keys that are in each range of a batch that is not empty.
    async fn met(&self, batch: &Batch) -> Result<Vec<Vec<Bytes>>> {
        let (mut met, mut left) = (Vec::new(), self.most_range_keys);
        if !batch.has_range_deletes() {
            return Ok(met);
        }
        for op in batch.iter() {
            let BatchOp::DeleteRange(range) = op else {
                continue;
            };
            if range.is_empty() {
                continue;
            }
            let keys = read::stored_keys(self, range, left.saturating_add(1)).await?;
            left = left
                .checked_sub(keys.len() as u64)
                .ok_or_else(|| too_many_keys(self.most_range_keys))?;
            met.push(keys);
        }
        Ok(met)
    }

    async fn write_whole(&self, changes: Changes) -> Result<()> {
        let mut batch = store::Batch::new();
        for (key, value) in changes {
            let name = self.names.entry(&key);
            match value {
                Some(value) => batch.put(name, value),
                None => batch.delete(name),
            };
        }
        if batch.is_empty() {
            return Ok(());
        }
        let options = WriteOptions::default()
            .with_durability(self.level)
            .with_atomic(true);
        self.store
            .write_opts(batch, options)
            .await
            .map_err(translate)?;
        Ok(())
    }

    /// A commit of one change, which is whole by itself.
    async fn write_one(
        &self,
        journals: &Journals,
        (key, value): (Bytes, Option<Bytes>),
    ) -> Result<()> {
        self.check_owner(journals).await?;
        let name = self.names.entry(&key);
        match value {
            Some(value) => {
                let options = PutOptions::default().with_durability(self.level);
                self.store
                    .put_opts(&name, value, options)
                    .await
                    .map_err(translate)?;
            }
            None => self.delete(&name).await?,
        }
        Ok(())
    }

    async fn write_by_journal(&self, journals: &Journals, changes: Changes) -> Result<()> {
        let len = journal::len(&changes);
        if len > journals.most {
            return Err(too_long(len, journals.most));
        }
        let number = journals.next.fetch_add(1, Ordering::SeqCst);
        let journal = self.names.note(Note::Journal(journals.opening, number));
        // Until it is there for certain it may have to be taken back.
        *journals.doubtful() = Some(journal.clone());
        let options = PutOptions::if_absent().with_durability(self.level);
        let put = self
            .store
            .put_opts(&journal, journal::encode(&changes).into(), options)
            .await;
        let there = match put {
            Ok(_) => self.check_owner(journals).await,
            Err(error) if error.kind() == store::ErrorKind::PreconditionFailed => {
                // Nobody but us gives these numbers.
                journals.lost.store(true, Ordering::SeqCst);
                *journals.doubtful() = None;
                return Err(taken_over());
            }
            Err(error) => Err(begun(error)),
        };
        if let Err(error) = there {
            // If this fails the next commit tries it again before it does anything.
            drop(self.take_back(journals).await);
            return Err(error);
        }
        self.set_pending(Some(Arc::new(Pending { journal, changes })));
        *journals.doubtful() = None;
        self.apply_pending().await
    }

    /// Does what earlier commits have left undone.
    pub(super) async fn make_up(&self, journals: &Journals) -> Result<()> {
        if journals.lost.load(Ordering::SeqCst) {
            return Err(taken_over());
        }
        self.take_back(journals).await?;
        if self.pending().is_some() {
            self.check_owner(journals).await?;
            self.apply_pending().await?;
        }
        Ok(())
    }

    async fn take_back(&self, journals: &Journals) -> Result<()> {
        let doubtful = journals.doubtful().clone();
        if let Some(journal) = doubtful {
            self.delete(&journal).await?;
            *journals.doubtful() = None;
        }
        Ok(())
    }

    async fn apply_pending(&self) -> Result<()> {
        let Some(pending) = self.pending() else {
            return Ok(());
        };
        self.apply(&pending.changes).await?;
        self.delete(&pending.journal).await?;
        self.set_pending(None);
        Ok(())
    }

    /// Puts and deletes what a journal tells. Doing so again changes nothing.
    pub(super) async fn apply(&self, changes: &Changes) -> Result<()> {
        let (mut puts, mut deletes) = (Vec::new(), Vec::new());
        for (key, value) in changes {
            let name = self.names.entry(key);
            match value {
                Some(value) => puts.push(Ok((name, value.clone()))),
                None => deletes.push(Ok(name)),
            }
        }
        let options = PutManyOptions::default().with_durability(self.level);
        let mut put = self
            .store
            .put_many_opts(Box::pin(stream::iter(puts)), options);
        while put.try_next().await.map_err(begun)?.is_some() {}
        let options = DeleteManyOptions::default().with_durability(self.level);
        let mut deleted = self
            .store
            .delete_many_opts(Box::pin(stream::iter(deletes)), options);
        while deleted.try_next().await.map_err(begun)?.is_some() {}
        Ok(())
    }

    pub(super) async fn delete(&self, name: &store::Key) -> Result<()> {
        let options = DeleteOptions::default().with_durability(self.level);
        self.store.delete_opts(name, options).await.map_err(begun)
    }

    /// Fails if somebody else has opened the engine since.
    pub(super) async fn check_owner(&self, journals: &Journals) -> Result<()> {
        let note = self.names.note(Note::Owner(journals.opening));
        let held = self.store.try_get(&note).await.map_err(begun)?;
        if held.as_ref() == Some(&journals.token) {
            return Ok(());
        }
        journals.lost.store(true, Ordering::SeqCst);
        // Whoever took over has applied it, and may have gone on.
        self.set_pending(None);
        Err(taken_over())
    }
}
