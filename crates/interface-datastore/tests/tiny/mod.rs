//! The smallest store there can be: six methods over a locked map. Everything else comes from the trait's defaults.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::stream;
use interface_datastore::{
    BoxFuture, BoxStream, Capabilities, Claim, Datastore, DeleteOptions, Entry, Error, GetOptions,
    Key, Operation, PutOptions, Query, QueryOptions, Result, Want, Written, abortable_stream,
    check_aborted, query::evaluate,
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Tiny(Arc<Mutex<BTreeMap<Key, Bytes>>>);

impl Datastore for Tiny {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _: &Key) -> Capabilities {
        let mut can = Capabilities::none();
        can.writable = Claim::Yes;
        can.retains = Claim::Yes;
        can
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Put, Some(key))?;
            if !options.condition.is_none() {
                return Err(Error::unsupported(Operation::Put, "conditions").with_key(key));
            }
            self.0.lock().unwrap().insert(key.clone(), value);
            Ok(Written::default())
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), options.operation(), Some(key))?;
            let value = self.0.lock().unwrap().get(key).cloned();
            let value = value.ok_or_else(|| Error::not_found(options.operation(), key))?;
            match options.want {
                Want::Range(range) => {
                    let part = value.slice(range.resolve_in(value.len())?);
                    Ok(Entry::of_size(key.clone(), value.len() as u64).with_value(part))
                }
                _ => Ok(Entry::of_value(key.clone(), value)),
            }
        })
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            check_aborted(options.abort.as_ref(), Operation::Delete, Some(key))?;
            self.0.lock().unwrap().remove(key);
            Ok(())
        })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        let entries: Vec<_> = self
            .0
            .lock()
            .unwrap()
            .iter()
            .map(|(key, value)| Ok(Entry::of_value(key.clone(), value.clone())))
            .collect();
        let found = evaluate(Box::pin(stream::iter(entries)), query);
        abortable_stream(options.abort, Operation::Query, found)
    }
}
