//! Runs the code in the pages for users as documentation tests.

#![allow(missing_docs, reason = "nobody uses this crate")]

pub mod my_store;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/write-your-own-datastore.md")]
mod write_your_own_datastore {}

#[cfg(test)]
mod tests {
    use interface_datastore_tests::conformance;

    use super::my_store::MyStore;

    conformance!(my_store_conforms, || async { MyStore::default() });

    #[test]
    fn the_guide_shows_the_store_that_is_tested() {
        let guide = include_str!("../../../docs/guides/write-your-own-datastore.md");
        let (_, store) = include_str!("my_store.rs")
            .split_once("\n\n")
            .unwrap_or_default();
        assert!(
            !store.is_empty() && guide.contains(store.trim()),
            "copy my_store.rs into the guide"
        );
    }
}
