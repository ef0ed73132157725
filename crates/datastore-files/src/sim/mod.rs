//! Simulated file systems for tests.
