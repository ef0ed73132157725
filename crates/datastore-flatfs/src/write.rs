//! Writing single values.

use std::sync::Arc;

use bytes::Bytes;
use datastore_files::{Change, Changed, Contents, Replace};
use interface_datastore::{DeleteOptions, Key, Operation, PutOptions, Result, Written, abortable};

use crate::failure::file_error;
use crate::read::version_of;
use crate::store::FlatfsDatastore;

impl FlatfsDatastore {
    pub(crate) async fn put(
        &self,
        key: &Key,
        value: Bytes,
        options: PutOptions,
    ) -> Result<Written> {
        let inner = &self.inner;
        let expires = options.expires.is_some();
        let safety = inner.check_write(Operation::Put, options.durability, expires)?;
        let place = inner.place(Operation::Put, key)?;
        let work = async {
            let pass = inner.gates.pass(key).await;
            let store = Arc::clone(inner);
            let step = move || {
                let added = value.len() as u64;
                let change = Change::Write {
                    path: place.path,
                    contents: Contents::Bytes(value),
                    replace: Replace::Yes,
                    obsolete: None,
                };
                let outcome = store.tree.apply(vec![change], safety).pop();
                store.usage.changed(added, 0);
                drop(pass);
                outcome
            };
            let outcome = inner.hop(Operation::Put, step).await?;
            match outcome {
                Some(Ok(Changed::Written(metadata))) => {
                    Ok(Written::with_version(version_of(&metadata)))
                }
                Some(Err(error)) => Err(file_error(error, Operation::Put, Some(key))),
                _ => Ok(Written::default()),
            }
        };
        abortable(options.abort.as_ref(), Operation::Put, Some(key), work).await
    }

    pub(crate) async fn delete(&self, key: &Key, options: DeleteOptions) -> Result<()> {
        let inner = &self.inner;
        let safety = inner.check_write(Operation::Delete, options.durability, false)?;
        let Some(place) = inner.sharding.place(key) else {
            return Ok(());
        };
        let work = async {
            let pass = inner.gates.pass(key).await;
            let store = Arc::clone(inner);
            let step = move || {
                let change = Change::Remove {
                    path: place.path,
                    first: None,
                };
                let outcome = store.tree.apply(vec![change], safety).pop();
                drop(pass);
                outcome
            };
            match inner.hop(Operation::Delete, step).await? {
                Some(Err(error)) => Err(file_error(error, Operation::Delete, Some(key))),
                _ => Ok(()),
            }
        };
        abortable(options.abort.as_ref(), Operation::Delete, Some(key), work).await
    }
}
