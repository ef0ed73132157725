//! Processes that are killed while they write lose nothing that was acknowledged.

use datastore_fs::{FsDatastore, FsOptions};
use interface_datastore_tests::crash_conformance;

crash_conformance!(killed, |folder| FsDatastore::open(folder, FsOptions::new()));
