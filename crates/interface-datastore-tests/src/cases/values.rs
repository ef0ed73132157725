//! Values: empty, large, in pieces, in part, and nobody's but the store's.

use std::task::Poll;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use interface_datastore::{
    ByteRange, DatastoreExt, Error, ErrorKind, GetOptions, Operation, PutOptions,
};

use super::support::{aborted_signal, expect_aborted};
use crate::{
    Failure, Outcome, Subject,
    failure::{ensure, ensure_eq, expect_error},
};

/// An empty value is a value.
pub(crate) async fn empty(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/values/empty")?);
    store.put(&key, "").await?;
    ensure!(
        store.has(&key).await?,
        "a key with an empty value is missing"
    );
    ensure_eq!(store.get(&key).await?, "", "empty value");
    ensure_eq!(store.get_size(&key).await?, 0, "size of an empty value");
    let pieces: Vec<Bytes> = store.get_stream(&key).await?.body.try_collect().await?;
    ensure!(
        pieces.iter().all(Bytes::is_empty),
        "the pieces of an empty value hold bytes"
    );
    ensure_eq!(
        store.get_range(&key, ..).await?,
        "",
        "range of an empty value"
    );
    store.put(&key, "full").await?;
    store.put(&key, "").await?;
    ensure_eq!(store.get(&key).await?, "", "empty value over another");
    Ok(())
}

/// Bytes without a pattern that storage might exploit.
pub(crate) fn noise(len: usize, seed: u64) -> Bytes {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes.into()
}

/// Whether the store takes values of this length; one that does not must refuse them.
async fn takes(subject: &Subject, len: usize) -> Outcome<bool> {
    let Some(max) = subject
        .capabilities()
        .max_value_len
        .filter(|max| *max < len as u64)
    else {
        return Ok(true);
    };
    let key = subject.key("/values/too-long")?;
    let put = subject.store().put(&key, noise(len, 3)).await;
    ensure!(
        put.is_err(),
        "a value of {len} bytes is taken, the store claims at most {max}"
    );
    ensure!(
        !subject.store().has(&key).await?,
        "a refused value was stored"
    );
    Ok(false)
}

/// One mebibyte.
pub(crate) async fn one_mebibyte(subject: &Subject) -> Outcome {
    if !takes(subject, 1 << 20).await? {
        return Ok(());
    }
    let (store, key, value) = (
        subject.store(),
        subject.key("/values/large")?,
        noise(1 << 20, 7),
    );
    store.put(&key, value.clone()).await?;
    ensure!(
        store.get(&key).await? == value,
        "a value of 1 MiB came back changed"
    );
    ensure_eq!(store.get_size(&key).await?, 1 << 20, "size");
    Ok(())
}

/// A new value takes the place of the old one whole, longer or shorter.
pub(crate) async fn overwritten(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/values/one")?);
    for value in [
        noise(5000, 1),
        noise(10, 2),
        noise(70_000, 3),
        noise(69_999, 4),
    ] {
        store.put(&key, value.clone()).await?;
        ensure!(
            store.get(&key).await? == value,
            "the new value of {} bytes is not read",
            value.len()
        );
    }
    Ok(())
}

/// Keys do not share values, and what was read does not change when the key does.
pub(crate) async fn isolated(subject: &Subject) -> Outcome {
    let (store, a, b) = (
        subject.store(),
        subject.key("/values/a")?,
        subject.key("/values/b")?,
    );
    let mut buffer = BytesMut::from(&b"first"[..]);
    store.put(&a, buffer.split().freeze()).await?;
    buffer.extend_from_slice(b"other");
    let first = store.get(&a).await?;
    store.put(&b, first.clone()).await?;
    store.put(&a, buffer.freeze()).await?;
    ensure_eq!(first, "first", "value read before the key changed");
    ensure_eq!(store.get(&b).await?, "first", "value of another key");
    ensure_eq!(store.get(&a).await?, "other", "new value");
    store.delete(&a).await?;
    ensure_eq!(
        store.get(&b).await?,
        "first",
        "value after the delete of another key"
    );
    Ok(())
}

