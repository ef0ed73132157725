//! The trait's defaults, the short forms and the blocking form, over a store of six methods.

mod tiny;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    AbortSignal, Batch, BoxStream, Condition, Datastore, DatastoreExt, Durability, Entry, Error,
    ErrorKind, GetManyOptions, GetOptions, Key, Maintenance, Operation, PutManyOptions, PutOptions,
    Query, Result, WriteOptions, blocking,
};
use pollster::block_on;

use crate::tiny::Tiny;

fn key(name: &str) -> Key {
    Key::new(name)
}

fn pairs(names: &[&str]) -> Vec<(Key, Bytes)> {
    names
        .iter()
        .map(|name| (key(name), Bytes::copy_from_slice(name.as_bytes())))
        .collect()
}

fn kinds<T>(items: &[Result<T>]) -> Vec<Option<ErrorKind>> {
    items
        .iter()
        .map(|item| item.as_ref().err().map(Error::kind))
        .collect()
}

#[test]
fn short_forms() {
    block_on(async {
        let store = Tiny::default();
        let a = key("/a");
        store.put(&a, "0123456789").await.unwrap();
        assert_eq!(store.get(&a).await.unwrap(), "0123456789");
        assert_eq!(store.try_get(&key("/b")).await.unwrap(), None);
        assert_eq!(store.get_range(&a, 2..4).await.unwrap(), "23");
        assert_eq!(store.get_size(&a).await.unwrap(), 10);
        assert!(store.has(&a).await.unwrap() && !store.has(&key("/b")).await.unwrap());
        assert_eq!(
            store
                .query_keys(Query::all())
                .try_collect::<Vec<_>>()
                .await
                .unwrap(),
            [key("/a")]
        );
        store.delete(&a).await.unwrap();
        assert_eq!(store.get(&a).await.unwrap_err().js_name(), "NotFoundError");
    });
}

#[test]
fn delete_prefix_counts_what_it_removes() {
    block_on(async {
        let store = Tiny::default();
        store
            .put_many(pairs(&["/a", "/a/b", "/ab", "/b"]))
            .try_collect::<Vec<_>>()
            .await
            .unwrap();
        assert_eq!(store.delete_prefix("/a").await.unwrap(), 3);
        assert_eq!(
            store
                .query_keys(Query::all())
                .try_collect::<Vec<_>>()
                .await
                .unwrap(),
            [key("/b")]
        );
    });
}

#[test]
fn streams_are_gathered_and_handed_out_whole() {
    block_on(async {
        let store = Tiny::default();
        let body: BoxStream<'static, Result<Bytes>> = Box::pin(stream::iter(
            ["ab", "", "cd", "e"].map(|piece| Ok(Bytes::from_static(piece.as_bytes()))),
        ));
        store.put_stream(&key("/s"), body).await.unwrap();
        let read = store.get_stream(&key("/s")).await.unwrap();
        assert_eq!(
            (read.entry.size, read.entry.value.is_none()),
            (Some(5), true)
        );
        let pieces: Vec<Bytes> = read.body.try_collect().await.unwrap();
        assert_eq!(pieces.concat(), b"abcde");
        let wrong = store
            .get_stream_opts(&key("/s"), GetOptions::metadata())
            .await
            .unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::InvalidArgument);
        // A body that fails leaves the old value.
        let broken = stream::iter([
            Ok("x".into()),
            Err(Error::new(ErrorKind::Unavailable, Operation::Get)),
        ]);
        let error = store
            .put_stream(&key("/s"), Box::pin(broken))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(store.get(&key("/s")).await.unwrap(), "abcde");
    });
}

/// `unfold` panics when it is asked again behind its end.
#[test]
fn bodies_are_not_asked_again_behind_their_end() {
    for pieces in 0..4 {
        block_on(async {
            let store = Tiny::default();
            let body = stream::unfold(pieces, |left: usize| async move {
                (left > 0).then(|| (Ok(Bytes::from_static(b"x")), left - 1))
            });
            store.put_stream(&key("/s"), Box::pin(body)).await.unwrap();
            assert_eq!(store.get(&key("/s")).await.unwrap(), "x".repeat(pieces));
        });
    }
}

#[test]
fn many_come_in_order_and_end_at_the_first_error() {
    block_on(async {
        let store = Tiny::default();
        let put: Vec<Key> = store
            .put_many(pairs(&["/c", "/a", "/b", "/a"]))
            .try_collect()
            .await
            .unwrap();
        assert_eq!(put, ["/c", "/a", "/b", "/a"].map(Key::new));
        let got: Vec<_> = store
            .get_many(["/b", "/b", "/nope", "/c"].map(Key::new))
            .collect()
            .await;
        assert_eq!(kinds(&got), [None, None, Some(ErrorKind::NotFound)]);
        let source = stream::iter([
            Ok(key("/a")),
            Err(Error::new(ErrorKind::Failed, Operation::Query)),
            Ok(key("/b")),
        ]);
        let deleted: Vec<_> = store
            .delete_many_opts(Box::pin(source), Default::default())
            .collect()
            .await;
        assert_eq!(kinds(&deleted), [None, Some(ErrorKind::Failed)]);
        assert!(store.has(&key("/b")).await.unwrap());
    });
}

#[test]
fn put_many_takes_no_more_than_it_may_work_on() {
    block_on(async {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = taken.clone();
        let source = stream::iter(0..100).map(move |i| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok((key(&format!("/{i}")), Bytes::new()))
        });
        let store = Tiny::default();
        let mut stored = store.put_many_opts(
            Box::pin(source),
            PutManyOptions::default().with_concurrency(4_usize),
        );
        assert_eq!(taken.load(Ordering::SeqCst), 0, "lazy");
        stored.next().await.unwrap().unwrap();
        drop(stored);
        assert!(
            taken.load(Ordering::SeqCst) <= 5,
            "took {}",
            taken.load(Ordering::SeqCst)
        );
    });
}

