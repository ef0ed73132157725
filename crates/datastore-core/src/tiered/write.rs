//! Writing: clear the tiers above, write the authority, fill the tiers above.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use interface_datastore::{
    AbortSignal, Batch, BatchOp, BoxStream, Capabilities, Datastore, DeleteOptions, Durability,
    Error, Key, Operation, PutOptions, Result, WriteOptions, Written, abortable, check_aborted,
};

use super::{TieredDatastore, WritePolicy};
use crate::key_gates::Turn;

/// Keys share this many stamps; that two meet costs no more than a value not promoted.
const STAMPS: usize = 256;

/// How many writes of the keys at a place have ended: a read learns from it whether what it read may be old.
pub(super) struct Stamps {
    hasher: RandomState,
    ended: [AtomicU64; STAMPS],
}

/// A stamp to compare with a later one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(u64);

impl Default for Stamps {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            ended: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Stamps {
    fn of(&self, key: &Key) -> Option<&AtomicU64> {
        // The remainder is below `STAMPS`, so it fits.
        self.ended
            .get((self.hasher.hash_one(key) % STAMPS as u64) as usize)
    }

    pub(super) fn read(&self, key: &Key) -> Stamp {
        Stamp(self.of(key).map_or(0, |ended| ended.load(Ordering::SeqCst)))
    }

