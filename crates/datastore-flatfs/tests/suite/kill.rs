//! Processes that are killed while they write lose nothing that was acknowledged.

use datastore_flatfs::{Blocking, FlatfsDatastore, FlatfsOptions, Names};
use interface_datastore_tests::crash_conformance;

crash_conformance!(killed, |folder| FlatfsDatastore::open(
    folder,
    FlatfsOptions::new()
));
crash_conformance!(killed_inline, |folder| FlatfsDatastore::open(
    folder,
    FlatfsOptions::new().with_blocking(Blocking::Inline)
));
crash_conformance!(killed_escaped, |folder| FlatfsDatastore::open(
    folder,
    FlatfsOptions::new().with_names(Names::Escaped)
));
