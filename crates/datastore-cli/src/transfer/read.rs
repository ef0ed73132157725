//! The reading side: what there is to copy.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{StreamExt, TryStreamExt, future, stream};
use interface_datastore::{
    AbortSignal, BoxStream, Datastore, Entry, ErrorKind, GetOptions, Key, Query, QueryOptions,
    Result,
};

use super::{
    GROUP_BYTES, GROUP_ENTRIES, LARGE, Transfer, compare::same_value, options::Compare,
    tally::Tally,
};
use crate::failure::Outcome;

/// An entry of the source, after a look at the target.
#[derive(Debug)]
pub(super) enum Found {
    /// To be copied; here it is.
    Value(Entry),
    /// To be copied in pieces, or in a dry run not at all. If `compare`, the target has a value of this size.
    Large { key: Key, size: u64, compare: bool },
    /// The target has it.
    Same,
    /// It was removed after it was listed.
    Vanished,
}

impl Found {
    /// The bytes that it holds in memory.
    fn weight(&self) -> u64 {
        match self {
            Self::Value(entry) => entry.size.unwrap_or_default(),
            _ => 0,
        }
    }
}

pub(super) type FoundStream = BoxStream<'static, Result<Found>>;

/// Looks at the entries of the source.
#[derive(Clone)]
pub(super) struct Reader {
    source: Arc<dyn Datastore>,
    target: Option<Arc<dyn Datastore>>,
    resume: Option<Compare>,
    dry_run: bool,
    concurrency: usize,
    abort: AbortSignal,
}

impl Reader {
    pub(super) fn new(transfer: &Transfer<'_>) -> Self {
        Self {
            source: transfer.source.clone(),
            target: transfer.target.clone(),
            resume: transfer.options.resume,
            dry_run: transfer.options.dry_run,
            concurrency: transfer.options.concurrency.into(),
            abort: transfer.context.abort.clone(),
        }
    }

    /// The entries in the order of the source.
    pub(super) fn found(&self, query: Query) -> FoundStream {
        let reader = self.clone();
        let looks = self.listed(query).map_ok(move |entry| {
            let reader = reader.clone();
            async move { reader.look(entry).await }
        });
        looks.try_buffered(self.concurrency).boxed()
    }

    /// What the source lists, and then the root if it has a value that was left out: a folder finds one that the
    /// JavaScript store put there, in a file named like the extension, only when asked for it.
    fn listed(&self, query: Query) -> BoxStream<'static, Result<Entry>> {
        let options = QueryOptions::default().with_abort(self.abort.clone());
        let covers_root = query.covers(&Key::root());
        let entries = self.source.query_opts(query.sizes_only(), options);
        if !covers_root {
            return entries;
        }
        let seen = Arc::new(AtomicBool::new(false));
        let (reader, saw) = (self.clone(), seen.clone());
        let entries = entries.inspect_ok(move |entry| {
            saw.fetch_or(entry.key.is_root(), Ordering::Relaxed);
        });
        let left_out = stream::once(async move {
            let listed = seen.load(Ordering::Relaxed);
            if listed {
                Ok(None)
            } else {
                reader.root().await
            }
        });
        let left_out = left_out.filter_map(|root| future::ready(root.transpose()));
        entries.chain(left_out).boxed()
    }

    /// The root, if it has a value.
    async fn root(&self) -> Result<Option<Entry>> {
        let root = Key::root();
        match self.size(&*self.source, &root).await {
            Ok(size) => Ok(size.map(|_| Entry::of_key(root))),
            // Not every store has a place for it.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::InvalidKey | ErrorKind::NoMount | ErrorKind::Unsupported
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn look(&self, listed: Entry) -> Result<Found> {
        let key = listed.key;
        let size = match listed.size {
            Some(size) => Some(size),
            None => self.size(&*self.source, &key).await?,
        };
        let Some(size) = size else {
            return Ok(Found::Vanished);
        };
        let compare = match (&self.target, self.resume) {
            (Some(target), Some(_)) => self.size(&**target, &key).await? == Some(size),
            _ => false,
        };
        if compare && self.resume == Some(Compare::Size) {
            return Ok(Found::Same);
        }
        if size > LARGE || (self.dry_run && !compare) {
            return Ok(Found::Large { key, size, compare });
        }
        let Some(entry) = self.get(&*self.source, &key).await? else {
            return Ok(Found::Vanished);
        };
        if let (Some(target), true) = (&self.target, compare) {
            let there = self.get(&**target, &key).await?;
            if there.is_some_and(|there| there.value == entry.value) {
                return Ok(Found::Same);
            }
        }
        Ok(Found::Value(entry))
    }

    async fn get(&self, store: &dyn Datastore, key: &Key) -> Result<Option<Entry>> {
        let options = GetOptions::default().with_abort(self.abort.clone());
        present(store.get_opts(key, options).await)
    }

    async fn size(&self, store: &dyn Datastore, key: &Key) -> Result<Option<u64>> {
        let options = GetOptions::metadata().with_abort(self.abort.clone());
        let found = present(store.get_opts(key, options).await)?;
        // A store that tells no sizes has its values streamed, as they may be of any size.
        Ok(found.map(|entry| entry.size.unwrap_or(u64::MAX)))
    }

    /// Key and size of what a dry run would copy; the others are counted.
    pub(super) async fn still_to_copy(
        &self,
        found: Found,
        tally: &mut Tally,
    ) -> Result<Option<(Key, u64)>> {
        match found {
            Found::Value(entry) => {
                let size = entry.size.unwrap_or_default();
                return Ok(Some((entry.key, size)));
            }
            Found::Large { key, size, compare } => {
                let same = match (&self.target, compare) {
                    (Some(target), true) => {
                        same_value(&*self.source, &**target, &key, &self.abort).await?
                    }
                    _ => false,
                };
                if !same {
                    return Ok(Some((key, size)));
                }
                tally.unchanged += 1;
            }
            Found::Same => tally.unchanged += 1,
            Found::Vanished => tally.vanished += 1,
        }
        Ok(None)
    }
}

fn present(found: Result<Entry>) -> Result<Option<Entry>> {
    match found {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// As many entries as are written together; none at the end.
pub(super) async fn next_group(found: &mut FoundStream) -> Outcome<Vec<Found>> {
    let mut group = Vec::new();
    let mut bytes = 0;
    while group.len() < GROUP_ENTRIES && bytes < GROUP_BYTES {
        let Some(next) = found.try_next().await? else {
            break;
        };
        bytes += next.weight();
        let large = matches!(next, Found::Large { .. });
        group.push(next);
        // Streaming takes its time and memory of its own.
        if large {
            break;
        }
    }
    Ok(group)
}
