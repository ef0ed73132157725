//! The query evaluator and the parts of a query, as tables.

use std::ops::Bound;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use interface_datastore::{
    Entry, Error, ErrorKind, Key, Operation, Query, Result,
    query::{Comparison, Filter, Order, OrderBy, Select, evaluate},
};

/// Keys with values, in an order that is none.
const DATA: &[(&str, &str)] = &[
    ("/b", "22"),
    ("/a/x", "1"),
    ("/", "root"),
    ("/a", "333"),
    ("/ab", "1"),
    ("/a/y:z", ""),
    ("/a-b", "4444"),
];

fn entries() -> Vec<Result<Entry>> {
    let entry = |(key, value): &(&str, &'static str)| {
        Entry::of_value(Key::new(key), Bytes::from_static(value.as_bytes()))
    };
    DATA.iter().map(|pair| Ok(entry(pair))).collect()
}

fn answer(query: Query) -> Vec<Entry> {
    let found = evaluate(Box::pin(stream::iter(entries())), query);
    pollster::block_on(found.try_collect()).expect("the source has no errors")
}

#[track_caller]
fn check(query: Query, expected: &[&str]) {
    let found: Vec<_> = answer(query.clone())
        .iter()
        .map(|entry| entry.key.to_string())
        .collect();
    assert_eq!(found, expected, "{query:?}");
    // Whatever serves the key scope beforehand leaves a query with the same answer.
    let scoped: Vec<_> = entries()
        .into_iter()
        .filter(|entry| query.covers(&entry.as_ref().unwrap().key))
        .collect();
    let rest = query.clone().without_key_scope(false);
    let again: Vec<Entry> =
        pollster::block_on(evaluate(Box::pin(stream::iter(scoped)), rest).try_collect()).unwrap();
    assert_eq!(
        again
            .iter()
            .map(|entry| entry.key.to_string())
            .collect::<Vec<_>>(),
        expected,
        "scope served: {query:?}"
    );
    check_bounds(&query);
}

/// No covered key lies outside the bounds that a store would walk.
fn check_bounds(query: &Query) {
    let (low, high) = query.key_bounds();
    for (key, _) in DATA {
        let (key, bytes) = (Key::new(key), key.as_bytes());
        let inside = match &low {
            Bound::Included(low) => bytes >= &low[..],
            Bound::Excluded(low) => bytes > &low[..],
            Bound::Unbounded => true,
        } && match &high {
            Bound::Included(high) => bytes <= &high[..],
            Bound::Excluded(high) => bytes < &high[..],
            Bound::Unbounded => true,
        };
        assert!(
            inside || !query.covers(&key),
            "{key} is covered but outside {low:?}..{high:?} of {query:?}"
        );
    }
}

const ALL: &[&str] = &["/b", "/a/x", "/", "/a", "/ab", "/a/y:z", "/a-b"];
const SORTED: &[&str] = &["/", "/a", "/a-b", "/a/x", "/a/y:z", "/ab", "/b"];

#[test]
fn key_scope() {
    check(Query::all(), ALL);
    check(Query::prefix(""), ALL);
    check(Query::prefix("/"), ALL);
    check(Query::prefix("a"), &[]);
    check(
        Query::prefix("/a"),
        &["/a/x", "/a", "/ab", "/a/y:z", "/a-b"],
    );
    check(Query::prefix("/a/"), &["/a/x", "/a/y:z"]);
    check(Query::within(Key::new("/a")), &["/a/x", "/a/y:z"]);
    check(
        Query::within(Key::root()),
        &["/b", "/a/x", "/a", "/ab", "/a/y:z", "/a-b"],
    );
    check(Query::prefix("/a").with_within(Key::new("/b")), &[]);
    check(
        Query::all().with_start(Key::new("/a/y:z")),
        &["/b", "/ab", "/a/y:z"],
    );
    check(
        Query::all().with_end(Key::new("/a/x")),
        &["/", "/a", "/a-b"],
    );
    check(
        Query::all()
            .with_start(Key::new("/a"))
            .with_end(Key::new("/a/x")),
        &["/a", "/a-b"],
    );
    check(
        Query::all()
            .with_start(Key::new("/z"))
            .with_end(Key::new("/a")),
        &[],
    );
}

