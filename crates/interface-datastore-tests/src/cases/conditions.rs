//! Writes on conditions, and versions.

use futures_util::future::join_all;
use interface_datastore::{
    Condition, DatastoreExt, DeleteOptions, Error, ErrorKind, GetOptions, Key, Operation,
    PutOptions, Result, Version, Written,
};

use crate::{
    Failure, Outcome, Subject,
    failure::{ensure, ensure_eq, expect_error},
};

const RACERS: usize = 16;

fn failed<T>(outcome: Result<T>, key: &Key, what: &str) -> Outcome {
    let error = expect_error(outcome, ErrorKind::PreconditionFailed, what)?;
    ensure_eq!(error.key(), Some(key), "key that the error of {what} names");
    Ok(())
}

/// The version that a put reports; one that reports none counts as a refusal, which a claim that varies permits.
pub(crate) fn version_of(written: Written) -> Outcome<Version> {
    written.version.ok_or_else(|| {
        let refused = Error::unsupported(Operation::Put, "versions");
        Failure::from(refused).during("a put of a store with versions tells none")
    })
}

/// A put if absent happens once, and again after a delete.
pub(crate) async fn if_absent(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/cond/a")?);
    for _ in 0..2 {
        store
            .put_opts(&key, "first".into(), PutOptions::if_absent())
            .await?;
        let again = store
            .put_opts(&key, "second".into(), PutOptions::if_absent())
            .await;
        failed(again, &key, "put if absent over a value")?;
        ensure!(
            !store.put_if_absent(&key, "third").await?,
            "put_if_absent over a value is true"
        );
        ensure_eq!(store.get(&key).await?, "first", "value after refused puts");
        store.delete(&key).await?;
    }
    store.put(&key, "").await?;
    let over_empty = store
        .put_opts(&key, "new".into(), PutOptions::if_absent())
        .await;
    failed(over_empty, &key, "put if absent over an empty value")
}

/// Of sixteen puts if absent at once exactly one happens.
pub(crate) async fn if_absent_race(subject: &Subject) -> Outcome {
    let store = subject.store();
    for round in 0..20 {
        let key = subject.key(format!("/cond/race{round}"))?;
        let puts = (0..RACERS).map(|i| store.put_if_absent(&key, format!("racer {i}")));
        let outcomes = join_all(puts)
            .await
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        one_winner(&outcomes, store.get(&key).await?)?;
    }
    Ok(())
}

pub(crate) fn one_winner(outcomes: &[bool], value: bytes::Bytes) -> Outcome {
    let winners: Vec<_> = (0..outcomes.len())
        .filter(|i| outcomes.get(*i) == Some(&true))
        .collect();
    let [winner] = winners[..] else {
        return Err(Failure::new(format!(
            "of the racers {winners:?} won instead of one"
        )));
    };
    ensure_eq!(value, format!("racer {winner}"), "value of the winner");
    Ok(())
}

/// Two handles on the same data decide conditions together.
pub(crate) async fn across_handles(subject: &Subject) -> Outcome {
    let opener = subject
        .second_opener()
        .ok_or_else(|| Failure::new("no second handle"))?;
    let (first, second) = (subject.store(), opener.open().await?);
    for round in 0..20 {
        let key = subject.key(format!("/cond/race{round}"))?;
        let puts = (0..RACERS).map(|i| {
            let store = if i % 2 == 0 { first } else { &*second };
            store.put_if_absent(&key, format!("racer {i}"))
        });
        let outcomes = join_all(puts)
            .await
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        one_winner(&outcomes, first.get(&key).await?)?;
        ensure_eq!(
            second.get(&key).await?,
            first.get(&key).await?,
            "value read by both handles"
        );
    }
    second.close().await?;
    Ok(())
}

/// Every new value has a new version, told by the put and by reads.
pub(crate) async fn versions(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/cond/v")?);
    let mut seen = Vec::new();
    for value in ["a", "b", "a", "", "a"] {
        let version = version_of(store.put(&key, value).await?)?;
        let entry = store.get_opts(&key, GetOptions::default()).await?;
        ensure_eq!(
            entry.version.as_ref(),
            Some(&version),
            "version told by a get"
        );
        ensure_eq!(
            store.metadata(&key).await?.version.as_ref(),
            Some(&version),
            "version among metadata"
        );
        let kept = Version::from_bytes(version.as_bytes());
        ensure_eq!(kept, version, "version kept as bytes");
        if seen
            .last()
            .is_some_and(|(_, last): &(&str, Version)| *last == version)
        {
            return Err(Failure::new("two values in a row have one version"));
        }
        // An older version may only come back with the very value that it named.
        for (old_value, old) in &seen {
            ensure!(
                *old != version || *old_value == value,
                "one version names two values"
            );
        }
        seen.push((value, version));
    }
    Ok(())
}

