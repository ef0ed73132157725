//! How a store is opened.

use std::sync::Arc;
use std::time::Duration;

use datastore_files::{Blocking, Fs, RealFs};
use interface_datastore::Durability;

use crate::names::Names;
use crate::shard::ShardFunction;

/// How many entries of a folder the original looks at to estimate its size.
const SAMPLE: usize = 2000;
/// How long the original takes for that at most.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// How a store is opened. The default creates what is missing, as Kubo does, and takes a lock.
#[derive(Debug, Clone)]
pub struct FlatfsOptions {
    pub(crate) create_if_missing: bool,
    pub(crate) error_if_exists: bool,
    pub(crate) read_only: bool,
    pub(crate) shard: Option<ShardFunction>,
    pub(crate) names: Option<Names>,
    pub(crate) blocking: Blocking,
    pub(crate) durability: Durability,
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) lock: bool,
    pub(crate) follow_shard_links: bool,
    pub(crate) list_unreachable: bool,
    pub(crate) usage_sample: usize,
    pub(crate) usage_time_limit: Duration,
    pub(crate) recount: bool,
    pub(crate) check_hashes: bool,
}

impl Default for FlatfsOptions {
    fn default() -> Self {
        Self {
            create_if_missing: true,
            error_if_exists: false,
            read_only: false,
            shard: None,
            names: None,
            blocking: Blocking::Never,
            durability: Durability::Process,
            fs: Arc::new(RealFs::new()),
            lock: true,
            follow_shard_links: false,
            list_unreachable: false,
            usage_sample: SAMPLE,
            usage_time_limit: TIME_LIMIT,
            recount: true,
            check_hashes: true,
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $set:ident($field:ident: $type:ty) = $value:expr;)*) => {
        $($(#[$doc])* #[must_use] pub fn $set(mut self, $field: $type) -> Self {
            self.$field = $value;
            self
        })*
    };
}

impl FlatfsOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Whether a missing directory is created and an empty one made a store. The directory above must be there. Default:
        /// yes.
        with_create_if_missing(create_if_missing: bool) = create_if_missing;
        /// Whether opening fails if there is a store already. Default: no.
        with_error_if_exists(error_if_exists: bool) = error_if_exists;
        /// Whether the directory is only read. Nothing is written then, no lock taken, nothing created. Default: no.
        with_read_only(read_only: bool) = read_only;
        /// How keys are spread over folders. Default: as in the store found; two characters next to the last one for a new one.
        with_shard(shard: ShardFunction) = Some(shard);
        /// Which keys the store takes. Default: as in the store found; [`Names::Flatfs`] for a new one.
        with_names(names: Names) = Some(names);
        /// Where blocking calls run. Default: [`Blocking::Never`], not on the thread that polls.
        with_blocking(blocking: Blocking) = blocking;
        /// The durability of writes that ask for none. Default: [`Durability::Process`], as Kubo's `"sync": false`; its
        /// `"sync": true` is [`Durability::Power`].
        with_durability(durability: Durability) = durability;
        /// The file system. Default: the operating system's. Others are for tests: one that fails, one that loses power.
        with_fs(fs: Arc<dyn Fs>) = fs;
        /// Whether a lock keeps other users of this crate away. Off for who holds a lock of another kind, such as Kubo's
        /// `repo.lock`. Default: yes.
        with_lock(lock: bool) = lock;
        /// Whether a symbolic link to a folder counts as a shard folder, wherever it leads. Default: no.
        with_follow_shard_links(follow_shard_links: bool) = follow_shard_links;
        /// Whether queries also list values that lie in the wrong folder, which no read finds. Default: no.
        with_list_unreachable(list_unreachable: bool) = list_unreachable;
        /// How many entries of a folder are looked at to estimate the disk usage of a directory of which no number is known; 0:
        /// all. Default: 2000.
        with_usage_sample(usage_sample: usize) = usage_sample;
        /// After how long that estimate is given up. Opening does not wait for it. Default: 5 minutes.
        with_usage_time_limit(usage_time_limit: Duration) = usage_time_limit;
        /// Whether disk usage is counted exactly, in the background, when nobody vouches for the number found: after a stop in bad
        /// order, or when another program used the directory last. Default: yes.
        with_recount(recount: bool) = recount;
        /// Whether values that a stop in bad order may have damaged are compared with their keys' hashes before they are served, where
        /// keys are hashes. Default: yes.
        with_check_hashes(check_hashes: bool) = check_hashes;
    }
}
