//! Looking a directory over: what is amiss, and what can be mended.
//!
//! [`FlatfsDatastore::check`] is what the maintenance of the trait does, with more to choose: whether values are hashed, whether
//! faults are mended, and after which folder a check that was broken off goes on.

mod finding;
mod fix;
mod judge;
mod round;
mod tidy;

use futures_util::StreamExt;
use futures_util::stream;
use interface_datastore::implement::fail_stream;
use interface_datastore::{AbortSignal, BoxStream, Finding, Operation, Result, abortable_stream};

use self::round::Round;
pub(crate) use self::round::Scope;
use crate::store::FlatfsDatastore;

/// What a check does. The default reads no values and changes nothing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CheckOptions {
    /// Whether values whose keys are hashes are read and compared with them. Without the feature `multihash` none is.
    pub hashes: bool,
    /// Whether faults are mended: values in the wrong folder are moved to the right one, damaged ones to the folder
    /// `.flatfs-quarantine`. Nothing is ever removed.
    pub repair: bool,
    /// Whether empty folders and temporary files that nobody uses are removed.
    pub tidy: bool,
    /// Go on after this folder: the last one that [`Progress::folder`] named.
    pub start_after: Option<String>,
    /// Ends the check.
    pub abort: Option<AbortSignal>,
}

impl CheckOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether values are hashed.
    #[must_use]
    pub fn with_hashes(mut self, hashes: bool) -> Self {
        self.hashes = hashes;
        self
    }

    /// Whether faults are mended.
    #[must_use]
    pub fn with_repair(mut self, repair: bool) -> Self {
        self.repair = repair;
        self
    }

    /// Whether what is empty or left over is removed.
    #[must_use]
    pub fn with_tidy(mut self, tidy: bool) -> Self {
        self.tidy = tidy;
        self
    }

    /// Goes on after a folder.
    #[must_use]
    pub fn with_start_after(mut self, folder: Option<String>) -> Self {
        self.start_after = folder;
        self
    }

    /// Lets a signal end the check.
    #[must_use]
    pub fn with_abort(mut self, abort: Option<AbortSignal>) -> Self {
        self.abort = abort;
        self
    }

    fn writes(&self) -> bool {
        self.repair || self.tidy
    }
}

/// An item of the stream that a check gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckEvent {
    /// Something was found.
    Finding(Finding),
    /// How far it is.
    Progress(Progress),
}

/// How far a check is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Files looked at.
    pub files: u64,
    /// Bytes hashed.
    pub bytes: u64,
    /// Folders done.
    pub folders: u64,
    /// Folders in all.
    pub of: u64,
    /// The folder done last; none at first. Folders are looked at in the order of their names.
    pub folder: Option<String>,
}

impl FlatfsDatastore {
    /// Looks the store over. Work is done as the stream is polled; dropping it stops after the step at hand, and
    /// [`CheckOptions::start_after`] goes on where it was. The store can be used meanwhile.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](interface_datastore::ErrorKind::ReadOnly) if something shall be changed and the store is only read;
    /// [`Closed`](interface_datastore::ErrorKind::Closed); and what listing, reading and moving files meet, as the last item.
    pub fn check(&self, options: CheckOptions) -> BoxStream<'static, Result<CheckEvent>> {
        let abort = options.abort.clone();
        let events = self.check_scope(options, Scope::Everything);
        abortable_stream(abort, Operation::Maintain, events)
    }

    pub(crate) fn check_scope(
        &self,
        options: CheckOptions,
        scope: Scope,
    ) -> BoxStream<'static, Result<CheckEvent>> {
        if options.writes()
            && let Err(error) = self.inner.check_write(Operation::Maintain, None, false)
        {
            return fail_stream(error);
        }
        let round = Round::new(self.inner.clone(), options, scope);
        stream::unfold(Some(round), |round| async { round?.next_event().await }).boxed()
    }
}
