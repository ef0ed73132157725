//! The reference store keeps every rule.

use interface_datastore_tests::{ReferenceDatastore, conformance};

conformance!(reference, || async { ReferenceDatastore::new() });
