//! The methods over streams: lazy, in order, and honest about where they stop.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    BoxStream, DatastoreExt, DeleteManyOptions, Error, ErrorKind, GetManyOptions, Key, Operation,
    PutManyOptions, Result,
};

use super::support::{all_pairs, expect_empty, hundred, keys_of, pairs_of};
use crate::{
    Failure, Outcome, Subject,
    failure::{ensure, ensure_eq, expect_error},
};

/// A source that counts what is taken of it.
fn counted<T: Send + 'static>(items: Vec<T>) -> (BoxStream<'static, Result<T>>, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let source = stream::iter(items).map(move |item| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(item)
    });
    (Box::pin(source), taken)
}

/// Items, then an error of the source.
fn breaking<T: Send + 'static>(items: Vec<T>) -> BoxStream<'static, Result<T>> {
    let error = Error::new(ErrorKind::Failed, Operation::Get).with_detail("the source broke");
    Box::pin(stream::iter(items.into_iter().map(Ok).chain([Err(error)])))
}

/// Nothing is stored before the stream is pulled, and the source is read at most `concurrency` ahead.
pub(crate) async fn put_is_lazy(subject: &Subject) -> Outcome {
    let (store, pairs) = (subject.store(), hundred(subject, "/many")?);
    for concurrency in [1, 4] {
        let (source, taken) = counted(pairs.clone());
        let options = PutManyOptions::default().with_concurrency(concurrency);
        let mut keys = store.put_many_opts(source, options);
        ensure_eq!(
            taken.load(Ordering::SeqCst),
            0,
            "pairs taken before the first pull"
        );
        expect_empty(store).await?;
        for (given, (key, value)) in (1..=3).zip(&pairs) {
            ensure_eq!(
                keys.try_next().await?.as_ref(),
                Some(key),
                "key {given} of put_many"
            );
            ensure_eq!(
                store.get(key).await?,
                value,
                "value of a key that put_many gave"
            );
            let ahead = taken.load(Ordering::SeqCst) - given;
            ensure!(
                ahead <= concurrency,
                "{ahead} pairs were taken ahead, {concurrency} may be"
            );
        }
        drop(keys);
        let taken_at_drop = taken.load(Ordering::SeqCst);
        let stored = all_pairs(store).await?.len();
        ensure!(
            stored <= taken_at_drop,
            "{stored} pairs are stored of {taken_at_drop} that were taken"
        );
        ensure_eq!(
            taken.load(Ordering::SeqCst),
            taken_at_drop,
            "pairs taken after the drop"
        );
        store
            .delete_many(keys_of(&pairs))
            .try_collect::<Vec<_>>()
            .await?;
    }
    Ok(())
}

/// Two writes of one key happen in source order, however many run at once.
pub(crate) async fn put_in_order(subject: &Subject) -> Outcome {
    let store = subject.store();
    let keys = [subject.key("/many/a")?, subject.key("/many/b")?];
    let value = |i: usize| Bytes::from(vec![i as u8; 1 + (i * 7919) % 3000]);
    let pairs: Vec<(Key, Bytes)> = (0..60)
        .flat_map(|i| keys.iter().map(move |key| (key.clone(), value(i))))
        .collect();
    for concurrency in [1, 8, 64, usize::MAX] {
        let options = PutManyOptions::default().with_concurrency(concurrency);
        let source = Box::pin(stream::iter(pairs.clone().into_iter().map(Ok)));
        let given: Vec<_> = store.put_many_opts(source, options).try_collect().await?;
        ensure_eq!(given, keys_of(&pairs), "keys that put_many gives");
        for key in &keys {
            ensure!(
                store.get(key).await? == value(59),
                "the last of many puts of {key} does not stand"
            );
        }
    }
    Ok(())
}

/// An error of the source comes behind what was done before it, and ends the stream.
pub(crate) async fn source_errors(subject: &Subject) -> Outcome {
    let (store, pairs) = (subject.store(), hundred(subject, "/many")?);
    let some: Vec<_> = pairs.iter().take(5).cloned().collect();
    let keys = keys_of(&some);
    let mut put = store.put_many_opts(breaking(some.clone()), PutManyOptions::default());
    broken_after(&mut put, &keys, "put_many").await?;
    ensure_eq!(
        pairs_of(store.get_many(keys.clone()).try_collect().await?),
        some,
        "pairs stored before the error"
    );
    let mut get = store
        .get_many_opts(breaking(keys.clone()), GetManyOptions::default())
        .map_ok(|entry| entry.key);
    broken_after(&mut get, &keys, "get_many").await?;
    let mut delete = store.delete_many_opts(breaking(keys.clone()), DeleteManyOptions::default());
    broken_after(&mut delete, &keys, "delete_many").await?;
    expect_empty(store).await
}

async fn broken_after(
    stream: &mut (impl futures_util::Stream<Item = Result<Key>> + Unpin),
    keys: &[Key],
    what: &str,
) -> Outcome {
    for key in keys {
        ensure_eq!(
            stream.try_next().await?.as_ref(),
            Some(key),
            "key of {what} before the error"
        );
    }
    expect_error(
        stream.try_next().await,
        ErrorKind::Failed,
        &format!("{what} of a source that breaks"),
    )?;
    ensure!(
        stream.next().await.is_none(),
        "{what} goes on after an error"
    );
    Ok(())
}