/// Parts of a value: within, to the end, from the end, beyond the end.
pub(crate) async fn ranges(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/values/ranged")?);
    store.put(&key, "0123456789").await?;
    let parts = [
        (ByteRange::Bounded(2, 5), "234"),
        (ByteRange::Bounded(0, 10), "0123456789"),
        (ByteRange::Bounded(8, 99), "89"),
        (ByteRange::Bounded(4, 4), ""),
        (ByteRange::Bounded(10, 99), ""),
        (ByteRange::From(7), "789"),
        (ByteRange::From(10), ""),
        (ByteRange::Last(3), "789"),
        (ByteRange::Last(99), "0123456789"),
        (ByteRange::Last(0), ""),
    ];
    for (range, expected) in parts {
        let entry = store.get_opts(&key, GetOptions::range(range)).await?;
        ensure_eq!(entry.size, Some(10), "whole size told with {range:?}");
        ensure_eq!(entry.into_value(), expected, "{range:?}");
        let part = store
            .get_stream_opts(&key, GetOptions::range(range))
            .await?;
        let part: BytesMut = part.body.try_collect().await?;
        ensure_eq!(part, expected, "{range:?} as a stream");
    }
    for range in [
        ByteRange::Bounded(5, 2),
        ByteRange::From(11),
        ByteRange::Bounded(11, 12),
        ByteRange::From(u64::MAX),
    ] {
        let got = store.get_opts(&key, GetOptions::range(range)).await;
        expect_error(
            got,
            ErrorKind::InvalidArgument,
            &format!("{range:?} of 10 bytes"),
        )?;
        let got = store.get_stream_opts(&key, GetOptions::range(range)).await;
        expect_error(
            got,
            ErrorKind::InvalidArgument,
            &format!("{range:?} as a stream"),
        )?;
    }
    let missing = subject.key("/not/there")?;
    let got = store
        .get_opts(&missing, GetOptions::range(ByteRange::Bounded(0, 1)))
        .await;
    expect_error(got, ErrorKind::NotFound, "a range of a missing key")?;
    Ok(())
}

/// Size without the value.
pub(crate) async fn metadata(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/values/known")?);
    for value in ["", "four", "a little longer"] {
        store.put(&key, value).await?;
        let entry = store.metadata(&key).await?;
        ensure_eq!(entry.key, key, "key of the entry");
        ensure_eq!(entry.size, Some(value.len() as u64), "size");
        ensure_eq!(entry.value, None, "value among metadata");
        ensure_eq!(entry.expires, None, "expiry of an entry without one");
        let whole = store.get_opts(&key, GetOptions::default()).await?;
        ensure_eq!(whole.key, key, "key told with the value");
        ensure_eq!(whole.version, entry.version, "version told with the value");
        let omitted = GetOptions::default().with_omit_key(true);
        let nameless = store.get_opts(&key, omitted).await?;
        ensure!(
            nameless.key == key || nameless.key.is_root(),
            "an entry bears a key that is neither its own nor the root: {}",
            nameless.key
        );
        ensure_eq!(nameless.value, whole.value, "value without the key");
    }
    Ok(())
}

/// A value from a stream of pieces is their concatenation.
pub(crate) async fn put_stream(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/values/streamed")?);
    let sets: [Vec<Bytes>; 4] = [
        vec![],
        vec!["one".into()],
        vec!["one".into(), Bytes::new(), "two".into(), "three".into()],
        (0..20).map(|i| noise(10_000 + i, i as u64)).collect(),
    ];
    for pieces in sets {
        let whole = pieces.concat();
        let body = stream::iter(pieces.into_iter().map(Ok));
        store.put_stream(&key, Box::pin(body)).await?;
        ensure!(
            store.get(&key).await? == whole,
            "a streamed value of {} bytes came back changed",
            whole.len()
        );
        ensure_eq!(
            store.get_size(&key).await?,
            whole.len() as u64,
            "size of a streamed value"
        );
    }
    Ok(())
}

