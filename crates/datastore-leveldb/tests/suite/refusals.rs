//! What writes is refused, and everything after closing.

use std::sync::Arc;

use datastore_leveldb::LevelOptions;
use futures::{TryStreamExt, stream};
use interface_datastore::{
    AbortSignal, Batch, Capabilities, Claim, Datastore, DatastoreExt, DeleteOptions, ErrorKind,
    GetOptions, Key, MaintainOptions, Maintenance, PutOptions, Query, QueryOptions, Result,
    WatchOptions,
};
use pollster::block_on;

use crate::common::{copy, expected, listed, open};

/// Every call that would change something.
async fn every_write(store: &Arc<dyn Datastore>) -> Vec<(&'static str, Result<()>)> {
    let key = Key::new("/a");
    let body = || Box::pin(stream::iter([Ok("x".into())]));
    let mut batch = Batch::new();
    batch.put(key.clone(), "x");
    let maintain = |task| {
        let events = store.maintain_opts(task, &Key::root(), MaintainOptions::default());
        async { events.try_collect::<Vec<_>>().await.map(drop) }
    };
    vec![
        ("put", store.put(&key, "x").await.map(drop)),
        (
            "put if absent",
            store
                .put_opts(&key, "x".into(), PutOptions::if_absent())
                .await
                .map(drop),
        ),
        ("put_stream", store.put_stream(&key, body()).await.map(drop)),
        (
            "put_many",
            store
                .put_many([(key.clone(), "x".into())])
                .try_collect::<Vec<_>>()
                .await
                .map(drop),
        ),
        ("delete", store.delete(&key).await),
        (
            "delete_many",
            store
                .delete_many([key.clone()])
                .try_collect::<Vec<_>>()
                .await
                .map(drop),
        ),
        ("write", store.write(batch).await.map(drop)),
        ("repair", maintain(Maintenance::Repair).await),
        ("gc", maintain(Maintenance::Gc).await),
        ("compact", maintain(Maintenance::Compact).await),
    ]
}

#[test]
fn writes_are_refused() {
    let folder = copy("log");
    let store = open(folder.path(), LevelOptions::new()).unwrap();
    let claims: Capabilities = store.capabilities(&Key::root());
    assert_eq!(claims.writable, Claim::No);
    for (what, outcome) in block_on(every_write(&store.handle())) {
        let error = outcome.expect_err(what);
        let expected = match what {
            "repair" | "gc" | "compact" => ErrorKind::Unsupported,
            _ => ErrorKind::ReadOnly,
        };
        assert_eq!(error.kind(), expected, "{what}: {error}");
    }
    let watched = block_on(store.watch_opts(&Key::root(), WatchOptions::default()));
    assert_eq!(watched.err().unwrap().kind(), ErrorKind::Unsupported);
    let all = listed(&store, Query::all()).unwrap();
    assert!(all.into_iter().eq(expected("log")));
}

#[test]
fn nothing_works_after_closing() {
    let folder = copy("tables_snappy");
    let store = open(folder.path(), LevelOptions::new()).unwrap();
    let key = Key::new("/a");
    block_on(async {
        let mut begun = store.query(Query::all());
        begun.try_next().await.unwrap().unwrap();
        store.close().await.unwrap();
        store.clone().close().await.unwrap();
        // What was read ahead may still come, then the stream ends with the error.
        let ended = begun.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::Closed);
        let mut outcomes = every_write(&store.handle()).await;
        outcomes.extend([
            ("get", store.get(&key).await.map(drop)),
            ("has", store.has(&key).await.map(drop)),
            (
                "get_many",
                store
                    .get_many([key.clone()])
                    .try_collect::<Vec<_>>()
                    .await
                    .map(drop),
            ),
            (
                "query",
                store
                    .query(Query::all())
                    .try_collect::<Vec<_>>()
                    .await
                    .map(drop),
            ),
            ("sync", store.sync(&key).await.map(drop)),
            ("disk_usage", store.disk_usage().await.map(drop)),
            (
                "watch",
                store
                    .watch_opts(&key, WatchOptions::default())
                    .await
                    .map(drop),
            ),
        ]);
        for (what, outcome) in outcomes {
            assert_eq!(outcome.expect_err(what).kind(), ErrorKind::Closed, "{what}");
        }
    });
}

#[test]
fn aborted_calls_say_so() {
    let folder = copy("tables_snappy");
    let store = open(folder.path(), LevelOptions::new()).unwrap();
    let (key, signal) = (Key::new("/none"), AbortSignal::already_aborted);
    block_on(async {
        let query = QueryOptions::default().with_abort(signal());
        let maintain = MaintainOptions::default().with_abort(signal());
        let outcomes = [
            store
                .get_opts(&key, GetOptions::default().with_abort(signal()))
                .await
                .map(drop),
            store
                .get_opts(&key, GetOptions::exists().with_abort(signal()))
                .await
                .map(drop),
            store
                .put_opts(&key, "x".into(), PutOptions::default().with_abort(signal()))
                .await
                .map(drop),
            store
                .delete_opts(&key, DeleteOptions::default().with_abort(signal()))
                .await,
            store
                .query_opts(Query::all(), query)
                .try_collect::<Vec<_>>()
                .await
                .map(drop),
            store
                .maintain_opts(Maintenance::Check, &Key::root(), maintain)
                .try_collect::<Vec<_>>()
                .await
                .map(drop),
        ];
        for outcome in outcomes {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Aborted);
        }
    });
}
