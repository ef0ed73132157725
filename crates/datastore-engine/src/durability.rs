//! What an acknowledged commit has survived.

use std::fmt;

/// What a commit withstands once it has been acknowledged, weakest first.
///
/// The levels are those of `interface_datastore::Durability`, name by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// May be gone when the process ends, even in good order without `close`.
    Volatile,
    /// Survives the end of the process, `kill -9` included; not a power cut.
    Process,
    /// As `Process`; after a power cut the engine holds the state after some earlier commit, whole.
    Ordered,
    /// Survives a power cut.
    Power,
}

impl Durability {
    /// All levels, weakest first.
    pub const ALL: [Self; 4] = [Self::Volatile, Self::Process, Self::Ordered, Self::Power];
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Volatile => "volatile",
            Self::Process => "process",
            Self::Ordered => "ordered",
            Self::Power => "power",
        })
    }
}
