//! Reading files and listing the folder.

use std::path::Path;

use bytes::Bytes;
use datastore_files::{Blocking, FileError, OpenFile, Step, Tree, Wait, Walk};
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    BoxStream, Entry, Error, ErrorKind, GetOptions, Key, Operation, Query, QueryOptions, Result,
    ValueStream, Want, abortable, abortable_stream, implement, query::evaluate,
};

use super::{Folder, Odd, failed, names};
use crate::input::PIECE;

/// How many entries are found in one hop.
const GROUP: usize = 256;

pub(super) async fn get(folder: &Folder, key: &Key, options: GetOptions) -> Result<Entry> {
    let operation = options.operation();
    abortable(options.abort.as_ref(), operation, Some(key), async {
        let file = open(folder, key, operation).await?;
        let size = file.metadata().len;
        let entry = Entry::of_size(key.clone(), size);
        let range = match options.want {
            Want::Value => 0..size,
            Want::Range(range) => range.resolve(size)?,
            _ => return Ok(entry),
        };
        let (_, value) = read(folder, key, file, range.start, range.end).await?;
        let mut entry = entry;
        entry.value = Some(value);
        Ok(entry)
    })
    .await
}

pub(super) async fn get_stream(
    folder: &Folder,
    key: &Key,
    options: GetOptions,
) -> Result<ValueStream> {
    let file = open(folder, key, Operation::Get).await?;
    let size = file.metadata().len;
    let range = match options.want {
        Want::Value => 0..size,
        Want::Range(range) => range.resolve(size)?,
        _ => return Err(implement::wants_no_value(key)),
    };
    let state = (folder.clone(), key.clone(), file, range.start);
    let pieces = stream::try_unfold(state, move |(folder, key, file, at)| async move {
        let end = range.end.min(at.saturating_add(PIECE as u64));
        if at >= end {
            return Ok(None);
        }
        let (file, piece) = read(&folder, &key, file, at, end).await?;
        Ok(Some((piece, (folder, key, file, end))))
    });
    let body = abortable_stream(options.abort, Operation::Get, pieces.boxed());
    Ok(ValueStream::new(Entry::of_size(key.clone(), size), body))
}

async fn open(folder: &Folder, key: &Key, operation: Operation) -> Result<OpenFile> {
    let path = folder.path_of(key, operation)?;
    let tree = folder.tree.clone();
    let opened = hop(tree.clone(), move || tree.open_file(&path, Wait::Yes)).await;
    let file = opened.map_err(|error| failed::file(error, operation, Some(key)))?;
    file.ok_or_else(|| Error::not_found(operation, key))
}

/// Reads exactly this range.
async fn read(
    folder: &Folder,
    key: &Key,
    file: OpenFile,
    from: u64,
    to: u64,
) -> Result<(OpenFile, Bytes)> {
    let hop = hop(folder.tree.clone(), move || {
        let bytes = file.read(from..to, Wait::Yes)?;
        Ok((file, bytes))
    });
    let (file, bytes) = hop
        .await
        .map_err(|error| failed::file(error, Operation::Get, Some(key)))?;
    if bytes.len() as u64 == to.saturating_sub(from) {
        return Ok((file, bytes));
    }
    Err(Error::new(ErrorKind::Failed, Operation::Get)
        .with_key(key)
        .with_detail("the file became shorter while it was read")
        .with_remedy("repeat the command once nobody writes to the folder"))
}

/// Blocking work on a thread of its own.
pub(super) async fn hop<T: Send + 'static>(
    tree: Tree,
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    Blocking::Never.run(tree.path(), work).await?
}

pub(super) fn list(
    folder: &Folder,
    query: Query,
    options: QueryOptions,
) -> BoxStream<'static, Result<Entry>> {
    let walk = folder
        .tree
        .walk(Path::new(""), |path| path != Path::new(names::TEMP));
    let state = Some((folder.clone(), walk));
    let groups = stream::unfold(state, |state| async {
        let (folder, walk) = state?;
        let tree = folder.tree.clone();
        match hop(tree, move || Ok(group(folder, walk))).await {
            Ok((_, found)) if found.is_empty() => None,
            Ok((state, found)) => Some((found, Some(state))),
            Err(error) => Some((vec![Err(failed::file(error, Operation::Query, None))], None)),
        }
    });
    let covering = query.clone();
    let entries = groups.flat_map(stream::iter);
    let entries = entries.try_filter(move |entry| std::future::ready(covering.covers(&entry.key)));
    let entries = abortable_stream(options.abort, Operation::Query, entries.boxed());
    evaluate(entries, query.without_key_scope(false))
}

/// The next entries of a walk.
fn group(folder: Folder, mut walk: Walk) -> ((Folder, Walk), Vec<Result<Entry>>) {
    let mut found = Vec::new();
    while found.len() < GROUP {
        let Some(step) = walk.next(&folder.tree) else {
            break;
        };
        let step = step.map_err(|error| failed::file(error, Operation::Query, None));
        match step.and_then(|step| entry(&folder, step)) {
            Ok(None) => {}
            Ok(Some(entry)) => found.push(Ok(entry)),
            Err(error) => found.push(Err(error)),
        }
    }
    ((folder, walk), found)
}

fn entry(folder: &Folder, step: Step) -> Result<Option<Entry>> {
    let (path, kind) = match step {
        Step::File(path) => (path, "a name that is not Unicode"),
        Step::Folder(_) => return Ok(None),
        Step::Other(path) => {
            return odd(folder, &path, "a link or a device, which is not followed").map(|()| None);
        }
    };
    let Some(key) = names::key_of(&path) else {
        return odd(folder, &path, kind).map(|()| None);
    };
    let metadata = folder.tree.metadata(&path, Wait::Yes);
    let metadata = metadata.map_err(|error| failed::file(error, Operation::Query, Some(&key)))?;
    // Gone since the walk met it.
    Ok(metadata.map(|metadata| Entry::of_size(key, metadata.len)))
}

fn odd(folder: &Folder, path: &Path, what: &'static str) -> Result<()> {
    match &folder.odd {
        Odd::Skip(notice) => {
            notice(&folder.tree.full(path));
            Ok(())
        }
        Odd::Refuse => Err(Error::new(ErrorKind::Unsupported, Operation::Query)
            .with_path(folder.tree.full(path))
            .with_detail(what)
            .with_remedy("remove it, or import without --strict to leave it out")),
    }
}
