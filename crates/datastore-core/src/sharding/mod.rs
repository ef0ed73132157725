//! [`ShardingDatastore`]: entries spread over shards, as the JavaScript `ShardingDatastore` does.

mod shard;

use bytes::Bytes;
use interface_datastore::{
    ConditionScope, Datastore, Error, ErrorKind, GetOptions, Key, Operation, PutOptions, Result,
};

pub use self::shard::{Shard, ShardError};
use crate::{
    pass_on::pass_on,
    translate::{Mapping, Shape, Translated},
};

/// The key under which a sharded store keeps the identifier of its function.
pub const MARKER: &str = "/SHARDING";

/// A store that puts a shard's name in front of each key: `/hello` becomes `/ll/hello` by `next-to-last/2`.
///
/// Keys lie where the JavaScript `ShardingDatastore` puts them, so each reads what the other has written, with two
/// exceptions for its faults. A key from whose place the JavaScript store could not tell the key again (a shard name that
/// holds a `/`, say) is refused with [`InvalidKey`](ErrorKind::InvalidKey) on writes and not found on reads. And the
/// marker `/SHARDING` is no entry: it is neither found nor listed nor written through this store.
///
/// The function sees the whole text of the key, its leading slash included, as JavaScript does: `prefix/3` of `/hello` is
/// `/he`, so that its shard is `he`; `prefix/1` leaves no name at all and takes the root key alone.
///
/// A query looks at all keys, as what a key starts with does not tell its shard. So does disk usage of a scope other than
/// the root, which is an estimate; maintenance of such a scope is refused. Closing it closes the inner store.
///
/// ```
/// use datastore_core::{MemoryDatastore, ShardingDatastore, sharding::Shard};
/// use interface_datastore::{DatastoreExt, Key};
///
/// # pollster::block_on(async {
/// let inner = MemoryDatastore::new();
/// let shard = Shard::next_to_last(2).unwrap();
/// let store = ShardingDatastore::open(&inner, Some(shard)).await?;
/// store.put(&Key::new("/hello"), "1").await?;
/// assert_eq!(inner.get(&Key::new("/ll/hello")).await?, "1");
///
/// // The marker tells the function from now on.
/// let again = ShardingDatastore::open(&inner, None).await?;
/// assert_eq!(again.shard(), shard);
/// # Ok::<(), interface_datastore::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct ShardingDatastore(Translated<Sharded>);

impl ShardingDatastore {
    /// `inner`, sharded by `shard`; no marker is read or written.
    pub fn new(inner: &(impl Datastore + ?Sized), shard: Shard) -> Self {
        Self(Translated::new(inner.handle(), Sharded(shard)))
    }

    /// `inner`, sharded as its marker says. If it has none, one for `shard` is written.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) if there is neither a marker nor a `shard`, or both and they
    /// differ; [`Damaged`](ErrorKind::Damaged) if the marker cannot be read; those of the inner store.
    pub async fn open(inner: &(impl Datastore + ?Sized), shard: Option<Shard>) -> Result<Self> {
        let found = match read_marker(inner).await? {
            Some(found) => found,
            None => write_marker(inner, shard.ok_or_else(no_function)?).await?,
        };
        match shard {
            Some(wanted) if wanted != found => Err(other_function(wanted, found)),
            _ => Ok(Self::new(inner, found)),
        }
    }

    /// The shard function.
    pub fn shard(&self) -> Shard {
        self.0.mapping().0
    }

    fn inner(&self) -> &Translated<Sharded> {
        &self.0
    }
}

#[deny(clippy::missing_trait_methods)]
impl Datastore for ShardingDatastore {
    pass_on! {
        handle capabilities put_opts get_opts delete_opts query_opts put_stream_opts get_stream_opts put_many_opts
        get_many_opts delete_many_opts write_opts watch_opts sync_opts disk_usage_opts maintain_opts close_opts
    }
}

fn opening(kind: ErrorKind) -> Error {
    Error::new(kind, Operation::Open).with_key(&Key::new(MARKER))
}

fn no_function() -> Error {
    opening(ErrorKind::InvalidArgument)
        .with_detail("the store has no marker that tells its shard function")
        .with_remedy("give a shard function to create a sharded store")
}

fn other_function(wanted: Shard, found: Shard) -> Error {
    opening(ErrorKind::InvalidArgument)
        .with_detail(format!("the store is sharded by {found}, not by {wanted}"))
        .with_remedy("open it without a shard function, or with that one")
}

async fn read_marker(inner: &(impl Datastore + ?Sized)) -> Result<Option<Shard>> {
    let value = match inner
        .get_opts(&Key::new(MARKER), GetOptions::default())
        .await
    {
        Ok(entry) => entry.into_value(),
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.with_operation(Operation::Open)),
    };
    let shard = Shard::from_marker(&String::from_utf8_lossy(&value)).map_err(|source| {
        opening(ErrorKind::Damaged)
            .with_detail(format!("the marker names no shard function: {source}"))
            .with_remedy("restore the marker; the keys cannot be found without it")
            .with_source(source)
    })?;
    Ok(Some(shard))
}

/// Writes the marker; the function that then counts, as somebody else may have been first.
async fn write_marker(inner: &(impl Datastore + ?Sized), shard: Shard) -> Result<Shard> {
    let key = Key::new(MARKER);
    let conditional = inner.capabilities(&key).if_absent != ConditionScope::None;
    let options = if conditional {
        PutOptions::if_absent()
    } else {
        PutOptions::default()
    };
    let marker = Bytes::from(format!("{shard}\n"));
    match inner.put_opts(&key, marker, options).await {
        Ok(_) => Ok(shard),
        Err(error) if error.kind() == ErrorKind::PreconditionFailed => {
            read_marker(inner).await?.ok_or(error)
        }
        Err(error) => Err(error.with_operation(Operation::Open)),
    }
}

/// Inner keys have the shard's name as an additional first namespace.
#[derive(Debug)]
struct Sharded(Shard);

impl Sharded {
    /// Whether the outer key is what remains of the inner key without its first namespace.
    ///
    /// Not so if the shard has no or several namespaces, or if cleaning the rest would change it.
    fn leads_back(shard: &Key, outer: &Key) -> bool {
        if outer.is_root() {
            return shard.is_top_level();
        }
        let bytes = outer.as_bytes();
        shard.is_top_level()
            && !shard.is_root()
            && !bytes.starts_with(b"//")
            && !bytes.ends_with(b"/")
    }
}

impl Mapping for Sharded {
    fn inward(&self, outer: &Key) -> Option<Key> {
        let shard = Key::new(self.0.cut(outer.as_bytes()));
        let own = outer.as_bytes() != MARKER.as_bytes() && Self::leads_back(&shard, outer);
        own.then(|| shard.child(outer))
    }

    fn outward(&self, inner: &Key) -> Option<Key> {
        let outer = Key::from_namespaces(inner.namespaces().skip(1));
        (self.inward(&outer).as_ref() == Some(inner)).then_some(outer)
    }

    fn shape(&self) -> Shape<'_> {
        Shape::Opaque
    }

    fn complaint(&self) -> &'static str {
        "the key cannot be told again from its place in a shard, or is the marker of the shard function"
    }
}
