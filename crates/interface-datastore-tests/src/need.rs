//! What a case needs of a store, and what is checked of a store that lacks it.

use interface_datastore::{Capabilities, Claim, ConditionScope, Durability, Maintenance};

use crate::{Outcome, Subject, Verdict, refusals};

/// What a case needs of the store or of what its tests offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// It takes writes.
    Writable,
    /// It keeps what it acknowledges.
    Retains,
    /// Entries are there again after closing and reopening.
    Persistent,
    /// Operations on one key appear to happen at one instant.
    Linearizable,
    /// Dropped writes take effect before later operations or never.
    DroppedWritesSettle,
    /// Writes on condition that there is no value.
    IfAbsent,
    /// Writes on condition of a version.
    IfMatch,
    /// Conditions decided among several handles.
    CrossProcess,
    /// Versions of values.
    Versions,
    /// Entries that cease to be.
    Expiry,
    /// Batches as a whole or not at all.
    AtomicBatch,
    /// Batches with conditions.
    BatchConditions,
    /// Queries in key order.
    KeyOrder,
    /// Queries of one moment.
    SnapshotQuery,
    /// Events of changes.
    Watch,
    /// Space taken.
    DiskUsage,
    /// [`Maintenance::Check`].
    Check,
    /// [`Maintenance::Repair`].
    Repair,
    /// [`Maintenance::Scrub`].
    Scrub,
    /// [`Maintenance::Gc`].
    Gc,
    /// [`Maintenance::Compact`].
    Compact,
    /// Writes that survive the end of the process.
    Process,
    /// Writes that a power cut cannot tear.
    Ordered,
    /// Writes that survive a power cut.
    Power,
    /// [`Subject::with_reopen`].
    Reopen,
    /// [`Subject::with_second_handle`].
    SecondHandle,
    /// [`Subject::with_faults`].
    Faults,
    /// [`Subject::with_power_loss`].
    PowerLoss,
    /// A platform with threads.
    Threads,
}

impl Need {
    /// What the store claims about it; `Yes` for what tests offer, which is no claim.
    pub fn claim(self, capabilities: &Capabilities) -> Claim {
        let c = capabilities;
        let scope = |scope: ConditionScope| Claim::from(scope != ConditionScope::None);
        match self {
            Self::Writable => c.writable,
            Self::Retains => c.retains,
            Self::Persistent => c.persistent,
            Self::Linearizable => c.linearizable,
            Self::DroppedWritesSettle => c.dropped_writes_settle,
            Self::IfAbsent => scope(c.if_absent),
            Self::IfMatch => scope(c.if_match),
            Self::CrossProcess => Claim::from(c.if_absent == ConditionScope::CrossProcess),
            Self::Versions => c.versions,
            Self::Expiry => c.expiry,
            Self::AtomicBatch => c.atomic_batch,
            Self::BatchConditions => c.batch_conditions,
            Self::KeyOrder => c.key_order,
            Self::SnapshotQuery => c.snapshot_query,
            Self::Watch => c.watch,
            Self::DiskUsage => c.disk_usage,
            Self::Process => Claim::from(c.max_durability >= Durability::Process),
            Self::Ordered => Claim::from(c.max_durability >= Durability::Ordered),
            Self::Power => Claim::from(c.max_durability >= Durability::Power),
            Self::Reopen | Self::SecondHandle | Self::Faults | Self::PowerLoss | Self::Threads => {
                Claim::Yes
            }
            Self::Check | Self::Repair | Self::Scrub | Self::Gc | Self::Compact => self
                .maintenance()
                .map_or(Claim::No, |task| c.maintenance.claim(task)),
        }
    }

    /// The kind of maintenance that this is.
    pub fn maintenance(self) -> Option<Maintenance> {
        Some(match self {
            Self::Check => Maintenance::Check,
            Self::Repair => Maintenance::Repair,
            Self::Scrub => Maintenance::Scrub,
            Self::Gc => Maintenance::Gc,
            Self::Compact => Maintenance::Compact,
            _ => return None,
        })
    }

    /// The durability that this is.
    pub fn durability(self) -> Option<Durability> {
        Some(match self {
            Self::Process => Durability::Process,
            Self::Ordered => Durability::Ordered,
            Self::Power => Durability::Power,
            _ => return None,
        })
    }

    /// Why a claim stays unproven if the subject does not offer this.
    fn missing(self, subject: &Subject) -> Option<&'static str> {
        match self {
            Self::Reopen if subject.reopener().is_none() => {
                Some("the subject offers no way to reopen")
            }
            Self::SecondHandle if subject.second_opener().is_none() => {
                Some("the subject offers no second handle")
            }
            Self::Faults if subject.faults().is_none() => Some("the subject offers no faults"),
            Self::PowerLoss if subject.power().is_none() => {
                Some("the subject offers no power loss")
            }
            Self::Threads if cfg!(target_family = "wasm") => Some("there are no threads here"),
            _ => None,
        }
    }

    /// What stands in the way of a case that needs this: its verdict; none if nothing does.
    pub(crate) async fn settle(self, subject: &Subject) -> Outcome<Option<Verdict>> {
        if let Some(why) = self.missing(subject) {
            return Ok(Some(Verdict::NotProven(why.into())));
        }
        match self.claim(&subject.capabilities()) {
            Claim::Varies if self == Self::Writable => Ok(Some(Verdict::NotProven(
                "the store takes writes for some keys only".into(),
            ))),
            Claim::Yes | Claim::Varies => Ok(None),
            // A store of several parts says of a part what it cannot say of them all.
            Claim::No if self.claimed_of_a_part(subject)? => Ok(Some(Verdict::NotProven(
                "the store claims it for some keys only".into(),
            ))),
            Claim::No => refusals::check(self, subject).await.map(Some),
        }
    }

    /// Whether the part of the store whose refusal would be checked claims this after all.
    fn claimed_of_a_part(self, subject: &Subject) -> Outcome<bool> {
        let capabilities = subject
            .store()
            .capabilities(&subject.key(refusals::NEW_KEY)?);
        Ok(self.claim(&capabilities) != Claim::No)
    }
}
