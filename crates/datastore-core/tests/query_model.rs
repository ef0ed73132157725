//! Random queries through the wrappers that pass parts of them on, against the plain evaluation over all outer entries.

use std::{collections::BTreeMap, sync::Arc};

use datastore_core::{
    KeyTransformDatastore, MemoryDatastore, MountDatastore, NamespaceDatastore, ShardingDatastore,
    key_transform::{PrefixTransform, from_fns},
    mount::Mount,
    sharding::Shard,
};
use futures::{TryStreamExt, stream};
use interface_datastore::{
    BoxStream, Bytes, Datastore, DatastoreExt, Entry, Key, Query, Result,
    query::{Comparison, Filter, Order, OrderBy, Select, evaluate},
};
use pollster::block_on;

/// A store with the entries that must be seen through it, and whether it lists them in key order.
struct Case {
    name: &'static str,
    store: Arc<dyn Datastore>,
    entries: BTreeMap<Key, Bytes>,
    in_key_order: bool,
}

fn raw(text: &str) -> Key {
    Key::raw(text).unwrap()
}

/// Keys around the separator in byte order, below each of a few parents, some with odd slashes.
fn names() -> Vec<Key> {
    let mut names = vec![Key::root()];
    for parent in ["", "/a", "/a/b", "/ab", "/b", "/a-b", "/a/b/c"] {
        for name in [
            "", "/", "/a", "/a!", "/a0", "/b", "//c", "/a/b", "/\u{e9}", "/z",
        ] {
            names.extend(Key::raw(format!("{parent}{name}")));
        }
    }
    names.sort();
    names.dedup();
    names
}

fn filled(random: &mut fastrand::Rng) -> (MemoryDatastore, BTreeMap<Key, Bytes>) {
    let store = MemoryDatastore::new();
    let mut entries = BTreeMap::new();
    for name in names() {
        if random.u8(..) < 200 {
            let value = Bytes::from(vec![b'x'; random.usize(..4)]);
            block_on(store.put(&name, value.clone())).unwrap();
            entries.insert(name, value);
        }
    }
    (store, entries)
}

fn cases(random: &mut fastrand::Rng) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name, store: &dyn Datastore, entries, in_key_order| {
        let store = store.handle();
        cases.push(Case {
            name,
            store,
            entries,
            in_key_order,
        });
    };
    let renamed = |entries: &BTreeMap<Key, Bytes>, rename: &dyn Fn(&Key) -> Option<Key>| {
        let renamed = entries
            .iter()
            .filter_map(|(key, value)| Some((rename(key)?, value.clone())));
        renamed.collect::<BTreeMap<_, _>>()
    };

    let (memory, entries) = filled(random);
    add("memory", &memory, entries.clone(), true);
    for prefix in ["/a", "/a/b", "/"] {
        let prefix = raw(prefix);
        let expect = renamed(&entries, &|key| key.strip_namespace(&prefix));
        let namespace = NamespaceDatastore::new(&memory, prefix.clone());
        add("namespace", &namespace, expect.clone(), true);
        let transform = PrefixTransform::new(prefix.clone());
        let transformed = KeyTransformDatastore::new(&memory, transform.clone());
        add("prefix transform", &transformed, expect.clone(), true);
        // The same without saying that it is a prefix.
        let (there, back) = (prefix.clone(), prefix);
        let opaque = from_fns(
            move |key| Some(there.child(key)),
            move |key| key.strip_namespace(&back),
        );
        add(
            "closures",
            &KeyTransformDatastore::new(&memory, opaque),
            expect,
            true,
        );
    }

    let mount = |prefix: &str, store: &MemoryDatastore| Mount::new(raw(prefix), store);
    let (under_a, a_entries) = filled(random);
    let (under_ab, ab_entries) = filled(random);
    let owner = |key: &Key| {
        let at = |prefix: &str| *key == raw(prefix) || raw(prefix).is_ancestor_of(key);
        if at("/a/b") { 2 } else { usize::from(at("/a")) }
    };
    let only = |index: usize| move |key: &Key| (owner(key) == index).then(|| key.clone());
    let mut whole = renamed(&entries, &only(0));
    whole.extend(renamed(&a_entries, &only(1)));
    whole.extend(renamed(&ab_entries, &only(2)));
    let mounts = [
        mount("/", &memory),
        mount("/a", &under_a),
        mount("/a/b", &under_ab),
    ];
    add("mount", &MountDatastore::new(mounts).unwrap(), whole, true);

    let mut stripped = renamed(&entries, &only(0));
    stripped.extend(renamed(&a_entries, &|key| only(1)(&raw("/a").child(key))));
    stripped.extend(renamed(&ab_entries, &|key| {
        only(2)(&raw("/a/b").child(key))
    }));
    let mounts = [
        mount("/", &memory),
        mount("/a", &under_a).stripped(),
        mount("/a/b", &under_ab).stripped(),
    ];
    add(
        "stripping mount",
        &MountDatastore::new(mounts).unwrap(),
        stripped,
        true,
    );

    let sharding = ShardingDatastore::new(&MemoryDatastore::new(), Shard::next_to_last(2).unwrap());
    let mut kept = BTreeMap::new();
    for (key, value) in &entries {
        if block_on(sharding.put(key, value.clone())).is_ok() {
            kept.insert(key.clone(), value.clone());
        }
    }
    assert!(kept.len() > entries.len() / 2);
    add(
        "namespace over sharding",
        &NamespaceDatastore::new(&sharding, Key::root()),
        kept.clone(),
        false,
    );
    let below = renamed(&kept, &|key| key.strip_namespace(&raw("/a")));
    add(
        "namespace over sharding",
        &NamespaceDatastore::new(&sharding, raw("/a")),
        below,
        false,
    );
    add("sharding", &sharding, kept, false);
    cases
}

