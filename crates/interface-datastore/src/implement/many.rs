//! The streaming methods over the single ones, in source order with bounded concurrency.

use std::{
    collections::{HashSet, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;

use crate::{
    BoxFuture, BoxStream, Datastore, DeleteManyOptions, DeleteOptions, Entry, GetManyOptions,
    GetOptions, Key, MaybeSend, Operation, PutManyOptions, PutOptions, Result, abortable_stream,
};

/// Default of [`Datastore::put_many_opts`].
pub fn put_many(
    store: Arc<dyn Datastore>,
    source: BoxStream<'static, Result<(Key, Bytes)>>,
    options: PutManyOptions,
) -> BoxStream<'static, Result<Key>> {
    let (durability, expires) = (options.durability, options.expires);
    let step = move |(key, value): (Key, Bytes)| -> BoxFuture<'static, Result<Key>> {
        let store = store.clone();
        Box::pin(async move {
            let options = PutOptions {
                durability,
                expires,
                ..PutOptions::default()
            };
            store.put_opts(&key, value, options).await?;
            Ok(key)
        })
    };
    let many = InOrder::new(
        source,
        options.concurrency,
        |(key, _)| Some(key.clone()),
        step,
    );
    abortable_stream(options.abort, Operation::Put, Box::pin(many))
}

/// Default of [`Datastore::get_many_opts`].
pub fn get_many(
    store: Arc<dyn Datastore>,
    source: BoxStream<'static, Result<Key>>,
    options: GetManyOptions,
) -> BoxStream<'static, Result<Entry>> {
    let step = move |key: Key| -> BoxFuture<'static, Result<Entry>> {
        let store = store.clone();
        Box::pin(async move { store.get_opts(&key, GetOptions::default()).await })
    };
    let many = InOrder::new(source, options.concurrency, |_| None, step);
    abortable_stream(options.abort, Operation::Get, Box::pin(many))
}

/// Default of [`Datastore::delete_many_opts`].
pub fn delete_many(
    store: Arc<dyn Datastore>,
    source: BoxStream<'static, Result<Key>>,
    options: DeleteManyOptions,
) -> BoxStream<'static, Result<Key>> {
    let durability = options.durability;
    let step = move |key: Key| -> BoxFuture<'static, Result<Key>> {
        let store = store.clone();
        Box::pin(async move {
            store
                .delete_opts(
                    &key,
                    DeleteOptions {
                        durability,
                        ..DeleteOptions::default()
                    },
                )
                .await?;
            Ok(key)
        })
    };
    let many = InOrder::new(source, options.concurrency, |key| Some(key.clone()), step);
    abortable_stream(options.abort, Operation::Delete, Box::pin(many))
}

/// Runs a step for each item of a source, several at once, and gives the outcomes in source order.
///
/// Two steps that write one key never run at once. After the first error nothing more is started or given.
struct InOrder<I, T, K, F> {
    source: Option<BoxStream<'static, Result<I>>>,
    concurrency: usize,
    written_key: K,
    step: F,
    running: VecDeque<Slot<T>>,
    busy: HashSet<Key>,
    /// An item that waits for an earlier write of its key.
    waiting: Option<(Key, I)>,
    ended: bool,
}

enum Slot<T> {
    Running(Option<Key>, BoxFuture<'static, Result<T>>),
    Done(Result<T>),
}

impl<I, T, K, F> InOrder<I, T, K, F>
where
    K: Fn(&I) -> Option<Key>,
    F: Fn(I) -> BoxFuture<'static, Result<T>>,
{
    fn new(
        source: BoxStream<'static, Result<I>>,
        concurrency: usize,
        written_key: K,
        step: F,
    ) -> Self {
        let concurrency = concurrency.max(1);
        Self {
            source: Some(source),
            concurrency,
            written_key,
            step,
            running: VecDeque::new(),
            busy: HashSet::new(),
            waiting: None,
            ended: false,
        }
    }

    /// Starts steps until enough run or the source has nothing to give.
    fn fill(&mut self, cx: &mut Context<'_>) {
        if let Some((key, item)) = self.waiting.take_if(|(key, _)| !self.busy.contains(key)) {
            self.start(Some(key), item);
        }
        while self.waiting.is_none() && self.running.len() < self.concurrency {
            let Some(source) = &mut self.source else {
                return;
            };
            match source.as_mut().poll_next(cx) {
                Poll::Pending => return,
                Poll::Ready(None) => self.source = None,
                Poll::Ready(Some(Err(error))) => {
                    self.source = None;
                    self.running.push_back(Slot::Done(Err(error)));
                }
                Poll::Ready(Some(Ok(item))) => match (self.written_key)(&item) {
                    Some(key) if self.busy.contains(&key) => self.waiting = Some((key, item)),
                    key => self.start(key, item),
                },
            }
        }
    }

    fn start(&mut self, key: Option<Key>, item: I) {
        self.busy.extend(key.clone());
        self.running
            .push_back(Slot::Running(key, (self.step)(item)));
    }

    /// Drives all steps; whether any ended.
    fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        for slot in &mut self.running {
            let Slot::Running(key, step) = slot else {
                continue;
            };
            if let Poll::Ready(outcome) = step.as_mut().poll(cx) {
                if let Some(key) = key {
                    self.busy.remove(key);
                }
                if outcome.is_err() {
                    self.source = None;
                    self.waiting = None;
                }
                *slot = Slot::Done(outcome);
                progress = true;
            }
        }
        progress
    }
}

impl<I, T, K, F> Stream for InOrder<I, T, K, F>
where
    I: MaybeSend + Unpin,
    T: Unpin,
    K: Fn(&I) -> Option<Key> + Unpin,
    F: Fn(I) -> BoxFuture<'static, Result<T>> + Unpin,
{
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            this.fill(cx);
            let progress = this.drive(cx);
            if let Some(Slot::Done(_)) = this.running.front() {
                let Some(Slot::Done(outcome)) = this.running.pop_front() else {
                    return Poll::Ready(None);
                };
                this.ended = outcome.is_err();
                return Poll::Ready(Some(outcome));
            }
            if this.running.is_empty() && this.source.is_none() && this.waiting.is_none() {
                this.ended = true;
                return Poll::Ready(None);
            }
            // Room or a key became free: the source may go on at once.
            if !progress {
                return Poll::Pending;
            }
        }
    }
}
