//! Opening an engine in a store: the marker, the taking over, and what earlier users have left behind.

use std::{
    fmt,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64},
    },
};

use bytes::Bytes;
use datastore_engine::{
    Durability, EngineCapabilities, Error, ErrorKind, RangeDelete, Result, ScanCost,
};
use futures_util::TryStreamExt;
use interface_datastore::{
    self as store, Capabilities, Claim, ConditionScope, Datastore, DatastoreExt, Key, PutOptions,
    Query,
};

use super::{
    DatastoreEngine, Inner,
    core::{Core, Journals, Way},
    error::{taken_over, translate},
    journal::{self, Unreadable},
    names::{Names, Note},
    queue::Queue,
};

const MARKER: &[u8] = b"datastore-engine ";
const FORMAT: &[u8] = b"1";
/// The longest journal that can be asked for: its lengths have 32 bits.
const LONGEST: u64 = u32::MAX as u64;
const MOST_TOGETHER: u64 = 4 << 20;

/// How an engine is opened in a store.
#[derive(Debug, Clone)]
#[must_use]
pub struct DatastoreEngineOptions {
    durability: Option<Durability>,
    max_journal_bytes: u64,
    max_range_keys: u64,
}

impl Default for DatastoreEngineOptions {
    fn default() -> Self {
        Self {
            durability: None,
            max_journal_bytes: 64 << 20,
            max_range_keys: 8192,
        }
    }
}

impl DatastoreEngineOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The durability of every commit, whatever less it asks for. Default: the strongest that the store has.
    ///
    /// With [`Process`](Durability::Process) nothing is synced, and a power cut may leave a part of a commit. `Ordered` is
    /// given as `Power`: a store orders the states of one key only.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// The longest journal, in bytes, over a store without atomic batches: about the sum of a batch's keys and values, and 9
    /// bytes for each. It is held in memory while it is written and applied. Default: 64 MiB, at most 4 GiB.
    pub fn max_journal_bytes(mut self, bytes: u64) -> Self {
        self.max_journal_bytes = bytes.min(LONGEST);
        self
    }

    /// The most keys that the range deletes of a batch may meet. They are held in memory. Default: 8192.
    pub fn max_range_keys(mut self, keys: u64) -> Self {
        self.max_range_keys = keys;
        self
    }

    /// Opens the engine that a store holds, or begins one in a store that is empty.
    ///
    /// The whole store is the engine's; give it a
    /// [`NamespaceDatastore`](https://docs.rs/datastore-core/latest/datastore_core/struct.NamespaceDatastore.html) to share one.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) if the store has neither atomic batches nor conditional puts, or what else the
    /// error tells; [`Foreign`](ErrorKind::Foreign) if it holds something else, or a format that this version does not know;
    /// [`Locked`](ErrorKind::Locked) if somebody else opened it at this moment; [`Damaged`](ErrorKind::Damaged), or what the
    /// store meets.
    pub async fn open(self, store: &(impl Datastore + ?Sized)) -> Result<DatastoreEngine> {
        let store = store.handle();
        let can = store.capabilities(&Key::root());
        let by_batches = can.atomic_batch == Claim::Yes;
        check_store(&can, by_batches)?;
        let names = Names::within(&can.keys)?;
        let level = level(&can, self.durability)?;
        let way = if by_batches {
            Way::Batches
        } else {
            Way::Journals(Journals {
                opening: 0,
                token: token()?,
                next: AtomicU64::new(0),
                most: self
                    .max_journal_bytes
                    .min(can.max_value_len.unwrap_or(LONGEST)),
                lost: AtomicBool::new(false),
                doubtful: Mutex::default(),
            })
        };
        let mut core = Core {
            can: claims(&can, &names, level, self.max_range_keys),
            in_order: can.key_order == Claim::Yes,
            most_together: self.max_journal_bytes.min(MOST_TOGETHER),
            most_range_keys: self.max_range_keys,
            pending: RwLock::default(),
            closed: AtomicBool::new(false),
            store,
            names,
            level,
            way,
        };
        core.find_marker(can.if_absent != ConditionScope::None)
            .await?;
        core.take_over().await?;
        Ok(DatastoreEngine(Arc::new(Inner {
            core: Arc::new(core),
            queue: Queue::default(),
        })))
    }
}

