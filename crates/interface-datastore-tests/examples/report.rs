//! Prints what a store claims and what of it was proven.

use interface_datastore_tests::{ReferenceDatastore, block_on, report};

#[allow(clippy::print_stdout)]
fn main() {
    block_on(Box::pin(async {
        let report = report(|| async { ReferenceDatastore::new() }, block_on).await;
        println!("{report}");
        assert!(report.is_green());
    }));
}
