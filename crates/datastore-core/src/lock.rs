//! Locking without poison: a panic of one caller must not take the others down.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. What is guarded in this crate is whole at every moment that can panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
