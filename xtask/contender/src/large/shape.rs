//! What is stored, and how it is read.

use std::time::Instant;

use anyhow::{Result, ensure};
use bytes::Bytes;
use clap::ValueEnum;

use crate::inputs::{self, Random, Values};
use crate::options::Layout;
use crate::subject::Subject;
use crate::subjects::engines::Committing;
use crate::subjects::ours::Ours;
use crate::subjects::raw_fjall::RawFjall;

/// The bytes of a log's block, of a node of its tree, and of the page of its bits, which each batch writes anew.
const BLOCK: usize = 1024;
const NODE: usize = 42;
const PAGE: usize = 4096;
/// Blocks whose bits are on one page.
const ON_PAGE: usize = PAGE * 8;
/// The bytes of a value that stands by itself.
const VALUE: usize = 100;
/// Keys of one batch.
const BATCH: usize = 1000;
/// How many values are read at random.
const GETS: usize = 20_000;

/// What is stored.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As logs write: a batch for each block, with two nodes and a page.
    Log,
    /// Keys that look like hashes, with values of 100 bytes, a thousand in a batch.
    Keys,
}

impl Shape {
    /// What is counted.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Log => "blocks",
            Self::Keys => "keys",
        }
    }

    fn value(self) -> usize {
        match self {
            Self::Log => BLOCK,
            Self::Keys => VALUE,
        }
    }

    fn key(self, index: usize) -> String {
        match self {
            Self::Log => format!("/b/{index:016x}"),
            Self::Keys => inputs::key(Layout::Nested, "small", index),
        }
    }

    /// A prefix of many keys but not all, and how many have it.
    fn prefix(self, count: usize) -> (&'static str, usize) {
        match self {
            Self::Log => ("/b/0000000000000", count.min(0x1000)),
            Self::Keys => ("/small/3", count / 10),
        }
    }
}

/// A subject that is closed in good order.
pub(crate) trait Lasting: Subject {
    async fn sync(&self) -> Result<()>;

    async fn close(self) -> Result<()>;
}

impl Lasting for Committing {
    async fn sync(&self) -> Result<()> {
        Self::sync(self).await
    }

    async fn close(self) -> Result<()> {
        Self::close(&self).await
    }
}

impl Lasting for Ours {
    async fn sync(&self) -> Result<()> {
        Self::sync(self).await
    }

    async fn close(self) -> Result<()> {
        Self::close(&self).await
    }
}

impl Lasting for RawFjall {
    async fn sync(&self) -> Result<()> {
        Self::sync(self)
    }

    /// There is no call for it: the last handle does it.
    async fn close(self) -> Result<()> {
        Ok(())
    }
}

/// Fills a store, and syncs it after so many batches, if told to, and at the end.
pub(crate) async fn fill<S: Lasting>(
    shape: Shape,
    store: &S,
    count: usize,
    sync_each: Option<usize>,
) -> Result<()> {
    let values = Values::new(PAGE);
    let per_batch = match shape {
        Shape::Log => 1,
        Shape::Keys => BATCH,
    };
    for (number, from) in (0..count).step_by(per_batch).enumerate() {
        let batch = match shape {
            Shape::Log => log_batch::<S>(&values, from),
            Shape::Keys => (from..count.min(from + BATCH))
                .map(|index| (S::key(&shape.key(index)), values.get(index, VALUE)))
                .collect(),
        };
        store.write(batch).await?;
        if sync_each.is_some_and(|each| (number + 1) % each == 0) {
            store.sync().await?;
        }
    }
    if sync_each.is_some() {
        store.sync().await?;
    }
    Ok(())
}

fn log_batch<S: Subject>(values: &Values, index: usize) -> Vec<(S::Key, Bytes)> {
    let node = |number: usize| {
        (
            S::key(&format!("/n/{number:016x}")),
            values.get(number, NODE),
        )
    };
    let page = S::key(&format!("/p/{:016x}", index / ON_PAGE));
    vec![
        (S::key(&Shape::Log.key(index)), values.get(index, BLOCK)),
        node(2 * index),
        node(2 * index + 1),
        (page, values.get(index, PAGE)),
    ]
}

/// Fails unless the last that was acknowledged is there.
pub(crate) async fn check_last<S: Subject>(shape: Shape, store: &S, count: usize) -> Result<()> {
    let last = count - 1;
    let value = store.get(&S::key(&shape.key(last))).await?;
    let wanted = Values::new(PAGE).get(last, shape.value());
    ensure!(value == wanted, "the last value is not what was put");
    Ok(())
}

/// Seconds of a get in random order.
pub(crate) async fn gets<S: Subject>(shape: Shape, store: &S, count: usize) -> Result<f64> {
    let mut random = Random::new(1);
    let keys: Vec<S::Key> = (0..GETS)
        .map(|_| S::key(&shape.key(random.below(count))))
        .collect();
    let mut bytes = 0;
    let start = Instant::now();
    for key in &keys {
        bytes += store.get(key).await?.len();
    }
    let took = start.elapsed();
    ensure!(bytes == GETS * shape.value(), "{bytes} bytes were read");
    Ok(took.as_secs_f64() / GETS as f64)
}

/// Seconds for each entry of a prefix.
pub(crate) async fn scan<S: Subject>(shape: Shape, store: &S, count: usize) -> Result<f64> {
    let (prefix, wanted) = shape.prefix(count);
    let start = Instant::now();
    let (found, bytes) = store.query(prefix).await?;
    let took = start.elapsed();
    ensure!(
        (found, bytes) == (wanted, wanted * shape.value()),
        "{found} entries of {bytes} bytes were found, not {wanted}"
    );
    Ok(took.as_secs_f64() / found as f64)
}
