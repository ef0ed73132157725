//! What wrappers share that must see a value whole before they can give any of it.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use interface_datastore::{
    AbortSignal, BoxStream, Datastore, Entry, Error, ErrorKind, Finding, GetOptions, Key,
    MaintainOptions, Maintenance, MaintenanceEvent, MaybeSend, Operation, Query, QueryOptions,
    Result, Severity, Want, abortable, abortable_stream,
    query::{Select, evaluate},
};
use std::sync::Arc;

/// Gathers the pieces of a value, at most `limit` bytes of them.
pub(crate) async fn gather(
    mut body: BoxStream<'static, Result<Bytes>>,
    limit: u64,
    key: &Key,
    abort: Option<&AbortSignal>,
) -> Result<Bytes> {
    let gathering = async {
        let mut whole = BytesMut::new();
        while let Some(piece) = body.next().await.transpose()? {
            let len = (whole.len() as u64).saturating_add(piece.len() as u64);
            check_len(len, limit, key)?;
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    };
    abortable(abort, Operation::Put, Some(key), gathering).await
}

/// Refuses a value that is longer than the store takes.
pub(crate) fn check_len(len: u64, limit: u64, key: &Key) -> Result<()> {
    if len <= limit {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, Operation::Put)
        .with_key(key)
        .with_detail(format!("values are taken up to {limit} bytes"))
        .with_remedy("store the value in parts, or raise the limit with `with_max_value_len`"))
}

/// Takes out of an entry with its whole value what was wanted.
pub(crate) fn cut(key: &Key, mut entry: Entry, want: Want) -> Result<Entry> {
    let value = entry.value.take().unwrap_or_default();
    entry.size = Some(value.len() as u64);
    entry.value = match want {
        Want::Value => Some(value),
        Want::Range(range) => {
            let part = range
                .resolve_in(value.len())
                .map_err(|error| error.with_key(key))?;
            Some(value.slice(part))
        }
        _ => None,
    };
    Ok(entry)
}

/// Answers a query from entries of `inner` that are opened first: the inner store finds the keys, the rest of the query
/// sees opened entries only.
pub(crate) fn query(
    inner: &dyn Datastore,
    query: Query,
    options: QueryOptions,
    mut open: impl FnMut(Entry) -> Result<Entry> + MaybeSend + 'static,
) -> BoxStream<'static, Result<Entry>> {
    let opened = inner
        .query_opts(key_query(&query), options)
        .map(move |entry| entry.and_then(&mut open));
    evaluate(until_error(opened), query.without_key_scope(true))
}

/// The part of a query that the inner store answers: which keys, in which order, with what of their values; and how many
/// if that can be told before the filters and orders.
pub(crate) fn key_query(query: &Query) -> Query {
    let mut keys = Query::default();
    keys.prefix = query.prefix.clone();
    keys.within = query.within.clone();
    keys.start = query.start.clone();
    keys.end = query.end.clone();
    keys.start_after = query.start_after.clone();
    keys.reverse = query.reverse;
    keys.select = if query.needs_values() {
        Select::Values
    } else if query.needs_sizes() {
        Select::Sizes
    } else {
        Select::Keys
    };
    if query.filters.is_empty() && query.orders.is_empty() {
        let reach = |limit: u64| limit.saturating_add(query.offset);
        keys.limit = query.limit.map(reach);
    }
    keys
}

/// Ends a stream after its first error.
pub(crate) fn until_error<T: MaybeSend + 'static>(
    items: impl futures_core::Stream<Item = Result<T>> + MaybeSend + 'static,
) -> BoxStream<'static, Result<T>> {
    Box::pin(items.scan(false, |failed, item| {
        let next = (!*failed).then_some(item);
        *failed = next.as_ref().is_some_and(Result::is_err);
        std::future::ready(next)
    }))
}

/// How many values are read between two reports of progress.
const PROGRESS: u64 = 256;

/// Scrubs the inner store by its own means, if it has any, then reads every value at or under `scope` and reports those
/// that `check` refuses as findings of kind `code`.
pub(crate) fn scrub(
    inner: Arc<dyn Datastore>,
    scope: &Key,
    options: MaintainOptions,
    code: &'static str,
    check: impl Fn(&Key, &Bytes) -> Result<()> + MaybeSend + 'static,
) -> BoxStream<'static, Result<MaintenanceEvent>> {
    let below = inner
        .query_opts(
            Query::within(scope.clone()).keys_only(),
            QueryOptions::default(),
        )
        .map(|entry| entry.map(|entry| entry.key));
    let scope_itself = stream::iter([Ok(scope.clone())]);
    let abort = options.abort.clone();
    let offered = inner.capabilities(scope).maintenance.scrub.may();
    let first = offered.then(|| inner.maintain_opts(Maintenance::Scrub, scope, options));
    let state = Scrubbing {
        keys: Box::pin(scope_itself.chain(below)),
        inner,
        code,
        check,
        done: 0,
        ended: false,
    };
    let values = stream::try_unfold(state, Scrubbing::next);
    let events = stream::iter(first).flatten().chain(values);
    abortable_stream(abort, Operation::Maintain, until_error(events))
}

struct Scrubbing<C> {
    keys: BoxStream<'static, Result<Key>>,
    inner: Arc<dyn Datastore>,
    code: &'static str,
    check: C,
    done: u64,
    ended: bool,
}

impl<C: Fn(&Key, &Bytes) -> Result<()>> Scrubbing<C> {
    async fn next(mut self) -> Result<Option<(MaintenanceEvent, Self)>> {
        if self.ended {
            return Ok(None);
        }
        while let Some(key) = self.keys.next().await.transpose()? {
            let read = self.inner.get_opts(&key, GetOptions::default()).await;
            let fault = match read {
                Ok(entry) => (self.check)(&key, &entry.into_value()).err(),
                Err(error) if error.is_not_found() => continue,
                Err(error) if error.kind() == ErrorKind::Damaged => Some(error),
                Err(error) => return Err(error.with_operation(Operation::Maintain)),
            };
            self.done += 1;
            let event = match fault {
                Some(error) => MaintenanceEvent::Finding(
                    Finding::new(Severity::Error, self.code, error.to_string()).with_key(key),
                ),
                None if self.done.is_multiple_of(PROGRESS) => self.progress(None),
                None => continue,
            };
            return Ok(Some((event, self)));
        }
        self.ended = true;
        Ok(Some((self.progress(Some(self.done)), self)))
    }

    fn progress(&self, total: Option<u64>) -> MaintenanceEvent {
        MaintenanceEvent::Progress {
            done: self.done,
            total,
        }
    }
}