#[test]
fn walks_in_key_order() {
    check(
        Query::all().with_start_after(Key::new("/a/x")),
        &["/a/y:z", "/ab", "/b"],
    );
    check(
        Query::all().reversed(),
        &["/b", "/ab", "/a/y:z", "/a/x", "/a-b", "/a", "/"],
    );
    check(
        Query::all().reversed().with_start_after(Key::new("/a/x")),
        &["/a-b", "/a", "/"],
    );
    check(
        Query::all().reversed().with_limit(2).with_offset(1),
        &["/ab", "/a/y:z"],
    );
    check(Query::all().with_start_after(Key::new("/b")), &[]);
}

#[test]
fn orders() {
    check(Query::all().with_order(Order::by_key()), SORTED);
    check(
        Query::all().with_order(Order::new(OrderBy::Namespaces)),
        &["/", "/a", "/a/x", "/a/y:z", "/a-b", "/ab", "/b"],
    );
    // The last order is the most significant.
    check(
        Query::all()
            .with_order(Order::by_key().descending())
            .with_order(Order::by_value()),
        &["/a/y:z", "/ab", "/a/x", "/b", "/a", "/a-b", "/"],
    );
    check(
        Query::all()
            .with_order(Order::by_key())
            .with_order(Order::new(OrderBy::ValueLen).descending()),
        &["/", "/a-b", "/a", "/b", "/a/x", "/ab", "/a/y:z"],
    );
    check(
        Query::all()
            .with_order(Order::by_key())
            .with_order(Order::new(OrderBy::KeyDepth)),
        &["/", "/a", "/a-b", "/ab", "/b", "/a/x", "/a/y:z"],
    );
    // A reverse walk decides among those that the orders leave equal.
    check(
        Query::all()
            .reversed()
            .with_order(Order::new(OrderBy::KeyDepth).descending()),
        &["/a/y:z", "/a/x", "/b", "/ab", "/a-b", "/a", "/"],
    );
}

#[test]
fn orders_by_closure_may_contradict_themselves() {
    let by_key = |a: &Entry, b: &Entry| a.key.cmp(&b.key);
    check(Query::all().with_order(Order::custom(by_key)), SORTED);
    let never_equal = |a: &Entry, b: &Entry| {
        if a.key < b.key {
            std::cmp::Ordering::Less
        } else {
            std::cmp::Ordering::Greater
        }
    };
    check(Query::all().with_order(Order::custom(never_equal)), SORTED);
    let always_less = |_: &Entry, _: &Entry| std::cmp::Ordering::Less;
    assert_eq!(
        answer(Query::all().with_order(Order::custom(always_less))).len(),
        DATA.len()
    );
}

#[test]
fn offset_and_limit() {
    check(Query::all().with_limit(0), &[]);
    check(Query::all().with_limit(2), &["/b", "/a/x"]);
    check(Query::all().with_offset(5), &["/a/y:z", "/a-b"]);
    check(Query::all().with_offset(7), &[]);
    check(Query::all().with_offset(u64::MAX).with_limit(u64::MAX), &[]);
    check(
        Query::all()
            .with_order(Order::by_key())
            .with_offset(2)
            .with_limit(3),
        &SORTED[2..5],
    );
    check(
        Query::all()
            .with_order(Order::by_key())
            .with_offset(1)
            .with_limit(u64::MAX),
        &SORTED[1..],
    );
    check(
        Query::prefix("/a")
            .with_filter(Filter::key_suffix("x"))
            .with_limit(1),
        &["/a/x"],
    );
}

