//! What a store sets going when it is opened, and puts down when it is closed.

use std::sync::Arc;

use datastore_files::{Safety, Tree};
use interface_datastore::{Error, Operation, Result};

use crate::background::{Background, Stop};
use crate::failure::file_error;
use crate::open::Opened;
use crate::options::FlatfsOptions;
use crate::store::{FlatfsDatastore, Inner};
use crate::unclean::{Opening, Unclean};
use crate::usage::{self, Accuracy, Cached, Limits, Usage};

/// What is known of a store that is being opened.
pub(crate) struct Start {
    pub(crate) usage: Arc<Usage>,
    pub(crate) unclean: Arc<Unclean>,
    /// A count that is to follow.
    count: Option<Limits>,
}

impl Start {
    /// Finds out how the store was left, and notes that it is in use. Never waits for counting. Blocks.
    pub(crate) fn new(opened: &Opened, options: &FlatfsOptions) -> Result<Self, Error> {
        let tree = &opened.tree;
        let stored = usage::read_stored(tree);
        let stored = stored.map_err(|error| file_error(error, Operation::Open, None))?;
        let text = stored.as_deref().map(String::from_utf8_lossy);
        let opening = Opening {
            sharding: opened.sharding,
            read_only: options.read_only,
            created: opened.created,
            hashes: options.check_hashes,
        };
        let text = text.as_deref().map(|text| text.trim_end_matches('\n'));
        let left = Unclean::open(tree, opening, text)?;
        let cached = stored.as_deref().and_then(Cached::parse);
        let count = match &cached {
            Some(_) if left.usage_is_trusted || !options.recount => None,
            Some(_) => Some(Limits::default()),
            None => Some(Limits {
                sample: options.usage_sample,
                time: Some(options.usage_time_limit),
                stored: true,
            }),
        };
        let mut start = Self {
            usage: Arc::new(Usage::new(cached, count.is_none())),
            unclean: Arc::new(left.unclean),
            count,
        };
        if opened.created {
            // There is next to nothing in it.
            let count = start.count.take().unwrap_or_default();
            let background = Background::default();
            let stop = background.stop_signal();
            start.usage.claim_count();
            start.usage.count(
                tree,
                Limits {
                    time: None,
                    ..count
                },
                &stop,
                &|| {},
            );
            start.usage.store_now(tree);
            start.usage.count_is_over();
        }
        Ok(start)
    }
}

impl Inner {
    /// Begins the work in the background that an opening asks for.
    pub(crate) fn set_going(&self, start: &Start) {
        let doubts = self.unclean.is_active() && !self.is_read_only();
        if start.count.is_some() {
            self.usage.claim_count();
        }
        if doubts || start.count.is_some() {
            self.look_and_count(doubts, start.count);
        }
    }

    /// Looks at what is in doubt and then counts, on a thread that does not keep the store open.
    fn look_and_count(&self, doubts: bool, count: Option<Limits>) {
        let (tree, gates) = (self.tree.clone(), self.gates.clone());
        let (usage, unclean) = (Arc::clone(&self.usage), Arc::clone(&self.unclean));
        let read_only = self.is_read_only();
        unclean.set_looking(doubts);
        let work = move |stop: &Stop| {
            if doubts {
                unclean.look_at_all(&tree, &gates, stop);
                unclean.set_looking(false);
            }
            let Some(limits) = count else { return };
            let settle = || pollster::block_on(gates.all_settled());
            if usage.count(&tree, limits, stop, &settle) && !read_only {
                stop.unless_set(|| usage.store_now(&tree));
            }
            usage.count_is_over();
        };
        if !self.background.spawn("flatfs-look", work) {
            // Without a thread doubt remains, and the number is what it is.
            self.unclean.set_looking(false);
            self.usage.give_up_count();
        }
    }

    /// Ends what goes on in the background and notes how the store is left, so that the next one who opens it can trust it.
    pub(crate) async fn put_down(&self) -> Result<()> {
        self.background.stop();
        self.background.ended().await;
        if self.is_read_only() {
            return Ok(());
        }
        let (tree, usage) = (self.tree.clone(), Arc::clone(&self.usage));
        let unclean = Arc::clone(&self.unclean);
        let noted = self.hop(Operation::Close, move || note_end(&tree, &usage, &unclean));
        let noted = noted.await?;
        noted.map_err(|error| file_error(error, Operation::Close, None))
    }
}

/// Stores the number first: a note that speaks of it must not be there without it.
fn note_end(tree: &Tree, usage: &Usage, unclean: &Unclean) -> datastore_files::Result<()> {
    let cached = usage.to_store();
    let steps = [
        usage::store_change(&cached),
        unclean.closing(tree, usage.is_trusted().then(|| cached.to_text())),
    ];
    for change in steps {
        let outcome = tree.apply(vec![change], Safety::Power).pop();
        outcome.transpose()?;
    }
    Ok(())
}

impl FlatfsDatastore {
    /// Counts the whole directory, and gives the bytes that it takes and how well that is known. The store can be used
    /// meanwhile; what changes is taken into account. Dropping the future does not end the count.
    ///
    /// # Errors
    ///
    /// [`Closed`](interface_datastore::ErrorKind::Closed) if the store is, or is closed meanwhile.
    pub async fn recount(&self) -> Result<(u64, Accuracy)> {
        let inner = &self.inner;
        inner.check_open(Operation::DiskUsage)?;
        while !inner.usage.claim_count() {
            inner.usage.counted().await;
            inner.check_open(Operation::DiskUsage)?;
        }
        inner.look_and_count(false, Some(Limits::default()));
        inner.usage.counted().await;
        inner.check_open(Operation::DiskUsage)?;
        Ok(inner.usage.now())
    }

    /// How many files a count that is going on has looked at; none if there is no count.
    #[must_use]
    pub fn counting(&self) -> Option<u64> {
        self.inner.usage.progress()
    }

    /// Waits for a count that is going on. Cancel-safe.
    pub async fn counted(&self) {
        self.inner.usage.counted().await;
    }
}
