//! Writes that go wrong.

use std::{pin::pin, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use interface_datastore::{
    Batch, BatchOp, BoxStream, Condition, Datastore, DatastoreExt, DeleteOptions, Error, ErrorKind,
    Key, Operation, PutOptions, Query, Result, Version, WriteOptions, Written,
};

use super::{Broken, Flaw, constant_version, yield_now};

/// Does its work late if it is dropped early.
struct Late<F: FnOnce() + Send + 'static>(Option<F>);

impl<F: FnOnce() + Send + 'static> Drop for Late<F> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(3));
                work();
            });
        }
    }
}

impl Broken {
    pub(super) async fn store(
        &self,
        key: &Key,
        value: Bytes,
        mut options: PutOptions,
    ) -> Result<Written> {
        let key = &self.key(key);
        let put = |value, options| self.inner.put_opts(key, value, options);
        match self.flaw {
            Flaw::Panics => panic!("a store that panics"),
            Flaw::LosesPuts => return Ok(Written::default()),
            Flaw::IgnoresAbort => options.abort = None,
            Flaw::LosesEmptyValues if value.is_empty() => {
                self.inner.delete(key).await?;
                return Ok(Written::default());
            }
            Flaw::CutsValues if value.len() > 100 => return put(value.slice(..100), options).await,
            Flaw::IgnoresConditions => options.condition = Condition::None,
            Flaw::RacyConditions => return self.store_racily(key, value, options).await,
            Flaw::TellsNoVersions => return put(value, options).await.map(|_| Written::default()),
            Flaw::OneVersionForAll => {
                return put(value, options)
                    .await
                    .map(|_| Written::with_version(constant_version()));
            }
            Flaw::IgnoresExpiry => options.expires = None,
            Flaw::KeepsExpiry if options.expires.is_none() => {
                options.expires = self
                    .inner
                    .metadata(key)
                    .await
                    .ok()
                    .and_then(|entry| entry.expires);
            }
            Flaw::StopsTooLate if !self.capabilities(key).keys.allows(key) => {
                put(value, options).await?;
                return Err(Error::new(ErrorKind::InvalidKey, Operation::Put).with_key(key));
            }
            Flaw::StopsHalfWay => self.capabilities(key).keys.check(Operation::Put, key)?,
            Flaw::LateDrops => {
                let (inner, at, late) = (self.inner.clone(), key.clone(), value.clone());
                let mut guard = Late(Some(move || drop(pollster::block_on(inner.put(&at, late)))));
                yield_now().await;
                yield_now().await;
                guard.0 = None;
            }
            Flaw::TornOnDrop => {
                put(value.slice(..value.len() / 2), options.clone()).await?;
                yield_now().await;
            }
            _ => {}
        }
        put(value, options).await
    }

    /// Looks, waits, then writes.
    async fn store_racily(&self, key: &Key, value: Bytes, options: PutOptions) -> Result<Written> {
        let current: Option<Version> = self
            .inner
            .metadata(key)
            .await
            .ok()
            .and_then(|entry| entry.version);
        if !options.condition.holds(current.as_ref()) {
            return Err(Error::new(ErrorKind::PreconditionFailed, Operation::Put).with_key(key));
        }
        if !options.condition.is_none() {
            yield_now().await;
            std::thread::sleep(Duration::from_micros(200));
        }
        self.inner.put(key, value).await
    }

    pub(super) async fn remove(&self, key: &Key, mut options: DeleteOptions) -> Result<()> {
        let key = &self.key(key);
        match self.flaw {
            Flaw::LosesDeletes => return Ok(()),
            Flaw::IgnoresAbort => options.abort = None,
            Flaw::IgnoresConditions => options.condition = Condition::None,
            Flaw::AcceptsDeleteIfAbsent if options.condition == Condition::IfAbsent => {
                return Ok(());
            }
            Flaw::DeletesBelow => {
                let below: Vec<_> = self
                    .inner
                    .query_keys(Query::within(key.clone()))
                    .collect()
                    .await;
                for key in below {
                    self.inner.delete(&key?).await?;
                }
            }
            Flaw::LateDrops => {
                let (inner, at) = (self.inner.clone(), key.clone());
                let mut guard = Late(Some(move || drop(pollster::block_on(inner.delete(&at)))));
                yield_now().await;
                guard.0 = None;
            }
            Flaw::TornOnDrop => {
                self.inner.put(key, "being deleted").await?;
                yield_now().await;
            }
            _ => {}
        }
        self.inner.delete_opts(key, options).await
    }

    pub(super) async fn store_pieces(
        &self,
        key: &Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> Result<Written> {
        let mut whole = BytesMut::new();
        let mut body = pin!(body);
        let mut written = Written::default();
        while let Some(piece) = body.next().await {
            whole.extend_from_slice(&piece?);
            written = self
                .inner
                .put_opts(key, whole.clone().freeze(), options.clone())
                .await?;
        }
        Ok(written)
    }

    pub(super) async fn apply(&self, batch: Batch, mut options: WriteOptions) -> Result<Written> {
        let mut changed = Batch::new();
        match self.flaw {
            Flaw::IgnoresAbort => options.abort = None,
            Flaw::PutsThenDeletes => {
                let (puts, deletes): (Vec<_>, Vec<_>) = batch
                    .ops()
                    .iter()
                    .cloned()
                    .partition(|op| matches!(op, BatchOp::Put { .. }));
                changed.extend(puts.into_iter().chain(deletes));
                return self.inner.write_opts(changed, options).await;
            }
            Flaw::IgnoresBatchConditions => {
                changed.extend(batch.ops().iter().cloned());
                return self.inner.write_opts(changed, options).await;
            }
            Flaw::ReplaysBatches => {
                let last = std::mem::replace(&mut self.state().last_batch, batch.clone());
                changed.extend(
                    last.ops()
                        .iter()
                        .cloned()
                        .chain(batch.ops().iter().cloned()),
                );
                return self.inner.write_opts(changed, options).await;
            }
            Flaw::LosesPuts
            | Flaw::LosesDeletes
            | Flaw::LosesEmptyValues
            | Flaw::CutsValues
            | Flaw::IgnoresExpiry
            | Flaw::SplitBatches
            | Flaw::TornOnDrop
            | Flaw::LateDrops
            | Flaw::RacyConditions
            | Flaw::StopsHalfWay
            | Flaw::StopsTooLate
            | Flaw::CleansKeys => return self.apply_each(batch).await,
            _ => {}
        }
        self.inner.write_opts(batch, options).await
    }

    /// One operation after another, others in between.
    async fn apply_each(&self, batch: Batch) -> Result<Written> {
        let (ops, conditions) = batch.into_parts();
        for (key, condition) in conditions {
            let current = self
                .inner
                .metadata(&key)
                .await
                .ok()
                .and_then(|entry| entry.version);
            if !condition.holds(current.as_ref()) {
                return Err(
                    Error::new(ErrorKind::PreconditionFailed, Operation::Write).with_key(&key)
                );
            }
        }
        for op in ops {
            yield_now().await;
            match op {
                BatchOp::Put {
                    key,
                    value,
                    expires,
                    ..
                } => {
                    self.store(&key, value, PutOptions::default().with_expires(expires))
                        .await?;
                }
                op => self.remove(op.key(), DeleteOptions::default()).await?,
            }
        }
        Ok(Written::default())
    }
}
