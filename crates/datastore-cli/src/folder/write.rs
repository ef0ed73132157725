//! Writing files: each appears under its name whole or not at all.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use datastore_files::{
    Change, Changed, Contents, FileError, Kind, Reason, Replace, Safety, Tree, Wait,
};
use futures_util::StreamExt;
use interface_datastore::{
    BoxStream, Durability, Error, Key, Operation, PutOptions, Result, Written, abortable,
};

use super::{Folder, failed, read::hop};

pub(super) async fn put(
    folder: &Folder,
    key: &Key,
    value: Bytes,
    options: &PutOptions,
) -> Result<Written> {
    publish(folder, key, Contents::Bytes(value), options).await
}

pub(super) async fn put_stream(
    folder: &Folder,
    key: &Key,
    mut body: BoxStream<'static, Result<Bytes>>,
    options: &PutOptions,
) -> Result<Written> {
    let wrong = |error| failed::file(error, Operation::Put, Some(key));
    let writing = async {
        let tree = folder.tree.clone();
        let mut file = hop(tree.clone(), move || tree.temp_file())
            .await
            .map_err(wrong)?;
        while let Some(piece) = body.next().await {
            let piece = piece?;
            let work = move || {
                file.write_all(&piece)?;
                Ok(file)
            };
            file = hop(folder.tree.clone(), work).await.map_err(wrong)?;
        }
        Ok(file)
    };
    let file = abortable(options.abort.as_ref(), Operation::Put, Some(key), writing).await?;
    publish(folder, key, Contents::Temp(file), options).await
}

async fn publish(
    folder: &Folder,
    key: &Key,
    contents: Contents,
    options: &PutOptions,
) -> Result<Written> {
    let safety = match options.durability {
        None | Some(Durability::Volatile | Durability::Process) => Safety::Process,
        Some(Durability::Ordered) => Safety::Ordered,
        Some(_) => Safety::Power,
    };
    let replace = if folder.overwrite {
        Replace::Yes
    } else {
        Replace::No
    };
    let path = folder.path_of(key, Operation::Put)?;
    let (tree, at) = (folder.tree.clone(), path.clone());
    let work = move || {
        let change = Change::Write {
            path,
            contents,
            replace,
            obsolete: None,
        };
        // One change has one outcome.
        tree.apply(vec![change], safety).pop().transpose()
    };
    let outcome: Result<Option<Changed>, FileError> = hop(folder.tree.clone(), work).await;
    match outcome {
        Ok(_) => Ok(Written::default()),
        Err(error) => Err(explain(folder, key, at, error).await),
    }
}

/// Tells a file that is there already from a folder that is in the way.
async fn explain(folder: &Folder, key: &Key, path: PathBuf, error: FileError) -> Error {
    let clash = match error.reason() {
        Reason::NotAFolder | Reason::IsAFolder => true,
        Reason::AlreadyExists => {
            let (tree, at) = (folder.tree.clone(), path.clone());
            let asked = hop(folder.tree.clone(), move || Ok(is_folder(&tree, &at)));
            asked.await.unwrap_or(false)
        }
        _ => false,
    };
    if clash {
        return failed::clash(key, &folder.tree.full(&path));
    }
    failed::file(error, Operation::Put, Some(key))
}

fn is_folder(tree: &Tree, path: &Path) -> bool {
    let found = tree.metadata(path, Wait::Yes).ok().flatten();
    found.is_some_and(|metadata| metadata.kind == Kind::Dir)
}
