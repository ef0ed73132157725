//! Values larger than memory.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::{Contents, Intake, OpenFile, Tree, Wait};
use futures_util::StreamExt;
use futures_util::stream;
use interface_datastore::implement::wants_no_value;
use interface_datastore::{
    BoxStream, Error, GetOptions, Key, Operation, PutOptions, Result, ValueStream, Want, Written,
    abortable,
};

use crate::failure::{Failure, file_error};
use crate::read::{Request, entry, open_value};
use crate::store::{FsDatastore, Inner};

/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

impl FsDatastore {
    pub(crate) async fn put_stream(
        &self,
        key: &Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> Result<Written> {
        let inner = &self.inner;
        let safety = inner.check_write(
            Operation::Put,
            options.durability,
            options.expires.is_some(),
        )?;
        inner.check_key(Operation::Put, key)?;
        let signal = options.abort;
        let condition = options.condition;
        let work = async {
            let contents = self.gather(key, body).await?;
            self.publish(key, contents, condition, safety).await
        };
        abortable(signal.as_ref(), Operation::Put, Some(key), work).await
    }

    /// Takes in a value: small ones in memory, larger ones in a temporary file.
    async fn gather(
        &self,
        key: &Key,
        mut body: BoxStream<'static, Result<Bytes>>,
    ) -> Result<Contents> {
        let failed = |error| file_error(error, Operation::Put, Some(key));
        let mut intake = Intake::new(&self.inner.tree);
        while let Some(piece) = body.next().await.transpose()? {
            if intake.add(piece) {
                let step = move || intake.write_out();
                let written = self.inner.hop(Operation::Put, step).await?;
                intake = written.map_err(failed)?;
            }
        }
        if intake.is_in_memory() {
            return intake.finish().map_err(failed);
        }
        let step = move || intake.finish();
        let finished = self.inner.hop(Operation::Put, step).await?;
        finished.map_err(failed)
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
            if !inner.takes(key) {
                return Err(Error::not_found(Operation::Get, key));
            }
            let request = Request {
                key: key.clone(),
                place: inner.layout.place(key),
                options,
            };
            let open = move |tree: &Tree, wait: Wait| open(&request, tree, wait);
            let opened = inner.tree.answer(inner.blocking, open).await;
            opened.map_err(|failure| failure.during(Operation::Get, Some(key)))
        };
        let (file, range) = abortable(signal.as_ref(), Operation::Get, Some(key), work).await?;
        let told = entry(key, file.metadata());
        let body = pieces(Arc::clone(inner), key.clone(), Arc::new(file), range);
        Ok(ValueStream::new(
            told,
            interface_datastore::abortable_stream(signal, Operation::Get, body),
        ))
    }
}

fn open(request: &Request, tree: &Tree, wait: Wait) -> Result<(OpenFile, Range<u64>), Failure> {
    let found = open_value(tree, &request.place, wait)?;
    let file = found.ok_or_else(|| Error::not_found(Operation::Get, &request.key))?;
    request.check_version(file.metadata())?;
    let len = file.metadata().len;
    let range = match request.options.want {
        Want::Range(range) => range
            .resolve(len)
            .map_err(|error| error.with_key(&request.key))?,
        _ => 0..len,
    };
    Ok((file, range))
}

/// Reads a file piece by piece. The open file stays the same value, whatever takes its name.
fn pieces(
    store: Arc<Inner>,
    key: Key,
    file: Arc<OpenFile>,
    range: Range<u64>,
) -> BoxStream<'static, Result<Bytes>> {
    stream::unfold(Some(range), move |rest| {
        let (store, key, file) = (Arc::clone(&store), key.clone(), Arc::clone(&file));
        async move {
            let rest = rest.filter(|rest| !rest.is_empty())?;
            let end = rest.end.min(rest.start.saturating_add(PIECE as u64));
            let this = rest.start..end;
            let wanted = end - rest.start;
            let read = move |_: &Tree, wait: Wait| file.read(this.clone(), wait);
            match store.tree.answer(store.blocking, read).await {
                Ok(bytes) if bytes.len() as u64 == wanted => Some((Ok(bytes), Some(end..rest.end))),
                Ok(_) => {
                    let error = Error::new(interface_datastore::ErrorKind::Damaged, Operation::Get)
                        .with_key(&key);
                    let error = error.with_detail("the file became shorter while it was read");
                    Some((
                        Err(error.with_remedy(
                            "find the program that changes files of this store in place",
                        )),
                        None,
                    ))
                }
                Err(error) => Some((Err(file_error(error, Operation::Get, Some(&key))), None)),
            }
        }
    })
    .boxed()
}
