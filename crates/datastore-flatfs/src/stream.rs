//! Values larger than memory.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::{Contents, Intake, OpenFile, Tree, Wait};
use futures_util::StreamExt;
use futures_util::stream;
use interface_datastore::implement::wants_no_value;
use interface_datastore::{
    BoxStream, Error, ErrorKind, GetOptions, Key, Operation, PutOptions, Result, ValueStream, Want,
    Written, abortable, abortable_stream,
};

use crate::failure::file_error;
use crate::read::{Request, entry};
use crate::store::FlatfsDatastore;
use crate::write::Put;

/// Bytes that are read at a time.
const PIECE: u64 = 1 << 20;

impl FlatfsDatastore {
    pub(crate) async fn put_stream(
        &self,
        key: &Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> Result<Written> {
        let inner = &self.inner;
        let expires = options.expires.is_some();
        let safety = inner.check_write(Operation::Put, options.durability, expires)?;
        let place = inner.place(Operation::Put, key)?;
        let put = Put::new(key, place, options.condition);
        let work = async {
            let contents = self.take_in(key, body).await?;
            self.publish(put, contents, safety).await
        };
        abortable(options.abort.as_ref(), Operation::Put, Some(key), work).await
    }

    async fn take_in(
        &self,
        key: &Key,
        mut body: BoxStream<'static, Result<Bytes>>,
    ) -> Result<Contents> {
        let failed = |error| file_error(error, Operation::Put, Some(key));
        let mut intake = Intake::new(&self.inner.tree);
        while let Some(piece) = body.next().await.transpose()? {
            if intake.add(piece) {
                let written = self.inner.hop(Operation::Put, || intake.write_out());
                intake = written.await?.map_err(failed)?;
            }
        }
        match intake.is_in_memory() {
            true => intake.finish(),
            false => self.inner.hop(Operation::Put, || intake.finish()).await?,
        }
        .map_err(failed)
    }

    pub(crate) async fn get_stream(&self, key: &Key, options: GetOptions) -> Result<ValueStream> {
        let inner = &self.inner;
        inner.check_open(Operation::Get)?;
        if !matches!(options.want, Want::Value | Want::Range(_)) {
            return Err(wants_no_value(key));
        }
        let signal = options.abort.clone();
        let work = async {
            inner.gates.settled(key).await;
            let place = inner.sharding.place(key);
            let place = place.ok_or_else(|| Error::not_found(Operation::Get, key))?;
            let request = Request::new(inner, key.clone(), place, options);
            let open = move |tree: &Tree, wait: Wait| request.open(tree, wait);
            let opened = inner.tree.answer(inner.blocking, open).await;
            opened.map_err(|failure| failure.during(Operation::Get, Some(key)))
        };
        let (file, range) = abortable(signal.as_ref(), Operation::Get, Some(key), work).await?;
        let told = entry(key, file.metadata());
        let body = self.pieces(key.clone(), Arc::new(file), range);
        let body = abortable_stream(signal, Operation::Get, body);
        Ok(ValueStream::new(told, body))
    }

    /// Reads a file piece by piece. The open file stays the same value, whatever takes its name.
    fn pieces(
        &self,
        key: Key,
        file: Arc<OpenFile>,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes>> {
        let store = Arc::clone(&self.inner);
        let pieces = stream::unfold(range.start, move |start| {
            let (store, key, file) = (Arc::clone(&store), key.clone(), Arc::clone(&file));
            async move {
                let end = range.end.min(start.saturating_add(PIECE));
                if start >= end {
                    return None;
                }
                let read = move |_: &Tree, wait: Wait| file.read(start..end, wait);
                let piece = match store.tree.answer(store.blocking, read).await {
                    Ok(bytes) if bytes.len() as u64 == end - start => Ok(bytes),
                    Ok(_) => Err(shortened(&key)),
                    Err(error) => Err(file_error(error, Operation::Get, Some(&key))),
                };
                // Nothing comes after an error.
                let next = if piece.is_ok() { end } else { range.end };
                Some((piece, next))
            }
        });
        pieces.boxed()
    }
}

fn shortened(key: &Key) -> Error {
    Error::new(ErrorKind::Damaged, Operation::Get)
        .with_key(key)
        .with_detail("the file became shorter while it was read")
        .with_remedy("find the program that changes files of this store in place")
}
