//! What a commit does, and what it must not do.

use bytes::Bytes;
use datastore_engine::{Batch, CommitOptions, Durability, ErrorKind, RangeDelete, Scan};
use futures_util::FutureExt;

use super::support::{
    PROVEN, batch_of, change, commit, durabilities as levels, fails, holds, numbered, pair,
    put_all, refused, same, scanned, value_of,
};
use crate::{
    Outcome, Verdict,
    cases::values::noise,
    engine::EngineSubject,
    failure::{ensure, ensure_eq},
};

/// The last operation on a key wins.
pub(crate) async fn last_wins(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    change(engine, |batch| batch.put(b"held", b"1").put(b"gone", b"1")).await?;
    change(engine, |batch| {
        batch
            .put(b"new", b"1")
            .put(b"held", b"2")
            .put(b"new", b"2")
            .put(b"new", b"3");
        batch
            .delete(b"held")
            .put(b"held", b"3")
            .put(b"gone", b"2")
            .delete(b"gone");
        batch
            .put(b"never", b"1")
            .delete(b"never")
            .delete(b"back")
            .put(b"back", b"1")
    })
    .await?;
    let expected = [pair("back", "1"), pair("held", "3"), pair("new", "3")];
    holds(engine, &expected, "the last operations of a batch").await?;
    PROVEN
}

