//! Listing: a walk of those folders that can match, many entries a hop.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use datastore_files::{Step, Wait, Walk};
use futures_util::StreamExt;
use futures_util::stream;
use interface_datastore::query::evaluate;
use interface_datastore::{BoxStream, Entry, Operation, Query, Result};

use crate::failure::Failure;
use crate::layout::Scope;
use crate::read::entry;
use crate::store::Inner;

/// The first hop gives few entries soon; later ones give more at a time.
const FIRST_GROUP: usize = 16;
const MAX_GROUP: usize = 256;
/// A hop ends after so many bytes of values.
const MAX_GROUP_BYTES: u64 = 1 << 20;
/// A hop ends after so many files that are not wanted.
const MAX_STEPS: usize = 4096;

/// Answers a query. Nothing is read before the stream is polled.
pub(crate) fn query(store: Arc<Inner>, query: Query) -> BoxStream<'static, Result<Entry>> {
    let rest = query.clone().without_key_scope(false);
    if query.limit == Some(0) {
        return evaluate(stream::empty().boxed(), rest);
    }
    let needs = Needs {
        values: query.needs_values(),
        sizes: query.needs_sizes(),
    };
    let listing = Listing {
        store,
        query,
        needs,
        walks: None,
        ready: VecDeque::new(),
        group: FIRST_GROUP,
    };
    let entries = stream::unfold(Some(listing), |listing| async {
        let mut listing = listing?;
        loop {
            if let Some(entry) = listing.ready.pop_front() {
                // An error is the last item.
                let rest = entry.is_ok().then_some(listing);
                return Some((entry, rest));
            }
            listing = match listing.fill().await {
                Ok(listing) => listing?,
                Err(error) => return Some((Err(error), None)),
            };
        }
    });
    evaluate(entries.boxed(), rest)
}

struct Needs {
    values: bool,
    sizes: bool,
}

/// A walk in progress.
struct Listing {
    store: Arc<Inner>,
    query: Query,
    needs: Needs,
    /// None before the first hop.
    walks: Option<VecDeque<Walk>>,
    ready: VecDeque<Result<Entry>>,
    group: usize,
}

impl Listing {
    /// Reads the next group in one hop; none at the end.
    async fn fill(mut self) -> Result<Option<Self>> {
        self.store.check_open(Operation::Query)?;
        let store = Arc::clone(&self.store);
        let step = move || {
            self.fill_now();
            self
        };
        let filled = store.hop(Operation::Query, step).await?;
        let ended =
            filled.ready.is_empty() && filled.walks.as_ref().is_some_and(VecDeque::is_empty);
        Ok((!ended).then_some(filled))
    }

    fn fill_now(&mut self) {
        let store = Arc::clone(&self.store);
        let mut walks = self.walks.take().unwrap_or_else(|| {
            let scope = Scope::of_query(&store.layout, &self.query);
            scope
                .walks()
                .map(|(start, enter)| store.tree.walk(&start, enter))
                .collect()
        });
        let mut bytes = 0;
        for _ in 0..MAX_STEPS {
            let Some(walk) = walks.front_mut() else { break };
            let step = match walk.next(&store.tree) {
                Some(Ok(Step::File(path))) => self.entry_at(&path),
                Some(Ok(_)) => continue,
                Some(Err(error)) => Err(error.into()),
                None => {
                    walks.pop_front();
                    continue;
                }
            };
            match step {
                Ok(None) => {}
                Ok(Some(entry)) => {
                    bytes += entry.value.as_ref().map_or(0, |value| value.len() as u64);
                    self.ready.push_back(Ok(entry));
                }
                Err(failure) => {
                    self.ready
                        .push_back(Err(failure.during(Operation::Query, None)));
                    walks.clear();
                }
            }
            if self.ready.len() >= self.group || bytes >= MAX_GROUP_BYTES {
                break;
            }
        }
        self.group = MAX_GROUP.min(self.group * 2);
        self.walks = Some(walks);
    }

    /// The entry of a file; none if it is of no key, of one that is not wanted, or gone by now.
    fn entry_at(&self, path: &Path) -> Result<Option<Entry>, Failure> {
        let store = &self.store;
        let Some(found) = store
            .layout
            .key_of(path)
            .filter(|found| self.query.covers(&found.key))
        else {
            return Ok(None);
        };
        if let Some(first) = &found.hidden_by {
            if store.is_value(first)? {
                return Ok(None);
            }
        }
        if self.needs.values {
            let Some(file) = store.tree.open_file(path, Wait::Yes)? else {
                return Ok(None);
            };
            let mut entry = entry(&found.key, file.metadata());
            entry.value = Some(file.read(0..file.metadata().len, Wait::Yes)?);
            return Ok(Some(entry));
        }
        if self.needs.sizes {
            let found_metadata = store.tree.metadata(path, Wait::Yes)?;
            return Ok(found_metadata.map(|metadata| entry(&found.key, &metadata)));
        }
        Ok(Some(Entry::of_key(found.key)))
    }
}

impl Inner {
    /// Whether a file lies at a path.
    pub(crate) fn is_value(&self, path: &Path) -> Result<bool, Failure> {
        let found = self.tree.metadata(path, Wait::Yes)?;
        Ok(found.is_some_and(|metadata| metadata.kind == datastore_files::Kind::File))
    }
}