#[test]
fn writes_of_one_key_happen_in_source_order() {
    block_on(async {
        let store = Tiny::default();
        let source = (0..100u8).map(|i| (key("/same"), Bytes::copy_from_slice(&[i])));
        store
            .put_many(source.collect::<Vec<_>>())
            .try_collect::<Vec<_>>()
            .await
            .unwrap();
        assert_eq!(store.get(&key("/same")).await.unwrap()[..], [99]);
    });
}

#[test]
fn batches() {
    block_on(async {
        let store = Tiny::default();
        let mut batch = store.batch();
        batch
            .put(key("/a"), "1")
            .put(key("/b"), "2")
            .delete(key("/a"));
        assert!(
            !store.has(&key("/b")).await.unwrap(),
            "nothing before commit"
        );
        batch.commit().await.unwrap();
        assert!(batch.as_batch().is_empty());
        assert!(store.has(&key("/b")).await.unwrap() && !store.has(&key("/a")).await.unwrap());
        // What the store lacks is refused before any effect, and the batch stays as it was.
        batch.put(key("/c"), "3").put(key("/d"), "4");
        let refused = batch
            .commit_opts(WriteOptions::default().with_atomic(true))
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        assert_eq!(batch.as_batch().len(), 2);
        let mut conditional = Batch::new();
        conditional
            .put(key("/c"), "3")
            .require(key("/x"), Condition::IfAbsent);
        assert_eq!(
            store.write(conditional).await.unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        assert!(!store.has(&key("/c")).await.unwrap());
    });
}

#[test]
fn what_a_store_lacks_is_refused() {
    block_on(async {
        let store = Tiny::default();
        assert_eq!(
            store.watch(&Key::root()).await.err().map(|e| e.kind()),
            Some(ErrorKind::Unsupported)
        );
        assert_eq!(
            store.disk_usage().await.unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        for task in Maintenance::ALL {
            let found: Vec<_> = store.maintain(task).collect().await;
            assert_eq!(kinds(&found), [Some(ErrorKind::Unsupported)], "{task}");
        }
        assert_eq!(
            store.sync(&Key::root()).await.unwrap(),
            Durability::Volatile
        );
        let conditional = store
            .put_opts(&key("/a"), "1".into(), PutOptions::if_absent())
            .await;
        assert_eq!(conditional.unwrap_err().kind(), ErrorKind::Unsupported);
        store.close().await.unwrap();
    });
}

#[test]
fn an_aborted_signal_ends_every_call_with_aborted() {
    block_on(async {
        let store = Tiny::default();
        let a = key("/a");
        store.put(&a, "1").await.unwrap();
        let signal = AbortSignal::already_aborted;
        let single = store
            .put_opts(&a, "2".into(), PutOptions::default().with_abort(signal()))
            .await;
        assert!(single.unwrap_err().is_aborted());
        assert!(
            store
                .get_opts(&a, GetOptions::exists().with_abort(signal()))
                .await
                .unwrap_err()
                .is_aborted()
        );
        let body = Box::pin(stream::pending());
        let streamed = store
            .put_stream_opts(&a, body, PutOptions::default().with_abort(signal()))
            .await;
        assert!(streamed.unwrap_err().is_aborted());
        let source = Box::pin(stream::iter([Ok(a.clone())]));
        let many: Vec<Result<Entry>> = store
            .get_many_opts(source, GetManyOptions::default().with_abort(signal()))
            .collect()
            .await;
        assert_eq!(kinds(&many), [Some(ErrorKind::Aborted)]);
        let mut batch = Batch::new();
        batch.put(a.clone(), "3");
        let written = store
            .write_opts(batch, WriteOptions::default().with_abort(signal()))
            .await;
        assert!(written.unwrap_err().is_aborted());
        assert_eq!(store.get(&a).await.unwrap(), "1");
    });
}

#[test]
fn the_blocking_form_needs_no_runtime() {
    let store = blocking::Datastore::new(&Tiny::default());
    store.put(&key("/a"), "1").unwrap();
    assert!(
        store.put_if_absent(&key("/b"), "1").is_err(),
        "the store has no conditions"
    );
    assert_eq!(store.put_many(pairs(&["/b", "/c"])).count(), 2);
    assert_eq!(
        store
            .get_many([key("/a"), key("/b")])
            .filter(Result::is_ok)
            .count(),
        2
    );
    assert_eq!(
        store
            .query_keys(Query::prefix("/b"))
            .next()
            .unwrap()
            .unwrap(),
        key("/b")
    );
    assert_eq!(store.delete_prefix("/").unwrap(), 3);
    store.close().unwrap();
}

#[test]
fn stores_behind_pointers_are_the_stores_themselves() {
    let store: Arc<dyn Datastore> = Arc::new(Tiny::default());
    let boxed: Box<dyn Datastore> = Box::new(store.clone());
    block_on(boxed.put(&key("/a"), "1")).unwrap();
    assert_eq!(block_on(store.get(&key("/a"))).unwrap(), "1");
    assert_eq!(
        boxed.capabilities(&Key::root()),
        store.capabilities(&Key::root())
    );
}

#[cfg(feature = "json")]
#[test]
fn typed_values() {
    let store = Tiny::default();
    block_on(store.put_json(&key("/j"), &vec![1, 2])).unwrap();
    assert_eq!(
        block_on(store.get_json::<Vec<u8>>(&key("/j"))).unwrap(),
        [1, 2]
    );
    let wrong = block_on(store.get_json::<String>(&key("/j"))).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Damaged);
}
