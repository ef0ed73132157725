//! Sync, size, compaction, checks, and the end.

use datastore_engine::{ErrorKind, Scan};
use futures_util::TryStreamExt;

use super::support::{PROVEN, change, commit, fails, holds, numbered, put_all, refused, scanned};
use crate::{
    Failure, Outcome, Verdict,
    engine::EngineSubject,
    failure::{ensure, ensure_eq},
};

/// A sync gives the strongest durability that the engine has.
pub(crate) async fn sync(subject: &EngineSubject) -> Outcome<Verdict> {
    let (engine, max) = (subject.engine(), subject.capabilities().max_durability);
    for _ in 0..2 {
        put_all(engine, &numbered(10)).await?;
        ensure_eq!(engine.sync().await?, max, "durability that a sync gives");
    }
    holds(engine, &numbered(10), "an engine behind a sync").await?;
    PROVEN
}

pub(crate) async fn size(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    if !subject.capabilities().size_on_disk {
        return refused(engine.size_on_disk().await, "a size on disk");
    }
    let pairs: Vec<_> = (0..64_u64)
        .map(|n| {
            super::support::pair(
                format!("large{n}"),
                crate::cases::values::noise(64 << 10, n),
            )
        })
        .collect();
    put_all(engine, &pairs).await?;
    engine.sync().await?;
    let size = engine.size_on_disk().await?;
    ensure!(size >= 4 << 20, "4 MiB of noise take {size} bytes");
    ensure!(size < 1 << 30, "4 MiB of noise take {size} bytes");
    PROVEN
}

pub(crate) async fn compact(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    let pairs = numbered(3000);
    put_all(engine, &pairs).await?;
    if !subject.capabilities().compact {
        return refused(engine.compact().await, "a compaction");
    }
    change(engine, |batch| {
        for (key, _) in pairs.iter().skip(1000) {
            batch.delete(key);
        }
        batch
    })
    .await?;
    for _ in 0..2 {
        engine.compact().await?;
        holds(engine, &numbered(1000), "an engine behind a compaction").await?;
    }
    put_all(engine, &pairs).await?;
    holds(engine, &pairs, "an engine written behind a compaction").await?;
    PROVEN
}

pub(crate) async fn check(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    put_all(engine, &numbered(500)).await?;
    if !subject.capabilities().check {
        return refused(engine.check().await, "a check");
    }
    let report = engine.check().await?;
    ensure!(
        report.is_sound(),
        "a check of a sound engine finds {:?}",
        report.damage
    );
    ensure_eq!(report.entries, 500, "entries that a check read");
    holds(engine, &numbered(500), "an engine behind a check").await?;
    PROVEN
}

/// Behind a close every call fails with `Closed`, but another close.
pub(crate) async fn closed(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    put_all(engine, &numbered(2000)).await?;
    let mut open = engine.scan(Scan::all());
    open.try_next().await?;
    engine.close().await?;
    engine.close().await?;
    let batch = super::support::batch_of(&numbered(1));
    fails(
        engine.get(b"key000000").await,
        ErrorKind::Closed,
        "get behind close",
    )?;
    fails(
        engine.get_many(&[b"k"]).await,
        ErrorKind::Closed,
        "get_many behind close",
    )?;
    fails(
        scanned(engine, Scan::all()).await,
        ErrorKind::Closed,
        "scan behind close",
    )?;
    fails(
        open.try_collect::<Vec<_>>().await,
        ErrorKind::Closed,
        "a scan that was open at close",
    )?;
    fails(
        commit(engine, &batch).await,
        ErrorKind::Closed,
        "commit behind close",
    )?;
    fails(engine.sync().await, ErrorKind::Closed, "sync behind close")?;
    fails(
        engine.snapshot().await,
        ErrorKind::Closed,
        "snapshot behind close",
    )?;
    fails(
        engine.size_on_disk().await,
        ErrorKind::Closed,
        "size_on_disk behind close",
    )?;
    fails(
        engine.compact().await,
        ErrorKind::Closed,
        "compact behind close",
    )?;
    fails(
        engine.check().await,
        ErrorKind::Closed,
        "check behind close",
    )?;
    PROVEN
}

/// What was committed, at whatever durability, is there again after a close.
pub(crate) async fn reopened(subject: &EngineSubject) -> Outcome<Verdict> {
    if !subject.capabilities().persistent {
        return Ok(Verdict::NotClaimed);
    }
    let mut subject = subject.fresh().await?;
    for round in 1..=3_u32 {
        let pairs = numbered(round * 700);
        for (part, level) in pairs
            .chunks(300)
            .zip(super::support::durabilities(subject.engine()).cycle())
        {
            let options = datastore_engine::CommitOptions::at(level);
            subject
                .engine()
                .commit(&super::support::batch_of(part), options)
                .await?;
        }
        let reopened = subject.reopened().await?;
        subject =
            reopened.ok_or_else(|| Failure::unproven("the subject offers no way to reopen"))?;
        holds(subject.engine(), &pairs, "an engine closed and opened").await?;
    }
    subject.tear_down().await;
    PROVEN
}
