//! For those who write stores: the defaults of the trait, and parts that most stores need.

mod groups;
mod many;
mod moments;
mod watchers;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};

pub use self::{
    groups::{in_groups, read_in_groups},
    many::{delete_many, get_many, put_many},
    moments::{MomentMap, Numbered},
    watchers::Watchers,
};
use crate::{
    Batch, BatchOp, BatchReport, BoxStream, Datastore, DeleteOptions, Durability, Error, ErrorKind,
    GetOptions, Key, Operation, PutOptions, Result, SyncOptions, ValueStream, Want, WriteOptions,
    Written, abortable, check_aborted,
};

/// Default of [`Datastore::put_stream_opts`]: gathers the value in memory.
///
/// # Errors
/// Those of `body` and of the put.
pub async fn put_stream<S: Datastore + ?Sized>(
    store: &S,
    key: &Key,
    mut body: BoxStream<'static, Result<Bytes>>,
    options: PutOptions,
) -> Result<Written> {
    let signal = options.abort.clone();
    let gathered = abortable(signal.as_ref(), Operation::Put, Some(key), async {
        // A stream is not asked again behind its end.
        let Some(first) = body.next().await.transpose()? else {
            return Ok(Bytes::new());
        };
        let Some(second) = body.next().await.transpose()? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(piece) = body.next().await.transpose()? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    });
    let value = gathered.await?;
    store.put_opts(key, value, options).await
}

/// Default of [`Datastore::get_stream_opts`]: reads the value whole and gives it in one piece.
///
/// # Errors
/// Those of the get; [`ErrorKind::InvalidArgument`] if the options want no value.
pub async fn get_stream<S: Datastore + ?Sized>(
    store: &S,
    key: &Key,
    options: GetOptions,
) -> Result<ValueStream> {
    if !matches!(options.want, Want::Value | Want::Range(_)) {
        return Err(wants_no_value(key));
    }
    let mut entry = store.get_opts(key, options).await?;
    let value = entry.value.take();
    Ok(ValueStream::new(
        entry,
        Box::pin(stream::iter(value.map(Ok))),
    ))
}

/// The error for a stream whose options ask for something else than a value.
pub fn wants_no_value(key: &Key) -> Error {
    Error::new(ErrorKind::InvalidArgument, Operation::Get)
        .with_key(key)
        .with_detail("a stream gives a value or a range of it, not metadata")
}

/// Default of [`Datastore::write_opts`]: one operation after another, not atomic, without conditions.
///
/// # Errors
/// [`ErrorKind::Unsupported`] with nothing done if the batch has conditions or must be atomic; else the first failure,
/// with a [`BatchReport`].
pub async fn write_each<S: Datastore + ?Sized>(
    store: &S,
    batch: Batch,
    options: WriteOptions,
) -> Result<Written> {
    check_aborted(options.abort.as_ref(), Operation::Write, None)?;
    let (ops, requirements) = batch.into_parts();
    if !requirements.is_empty() {
        return Err(Error::unsupported(
            Operation::Write,
            "conditions in a batch",
        ));
    }
    if options.atomic && ops.len() > 1 {
        return Err(Error::unsupported(Operation::Write, "atomic batches"));
    }
    let mut report = BatchReport::new();
    for op in ops {
        let key = op.key().clone();
        let (durability, abort) = (options.durability, options.abort.clone());
        let outcome = match op {
            BatchOp::Put { value, expires, .. } => {
                let options = PutOptions {
                    durability,
                    abort,
                    expires,
                    ..PutOptions::default()
                };
                store.put_opts(&key, value, options).await.map(drop)
            }
            BatchOp::Delete { .. } => {
                store
                    .delete_opts(
                        &key,
                        DeleteOptions {
                            durability,
                            abort,
                            ..DeleteOptions::default()
                        },
                    )
                    .await
            }
        };
        match outcome {
            Ok(()) => report.applied.push(key),
            Err(error) => {
                let unknown =
                    matches!(error.kind(), ErrorKind::OutcomeUnknown | ErrorKind::Aborted);
                if unknown {
                    report.unknown.push(key);
                } else {
                    report.failed.push(key);
                }
                return Err(error.with_operation(Operation::Write).with_report(report));
            }
        }
    }
    Ok(Written::default())
}

/// Default of [`Datastore::sync_opts`], right for stores whose acknowledged writes already are as durable as they get.
///
/// # Errors
/// [`ErrorKind::Aborted`]; [`ErrorKind::Closed`] if a read of `scope` says so.
pub async fn sync_nothing<S: Datastore + ?Sized>(
    store: &S,
    scope: &Key,
    options: SyncOptions,
) -> Result<Durability> {
    check_aborted(options.abort.as_ref(), Operation::Sync, Some(scope))?;
    // Whether the store is closed it tells to those who read.
    match store.get_opts(scope, GetOptions::exists()).await {
        Err(error) if error.kind() == ErrorKind::Closed => {
            Err(error.with_operation(Operation::Sync))
        }
        _ => Ok(store.capabilities(scope).default_durability),
    }
}

/// Refuses what the store lacks.
///
/// # Errors
/// Always [`ErrorKind::Unsupported`].
pub async fn refuse<T>(operation: Operation, key: Option<&Key>, what: &'static str) -> Result<T> {
    Err(Error::unsupported(operation, what).with_key_opt(key))
}

/// Refuses what the store lacks, as the only item of a stream.
pub fn refuse_stream<T: crate::MaybeSend + 'static>(
    operation: Operation,
    key: Option<&Key>,
    what: impl Into<std::borrow::Cow<'static, str>>,
) -> BoxStream<'static, Result<T>> {
    fail_stream(Error::unsupported(operation, what).with_key_opt(key))
}

/// A stream whose only item is this error.
pub fn fail_stream<T: crate::MaybeSend + 'static>(error: Error) -> BoxStream<'static, Result<T>> {
    Box::pin(stream::iter([Err(error)]))
}
