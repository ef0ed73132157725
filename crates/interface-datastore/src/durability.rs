//! What a finished write has survived.

use std::fmt;

/// What a write withstands once it has been acknowledged, weakest first.
///
/// A store that cannot give the level that was asked for refuses the write with
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before any effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Durability {
    /// May be gone when the process ends, even in good order without `close`.
    Volatile,
    /// Survives the end of the process, `kill -9` included; not a power cut.
    Process,
    /// As `Process`; after a power cut the key holds its old or its new value whole, perhaps the old one.
    Ordered,
    /// Survives a power cut.
    Power,
}

impl Durability {
    /// All levels, weakest first.
    pub const ALL: [Self; 4] = [Self::Volatile, Self::Process, Self::Ordered, Self::Power];

    /// The level's name as programs and configuration files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Volatile => "volatile",
            Self::Process => "process",
            Self::Ordered => "ordered",
            Self::Power => "power",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
