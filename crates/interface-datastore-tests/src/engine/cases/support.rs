//! What cases share.

use bytes::Bytes;
use datastore_engine::{
    Batch, CommitOptions, Durability, Engine, EngineReader, Entry, ErrorKind, Result, Scan,
};
use futures_util::TryStreamExt;

use crate::{Failure, Outcome, Verdict, failure::ensure_eq};

pub(in crate::engine) type Pair = (Bytes, Bytes);

pub(in crate::engine) const PROVEN: Outcome<Verdict> = Ok(Verdict::Proven);

pub(in crate::engine) fn pair(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Pair {
    (key.into(), value.into())
}

/// So many pairs in key order.
pub(in crate::engine) fn numbered(count: u32) -> Vec<Pair> {
    (0..count)
        .map(|n| pair(format!("key{n:06}"), format!("value{n}")))
        .collect()
}

pub(in crate::engine) fn batch_of(pairs: &[Pair]) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in pairs {
        batch.put(key, value);
    }
    batch
}

pub(in crate::engine) async fn commit(engine: &dyn Engine, batch: &Batch) -> Result<()> {
    engine.commit(batch, CommitOptions::default()).await
}

/// A batch made by a closure, committed at the engine's default.
pub(in crate::engine) async fn change(
    engine: &dyn Engine,
    make: impl FnOnce(&mut Batch) -> &mut Batch,
) -> Result<()> {
    let mut batch = Batch::new();
    make(&mut batch);
    commit(engine, &batch).await
}

pub(in crate::engine) async fn put_all(engine: &dyn Engine, pairs: &[Pair]) -> Result<()> {
    commit(engine, &batch_of(pairs)).await
}

pub(in crate::engine) async fn scanned(reader: &dyn EngineReader, scan: Scan) -> Result<Vec<Pair>> {
    let entries: Vec<Entry> = reader.scan(scan).try_collect().await?;
    Ok(entries
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect())
}

/// Ends the case unless the reader holds just these pairs, in the order of their keys.
#[track_caller]
pub(in crate::engine) fn same(found: &[Pair], expected: &[Pair], what: &str) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let brief = |pairs: &[Pair]| {
        let few = pairs.iter().take(12);
        let told: Vec<String> = few
            .map(|(key, value)| format!("{key:?} ({} bytes)", value.len()))
            .collect();
        format!("{} entries: {}", pairs.len(), told.join(", "))
    };
    Err(Failure::new(format!(
        "{what}: got {}; expected {}",
        brief(found),
        brief(expected)
    )))
}

pub(in crate::engine) async fn holds(
    reader: &dyn EngineReader,
    expected: &[Pair],
    what: &str,
) -> Outcome {
    same(&scanned(reader, Scan::all()).await?, expected, what)
}

/// Ends the case unless the call failed with this kind of error.
#[track_caller]
pub(in crate::engine) fn fails<T>(outcome: Result<T>, kind: ErrorKind, what: &str) -> Outcome {
    match outcome {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(Failure::new(format!(
            "{what} must fail with {kind:?}, but failed with {error:?}"
        ))),
        Ok(_) => Err(Failure::new(format!(
            "{what} must fail with {kind:?}, but succeeded"
        ))),
    }
}

/// Ends the case unless the call was refused as unsupported.
#[track_caller]
pub(in crate::engine) fn refused<T>(outcome: Result<T>, what: &str) -> Outcome<Verdict> {
    fails(outcome, ErrorKind::Unsupported, what)?;
    Ok(Verdict::Refused)
}

/// Every durability that the engine claims.
pub(in crate::engine) fn durabilities(
    engine: &dyn Engine,
) -> impl Iterator<Item = Durability> + Clone + use<> {
    let max = engine.capabilities().max_durability;
    Durability::ALL
        .into_iter()
        .filter(move |level| *level <= max)
}

pub(in crate::engine) async fn value_of(
    reader: &dyn EngineReader,
    key: &[u8],
    expected: Option<&[u8]>,
    what: &str,
) -> Outcome {
    let found = reader.get(key).await?;
    ensure_eq!(found.as_deref(), expected, "{what}");
    Ok(())
}
