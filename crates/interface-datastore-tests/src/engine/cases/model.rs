//! Random operations beside a map that tells what must come.

use std::{collections::BTreeMap, convert::identity, sync::Arc};

use bytes::Bytes;
use datastore_engine::{Batch, CommitOptions, Durability, EngineReader, RangeDelete, Scan};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

use super::support::{PROVEN, Pair, holds, same, scanned};
use crate::{
    BlockOn, Failure, Outcome, Verdict,
    cases::values::noise,
    effort::runs,
    engine::{EngineSubject, subject::Make},
    failure::ensure,
    run::run_to_end,
};

type Map = BTreeMap<Bytes, Bytes>;

#[derive(Debug, Clone)]
enum Change {
    Put(Bytes, Bytes),
    Delete(Bytes),
    DeleteRange(Bytes, Option<Bytes>),
}

#[derive(Debug, Clone)]
enum Op {
    Commit(Vec<Change>, usize),
    Get(Bytes),
    GetMany(Vec<Bytes>),
    Scan(Scan),
    TakeSnapshot,
    LookAtSnapshot(usize, Scan),
    DropSnapshot(usize),
    Sync,
    Reopen,
}

fn key() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(prop::sample::select(&b"\0ab\xff"[..]), 1..4).prop_map(Bytes::from)
}

fn value() -> impl Strategy<Value = Bytes> {
    let small = (0..40_usize, any::<u64>()).prop_map(|(len, seed)| noise(len, seed));
    let large = (4000..9000_usize, any::<u64>()).prop_map(|(len, seed)| noise(len, seed));
    prop_oneof![9 => small, 1 => large]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => (key(), value()).prop_map(|(key, value)| Change::Put(key, value)),
        2 => key().prop_map(Change::Delete),
        2 => (key(), proptest::option::weighted(0.9, key())).prop_map(|(start, end)| Change::DeleteRange(start, end)),
    ]
}

fn scan() -> impl Strategy<Value = Scan> {
    let parts = (
        proptest::option::of(key()),
        proptest::option::of(key()),
        any::<bool>(),
        any::<bool>(),
        proptest::option::weighted(0.3, 0..5_u64),
    );
    parts.prop_map(|(start, end, reverse, keys_only, limit)| {
        let mut scan = Scan::from(start.unwrap_or_default());
        (scan.end, scan.reverse, scan.keys_only, scan.limit) = (end, reverse, keys_only, limit);
        scan
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (prop::collection::vec(change(), 0..8), any::<usize>()).prop_map(|(changes, level)| Op::Commit(changes, level)),
        2 => key().prop_map(Op::Get),
        1 => prop::collection::vec(key(), 0..5).prop_map(Op::GetMany),
        3 => scan().prop_map(Op::Scan),
        1 => Just(Op::TakeSnapshot),
        2 => (any::<usize>(), scan()).prop_map(|(place, scan)| Op::LookAtSnapshot(place, scan)),
        1 => any::<usize>().prop_map(Op::DropSnapshot),
        1 => Just(Op::Sync),
        1 => Just(Op::Reopen),
    ]
}

/// What the engine must hold.
struct Model {
    subject: EngineSubject,
    map: Map,
    snapshots: Vec<(Arc<dyn EngineReader>, Map)>,
}

fn apply(map: &mut Map, batch: &mut Batch, change: &Change) {
    match change {
        Change::Put(key, value) => {
            batch.put(key, value);
            map.insert(key.clone(), value.clone());
        }
        Change::Delete(key) => {
            batch.delete(key);
            map.remove(key);
        }
        Change::DeleteRange(start, end) => {
            batch.delete_range(start, end.as_deref());
            map.retain(|key, _| key < start || end.as_ref().is_some_and(|end| key >= end));
        }
    }
}

fn expected(map: &Map, scan: &Scan) -> Vec<Pair> {
    let inside = map.iter().filter(|(key, _)| scan.key_range().contains(key));
    let value = |value: &Bytes| {
        if scan.keys_only {
            Bytes::new()
        } else {
            value.clone()
        }
    };
    let mut pairs: Vec<Pair> = inside
        .map(|(key, held)| (key.clone(), value(held)))
        .collect();
    if scan.reverse {
        pairs.reverse();
    }
    pairs.truncate(scan.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    }));
    pairs
}

