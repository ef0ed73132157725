//! Streams that are worked on in groups.

use futures_util::{StreamExt, stream};
use interface_datastore::implement::{in_groups, read_in_groups};
use interface_datastore::{Entry, Key, Result};
use pollster::block_on;

const ITEMS: usize = 10_000;

/// The sizes that are asked for, and the largest group that may come.
const SIZES: &[(usize, usize)] = &[(0, 1), (1, 1), (7, 7), (4096, 4096), (usize::MAX, 4096)];

#[test]
fn groups_are_bounded_whatever_is_asked_for() {
    for (size, most) in SIZES {
        let most = *most;
        let source = stream::iter((0..ITEMS).map(Ok)).boxed();
        let outcomes = in_groups(source, *size, move |group: Vec<Result<usize>>| {
            assert!(group.len() <= most, "{} of {most}", group.len());
            Box::pin(async move { group })
        });
        let outcomes: Vec<usize> = block_on(outcomes.map(Result::unwrap).collect());
        assert!(outcomes.into_iter().eq(0..ITEMS), "size {size}");
    }
}

#[test]
fn groups_to_read_are_bounded_whatever_is_asked_for() {
    for (size, most) in SIZES {
        let most = *most;
        let keys = (0..ITEMS).map(|i| Ok(Key::new(format!("/{i}"))));
        let entries = read_in_groups(stream::iter(keys).boxed(), *size, move |keys: Vec<Key>| {
            assert!(keys.len() <= most, "{} of {most}", keys.len());
            let entries = keys.into_iter().map(|key| Ok(Entry::of_key(key)));
            let entries = entries.collect();
            Box::pin(async move { entries })
        });
        let names: Vec<String> = block_on(
            entries
                .map(|entry| entry.unwrap().key.to_string())
                .collect(),
        );
        assert!(
            names.into_iter().eq((0..ITEMS).map(|i| format!("/{i}"))),
            "size {size}"
        );
    }
}
