//! What a transaction has read, as conditions of its commit.

use std::collections::BTreeMap;

use bytes::Bytes;
use datastore_engine::{Engine, Scan};
use futures_util::TryStreamExt;
use interface_datastore::{Condition, Error, ErrorKind, Key, Operation, Result};

use crate::{
    error::{translate, unreadable},
    open::Inner,
    query::key_of,
    record,
};

/// The numbers of the values that were read; none where there was nothing.
#[derive(Default)]
pub(super) struct Reads {
    keys: BTreeMap<Key, Option<u64>>,
    walks: Vec<Walked>,
}

/// What a query has read of a range: the numbers of its living entries, in the order of the walk.
///
/// Equal numbers mean equal entries: a number belongs to one commit, all of which the walk's moment had or had not. So an entry
/// that came later brings a number that was not there, and without one entries can only be missing.
pub(crate) struct Walked {
    scan: Scan,
    numbers: Vec<u64>,
    /// The last key that was read; none before the first.
    last: Option<Bytes>,
    /// Nothing comes behind it.
    through: bool,
}

impl Reads {
    pub(super) fn key(&mut self, key: &Key, number: Option<u64>) {
        self.keys.insert(key.clone(), number);
    }

    /// Begins a walk; its place.
    pub(super) fn walk(&mut self, scan: Scan) -> usize {
        self.walks.push(Walked {
            scan,
            numbers: Vec::new(),
            last: None,
            through: false,
        });
        self.walks.len() - 1
    }

    /// A walk has come to this key, and to a value if that is still there; without a key it is through.
    pub(super) fn walked(&mut self, place: usize, key: Option<&Bytes>, number: Option<u64>) {
        let Some(walk) = self.walks.get_mut(place) else {
            return;
        };
        walk.numbers.extend(number);
        match key {
            Some(key) => walk.last = Some(key.clone()),
            None => walk.through = true,
        }
    }

    pub(super) fn into_requirements(self) -> (Vec<(Key, Condition)>, Vec<Walked>) {
        let condition = |number: Option<u64>| match number {
            Some(number) => Condition::IfMatch(number.into()),
            None => Condition::IfAbsent,
        };
        let keys = self.keys.into_iter();
        let keys = keys.map(|(key, number)| (key, condition(number)));
        let walks = self.walks.into_iter().filter_map(Walked::up_to_its_last);
        (keys.collect(), walks.collect())
    }
}

impl Walked {
    /// The walk as one that is through; none if it read nothing.
    fn up_to_its_last(mut self) -> Option<Self> {
        if !self.through {
            let last = self.last.take()?;
            if self.scan.reverse {
                self.scan.start = last;
            } else {
                self.scan.end = Some([&last[..], &[0]].concat().into());
            }
        }
        Some(self)
    }
}

impl<E: Engine> Inner<E> {
    /// Fails if what a query has read is not what is there now.
    pub(crate) async fn require_unchanged(
        &self,
        operation: Operation,
        walked: &Walked,
    ) -> Result<()> {
        let failed = |error| translate(operation, error);
        let mut entries = self.engine.scan(walked.scan.clone());
        let mut numbers = walked.numbers.iter();
        while let Some(entry) = entries.try_next().await.map_err(failed)? {
            let parsed = record::parse(entry.value);
            let (head, _) = match parsed {
                Ok(parsed) => parsed,
                Err(why) => {
                    return Err(unreadable(operation, &key_of(operation, &entry.key)?, why));
                }
            };
            if self.lives(head) && numbers.next() != Some(&head.number) {
                return Err(changed(operation).with_key(&key_of(operation, &entry.key)?));
            }
        }
        match numbers.next() {
            None => Ok(()),
            Some(_) => Err(changed(operation)),
        }
    }
}

fn changed(operation: Operation) -> Error {
    Error::new(ErrorKind::PreconditionFailed, operation)
        .with_detail("what a query of the transaction has listed is not there as it was")
}
