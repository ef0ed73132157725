//! Random operations beside a map that tells what must come.

use std::{collections::BTreeMap, convert::identity, sync::Arc};

use bytes::Bytes;
use futures_util::TryStreamExt;
use interface_datastore::{
    Batch, ByteRange, Capabilities, Claim, Condition, ConditionScope, Datastore, DatastoreExt,
    DeleteOptions, ErrorKind, GetOptions, Key, PutOptions, Query, Result, Version, Written,
    query::{Filter, Order, OrderBy, Select},
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

use super::values::noise;
use crate::{
    BlockOn, Factory, Failure, Outcome, Subject,
    effort::runs,
    failure::{ensure, ensure_eq},
    naive,
    run::run_to_end,
};

/// Keys above, below and beside each other.
const NAMES: [&str; 10] = [
    "/m", "/m/a", "/m/a/b", "/m/ab", "/m/b", "/n", "/n/a", "/n-a", "/o:p", "/z/z/z/z",
];

/// A write's condition, told without the version, which is known only when it is run.
#[derive(Debug, Clone, Copy)]
enum If {
    Anything,
    Absent,
    /// The version that the key has.
    Present,
    /// A version that it had.
    Past,
}

#[derive(Debug, Clone)]
enum Op {
    Put(usize, Bytes, If),
    Delete(usize, If),
    Batch(Vec<(usize, Option<Bytes>)>, Option<(usize, If)>),
    Get(usize),
    Range(usize, u64, u64),
    Metadata(usize),
    PutMany(Vec<(usize, Bytes)>),
    DeleteMany(Vec<usize>),
    Query(Box<Question>),
}

#[derive(Debug, Clone)]
struct Question {
    prefix: Option<usize>,
    within: Option<usize>,
    start: Option<usize>,
    start_after: Option<usize>,
    reverse: bool,
    order: Option<u8>,
    longer_than: Option<u8>,
    offset: u64,
    limit: Option<u64>,
    select: u8,
}

fn key() -> impl Strategy<Value = usize> {
    0..NAMES.len()
}

fn value() -> impl Strategy<Value = Bytes> {
    let small = (0..40_usize, any::<u64>()).prop_map(|(len, seed)| noise(len, seed));
    let large = (4000..9000_usize, any::<u64>()).prop_map(|(len, seed)| noise(len, seed));
    prop_oneof![9 => small, 1 => large]
}

fn condition() -> impl Strategy<Value = If> {
    prop_oneof![4 => Just(If::Anything), 1 => Just(If::Absent), 1 => Just(If::Present), 1 => Just(If::Past)]
}

fn question() -> impl Strategy<Value = Question> {
    let optional_key = || proptest::option::weighted(0.3, key());
    let scope = (
        optional_key(),
        optional_key(),
        optional_key(),
        optional_key(),
        any::<bool>(),
    );
    let rest = (
        proptest::option::of(0..5_u8),
        proptest::option::weighted(0.2, 0..30_u8),
        0..4_u64,
        proptest::option::of(0..6_u64),
        0..3_u8,
    );
    (scope, rest).prop_map(|(scope, rest)| {
        let (prefix, within, start, start_after, reverse) = scope;
        let (order, longer_than, offset, limit, select) = rest;
        Question {
            prefix,
            within,
            start,
            start_after,
            reverse,
            order,
            longer_than,
            offset,
            limit,
            select,
        }
    })
}

fn op() -> impl Strategy<Value = Op> {
    let change = (key(), proptest::option::weighted(0.7, value()));
    prop_oneof![
        5 => (key(), value(), condition()).prop_map(|(key, value, on)| Op::Put(key, value, on)),
        2 => (key(), condition()).prop_map(|(key, on)| Op::Delete(key, on)),
        2 => (prop::collection::vec(change, 0..6), proptest::option::of((key(), condition())))
            .prop_map(|(changes, on)| Op::Batch(changes, on)),
        2 => key().prop_map(Op::Get),
        1 => (key(), 0..50_u64, 0..50_u64).prop_map(|(key, a, b)| Op::Range(key, a, b)),
        1 => key().prop_map(Op::Metadata),
        1 => prop::collection::vec((key(), value()), 0..6).prop_map(Op::PutMany),
        1 => prop::collection::vec(key(), 0..4).prop_map(Op::DeleteMany),
        3 => question().prop_map(|question| Op::Query(Box::new(question))),
    ]
}

/// What the store must hold, and which versions its keys had.
struct Model {
    keys: Vec<Key>,
    can: Capabilities,
    entries: BTreeMap<Key, (Bytes, Option<Version>)>,
    past: BTreeMap<Key, Version>,
}

impl Model {
    fn new(subject: &Subject) -> Outcome<Self> {
        let keys = NAMES
            .iter()
            .map(|name| subject.key(name))
            .collect::<Outcome<_>>()?;
        Ok(Self {
            keys,
            can: subject.capabilities(),
            entries: BTreeMap::new(),
            past: BTreeMap::new(),
        })
    }

    fn key(&self, place: usize) -> Key {
        self.keys.get(place).cloned().unwrap_or_default()
    }

    fn value(&self, key: &Key) -> Option<&Bytes> {
        self.entries.get(key).map(|(value, _)| value)
    }

    /// The condition as the store takes it, and whether it holds; none if the store does not take it, or if there is no
    /// version to name.
    fn condition(&self, key: &Key, on: If) -> Option<(Condition, bool)> {
        let present = self
            .entries
            .get(key)
            .and_then(|(_, version)| version.clone());
        let versioned = self.can.if_match != ConditionScope::None;
        match on {
            If::Anything => Some((Condition::None, true)),
            If::Absent if self.can.if_absent == ConditionScope::None => None,
            If::Absent => Some((Condition::IfAbsent, !self.entries.contains_key(key))),
            If::Present => present
                .filter(|_| versioned)
                .map(|version| (Condition::IfMatch(version), true)),
            If::Past => {
                let past = self.past.get(key).filter(|_| versioned)?.clone();
                let holds = present.as_ref() == Some(&past);
                Some((Condition::IfMatch(past), holds))
            }
        }
    }

    fn set(&mut self, key: &Key, value: Option<(Bytes, Option<Version>)>) {
        if let Some((_, Some(version))) = self.entries.remove(key) {
            self.past.insert(key.clone(), version);
        }
        if let Some(value) = value {
            self.entries.insert(key.clone(), value);
        }
    }

    /// After writes that do not tell versions: asks for them.
    async fn set_and_ask(
        &mut self,
        store: &dyn Datastore,
        key: &Key,
        value: Option<Bytes>,
    ) -> Outcome {
        let version = match value {
            Some(_) => store.metadata(key).await?.version,
            None => None,
        };
        self.set(key, value.map(|value| (value, version)));
        Ok(())
    }

    async fn run(&mut self, subject: &Subject, op: &Op) -> Outcome {
        let store = subject.store();
        match op {
            Op::Put(key, value, on) => self.put(store, &self.key(*key), value, *on).await,
            Op::Delete(key, on) => self.delete(store, &self.key(*key), *on).await,
            Op::Batch(changes, on) => self.batch(store, changes, *on).await,
            Op::Get(key) => self.get(store, &self.key(*key)).await,
            Op::Range(key, a, b) => {
                self.range(store, &self.key(*key), (*a).min(*b), (*a).max(*b))
                    .await
            }
            Op::Metadata(key) => self.metadata(store, &self.key(*key)).await,
            Op::PutMany(pairs) => self.put_many(store, pairs).await,
            Op::DeleteMany(keys) => {
                let keys: Vec<Key> = keys.iter().map(|key| self.key(*key)).collect();
                let given: Vec<Key> = store.delete_many(keys.clone()).try_collect().await?;
                ensure_eq!(given, keys, "keys of delete_many");
                keys.iter().for_each(|key| self.set(key, None));
                Ok(())
            }
            Op::Query(question) => {
                let query = self.query(subject, question)?;
                let data: Vec<_> = self
                    .entries
                    .iter()
                    .map(|(key, (value, _))| (key.clone(), value.clone()))
                    .collect();
                naive::check(subject, &data, query).await
            }
        }
    }

    async fn put(&mut self, store: &dyn Datastore, key: &Key, value: &Bytes, on: If) -> Outcome {
        let Some((condition, holds)) = self.condition(key, on) else {
            return self.get(store, key).await;
        };
        let put = store
            .put_opts(
                key,
                value.clone(),
                PutOptions::default().with_condition(condition),
            )
            .await;
        let Some(Written { version, .. }) = expected(put, holds)? else {
            return self.get(store, key).await;
        };
        self.set(key, Some((value.clone(), version)));
        Ok(())
    }

    async fn delete(&mut self, store: &dyn Datastore, key: &Key, on: If) -> Outcome {
        // A delete if absent is an invalid argument, which has a case of its own.
        let on = if matches!(on, If::Absent) {
            If::Anything
        } else {
            on
        };
        let Some((condition, holds)) = self.condition(key, on) else {
            return self.get(store, key).await;
        };
        let delete = store
            .delete_opts(key, DeleteOptions::default().with_condition(condition))
            .await;
        if expected(delete, holds)?.is_some() {
            self.set(key, None);
        }
        Ok(())
    }

    async fn batch(
        &mut self,
        store: &dyn Datastore,
        changes: &[(usize, Option<Bytes>)],
        on: Option<(usize, If)>,
    ) -> Outcome {
        let mut batch = Batch::new();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(self.key(*key), value.clone()),
                None => batch.delete(self.key(*key)),
            };
        }
        let mut holds = true;
        if let Some((key, on)) = on.filter(|_| self.can.batch_conditions == Claim::Yes) {
            let key = self.key(key);
            if let Some((condition, held)) = self.condition(&key, on) {
                holds = held;
                batch.require(key, condition);
            }
        }
        if expected(store.write(batch).await, holds)?.is_none() {
            return Ok(());
        }
        let last: BTreeMap<Key, Option<Bytes>> = changes
            .iter()
            .map(|(key, value)| (self.key(*key), value.clone()))
            .collect();
        for (key, value) in last {
            self.set_and_ask(store, &key, value).await?;
        }
        Ok(())
    }

    async fn put_many(&mut self, store: &dyn Datastore, pairs: &[(usize, Bytes)]) -> Outcome {
        let pairs: Vec<(Key, Bytes)> = pairs
            .iter()
            .map(|(key, value)| (self.key(*key), value.clone()))
            .collect();
        let given: Vec<Key> = store.put_many(pairs.clone()).try_collect().await?;
        ensure_eq!(given, super::support::keys_of(&pairs), "keys of put_many");
        let last: BTreeMap<Key, Bytes> = pairs.into_iter().collect();
        for (key, value) in last {
            self.set_and_ask(store, &key, Some(value)).await?;
        }
        Ok(())
    }

    async fn get(&self, store: &dyn Datastore, key: &Key) -> Outcome {
        let there = self.value(key);
        ensure!(
            store.try_get(key).await?.as_ref() == there,
            "{key} does not hold what it must"
        );
        ensure_eq!(store.has(key).await?, there.is_some(), "has of {key}");
        Ok(())
    }

    async fn range(&self, store: &dyn Datastore, key: &Key, start: u64, end: u64) -> Outcome {
        let got = store
            .get_opts(key, GetOptions::range(ByteRange::Bounded(start, end)))
            .await;
        let Some(value) = self.value(key) else {
            ensure!(
                got.is_err_and(|error| error.is_not_found()),
                "a range of a missing key is found"
            );
            return Ok(());
        };
        let len = value.len() as u64;
        if start > len {
            let refused = got.is_err_and(|error| error.kind() == ErrorKind::InvalidArgument);
            ensure!(
                refused,
                "the range {start}..{end} of {len} bytes is not refused"
            );
            return Ok(());
        }
        let (from, to) = (start as usize, end.min(len) as usize);
        ensure_eq!(
            got?.into_value(),
            value.slice(from..to),
            "bytes {start}..{end} of {key}"
        );
        Ok(())
    }

    async fn metadata(&self, store: &dyn Datastore, key: &Key) -> Outcome {
        match (self.entries.get(key), store.metadata(key).await) {
            (None, Err(error)) if error.is_not_found() => Ok(()),
            (Some((value, version)), Ok(entry)) => {
                ensure_eq!(entry.size, Some(value.len() as u64), "size of {key}");
                ensure_eq!(&entry.version, version, "version of {key}");
                Ok(())
            }
            (there, got) => Err(Failure::new(format!(
                "metadata of {key}, which is there: {}: {got:?}",
                there.is_some()
            ))),
        }
    }

    fn query(&self, subject: &Subject, question: &Question) -> Outcome<Query> {
        let mut query = Query::all().with_offset(question.offset);
        if let Some(name) = question.prefix.and_then(|place| NAMES.get(place)) {
            query = query.with_prefix(subject.prefix(name)?);
        }
        query.within = question.within.map(|place| self.key(place));
        query.start_after = question.start_after.map(|place| self.key(place));
        if let Some(start) = question.start {
            query = query.with_start(self.key(start));
        }
        query.reverse = question.reverse;
        query.limit = question.limit;
        query.orders.extend(question.order.map(|order| match order {
            0 => Order::by_key(),
            1 => Order::by_key().descending(),
            2 => Order::by_value(),
            3 => Order::new(OrderBy::ValueLen),
            _ => Order::new(OrderBy::Namespaces).descending(),
        }));
        query.filters.extend(question.longer_than.map(|len| {
            Filter::ValueLen(interface_datastore::query::Comparison::Greater, len.into())
        }));
        query.select = match question.select {
            0 => Select::Values,
            1 => Select::Sizes,
            _ => Select::Keys,
        };
        Ok(query)
    }
}

