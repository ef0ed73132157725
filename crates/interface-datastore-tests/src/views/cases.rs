//! The rules of wrappers that show a part of a store.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    Batch, Condition, DatastoreExt, DiskUsageOptions, ErrorKind, GetOptions, Key, MaintainOptions,
    Maintenance, PutOptions, Query, SyncOptions, Timestamp, Version, WatchOptions,
    query::{Filter, Order},
};

use super::View;
use crate::{
    Failure, Outcome,
    cases::support::{all_pairs, poll_once},
    failure::{ensure, ensure_eq, expect_error},
};

const PAST: Timestamp = Timestamp::from_millis(1);

/// Keys that might lead outside, were they not only names.
fn keys() -> Vec<Key> {
    ["/", "/k", "/k/deep", "/../x", "/..", "//k", "/./k"]
        .map(Key::new)
        .to_vec()
}

/// A key beside the part, one whose bytes start like the part's, and one above it.
fn foreign(view: &View) -> Vec<Key> {
    let mut beside = view.scope.as_bytes().to_vec();
    beside.push(b'2');
    vec![
        Key::new("/foreign"),
        Key::new(beside),
        view.scope.parent().child(&Key::new("/beside")),
    ]
}

async fn put_foreign(view: &View) -> Outcome {
    for key in foreign(view) {
        view.inner.put(&key, "foreign").await?;
    }
    Ok(())
}

async fn foreign_stands(view: &View) -> Outcome {
    for key in foreign(view) {
        ensure_eq!(
            view.inner.get(&key).await?,
            "foreign",
            "value of {key}, outside of the view"
        );
    }
    Ok(())
}

fn check_log(view: &View) -> Outcome {
    for (operation, key) in view.take_log() {
        let inside = key == view.scope || view.scope.is_ancestor_of(&key);
        ensure!(inside, "{operation} of {key} is outside of {}", view.scope);
    }
    Ok(())
}

/// Every call through the view asks the inner store about keys of its part only.
pub(crate) async fn stays_inside(view: &View) -> Outcome {
    let store = &*view.outer;
    put_foreign(view).await?;
    for key in keys() {
        store.put(&key, "value").await?;
        ensure_eq!(
            store.get(&key).await?,
            "value",
            "value of {key} through the view"
        );
        store
            .put_stream(&key, Box::pin(stream::iter([Ok(Bytes::from("streamed"))])))
            .await?;
        ensure_eq!(
            store.get(&key).await?,
            "streamed",
            "value of {key} through the view"
        );
        store
            .get_stream(&key)
            .await?
            .body
            .try_collect::<Vec<_>>()
            .await?;
        ensure_eq!(store.metadata(&key).await?.key, key, "key of an entry");
        let omitted = GetOptions::metadata().with_omit_key(true);
        let nameless = store.get_opts(&key, omitted).await?.key;
        ensure!(
            nameless == key || nameless.is_root(),
            "an entry without its key shows {nameless}"
        );
        ensure!(store.has(&key).await?, "has of {key} through the view");
        store
            .put_many([(key.clone(), "many".into())])
            .try_collect::<Vec<_>>()
            .await?;
        store
            .get_many([key.clone()])
            .try_collect::<Vec<_>>()
            .await?;
        store
            .delete_many([key.clone()])
            .try_collect::<Vec<_>>()
            .await?;
        let mut batch = Batch::new();
        batch
            .put(key.clone(), "batch")
            .require(key.clone(), Condition::IfAbsent);
        store.write(batch).await?;
        store.sync_opts(&key, SyncOptions::default()).await?;
        store
            .disk_usage_opts(&key, DiskUsageOptions::default())
            .await?;
        drop(store.watch_opts(&key, WatchOptions::default()).await?);
        for task in Maintenance::ALL {
            let events = store.maintain_opts(task, &key, MaintainOptions::default());
            events.try_collect::<Vec<_>>().await?;
        }
        store.capabilities(&key);
        ensure_eq!(
            view.inner.get(&view.inside(&key)).await?,
            "batch",
            "value of {key} in the inner store"
        );
        store.delete(&key).await?;
        check_log(view)?;
    }
    store.delete_prefix("").await?;
    foreign_stands(view).await
}

