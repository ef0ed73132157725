//! The workloads. Each times its operations alone, and fails if their outcome is not what it must be.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;

use crate::inputs::{self, Random, Values};
use crate::line::Line;
use crate::options::Options;
use crate::subject::Subject;

/// In `mixed`, so many operations of a hundred are reads.
const READS: usize = 80;
/// How many values are read back after writing.
const SAMPLE: usize = 97;

/// The values of one size.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Small,
    Block,
}

/// A filled store with its keys.
struct Filled<S: Subject> {
    store: S,
    keys: Vec<S::Key>,
}

/// The state that workloads leave to those after them.
pub(crate) struct Workloads<'a, S: Subject, O> {
    options: &'a Options,
    open: O,
    opened: usize,
    values: Values,
    small: Option<Filled<S>>,
    blocks: Option<Filled<S>>,
}

impl<'a, S, O> Workloads<'a, S, O>
where
    S: Subject,
    O: AsyncFn(PathBuf) -> Result<S>,
{
    /// Workloads over stores that `open` makes, each in an empty folder of its own.
    pub(crate) fn new(options: &'a Options, open: O) -> Self {
        Self {
            options,
            open,
            opened: 0,
            values: Values::new(options.size_small.max(options.size_large)),
            small: None,
            blocks: None,
        }
    }

    /// Runs the workloads of the options and prints their lines.
    pub(crate) async fn run(&mut self) -> Result<()> {
        for name in &self.options.workloads {
            let done = self.workload(name).await;
            match done.with_context(|| format!("{name} of {}", self.options.name()))? {
                Some(done) => {
                    Line::new(self.options, name, done.ops, done.took, done.bytes).print()?;
                }
                None => eprintln!("skipped: there is no workload `{name}`"),
            }
        }
        Ok(())
    }

    async fn workload(&mut self, name: &str) -> Result<Option<Done>> {
        use Kind::{Block, Small};
        Ok(Some(match name {
            "put-small" => self.put_each(Small).await?,
            "put-block" => self.put_each(Block).await?,
            "put-small-c" => self.put_beside(Small).await?,
            "put-block-c" => self.put_beside(Block).await?,
            "batch-small" => self.put_batches(self.options.n_small).await?,
            "batch-512" => self.put_batches(512).await?,
            "batch-1000" => self.put_batches(1000).await?,
            "putmany-small" => self.put_many().await?,
            "reput-small" => self.put_again(Small).await?,
            "reput-block" => self.put_again(Block).await?,
            "get-small" => self.get_each(Small).await?,
            "get-block" => self.get_each(Block).await?,
            "getmany-small" => self.get_many().await?,
            "has" => self.has_half().await?,
            "has-present" => self.has_present().await?,
            "miss-first" => self.miss("first").await?,
            "miss-again" => {
                self.miss("again").await?;
                self.miss("again").await?
            }
            "query-all" => self.query("/").await?,
            "query-prefix" => self.query(self.options.layout.prefix()).await?,
            "querykeys-all" => self.query_keys("/").await?,
            "querykeys-prefix" => self.query_keys(self.options.layout.prefix()).await?,
            "mixed" => self.mixed().await?,
            "delete" => self.delete().await?,
            _ => return Ok(None),
        }))
    }

    fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Small => self.options.n_small,
            Kind::Block => self.options.n_large,
        }
    }

    fn size(&self, kind: Kind) -> usize {
        match kind {
            Kind::Small => self.options.size_small,
            Kind::Block => self.options.size_large,
        }
    }

    fn keys(&self, kind: Kind) -> Vec<S::Key> {
        let name = match kind {
            Kind::Small => "small",
            Kind::Block => "large",
        };
        self.keys_of(name, self.count(kind))
    }

    fn keys_of(&self, name: &str, count: usize) -> Vec<S::Key> {
        let layout = self.options.layout;
        (0..count)
            .map(|index| S::key(&inputs::key(layout, name, index)))
            .collect()
    }

    fn pairs(&self, kind: Kind, keys: &[S::Key]) -> Vec<(S::Key, Bytes)> {
        let size = self.size(kind);
        let value = |index| self.values.get(index, size);
        let pairs = keys.iter().cloned().enumerate();
        pairs.map(|(index, key)| (key, value(index))).collect()
    }

    async fn fresh(&mut self) -> Result<S> {
        self.opened += 1;
        let folder = self.options.dir.join(format!("s{}", self.opened));
        std::fs::create_dir_all(&folder)?;
        (self.open)(folder).await
    }

    /// The store that holds all values of a kind, filled outside of any measured time if no workload left one.
    async fn filled(&mut self, kind: Kind) -> Result<&Filled<S>> {
        if self.slot(kind).is_none() {
            let keys = self.keys(kind);
            let store = self.fresh().await?;
            store.write(self.pairs(kind, &keys)).await?;
            *self.slot(kind) = Some(Filled { store, keys });
        }
        self.slot(kind).as_ref().context("just filled")
    }

    fn slot(&mut self, kind: Kind) -> &mut Option<Filled<S>> {
        match kind {
            Kind::Small => &mut self.small,
            Kind::Block => &mut self.blocks,
        }
    }

    /// Checks that a store holds the values of a kind, all and no others.
    async fn check(&self, kind: Kind, filled: &Filled<S>) -> Result<()> {
        let stored = filled.store.query_keys("/").await?;
        ensure!(stored == filled.keys.len(), "{stored} keys are stored");
        for (index, key) in filled.keys.iter().enumerate().step_by(SAMPLE) {
            let wanted = self.values.get(index, self.size(kind));
            let value = filled.store.get(key).await?;
            ensure!(value == wanted, "value {index} is not what was put");
        }
        Ok(())
    }

    /// Checks what was written and leaves it to the next workloads.
    async fn written(&mut self, kind: Kind, filled: Filled<S>, took: Duration) -> Result<Done> {
        self.check(kind, &filled).await?;
        *self.slot(kind) = Some(filled);
        Ok(Done::of(self.count(kind), self.size(kind), took))
    }

    async fn put_each(&mut self, kind: Kind) -> Result<Done> {
        let (keys, size) = (self.keys(kind), self.size(kind));
        let store = self.fresh().await?;
        let start = Instant::now();
        for (index, key) in keys.iter().enumerate() {
            store.put(key, self.values.get(index, size)).await?;
        }
        let took = start.elapsed();
        self.written(kind, Filled { store, keys }, took).await
    }

    /// Puts by several tasks at once, each its share.
    async fn put_beside(&mut self, kind: Kind) -> Result<Done> {
        let keys = self.keys(kind);
        let store = self.fresh().await?;
        let mut shares = vec![Vec::new(); self.options.concurrency.max(1)];
        for (index, pair) in self.pairs(kind, &keys).into_iter().enumerate() {
            let share = index % shares.len();
            shares[share].push(pair);
        }
        let task = |share: Vec<(S::Key, Bytes)>| {
            let store = store.clone();
            async move {
                for (key, value) in share {
                    store.put(&key, value).await?;
                }
                Ok(())
            }
        };
        let (_, took) = S::TASKS.run(shares.into_iter().map(task).collect()).await?;
        self.written(kind, Filled { store, keys }, took).await
    }

    async fn put_batches(&mut self, size: usize) -> Result<Done> {
        let keys = self.keys(Kind::Small);
        let pairs = self.pairs(Kind::Small, &keys);
        let batches: Vec<_> = pairs.chunks(size.max(1)).map(<[_]>::to_vec).collect();
        let store = self.fresh().await?;
        let start = Instant::now();
        for batch in batches {
            store.write(batch).await?;
        }
        let took = start.elapsed();
        self.written(Kind::Small, Filled { store, keys }, took)
            .await
    }

    async fn put_many(&mut self) -> Result<Done> {
        let keys = self.keys(Kind::Small);
        let pairs = self.pairs(Kind::Small, &keys);
        let store = self.fresh().await?;
        let start = Instant::now();
        store.put_many(pairs).await?;
        let took = start.elapsed();
        self.written(Kind::Small, Filled { store, keys }, took)
            .await
    }

    /// Puts every value once more, in random order.
    async fn put_again(&mut self, kind: Kind) -> Result<Done> {
        let (count, size) = (self.count(kind), self.size(kind));
        let (values, mut random) = (self.values.clone(), Random::new(self.options.seed_of(2)));
        let filled = self.filled(kind).await?;
        let start = Instant::now();
        for _ in 0..count {
            let index = random.below(count);
            let value = values.get(index, size);
            filled.store.put_again(&filled.keys[index], value).await?;
        }
        let took = start.elapsed();
        let stored = filled.store.query_keys("/").await?;
        ensure!(stored == count, "{stored} keys are stored");
        Ok(Done::of(count, size, took))
    }

    async fn get_each(&mut self, kind: Kind) -> Result<Done> {
        let (count, size) = (self.count(kind), self.size(kind));
        let mut random = Random::new(self.options.seed);
        let filled = self.filled(kind).await?;
        let mut bytes = 0;
        let start = Instant::now();
        for _ in 0..count {
            let key = &filled.keys[random.below(count)];
            bytes += filled.store.get(key).await?.len();
        }
        let took = start.elapsed();
        Done::of(count, size, took).if_bytes(bytes)
    }

    async fn get_many(&mut self) -> Result<Done> {
        let (count, size) = (self.count(Kind::Small), self.size(Kind::Small));
        let mut random = Random::new(self.options.seed);
        let filled = self.filled(Kind::Small).await?;
        let keys = (0..count)
            .map(|_| filled.keys[random.below(count)].clone())
            .collect();
        let start = Instant::now();
        let bytes = filled.store.get_many(keys).await?;
        let took = start.elapsed();
        Done::of(count, size, took).if_bytes(bytes)
    }

    /// Half of the keys are there; the others are not, nor are the folders that they would lie in.
    async fn has_half(&mut self) -> Result<Done> {
        let missing = self.keys_of("miss", self.count(Kind::Small));
        let mut random = Random::new(self.options.seed_of(1));
        let filled = self.filled(Kind::Small).await?;
        let mut found = 0;
        let start = Instant::now();
        for (index, missing) in missing.iter().enumerate() {
            let key = match index % 2 {
                0 => &filled.keys[random.below(filled.keys.len())],
                _ => missing,
            };
            found += usize::from(filled.store.has(key).await?);
        }
        let took = start.elapsed();
        ensure!(found == missing.len().div_ceil(2), "{found} were found");
        Ok(Done::of(missing.len(), 0, took))
    }

    async fn has_present(&mut self) -> Result<Done> {
        let count = self.count(Kind::Small);
        let mut random = Random::new(self.options.seed_of(1));
        let filled = self.filled(Kind::Small).await?;
        let mut found = 0;
        let start = Instant::now();
        for _ in 0..count {
            let key = &filled.keys[random.below(count)];
            found += usize::from(filled.store.has(key).await?);
        }
        let took = start.elapsed();
        ensure!(found == count, "{found} were found");
        Ok(Done::of(count, 0, took))
    }

    /// Asks for keys that are not there, beside those that are; the kernel has not heard of a series before its first use.
    async fn miss(&mut self, series: &str) -> Result<Done> {
        let layout = self.options.layout;
        let kind = format!("absent-{series}");
        let missing: Vec<_> = (0..self.count(Kind::Small))
            .map(|index| S::key(&inputs::key_in(layout, "small", &kind, index)))
            .collect();
        let filled = self.filled(Kind::Small).await?;
        let mut found = 0;
        let start = Instant::now();
        for key in &missing {
            found += usize::from(filled.store.has(key).await?);
        }
        let took = start.elapsed();
        ensure!(found == 0, "{found} were found");
        Ok(Done::of(missing.len(), 0, took))
    }

    /// Counted by the entries delivered.
    async fn query(&mut self, prefix: &str) -> Result<Done> {
        let (wanted, size) = (self.with_prefix(prefix), self.size(Kind::Small));
        let filled = self.filled(Kind::Small).await?;
        let start = Instant::now();
        let (found, bytes) = filled.store.query(prefix).await?;
        let took = start.elapsed();
        ensure!(found == wanted, "{found} entries were found, not {wanted}");
        Done::of(found, size, took).if_bytes(bytes)
    }

    /// Counted by the keys delivered.
    async fn query_keys(&mut self, prefix: &str) -> Result<Done> {
        let wanted = self.with_prefix(prefix);
        let filled = self.filled(Kind::Small).await?;
        let start = Instant::now();
        let found = filled.store.query_keys(prefix).await?;
        let took = start.elapsed();
        ensure!(found == wanted, "{found} keys were found, not {wanted}");
        Ok(Done::of(found, 0, took))
    }

    /// How many of the small keys have a prefix.
    fn with_prefix(&self, prefix: &str) -> usize {
        let (layout, count) = (self.options.layout, self.count(Kind::Small));
        let has_prefix = |index: &usize| inputs::key(layout, "small", *index).starts_with(prefix);
        (0..count).filter(has_prefix).count()
    }

    /// Reads and puts of new keys by several tasks at once. The store is used up.
    async fn mixed(&mut self) -> Result<Done> {
        let tasks = self.options.concurrency.max(1);
        let (count, size) = (self.count(Kind::Small), self.size(Kind::Small));
        let each = count / tasks;
        let new = self.keys_of("mixed", count);
        self.filled(Kind::Small).await?;
        let Some(Filled { store, keys }) = self.small.take() else {
            bail!("the store is gone");
        };
        let keys = std::sync::Arc::new(keys);
        let task = |number: usize| {
            let (store, keys, values) = (store.clone(), keys.clone(), self.values.clone());
            let new = new[number * each..(number + 1) * each].to_vec();
            let mut random = Random::new(self.options.seed_of(100 + number));
            async move {
                let mut bytes = 0;
                for (index, new) in new.iter().enumerate() {
                    if random.below(100) < READS {
                        bytes += store.get(&keys[random.below(keys.len())]).await?.len();
                    } else {
                        store.put(new, values.get(index, size)).await?;
                        bytes += size;
                    }
                }
                Ok(bytes)
            }
        };
        let (bytes, took) = S::TASKS.run((0..tasks).map(task).collect()).await?;
        Done::of(each * tasks, size, took).if_bytes(bytes.iter().sum())
    }

    /// The store is used up.
    async fn delete(&mut self) -> Result<Done> {
        self.filled(Kind::Small).await?;
        let Some(Filled { store, keys }) = self.small.take() else {
            bail!("the store is gone");
        };
        let start = Instant::now();
        for key in &keys {
            store.delete(key).await?;
        }
        let took = start.elapsed();
        for key in keys.iter().step_by(SAMPLE) {
            ensure!(!store.has(key).await?, "a deleted key is still there");
        }
        Ok(Done::of(keys.len(), 0, took))
    }
}

/// What a workload did.
struct Done {
    ops: usize,
    took: Duration,
    bytes: usize,
}

impl Done {
    fn of(ops: usize, size: usize, took: Duration) -> Self {
        Self {
            ops,
            took,
            bytes: ops * size,
        }
    }

    /// Fails unless so many bytes were read.
    fn if_bytes(self, read: usize) -> Result<Self> {
        ensure!(
            read == self.bytes,
            "{read} bytes were read, not {}",
            self.bytes
        );
        Ok(self)
    }
}