impl Model {
    async fn run(mut self, op: &Op) -> Outcome<Self> {
        let engine = self.subject.engine();
        match op {
            Op::Commit(changes, level) => self.commit(changes, *level).await?,
            Op::Get(key) => {
                let found = engine.get(key).await?;
                ensure!(
                    found.as_ref() == self.map.get(key),
                    "{key:?} does not hold what it must"
                );
            }
            Op::GetMany(keys) => {
                let slices: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
                let found = engine.get_many(&slices).await?;
                let held: Vec<_> = keys.iter().map(|key| self.map.get(key).cloned()).collect();
                ensure!(found == held, "several keys do not hold what they must");
            }
            Op::Scan(scan) => same(
                &scanned(engine, scan.clone()).await?,
                &expected(&self.map, scan),
                "a scan",
            )?,
            Op::TakeSnapshot if self.subject.capabilities().snapshots => {
                self.snapshots
                    .push((engine.snapshot().await?, self.map.clone()));
            }
            Op::LookAtSnapshot(place, scan) if !self.snapshots.is_empty() => {
                let (snapshot, map) = &self.snapshots[place % self.snapshots.len()];
                same(
                    &scanned(&**snapshot, scan.clone()).await?,
                    &expected(map, scan),
                    "a snapshot",
                )?;
            }
            Op::DropSnapshot(place) if !self.snapshots.is_empty() => {
                self.snapshots.swap_remove(place % self.snapshots.len());
            }
            Op::TakeSnapshot | Op::LookAtSnapshot(..) | Op::DropSnapshot(_) => {}
            Op::Sync => drop(engine.sync().await?),
            Op::Reopen => return self.reopen().await,
        }
        Ok(self)
    }

    async fn commit(&mut self, changes: &[Change], level: usize) -> Outcome {
        let engine = self.subject.engine();
        let levels: Vec<Durability> = super::support::durabilities(engine).collect();
        let ranges = engine.capabilities().range_delete != RangeDelete::Refused;
        let mut batch = Batch::new();
        for change in changes {
            if ranges || !matches!(change, Change::DeleteRange(..)) {
                apply(&mut self.map, &mut batch, change);
            }
        }
        let options = CommitOptions::at(levels[level % levels.len()]);
        Ok(engine.commit(&batch, options).await?)
    }

    async fn reopen(mut self) -> Outcome<Self> {
        if !self.subject.capabilities().persistent || !self.subject.can_reopen() {
            return Ok(self);
        }
        self.snapshots.clear();
        let reopened = self.subject.reopened().await?;
        self.subject = reopened.ok_or_else(|| Failure::new("there is no means to reopen"))?;
        Ok(self)
    }
}

async fn run_all(subject: EngineSubject, ops: &[Op]) -> Outcome {
    let (map, snapshots) = (Map::new(), Vec::new());
    let mut model = Model {
        subject,
        map,
        snapshots,
    };
    for op in ops {
        let ran = model.run(op).await;
        model = ran.map_err(|failure| failure.during(format_args!("{op:?}")))?;
    }
    let pairs: Vec<Pair> = model.map.into_iter().collect();
    holds(model.subject.engine(), &pairs, "the engine in the end").await?;
    drop(model.snapshots);
    model.subject.tear_down().await;
    Ok(())
}

/// Random sequences of operations give what a map gives. A sequence that does not is shortened before it is told.
pub(crate) async fn operations(subject: &EngineSubject) -> Outcome<Verdict> {
    let (make, block_on) = subject.source()?;
    // The search for the shortest sequence runs the caller's executor anew for each try, which cannot be done inside of it.
    let search = std::thread::spawn(move || check_sequences(&make, &block_on));
    search
        .join()
        .unwrap_or_else(|_| Err(Failure::new("the engine panicked")))?;
    PROVEN
}

fn check_sequences(make: &Make, block_on: &Arc<dyn BlockOn>) -> Outcome {
    let mut config = Config::with_cases(u32::try_from(runs(500)).unwrap_or(u32::MAX));
    config.failure_persistence = None;
    config.max_shrink_iters = 2000;
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let checked = runner.run(&prop::collection::vec(op(), 1..40), |ops| {
        let (make, executor) = (make.clone(), block_on.clone());
        let work = async move { run_all(EngineSubject::make(&make, executor).await, &ops).await };
        run_to_end(&**block_on, work)
            .and_then(identity)
            .map_err(|failure| TestCaseError::fail(failure.to_string()))
    });
    checked.map_err(|error| Failure::new(error.to_string()))
}
