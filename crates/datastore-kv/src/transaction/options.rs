//! How transactions are run.

use interface_datastore::{AbortSignal, Durability};

/// How a [`Transaction`](crate::Transaction) is run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TransactionOptions {
    /// The least durability of its commit; none: the store's default.
    pub durability: Option<Durability>,
    /// How often [`transact`](crate::KvDatastore::transact) runs it at most; 16 unless told otherwise.
    pub attempts: u32,
    /// Cancels its calls, the commit included.
    pub abort: Option<AbortSignal>,
}

impl Default for TransactionOptions {
    fn default() -> Self {
        Self {
            durability: None,
            attempts: 16,
            abort: None,
        }
    }
}

impl TransactionOptions {
    /// Asks for a durability.
    #[must_use]
    pub fn with_durability(mut self, durability: impl Into<Option<Durability>>) -> Self {
        self.durability = durability.into();
        self
    }

    /// Runs it at most so often; at least once.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Lets a signal cancel its calls.
    #[must_use]
    pub fn with_abort(mut self, abort: impl Into<Option<AbortSignal>>) -> Self {
        self.abort = abort.into();
        self
    }
}