fn check_store(can: &Capabilities, by_batches: bool) -> Result<()> {
    let refused = |what: &'static str, remedy: &'static str| {
        Err(Error::unsupported(what).with_remedy(remedy))
    };
    if !can.writable.may() {
        return Err(Error::new(ErrorKind::ReadOnly)
            .with_detail("the store takes no writes")
            .with_remedy("open it for writing"));
    }
    if can.retains != Claim::Yes || can.linearizable != Claim::Yes {
        return refused(
            "an engine over a store that does not promise to give back what it was given last",
            "use the store that it stands on",
        );
    }
    if by_batches {
        return Ok(());
    }
    if can.if_absent == ConditionScope::None {
        return refused(
            "an engine over a store that has neither atomic batches nor conditional puts",
            "use a store that has one of them",
        );
    }
    if can.keys.further {
        return refused(
            "an engine over a store that refuses keys for reasons of its own",
            "use a store whose rules for keys tell all",
        );
    }
    Ok(())
}

/// The durability of all commits: one that a store's single writes add up to.
fn level(can: &Capabilities, wanted: Option<Durability>) -> Result<store::Durability> {
    let max = match can.max_durability {
        store::Durability::Ordered => store::Durability::Process,
        max => max,
    };
    let wanted = match wanted {
        None => return Ok(max),
        Some(Durability::Volatile) => store::Durability::Volatile,
        Some(Durability::Process) => store::Durability::Process,
        Some(_) => store::Durability::Power,
    };
    if wanted > max {
        return Err(Error::unsupported(format!(
            "durability {wanted} was asked for, an engine over this store gives at most {max}"
        )));
    }
    Ok(wanted)
}

pub(super) fn engine_level(level: store::Durability) -> Durability {
    match level {
        store::Durability::Volatile => Durability::Volatile,
        store::Durability::Process => Durability::Process,
        _ => Durability::Power,
    }
}

fn claims(
    can: &Capabilities,
    names: &Names,
    level: store::Durability,
    max_keys: u64,
) -> EngineCapabilities {
    let mut own = EngineCapabilities::none();
    own.persistent = can.persistent == Claim::Yes;
    own.default_durability = engine_level(level);
    own.max_durability = engine_level(level);
    own.range_delete = RangeDelete::Emulated { max_keys };
    own.scan_cost = if can.key_order == Claim::Yes && can.pushdown.range == Claim::Yes {
        ScanCost::Seek
    } else {
        ScanCost::ListsAll
    };
    own.dropped_commits_settle = true;
    own.size_on_disk = can.disk_usage == Claim::Yes;
    own.compact = can.maintenance.compact == Claim::Yes;
    own.check = true;
    own.max_key_len = can.keys.max_len.map(|max| names.longest_key(max) as u64);
    own.max_value_len = can.max_value_len;
    own
}

/// What no other opening has.
fn token() -> Result<Bytes> {
    let random = Key::random().map_err(|error| Error::new(ErrorKind::Failed).with_source(error))?;
    Ok(Bytes::copy_from_slice(random.as_bytes()))
}

