//! Streams whose items are worked on in groups, for stores to which one call for many costs less than many calls.

use std::collections::VecDeque;

use futures_util::{StreamExt, stream};

use crate::{BoxFuture, BoxStream, Entry, Key, MaybeSend, Result};

/// Groups have no more items than this, whatever is asked for: room for a whole group is set aside at once.
const MOST: usize = 4096;

/// Works on the items of a source in groups: those that are ready, `size` and 4096 at most, or one.
///
/// `work` is given the errors of the source in their places and gives outcomes in order; it should go no further than
/// the first error. Nothing is given after an error.
pub fn in_groups<I, T, W>(
    source: BoxStream<'static, Result<I>>,
    size: usize,
    work: W,
) -> BoxStream<'static, Result<T>>
where
    I: MaybeSend + 'static,
    T: MaybeSend + 'static,
    W: FnMut(Vec<Result<I>>) -> BoxFuture<'static, Vec<Result<T>>> + MaybeSend + 'static,
{
    let groups = source.ready_chunks(size.clamp(1, MOST));
    let outcomes = stream::unfold(Some((groups, work)), |running| async {
        let (mut groups, mut work) = running?;
        let group = groups.next().await?;
        let mut outcomes = work(group).await;
        let failed = outcomes.iter().position(Result::is_err);
        outcomes.truncate(failed.map_or(outcomes.len(), |at| at + 1));
        let rest = failed.is_none().then_some((groups, work));
        Some((stream::iter(outcomes), rest))
    });
    Box::pin(outcomes.flatten())
}

/// Reads the keys of a source in groups, as [`in_groups`] does.
///
/// `read` answers as many of the first keys as it sees fit, at least one, so that it can bound the memory that values
/// take; it is given the others again. After an error of its own it answers no more.
pub fn read_in_groups<R>(
    source: BoxStream<'static, Result<Key>>,
    size: usize,
    read: R,
) -> BoxStream<'static, Result<Entry>>
where
    R: FnMut(Vec<Key>) -> BoxFuture<'static, Vec<Result<Entry>>> + MaybeSend + 'static,
{
    let reading = Reading {
        source: Some(Box::pin(source.ready_chunks(size.clamp(1, MOST)))),
        keys: VecDeque::new(),
        ready: VecDeque::new(),
        read,
    };
    Box::pin(stream::unfold(reading, |mut reading| async {
        Some((reading.next().await?, reading))
    }))
}

struct Reading<R> {
    /// None once nothing more is to be read.
    source: Option<BoxStream<'static, Vec<Result<Key>>>>,
    keys: VecDeque<Result<Key>>,
    ready: VecDeque<Result<Entry>>,
    read: R,
}

impl<R> Reading<R>
where
    R: FnMut(Vec<Key>) -> BoxFuture<'static, Vec<Result<Entry>>>,
{
    async fn next(&mut self) -> Option<Result<Entry>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                if entry.is_err() {
                    self.end();
                }
                return Some(entry);
            }
            if self.keys.is_empty() {
                self.keys = self.source.as_mut()?.next().await?.into();
            }
            self.read_group().await;
        }
    }

    /// Reads the keys that come before an error of the source, or gives that error if it comes first.
    async fn read_group(&mut self) {
        let mut group = Vec::with_capacity(self.keys.len());
        while let Some(key) = self.keys.pop_front() {
            match key {
                Ok(key) => group.push(key),
                Err(error) if group.is_empty() => {
                    self.ready.push_back(Err(error));
                    return;
                }
                Err(error) => {
                    self.keys.push_front(Err(error));
                    break;
                }
            }
        }
        let entries = (self.read)(group.clone()).await;
        for key in group.into_iter().skip(entries.len().max(1)).rev() {
            self.keys.push_front(Ok(key));
        }
        self.ready = entries.into();
    }

    fn end(&mut self) {
        self.source = None;
        self.keys.clear();
        self.ready.clear();
    }
}