/// Asks to be polled again and again, and gives nothing.
fn never_done() -> impl Stream<Item = interface_datastore::Result<Bytes>> {
    stream::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

fn broken_source() -> Error {
    Error::new(ErrorKind::Failed, Operation::Put).with_detail("the source broke")
}

/// If the source fails half way the key keeps its old value; likewise if the caller goes away.
pub(crate) async fn put_stream_fails(subject: &Subject) -> Outcome {
    let (store, old, new) = (
        subject.store(),
        subject.key("/values/old")?,
        subject.key("/values/new")?,
    );
    store.put(&old, "old").await?;
    for key in [&old, &new] {
        let pieces = [
            Ok(noise(50_000, 1)),
            Err(broken_source()),
            Ok("more".into()),
        ];
        let put = store.put_stream(key, Box::pin(stream::iter(pieces))).await;
        expect_error(put, ErrorKind::Failed, "put_stream of a source that fails")?;
        let options = PutOptions::default().with_abort(aborted_signal());
        let body = Box::pin(stream::iter([Ok(noise(10, 1))]));
        expect_aborted(
            store.put_stream_opts(key, body, options).await,
            "an aborted put_stream",
        )?;
        let endless = stream::iter([Ok(noise(50_000, 1))]).chain(never_done());
        super::support::poll_times(store.put_stream(key, Box::pin(endless)), 3).await;
    }
    ensure_eq!(
        store.get(&old).await?,
        "old",
        "value after put_streams that failed"
    );
    ensure!(
        !store.has(&new).await?,
        "a put_stream that failed created a value"
    );
    let listed = super::support::all_pairs(store).await?;
    ensure_eq!(
        listed,
        [(old, "old".into())],
        "entries after put_streams that failed"
    );
    Ok(())
}

/// The pieces of a value add up to it, and its size is told beforehand.
pub(crate) async fn get_stream(subject: &Subject) -> Outcome {
    let (store, key) = (subject.store(), subject.key("/values/streamed")?);
    for len in [0, 1, 4096, 300_000] {
        if !takes(subject, len).await? {
            continue;
        }
        let value = noise(len, len as u64);
        store.put(&key, value.clone()).await?;
        let stream = store.get_stream(&key).await?;
        ensure_eq!(
            stream.entry.size,
            Some(len as u64),
            "size told with the stream"
        );
        ensure_eq!(stream.entry.key, key, "key told with the stream");
        let whole: BytesMut = stream.body.try_collect().await?;
        ensure!(
            whole == value,
            "the pieces of a value of {len} bytes do not add up to it"
        );
    }
    let metadata = store.get_stream_opts(&key, GetOptions::metadata()).await;
    expect_error(
        metadata,
        ErrorKind::InvalidArgument,
        "get_stream of metadata",
    )?;
    Ok(())
}

/// All pieces are of one version of the value, or the stream ends with an error.
pub(crate) async fn get_stream_of_one_version(subject: &Subject) -> Outcome {
    if !takes(subject, 1 << 20).await? {
        return Err(Failure::unproven("the store takes no value of 1 MiB"));
    }
    let (store, key) = (subject.store(), subject.key("/values/changing")?);
    let (old, new) = (noise(1 << 20, 1), noise(1 << 20, 2));
    store.put(&key, old.clone()).await?;
    let mut body = store.get_stream(&key).await?.body;
    let mut whole = BytesMut::new();
    whole.extend_from_slice(&body.try_next().await?.unwrap_or_default());
    store.put(&key, new.clone()).await?;
    loop {
        match body.next().await {
            Some(Ok(piece)) => whole.extend_from_slice(&piece),
            Some(Err(_)) => return Ok(()),
            None if whole == old || whole == new => return Ok(()),
            None => return Err(Failure::new("the stream's pieces are of two values")),
        }
    }
}
