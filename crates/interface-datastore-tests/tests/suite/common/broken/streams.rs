//! Streams that go wrong.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    BoxStream, Datastore, DatastoreExt, GetOptions, Key, MaybeSend, PutOptions, Result,
    ValueStream, Want, WatchEvent, WatchOptions, implement,
};

use super::{Broken, Flaw};

impl Broken {
    pub(super) async fn read_pieces(
        &self,
        key: &Key,
        mut options: GetOptions,
    ) -> Result<ValueStream> {
        match self.flaw {
            Flaw::MissingIsEmpty => options.if_version = None,
            Flaw::MixesVersions if options.want == Want::Value => {
                let entry = self.inner.metadata(key).await?;
                let (inner, key, size) = (
                    self.inner.clone(),
                    key.clone(),
                    entry.size.unwrap_or_default(),
                );
                let halves = stream::iter([(0, size / 2), (size / 2, size)]);
                let body = halves.then(move |(start, end)| {
                    let (inner, key) = (inner.clone(), key.clone());
                    async move { inner.get_range(&key, start..end).await }
                });
                return Ok(ValueStream::new(entry, Box::pin(body)));
            }
            _ => {}
        }
        let mut stream = implement::get_stream(self, key, options).await?;
        if self.flaw == Flaw::CutsStreams {
            stream.body = Box::pin(
                stream
                    .body
                    .map_ok(|piece| piece.slice(..piece.len() - piece.len().min(1))),
            );
        }
        Ok(stream)
    }

    /// A source whose items come otherwise than they should.
    pub(super) fn bend_source<T: Send + 'static>(
        &self,
        source: BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        match self.flaw {
            Flaw::ReadsAhead => read_ahead(source),
            Flaw::SwallowsErrors => Box::pin(source.filter_map(|item| async { item.ok().map(Ok) })),
            _ => source,
        }
    }

    pub(super) fn bend_pairs(
        &self,
        source: BoxStream<'static, Result<(Key, Bytes)>>,
    ) -> BoxStream<'static, Result<(Key, Bytes)>> {
        let source = self.bend_source(source);
        if self.flaw != Flaw::WritesBackwards {
            return source;
        }
        let store = self.clone();
        let gathered = async move {
            let pairs: Vec<_> = source.try_collect().await?;
            for (key, value) in pairs.iter().rev() {
                store
                    .put_opts(key, value.clone(), PutOptions::default())
                    .await?;
            }
            let first: Vec<_> = pairs.iter().map(|(key, _)| key.clone()).collect();
            let held = stream::iter(first).then(move |key| {
                let store = store.clone();
                async move {
                    let value = store.get(&key).await?;
                    Ok((key, value))
                }
            });
            Ok(held)
        };
        Box::pin(stream::once(gathered).try_flatten())
    }

    /// Results that come otherwise than they should.
    pub(super) fn bend<T: MaybeSend + 'static>(
        &self,
        results: BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        match self.flaw {
            Flaw::GivesBackwards => Box::pin(
                stream::once(async {
                    let mut all: Vec<_> = results.collect().await;
                    all.reverse();
                    stream::iter(all)
                })
                .flatten(),
            ),
            Flaw::SwallowsErrors => {
                Box::pin(results.filter_map(|item| async { item.ok().map(Ok) }))
            }
            _ => results,
        }
    }

    pub(super) async fn events(
        &self,
        scope: &Key,
        mut options: WatchOptions,
    ) -> Result<BoxStream<'static, Result<WatchEvent>>> {
        let root = Key::root();
        let scope = if self.flaw == Flaw::WatchesAll {
            &root
        } else {
            scope
        };
        match self.flaw {
            Flaw::IgnoresAbort => options.abort = None,
            Flaw::DropsEventsSilently => {
                options.capacity = 10_000;
                let events = self.inner.watch_opts(scope, options).await?;
                return Ok(Box::pin(events.enumerate().filter_map(
                    |(i, event)| async move { (i < 20).then_some(event) },
                )));
            }
            _ => {}
        }
        let events = self.inner.watch_opts(scope, options).await?;
        Ok(match self.flaw {
            Flaw::SilentWatch => Box::pin(stream::pending()),
            Flaw::WatchesUnseenKeys => {
                Box::pin(stream::iter([Ok(WatchEvent::Delete { key: root })]).chain(events))
            }
            Flaw::WrongEventVersions => Box::pin(events.map_ok(|event| match event {
                WatchEvent::Put { key, .. } => WatchEvent::Put { key, version: None },
                other => other,
            })),
            _ => events,
        })
    }
}

/// Takes all of a source before it gives any.
fn read_ahead<T: Send + 'static>(
    source: BoxStream<'static, Result<T>>,
) -> BoxStream<'static, Result<T>> {
    let all = stream::once(async { stream::iter(source.collect::<Vec<_>>().await) });
    Box::pin(all.flatten())
}