/// A range delete removes what precedes it, in the batch and in the engine, and nothing else.
pub(crate) async fn range_deletes(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    let pairs: Vec<_> = ["a", "b", "b\0", "ba", "c", "d"]
        .map(|key| pair(key, "old"))
        .into();
    put_all(engine, &pairs).await?;
    if subject.capabilities().range_delete == RangeDelete::Refused {
        let outcome = change(engine, |batch| {
            batch.put(b"new", b"1").delete_range(b"b", Some(b"c"))
        })
        .await;
        let verdict = refused(outcome, "a range delete")?;
        holds(engine, &pairs, "an engine that refused a range delete").await?;
        return Ok(verdict);
    }
    type Row<'a> = (&'a str, Option<&'a str>, &'a [&'a str]);
    let rows: [Row<'_>; 9] = [
        ("b", Some("c"), &["a", "c", "d"]),
        ("b", Some("b\0"), &["a", "b\0", "ba", "c", "d"]),
        ("b\0", Some("c"), &["a", "b", "c", "d"]),
        ("aa", Some("ab"), &["a", "b", "b\0", "ba", "c", "d"]),
        ("c", Some("b"), &["a", "b", "b\0", "ba", "c", "d"]),
        ("c", Some("c"), &["a", "b", "b\0", "ba", "c", "d"]),
        ("c", None, &["a", "b", "b\0", "ba"]),
        ("", Some("c"), &["c", "d"]),
        ("", None, &[]),
    ];
    for (start, end, left) in rows {
        put_all(engine, &pairs).await?;
        change(engine, |batch| {
            batch.delete_range(start.as_bytes(), end.map(str::as_bytes))
        })
        .await?;
        let left: Vec<_> = left
            .iter()
            .map(|key| pair(key.to_string(), "old"))
            .collect();
        holds(
            engine,
            &left,
            &format!("what is left of {start:?}..{end:?}"),
        )
        .await?;
    }
    put_all(engine, &pairs).await?;
    change(engine, |batch| {
        batch
            .put(b"b", b"before")
            .put(b"bb", b"before")
            .put(b"a", b"outside");
        batch.delete_range(b"b", Some(b"c"));
        batch
            .put(b"bb", b"behind")
            .delete(b"d")
            .put(b"bc", b"behind");
        batch.delete_range(b"bc", Some(b"bd")).put(b"bc", b"last")
    })
    .await?;
    let expected = [
        pair("a", "outside"),
        pair("bb", "behind"),
        pair("bc", "last"),
        pair("c", "old"),
    ];
    holds(engine, &expected, "operations around range deletes").await?;
    PROVEN
}

/// A large range is deleted whole, or refused whole by an engine that says that it is too large.
pub(crate) async fn bounded_ranges(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    let (max_keys, what) = match subject.capabilities().range_delete {
        RangeDelete::Emulated { max_keys } => (max_keys, "an emulated range delete"),
        RangeDelete::Native => (u64::MAX, "a native range delete"),
        _ => return Ok(Verdict::NotClaimed),
    };
    let count = u32::try_from(max_keys.min(10_000)).unwrap_or(10_000);
    put_all(engine, &numbered(count)).await?;
    change(engine, |batch| batch.delete_range(b"key", Some(b"kez"))).await?;
    holds(engine, &[], what).await?;
    if max_keys > 200_000 {
        return PROVEN;
    }
    let pairs = numbered(u32::try_from(max_keys + 1).unwrap_or(u32::MAX));
    for part in pairs.chunks(10_000) {
        put_all(engine, part).await?;
    }
    let outcome = change(engine, |batch| {
        batch.put(b"a", b"1").delete_range(b"key", None)
    })
    .await;
    fails(
        outcome,
        ErrorKind::Unsupported,
        "a range delete of more keys than the engine takes",
    )?;
    ensure_eq!(
        scanned(engine, Scan::all().keys_only()).await?.len(),
        pairs.len(),
        "keys after a refused range delete"
    );
    PROVEN
}

/// An empty batch is a batch.
pub(crate) async fn none_at_all(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    put_all(engine, &numbered(3)).await?;
    for level in levels(engine) {
        engine
            .commit(&Batch::new(), CommitOptions::at(level))
            .await?;
    }
    holds(engine, &numbered(3), "an engine after empty batches").await?;
    PROVEN
}

/// A batch with one operation that is refused has no effect.
pub(crate) async fn all_or_nothing(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    put_all(engine, &numbered(20)).await?;
    let outcome = change(engine, |batch| {
        batch
            .delete(b"key000003")
            .put(b"key000004", b"other")
            .put(b"new", b"1");
        batch.put(b"", b"refused").delete(b"key000005")
    })
    .await;
    fails(
        outcome,
        ErrorKind::InvalidArgument,
        "a batch with an empty key",
    )?;
    holds(engine, &numbered(20), "an engine that refused a batch").await?;
    PROVEN
}

/// A batch that is cleared and filled again, or kept and committed again, does what it holds.
pub(crate) async fn reused(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    let mut batch = Batch::with_capacity(2, 16);
    for level in levels(engine) {
        for round in 0..20_u8 {
            batch.clear();
            batch.put(&[b'r', round], &[round]).put(b"last", &[round]);
            engine.commit(&batch, CommitOptions::at(level)).await?;
            engine.commit(&batch, CommitOptions::at(level)).await?;
        }
        let mut expected: Vec<_> = (0..20_u8)
            .map(|round| pair(vec![b'r', round], vec![round]))
            .collect();
        expected.insert(0, pair("last", vec![19]));
        holds(
            engine,
            &expected,
            &format!("batches made in one buffer, at {level}"),
        )
        .await?;
        for (key, _) in &expected {
            change(engine, |batch| batch.delete(key)).await?;
        }
    }
    PROVEN
}

/// Many operations, and large values, in one batch.
pub(crate) async fn large(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    let mut pairs = numbered(20_000);
    pairs.extend((0..8).map(|n| pair(format!("large{n}"), noise(1 << 20, n))));
    let mut batch = batch_of(&[]);
    for (key, value) in &pairs {
        batch.put_shared(key, value.clone());
    }
    commit(engine, &batch).await?;
    holds(engine, &pairs, "a large batch").await?;
    PROVEN
}

async fn declared(subject: &EngineSubject, level: Durability) -> Outcome {
    let (engine, max) = (subject.engine(), subject.capabilities().max_durability);
    let key = level.to_string();
    let batch = batch_of(&[pair(key.clone(), "v")]);
    let outcome = engine.commit(&batch, CommitOptions::at(level)).await;
    if level > max {
        refused(outcome, &format!("a commit at {level}"))?;
        return value_of(
            engine,
            key.as_bytes(),
            None,
            "a key whose commit was refused",
        )
        .await;
    }
    outcome?;
    value_of(
        engine,
        key.as_bytes(),
        Some(b"v"),
        "a key that was committed",
    )
    .await
}

/// Each durability is given or refused as declared.
pub(crate) async fn durabilities(subject: &EngineSubject) -> Outcome<Verdict> {
    let can = subject.capabilities();
    ensure!(
        can.default_durability <= can.max_durability,
        "the default durability is above the strongest"
    );
    for level in Durability::ALL {
        declared(subject, level).await?;
    }
    PROVEN
}

/// Commits are acknowledged at the first poll if that is claimed.
pub(crate) async fn inline(subject: &EngineSubject) -> Outcome<Verdict> {
    let Some(level) = subject.capabilities().inline_commits else {
        return Ok(Verdict::NotClaimed);
    };
    let engine = subject.engine();
    for round in 0..50_u8 {
        let batch = batch_of(&[pair(vec![round + 1], "v")]);
        let done = engine
            .commit(&batch, CommitOptions::at(level))
            .now_or_never();
        ensure!(
            done.is_some(),
            "a commit at {level} waits, though it is claimed not to"
        );
        done.transpose()?;
    }
    PROVEN
}

/// What is not polled has no effect.
pub(crate) async fn unpolled(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    let batch = batch_of(&numbered(3));
    for level in levels(subject.engine()) {
        drop(engine.commit(&batch, CommitOptions::at(level)));
    }
    holds(engine, &[], "an engine whose commits were never polled").await?;
    PROVEN
}

/// A commit that was polled once and dropped takes effect in its place or never.
pub(crate) async fn dropped(subject: &EngineSubject) -> Outcome<Verdict> {
    let (engine, settles) = (
        subject.engine(),
        subject.capabilities().dropped_commits_settle,
    );
    for level in levels(subject.engine()) {
        for round in 0..40_u32 {
            let dropped = batch_of(&[pair("k", round.to_string()), pair("l", round.to_string())]);
            let done = engine
                .commit(&dropped, CommitOptions::at(level))
                .now_or_never();
            let seen = engine.get_many(&[b"k", b"l"]).await?;
            ensure!(
                seen.first() == seen.last() || !settles,
                "a dropped commit took effect in part"
            );
            if settles || done.is_some() {
                let again = engine.get_many(&[b"k", b"l"]).await?;
                ensure_eq!(again, seen, "what a later read sees of a dropped commit");
            }
            let late = Bytes::from(format!("after {round}"));
            put_all(engine, &[pair("k", late.clone())]).await?;
            value_of(
                engine,
                b"k",
                Some(&late),
                "a key written behind a dropped commit",
            )
            .await?;
        }
    }
    engine.sync().await?;
    value_of(
        engine,
        b"k",
        Some(b"after 39"),
        "a key written behind dropped commits, later",
    )
    .await?;
    PROVEN
}

/// Commits that are under way together take effect in the order of their first polls.
pub(crate) async fn in_order(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    for level in levels(subject.engine()) {
        let batches: Vec<Batch> = (0..30)
            .map(|n| batch_of(&[pair("k", n.to_string())]))
            .collect();
        let commits = batches
            .iter()
            .map(|batch| engine.commit(batch, CommitOptions::at(level)));
        let outcomes = futures_util::future::join_all(commits).await;
        outcomes
            .into_iter()
            .collect::<datastore_engine::Result<Vec<()>>>()?;
        value_of(
            engine,
            b"k",
            Some(b"29"),
            "a key that many commits at once have written",
        )
        .await?;
    }
    same(
        &scanned(engine, Scan::all()).await?,
        &[pair("k", "29")],
        "the engine afterwards",
    )?;
    PROVEN
}
