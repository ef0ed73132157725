//! The writing side: small values many at a time, large ones in pieces.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    AbortSignal, Datastore, Durability, Entry, ErrorKind, GetOptions, Key, PutManyOptions,
    PutOptions, Result, Timestamp,
};

use super::{Transfer, compare::same_value, read::Found, tally::Tally};
use crate::{context::Context, failure::Outcome, key_text::KeyForm, progress::Meter};

/// Puts what was found into the target.
pub(super) struct Writer<'a> {
    context: &'a Context,
    source: Arc<dyn Datastore>,
    target: Arc<dyn Datastore>,
    meter: Meter,
    durability: Option<Durability>,
    concurrency: usize,
    verify: bool,
    skip_refused: bool,
    /// Whether entries can expire in the target.
    expiry: bool,
    abort: AbortSignal,
}

impl<'a> Writer<'a> {
    pub(super) fn new(transfer: &Transfer<'a>, target: Arc<dyn Datastore>, meter: Meter) -> Self {
        let options = transfer.options;
        Self {
            context: transfer.context,
            source: transfer.source.clone(),
            meter,
            durability: options.durability.map(Durability::from),
            concurrency: options.concurrency.into(),
            verify: options.verify,
            skip_refused: options.skip_refused,
            expiry: target.capabilities(&Key::root()).expiry.may(),
            target,
            abort: transfer.context.abort.clone(),
        }
    }

    /// Writes a group and, if asked, reads it again.
    pub(super) async fn write(&self, group: Vec<Found>, tally: &mut Tally) -> Outcome<()> {
        let mut together = Vec::new();
        let mut alone = Vec::new();
        for found in group {
            match found {
                // Conditions of one entry do not fit a call for many.
                Found::Value(entry)
                    if self.skip_refused || (self.expiry && entry.expires.is_some()) =>
                {
                    alone.push(entry);
                }
                Found::Value(entry) => together.push(entry),
                Found::Large { key, size, compare } => {
                    self.write_large(&key, size, compare, tally).await?;
                }
                Found::Same => tally.unchanged += 1,
                Found::Vanished => tally.vanished += 1,
            }
        }
        self.write_together(&together, tally).await?;
        let written = self.write_each(alone, tally).await?;
        if self.verify {
            self.compare(together.iter().chain(&written), tally).await?;
        }
        Ok(())
    }

    async fn write_together(&self, entries: &[Entry], tally: &mut Tally) -> Outcome<()> {
        let pairs: Vec<Result<(Key, Bytes)>> = entries
            .iter()
            .map(|entry| Ok((entry.key.clone(), value(entry))))
            .collect();
        let options = PutManyOptions::default()
            .with_concurrency(self.concurrency)
            .with_durability(self.durability)
            .with_abort(self.abort.clone());
        let mut written = self
            .target
            .put_many_opts(stream::iter(pairs).boxed(), options);
        // Keys come back in source order.
        for entry in entries {
            if written.try_next().await?.is_none() {
                break;
            }
            self.count(entry, tally);
        }
        // The stream may have more to say than the last key.
        written.try_next().await?;
        Ok(())
    }

    /// Gives the entries that were written; the others were refused.
    async fn write_each(&self, entries: Vec<Entry>, tally: &mut Tally) -> Outcome<Vec<Entry>> {
        let puts = entries.into_iter().map(|entry| async move {
            let put = self
                .target
                .put_opts(&entry.key, value(&entry), self.put_options(entry.expires))
                .await;
            (entry, put)
        });
        let mut puts = stream::iter(puts).buffered(self.concurrency);
        let mut written = Vec::new();
        while let Some((entry, put)) = puts.next().await {
            match put {
                Ok(_) => {
                    self.count(&entry, tally);
                    written.push(entry);
                }
                Err(error) => self.refused(error, tally)?,
            }
        }
        Ok(written)
    }

    async fn write_large(
        &self,
        key: &Key,
        size: u64,
        compare: bool,
        tally: &mut Tally,
    ) -> Outcome<()> {
        if compare && same_value(&*self.source, &*self.target, key, &self.abort).await? {
            tally.unchanged += 1;
            return Ok(());
        }
        let options = GetOptions::default().with_abort(self.abort.clone());
        let value = match self.source.get_stream_opts(key, options).await {
            Err(error) if error.is_not_found() => {
                tally.vanished += 1;
                return Ok(());
            }
            other => other?,
        };
        let size = value.entry.size.unwrap_or(size);
        let expires = value.entry.expires;
        let meter = self.meter.clone();
        let body = value
            .body
            .inspect_ok(move |piece| meter.add(0, piece.len() as u64))
            .boxed();
        if let Err(error) = self
            .target
            .put_stream_opts(key, body, self.put_options(expires))
            .await
        {
            return self.refused(error, tally);
        }
        self.meter.add(1, 0);
        tally.copied(size);
        tally.made_lasting += u64::from(expires.is_some() && !self.expiry);
        if self.verify && !same_value(&*self.source, &*self.target, key, &self.abort).await? {
            self.differs(key, tally);
        }
        Ok(())
    }

    fn put_options(&self, expires: Option<Timestamp>) -> PutOptions {
        PutOptions::default()
            .with_durability(self.durability)
            .with_expires(expires.filter(|_| self.expiry))
            .with_abort(self.abort.clone())
    }

    fn count(&self, entry: &Entry, tally: &mut Tally) {
        let size = value(entry).len() as u64;
        tally.copied(size);
        tally.made_lasting += u64::from(entry.expires.is_some() && !self.expiry);
        self.meter.add(1, size);
    }

    /// Passes over a key that the target does not take, if that is wanted.
    fn refused(&self, error: interface_datastore::Error, tally: &mut Tally) -> Outcome<()> {
        if self.skip_refused && error.kind() == ErrorKind::InvalidKey {
            tally.refused += 1;
            self.context.notice(&format!("left out: {error}"));
            return Ok(());
        }
        Err(error.into())
    }

    /// Reads values from the target again.
    async fn compare(
        &self,
        entries: impl Iterator<Item = &Entry>,
        tally: &mut Tally,
    ) -> Outcome<()> {
        let gets = entries.map(|entry| async move {
            let options = GetOptions::default().with_abort(self.abort.clone());
            match self.target.get_opts(&entry.key, options).await {
                Ok(found) => Ok((entry, found.value.unwrap_or_default() == value(entry))),
                Err(error) if error.is_not_found() => Ok((entry, false)),
                Err(error) => Err(error),
            }
        });
        let gets: Vec<_> = gets.collect();
        let mut gets = stream::iter(gets).buffered(self.concurrency);
        while let Some((entry, same)) = gets.try_next().await? {
            if !same {
                self.differs(&entry.key, tally);
            }
        }
        Ok(())
    }

    fn differs(&self, key: &Key, tally: &mut Tally) {
        tally.different += 1;
        let key = KeyForm::of(self.context.global.hex_keys).show(key);
        self.context.notice(&format!(
            "{key} differs from the source when read again from the target"
        ));
    }
}

fn value(entry: &Entry) -> Bytes {
    entry.value.clone().unwrap_or_default()
}