/// Listings show the part only, with outer keys, whatever is asked.
pub(crate) async fn foreign_entries_are_hidden(view: &View) -> Outcome {
    let store = &*view.outer;
    put_foreign(view).await?;
    for key in keys() {
        store.put(&key, key.as_bytes().to_vec()).await?;
    }
    let all: Vec<(Key, Bytes)> = {
        let mut keys = keys();
        keys.sort();
        keys.dedup();
        keys.into_iter()
            .map(|key| (key.clone(), Bytes::copy_from_slice(key.as_bytes())))
            .collect()
    };
    ensure_eq!(all_pairs(store).await?, all, "entries through the view");
    let queries = [
        Query::prefix("/"),
        Query::prefix("/k"),
        Query::within(Key::root()),
        Query::within(Key::new("/k")),
        Query::all().with_start(Key::new("/k")),
        Query::all().with_end(Key::new("/k")),
        Query::all().with_start_after(Key::new("/k")),
        Query::all().reversed().with_start_after(Key::new("/k")),
        Query::all().with_filter(Filter::key_prefix("/k")),
        Query::all().with_filter(Filter::KeyDepth(
            interface_datastore::query::Comparison::Equal,
            1,
        )),
        Query::all()
            .with_order(Order::by_key().descending())
            .with_limit(2),
        Query::all().reversed().with_limit(3).keys_only(),
    ];
    for query in queries {
        let got: Vec<_> = store.query(query.clone()).try_collect().await?;
        let during = |failure: Failure| failure.during(format_args!("{query:?}"));
        crate::naive::compare(&got, &all, &query, false).map_err(during)?;
    }
    Ok(())
}

/// A condition in a batch is about the view's key, not about the inner store's key of that name.
pub(crate) async fn batch_conditions(view: &View) -> Outcome {
    let (store, key) = (&*view.outer, Key::new("/foreign"));
    put_foreign(view).await?;
    let mut batch = Batch::new();
    batch
        .put(key.clone(), "new")
        .require(key.clone(), Condition::IfAbsent);
    store.write(batch.clone()).await?;
    ensure_eq!(
        store.get(&key).await?,
        "new",
        "value of a batch whose condition holds in the view"
    );
    let error = expect_error(
        store.write(batch).await,
        ErrorKind::PreconditionFailed,
        "a batch whose condition fails in the view",
    )?;
    ensure_eq!(error.key(), Some(&key), "key that the error names");
    let outside = view
        .inner
        .metadata(&key)
        .await?
        .version
        .unwrap_or(Version::from(0));
    let mut batch = Batch::new();
    batch
        .delete(key.clone())
        .require(key.clone(), Condition::IfMatch(outside));
    let written = store.write(batch).await;
    expect_error(
        written,
        ErrorKind::PreconditionFailed,
        "a batch on the version of a foreign entry",
    )?;
    foreign_stands(view).await
}

/// An entry that expires does so in the view, and nothing outside of it.
pub(crate) async fn expiry(view: &View) -> Outcome {
    let (store, key) = (&*view.outer, Key::new("/foreign"));
    put_foreign(view).await?;
    store.put_expiring(&key, "value", PAST).await?;
    ensure!(!store.has(&key).await?, "an expired entry is there");
    store
        .put_expiring(&key, "value", Timestamp::from_millis(4_000_000_000_000))
        .await?;
    ensure!(
        store.metadata(&key).await?.expires.is_some(),
        "the view loses the expiry"
    );
    let mut batch = Batch::new();
    batch.put_expiring(key.clone(), "value", PAST);
    store.write(batch).await?;
    ensure!(
        !store.has(&key).await?,
        "an expired entry of a batch is there"
    );
    foreign_stands(view).await
}

