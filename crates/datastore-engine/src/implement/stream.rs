//! Scans of engines that block: the first entries where they are polled, the others in hops.

use std::{collections::VecDeque, future::Future};

use futures_util::stream;

use crate::{BoxStream, Entry, MaybeSend, MaybeSync, Result};

/// So many entries are read one by one where they are polled, so that short scans cost no hop and read nothing ahead.
const INLINE: u32 = 32;
/// A hop reads at most so many entries,
const CHUNK_ENTRIES: usize = 512;
/// and stops once it has read so many bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// A blocking iterator and what was read of it ahead: what a hop takes along and brings back.
#[derive(Debug)]
pub struct Chunk<I> {
    entries: I,
    ready: VecDeque<Result<Entry>>,
    ended: bool,
}

impl<I: Iterator<Item = Result<Entry>>> Chunk<I> {
    /// Reads on. Blocks: to be called in a hop.
    #[must_use]
    pub fn fill(mut self) -> Self {
        let mut bytes = 0;
        while !self.ended && self.ready.len() < CHUNK_ENTRIES && bytes < CHUNK_BYTES {
            let Some(entry) = self.next_of_iterator() else {
                break;
            };
            bytes += entry
                .as_ref()
                .map_or(0, |entry| entry.key.len() + entry.value.len());
            self.ready.push_back(entry);
        }
        self
    }

    /// The iterator's next; after an error there is none.
    fn next_of_iterator(&mut self) -> Option<Result<Entry>> {
        let entry = (!self.ended).then(|| self.entries.next()).flatten();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}

enum State<I, O> {
    Unopened(O),
    Open { chunk: Chunk<I>, inline: u32 },
    Ended,
}

/// Makes a stream of a blocking iterator. `open` is called at the first poll; `hop` runs [`Chunk::fill`] on a thread that
/// may block, and gives the chunk back.
pub fn scan_stream<I, O, H, F>(open: O, hop: H) -> BoxStream<'static, Result<Entry>>
where
    I: Iterator<Item = Result<Entry>> + MaybeSend + 'static,
    O: FnOnce() -> Result<I> + MaybeSend + 'static,
    H: Fn(Chunk<I>) -> F + MaybeSend + MaybeSync + 'static,
    F: Future<Output = Result<Chunk<I>>> + MaybeSend + 'static,
{
    let start = (State::Unopened(open), hop);
    Box::pin(stream::unfold(start, |(state, hop)| async move {
        let (entry, state) = step(state, &hop).await?;
        Some((entry, (state, hop)))
    }))
}

async fn step<I, O, H, F>(state: State<I, O>, hop: &H) -> Option<(Result<Entry>, State<I, O>)>
where
    I: Iterator<Item = Result<Entry>>,
    O: FnOnce() -> Result<I>,
    H: Fn(Chunk<I>) -> F,
    F: Future<Output = Result<Chunk<I>>>,
{
    let (mut chunk, inline) = match state {
        State::Ended => return None,
        State::Open { chunk, inline } => (chunk, inline),
        State::Unopened(open) => match open() {
            Ok(entries) => (unread(entries), INLINE),
            Err(error) => return Some((Err(error), State::Ended)),
        },
    };
    if let Some(left) = inline.checked_sub(1) {
        let entry = chunk.next_of_iterator()?;
        return Some((
            entry,
            State::Open {
                chunk,
                inline: left,
            },
        ));
    }
    if chunk.ready.is_empty() && !chunk.ended {
        chunk = match hop(chunk).await {
            Ok(chunk) => chunk,
            Err(error) => return Some((Err(error), State::Ended)),
        };
    }
    let entry = chunk.ready.pop_front()?;
    Some((entry, State::Open { chunk, inline: 0 }))
}

fn unread<I>(entries: I) -> Chunk<I> {
    Chunk {
        entries,
        ready: VecDeque::new(),
        ended: false,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
    };

    use futures_util::{FutureExt, StreamExt};

    use super::{CHUNK_ENTRIES, Chunk, INLINE, scan_stream};
    use crate::{Bytes, Entry, Error, ErrorKind, Result};

    fn entry(number: u32, value_len: usize) -> Entry {
        Entry {
            key: Bytes::copy_from_slice(&number.to_be_bytes()),
            value: vec![0; value_len].into(),
        }
    }

    /// Keys that came, whether an error was the last, reads and hops.
    fn told(source: Vec<Result<Entry>>, take: usize) -> (usize, bool, u32, u32) {
        let (reads, hops) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (counted, hopped) = (reads.clone(), hops.clone());
        let entries = source.into_iter().inspect(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let hop = move |chunk: Chunk<_>| {
            hopped.fetch_add(1, Ordering::SeqCst);
            ready(Ok(chunk.fill()))
        };
        let stream = scan_stream(move || Ok(entries), hop);
        let got: Vec<_> = stream.take(take).collect().now_or_never().unwrap();
        let good = got.iter().take_while(|entry| entry.is_ok()).count();
        let (reads, hops) = (reads.load(Ordering::SeqCst), hops.load(Ordering::SeqCst));
        (good, good < got.len(), reads, hops)
    }

    #[test]
    fn entries_come_whole_and_in_few_hops() {
        let many = |count: u32| (0..count).map(|n| Ok(entry(n, 1))).collect::<Vec<_>>();
        let (inline, chunk) = (INLINE, CHUNK_ENTRIES as u32);
        let all = usize::MAX;
        for (count, take, expected) in [
            (0, all, (0, false, 0, 0)),
            (5, all, (5, false, 5, 0)),
            (5, 2, (2, false, 2, 0)),
            // That nothing is left takes a hop to know.
            (inline, all, (inline as usize, false, inline, 1)),
            (inline + 1, all, (inline as usize + 1, false, inline + 1, 1)),
            (
                inline + 2 * chunk,
                all,
                ((inline + 2 * chunk) as usize, false, inline + 2 * chunk, 3),
            ),
            (inline + 2 * chunk, 40, (40, false, inline + chunk, 1)),
        ] {
            assert_eq!(
                told(many(count), take),
                expected,
                "{count} entries, {take} taken"
            );
        }
    }

    #[test]
    fn large_values_make_small_chunks() {
        let source = (0..40).map(|n| Ok(entry(n, 100_000))).collect();
        let (good, _, _, hops) = told(source, usize::MAX);
        assert_eq!((good, hops), (40, 3));
    }

    #[test]
    fn an_error_is_the_last_item() {
        for at in [0, 3, INLINE, INLINE + 7] {
            let fault = |n| {
                if n == at {
                    Err(Error::closed())
                } else {
                    Ok(entry(n, 1))
                }
            };
            let (good, failed, ..) = told((0..INLINE + 20).map(fault).collect(), usize::MAX);
            assert_eq!((good, failed), (at as usize, true));
        }
        let hop = |chunk: Chunk<std::vec::IntoIter<Result<Entry>>>| ready(Ok(chunk));
        let unopened = scan_stream(|| Err(Error::closed()), hop);
        let got: Vec<_> = unopened.collect().now_or_never().unwrap();
        assert_eq!(got.len(), 1);
        assert_eq!(
            got.into_iter().next().unwrap().unwrap_err().kind(),
            ErrorKind::Closed
        );
    }
}
