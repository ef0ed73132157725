//! Copying entries from one store to another: `cp`, `import` and `export`.
//!
//! One listing of the source drives it. Its entries are looked at a few at a time (are they in the target already? what
//! is their value?) and gathered into groups of bounded size; while one group is written, the next is read. Values too
//! large for a group are streamed, one at a time. So the memory taken depends neither on how many entries there are
//! nor on how large they are.
//!
//! There is no state to resume from: `--resume` compares what is there, so it is right whatever happened in between.

mod apart;
mod compare;
mod options;
mod read;
mod tally;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use futures_util::{TryStreamExt, future};
use interface_datastore::{Datastore, DatastoreExt, Key, Query, SyncOptions};

pub(crate) use self::{
    apart::{check_apart, folder_of},
    options::Options,
};
use self::{read::Reader, tally::Tally, write::Writer};
use crate::{
    context::Context,
    failure::{Exit, Failure, Outcome},
    output::Output,
    progress::Meter,
};

/// Values up to this size are read whole, larger ones are streamed.
const LARGE: u64 = 256 << 10;
/// The most entries of a group.
const GROUP_ENTRIES: usize = 512;
/// The most bytes of a group, give or take one value.
const GROUP_BYTES: u64 = 4 << 20;

/// A copy to be made.
pub(crate) struct Transfer<'a> {
    pub(crate) context: &'a Context,
    pub(crate) options: &'a Options,
    pub(crate) source: Arc<dyn Datastore>,
    /// None only in a dry run, if there is no such store yet.
    pub(crate) target: Option<Arc<dyn Datastore>>,
    /// Which entries.
    pub(crate) query: Query,
    /// What is done, in the past: "copied".
    pub(crate) done: &'static str,
}

impl Transfer<'_> {
    /// Copies, closes both stores and tells how it went.
    pub(crate) async fn run(self, out: &mut Output) -> Outcome {
        let mut tally = Tally::new();
        let copied = self.copy(&mut tally, out).await;
        let synced = match &copied {
            Ok(()) if self.options.sync => self.sync(&mut tally).await,
            _ => Ok(()),
        };
        // Told after a failure too: what has been done stays done.
        tally.tell(self.done, self.options, self.context, out)?;
        if let Err(failure) = copied.and(synced) {
            return Err(self.explained(failure));
        }
        self.source.close().await?;
        if let Some(target) = &self.target {
            target.close().await?;
        }
        Ok(if tally.is_complete() {
            Exit::Success
        } else {
            Exit::No
        })
    }

    async fn copy(&self, tally: &mut Tally, out: &mut Output) -> Outcome<()> {
        let meter = self.context.screen.meter(self.done);
        let counting = meter
            .has_bar()
            .then(|| tokio::spawn(self.count(meter.clone())));
        let outcome = self.copy_groups(tally, &meter, out).await;
        if let Some(counting) = counting {
            counting.abort();
        }
        meter.clear();
        outcome
    }

    async fn copy_groups(&self, tally: &mut Tally, meter: &Meter, out: &mut Output) -> Outcome<()> {
        let reader = Reader::new(self);
        let mut found = reader.found(self.query.clone());
        let mut group = read::next_group(&mut found).await?;
        let writer = match &self.target {
            Some(target) if !self.options.dry_run => {
                Writer::new(self, target.clone(), meter.clone())
            }
            _ => return dry_run(&reader, group, found, tally, out).await,
        };
        while !group.is_empty() {
            let writing = writer.write(group, tally);
            let (written, next) = future::join(writing, read::next_group(&mut found)).await;
            written?;
            group = next?;
        }
        Ok(())
    }

    /// Tells the meter how much there is to do.
    fn count(&self, meter: Meter) -> impl Future<Output = ()> + Send + 'static {
        let entries = self.source.query(self.query.clone().sizes_only());
        async move {
            let add = |sum: u64, entry: interface_datastore::Entry| {
                future::ready(Ok(sum.saturating_add(entry.size.unwrap_or_default())))
            };
            if let Ok(total) = entries.try_fold(0, add).await {
                meter.expect_bytes(total);
            }
        }
    }

    async fn sync(&self, tally: &mut Tally) -> Outcome<()> {
        let (Some(target), false) = (&self.target, self.options.dry_run) else {
            return Ok(());
        };
        let options = SyncOptions::default().with_abort(self.context.abort.clone());
        tally.durability = Some(target.sync_opts(&Key::root(), options).await?);
        Ok(())
    }

    fn explained(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Store(error) if error.is_aborted() && self.context.abort.is_aborted() => {
                Failure::Interrupted {
                    signal: 0,
                    advice: format!(
                        "what has been {} is whole; the same command with --resume does the rest",
                        self.done
                    ),
                }
            }
            other => other,
        }
    }
}

/// Names what would be copied.
async fn dry_run(
    reader: &Reader,
    mut group: Vec<read::Found>,
    mut found: read::FoundStream,
    tally: &mut Tally,
    out: &mut Output,
) -> Outcome<()> {
    while !group.is_empty() {
        for found in group {
            if let Some((key, size)) = reader.still_to_copy(found, tally).await? {
                tally.copied(size);
                let json = serde_json::json!({ "would-copy": key, "size": size });
                out.line(|out| out.key(&key), &json)?;
            }
        }
        group = read::next_group(&mut found).await?;
    }
    Ok(())
}