/// Events tell of the view's keys by their outer names, and of nothing else.
pub(crate) async fn watch(view: &View) -> Outcome {
    let (store, key) = (&*view.outer, Key::new("/k"));
    let mut events = store
        .watch_opts(&Key::root(), WatchOptions::default())
        .await?;
    put_foreign(view).await?;
    let leaked = poll_once(events.next()).await;
    ensure!(
        leaked.is_none(),
        "a watch tells of what is outside: {leaked:?}"
    );
    store.put(&key, "value").await?;
    let event = events.next().await.transpose()?;
    ensure_eq!(
        event.as_ref().and_then(|event| event.key()),
        Some(&key),
        "key of the event of a put"
    );
    Ok(())
}

/// Collecting garbage removes what has expired in the view and leaves what has expired outside.
pub(crate) async fn maintenance(view: &View) -> Outcome {
    let (store, key) = (&*view.outer, Key::new("/k"));
    for foreign in foreign(view) {
        view.inner.put_expiring(&foreign, "expired", PAST).await?;
    }
    store.put_expiring(&key, "expired", PAST).await?;
    let found: Vec<_> = store.maintain(Maintenance::Gc).try_collect().await?;
    let named: Vec<Key> = found
        .iter()
        .filter_map(|event| match event {
            interface_datastore::MaintenanceEvent::Finding(finding) => finding.key.clone(),
            _ => None,
        })
        .collect();
    ensure_eq!(named, [key], "keys that maintenance of the view finds");
    let left: Vec<_> = view.inner.maintain(Maintenance::Gc).try_collect().await?;
    ensure_eq!(
        left.len(),
        foreign(view).len(),
        "expired entries outside that maintenance of the view leaves"
    );
    check_log(view)
}

/// Usage counts the view only; sync is asked of the view only.
pub(crate) async fn disk_usage_and_sync(view: &View) -> Outcome {
    let store = &*view.outer;
    put_foreign(view).await?;
    store.put(&Key::new("/k"), "12345").await?;
    let usage = store
        .disk_usage_opts(&Key::root(), DiskUsageOptions::default())
        .await?;
    ensure_eq!(usage.bytes, 5, "bytes taken by the view");
    store
        .sync_opts(&Key::root(), SyncOptions::default())
        .await?;
    check_log(view)
}

/// Errors name the key that the caller gave.
pub(crate) async fn errors_name_outer_keys(view: &View) -> Outcome {
    let (store, key) = (&*view.outer, Key::new("/k"));
    let missing = expect_error(
        store.get(&key).await,
        ErrorKind::NotFound,
        "get of a missing key",
    )?;
    ensure_eq!(
        missing.key(),
        Some(&key),
        "key that the error of a get names"
    );
    store.put(&key, "value").await?;
    let refused = store
        .put_opts(&key, "new".into(), PutOptions::if_absent())
        .await;
    let refused = expect_error(
        refused,
        ErrorKind::PreconditionFailed,
        "put if absent over a value",
    )?;
    ensure_eq!(
        refused.key(),
        Some(&key),
        "key that the error of a put names"
    );
    let other = store
        .get_opts(
            &key,
            GetOptions::default().with_if_version(Version::from(u64::MAX)),
        )
        .await;
    let other = expect_error(
        other,
        ErrorKind::PreconditionFailed,
        "get of another version",
    )?;
    ensure_eq!(other.key(), Some(&key), "key that the error of a get names");
    let none = Key::new("/none");
    let missing = store
        .get_many([key, none.clone()])
        .try_collect::<Vec<_>>()
        .await;
    let missing = expect_error(missing, ErrorKind::NotFound, "get_many of a missing key")?;
    ensure_eq!(
        missing.key(),
        Some(&none),
        "key that the error of a get_many names"
    );
    Ok(())
}
