//! One call of the medium fails, each in turn: what was acknowledged is there when the engine is opened again, and a batch
//! is there whole or not at all.

use datastore_engine::{Batch, CommitOptions, Engine, Scan};

use super::support::{PROVEN, Pair, batch_of, numbered, pair, put_all, same, scanned};
use crate::{
    Failure, Fault, FaultSubject, Outcome, Verdict,
    cases::values::noise,
    engine::{EngineSubject, reference::apply_to},
    failure::ensure,
};

/// No work makes more calls than this of one kind.
const MOST_CALLS: u64 = 400;

fn before() -> Vec<Pair> {
    (0..40)
        .map(|n| pair(format!("old{n:02}"), noise(900, n)))
        .collect()
}

/// Two batches, each of which changes several keys to values of its own.
fn batches() -> [Batch; 2] {
    let changed = |round: u64| {
        let mut pairs: Vec<Pair> = (0..10)
            .map(|n| pair(format!("old{:02}", n * 3), noise(1500, round * 100 + n)))
            .collect();
        pairs.push(pair(format!("new{round}"), noise(30_000, round)));
        let mut batch = batch_of(&pairs);
        batch.delete(format!("old{:02}", 10 + round).as_bytes());
        batch
    };
    [changed(1), changed(2)]
}

fn applied(pairs: &[Pair], batch: &Batch) -> Vec<Pair> {
    let mut map = pairs.iter().cloned().collect();
    apply_to(&mut map, batch);
    map.into_iter().collect()
}

/// What may be there behind commits with these outcomes: those that succeeded, with any of those that failed.
fn possible(acknowledged: [bool; 2]) -> Vec<Vec<Pair>> {
    let mut states = vec![before()];
    for (batch, acknowledged) in batches().iter().zip(acknowledged) {
        let with: Vec<_> = states.iter().map(|state| applied(state, batch)).collect();
        if acknowledged {
            states.clear();
        }
        states.extend(with);
    }
    states
}

async fn commit_both(engine: &dyn Engine) -> [bool; 2] {
    let mut outcomes = [false; 2];
    for (batch, outcome) in batches().iter().zip(&mut outcomes) {
        let options = CommitOptions::at(engine.capabilities().max_durability);
        *outcome = engine.commit(batch, options).await.is_ok();
    }
    outcomes
}

/// Runs the work with the `nth` call failing; whether the fault struck.
async fn strike(subject: EngineSubject, fault: Fault, nth: u64) -> Outcome<bool> {
    let level = CommitOptions::at(subject.capabilities().max_durability);
    subject.engine().commit(&batch_of(&before()), level).await?;
    if !subject
        .faults()
        .is_some_and(|faults| faults.arm(fault, nth))
    {
        return Err(Failure::unproven(format!("the medium knows no {fault:?}")));
    }
    let acknowledged = commit_both(subject.engine()).await;
    if let Ok(found) = scanned(subject.engine(), Scan::all()).await {
        ensure!(
            possible(acknowledged).contains(&found),
            "the engine that goes on holds a part of a batch, or lost one"
        );
    }
    let synced = subject.engine().sync().await.is_ok();
    let closed = subject.engine().close().await.is_ok();
    let struck = subject.faults().is_some_and(FaultSubject::disarm);
    let told = acknowledged != [true; 2] || !synced || !closed;
    ensure!(struck || !told, "a call failed though nothing did below it");
    // The kernel forgets what it could not sync: nobody can make up for it but by writing anew.
    ensure!(
        told || !struck || fault != Fault::SyncError,
        "a failed sync is told as done"
    );
    let Some(subject) = subject.reopened_after_failure().await? else {
        return Err(Failure::unproven("the subject offers no way to reopen"));
    };
    let found = scanned(subject.engine(), Scan::all()).await?;
    ensure!(
        possible(acknowledged).contains(&found),
        "opened again, the engine holds a part of a batch or lost one (acknowledged: {acknowledged:?}, {} entries)",
        found.len()
    );
    put_all(subject.engine(), &numbered(3)).await?;
    if subject.capabilities().check {
        let report = subject.engine().check().await?;
        ensure!(
            report.is_sound(),
            "a check behind a fault finds {:?}",
            report.damage
        );
    }
    subject.tear_down().await;
    Ok(struck)
}

async fn matrix(subject: &EngineSubject, fault: Fault) -> Outcome<Verdict> {
    if subject.faults().is_none() {
        return Err(Failure::unproven("the subject offers no faults"));
    }
    for nth in 1..=MOST_CALLS {
        let during = |failure: Failure| failure.during(format_args!("{fault:?}, call {nth}"));
        if !strike(subject.fresh().await?, fault, nth)
            .await
            .map_err(during)?
        {
            ensure!(nth > 1, "no call of the medium was struck by {fault:?}");
            return PROVEN;
        }
    }
    Err(Failure::new(format!(
        "the work has not ended after {MOST_CALLS} calls"
    )))
}

pub(crate) async fn no_space(subject: &EngineSubject) -> Outcome<Verdict> {
    matrix(subject, Fault::WriteNoSpace).await
}

pub(crate) async fn write_error(subject: &EngineSubject) -> Outcome<Verdict> {
    matrix(subject, Fault::WriteError).await
}

pub(crate) async fn short_write(subject: &EngineSubject) -> Outcome<Verdict> {
    matrix(subject, Fault::ShortWrite).await
}

pub(crate) async fn sync_error(subject: &EngineSubject) -> Outcome<Verdict> {
    matrix(subject, Fault::SyncError).await
}

/// A read that fails is told as an error or answered rightly, never as "none".
pub(crate) async fn read_error(subject: &EngineSubject) -> Outcome<Verdict> {
    if subject.faults().is_none() {
        return Err(Failure::unproven("the subject offers no faults"));
    }
    for nth in 1..=MOST_CALLS {
        let fresh = subject.fresh().await?;
        put_all(fresh.engine(), &before()).await?;
        let Some(fresh) = fresh.reopened().await? else {
            return Err(Failure::unproven("the subject offers no way to reopen"));
        };
        if !fresh
            .faults()
            .is_some_and(|faults| faults.arm(Fault::ReadError, nth))
        {
            return Err(Failure::unproven("the medium knows no ReadError"));
        }
        for (key, value) in before() {
            if let Ok(found) = fresh.engine().get(&key).await {
                ensure!(
                    found == Some(value),
                    "a key whose read failed (call {nth}) is told to hold something else"
                );
            }
        }
        if let Ok(found) = scanned(fresh.engine(), Scan::all()).await {
            same(&found, &before(), "a scan during which a read failed")?;
        }
        let struck = fresh.faults().is_some_and(FaultSubject::disarm);
        let Some(fresh) = fresh.reopened_after_failure().await? else {
            return Err(Failure::unproven("the subject offers no way to reopen"));
        };
        same(
            &scanned(fresh.engine(), Scan::all()).await?,
            &before(),
            "the engine behind a failed read",
        )?;
        fresh.tear_down().await;
        if !struck {
            ensure!(nth > 1, "no call of the medium was struck");
            return PROVEN;
        }
    }
    Err(Failure::new(format!(
        "the work has not ended after {MOST_CALLS} calls"
    )))
}
