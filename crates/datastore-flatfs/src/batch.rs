//! Batches: the last value wins; completed by the next opening after a crash.
