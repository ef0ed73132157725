//! What a store can do, as data.

use std::fmt;

use crate::{Durability, Error, ErrorKind, Key, Operation, Result};

/// Whether a store does something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Claim {
    /// Always. The conformance harness proves it where it can.
    Yes,
    /// Never; asked for it, the store refuses with [`ErrorKind::Unsupported`] before any effect.
    #[default]
    No,
    /// Depends on the key, the moment or the server.
    Varies,
}

impl Claim {
    /// What two parts of a store do together, each for its own keys: `Varies` if they differ.
    #[must_use]
    pub fn either(self, other: Self) -> Self {
        if self == other { self } else { Self::Varies }
    }

    /// What a store does that needs both parts for it: `No` if one cannot.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Varies,
        }
    }

    /// Whether it may be asked for.
    pub fn may(self) -> bool {
        self != Self::No
    }
}

impl From<bool> for Claim {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Varies => "varies",
        })
    }
}

/// Among whom a conditional write is decided without a race.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ConditionScope {
    /// The store refuses the condition.
    #[default]
    None,
    /// Among users of this handle and its clones.
    InProcess,
    /// Among all processes that use the store through this crate or under the same protocol.
    CrossProcess,
}

/// Which keys a store takes. Others are refused with [`ErrorKind::InvalidKey`] on writes and are not found on reads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KeyRules {
    /// Longest key in bytes, the leading slash included; none: no limit below that of memory.
    pub max_len: Option<usize>,
    /// Most namespaces in a key; none: any number.
    pub max_namespaces: Option<usize>,
    /// The bytes that namespaces may be made of.
    pub alphabet: Alphabet,
    /// Whether namespaces may be empty: the root key, `/a//b`.
    pub empty_namespaces: bool,
    /// Whether some keys that these rules allow are refused all the same, for reasons that no rule here can tell.
    pub further: bool,
}

/// The bytes that namespaces may be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Alphabet {
    /// Any.
    Any,
    /// Whole keys must be UTF-8.
    Utf8,
    /// These bytes only.
    Only(Vec<u8>),
}

impl KeyRules {
    /// Every key.
    pub fn any() -> Self {
        Self {
            max_len: None,
            max_namespaces: None,
            alphabet: Alphabet::Any,
            empty_namespaces: true,
            further: false,
        }
    }

    /// Whether the store takes the key, as far as these rules tell.
    pub fn allows(&self, key: &Key) -> bool {
        self.complaint(key).is_none()
    }

    /// Refuses a key that the store does not take.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`], saying which rule the key breaks.
    pub fn check(&self, operation: Operation, key: &Key) -> Result<()> {
        match self.complaint(key) {
            None => Ok(()),
            Some(complaint) => Err(Error::new(ErrorKind::InvalidKey, operation)
                .with_key(key)
                .with_detail(complaint)),
        }
    }

    fn complaint(&self, key: &Key) -> Option<String> {
        let bytes = key.as_bytes();
        if let Some(max) = self.max_len.filter(|max| bytes.len() > *max) {
            return Some(format!(
                "the key has {} bytes, the store takes {max}",
                bytes.len()
            ));
        }
        if let Some(max) = self
            .max_namespaces
            .filter(|max| key.namespaces().count() > *max)
        {
            return Some(format!("the store takes at most {max} namespaces"));
        }
        if !self.empty_namespaces && key.namespaces().any(<[u8]>::is_empty) {
            return Some("the store takes no empty namespaces".into());
        }
        match &self.alphabet {
            Alphabet::Any => None,
            Alphabet::Utf8 => std::str::from_utf8(bytes)
                .is_err()
                .then(|| "the key is not UTF-8".into()),
            Alphabet::Only(allowed) => {
                let strange = key
                    .namespaces()
                    .flatten()
                    .find(|byte| !allowed.contains(byte))?;
                Some(format!(
                    "the store does not take the byte 0x{strange:02x} in keys"
                ))
            }
        }
    }
}

/// The parts of a query that a store serves from its own order or index instead of looking at every entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Pushdown {
    /// Prefix and whole-namespace scope.
    pub prefix: Claim,
    /// Key range and start-after.
    pub range: Claim,
    /// Descending key order.
    pub reverse: Claim,
    /// Sizes without reading values.
    pub sizes: Claim,
}

/// Which maintenance a store offers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MaintenanceClaims {
    /// [`Maintenance::Check`](crate::Maintenance::Check).
    pub check: Claim,
    /// [`Maintenance::Repair`](crate::Maintenance::Repair).
    pub repair: Claim,
    /// [`Maintenance::Scrub`](crate::Maintenance::Scrub).
    pub scrub: Claim,
    /// [`Maintenance::Gc`](crate::Maintenance::Gc).
    pub gc: Claim,
    /// [`Maintenance::Compact`](crate::Maintenance::Compact).
    pub compact: Claim,
}

