//! Which entries scans give, in which order, and when they read.

use bytes::Bytes;
use datastore_engine::Scan;
use futures_util::{StreamExt, TryStreamExt};

use super::support::{
    PROVEN, Pair, batch_of, change, commit, numbered, pair, put_all, same, scanned,
};
use crate::{
    Outcome, Verdict,
    cases::values::noise,
    engine::EngineSubject,
    failure::{ensure, ensure_eq},
};

/// A scan gives what a filter of all pairs gives.
async fn check(subject: &EngineSubject, pairs: &[Pair], scan: Scan) -> Outcome {
    let inside = pairs
        .iter()
        .filter(|(key, _)| scan.key_range().contains(key));
    let mut expected: Vec<Pair> = inside.cloned().collect();
    if scan.reverse {
        expected.reverse();
    }
    if let Some(limit) = scan.limit {
        expected.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    if scan.keys_only {
        expected
            .iter_mut()
            .for_each(|(_, value)| *value = Bytes::new());
    }
    let range = scan.key_range();
    let what = format!(
        "{scan:?} from {:?} to {:?}",
        Bytes::copy_from_slice(range.start),
        scan.end
    );
    same(&scanned(subject.engine(), scan).await?, &expected, &what)
}

fn odd_keys() -> Vec<Pair> {
    let keys: [&[u8]; 12] = [
        b"\0",
        b"a",
        b"a\0",
        b"a/",
        b"a/b",
        b"a/b/c",
        b"a0",
        b"aa",
        b"b",
        b"\xfe\xff",
        b"\xff",
        b"\xff\xff\x01",
    ];
    keys.iter()
        .map(|key| pair(key.to_vec(), key.repeat(3)))
        .collect()
}

/// Every pair of bounds, both ways.
pub(crate) async fn bounds(subject: &EngineSubject) -> Outcome<Verdict> {
    let pairs = odd_keys();
    put_all(subject.engine(), &pairs).await?;
    let mut bounds: Vec<Bytes> = pairs.iter().map(|(key, _)| key.clone()).collect();
    bounds.extend(["", "0", "a/a", "zz", "\u{ff}"].map(Bytes::from));
    for start in &bounds {
        check(subject, &pairs, Scan::from(start.clone())).await?;
        check(subject, &pairs, Scan::from(start.clone()).reversed()).await?;
        for end in &bounds {
            check(subject, &pairs, Scan::range(start.clone(), end.clone())).await?;
            check(
                subject,
                &pairs,
                Scan::range(start.clone(), end.clone()).reversed(),
            )
            .await?;
        }
    }
    PROVEN
}

pub(crate) async fn prefixes(subject: &EngineSubject) -> Outcome<Verdict> {
    let pairs = odd_keys();
    put_all(subject.engine(), &pairs).await?;
    let prefixes: [&'static [u8]; 9] = [
        b"",
        b"a",
        b"a/",
        b"a/b",
        b"a/b/c/d",
        b"c",
        b"\xfe\xff",
        b"\xff",
        b"\xff\xff",
    ];
    for prefix in prefixes {
        let count = scanned(subject.engine(), Scan::prefix(prefix)).await?.len();
        let expected = pairs
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .count();
        ensure_eq!(
            count,
            expected,
            "keys that begin with {:?}",
            Bytes::from(prefix)
        );
        check(subject, &pairs, Scan::prefix(prefix)).await?;
        check(subject, &pairs, Scan::prefix(prefix).reversed()).await?;
    }
    PROVEN
}

pub(crate) async fn limits(subject: &EngineSubject) -> Outcome<Verdict> {
    let pairs = numbered(100);
    put_all(subject.engine(), &pairs).await?;
    for limit in [0, 1, 2, 31, 32, 33, 99, 100, 101, u64::MAX] {
        check(subject, &pairs, Scan::all().with_limit(limit)).await?;
        check(
            subject,
            &pairs,
            Scan::from("key000020").with_limit(limit).reversed(),
        )
        .await?;
    }
    PROVEN
}

pub(crate) async fn keys_only(subject: &EngineSubject) -> Outcome<Verdict> {
    let pairs = numbered(100);
    put_all(subject.engine(), &pairs).await?;
    check(subject, &pairs, Scan::all().keys_only()).await?;
    check(
        subject,
        &pairs,
        Scan::from("key000050").keys_only().reversed().with_limit(7),
    )
    .await?;
    PROVEN
}

/// Scans over more than any engine reads at a time, among keys that were rewritten and removed.
pub(crate) async fn long(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    let mut pairs = numbered(5000);
    put_all(engine, &pairs).await?;
    let mut batch = batch_of(&[]);
    for (n, (key, value)) in pairs.iter_mut().enumerate() {
        match n % 7 {
            0 => drop(batch.delete(key)),
            3 => {
                *value = noise(n % 3000, n as u64);
                batch.put(key, value);
            }
            _ => {}
        }
    }
    commit(engine, &batch).await?;
    let mut number = 0;
    pairs.retain(|_| {
        number += 1;
        (number - 1) % 7 != 0
    });
    for scan in [
        Scan::all(),
        Scan::range("key001111", "key003333"),
        Scan::from("key004000").keys_only(),
    ] {
        check(subject, &pairs, scan.clone()).await?;
        check(subject, &pairs, scan.reversed()).await?;
    }
    PROVEN
}

/// Nothing happens before the first poll; scans may be dropped half way, and several may run side by side.
pub(crate) async fn lazy(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    let unpolled = engine.scan(Scan::all());
    put_all(engine, &numbered(2000)).await?;
    let seen: Vec<_> = unpolled.try_collect().await?;
    ensure_eq!(
        seen.len(),
        2000,
        "entries of a scan that was first polled after they were put"
    );
    for taken in [0, 1, 40, 700] {
        let part: Vec<_> = engine.scan(Scan::all()).take(taken).try_collect().await?;
        ensure_eq!(part.len(), taken, "entries taken of a scan");
    }
    let mut scans: Vec<_> = (0..4).map(|_| engine.scan(Scan::all())).collect();
    for n in 0..2000_u32 {
        for scan in &mut scans {
            let entry = scan.try_next().await?;
            let is_next = entry.is_some_and(|entry| entry.key == format!("key{n:06}"));
            ensure!(is_next, "a scan beside others does not give key {n}");
        }
    }
    PROVEN
}

/// A scan is of the moment of its first poll where there are snapshots.
pub(crate) async fn one_moment(subject: &EngineSubject) -> Outcome<Verdict> {
    if !subject.capabilities().snapshots {
        return Ok(Verdict::NotClaimed);
    }
    let engine = subject.engine();
    let pairs = numbered(3000);
    put_all(engine, &pairs).await?;
    for read_first in [1, 33, 600] {
        let mut scan = engine.scan(Scan::all());
        let mut seen: Vec<Pair> = Vec::new();
        while let Some(entry) = scan.try_next().await? {
            seen.push((entry.key, entry.value));
            if seen.len() == read_first {
                change(engine, |batch| {
                    for n in (0..3000).step_by(3) {
                        batch
                            .put(format!("key{n:06}").as_bytes(), b"other")
                            .delete(format!("key{:06}", n + 1).as_bytes());
                    }
                    batch.put(b"key002500a", b"new")
                })
                .await?;
            }
        }
        same(&seen, &pairs, "a scan beside which the engine was changed")?;
        change(engine, |batch| batch.delete(b"key002500a")).await?;
        put_all(engine, &pairs).await?;
    }
    PROVEN
}
