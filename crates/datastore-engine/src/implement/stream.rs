//! Scans of engines that block: the first entries where they are polled, the others in hops, and the next ones read while those
//! are consumed.

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

/// Whether opening an iterator may wait for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayWait {
    /// It is done in a hop.
    Yes,
    /// It is done where the stream is polled.
    No,
}

/// A blocking iterator and what was read of it ahead: what a hop takes along and brings back.
#[derive(Debug)]
pub struct Chunk<I, O> {
    entries: Source<I, O>,
    ready: VecDeque<Result<Entry>>,
    ended: bool,
}

#[derive(Debug)]
enum Source<I, O> {
    Open(I),
    Unopened(O),
}

impl<I, O> Chunk<I, O>
where
    I: Iterator<Item = Result<Entry>>,
    O: Fn(MayWait) -> Option<Result<I>>,
{
    /// Reads on. Blocks: to be called in a hop.
    #[must_use]
    pub fn fill(mut self) -> Self {
        self.open(MayWait::Yes);
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

    /// Opens the iterator if that is still to be done; false if it would have to wait.
    fn open(&mut self, may_wait: MayWait) -> bool {
        let Source::Unopened(open) = &self.entries else {
            return true;
        };
        match open(may_wait) {
            Some(Ok(entries)) => self.entries = Source::Open(entries),
            Some(Err(error)) => {
                self.ready.push_back(Err(error));
                self.ended = true;
            }
            None => return false,
        }
        true
    }

    /// The iterator's next; after an error there is none.
    fn next_of_iterator(&mut self) -> Option<Result<Entry>> {
        let Source::Open(entries) = &mut self.entries else {
            return None;
        };
        let entry = (!self.ended).then(|| entries.next()).flatten();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}

/// Makes a stream of a blocking iterator. `open` is called at the first poll, and gives none if it would have to wait and
/// may not: then it is called again in a hop. `hop` runs [`Chunk::fill`] on a thread that may block, and gives the chunk back.
pub fn scan_stream<I, O, H, F>(open: O, hop: H) -> BoxStream<'static, Result<Entry>>
where
    I: Iterator<Item = Result<Entry>> + MaybeSend + 'static,
    O: Fn(MayWait) -> Option<Result<I>> + MaybeSend + 'static,
    H: Fn(Chunk<I, O>) -> F + MaybeSend + MaybeSync + 'static,
    F: Future<Output = Result<Chunk<I, O>>> + MaybeSend + 'static,
{
    let unread = Chunk {
        entries: Source::Unopened(open),
        ready: VecDeque::new(),
        ended: false,
    };
    Box::pin(Entries {
        state: State::Unopened(Some(unread)),
        hop,
    })
}

enum State<I, O, F> {
    /// None once it is being opened.
    Unopened(Option<Chunk<I, O>>),
    /// So many entries may still be read where they are polled.
    Inline(Chunk<I, O>, u32),
    Chunked(Chunked<I, O, F>),
    Ended,
}

/// What a hop has read, and what comes behind it.
struct Chunked<I, O, F> {
    ready: VecDeque<Result<Entry>>,
    rest: Rest<I, O, F>,
    ahead: Ahead,
}

enum Rest<I, O, F> {
    Chunk(Chunk<I, O>),
    Hopping(Pin<Box<F>>),
    Nothing,
}

/// Whether a hop is begun before what the last one has read is consumed.
enum Ahead {
    /// Not before a chunk was consumed: who wants little shall not have more read.
    NotYet,
    Yes,
    /// Hops block the one who polls them.
    Never,
}

impl<I, O, F> Chunked<I, O, F>
where
    F: Future<Output = Result<Chunk<I, O>>>,
{
    fn of(chunk: Chunk<I, O>) -> Self {
        Self {
            ready: VecDeque::new(),
            rest: Rest::Chunk(chunk),
            ahead: Ahead::NotYet,
        }
    }

    fn poll_next(
        &mut self,
        hop: impl Fn(Chunk<I, O>) -> F,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Entry>>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Poll::Ready(Some(entry));
            }
            self.rest = match std::mem::replace(&mut self.rest, Rest::Nothing) {
                Rest::Nothing => return Poll::Ready(None),
                Rest::Chunk(mut chunk) => {
                    // The memory of what was consumed is filled again.
                    std::mem::swap(&mut self.ready, &mut chunk.ready);
                    if chunk.ended {
                        continue;
                    }
                    match self.ahead {
                        _ if self.ready.is_empty() => Rest::Hopping(Box::pin(hop(chunk))),
                        Ahead::Yes => self.begin(Box::pin(hop(chunk)), cx),
                        Ahead::NotYet => {
                            self.ahead = Ahead::Yes;
                            Rest::Chunk(chunk)
                        }
                        Ahead::Never => Rest::Chunk(chunk),
                    }
                }
                Rest::Hopping(mut hopping) => match hopping.as_mut().poll(cx) {
                    Poll::Ready(Ok(chunk)) => Rest::Chunk(chunk),
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Poll::Pending => {
                        self.rest = Rest::Hopping(hopping);
                        return Poll::Pending;
                    }
                },
            };
        }
    }

    /// Has the next chunk read while this one is consumed.
    fn begin(&mut self, mut hopping: Pin<Box<F>>, cx: &mut Context<'_>) -> Rest<I, O, F> {
        match hopping.as_mut().poll(cx) {
            Poll::Pending => Rest::Hopping(hopping),
            Poll::Ready(Ok(chunk)) => {
                self.ahead = Ahead::Never;
                Rest::Chunk(chunk)
            }
            Poll::Ready(Err(error)) => {
                self.ready.push_back(Err(error));
                Rest::Nothing
            }
        }
    }
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
    O: Fn(MayWait) -> Option<Result<I>>,
    H: Fn(Chunk<I, O>) -> F,
    F: Future<Output = Result<Chunk<I, O>>>,
{
    type Item = Result<Entry>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Entry>>> {
        let Self { state, hop } = self.get_mut();
        loop {
            match state {
                State::Unopened(chunk) => match chunk.take() {
                    Some(mut chunk) => {
                        let opened = chunk.open(MayWait::No);
                        let inline = opened && chunk.ready.is_empty();
                        *state = match inline {
                            true => State::Inline(chunk, INLINE),
                            false => State::Chunked(Chunked::of(chunk)),
                        };
                    }
                    None => *state = State::Ended,
                },
                State::Inline(chunk, left) => {
                    if let Some(less) = left.checked_sub(1) {
                        *left = less;
                        return Poll::Ready(chunk.next_of_iterator());
                    }
                    let State::Inline(chunk, _) = std::mem::replace(state, State::Ended) else {
                        return Poll::Ready(None);
                    };
                    *state = State::Chunked(Chunked::of(chunk));
                }
                State::Chunked(chunked) => {
                    let entry = ready!(chunked.poll_next(&*hop, cx));
                    if entry.is_none() {
                        *state = State::Ended;
                    }
                    return Poll::Ready(entry);
                }
                State::Ended => return Poll::Ready(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        sync::{
            Arc, Mutex,
            atomic::{AtomicU32, Ordering},
        },
    };

    use futures_util::{FutureExt, StreamExt};

    use super::{CHUNK_ENTRIES, Chunk, INLINE, MayWait, scan_stream};
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
        let hop = move |chunk: Chunk<_, _>| {
            hopped.fetch_add(1, Ordering::SeqCst);
            ready(Ok(chunk.fill()))
        };
        let source = Mutex::new(Some(entries));
        let open = move |_| source.lock().unwrap().take().map(Ok);
        let stream = scan_stream(open, hop);
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

    /// Waits once, as a hop to another thread does.
    async fn hop_elsewhere<T>(outcome: T) -> T {
        let mut waited = false;
        std::future::poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            match std::mem::replace(&mut waited, true) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
        outcome
    }

    #[test]
    fn the_next_chunk_is_read_while_one_is_consumed() {
        let (inline, chunk) = (INLINE as usize, CHUNK_ENTRIES);
        for (take, begun) in [
            (inline, 0),
            (inline + 1, 1),
            (inline + chunk, 1),
            // Who has consumed a chunk is likely to go on.
            (inline + chunk + 1, 3),
            (inline + 2 * chunk + 1, 4),
            (inline + 4 * chunk, 5),
        ] {
            let hops = Arc::new(AtomicU32::new(0));
            let hopped = hops.clone();
            let hop = move |chunk: Chunk<_, _>| {
                hopped.fetch_add(1, Ordering::SeqCst);
                hop_elsewhere(Ok(chunk.fill()))
            };
            let count = (inline + 4 * chunk) as u32;
            let open = move |_| Some(Ok((0..count).map(|n| Ok(entry(n, 1)))));
            let stream = scan_stream(open, hop);
            let mut keys = Vec::new();
            let got = stream.take(take).for_each(|entry| {
                keys.push(entry.unwrap().key);
                ready(())
            });
            pollster::block_on(got);
            assert_eq!(keys.len(), take);
            assert!(keys.is_sorted());
            assert_eq!(hops.load(Ordering::SeqCst), begun, "{take} taken");
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
        let closed = |_| {
            None::<std::vec::IntoIter<_>>
                .map(Ok)
                .or(Some(Err(Error::closed())))
        };
        let unopened = scan_stream(closed, |chunk: Chunk<_, _>| ready(Ok(chunk)));
        let got: Vec<_> = unopened.collect().now_or_never().unwrap();
        assert_eq!(got.len(), 1);
        assert_eq!(
            got.into_iter().next().unwrap().unwrap_err().kind(),
            ErrorKind::Closed
        );
    }

    /// What would have to wait is opened in a hop, once.
    #[test]
    fn opening_may_wait_in_a_hop_only() {
        let hops = Arc::new(AtomicU32::new(0));
        let hopped = hops.clone();
        let open = |may_wait| match may_wait {
            MayWait::No => None,
            MayWait::Yes => Some(Ok((0..40).map(|n| Ok(entry(n, 1))))),
        };
        let hop = move |chunk: Chunk<_, _>| {
            hopped.fetch_add(1, Ordering::SeqCst);
            ready(Ok(chunk.fill()))
        };
        let got: Vec<_> = scan_stream(open, hop).collect().now_or_never().unwrap();
        assert_eq!((got.len(), hops.load(Ordering::SeqCst)), (40, 1));
    }
}
