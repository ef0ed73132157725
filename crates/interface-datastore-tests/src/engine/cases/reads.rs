//! Gets, and which keys and values are taken.

use bytes::Bytes;
use datastore_engine::ErrorKind;
use futures_util::FutureExt;

use super::support::{PROVEN, change, fails, holds, numbered, pair, put_all, value_of};
use crate::{
    Outcome, Verdict,
    cases::values::noise,
    engine::EngineSubject,
    failure::{ensure, ensure_eq},
};

pub(crate) async fn get(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    value_of(engine, b"a", None, "a key of an empty engine").await?;
    change(engine, |batch| {
        batch.put(b"a", b"1").put_shared(b"b", Bytes::from("2"))
    })
    .await?;
    value_of(engine, b"a", Some(b"1"), "a value copied into the batch").await?;
    value_of(engine, b"b", Some(b"2"), "a value shared with the batch").await?;
    for missing in [&b"c"[..], b"aa", b"\0", b"A"] {
        value_of(engine, missing, None, "a missing key").await?;
    }
    change(engine, |batch| {
        batch.put(b"a", b"3").delete(b"b").delete(b"c")
    })
    .await?;
    value_of(engine, b"a", Some(b"3"), "a value put again").await?;
    value_of(engine, b"b", None, "a key that was removed").await?;
    PROVEN
}

pub(crate) async fn get_many(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    ensure_eq!(engine.get_many(&[]).await?.len(), 0, "values of no key");
    put_all(engine, &numbered(100)).await?;
    let found = engine
        .get_many(&[b"key000009", b"none", b"key000001", b"key000009"])
        .await?;
    let found: Vec<Option<&[u8]>> = found.iter().map(Option::as_deref).collect();
    let expected: [Option<&[u8]>; 4] = [Some(b"value9"), None, Some(b"value1"), Some(b"value9")];
    ensure_eq!(found, expected, "values of several keys");
    PROVEN
}

/// Values of every size come back whole.
pub(crate) async fn sizes(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    let max = subject.capabilities().max_value_len.unwrap_or(u64::MAX);
    let sizes = [0, 1, 100, 4095, 4096, 4097, 70_000, 3 << 20];
    let taken = sizes.into_iter().filter(|size| *size as u64 <= max);
    let mut pairs: Vec<_> = taken
        .map(|size| pair(format!("{size:08}"), noise(size, 7)))
        .collect();
    for pair in &pairs {
        put_all(engine, std::slice::from_ref(pair)).await?;
    }
    for (key, value) in &pairs {
        ensure!(
            engine.get(key).await?.as_ref() == Some(value),
            "a value of {} bytes is not read back",
            value.len()
        );
    }
    holds(engine, &pairs, "values of every size").await?;
    pairs
        .iter_mut()
        .for_each(|(_, value)| *value = Bytes::new());
    put_all(engine, &pairs).await?;
    holds(engine, &pairs, "values that were emptied").await?;
    PROVEN
}

/// All bytes, in byte order.
pub(crate) async fn keys(subject: &EngineSubject) -> Outcome<Verdict> {
    let engine = subject.engine();
    let longest = subject.capabilities().max_key_len.unwrap_or(8192).min(8192);
    let longest = vec![b'l'; usize::try_from(longest).unwrap_or_default()];
    let keys: [&[u8]; 14] = [
        b"\0",
        b"\0\0",
        b"\x01",
        b"a",
        b"a\0",
        b"a\0b",
        b"a\xff",
        b"ab",
        b"b",
        &longest,
        b"\x7f",
        b"\x80",
        b"\xff",
        b"\xff\xff",
    ];
    let mut pairs: Vec<_> = keys
        .iter()
        .map(|key| pair(key.to_vec(), key.to_vec()))
        .collect();
    pairs.reverse();
    put_all(engine, &pairs).await?;
    pairs.sort();
    holds(engine, &pairs, "keys of all bytes").await?;
    for (key, value) in &pairs {
        value_of(engine, key, Some(value), "the value of an odd key").await?;
    }
    PROVEN
}

/// Keys and values that are not taken fail a batch before any effect.
pub(crate) async fn refused_keys(subject: &EngineSubject) -> Outcome<Verdict> {
    let (engine, can) = (subject.engine(), subject.capabilities());
    let mut wrong: Vec<(Bytes, Bytes)> = vec![pair("", "v")];
    let too_long = |max: Option<u64>| {
        max.filter(|max| *max < 1 << 20)
            .and_then(|max| usize::try_from(max).ok())
    };
    wrong.extend(too_long(can.max_key_len).map(|max| pair(vec![b'k'; max + 1], "v")));
    wrong.extend(too_long(can.max_value_len).map(|max| pair("k", vec![b'v'; max + 1])));
    for (key, value) in &wrong {
        let bad = change(engine, |batch| {
            batch.put(b"good", b"v").put(key, value).put(b"last", b"v")
        })
        .await;
        fails(
            bad,
            ErrorKind::InvalidArgument,
            "a key or value that is not taken",
        )?;
        value_of(engine, key, None, "a key that was refused").await?;
    }
    fails(
        change(engine, |batch| batch.delete(b"")).await,
        ErrorKind::InvalidArgument,
        "a delete of an empty key",
    )?;
    holds(engine, &[], "an engine that refused all batches").await?;
    PROVEN
}

/// Cached reads are answered at the first poll if that is claimed.
pub(crate) async fn inline(subject: &EngineSubject) -> Outcome<Verdict> {
    if !subject.capabilities().inline_reads {
        return Ok(Verdict::NotClaimed);
    }
    let engine = subject.engine();
    put_all(engine, &numbered(10)).await?;
    engine.get(b"key000003").await?;
    ensure!(
        engine.get(b"key000003").now_or_never().is_some(),
        "a cached read waits, though it is claimed not to"
    );
    ensure!(
        engine
            .get_many(&[b"key000003", b"none"])
            .now_or_never()
            .is_some(),
        "a cached read of several keys waits, though it is claimed not to"
    );
    PROVEN
}
