//! The one way of all writes: conditions, numbers, records, a batch, its commit, and the telling of it.

use std::collections::{BTreeMap, HashMap};

use datastore_engine::{Batch, CommitOptions, Engine};
use interface_datastore::{
    BatchOp, Condition, Durability, Error, ErrorKind, Key, Operation, Result, WatchEvent, Written,
};

use crate::{
    claims::for_engine,
    error::{translate, unmet, unreadable},
    expiry::{first_mark, mark},
    gates::{Choice, Passage},
    open::Inner,
    record::{self, Head, Unreadable},
    spare,
    transaction::Walked,
};

/// What is known of the keys that a write depends on; nothing of a key that holds nothing.
type Heads<'k> = BTreeMap<&'k Key, Result<Head, Unreadable>>;

fn expires(op: &BatchOp) -> bool {
    matches!(
        op,
        BatchOp::Put {
            expires: Some(_),
            ..
        }
    )
}

/// How many bytes of an operation are copied into a batch.
fn copied(op: &BatchOp) -> usize {
    let value = match op {
        BatchOp::Put { value, .. } => record::copied(value),
        _ => 0,
    };
    op.key().as_bytes().len() + value
}

fn is_put(op: &BatchOp) -> bool {
    matches!(op, BatchOp::Put { .. })
}

impl<E: Engine> Inner<E> {
    /// Applies all operations, or none if a requirement does not hold. The number that the values got.
    pub(crate) fn write<'a>(
        &'a self,
        operation: Operation,
        ops: &'a [BatchOp],
        requirements: &'a [(Key, Condition)],
        durability: Option<Durability>,
    ) -> impl Future<Output = Result<u64>> + 'a {
        self.write_if(operation, ops, requirements, &[], durability)
    }

    /// As [`write`](Self::write), if what queries have walked is there unchanged, too.
    pub(crate) async fn write_if(
        &self,
        operation: Operation,
        ops: &[BatchOp],
        requirements: &[(Key, Condition)],
        walked: &[Walked],
        durability: Option<Durability>,
    ) -> Result<u64> {
        let level = for_engine(self.can.durability(operation, durability)?);
        ops.iter().try_for_each(|op| self.check(operation, op))?;
        self.sweep_if_due(first_mark()).await;
        let required = requirements.iter().map(|(key, _)| key);
        let choice = match walked {
            [] => required.chain(ops.iter().map(BatchOp::key)).collect(),
            // Any key may be one that comes into a range.
            _ => Choice::all(),
        };
        let depends = !requirements.is_empty() || !walked.is_empty() || ops.iter().any(expires);
        let (_passage, telling) = self.enter(choice, depends).await;
        self.orphans.settle().await;
        let heads = if depends || telling {
            // Boxed, so that plain writes carry no room for it.
            Box::pin(self.look(operation, ops, requirements, telling)).await?
        } else {
            Heads::new()
        };
        for (key, condition) in requirements {
            self.require(operation, key, condition, heads.get(key))?;
        }
        for walked in walked {
            Box::pin(self.require_unchanged(operation, walked)).await?;
        }
        let number = if ops.iter().any(is_put) {
            self.numbers.next(&self.engine).await?
        } else {
            0
        };
        if ops.is_empty() {
            self.check_open(operation)?;
            return Ok(number);
        }
        let batch = self.batch(ops, number, &heads);
        let events = if telling {
            events(operation, ops, number, &heads)
        } else {
            Vec::new()
        };
        self.commit(operation, batch, level, events).await?;
        Ok(number)
    }

    /// Passes the gates, alone if the write depends on what is there, or if its order must be told. Whether it must.
    async fn enter(&self, choice: Choice, depends: bool) -> (Passage<'_>, bool) {
        let passage = self.gates.enter(choice, depends).await;
        // Whoever begins to watch passes all gates alone: this does not change any more.
        let telling = self.watchers.any();
        if !telling || depends {
            return (passage, telling);
        }
        drop(passage);
        (self.gates.enter(choice, true).await, true)
    }

    /// Refuses what the store does not take.
    pub(crate) fn check(&self, operation: Operation, op: &BatchOp) -> Result<()> {
        self.can.keys.check(operation, op.key())?;
        match op {
            BatchOp::Put { key, value, .. } => match self.can.max_value_len {
                Some(max) if value.len() as u64 > max => {
                    Err(Error::new(ErrorKind::InvalidArgument, operation)
                        .with_key(key)
                        .with_detail(format!("values are taken up to {max} bytes"))
                        .with_remedy("store the value in parts"))
                }
                _ => Ok(()),
            },
            BatchOp::Delete { .. } => Ok(()),
            _ => Err(Error::unsupported(operation, "an operation of this kind")),
        }
    }

    /// The heads of the keys that the write depends on. Mostly there are none, and nothing is read.
    async fn look<'k>(
        &self,
        operation: Operation,
        ops: &'k [BatchOp],
        requirements: &'k [(Key, Condition)],
        telling: bool,
    ) -> Result<Heads<'k>> {
        let looked = |op: &&BatchOp| expires(op) || telling && !is_put(op);
        let required = requirements.iter().map(|(key, _)| key);
        let required = required.filter(|key| self.can.keys.allows(key));
        let mut keys: Vec<&Key> = required
            .chain(ops.iter().filter(looked).map(BatchOp::key))
            .collect();
        if keys.is_empty() {
            return Ok(Heads::new());
        }
        keys.sort_unstable();
        keys.dedup();
        let names: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
        let records = self.engine.get_many(&names).await;
        let records = records.map_err(|error| translate(operation, error))?;
        let heads = keys.iter().zip(records).filter_map(|(key, record)| {
            let head = record::parse(record?).map(|(head, _)| head);
            Some((*key, head))
        });
        Ok(heads.collect())
    }

    fn require(
        &self,
        operation: Operation,
        key: &Key,
        condition: &Condition,
        head: Option<&Result<Head, Unreadable>>,
    ) -> Result<()> {
        let head = head.copied().transpose();
        let head = head.map_err(|why| unreadable(operation, key, why))?;
        let version = head.filter(|head| self.lives(*head)).map(Head::version);
        if condition.holds(version.as_ref()) {
            return Ok(());
        }
        Err(unmet(operation, key, condition))
    }

    fn batch(&self, ops: &[BatchOp], number: u64, heads: &Heads<'_>) -> Batch {
        let mut batch = if ops.len() <= spare::MOST_OPS {
            self.spare.take()
        } else {
            Batch::with_capacity(ops.len(), ops.iter().map(copied).sum())
        };
        for op in ops {
            let key = op.key();
            if let Some(Ok(Head {
                expires: Some(old), ..
            })) = heads.get(key)
            {
                batch.delete(&mark(*old, key));
            }
            let BatchOp::Put { value, expires, .. } = op else {
                batch.delete(key.as_bytes());
                continue;
            };
            let (number, expires) = (number, *expires);
            Head { number, expires }.put(&mut batch, key.as_bytes(), value);
            if let Some(expires) = expires {
                self.will_expire(expires);
                batch.put(&mark(expires, key), &[]);
            }
        }
        batch
    }

    /// Commits, and tells the watchers. Dropped half way it is ended before anything else begins.
    pub(crate) async fn commit(
        &self,
        operation: Operation,
        batch: Batch,
        level: datastore_engine::Durability,
        events: Vec<WatchEvent>,
    ) -> Result<()> {
        let options = CommitOptions::at(level);
        if self.settles && events.is_empty() {
            let committed = self.engine.commit(&batch, options).await;
            self.spare.give(batch);
            return committed.map_err(|error| translate(operation, error));
        }
        let (engine, watchers) = (self.engine.clone(), self.watchers.clone());
        let step = async move {
            let committed = engine.commit(&batch, options).await;
            committed.map_err(|error| translate(operation, error))?;
            events.iter().for_each(|event| watchers.tell(event));
            Ok(())
        };
        self.orphans.run(Box::pin(step)).await
    }
}

