//! What has been done, and how that is told.

use std::time::Instant;

use indicatif::{HumanBytes, HumanCount};
use interface_datastore::Durability;
use serde_json::json;

use super::Options;
use crate::{context::Context, failure::Outcome, output::Output};

/// Counts of one transfer.
#[derive(Debug)]
pub(super) struct Tally {
    started: Instant,
    copied: u64,
    bytes: u64,
    /// In the target already.
    pub(super) unchanged: u64,
    /// Not taken by the target.
    pub(super) refused: u64,
    /// Removed from the source while it was copied.
    pub(super) vanished: u64,
    /// Found different when read again.
    pub(super) different: u64,
    /// Expiring in the source but not in the target.
    pub(super) made_lasting: u64,
    /// What the target withstands after the last sync.
    pub(super) durability: Option<Durability>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            copied: 0,
            bytes: 0,
            unchanged: 0,
            refused: 0,
            vanished: 0,
            different: 0,
            made_lasting: 0,
            durability: None,
        }
    }

    /// An entry of this size has been copied.
    pub(super) fn copied(&mut self, size: u64) {
        self.copied += 1;
        self.bytes += size;
    }

    /// Whether the target holds all of the source.
    pub(super) fn is_complete(&self) -> bool {
        self.refused == 0 && self.different == 0
    }

    pub(super) fn tell(
        &self,
        done: &str,
        options: &Options,
        context: &Context,
        out: &mut Output,
    ) -> Outcome<()> {
        if out.is_json() {
            return out.line(|_| String::new(), &self.json(options));
        }
        context.notice(&self.text(done, options));
        Ok(())
    }

    fn text(&self, done: &str, options: &Options) -> String {
        let (seconds, keys_rate, bytes_rate) = self.rates();
        let (keys, bytes) = (HumanCount(self.copied), HumanBytes(self.bytes));
        let mut text = if options.dry_run {
            format!("would have {done} {keys} keys, {bytes}")
        } else {
            let (keys_rate, bytes_rate) = (HumanCount(keys_rate), HumanBytes(bytes_rate));
            format!(
                "{done} {keys} keys, {bytes} in {seconds:.1} s ({keys_rate} keys/s, {bytes_rate}/s)"
            )
        };
        for (count, what) in [
            (self.unchanged, "there already"),
            (self.refused, "REFUSED by the target and left out"),
            (self.vanished, "removed from the source meanwhile"),
            (self.different, "DIFFERENT when read again"),
            (
                self.made_lasting,
                "that expire in the source will not in the target",
            ),
        ] {
            if count > 0 {
                text += &format!("; {} {what}", HumanCount(count));
            }
        }
        if options.verify && !options.dry_run && self.different == 0 {
            text += "; all read again and found the same";
        }
        if let Some(durability) = self.durability {
            text += &format!("; durability {durability}");
        }
        text
    }

    fn json(&self, options: &Options) -> serde_json::Value {
        let (seconds, keys_rate, bytes_rate) = self.rates();
        json!({
            "copied": self.copied,
            "bytes": self.bytes,
            "unchanged": self.unchanged,
            "refused": self.refused,
            "vanished": self.vanished,
            "different": self.different,
            "made-lasting": self.made_lasting,
            "verified": options.verify,
            "dry-run": options.dry_run,
            "durability": self.durability,
            "seconds": seconds,
            "keys-per-second": keys_rate,
            "bytes-per-second": bytes_rate,
        })
    }

    /// Seconds so far, keys and bytes a second.
    fn rates(&self) -> (f64, u64, u64) {
        let seconds = self.started.elapsed().as_secs_f64();
        // Good enough for a rate; casts of floats saturate.
        let rate = |count: u64| (count as f64 / seconds.max(1e-3)) as u64;
        (seconds, rate(self.copied), rate(self.bytes))
    }
}
