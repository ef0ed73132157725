//! What a wrapper costs: calls through one layer over memory beside calls without it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use datastore_core::encrypt::SecretKey;
use datastore_core::key_transform::PrefixTransform;
use datastore_core::mount::Mount;
use datastore_core::sharding::Shard;
use datastore_core::{
    AutoBatchDatastore, CacheDatastore, EncryptDatastore, KeyTransformDatastore, MeasureDatastore,
    MemoryDatastore, MountDatastore, NamespaceDatastore, ReadOnlyDatastore, RetryDatastore,
    RetryPolicy, ShardingDatastore, TieredDatastore, TokioTimer, VerifyDatastore,
};
use interface_datastore::{Datastore, DatastoreExt, Key};
use sha2::{Digest, Sha256};

use crate::inputs::{self, Random, Values};
use crate::line::Line;
use crate::options::Options;

/// The name of the lines without a layer; those with one bear the contender's name.
pub(crate) const BARE: &str = "layers-bare";
/// Parts of a measurement; all stores take turns in each.
const ROUNDS: usize = 40;

type Wrap = fn(&MemoryDatastore) -> Result<Arc<dyn Datastore>>;

struct Layer {
    name: &'static str,
    wrap: Wrap,
    /// Whether its gets are measured.
    gets: bool,
    /// Whether its puts are measured.
    puts: bool,
}

const fn layer(name: &'static str, wrap: Wrap) -> Layer {
    Layer {
        name,
        wrap,
        gets: true,
        puts: true,
    }
}

const fn gets(layer: Layer) -> Layer {
    Layer {
        puts: false,
        ..layer
    }
}

const fn puts(layer: Layer) -> Layer {
    Layer {
        gets: false,
        ..layer
    }
}

/// Layers that pass each call on, so that all they add is their own cost.
const PASSING: &[Layer] = &[
    gets(AUTO_BATCH),
    layer("key transform", |inner| {
        let transform = PrefixTransform::new(Key::new("/all"));
        Ok(KeyTransformDatastore::new(inner, transform).handle())
    }),
    layer("measure", |inner| {
        Ok(MeasureDatastore::new(inner, "bench").handle())
    }),
    layer("mount", |inner| {
        let mounted = Mount::new(Key::new("/small"), inner);
        Ok(MountDatastore::new([mounted])?.handle())
    }),
    layer("namespace", |inner| {
        Ok(NamespaceDatastore::new(inner, Key::new("/all")).handle())
    }),
    gets(layer("read-only", |inner| {
        Ok(ReadOnlyDatastore::new(inner).handle())
    })),
    layer("retry", |inner| {
        let store = RetryDatastore::new(inner, RetryPolicy::default(), Arc::new(TokioTimer));
        Ok(store.handle())
    }),
    gets(layer("tiered, one tier", |inner| {
        Ok(TieredDatastore::new([inner.handle()])?.handle())
    })),
    layer("verify, anything", |inner| {
        let anything = |_: &Key, _: &[u8]| Ok(());
        Ok(VerifyDatastore::new(inner, anything).handle())
    }),
];

/// Layers that do more for a call than pass it on.
const WORKING: &[Layer] = &[
    // Holds each put, and writes a thousand of them as one batch.
    puts(AUTO_BATCH),
    // A get finds the value in the cache and does not reach the store below; a put replaces it there, too.
    layer("cache, hit", |inner| {
        Ok(CacheDatastore::new(inner, 1 << 30).handle())
    }),
    // Seals each value of 256 B by XChaCha20-Poly1305 with a random nonce, and opens it.
    layer("encrypt", |inner| {
        let secret = SecretKey::from_bytes([7; SecretKey::LEN]);
        Ok(EncryptDatastore::new(inner, &secret).handle())
    }),
    // Cuts the name of its shard out of each key, and makes sure that it leads back.
    layer("sharding", |inner| {
        Ok(ShardingDatastore::new(inner, Shard::next_to_last(2)?).handle())
    }),
    // A get finds the value above and makes sure that it is the authority's; a put deletes above, then stores it twice.
    layer("tiered, two tiers", |inner| {
        Ok(TieredDatastore::new([MemoryDatastore::new().handle(), inner.handle()])?.handle())
    }),
    // Hashes each value of 256 B by SHA-256.
    layer("verify, SHA-256", |inner| {
        let hashed = |_: &Key, value: &[u8]| {
            black_box(Sha256::digest(value));
            Ok(())
        };
        Ok(VerifyDatastore::new(inner, hashed).handle())
    }),
];

/// Its gets look whether the put of the key is held, and pass on.
const AUTO_BATCH: Layer = layer("auto-batch", |inner| {
    Ok(AutoBatchDatastore::new(inner).handle())
});

