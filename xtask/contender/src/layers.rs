//! What a wrapper costs: calls through one layer over memory beside calls without it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use datastore_core::key_transform::PrefixTransform;
use datastore_core::mount::Mount;
use datastore_core::{
    KeyTransformDatastore, MeasureDatastore, MemoryDatastore, MountDatastore, NamespaceDatastore,
    ReadOnlyDatastore, RetryDatastore, RetryPolicy, TokioTimer,
};
use interface_datastore::{Datastore, DatastoreExt, Key};

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
    /// Whether it takes puts.
    writes: bool,
}

const fn layer(name: &'static str, wrap: Wrap) -> Layer {
    Layer {
        name,
        wrap,
        writes: true,
    }
}

const LAYERS: &[Layer] = &[
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
    Layer {
        writes: false,
        ..layer("read-only", |inner| {
            Ok(ReadOnlyDatastore::new(inner).handle())
        })
    },
    layer("retry", |inner| {
        let store = RetryDatastore::new(inner, RetryPolicy::default(), Arc::new(TokioTimer));
        Ok(store.handle())
    }),
];

/// A store with its times, one for each round.
struct Timed {
    store: Arc<dyn Datastore>,
    writes: bool,
    gets: Vec<Duration>,
    puts: Vec<Duration>,
}

/// Prints, for each layer, a line with it and one without it, for gets and for puts.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let count = options.n_small;
    let texts = (0..count).map(|index| inputs::key(options.layout, "small", index));
    let keys: Vec<Key> = texts.map(Key::new).collect();
    let values = Values::new(options.size_small);
    let mut stores = vec![filled(None, &keys, &values, options.size_small).await?];
    for layer in LAYERS {
        stores.push(filled(Some(layer), &keys, &values, options.size_small).await?);
    }
    let mut order = fastrand::Rng::with_seed(options.seed.into());
    let mut turns: Vec<usize> = (0..stores.len()).collect();
    for round in 0..ROUNDS {
        order.shuffle(&mut turns);
        for &turn in &turns {
            let seed = options.seed_of(round);
            let took = gets(&*stores[turn].store, &keys, seed, options.size_small).await?;
            stores[turn].gets.push(took);
            if stores[turn].writes {
                let took = puts(&*stores[turn].store, &keys, &values, options.size_small).await?;
                stores[turn].puts.push(took);
            }
        }
    }
    let Some((bare, wrapped)) = stores.split_first() else {
        return Ok(());
    };
    for (layer, timed) in LAYERS.iter().zip(wrapped) {
        print(
            options,
            &format!("get through {}", layer.name),
            &bare.gets,
            &timed.gets,
        )?;
        if layer.writes {
            print(
                options,
                &format!("put through {}", layer.name),
                &bare.puts,
                &timed.puts,
            )?;
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
    let writes = layer.is_none_or(|layer| layer.writes);
    let way_in = if writes { &store } else { &inner.handle() };
    for (index, key) in keys.iter().enumerate() {
        way_in.put(key, values.get(index, size)).await?;
    }
    Ok(Timed {
        store,
        writes,
        gets: Vec::new(),
        puts: Vec::new(),
    })
}

async fn gets(store: &dyn Datastore, keys: &[Key], seed: u32, size: usize) -> Result<Duration> {
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
async fn puts(
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
