//! Snapshots are not changed by what comes later.

use datastore_engine::{EngineReader, ErrorKind, RangeDelete, Scan};

use super::support::{
    PROVEN, batch_of, change, fails, holds, numbered, pair, put_all, refused, value_of,
};
use crate::{
    Outcome, Verdict,
    engine::EngineSubject,
    failure::{ensure, ensure_eq},
};

pub(crate) async fn isolated(subject: &EngineSubject) -> Outcome<Verdict> {
    let (engine, can) = (subject.engine(), subject.capabilities());
    let pairs = numbered(1500);
    put_all(engine, &pairs).await?;
    if !can.snapshots {
        return refused(engine.snapshot().await, "a snapshot");
    }
    let snapshot = engine.snapshot().await?;
    change(engine, |batch| {
        batch
            .put(b"key000001", b"other")
            .delete(b"key000002")
            .put(b"a", b"new");
        batch.put(b"key000003x", b"new")
    })
    .await?;
    if can.range_delete != RangeDelete::Refused {
        change(engine, |batch| batch.delete_range(b"key000500", None)).await?;
    }
    if can.compact {
        engine.compact().await.or_else(busy)?;
    }
    put_all(engine, &[pair("key000700", "later")]).await?;
    value_of(
        &*snapshot,
        b"key000001",
        Some(b"value1"),
        "a snapshot's value of a key put later",
    )
    .await?;
    value_of(
        &*snapshot,
        b"key000002",
        Some(b"value2"),
        "a snapshot's value of a key removed later",
    )
    .await?;
    value_of(
        &*snapshot,
        b"a",
        None,
        "a snapshot's value of a key that came later",
    )
    .await?;
    let many = snapshot.get_many(&[b"key000700", b"a"]).await?;
    ensure_eq!(
        many.first().and_then(Option::as_deref),
        Some(&b"value700"[..]),
        "a snapshot's multi-get"
    );
    ensure!(
        many.last() == Some(&None),
        "a snapshot's multi-get finds a key that came later"
    );
    holds(&*snapshot, &pairs, "a snapshot").await?;
    let mut backwards = pairs.clone();
    backwards.reverse();
    let seen = super::support::scanned(&*snapshot, Scan::all().reversed()).await?;
    super::support::same(&seen, &backwards, "a snapshot scanned backwards")?;
    PROVEN
}

/// An engine may say that it cannot compact while it is being read.
fn busy(error: datastore_engine::Error) -> datastore_engine::Result<()> {
    if error.kind() == ErrorKind::Unsupported {
        Ok(())
    } else {
        Err(error)
    }
}

/// Snapshots of several moments side by side, in several threads, outliving one another.
pub(crate) async fn several(subject: &EngineSubject) -> Outcome<Verdict> {
    if !subject.capabilities().snapshots {
        return Ok(Verdict::NotClaimed);
    }
    let engine = subject.engine();
    let mut snapshots = Vec::new();
    for round in 0..10_u8 {
        put_all(
            engine,
            &[pair("k", vec![round]), pair(vec![b'r', round], "v")],
        )
        .await?;
        snapshots.push((round, engine.snapshot().await?));
    }
    drop(snapshots.remove(4));
    change(engine, |batch| batch.delete(b"k")).await?;
    let (_, block_on) = subject.source()?;
    let look = |round: u8, snapshot: std::sync::Arc<dyn EngineReader>| async move {
        value_of(
            &*snapshot,
            b"k",
            Some(&[round]),
            "the value in a snapshot among several",
        )
        .await?;
        let mut expected = vec![pair("k", vec![round])];
        expected.extend((0..=round).map(|round| pair(vec![b'r', round], "v")));
        holds(&*snapshot, &expected, "a snapshot among several").await
    };
    let threads = snapshots.into_iter().map(|(round, snapshot)| {
        let block_on = block_on.clone();
        std::thread::spawn(move || crate::run::run_to_end(&*block_on, look(round, snapshot)))
    });
    for thread in threads.collect::<Vec<_>>() {
        super::threads::joined(thread)?;
    }
    PROVEN
}

/// What a snapshot or scan does when the engine is closed under it.
pub(crate) async fn closed(subject: &EngineSubject) -> Outcome<Verdict> {
    if !subject.capabilities().snapshots {
        return Ok(Verdict::NotClaimed);
    }
    let engine = subject.engine();
    engine
        .commit(&batch_of(&numbered(2000)), Default::default())
        .await?;
    let snapshot = engine.snapshot().await?;
    engine.close().await?;
    fails(
        snapshot.get(b"key000001").await,
        ErrorKind::Closed,
        "a get of a snapshot behind close",
    )?;
    fails(
        snapshot.get_many(&[b"k"]).await,
        ErrorKind::Closed,
        "a multi-get of a snapshot behind close",
    )?;
    let scan = super::support::scanned(&*snapshot, Scan::all()).await;
    fails(scan, ErrorKind::Closed, "a scan of a snapshot behind close")?;
    PROVEN
}
