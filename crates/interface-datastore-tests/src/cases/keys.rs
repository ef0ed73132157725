//! Keys of every kind, taken or refused as the store's rules say.

use futures_util::TryStreamExt;
use interface_datastore::{Datastore, DatastoreExt, ErrorKind, Key, Query};

use super::support::all_pairs;
use crate::{
    Failure, Outcome, Subject,
    failure::{ensure, ensure_eq, expect_error},
};

fn raw(bytes: impl AsRef<[u8]>) -> Outcome<Key> {
    Key::raw(&bytes).map_err(|error| Failure::new(format!("the harness made a wrong key: {error}")))
}

/// Stores all keys that the rules allow, side by side, and finds each again; the others are refused.
async fn check(subject: &Subject, keys: &[Key]) -> Outcome {
    let (store, rules) = (subject.store(), subject.capabilities().keys);
    let (mut taken, refused): (Vec<_>, Vec<_>) =
        keys.iter().cloned().partition(|key| rules.allows(key));
    for key in refused {
        check_refused(store, &key).await?;
    }
    if rules.further {
        let allowed = std::mem::take(&mut taken);
        for key in allowed {
            match store.put(&key, "value").await {
                Err(error) if error.kind() == ErrorKind::InvalidKey => {
                    check_refused(store, &key).await?;
                }
                put => {
                    put?;
                    taken.push(key);
                }
            }
        }
    }
    for (i, key) in taken.iter().enumerate() {
        store
            .put(key, format!("value {i}"))
            .await
            .map_err(|error| Failure::from(error).during(format_args!("{key:?}")))?;
    }
    for (i, key) in taken.iter().enumerate() {
        ensure_eq!(
            store.get(key).await?,
            format!("value {i}"),
            "value of {key:?}"
        );
        ensure!(store.has(key).await?, "has is false for {key:?}");
    }
    let mut listed: Vec<_> = store.query_keys(Query::all()).try_collect().await?;
    listed.sort();
    taken.sort();
    ensure_eq!(listed, taken, "keys listed");
    for key in &taken {
        let found: Vec<_> = store
            .query_keys(Query::prefix(key.as_bytes()))
            .try_collect()
            .await?;
        ensure!(
            found.contains(key),
            "a query with the prefix {key:?} does not find that key"
        );
    }
    for key in &taken {
        store.delete(key).await?;
        ensure!(!store.has(key).await?, "{key:?} is there after its delete");
    }
    ensure_eq!(
        all_pairs(store).await?.len(),
        0,
        "entries after all were deleted"
    );
    Ok(())
}

async fn check_refused(store: &dyn Datastore, key: &Key) -> Outcome {
    let put = store.put(key, "value").await;
    expect_error(
        put,
        ErrorKind::InvalidKey,
        &format!("put of {key:?}, which is refused"),
    )?;
    let get = store.get(key).await;
    expect_error(
        get,
        ErrorKind::NotFound,
        &format!("get of {key:?}, which is refused"),
    )?;
    ensure!(
        !store.has(key).await?,
        "has is true for {key:?}, which is refused"
    );
    Ok(())
}

/// Empty namespaces: the root, inner and leading double slashes, a trailing slash.
pub(crate) async fn empty_namespaces(subject: &Subject) -> Outcome {
    let keys = ["/", "/a", "/a//b", "/a/b", "//a", "/a/", "//", "/a//"];
    check(
        subject,
        &keys.map(raw).into_iter().collect::<Outcome<Vec<_>>>()?,
    )
    .await
}

/// Dots are names like others, and lead nowhere.
pub(crate) async fn dots(subject: &Subject) -> Outcome {
    let keys = [
        "/.",
        "/..",
        "/a/.",
        "/a/..",
        "/../..",
        "/../../etc/passwd",
        "/a/../../b",
        "/a",
        "/b",
        "/...",
        "/.a",
        "/a.",
        "/a.data",
        "/a.data/b",
    ];
    check(
        subject,
        &keys.map(raw).into_iter().collect::<Outcome<Vec<_>>>()?,
    )
    .await
}

/// Bytes that are not text, or that systems treat in their own way.
pub(crate) async fn bytes(subject: &Subject) -> Outcome {
    let keys: [&[u8]; 20] = [
        b"/\0",
        b"/a\0b",
        b"/a",
        b"/\xff",
        b"/\xff\xfe",
        b"/\xc3\x28",
        b"/\x7f",
        b"/\n",
        b"/\r\n",
        b"/ ",
        b"/a ",
        b"/*?",
        b"/a\\b",
        b"/a:b",
        b"/CON",
        b"/nul.txt",
        b"/%41",
        b"/~",
        "/\u{feff}a".as_bytes(),
        "/\u{1F600}\u{10FFFF}".as_bytes(),
    ];
    check(
        subject,
        &keys.map(raw).into_iter().collect::<Outcome<Vec<_>>>()?,
    )
    .await
}

/// Names that differ in case only, or that look alike, are different keys.
pub(crate) async fn look_alikes(subject: &Subject) -> Outcome {
    let keys = [
        "/name",
        "/Name",
        "/NAME",
        "/name/x",
        "/Name/x",
        "/caf\u{e9}",
        "/cafe\u{301}",
        "/\u{df}",
        "/SS",
        "/ss",
    ];
    let plain = ["/ABC", "/ABCD", "/AB", "/A"];
    let keys = keys.into_iter().chain(plain).map(raw);
    check(subject, &keys.collect::<Outcome<Vec<_>>>()?).await
}

/// Names of 255, 256 and 1024 bytes, in one namespace and in many.
pub(crate) async fn long(subject: &Subject) -> Outcome {
    let mut keys = Vec::new();
    for len in [255, 256, 1023] {
        keys.push(raw(format!("/{}", "n".repeat(len)))?);
        keys.push(raw(format!("/{}", "N".repeat(len)))?);
        keys.push(raw(format!("/{}/tail", "m".repeat(len)))?);
    }
    keys.push(raw("/d".repeat(512))?);
    keys.push(raw(format!("/{}", "\u{e9}".repeat(500)))?);
    check(subject, &keys).await
}

/// A key may hold a value and have others below it.
pub(crate) async fn value_and_children(subject: &Subject) -> Outcome {
    let store = subject.store();
    let keys = ["/top", "/top/sub", "/top/sub/leaf"];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        for key in order.iter().filter_map(|place| keys.get(*place)) {
            store.put(&subject.key(key)?, *key).await?;
        }
        for key in keys {
            ensure_eq!(store.get(&subject.key(key)?).await?, key, "value of {key}");
        }
        store.delete(&subject.key("/top")?).await?;
        ensure_eq!(
            store.get(&subject.key("/top/sub")?).await?,
            "/top/sub",
            "value below a deleted key"
        );
        store.delete(&subject.key("/top/sub/leaf")?).await?;
        ensure_eq!(
            store.get(&subject.key("/top/sub")?).await?,
            "/top/sub",
            "value above a deleted key"
        );
        store.delete(&subject.key("/top/sub")?).await?;
    }
    ensure_eq!(
        all_pairs(store).await?.len(),
        0,
        "entries after all were deleted"
    );
    Ok(())
}
