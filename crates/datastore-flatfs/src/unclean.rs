//! What to trust after a stop that was not clean.
