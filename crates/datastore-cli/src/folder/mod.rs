//! A plain folder of files as a store: what `import` reads and `export` writes.

mod failed;
mod names;
mod read;
mod write;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use datastore_files::{Fs, RealFs, Tree};
use interface_datastore::{
    BoxFuture, BoxStream, Capabilities, Claim, Condition, Datastore, DeleteOptions, Durability,
    Entry, Error, GetOptions, Key, Operation, PutOptions, Query, QueryOptions, Result, ValueStream,
    Written, implement,
};

/// What is told of things in the folder that are no files.
pub(crate) type Notice = Arc<dyn Fn(&Path) + Send + Sync>;

/// What to do with links, devices and the like in the folder.
#[derive(Clone)]
pub(crate) enum Odd {
    /// Leave them out and say so.
    Skip(Notice),
    /// Fail.
    Refuse,
}

/// A folder whose files are the values. Links are never followed.
#[derive(Clone)]
pub(crate) struct Folder {
    tree: Tree,
    odd: Odd,
    overwrite: bool,
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folder")
            .field("path", &self.tree.path())
            .finish_non_exhaustive()
    }
}

impl Folder {
    /// A folder to read. Nothing is written to it.
    pub(crate) fn to_read(path: &Path, odd: Odd) -> Result<Self> {
        let fs: Arc<dyn Fs> = Arc::new(RealFs::new());
        let tree = Tree::open(fs, path, Path::new(names::TEMP));
        let tree = tree.map_err(|error| failed::open(error, path))?;
        Ok(Self {
            tree,
            odd,
            overwrite: false,
        })
    }

    /// A folder to write to, made if it is not there.
    pub(crate) fn to_write(path: &Path, overwrite: bool) -> Result<Self> {
        if !path.exists() {
            Tree::create(&RealFs::new(), path).map_err(|error| failed::open(error, path))?;
        }
        let folder = Self::to_read(path, Odd::Refuse)?;
        folder
            .tree
            .sweep()
            .map_err(|error| failed::open(error, path))?;
        Ok(Self {
            overwrite,
            ..folder
        })
    }

    /// Removes the folder for unfinished files, unless somebody still uses it. To be called when no handle is left.
    pub(crate) fn remove_temp(path: &Path) {
        // If it stays, the next export sweeps it.
        let _ = std::fs::remove_dir(path.join(names::TEMP));
    }

    fn path_of(&self, key: &Key, operation: Operation) -> Result<PathBuf> {
        names::path_of(key).ok_or_else(|| failed::no_such_name(operation, key))
    }
}

impl Datastore for Folder {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, _: &Key) -> Capabilities {
        let mut claims = Capabilities::none();
        claims.writable = Claim::Yes;
        claims.retains = Claim::Yes;
        claims.persistent = Claim::Yes;
        claims.default_durability = Durability::Process;
        claims.max_durability = Durability::Power;
        claims.ranged_get = Claim::Yes;
        claims.streaming_put = Claim::Yes;
        claims.streaming_get = Claim::Yes;
        claims.pushdown.sizes = Claim::Yes;
        claims
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            self.check(key, &options)?;
            write::put(self, key, value, &options).await
        })
    }

    fn put_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        body: BoxStream<'static, Result<Bytes>>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            self.check(key, &options)?;
            write::put_stream(self, key, body, &options).await
        })
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(read::get(self, key, options))
    }

    fn get_stream_opts<'a>(
        &'a self,
        key: &'a Key,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<ValueStream>> {
        Box::pin(read::get_stream(self, key, options))
    }

    fn delete_opts<'a>(&'a self, key: &'a Key, _: DeleteOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(implement::refuse(
            Operation::Delete,
            Some(key),
            "removing files",
        ))
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        read::list(self, query, options)
    }
}

impl Folder {
    fn check(&self, key: &Key, options: &PutOptions) -> Result<()> {
        let refused = if options.condition != Condition::None {
            "conditions"
        } else if options.expires.is_some() {
            "expiry"
        } else {
            return Ok(());
        };
        Err(Error::unsupported(Operation::Put, refused).with_key(key))
    }
}
