//! The numbers that writes get, no two alike, through crashes too; and the marker of the store, which remembers them.

use std::sync::atomic::{AtomicU64, Ordering};

use datastore_engine::{Batch, CommitOptions, Engine};
use interface_datastore::Result;

use crate::error::translate;

/// The key of the marker. Keys of entries begin with a slash.
pub(crate) const MARKER: &[u8] = b"\0datastore-kv";
/// The version of the format.
pub(crate) const FORMAT: u8 = 1;

/// So many numbers are taken at a time.
const BLOCK: u64 = 1 << 20;

/// What the marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// The numbers below this may have been given.
    Numbers(u64),
    /// A format that this version does not know.
    Format(u8),
    /// It cannot be read.
    Damaged,
}

impl Marker {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        match bytes.split_first() {
            None => Self::Damaged,
            Some((&FORMAT, rest)) => rest
                .try_into()
                .map_or(Self::Damaged, |end| Self::Numbers(u64::from_be_bytes(end))),
            Some((format, _)) => Self::Format(*format),
        }
    }

    fn bytes(end: u64) -> Vec<u8> {
        [&[FORMAT][..], &end.to_be_bytes()].concat()
    }
}

/// Gives numbers, of which the marker keeps a block ahead: after a crash those of the block count as given.
pub(crate) struct Numbers {
    next: AtomicU64,
    /// The first number that the marker does not cover.
    end: AtomicU64,
    taking: async_lock::Mutex<()>,
}

impl Numbers {
    /// Goes on behind those that may have been given.
    pub(crate) fn behind(given: u64) -> Self {
        Self {
            next: AtomicU64::new(given),
            end: AtomicU64::new(given),
            taking: async_lock::Mutex::new(()),
        }
    }

    /// The next number. Once in a block it waits for the marker.
    pub(crate) async fn next(&self, engine: &impl Engine) -> Result<u64> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number < self.end.load(Ordering::Acquire) {
                return Ok(number);
            }
            Box::pin(self.take_block(engine)).await?;
        }
    }

    async fn take_block(&self, engine: &impl Engine) -> Result<()> {
        let _taking = self.taking.lock().await;
        let next = self.next.load(Ordering::Relaxed);
        if next < self.end.load(Ordering::Acquire) {
            return Ok(());
        }
        let end = next.saturating_add(BLOCK);
        let mut batch = Batch::new();
        batch.put(MARKER, &Marker::bytes(end));
        let strongest = CommitOptions::at(engine.capabilities().max_durability);
        let committed = engine.commit(&batch, strongest).await;
        committed.map_err(|error| translate(interface_datastore::Operation::Write, error))?;
        self.end.store(end, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, MARKER, Marker, Numbers};
    use crate::MemoryEngine;
    use datastore_engine::EngineReader;

    #[test]
    fn the_marker_is_laid_out_as_described() {
        assert_eq!(Marker::bytes(258), b"\x01\0\0\0\0\0\0\x01\x02");
        let rows: [(&[u8], Marker); 5] = [
            (b"\x01\0\0\0\0\0\0\x01\x02", Marker::Numbers(258)),
            (b"\x02\0\0\0\0\0\0\x01\x02", Marker::Format(2)),
            (b"", Marker::Damaged),
            (b"\x01\0\0", Marker::Damaged),
            (b"\x01\0\0\0\0\0\0\0\0\0", Marker::Damaged),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Marker::parse(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_marker_is_always_ahead() {
        let (engine, numbers) = (MemoryEngine::new(), Numbers::behind(5));
        pollster::block_on(async {
            let mut last = 0;
            for _ in 0..BLOCK + 10 {
                let number = numbers.next(&engine).await.unwrap();
                assert!(number > last);
                last = number;
            }
            let marker = engine.get(MARKER).await.unwrap().unwrap();
            match Marker::parse(&marker) {
                Marker::Numbers(end) => assert!(end > last && end < last + BLOCK),
                other => panic!("{other:?}"),
            }
        });
    }
}