/// A write that fails ends put_many in its place; what came before is done.
pub(crate) async fn put_fails_in_place(subject: &Subject) -> Outcome {
    let store = subject.store();
    let pairs = hundred(subject, "/many")?;
    let rules = subject.capabilities().keys;
    let bad = [
        Key::raw("/a//b"),
        Key::raw(b"/\xff\0"),
        Key::raw("/x".repeat(3000)),
    ];
    let Some(bad) = bad.into_iter().flatten().find(|key| !rules.allows(key)) else {
        return Err(Failure::unproven(
            "the store takes every key, so no put fails",
        ));
    };
    let mut source: Vec<_> = pairs.iter().take(3).cloned().collect();
    let keys = keys_of(&source);
    source.push((bad, "value".into()));
    source.extend(pairs.iter().skip(3).take(3).cloned());
    let (source, _) = counted(source);
    let mut put = store.put_many_opts(source, PutManyOptions::default().with_concurrency(1_usize));
    for key in &keys {
        ensure_eq!(
            put.try_next().await?.as_ref(),
            Some(key),
            "key of put_many before the error"
        );
    }
    expect_error(
        put.try_next().await,
        ErrorKind::InvalidKey,
        "put_many of a key against the rules",
    )?;
    ensure!(
        put.next().await.is_none(),
        "put_many goes on after an error"
    );
    drop(put);
    ensure_eq!(
        all_pairs(store).await?.len(),
        keys.len(),
        "entries behind an error of put_many with concurrency 1"
    );
    Ok(())
}

/// Entries come in the order of the keys asked for, each as often as it was asked for.
pub(crate) async fn get_in_order(subject: &Subject) -> Outcome {
    let (store, pairs) = (subject.store(), hundred(subject, "/many")?);
    store
        .put_many(pairs.clone())
        .try_collect::<Vec<_>>()
        .await?;
    let asked: Vec<_> = pairs
        .iter()
        .rev()
        .chain(pairs.iter().step_by(3))
        .chain(pairs.iter().take(1))
        .cloned()
        .collect();
    for concurrency in [0_usize, 1, 7, 1000] {
        let source = Box::pin(stream::iter(keys_of(&asked).into_iter().map(Ok)));
        let options = GetManyOptions::default().with_concurrency(concurrency);
        let got = pairs_of(store.get_many_opts(source, options).try_collect().await?);
        ensure_eq!(got, asked, "pairs of get_many");
    }
    Ok(())
}

/// The first missing key comes in its place, names itself, and ends the stream.
pub(crate) async fn get_fails_in_place(subject: &Subject) -> Outcome {
    let (store, pairs) = (subject.store(), hundred(subject, "/many")?);
    store
        .put_many(pairs.clone())
        .try_collect::<Vec<_>>()
        .await?;
    let missing = subject.key("/many/missing")?;
    let mut asked: Vec<_> = keys_of(&pairs);
    asked.insert(50, missing.clone());
    let mut got = store.get_many(asked);
    for (key, value) in pairs.iter().take(50) {
        let entry = got.try_next().await?;
        ensure_eq!(
            entry.map(|entry| (entry.key.clone(), entry.into_value())),
            Some((key.clone(), value.clone())),
            "pair before a missing key"
        );
    }
    let error = expect_error(
        got.try_next().await,
        ErrorKind::NotFound,
        "get_many of a missing key",
    )?;
    ensure_eq!(error.key(), Some(&missing), "key that the error names");
    ensure!(
        got.next().await.is_none(),
        "get_many goes on after a missing key"
    );
    Ok(())
}

/// The source of get_many is read at most `concurrency` ahead.
pub(crate) async fn get_is_lazy(subject: &Subject) -> Outcome {
    let (store, pairs) = (subject.store(), hundred(subject, "/many")?);
    store
        .put_many(pairs.clone())
        .try_collect::<Vec<_>>()
        .await?;
    for concurrency in [1, 4] {
        let (source, taken) = counted(keys_of(&pairs));
        let mut got = store.get_many_opts(
            source,
            GetManyOptions::default().with_concurrency(concurrency),
        );
        ensure_eq!(
            taken.load(Ordering::SeqCst),
            0,
            "keys taken before the first pull"
        );
        for given in 1..=3 {
            ensure!(got.try_next().await?.is_some(), "get_many ended early");
            let ahead = taken.load(Ordering::SeqCst) - given;
            ensure!(
                ahead <= concurrency,
                "{ahead} keys were taken ahead, {concurrency} may be"
            );
        }
    }
    Ok(())
}

/// Missing keys are given back by delete_many like others; nothing is removed before the stream is pulled.
pub(crate) async fn delete_gives_all(subject: &Subject) -> Outcome {
    let (store, pairs) = (subject.store(), hundred(subject, "/many")?);
    let half: Vec<_> = pairs.iter().step_by(2).cloned().collect();
    store.put_many(half.clone()).try_collect::<Vec<_>>().await?;
    let (source, taken) = counted(keys_of(&pairs));
    let deleting = store.delete_many_opts(source, DeleteManyOptions::default());
    ensure_eq!(
        taken.load(Ordering::SeqCst),
        0,
        "keys taken before the first pull"
    );
    ensure_eq!(
        all_pairs(store).await?.len(),
        half.len(),
        "entries before the first pull"
    );
    let given: Vec<_> = deleting.try_collect().await?;
    ensure_eq!(given, keys_of(&pairs), "keys that delete_many gives");
    expect_empty(store).await
}
