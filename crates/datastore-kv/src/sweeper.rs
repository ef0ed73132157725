//! Removing expired entries in a task of the caller's.

use std::{sync::Arc, time::Duration};

use datastore_engine::Engine;
use interface_datastore::{Operation, abortable};

use crate::{KvDatastore, expiry::first_mark};

/// How long it rests between two steps, so that others come in between.
const REST: Duration = Duration::from_millis(1);

impl<E: Engine> KvDatastore<E> {
    /// Removes expired entries and tells watchers of them, also while nobody writes: a future to be run as a task. It looks each
    /// time that `every` has passed; `sleep` is what the runtime offers for that.
    ///
    /// Entries are never found after their moment, whether they were removed or not: `every` decides how late watchers hear of
    /// them and how long they take space. A minute is a good choice for most; where nothing has expired a look costs some
    /// nanoseconds. Up to 128 entries are removed in a step, as one commit, and between steps it rests for a millisecond. What
    /// fails is left to the next time.
    ///
    /// It ends once the store is closed or all handles are dropped, and keeps neither from happening. Dropping it stops it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use datastore_kv::{KvDatastore, MemoryEngine};
    /// # use interface_datastore::DatastoreExt;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let store = KvDatastore::open(MemoryEngine::new()).await?;
    /// let sweeping = tokio::spawn(store.sweeper(Duration::from_secs(60), tokio::time::sleep));
    /// store.close().await?;
    /// sweeping.await.unwrap();
    /// # Ok::<(), interface_datastore::Error>(()) }).unwrap();
    /// ```
    pub fn sweeper<S, F>(
        &self,
        every: Duration,
        sleep: S,
    ) -> impl Future<Output = ()> + use<E, S, F>
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        let (store, end) = (Arc::downgrade(self.inner()), self.inner().end.signal());
        async move {
            let mut from = None;
            loop {
                let span = if from.is_some() { REST } else { every };
                let slept = async {
                    sleep(span).await;
                    Ok(())
                };
                if abortable(Some(&end), Operation::Maintain, None, slept)
                    .await
                    .is_err()
                {
                    return;
                }
                let Some(store) = store.upgrade() else { return };
                let next = from.take().unwrap_or_else(first_mark);
                from = store.sweep_if_due(next).await;
            }
        }
    }
}
