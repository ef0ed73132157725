//! Conversions, which block, run beside the program, with a meter.

use std::{ops::ControlFlow, path::Path};

use datastore_flatfs::{
    FlatfsOptions, ShardFunction,
    convert::{Done, Event, Phase, Watch},
};
use interface_datastore::{AbortSignal, Error, ErrorKind, Operation};
use serde_json::json;

use crate::{
    context::Context,
    failure::{Failure, Outcome},
    key_text::printable,
    output::Output,
    progress::{Meter, Screen},
};

/// Reads a shard function as people type it.
pub(super) fn shard_function(text: &str) -> Result<ShardFunction, Error> {
    ShardFunction::from_short(text).map_err(|error| {
        Error::new(ErrorKind::InvalidArgument, Operation::Open)
            .with_detail(error.to_string())
            .with_remedy("write it as next-to-last/2, prefix/2 or suffix/2")
            .with_source(error)
    })
}

/// Does something that blocks on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Outcome<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(Failure::system("finish the work", error.into())),
    }
}

/// Runs a conversion, shows how far it is, and tells what it did.
pub(super) async fn convert(
    context: &Context,
    out: &mut Output,
    work: impl FnOnce(&mut Watch<'_>) -> Result<Done, Error> + Send + 'static,
) -> Outcome<Done> {
    let mut teller = Teller {
        screen: context.screen.clone(),
        abort: context.abort.clone(),
        meter: None,
    };
    let done = blocking(move || work(&mut |event| teller.hear(event))).await;
    let done = done.map_err(|failure| interrupted(failure, "the same command does the rest"))?;
    if out.is_json() {
        let json = json!({ "values": done.values, "unchanged": done.unchanged, "left-out": done.left_out });
        out.line(|_| String::new(), &json)?;
    }
    Ok(done)
}

/// An aborted call is an interruption after which this is to be done.
pub(super) fn interrupted(failure: Failure, advice: impl Into<String>) -> Failure {
    match failure {
        Failure::Store(error) if error.is_aborted() => Failure::Interrupted {
            signal: 2,
            advice: advice.into(),
        },
        other => other,
    }
}

/// The options of a conversion.
pub(super) fn options(follow_shard_links: bool) -> FlatfsOptions {
    FlatfsOptions::new().with_follow_shard_links(follow_shard_links)
}

/// A value is moved faster than a line is written.
const SHOW_EVERY: u64 = 64;

struct Teller {
    screen: Screen,
    abort: AbortSignal,
    meter: Option<(Phase, Meter)>,
}

impl Teller {
    fn hear(&mut self, event: Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Progress { phase, done, total } if done % SHOW_EVERY == 0 => {
                self.meter(phase).at(done, total);
            }
            Event::LeftOut { path, reason } => self.left_out(path, reason),
            _ => {}
        }
        match self.abort.is_aborted() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn left_out(&self, path: &Path, reason: &str) {
        let path = path.to_string_lossy();
        self.screen
            .notice(&printable(&format!("left out: {path}: {reason}")));
    }

    fn meter(&mut self, phase: Phase) -> &Meter {
        if self.meter.as_ref().is_some_and(|(last, _)| *last != phase) {
            self.clear();
        }
        let screen = &self.screen;
        let (_, meter) = self
            .meter
            .get_or_insert_with(|| (phase, screen.meter(verb(phase))));
        meter
    }

    fn clear(&mut self) {
        if let Some((_, meter)) = self.meter.take() {
            meter.clear();
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.clear();
    }
}

fn verb(phase: Phase) -> &'static str {
    match phase {
        Phase::Counting => "counted",
        Phase::Moving => "moved",
        Phase::Copying => "copied",
        Phase::Syncing => "synced folders",
        _ => "cleaned up",
    }
}