    fn bump(&self, key: &Key) {
        if let Some(ended) = self.of(key) {
            ended.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// The keys of a write, held from its beginning to its end, however it ends.
struct Held {
    stamps: Arc<Stamps>,
    keys: Vec<Key>,
    /// Let go after the stamps tell of the write: fields are dropped after `drop` ran.
    _turns: Vec<Turn>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.keys.iter().for_each(|key| self.stamps.bump(key));
    }
}

/// A write that has begun: its keys are held, and no upper tier knows them any more.
struct Begun {
    operation: Operation,
    durability: Durability,
    abort: Option<AbortSignal>,
    _held: Held,
}

/// What to ask of a tier for a write that gets `durability`: one that persists must not fall back behind the authority.
fn tier_durability(able: &Capabilities, durability: Durability) -> Option<Durability> {
    able.persistent.may().then_some(durability)
}

impl TieredDatastore {
    /// Takes the keys, and removes them from the upper tiers: none of them may answer with what is about to become old.
    async fn begin(
        &self,
        operation: Operation,
        keys: Vec<Key>,
        wanted: Option<Durability>,
        abort: Option<AbortSignal>,
    ) -> Result<Begun> {
        check_aborted(abort.as_ref(), operation, keys.first())?;
        let durability = self.durability(operation, &keys, wanted)?;
        let turns = async { Ok(self.gates.enter_all(keys.iter()).await) };
        let turns = abortable(abort.as_ref(), operation, keys.first(), turns).await?;
        let held = Held {
            stamps: self.stamps.clone(),
            keys,
            _turns: turns,
        };
        self.versions.forget(&held.keys);
        for (place, tier) in self.upper.iter().enumerate() {
            clear(tier, &held.keys, durability, abort.clone())
                .await
                .map_err(|error| not_cleared(place, operation, error))?;
        }
        Ok(Begun {
            operation,
            durability,
            abort,
            _held: held,
        })
    }

    /// The durability that a write of these keys gets, refused if a tier cannot give it.
    fn durability(
        &self,
        operation: Operation,
        keys: &[Key],
        wanted: Option<Durability>,
    ) -> Result<Durability> {
        let of_key = |key: &Key| {
            let given = self.capabilities(key).durability(operation, wanted);
            given.map_err(|error| error.with_key(key))
        };
        let mut least = of_key(keys.first().unwrap_or(&Key::root()))?;
        for key in keys.iter().skip(1) {
            least = least.min(of_key(key)?);
        }
        Ok(least)
    }

    pub(super) async fn put_tiers(
        &self,
        key: &Key,
        value: Bytes,
        mut options: PutOptions,
    ) -> Result<Written> {
        let (abort, expires) = (options.abort.clone(), options.expires);
        let keys = vec![key.clone()];
        let begun = self
            .begin(Operation::Put, keys, options.durability, abort)
            .await?;
        options.durability = Some(begun.durability);
        let written = self.authority.put_opts(key, value.clone(), options).await?;
        self.versions.learn(key, written.version.as_ref());
        let put = BatchOp::Put {
            key: key.clone(),
            value,
            expires,
        };
        self.fill(vec![put], &begun).await;
        Ok(written)
    }

    pub(super) async fn put_stream_tiers(
        &self,
        key: &Key,
        body: BoxStream<'static, Result<Bytes>>,
        mut options: PutOptions,
    ) -> Result<Written> {
        let (abort, keys) = (options.abort.clone(), vec![key.clone()]);
        let begun = self
            .begin(Operation::Put, keys, options.durability, abort)
            .await?;
        options.durability = Some(begun.durability);
        self.authority.put_stream_opts(key, body, options).await
    }

    pub(super) async fn delete_tiers(&self, key: &Key, mut options: DeleteOptions) -> Result<()> {
        let (abort, keys) = (options.abort.clone(), vec![key.clone()]);
        let begun = self
            .begin(Operation::Delete, keys, options.durability, abort)
            .await?;
        options.durability = Some(begun.durability);
        self.authority.delete_opts(key, options).await
    }

    pub(super) async fn write_tiers(
        &self,
        batch: Batch,
        mut options: WriteOptions,
    ) -> Result<Written> {
        let keys = batch.ops().iter().map(|op| op.key().clone()).collect();
        let abort = options.abort.clone();
        let begun = self
            .begin(Operation::Write, keys, options.durability, abort)
            .await?;
        options.durability = Some(begun.durability);
        let written = self.authority.write_opts(batch.clone(), options).await?;
        self.fill(batch.into_parts().0, &begun).await;
        Ok(written)
    }

    /// Writes the upper tiers. The authority has the values: that a tier fails only makes reads slower.
    async fn fill(&self, ops: Vec<BatchOp>, begun: &Begun) {
        if self.policy == WritePolicy::Around {
            return;
        }
        for (place, tier) in self.upper.iter().enumerate() {
            if let Err(error) = fill(tier, &ops, begun).await {
                let operation = begun.operation.as_str();
                tracing::warn!(
                    target: "datastore", tier = place, operation, error = %error, "a tier above the authority was not filled"
                );
            }
        }
    }
}

/// Removes keys from a tier, in one call.
async fn clear(
    tier: &Arc<dyn Datastore>,
    keys: &[Key],
    durability: Durability,
    abort: Option<AbortSignal>,
) -> Result<()> {
    if let [key] = keys {
        let able = tier.capabilities(key);
        if !able.keys.allows(key) {
            return Ok(());
        }
        let options = DeleteOptions::default()
            .with_durability(tier_durability(&able, durability))
            .with_abort(abort);
        return tier.delete_opts(key, options).await;
    }
    let (mut batch, mut asked) = (Batch::new(), None);
    for key in keys {
        let able = tier.capabilities(key);
        if able.keys.allows(key) {
            asked = asked.max(tier_durability(&able, durability));
            batch.delete(key.clone());
        }
    }
    write_tier(tier, batch, asked, abort).await
}

/// Writes into a tier the puts of a batch that it can hold as they are, in one call.
async fn fill(tier: &Arc<dyn Datastore>, ops: &[BatchOp], begun: &Begun) -> Result<()> {
    let (mut batch, mut asked) = (Batch::new(), None);
    for op in ops {
        let BatchOp::Put { key, expires, .. } = op else {
            continue;
        };
        let able = tier.capabilities(key);
        if able.keys.allows(key) && (expires.is_none() || able.expiry.may()) {
            asked = asked.max(tier_durability(&able, begun.durability));
            batch.push(op.clone());
        }
    }
    if let [
        BatchOp::Put {
            key,
            value,
            expires,
            ..
        },
    ] = batch.ops()
    {
        let options = PutOptions::default()
            .with_durability(asked)
            .with_expires(*expires)
            .with_abort(begun.abort.clone());
        return tier.put_opts(key, value.clone(), options).await.map(drop);
    }
    write_tier(tier, batch, asked, begun.abort.clone()).await
}

async fn write_tier(
    tier: &Arc<dyn Datastore>,
    batch: Batch,
    durability: Option<Durability>,
    abort: Option<AbortSignal>,
) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let options = WriteOptions::default()
        .with_durability(durability)
        .with_abort(abort);
    tier.write_opts(batch, options).await.map(drop)
}

fn not_cleared(place: usize, operation: Operation, error: Error) -> Error {
    if error.is_aborted() {
        return error.with_operation(operation);
    }
    Error::new(error.kind(), operation)
        .with_key_opt(error.key())
        .with_detail(format!(
            "tier {place} could not drop its copy, which would be out of date after the write; nothing was written"
        ))
        .with_source(error)
}