/// The outcome of a write whose condition holds or not; none if it was refused, as it must be.
fn expected<T>(outcome: Result<T>, holds: bool) -> Outcome<Option<T>> {
    match outcome {
        Ok(done) if holds => Ok(Some(done)),
        Ok(_) => Err(Failure::new(
            "a write succeeded whose condition does not hold",
        )),
        Err(error) if !holds && error.kind() == ErrorKind::PreconditionFailed => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn run_all(subject: &Subject, ops: &[Op]) -> Outcome {
    let mut model = Model::new(subject)?;
    for op in ops {
        model
            .run(subject, op)
            .await
            .map_err(|failure| failure.during(format_args!("{op:?}")))?;
    }
    let data: Vec<_> = model
        .entries
        .into_iter()
        .map(|(key, (value, _))| (key, value))
        .collect();
    naive::check(subject, &data, Query::all()).await?;
    let Some(opener) = subject
        .reopener()
        .filter(|_| model.can.persistent == Claim::Yes)
    else {
        return Ok(());
    };
    subject.store().close().await?;
    let store = opener.open().await?;
    ensure!(
        super::support::all_pairs(&store).await? == data,
        "the entries are others after closing and opening"
    );
    store.close().await?;
    Ok(())
}

/// Random sequences of operations give what a map gives. A sequence that does not is shortened before it is told.
pub(crate) async fn operations(subject: &Subject) -> Outcome {
    let (factory, block_on) = subject.source()?;
    // The search for the shortest sequence runs the caller's executor anew for each try, which cannot be done inside of it.
    let search = std::thread::spawn(move || check_sequences(&factory, &block_on));
    search
        .join()
        .unwrap_or_else(|_| Err(Failure::new("the store panicked")))
}

fn check_sequences(factory: &Arc<dyn Factory>, block_on: &Arc<dyn BlockOn>) -> Outcome {
    let mut config = Config::with_cases(u32::try_from(runs(500)).unwrap_or(u32::MAX));
    config.failure_persistence = None;
    config.max_shrink_iters = 2000;
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let checked = runner.run(&prop::collection::vec(op(), 1..40), |ops| {
        let (factory, executor) = (factory.clone(), block_on.clone());
        let work = async move {
            let subject = Subject::make(factory, executor).await;
            let outcome = run_all(&subject, &ops).await;
            subject.tear_down().await;
            outcome
        };
        run_to_end(&**block_on, work)
            .and_then(identity)
            .map_err(|failure| TestCaseError::fail(failure.to_string()))
    });
    checked.map_err(|error| Failure::new(error.to_string()))
}