impl Core {
    /// Finds the marker, or makes it in an empty store.
    async fn find_marker(&self, if_absent: bool) -> Result<()> {
        if self.has_marker().await? {
            return Ok(());
        }
        let mut first = self.store.query_keys(Query::all().with_limit(1));
        if first.try_next().await.map_err(translate)?.is_some() {
            // Somebody may have begun the engine meanwhile.
            return match self.has_marker().await? {
                true => Ok(()),
                false => Err(Error::new(ErrorKind::Foreign)
                    .with_detail("the store holds entries of another program")
                    .with_remedy("choose another place or namespace, or move what is there")),
            };
        }
        let mut options = PutOptions::default().with_durability(self.level);
        if if_absent {
            options.condition = store::Condition::IfAbsent;
        }
        let marker = Bytes::from([MARKER, FORMAT].concat());
        match self
            .store
            .put_opts(&self.names.marker(), marker, options)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == store::ErrorKind::PreconditionFailed => Ok(()),
            Err(error) => Err(translate(error)),
        }
    }

    async fn has_marker(&self) -> Result<bool> {
        let Some(marker) = self
            .store
            .try_get(&self.names.marker())
            .await
            .map_err(translate)?
        else {
            return Ok(false);
        };
        match marker.strip_prefix(MARKER) {
            Some(FORMAT) => Ok(true),
            Some(format) => Err(Error::new(ErrorKind::Foreign)
                .with_detail(format!(
                    "the engine has format {}, this version knows 1",
                    format
                        .escape_ascii()
                        .to_string()
                        .chars()
                        .take(20)
                        .collect::<String>()
                ))
                .with_remedy("use the version of datastore-kv that wrote it")),
            None => Err(Error::new(ErrorKind::Foreign)
                .with_detail("the store holds entries of another program")
                .with_remedy("choose another place or namespace, or move what is there")),
        }
    }

    /// Sends earlier users away, and ends the commits that they have left half done.
    async fn take_over(&mut self) -> Result<()> {
        let earlier = self.notes().await?;
        if let Way::Journals(journals) = &mut self.way {
            let newest = earlier.iter().map(|note| note.opening()).max().unwrap_or(0);
            journals.opening = newest.checked_add(1).ok_or_else(|| {
                Error::new(ErrorKind::Damaged).with_detail("a note tells an impossible number")
            })?;
        }
        self.claim().await?;
        for note in earlier.iter().filter(|note| matches!(note, Note::Owner(_))) {
            self.delete(&self.names.note(*note)).await?;
        }
        // Whoever comes too late to be in this list finds itself sent away, and applies nothing.
        let left = self.notes().await?;
        if let Way::Journals(journals) = &self.way
            && left.iter().any(|note| note.opening() > journals.opening)
        {
            return Err(taken_over());
        }
        self.replay(&left).await?;
        self.claim_done(left).await
    }

    async fn notes(&self) -> Result<Vec<Note>> {
        let names = self.store.query_keys(Query::prefix(self.names.notes()));
        let names: Vec<Key> = names.try_collect().await.map_err(translate)?;
        let mut notes: Vec<Note> = names
            .iter()
            .filter_map(|name| self.names.note_of(name))
            .collect();
        notes.sort_unstable();
        Ok(notes)
    }

    /// Notes that the engine is ours from now on.
    async fn claim(&self) -> Result<()> {
        let Way::Journals(journals) = &self.way else {
            return Ok(());
        };
        let owner = self.names.note(Note::Owner(journals.opening));
        let options = PutOptions::if_absent().with_durability(self.level);
        match self
            .store
            .put_opts(&owner, journals.token.clone(), options)
            .await
        {
            Ok(_) => Ok(()),
            // A put that was repeated below us may meet its own effect.
            Err(error) if error.kind() == store::ErrorKind::PreconditionFailed => {
                self.check_owner(journals).await
            }
            Err(error) => Err(translate(error)),
        }
    }

    /// Applies the journals that are left, in order, but those of openings that were over before the last one was done.
    async fn replay(&self, left: &[Note]) -> Result<()> {
        let done = |note: &Note| match note {
            Note::Ready(opening) => *opening,
            _ => 0,
        };
        let since = left.iter().map(done).max().unwrap_or(0);
        for note in left {
            let Note::Journal(opening, _) = note else {
                continue;
            };
            let name = self.names.note(*note);
            if let Way::Journals(journals) = &self.way {
                self.check_owner(journals).await?;
            }
            if *opening >= since
                && let Some(bytes) = self.store.try_get(&name).await.map_err(translate)?
            {
                let changes = journal::decode(&bytes).map_err(unreadable)?;
                self.apply(&changes).await?;
            }
            self.delete(&name).await?;
        }
        Ok(())
    }

    /// Notes that no older journal is of use any more, and clears away older notes.
    async fn claim_done(&self, left: Vec<Note>) -> Result<()> {
        if let Way::Journals(journals) = &self.way {
            let ready = self.names.note(Note::Ready(journals.opening));
            let options = PutOptions::default().with_durability(self.level);
            self.store
                .put_opts(&ready, Bytes::new(), options)
                .await
                .map_err(translate)?;
            self.check_owner(journals).await?;
        }
        for note in left
            .into_iter()
            .filter(|note| matches!(note, Note::Ready(_)))
        {
            self.delete(&self.names.note(note)).await?;
        }
        Ok(())
    }
}

fn unreadable(why: Unreadable) -> Error {
    match why {
        Unreadable::Damaged => Error::new(ErrorKind::Damaged)
            .with_detail("the journal of a commit cannot be read")
            .with_remedy("restore the store from a copy"),
        Unreadable::Format(format) => Error::new(ErrorKind::Foreign)
            .with_detail(format!(
                "the journal of a commit has format {format}, which this version does not know"
            ))
            .with_remedy("use the version of datastore-kv that wrote it"),
    }
}

impl Note {
    fn opening(self) -> u64 {
        match self {
            Self::Owner(opening) | Self::Ready(opening) | Self::Journal(opening, _) => opening,
        }
    }
}

impl fmt::Debug for DatastoreEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatastoreEngine")
            .field("store", &self.0.core.store)
            .finish_non_exhaustive()
    }
}
