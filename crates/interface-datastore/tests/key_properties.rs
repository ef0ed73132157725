//! Laws that hold for all keys.

use interface_datastore::{Key, prefix_upper_bound};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

/// Bytes that make the cases of interest likely: separators, dots, what sorts beside `/`, and malformed text.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = select(b"///ab:.-0\\\0x\x7f\x80\xc3\xa9\xff".as_slice());
    prop::collection::vec(byte, 0..12)
}

/// Keys as they come, with empty namespaces at any place.
fn raw_key() -> impl Strategy<Value = Key> {
    bytes().prop_map(|bytes| Key::raw([b"/", bytes.as_slice()].concat()).expect("a leading slash"))
}

fn namespaces(key: &Key) -> Vec<&[u8]> {
    key.namespaces().collect()
}

/// A tenth of the cases unless all are asked for; always the same ones.
fn config() -> ProptestConfig {
    let full = std::env::var_os("RS_STORES_RUNS").is_some_and(|runs| runs == "full");
    ProptestConfig {
        cases: if full { 20_000 } else { 2_000 },
        rng_seed: RngSeed::Fixed(1001),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn new_cleans_once_and_keeps_all_else(bytes in bytes()) {
        let key = Key::new(&bytes);
        prop_assert!(key.is_root() || !key.as_bytes().ends_with(b"/"));
        prop_assert_eq!(&Key::new(&key), &key);
        let kept = key.as_bytes().strip_prefix(b"/").unwrap();
        let tail = bytes.strip_prefix(kept).or_else(|| bytes.strip_prefix(key.as_bytes()));
        prop_assert!(tail.is_some_and(|tail| tail.iter().all(|&byte| byte == b'/')));
    }

    #[test]
    fn raw_keeps_every_byte(bytes in bytes()) {
        match Key::raw(&bytes) {
            Ok(key) => prop_assert_eq!(key.as_bytes(), bytes),
            Err(_) => prop_assert!(!bytes.starts_with(b"/")),
        }
    }

    #[test]
    fn clean_path_leaves_only_names(bytes in bytes()) {
        let key = Key::clean_path(&bytes);
        let name = |namespace: &[u8]| !matches!(namespace, b"" | b"." | b"..");
        prop_assert!(key.is_root() || key.namespaces().all(name), "{key:?}");
        prop_assert_eq!(&Key::clean_path(&key), &key);
    }

    #[test]
    fn namespaces_are_the_same_from_both_ends(key in raw_key(), from_front in prop::collection::vec(any::<bool>(), 14)) {
        let expected: Vec<&[u8]> = key.as_bytes()[1..].split(|&byte| byte == b'/').collect();
        prop_assert_eq!(namespaces(&key), expected.clone());
        prop_assert_eq!(key.namespace_count(), expected.len());

        let mut rest = key.namespaces();
        let (mut front, mut back) = (Vec::new(), Vec::new());
        for forward in from_front {
            if forward { front.extend(rest.next()) } else { back.extend(rest.next_back()) }
        }
        prop_assert_eq!(rest.next(), None);
        prop_assert_eq!(rest.next_back(), None);
        front.extend(back.into_iter().rev());
        prop_assert_eq!(front, expected);
    }

    #[test]
    fn strip_namespace_undoes_child(namespace in raw_key(), key in raw_key()) {
        prop_assert_eq!(namespace.child(&key).strip_namespace(&namespace), Some(key));
    }

    #[test]
    fn child_undoes_strip_namespace(namespace in raw_key(), key in raw_key()) {
        for key in [namespace.child(&key), Key::raw([namespace.as_bytes(), key.as_bytes()].concat()).unwrap(), key] {
            if let Some(inner) = key.strip_namespace(&namespace) {
                prop_assert_eq!(namespace.child(&inner), key);
            }
        }
    }

    #[test]
    fn an_ancestor_has_the_first_namespaces(a in raw_key(), b in raw_key()) {
        for below in [&b, &a.child(&b), &a.instance("x")] {
            let expected = if a.is_root() { !below.is_root() } else {
                namespaces(below).len() > namespaces(&a).len() && namespaces(below).starts_with(&namespaces(&a))
            };
            prop_assert_eq!(a.is_ancestor_of(below), expected);
            prop_assert_eq!(below.is_descendant_of(&a), expected);
        }
    }

    #[test]
    fn orders_are_those_of_bytes_and_of_namespaces(a in raw_key(), b in raw_key()) {
        prop_assert_eq!(a.cmp(&b), a.as_bytes().cmp(b.as_bytes()));
        prop_assert_eq!(a.cmp_namespaces(&b), namespaces(&a).cmp(&namespaces(&b)));
        prop_assert_eq!(a.less(&b), namespaces(&a) < namespaces(&b));
    }

    #[test]
    fn a_prefix_and_its_bound_hold_all_that_start_so(prefix in bytes(), other in bytes()) {
        let bound = prefix_upper_bound(&prefix);
        for bytes in [&other, &[prefix.as_slice(), &other].concat()] {
            let within = *bytes >= prefix && bound.as_ref().is_none_or(|bound| bytes < bound);
            prop_assert_eq!(within, bytes.starts_with(&prefix));
        }
    }

    #[test]
    fn different_keys_look_different_to_debug(a in raw_key(), b in raw_key()) {
        prop_assert_eq!(a == b, format!("{a:?}") == format!("{b:?}"));
    }
}
