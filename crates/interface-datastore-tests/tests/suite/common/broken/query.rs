//! Queries that go wrong.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    BoxStream, Datastore, DatastoreExt, Entry, Error, ErrorKind, Key, Operation, Query,
    QueryOptions, Result,
    query::{Order, Select, evaluate},
};

use super::{Broken, Flaw};

impl Broken {
    pub(super) fn list(
        &self,
        mut query: Query,
        mut options: QueryOptions,
    ) -> BoxStream<'static, Result<Entry>> {
        let wanted = query.select;
        match self.flaw {
            Flaw::IgnoresAbort => options.abort = None,
            Flaw::IgnoresPrefix => query.prefix = Bytes::new(),
            Flaw::PrefixByNamespace => {
                let scope = Key::new(&query.prefix);
                query.prefix = Bytes::new();
                query.within = query.within.or(Some(scope));
            }
            Flaw::IgnoresScope => query.within = None,
            Flaw::IgnoresKeyRange => (query.start, query.end) = (None, None),
            // Some cursor must count, or paging would not end.
            Flaw::IgnoresCursor if query.limit != Some(1) => query.start_after = None,
            Flaw::IgnoresReverse => query.reverse = false,
            Flaw::IgnoresFilters => query.filters.clear(),
            Flaw::IgnoresOrders => query.orders.clear(),
            Flaw::FirstOrderWins => query.orders.reverse(),
            Flaw::IgnoresLimit => query.limit = None,
            Flaw::IgnoresOffset => query.offset = 0,
            Flaw::ZeroIsNoLimit => query.limit = query.limit.filter(|limit| *limit > 0),
            Flaw::ValuesForKeys => query.select = Select::Values,
            Flaw::NotInKeyOrder if !query.is_ordered() => {
                query.orders.push(Order::by_key().descending());
            }
            Flaw::ListsLive => return self.live(query),
            Flaw::ListsTwice => {
                let listing = self.inner.query_opts(query, options);
                return Box::pin(listing.flat_map(|entry| stream::iter([entry.clone(), entry])));
            }
            Flaw::ListsBeforePoll => {
                let entries =
                    pollster::block_on(self.inner.query_opts(query, options).collect::<Vec<_>>());
                return Box::pin(stream::iter(entries));
            }
            Flaw::FailsWhenChanged => return self.fragile(query, options),
            _ => {}
        }
        let listing = self.inner.query_opts(query, options);
        let flaw = self.flaw;
        Box::pin(listing.map_ok(move |mut entry| {
            if flaw == Flaw::NoSizes && wanted == Select::Sizes {
                entry.size = None;
            }
            entry
        }))
    }

    /// Looks up the next key at each pull.
    fn live(&self, query: Query) -> BoxStream<'static, Result<Entry>> {
        let inner = self.inner.clone();
        let walk = stream::try_unfold(None::<Key>, move |last| {
            let inner = inner.clone();
            async move {
                let mut next = Query::all().with_limit(1);
                next = match last {
                    Some(last) => next.with_start_after(last),
                    None => next.with_order(Order::by_key()),
                };
                let entry = inner.query(next).try_next().await?;
                Ok(entry.map(|entry| (entry.clone(), Some(entry.key))))
            }
        });
        evaluate(Box::pin(walk), query)
    }

    /// Fails once the number of entries is another.
    fn fragile(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let inner = self.inner.clone();
        let listing = inner.query_opts(query, options);
        let before = std::sync::OnceLock::new();
        let before = std::sync::Arc::new(before);
        Box::pin(listing.and_then(move |entry| {
            let (inner, before) = (inner.clone(), before.clone());
            async move {
                let keys: Vec<_> = inner.query_keys(Query::all()).try_collect().await?;
                if *before.get_or_init(|| keys.clone()) != keys {
                    return Err(Error::new(ErrorKind::Failed, Operation::Query));
                }
                Ok(entry)
            }
        }))
    }
}
