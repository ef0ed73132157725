//! The power goes: what is left is the state behind some commit, and no commit that was safe is missing.

use bytes::Bytes;
use datastore_engine::{Batch, CommitOptions, Durability, Engine, Scan};

use super::support::{PROVEN, Pair, durabilities, pair, put_all, scanned, value_of};
use crate::{
    Failure, Outcome, Verdict,
    cases::values::noise,
    effort::runs,
    engine::{EngineCrashSubject, EngineSubject},
    failure::ensure,
};

/// The state behind a commit.
struct State {
    pairs: Vec<Pair>,
    /// The medium's moment before the commit, and at which it was safe, if it was.
    begun: u64,
    safe: Option<u64>,
}

const COMMITS: u64 = 14;

/// Commits at every durability, with syncs between; gives the states, oldest first.
async fn work(subject: &EngineSubject) -> Outcome<Vec<State>> {
    let (engine, power) = (subject.engine(), subject.power());
    let moment = || power.map_or(0, EngineCrashSubject::moment);
    let levels: Vec<Durability> = durabilities(engine).collect();
    let mut map = std::collections::BTreeMap::<Bytes, Bytes>::new();
    let mut states = vec![State {
        pairs: Vec::new(),
        begun: 0,
        safe: Some(0),
    }];
    for round in 0..COMMITS {
        let (begun, mut batch) = (moment(), Batch::new());
        for n in 0..3_u64 {
            let key = Bytes::from(format!("key{}", (round * 5 + n * 3) % 8));
            let value = noise(
                usize::try_from(100 + (round * 517 + n * 2900) % 9000).unwrap_or_default(),
                round * 10 + n,
            );
            batch.put(&key, &value);
            map.insert(key, value);
        }
        let removed = Bytes::from(format!("key{}", (round * 5 + 1) % 8));
        batch.delete(&removed);
        map.remove(&removed);
        let level = levels
            .get(usize::try_from(round).unwrap_or_default() % levels.len())
            .copied();
        let level = level.unwrap_or(Durability::Volatile);
        engine.commit(&batch, CommitOptions::at(level)).await?;
        let synced = round % 5 == 4 && engine.sync().await? >= Durability::Power;
        let safe = (synced || level >= Durability::Power).then(moment);
        states.push(State {
            pairs: map.clone().into_iter().collect(),
            begun,
            safe,
        });
    }
    Ok(states)
}

pub(crate) async fn survives(subject: &EngineSubject) -> Outcome<Verdict> {
    let Some(power) = subject.power() else {
        return Err(Failure::unproven("the subject offers no power loss"));
    };
    if subject.capabilities().max_durability < Durability::Ordered {
        return Ok(Verdict::NotClaimed);
    }
    let start = power.moment();
    let states = work(subject).await?;
    for moment in start..=power.moment() {
        for seed in 0..2 + runs(60) {
            let during = |failure: Failure| {
                failure.during(format_args!("cut at moment {moment}, seed {seed}"))
            };
            let engine = power
                .restart(moment, seed)
                .await
                .map_err(|error| during(error.into()))?;
            check(&*engine, &states, moment).await.map_err(during)?;
        }
    }
    PROVEN
}

async fn check(engine: &dyn Engine, states: &[State], moment: u64) -> Outcome {
    let found = scanned(engine, Scan::all()).await?;
    let oldest = states
        .iter()
        .rposition(|state| state.safe.is_some_and(|safe| safe <= moment))
        .unwrap_or(0);
    let newest = states
        .iter()
        .rposition(|state| state.begun <= moment)
        .unwrap_or(0);
    let place = states.iter().position(|state| state.pairs == found);
    ensure!(
        place.is_some_and(|place| (oldest..=newest).contains(&place)),
        "the engine holds the state behind commit {place:?}, and must hold one from {oldest} to {newest}"
    );
    if engine.capabilities().check {
        let report = engine.check().await?;
        ensure!(
            report.is_sound(),
            "a check behind a power cut finds {:?}",
            report.damage
        );
    }
    put_all(engine, &[pair("after", "v")]).await?;
    value_of(
        engine,
        b"after",
        Some(b"v"),
        "a value put behind a power cut",
    )
    .await?;
    Ok(engine.close().await?)
}
