//! Scans of engines that block: the first entries where they are polled, the others in hops.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use crate::{BoxStream, Entry, MaybeSend, MaybeSync, Result};

/// So many entries are read one by one where they are polled, so that short scans cost no hop and read nothing ahead.
const INLINE: u32 = 32;
/// A hop reads at most so many entries,
const CHUNK_ENTRIES: usize = 1024;
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

/// Makes a stream of a blocking iterator. `open` is called at the first poll; `hop` runs [`Chunk::fill`] on a thread that
/// may block, and gives the chunk back.
pub fn scan_stream<I, O, H, F>(open: O, hop: H) -> BoxStream<'static, Result<Entry>>
where
    I: Iterator<Item = Result<Entry>> + MaybeSend + 'static,
    O: FnOnce() -> Result<I> + MaybeSend + 'static,
    H: Fn(Chunk<I>) -> F + MaybeSend + MaybeSync + 'static,
    F: Future<Output = Result<Chunk<I>>> + MaybeSend + 'static,
{
    Box::pin(Entries {
        state: State::Unopened(Some(open)),
        hop,
    })
}

enum State<I, O, F> {
    /// None once it is being opened.
    Unopened(Option<O>),
    /// So many entries may still be read where they are polled.
    Inline(Chunk<I>, u32),
    /// None while it is handed to a hop.
    Chunked(Option<Chunk<I>>),
    Hopping(Pin<Box<F>>),
    Ended,
}

struct Entries<I, O, H, F> {
    state: State<I, O, F>,
    hop: H,
}

/// Nothing in it is pinned but the hop, which has a box of its own.
impl<I, O, H, F> Unpin for Entries<I, O, H, F> {}

impl<I, O, H, F> Stream for Entries<I, O, H, F>
where
    I: Iterator<Item = Result<Entry>>,
    O: FnOnce() -> Result<I>,
    H: Fn(Chunk<I>) -> F,
    F: Future<Output = Result<Chunk<I>>>,
{
    type Item = Result<Entry>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Entry>>> {
        let Self { state, hop } = self.get_mut();
        loop {
            match state {
                State::Unopened(open) => match open.take().map(|open| open()) {
                    Some(Ok(entries)) => *state = State::Inline(unread(entries), INLINE),
                    failed => {
                        *state = State::Ended;
                        return Poll::Ready(failed.and_then(Result::err).map(Err));
                    }
                },
                State::Inline(chunk, left) => {
                    if let Some(less) = left.checked_sub(1) {
                        *left = less;
                        return Poll::Ready(chunk.next_of_iterator());
                    }
                    let State::Inline(chunk, _) = std::mem::replace(state, State::Ended) else {
                        return Poll::Ready(None);
                    };
                    *state = State::Chunked(Some(chunk));
                }
                State::Chunked(chunk) => {
                    if let Some(entry) = chunk.as_mut().and_then(|chunk| chunk.ready.pop_front()) {
                        return Poll::Ready(Some(entry));
                    }
                    match chunk.take().filter(|chunk| !chunk.ended) {
                        Some(chunk) => *state = State::Hopping(Box::pin(hop(chunk))),
                        None => *state = State::Ended,
                    }
                }
                State::Hopping(hopping) => match ready!(hopping.as_mut().poll(cx)) {
                    Ok(chunk) => *state = State::Chunked(Some(chunk)),
                    Err(error) => {
                        *state = State::Ended;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                State::Ended => return Poll::Ready(None),
            }
        }
    }
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
