//! Listing.

use std::path::Path;
use std::sync::Arc;

use datastore_files::{Kind, Wait};
use futures_util::StreamExt;
use futures_util::stream;
use interface_datastore::query::evaluate;
use interface_datastore::{BoxStream, Entry, Operation, Query, Result};

use crate::failure::Failure;
use crate::read::entry;
use crate::store::Inner;

/// Answers a query. Nothing is read before the stream is polled.
pub(crate) fn query(store: Arc<Inner>, query: Query) -> BoxStream<'static, Result<Entry>> {
    let rest = query.clone();
    let all = stream::once(async move {
        let shared = Arc::clone(&store);
        let listed = store
            .hop(Operation::Query, move || list(&shared, &query))
            .await;
        let entries = listed
            .and_then(|listed| listed.map_err(|failure| failure.during(Operation::Query, None)));
        match entries {
            Ok(entries) => stream::iter(entries.into_iter().map(Ok)).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    });
    evaluate(all.flatten().boxed(), rest)
}

fn list(store: &Inner, query: &Query) -> Result<Vec<Entry>, Failure> {
    let mut found = Vec::new();
    let Some(folders) = store.tree.entries(Path::new(""))? else {
        return Ok(found);
    };
    for folder in folders.flatten().filter(|folder| folder.kind == Kind::Dir) {
        let Some(files) = store.tree.entries(Path::new(&folder.name))? else {
            continue;
        };
        for file in files.flatten().filter(|file| file.kind == Kind::File) {
            let (Some(shard), Some(name)) = (folder.name.to_str(), file.name.to_str()) else {
                continue;
            };
            let key = store.sharding.key_of(shard, name);
            let Some(key) = key.filter(|key| query.covers(key)) else {
                continue;
            };
            let path = Path::new(shard).join(name);
            if let Some(file) = store.tree.open_file(&path, Wait::Yes)? {
                let len = file.metadata().len;
                let mut entry = entry(&key, file.metadata());
                entry.value = Some(file.read(0..len, Wait::Yes)?);
                found.push(entry);
            }
        }
    }
    Ok(found)
}