#[test]
fn filters() {
    let one = |filter: Filter, expected: &[&str]| check(Query::all().with_filter(filter), expected);
    one(Filter::key_equals(Key::new("/a")), &["/a"]);
    one(
        Filter::Key(Comparison::NotEqual, Key::new("/a")),
        &["/b", "/a/x", "/", "/ab", "/a/y:z", "/a-b"],
    );
    one(
        Filter::Key(Comparison::Less, Key::new("/a/x")),
        &["/", "/a", "/a-b"],
    );
    one(
        Filter::Key(Comparison::LessOrEqual, Key::new("/a")),
        &["/", "/a"],
    );
    one(Filter::Key(Comparison::Greater, Key::new("/ab")), &["/b"]);
    one(
        Filter::Key(Comparison::GreaterOrEqual, Key::new("/ab")),
        &["/b", "/ab"],
    );
    one(Filter::key_prefix("/a/"), &["/a/x", "/a/y:z"]);
    one(Filter::key_suffix("b"), &["/b", "/ab", "/a-b"]);
    one(Filter::key_contains("-"), &["/a-b"]);
    one(Filter::key_contains(""), ALL);
    one(Filter::KeyDepth(Comparison::Equal, 2), &["/a/x", "/a/y:z"]);
    one(Filter::KeyType("y".into()), &["/a/y:z"]);
    one(Filter::KeyName("z".into()), &["/a/y:z"]);
    one(Filter::value_equals("1"), &["/a/x", "/ab"]);
    one(
        Filter::Value(Comparison::Greater, "333".into()),
        &["/", "/a-b"],
    );
    one(Filter::ValuePrefix("4".into()), &["/a-b"]);
    one(
        Filter::ValueLen(Comparison::GreaterOrEqual, 3),
        &["/", "/a", "/a-b"],
    );
    one(Filter::Always(false), &[]);
    one(Filter::Always(true).negate().negate(), ALL);
    one(
        Filter::AllOf(vec![Filter::key_prefix("/a"), Filter::value_equals("1")]),
        &["/a/x", "/ab"],
    );
    one(Filter::AllOf(vec![]), ALL);
    one(
        Filter::AnyOf(vec![
            Filter::key_equals(Key::new("/b")),
            Filter::value_equals("root"),
        ]),
        &["/b", "/"],
    );
    one(Filter::AnyOf(vec![]), &[]);
    one(
        Filter::custom(|entry: &Entry| entry.size == Some(2)),
        &["/b"],
    );
}

#[test]
fn a_filter_nested_without_end_accepts_nothing() {
    let mut deep = Filter::Always(true);
    for _ in 0..2 * Filter::MAX_DEPTH {
        deep = Filter::AllOf(vec![deep]);
    }
    check(Query::all().with_filter(deep), &[]);
}

#[test]
fn selection_strips_what_was_not_asked_for() {
    let parts = |select| {
        let entry = answer(Query::prefix("/b").with_select(select)).remove(0);
        (entry.value.map(|value| value.len()), entry.size)
    };
    assert_eq!(parts(Select::Values), (Some(2), Some(2)));
    assert_eq!(parts(Select::Sizes), (None, Some(2)));
    assert_eq!(parts(Select::Keys).0, None);
    // Filters and orders see values all the same.
    let by_value = Query::all()
        .keys_only()
        .with_filter(Filter::value_equals("1"))
        .with_order(Order::by_value());
    assert!(by_value.needs_values());
    assert_eq!(answer(by_value).len(), 2);
    assert!(
        !Query::all()
            .keys_only()
            .with_order(Order::by_key())
            .needs_values()
    );
    assert!(
        Query::all()
            .keys_only()
            .with_order(Order::new(OrderBy::ValueLen))
            .needs_sizes()
    );
}

#[test]
fn an_error_of_the_source_ends_the_result() {
    let failing = || {
        let mut items = entries();
        items.insert(2, Err(Error::new(ErrorKind::Unavailable, Operation::Query)));
        Box::pin(stream::iter(items))
    };
    for (query, before) in [
        (Query::all(), 2),
        (Query::all().with_offset(1), 1),
        (Query::all().reversed(), 0),
    ] {
        let found: Vec<_> = pollster::block_on(evaluate(failing(), query).collect());
        let ok = found.iter().take_while(|item| item.is_ok()).count();
        assert_eq!(ok, before);
        assert_eq!(
            found
                .last()
                .and_then(|item| item.as_ref().err())
                .map(Error::kind),
            Some(ErrorKind::Unavailable)
        );
    }
}

#[test]
fn a_limit_stops_reading_the_source() {
    let endless = stream::repeat_with(|| Ok(Entry::of_key(Key::new("/k"))));
    let found = evaluate(Box::pin(endless), Query::all().with_limit(3));
    assert_eq!(pollster::block_on(found.count()), 3);
}

#[test]
fn a_sorted_limit_keeps_the_right_ones_of_many() {
    let many = (0..10_000u32).map(|i| {
        Ok(Entry::of_key(Key::new(format!(
            "/{:05}",
            i.wrapping_mul(7_919) % 10_000
        ))))
    });
    let query = Query::all()
        .keys_only()
        .with_order(Order::by_key().descending())
        .with_offset(5)
        .with_limit(3);
    let found: Vec<Entry> =
        pollster::block_on(evaluate(Box::pin(stream::iter(many)), query).try_collect()).unwrap();
    let names: Vec<_> = found.iter().map(|entry| entry.key.to_string()).collect();
    assert_eq!(names, ["/09994", "/09993", "/09992"]);
}
