//! Entries that expire: marks in the order of their moments, and the sweeping of those that have come.
//!
//! A mark is a key of the engine with an empty value. An entry that is overwritten or deleted may leave its mark behind,
//! which goes when its moment comes.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use datastore_engine::{Batch, Durability, Engine, Scan};
use futures_util::TryStreamExt;
use interface_datastore::{Key, Operation, Result, Timestamp, WatchEvent};

use crate::{
    error::translate,
    gates::Choice,
    open::Inner,
    record::{self, Head},
};

/// How many bytes a mark is longer than its key.
pub(crate) const MARK_LEN: u64 = 1 + 8;
/// How a mark begins.
const MARK: u8 = 1;
/// How many entries are removed at a time.
const AT_ONCE: u64 = 128;

/// When the next entry expires.
pub(crate) struct Expiry {
    /// No entry expires earlier, in milliseconds; the greatest number if none does at all. It only falls while writes go on.
    soonest: AtomicU64,
    /// Held by who sweeps.
    sweeping: async_lock::Mutex<()>,
}

impl Default for Expiry {
    fn default() -> Self {
        Self {
            soonest: AtomicU64::new(u64::MAX),
            sweeping: async_lock::Mutex::new(()),
        }
    }
}

/// What one step of sweeping did.
pub(crate) struct Swept {
    pub(crate) keys: Vec<Key>,
    /// Where it goes on; none once it is through.
    pub(crate) rest: Option<Bytes>,
}

/// The mark of an entry.
pub(crate) fn mark(expires: Timestamp, key: &Key) -> Vec<u8> {
    let moment = expires.as_millis().to_be_bytes();
    [&[MARK][..], &moment, key.as_bytes()].concat()
}

fn parse(mark: &[u8]) -> Option<(Timestamp, Key)> {
    let (moment, key) = mark.get(1..)?.split_first_chunk()?;
    let expires = Timestamp::from_millis(u64::from_be_bytes(*moment));
    Some((expires, Key::raw(key).ok()?))
}

/// Where the marks begin.
pub(crate) fn first_mark() -> Bytes {
    Bytes::from_static(&[MARK])
}

/// The first key behind the marks of entries that have expired.
fn behind(now: Timestamp) -> Vec<u8> {
    match now.as_millis().checked_add(1) {
        Some(next) => [&[MARK][..], &next.to_be_bytes()].concat(),
        None => vec![MARK + 1],
    }
}

impl<E: Engine> Inner<E> {
    /// Whether the entry is still there.
    pub(crate) fn lives(&self, head: Head) -> bool {
        head.expires.is_none() || head.lives_at(self.clock.now())
    }

    /// The present moment, if any entry can have expired by now.
    pub(crate) fn moment(&self) -> Option<Timestamp> {
        let soonest = self.expiry.soonest.load(Ordering::SeqCst);
        if soonest == u64::MAX {
            return None;
        }
        Some(self.clock.now()).filter(|now| soonest <= now.as_millis())
    }

    /// To be told of each entry that expires, within its gate.
    pub(crate) fn will_expire(&self, moment: Timestamp) {
        let soonest = &self.expiry.soonest;
        soonest.fetch_min(moment.as_millis(), Ordering::SeqCst);
    }

    /// Removes some of the expired entries if there are any and nobody else is at it; where it goes on, if it does. A failure
    /// is left to who sweeps next.
    pub(crate) async fn sweep_if_due(&self, from: Bytes) -> Option<Bytes> {
        let now = self.moment()?;
        Box::pin(self.sweep_unless_others_do(from, now)).await
    }

    async fn sweep_unless_others_do(&self, from: Bytes, now: Timestamp) -> Option<Bytes> {
        let _sweeping = self.expiry.sweeping.try_lock()?;
        let swept = self.sweep(from, &Key::root(), now).await.ok()?;
        if swept.rest.is_none() {
            let _ = self.find_soonest(Operation::Write).await;
        }
        swept.rest
    }

    /// Removes expired entries at or under `scope`, the marks of which come from `from` on.
    pub(crate) async fn sweep(&self, from: Bytes, scope: &Key, now: Timestamp) -> Result<Swept> {
        let failed = |error| translate(Operation::Maintain, error);
        let scan = Scan::range(from, behind(now))
            .keys_only()
            .with_limit(AT_ONCE);
        let marks: Vec<_> = self.engine.scan(scan).try_collect().await.map_err(failed)?;
        let more = marks.len() as u64 == AT_ONCE;
        let last = marks.last().filter(|_| more);
        let rest = last.map(|last| [&last.key[..], &[0]].concat().into());
        let mut batch = Batch::new();
        let mut due = Vec::with_capacity(marks.len());
        for entry in &marks {
            match parse(&entry.key) {
                Some((expires, key)) if key == *scope || scope.is_ancestor_of(&key) => {
                    due.push((expires, key, &entry.key));
                }
                Some(_) => {}
                // It says nothing.
                None => {
                    batch.delete(&entry.key);
                }
            }
        }
        let choice: Choice = due.iter().map(|(_, key, _)| key).collect();
        let _passage = self.gates.enter(choice, true).await;
        self.orphans.settle().await;
        let names: Vec<&[u8]> = due.iter().map(|(_, key, _)| key.as_bytes()).collect();
        let records = self.engine.get_many(&names).await.map_err(failed)?;
        let mut keys = Vec::new();
        for ((expires, key, mark), record) in due.iter().zip(records) {
            batch.delete(mark);
            let head = record.and_then(|record| record::parse(record).ok());
            if head.is_some_and(|(head, _)| head.expires == Some(*expires)) {
                batch.delete(key.as_bytes());
                keys.push(key.clone());
            }
        }
        if !batch.is_empty() {
            let told = keys.iter().filter(|_| self.watchers.any());
            let events = told
                .map(|key| WatchEvent::Delete { key: key.clone() })
                .collect();
            let commit = self.commit(Operation::Maintain, batch, Durability::Volatile, events);
            commit.await?;
        }
        Ok(Swept { keys, rest })
    }

    /// Learns anew when the next entry expires, while no write is under way.
    pub(crate) async fn find_soonest(&self, operation: Operation) -> Result<()> {
        let failed = |error| translate(operation, error);
        let _passage = self.gates.enter(Choice::all(), true).await;
        self.orphans.settle().await;
        let scan = Scan::range(first_mark(), vec![MARK + 1])
            .keys_only()
            .with_limit(1);
        let first = self.engine.scan(scan).try_next().await.map_err(failed)?;
        let soonest = match first {
            None => u64::MAX,
            Some(entry) => parse(&entry.key).map_or(0, |(expires, _)| expires.as_millis()),
        };
        self.expiry.soonest.store(soonest, Ordering::SeqCst);
        Ok(())
    }
}
