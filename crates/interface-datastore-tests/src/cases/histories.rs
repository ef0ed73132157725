//! Concurrent histories: operations on one key appear to happen at one instant between call and return.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use bytes::Bytes;
use fastrand::Rng;
use interface_datastore::{BoxFuture, ConditionScope, Datastore, DatastoreExt, Key};

use super::support::{poll_times, yield_now};
use crate::{
    Failure, Outcome, Subject,
    effort::runs,
    linear::{Action, Event, is_linearizable},
};

pub(super) const TASKS: usize = 5;
const STEPS: usize = 8;
const KEYS: usize = 2;

/// What all tasks of one history share.
pub(super) struct Recorder {
    keys: Vec<Key>,
    clock: AtomicU64,
    values: AtomicU64,
    if_absent: bool,
    may_drop: bool,
    events: Mutex<HashMap<Key, Vec<Event>>>,
}

impl Recorder {
    pub(super) fn new(subject: &Subject, round: u64, may_drop: bool) -> Outcome<Arc<Self>> {
        let keys = (0..KEYS).map(|i| subject.key(format!("/history/{round}/{i}")));
        let can = subject.capabilities();
        Ok(Arc::new(Self {
            keys: keys.collect::<Outcome<_>>()?,
            clock: AtomicU64::new(0),
            values: AtomicU64::new(0),
            if_absent: can.if_absent != ConditionScope::None,
            may_drop,
            events: Mutex::new(HashMap::new()),
        }))
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn record(&self, key: &Key, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.entry(key.clone()).or_default().push(event);
    }

    pub(super) fn judge(&self, seed: u64) -> Outcome {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, history) in &*events {
            if !is_linearizable(history) {
                let mut history = history.clone();
                history.sort_by_key(|event| event.called);
                return Err(Failure::new(format!(
                    "the operations on {key} (seed {seed}) could not have happened one after another: {history:?}"
                )));
            }
        }
        Ok(())
    }

    /// Random operations, one after another.
    pub(super) async fn task(&self, store: &dyn Datastore, seed: u64) -> Outcome {
        let mut random = Rng::with_seed(seed);
        for _ in 0..STEPS {
            for _ in 0..random.usize(0..3) {
                yield_now().await;
            }
            let Some(key) = random.choice(&self.keys) else {
                return Ok(());
            };
            self.step(store, key, &mut random).await?;
        }
        Ok(())
    }

    async fn step(&self, store: &dyn Datastore, key: &Key, random: &mut Rng) -> Outcome {
        let value = u32::try_from(self.values.fetch_add(1, Ordering::SeqCst)).unwrap_or_default();
        let bytes = Bytes::from(value.to_be_bytes().to_vec());
        let dropped_after = (self.may_drop && random.u8(0..4) == 0).then(|| random.usize(1..4));
        let called = self.tick();
        let (action, done) = match random.u8(0..10) {
            0..=2 => (
                Action::Put(value),
                drop_after(dropped_after, store.put(key, bytes))
                    .await
                    .transpose()?
                    .is_some(),
            ),
            3 if self.if_absent => {
                let did = drop_after(dropped_after, store.put_if_absent(key, bytes))
                    .await
                    .transpose()?;
                (
                    Action::PutIfAbsent(value, did.unwrap_or_default()),
                    did.is_some(),
                )
            }
            3 | 4 => (
                Action::Delete,
                drop_after(dropped_after, store.delete(key))
                    .await
                    .transpose()?
                    .is_some(),
            ),
            5 => (Action::Has(store.has(key).await?), true),
            _ => (Action::Get(read(store, key).await?), true),
        };
        let event = Event {
            action,
            called,
            returned: self.tick(),
            dropped: !done,
        };
        self.record(key, event);
        Ok(())
    }
}

async fn read(store: &dyn Datastore, key: &Key) -> Outcome<Option<u32>> {
    let Some(bytes) = store.try_get(key).await? else {
        return Ok(None);
    };
    let number = <[u8; 4]>::try_from(&*bytes);
    let number =
        number.map_err(|_| Failure::new(format!("{key} holds {bytes:?}, which nobody stored")))?;
    Ok(Some(u32::from_be_bytes(number)))
}

/// The future's output, or none if it was dropped after so many polls.
async fn drop_after<T>(polls: Option<usize>, future: impl Future<Output = T>) -> Option<T> {
    match polls {
        Some(polls) => poll_times(future, polls).await,
        None => Some(future.await),
    }
}

/// Polls all tasks on one thread, each time in another order, until all have ended.
async fn interleave(mut tasks: Vec<BoxFuture<'_, Outcome>>, seed: u64) -> Outcome {
    let mut random = Rng::with_seed(seed);
    poll_fn(|cx| {
        random.shuffle(&mut tasks);
        let mut failed = None;
        tasks.retain_mut(|task| match task.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(outcome) => {
                failed = failed.take().or(outcome.err());
                false
            }
        });
        match (failed, tasks.is_empty()) {
            (Some(failure), _) => Poll::Ready(Err(failure)),
            (None, true) => Poll::Ready(Ok(())),
            (None, false) => Poll::Pending,
        }
    })
    .await
}

async fn interleaved_rounds(subject: &Subject, may_drop: bool) -> Outcome {
    for round in 0..runs(1000) {
        let recorder = Recorder::new(subject, round, may_drop)?;
        let tasks = (0..TASKS as u64).map(|task| -> BoxFuture<'_, Outcome> {
            Box::pin(recorder.task(subject.store(), round << 8 | task))
        });
        interleave(tasks.collect(), round).await?;
        recorder.judge(round)?;
    }
    Ok(())
}

/// Tasks of one thread, in many orders.
pub(crate) async fn interleaved(subject: &Subject) -> Outcome {
    interleaved_rounds(subject, false).await
}

/// The same, and some writes are dropped half way: they take effect before later operations or never.
pub(crate) async fn interleaved_and_dropped(subject: &Subject) -> Outcome {
    interleaved_rounds(subject, true).await
}
