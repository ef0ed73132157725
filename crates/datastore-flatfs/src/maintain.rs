//! Maintenance: check, repair, scrub and gc.