impl MaintenanceClaims {
    /// The claim for one kind.
    pub fn claim(&self, task: crate::Maintenance) -> Claim {
        match task {
            crate::Maintenance::Check => self.check,
            crate::Maintenance::Repair => self.repair,
            crate::Maintenance::Scrub => self.scrub,
            crate::Maintenance::Gc => self.gc,
            crate::Maintenance::Compact => self.compact,
        }
    }

    /// All kinds combined with those of another part by the same rule.
    #[must_use]
    pub fn combine(self, other: Self, rule: impl Fn(Claim, Claim) -> Claim) -> Self {
        Self {
            check: rule(self.check, other.check),
            repair: rule(self.repair, other.repair),
            scrub: rule(self.scrub, other.scrub),
            gc: rule(self.gc, other.gc),
            compact: rule(self.compact, other.compact),
        }
    }
}

/// What a store can do with the keys at or under a prefix.
///
/// Wrappers build their record field by field from [`none`](Self::none), so that a claim added later is never
/// inherited blindly.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Capabilities {
    /// Takes writes.
    pub writable: Claim,
    /// Keeps what it acknowledges: all but a black hole.
    pub retains: Claim,
    /// Entries are there again after closing and reopening.
    pub persistent: Claim,
    /// Operations on one key appear to happen at one instant between call and return.
    pub linearizable: Claim,
    /// A dropped write takes effect before any later operation on its key starts, or never.
    pub dropped_writes_settle: Claim,
    /// Durability of writes that ask for none.
    pub default_durability: Durability,
    /// The most durable write that the store can do.
    pub max_durability: Durability,
    /// Among whom [`Condition::IfAbsent`](crate::Condition::IfAbsent) is decided.
    pub if_absent: ConditionScope,
    /// Among whom [`Condition::IfMatch`](crate::Condition::IfMatch) is decided.
    pub if_match: ConditionScope,
    /// Entries carry versions.
    pub versions: Claim,
    /// Entries can expire.
    pub expiry: Claim,
    /// A range is read without the rest of the value.
    pub ranged_get: Claim,
    /// `put_stream` never holds the whole value in memory.
    pub streaming_put: Claim,
    /// `get_stream` never holds the whole value in memory.
    pub streaming_get: Claim,
    /// A batch is applied as a whole or not at all, through crashes too.
    pub atomic_batch: Claim,
    /// Batches take conditions.
    pub batch_conditions: Claim,
    /// Queries without orders come in ascending byte order of keys.
    pub key_order: Claim,
    /// A query sees the state of one moment.
    pub snapshot_query: Claim,
    /// The parts of a query served without looking at every entry.
    pub pushdown: Pushdown,
    /// Watchers are told of changes made through this handle and its clones.
    pub watch: Claim,
    /// Disk usage is told.
    pub disk_usage: Claim,
    /// Maintenance offered.
    pub maintenance: MaintenanceClaims,
    /// Keys taken.
    pub keys: KeyRules,
    /// Longest value in bytes; none: no limit below that of the medium.
    pub max_value_len: Option<u64>,
}

impl Capabilities {
    /// A store that can do nothing.
    pub fn none() -> Self {
        Self {
            writable: Claim::No,
            retains: Claim::No,
            persistent: Claim::No,
            linearizable: Claim::No,
            dropped_writes_settle: Claim::No,
            default_durability: Durability::Volatile,
            max_durability: Durability::Volatile,
            if_absent: ConditionScope::None,
            if_match: ConditionScope::None,
            versions: Claim::No,
            expiry: Claim::No,
            ranged_get: Claim::No,
            streaming_put: Claim::No,
            streaming_get: Claim::No,
            atomic_batch: Claim::No,
            batch_conditions: Claim::No,
            key_order: Claim::No,
            snapshot_query: Claim::No,
            pushdown: Pushdown::default(),
            watch: Claim::No,
            disk_usage: Claim::No,
            maintenance: MaintenanceClaims::default(),
            keys: KeyRules::any(),
            max_value_len: None,
        }
    }

    /// The durability that a write gets which asks for `wanted`.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the store cannot give it.
    pub fn durability(
        &self,
        operation: Operation,
        wanted: Option<Durability>,
    ) -> Result<Durability> {
        let wanted = wanted.unwrap_or(self.default_durability);
        if wanted > self.max_durability {
            let detail = format!(
                "durability {wanted} was asked for, the store gives at most {}",
                self.max_durability
            );
            return Err(Error::unsupported(operation, detail));
        }
        Ok(wanted)
    }
}