/// A get of a version gives that version or fails.
pub(crate) async fn get_if_version(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/cond/v")?);
    let old = version_of(store.put(&key, "old").await?)?;
    let ask = |version: &Version| GetOptions::default().with_if_version(version.clone());
    ensure_eq!(
        store.get_opts(&key, ask(&old)).await?.into_value(),
        "old",
        "value of the version"
    );
    store.put(&key, "new").await?;
    failed(
        store.get_opts(&key, ask(&old)).await,
        &key,
        "get of an old version",
    )?;
    store.delete(&key).await?;
    expect_error(
        store.get_opts(&key, ask(&old)).await,
        ErrorKind::NotFound,
        "get of a version of a missing key",
    )?;
    Ok(())
}

/// A put on condition of a version happens only if that is the present one.
pub(crate) async fn if_match(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/cond/m")?);
    let on = |version: &Version| PutOptions::if_match(version.clone());
    let first = version_of(store.put(&key, "first").await?)?;
    let second = version_of(store.put_opts(&key, "second".into(), on(&first)).await?)?;
    failed(
        store.put_opts(&key, "third".into(), on(&first)).await,
        &key,
        "put on an old version",
    )?;
    ensure_eq!(
        store.get(&key).await?,
        "second",
        "value after a refused put"
    );
    store.delete(&key).await?;
    failed(
        store.put_opts(&key, "third".into(), on(&second)).await,
        &key,
        "put on a version of a missing key",
    )?;
    ensure!(!store.has(&key).await?, "a refused put took effect");
    // The same value again is another state: who knew the first one must notice.
    store.put(&key, "between").await?;
    let again = version_of(store.put(&key, "first").await?)?;
    if again != first {
        failed(
            store.put_opts(&key, "late".into(), on(&first)).await,
            &key,
            "put on the version before a change and back",
        )?;
    }
    Ok(())
}

/// Sixteen writers that each add one by reading and putting on condition lose no addition.
pub(crate) async fn if_match_race(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/cond/counter")?);
    store.put(&key, "0").await?;
    let add_one = || async {
        loop {
            let entry = store.get_opts(&key, GetOptions::default()).await?;
            let version = entry
                .version
                .clone()
                .ok_or_else(|| Failure::new("a get tells no version"))?;
            let text = String::from_utf8_lossy(&entry.into_value()).into_owned();
            let count: u32 = text
                .parse()
                .map_err(|_| Failure::new(format!("the counter reads {text:?}")))?;
            let put = store.put_opts(
                &key,
                (count + 1).to_string().into(),
                PutOptions::if_match(version),
            );
            match put.await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::PreconditionFailed => {}
                Err(error) => return Err(Failure::from(error)),
            }
        }
    };
    join_all((0..RACERS).map(|_| add_one()))
        .await
        .into_iter()
        .collect::<Outcome<Vec<_>>>()?;
    ensure_eq!(
        store.get(&key).await?,
        RACERS.to_string(),
        "sum of the additions"
    );
    Ok(())
}

/// A delete on condition of a version happens only if that is the present one.
pub(crate) async fn delete_if_match(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/cond/d")?);
    let old = version_of(store.put(&key, "old").await?)?;
    let new = version_of(store.put(&key, "new").await?)?;
    failed(
        store.delete_opts(&key, DeleteOptions::if_match(old)).await,
        &key,
        "delete of an old version",
    )?;
    ensure_eq!(
        store.get(&key).await?,
        "new",
        "value after a refused delete"
    );
    store
        .delete_opts(&key, DeleteOptions::if_match(new.clone()))
        .await?;
    ensure!(
        !store.has(&key).await?,
        "has is true after a delete on condition"
    );
    failed(
        store.delete_opts(&key, DeleteOptions::if_match(new)).await,
        &key,
        "delete of a version of a missing key",
    )
}

/// Deleting only what is absent makes no sense, and is said so.
pub(crate) async fn delete_if_absent(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/cond/d")?);
    store.put(&key, "old").await?;
    for key in [&key, &subject.key("/cond/none")?] {
        let options = DeleteOptions::default().with_condition(Condition::IfAbsent);
        expect_error(
            store.delete_opts(key, options).await,
            ErrorKind::InvalidArgument,
            "delete if absent",
        )?;
    }
    ensure_eq!(
        store.get(&key).await?,
        "old",
        "value after a refused delete"
    );
    Ok(())
}
