//! Queries of a transaction: the entries of its snapshot with its own writes among them.

use std::{cmp::Ordering, collections::VecDeque, sync::Arc};

use datastore_engine::{self as engine, Engine, Scan};
use futures_util::{TryStreamExt, stream};
use interface_datastore::{BoxStream, Entry, Key, Operation, Query, Result, query::evaluate};

use super::{Shared, Write};
use crate::{
    error::{translate, unreadable},
    query::{key_of, scan_of},
    record,
};

pub(super) fn query<E: Engine>(
    transaction: Arc<Shared<E>>,
    query: Query,
) -> BoxStream<'static, Result<Entry>> {
    let mut scan = scan_of(&query);
    scan.reverse = query.reverse;
    let begin = async move { Walk::begin(transaction, scan) };
    let entries = stream::once(begin).map_ok(|walk| {
        stream::try_unfold(walk, |mut walk| async move {
            let entry = walk.next().await?;
            Ok(entry.map(|entry| (entry, walk)))
        })
    });
    evaluate(
        Box::pin(entries.try_flatten()),
        query.without_key_scope(true),
    )
}

struct Walk<E> {
    transaction: Arc<Shared<E>>,
    entries: BoxStream<'static, engine::Result<engine::Entry>>,
    /// Where it is told what was read.
    place: usize,
    /// Read, and not given yet.
    found: Option<Entry>,
    through: bool,
    /// The transaction's own, in the walk's order.
    own: VecDeque<(Key, Write)>,
    reverse: bool,
}

impl<E: Engine> Walk<E> {
    fn begin(transaction: Arc<Shared<E>>, scan: Scan) -> Result<Self> {
        let reverse = scan.reverse;
        let (entries, place, own) = transaction.with(Operation::Query, |state| {
            let range = scan.key_range();
            let mut own = VecDeque::new();
            if !range.is_empty() {
                let within = state.writes.range::<[u8], _>(range);
                own.extend(within.map(|(key, write)| (key.clone(), write.clone())));
            }
            if reverse {
                own.make_contiguous().reverse();
            }
            let entries = state.snapshot.scan(scan.clone());
            (entries, state.reads.walk(scan), own)
        })?;
        Ok(Self {
            transaction,
            entries,
            place,
            found: None,
            through: false,
            own,
            reverse,
        })
    }

    /// The next entry: of two with the same key the transaction's own.
    async fn next(&mut self) -> Result<Option<Entry>> {
        loop {
            if self.found.is_none() && !self.through {
                self.read().await?;
            }
            let own_comes = match (&self.found, self.own.front()) {
                (_, None) => return Ok(self.found.take()),
                (None, Some(_)) => Ordering::Less,
                (Some(found), Some((key, _))) if self.reverse => found.key.cmp(key),
                (Some(found), Some((key, _))) => key.cmp(&found.key),
            };
            match own_comes {
                Ordering::Greater => return Ok(self.found.take()),
                Ordering::Equal => self.found = None,
                Ordering::Less => {}
            }
            if let Some((key, write)) = self.own.pop_front()
                && let Some(value) = write.value(self.transaction.began)
            {
                let entry = Entry::of_value(key, value.clone());
                return Ok(Some(match write {
                    Write::Put(_, expires) => entry.with_expires(expires),
                    Write::Delete => entry,
                }));
            }
        }
    }

    /// Reads up to the next entry of the snapshot that is still there.
    async fn read(&mut self) -> Result<()> {
        let failed = |error| translate(Operation::Query, error);
        while let Some(read) = self.entries.try_next().await.map_err(failed)? {
            let key = key_of(Operation::Query, &read.key)?;
            let parsed = record::parse(read.value);
            let (head, value) = parsed.map_err(|why| unreadable(Operation::Query, &key, why))?;
            let lives = head.lives_at(self.transaction.began);
            self.tell(Some(&read.key), lives.then_some(head.number))?;
            if lives {
                let entry = Entry::of_value(key, value)
                    .with_version(Some(head.version()))
                    .with_expires(head.expires);
                self.found = Some(entry);
                return Ok(());
            }
        }
        self.through = true;
        self.tell(None, None)
    }

    fn tell(&self, key: Option<&bytes::Bytes>, number: Option<u64>) -> Result<()> {
        let (transaction, place) = (&self.transaction, self.place);
        transaction.with(Operation::Query, |state| {
            state.reads.walked(place, key, number);
        })
    }
}