fn random_query(random: &mut fastrand::Rng) -> Query {
    let names = names();
    let mut query = Query::all();
    let one_in = |random: &mut fastrand::Rng, count: u8| random.u8(..count) == 0;
    let name = |random: &mut fastrand::Rng| names[random.usize(..names.len())].clone();
    if one_in(random, 2) {
        let key = name(random);
        let end = random.usize(..=key.as_bytes().len());
        query = query.with_prefix(&key.as_bytes()[..end]);
    }
    if one_in(random, 4) {
        query = query.with_within(name(random));
    }
    if one_in(random, 4) {
        query = query.with_start(name(random));
    }
    if one_in(random, 4) {
        query = query.with_end(name(random));
    }
    if one_in(random, 4) {
        query = query.with_start_after(name(random));
    }
    if one_in(random, 3) {
        query = query.reversed();
    }
    if one_in(random, 3) {
        query = query.with_filter(match random.u8(..4) {
            0 => Filter::ValueLen(Comparison::Greater, 1),
            1 => Filter::KeyDepth(Comparison::LessOrEqual, 2),
            2 => Filter::key_contains("b").negate(),
            _ => Filter::custom(|entry: &Entry| entry.key.as_bytes().len().is_multiple_of(2)),
        });
    }
    for _ in 0..random.u8(..3) {
        let order = Order::new(match random.u8(..6) {
            0 => OrderBy::Key,
            1 => OrderBy::Namespaces,
            2 => OrderBy::KeyDepth,
            3 => OrderBy::Value,
            4 => OrderBy::ValueLen,
            _ => Order::custom(|a: &Entry, b: &Entry| a.key.name().cmp(b.key.name())).by,
        });
        query = query.with_order(if random.bool() {
            order
        } else {
            order.descending()
        });
    }
    if one_in(random, 3) {
        query = query.with_limit(random.u64(..6));
    }
    if one_in(random, 3) {
        query = query.with_offset(random.u64(..6));
    }
    query.with_select([Select::Keys, Select::Sizes, Select::Values][random.usize(..3)])
}

fn answer(entries: BoxStream<'static, Result<Entry>>) -> Vec<(Key, Option<Bytes>)> {
    let entries: Vec<Entry> = block_on(entries.try_collect()).unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect()
}

fn check(case: &Case, mut query: Query) {
    if !case.in_key_order {
        // Between equals the order is the store's own: leave no equals.
        query.orders.insert(0, Order::by_key());
    }
    let entries = case.entries.iter();
    let entries = entries.map(|(key, value)| Ok(Entry::of_value(key.clone(), value.clone())));
    let entries: Vec<_> = entries.collect();
    let expect = answer(evaluate(Box::pin(stream::iter(entries)), query.clone()));
    let found = answer(case.store.query(query.clone()));
    assert_eq!(found, expect, "{}: {query:?}", case.name);
}

#[test]
fn wrappers_answer_as_the_plain_evaluation_does() {
    let full = std::env::var("RS_STORES_RUNS").is_ok_and(|runs| runs == "full");
    let (rounds, queries) = if full { (40, 400) } else { (4, 200) };
    for seed in 0..rounds {
        let mut random = fastrand::Rng::with_seed(seed);
        for case in cases(&mut random) {
            for _ in 0..queries {
                check(&case, random_query(&mut random));
            }
        }
    }
}
