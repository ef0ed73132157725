//! What a check found.

/// What [`Engine::check`](crate::Engine::check) looked at and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// Entries that were read.
    pub entries: u64,
    /// What contradicts the engine's format or checksums, in words; empty if all is well.
    pub damage: Vec<String>,
}

impl CheckReport {
    /// A report of so many sound entries.
    pub fn sound(entries: u64) -> Self {
        Self {
            entries,
            damage: Vec::new(),
        }
    }

    /// Whether nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}