/// What watchers are told: of a batch only the last operation on each key, and only of deletes that removed something.
fn events(
    operation: Operation,
    ops: &[BatchOp],
    number: u64,
    heads: &Heads<'_>,
) -> Vec<WatchEvent> {
    let mut last = HashMap::new();
    if operation == Operation::Write {
        last.extend(ops.iter().enumerate().map(|(at, op)| (op.key(), at)));
    }
    let counts = |at: usize, op: &BatchOp| last.get(op.key()).is_none_or(|last| *last == at);
    let event = |(at, op): (usize, &BatchOp)| {
        let key = op.key().clone();
        if !counts(at, op) {
            return None;
        }
        if is_put(op) {
            let version = Some(number.into());
            return Some(WatchEvent::Put { key, version });
        }
        heads
            .contains_key(&key)
            .then_some(WatchEvent::Delete { key })
    };
    ops.iter().enumerate().filter_map(event).collect()
}

/// What a write is told of that gave its values this number.
pub(crate) fn written(ops: &[BatchOp], number: u64) -> Written {
    if stores_one(ops) {
        Written::with_version(number.into())
    } else {
        Written::default()
    }
}

/// Whether the operations leave one value stored.
fn stores_one(ops: &[BatchOp]) -> bool {
    let mut puts = ops.iter().filter(|op| is_put(op)).map(BatchOp::key);
    let Some(key) = puts.next() else {
        return false;
    };
    let last = ops.iter().rfind(|op| op.key() == key);
    puts.all(|other| other == key) && last.is_some_and(is_put)
}
