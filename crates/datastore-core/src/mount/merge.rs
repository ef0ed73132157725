//! Merging sorted answers, an entry at a time.

use std::{
    cmp::Ordering,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use interface_datastore::{BoxStream, Entry, Result, query::Order};

/// Merges streams that are each sorted by `orders`, the last being the most significant. Between equals the earlier
/// stream comes first. An error ends it.
pub(super) fn merge(
    sources: Vec<BoxStream<'static, Result<Entry>>>,
    orders: Vec<Order>,
) -> BoxStream<'static, Result<Entry>> {
    let sources = sources
        .into_iter()
        .map(|stream| Source { stream, head: None });
    Box::pin(Merge {
        sources: sources.collect(),
        orders,
    })
}

struct Merge {
    /// Those that may still give something.
    sources: Vec<Source>,
    orders: Vec<Order>,
}

struct Source {
    stream: BoxStream<'static, Result<Entry>>,
    head: Option<Entry>,
}

impl Merge {
    fn compare(&self, a: &Entry, b: &Entry) -> Ordering {
        let orders = self.orders.iter().rev();
        let mut compared = orders.map(|order| order.compare(a, b));
        compared
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// The source with the least head.
    fn least(&self) -> Option<usize> {
        let mut least: Option<(usize, &Entry)> = None;
        for (index, source) in self.sources.iter().enumerate() {
            let Some(head) = &source.head else { continue };
            if least.is_none_or(|(_, entry)| self.compare(head, entry).is_lt()) {
                least = Some((index, head));
            }
        }
        least.map(|(index, _)| index)
    }
}

impl Stream for Merge {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut pending = false;
        let mut failed = None;
        this.sources.retain_mut(|source| {
            if source.head.is_some() || failed.is_some() {
                return true;
            }
            match source.stream.as_mut().poll_next(cx) {
                Poll::Pending => pending = true,
                Poll::Ready(None) => return false,
                Poll::Ready(Some(Ok(entry))) => source.head = Some(entry),
                Poll::Ready(Some(Err(error))) => failed = Some(error),
            }
            true
        });
        if let Some(error) = failed {
            this.sources.clear();
            return Poll::Ready(Some(Err(error)));
        }
        if pending {
            return Poll::Pending;
        }
        let least = this.least().and_then(|index| this.sources.get_mut(index));
        Poll::Ready(least.and_then(|source| source.head.take()).map(Ok))
    }
}
