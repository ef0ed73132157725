//! What every command works with.

use std::{
    ffi::OsStr,
    sync::Arc,
    time::{Duration, Instant},
};

use datastore_open::{Create, OpenOptions, Registry, StoreUrl};
use futures_util::future::{Either, select};
use interface_datastore::{AbortSignal, Bytes, Datastore, ErrorKind, Key};

use crate::{
    args::Global,
    failure::{Failure, Outcome},
    key_text::KeyForm,
    progress::Screen,
};

/// Between two tries to open a store that another program has open; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(80);

/// The schemes, the options of every command, and the signal that stops it.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) registry: Registry,
    pub(crate) global: Global,
    pub(crate) screen: Screen,
    pub(crate) abort: AbortSignal,
}

impl Context {
    /// The key that an argument names.
    pub(crate) fn key(&self, text: &OsStr) -> Outcome<Key> {
        KeyForm::of(self.global.hex_keys).key(text)
    }

    /// The key that an argument names, or the root.
    pub(crate) fn key_or_root(&self, text: Option<&OsStr>) -> Outcome<Key> {
        text.map_or_else(|| Ok(Key::root()), |text| self.key(text))
    }

    /// The prefix that an argument names, or that of all keys.
    pub(crate) fn prefix(&self, text: Option<&OsStr>) -> Outcome<Bytes> {
        KeyForm::of(self.global.hex_keys).prefix(text.unwrap_or_default())
    }

    /// Opens the store of the command line for reading only.
    pub(crate) async fn open_to_read(&self) -> Outcome<Arc<dyn Datastore>> {
        self.open(&self.global.store, OpenOptions::read_only())
            .await
    }

    /// Opens the store of the command line to change what it holds.
    pub(crate) async fn open_to_change(&self) -> Outcome<Arc<dyn Datastore>> {
        self.open(
            &self.global.store,
            OpenOptions::new().with_create(Create::Never),
        )
        .await
    }

    /// Opens the store of the command line to add to it; makes it if need be.
    pub(crate) async fn open_to_add(&self) -> Outcome<Arc<dyn Datastore>> {
        self.open(&self.global.store, OpenOptions::new()).await
    }

    /// Opens a store; one that another program has open is tried again for a while.
    pub(crate) async fn open(
        &self,
        url: &StoreUrl,
        options: OpenOptions,
    ) -> Outcome<Arc<dyn Datastore>> {
        let wait = Duration::from(self.global.wait);
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let opened = self.registry.open_url(url, options.clone()).await;
            match opened {
                Err(error) if error.kind() == ErrorKind::Locked => {
                    let left = wait.saturating_sub(begun.elapsed());
                    if left.is_zero() {
                        return Err(error.into());
                    }
                    self.sleep(pause.min(left)).await?;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                opened => return Ok(opened?),
            }
        }
    }

    /// Sleeps, unless a signal comes.
    pub(crate) async fn sleep(&self, time: Duration) -> Outcome<()> {
        let aborted = std::pin::pin!(self.abort.aborted());
        let slept = std::pin::pin!(tokio::time::sleep(time));
        match select(aborted, slept).await {
            Either::Left(_) => Err(Failure::Interrupted {
                signal: 0,
                advice: "nothing is half done".into(),
            }),
            Either::Right(_) => Ok(()),
        }
    }

    /// Opens the target of a copy; none if it is a dry run and there is no such store.
    pub(crate) async fn open_target(
        &self,
        url: &StoreUrl,
        dry_run: bool,
    ) -> Outcome<Option<Arc<dyn Datastore>>> {
        if !dry_run {
            return self.open(url, OpenOptions::new()).await.map(Some);
        }
        match self.open(url, OpenOptions::read_only()).await {
            Err(Failure::Store(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// A line for the user's eye on standard error.
    pub(crate) fn notice(&self, text: &str) {
        self.screen.notice(text);
    }

    /// What a check ends with.
    pub(crate) fn notice_faults(&self, faults: u64) {
        let noun = if faults == 1 { "fault" } else { "faults" };
        self.notice(&format!("{faults} {noun} found"));
    }
}
