//! Making directories, and turning one layout into another.
//!
//! All of these block, which is why they are no methods of the store: in async programs they belong on a thread that may
//! wait. Each keeps other users of this crate away with the store's lock, unless [`FlatfsOptions::with_lock`] says
//! otherwise; go-ds-flatfs knows no lock, so Kubo must not run meanwhile. Of the options only the file system, the lock and
//! [`FlatfsOptions::with_follow_shard_links`] count here.
//!
//! | function | for | interrupted |
//! | --- | --- | --- |
//! | [`create`] | an empty store | leaves no store, or all of it |
//! | [`upgrade`], [`downgrade`] | directories from before `SHARDING` files | done or not |
//! | [`move_store`] | all values into another store | repeat it, or swap the arguments |
//! | [`reshard`] | another shard function in place | refused by every program until [`resume`] |
//! | [`import_javascript`] | a folder of npm `ShardingDatastore` into a store | repeat it |
//! | [`adopt_javascript`] | such a folder made a store in place | refused by every program until [`resume`] |
//!
//! When one of these returns, the names that it gave withstand a power cut; values withstand what they did before.
//!
//! ```
//! use std::ops::ControlFlow;
//! use datastore_flatfs::{FlatfsOptions, ShardFunction, convert};
//!
//! let folder = tempfile::tempdir().expect("a temporary folder");
//! let path = folder.path().join("blocks");
//! let options = FlatfsOptions::new();
//! convert::create(&path, ShardFunction::default(), &options)?;
//! let to = ShardFunction::next_to_last(3).expect("a short name");
//! let done = convert::reshard(&path, to, &options, &mut |_| ControlFlow::Continue(()))?;
//! assert_eq!(done.values, 0);
//! # Ok::<(), interface_datastore::Error>(())
//! ```

mod folder;
mod javascript;
mod layout;
mod move_store;
mod relocate;
mod reshard;
mod site;
mod unfinished;

use std::ops::ControlFlow;
use std::path::Path;

use interface_datastore::{Error, ErrorKind, Operation};

pub use self::javascript::{adopt_javascript, import_javascript};
pub use self::layout::{create, downgrade, upgrade};
pub use self::move_store::move_store;
pub use self::reshard::{reshard, resume};
pub(crate) use self::unfinished::Unfinished;
use crate::FlatfsOptions;

/// What a conversion is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Looking at what there is; nothing is changed yet.
    Counting,
    /// Moving values.
    Moving,
    /// Copying values.
    Copying,
    /// Making the new names durable.
    Syncing,
    /// Removing what is of no more use.
    CleaningUp,
}

/// What a conversion tells while it works.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// How far it is.
    Progress {
        /// What it is at.
        phase: Phase,
        /// So many values are done. The others of this phase are folders or what else there is.
        done: u64,
        /// Of so many, where that is known.
        total: Option<u64>,
    },
    /// A file that the store cannot take. It stays where it is.
    LeftOut {
        /// The file.
        path: &'a Path,
        /// Why.
        reason: &'a str,
    },
}

/// Hears of a conversion's progress, and stops it by [`ControlFlow::Break`]: the conversion fails with
/// [`ErrorKind::Aborted`] then, in the same state as if the process had been killed.
pub type Watch<'a> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a;

/// What a conversion did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// Values that got a new place.
    pub values: u64,
    /// Values that were there already.
    pub unchanged: u64,
    /// Files that the store cannot take, and that were left where they are.
    pub left_out: u64,
}

/// Tells how far things are, and stops if that is wanted.
struct Teller<'a, 'w> {
    path: &'a Path,
    watch: &'a mut Watch<'w>,
    phase: Phase,
    done: u64,
    total: Option<u64>,
}

impl<'a, 'w> Teller<'a, 'w> {
    fn new(path: &'a Path, watch: &'a mut Watch<'w>) -> Self {
        Self {
            path,
            watch,
            phase: Phase::Counting,
            done: 0,
            total: None,
        }
    }

    fn phase(&mut self, phase: Phase, total: Option<u64>) -> Result<(), Error> {
        (self.phase, self.done, self.total) = (phase, 0, total);
        self.tell()
    }

    fn one_done(&mut self) -> Result<(), Error> {
        self.done = self.done.saturating_add(1);
        self.tell()
    }

    fn tell(&mut self) -> Result<(), Error> {
        self.say(Event::Progress {
            phase: self.phase,
            done: self.done,
            total: self.total,
        })
    }

    fn left_out(&mut self, path: &Path, reason: &str) -> Result<(), Error> {
        self.say(Event::LeftOut { path, reason })
    }

    fn say(&mut self, event: Event<'_>) -> Result<(), Error> {
        match (self.watch)(event) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::new(ErrorKind::Aborted, Operation::Maintain)
                .with_path(self.path)
                .with_detail("the conversion was stopped half way")
                .with_remedy("run it again: it does the rest")),
        }
    }
}

/// The options that opening a store to convert it shall have: it is there, whatever its layout.
fn to_convert(options: &FlatfsOptions) -> FlatfsOptions {
    FlatfsOptions {
        create_if_missing: false,
        error_if_exists: false,
        read_only: false,
        shard: None,
        names: None,
        ..options.clone()
    }
}