/// What layers do for a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Little more than to pass it on.
    Passing,
    /// Work of their own.
    Working,
}

/// A store with its times, one for each round.
struct Timed {
    store: Arc<dyn Datastore>,
    measures_gets: bool,
    measures_puts: bool,
    gets: Vec<Duration>,
    puts: Vec<Duration>,
}

/// Prints, for each layer, a line with it and one without it, for gets and for puts.
pub(crate) async fn run(options: &Options, kind: Kind) -> Result<()> {
    let layers = match kind {
        Kind::Passing => PASSING,
        Kind::Working => WORKING,
    };
    let count = options.n_small;
    let texts = (0..count).map(|index| inputs::key(options.layout, "small", index));
    let keys: Vec<Key> = texts.map(Key::new).collect();
    let values = Values::new(options.size_small);
    let mut stores = vec![filled(None, &keys, &values, options.size_small).await?];
    for layer in layers {
        stores.push(filled(Some(layer), &keys, &values, options.size_small).await?);
    }
    let mut order = fastrand::Rng::with_seed(options.seed.into());
    let mut turns: Vec<usize> = (0..stores.len()).collect();
    for round in 0..ROUNDS {
        order.shuffle(&mut turns);
        for &turn in &turns {
            let seed = options.seed_of(round);
            if stores[turn].measures_gets {
                let took = get_all(&*stores[turn].store, &keys, seed, options.size_small).await?;
                stores[turn].gets.push(took);
            }
            if stores[turn].measures_puts {
                let took =
                    put_all(&*stores[turn].store, &keys, &values, options.size_small).await?;
                stores[turn].puts.push(took);
            }
        }
    }
    let Some((bare, wrapped)) = stores.split_first() else {
        return Ok(());
    };
    for (layer, timed) in layers.iter().zip(wrapped) {
        for (what, bare, timed) in [
            ("get", &bare.gets, &timed.gets),
            ("put", &bare.puts, &timed.puts),
        ] {
            if !timed.is_empty() {
                let what = format!("{what} through {}", layer.name);
                print(options, &what, bare, timed)?;
            }
        }
    }
    Ok(())
}

/// A memory store filled so that the keys are there when asked for through the layer.
async fn filled(
    layer: Option<&Layer>,
    keys: &[Key],
    values: &Values,
    size: usize,
) -> Result<Timed> {
    let inner = MemoryDatastore::new();
    let store = match layer {
        Some(layer) => (layer.wrap)(&inner)?,
        None => inner.handle(),
    };
    let writable = store.capabilities(&Key::root()).writable.may();
    let way_in = if writable { &store } else { &inner.handle() };
    for (index, key) in keys.iter().enumerate() {
        // Keys of the store's own, as those behind a layer that translates keys are: else the store without one alone finds
        // them in the cache, brought there by the caller.
        let own = Key::new(key.as_bytes());
        way_in.put(&own, values.get(index, size)).await?;
    }
    // What a layer holds back would otherwise be measured.
    way_in.sync(&Key::root()).await?;
    Ok(Timed {
        store,
        measures_gets: layer.is_none_or(|layer| layer.gets),
        measures_puts: layer.is_none_or(|layer| layer.puts),
        gets: Vec::new(),
        puts: Vec::new(),
    })
}

async fn get_all(store: &dyn Datastore, keys: &[Key], seed: u32, size: usize) -> Result<Duration> {
    let mut random = Random::new(seed);
    let mut bytes = 0;
    let start = Instant::now();
    for _ in 0..keys.len() {
        bytes += store.get(&keys[random.below(keys.len())]).await?.len();
    }
    let took = start.elapsed();
    ensure!(bytes == keys.len() * size, "{bytes} bytes were read");
    Ok(took)
}

/// Puts of keys that are there already, so that every round finds the same.
async fn put_all(
    store: &dyn Datastore,
    keys: &[Key],
    values: &Values,
    size: usize,
) -> Result<Duration> {
    let start = Instant::now();
    for (index, key) in keys.iter().enumerate() {
        black_box(store.put(key, values.get(index, size)).await?);
    }
    Ok(start.elapsed())
}

/// The best rounds: what disturbs a round only makes it longer.
fn print(options: &Options, what: &str, bare: &[Duration], wrapped: &[Duration]) -> Result<()> {
    for (name, times) in [(BARE, bare), (options.name(), wrapped)] {
        let best = times.iter().min().copied().unwrap_or_default();
        let mut line = Line::new(options, what, options.n_small, best, 0);
        name.clone_into(&mut line.contender);
        line.print()?;
    }
    Ok(())
}
