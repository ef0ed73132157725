//! The small value types: ranges, conditions, versions, batches, capabilities, errors.

use std::{error::Error as _, path::Path};

use interface_datastore::{
    Alphabet, Batch, BatchOp, BatchReport, ByteRange, Capabilities, Claim, Condition, Durability,
    Error, ErrorKind, Key, KeyRules, Operation, Timestamp, Version,
};

#[test]
fn ranges_are_cut_at_the_end_and_refused_beyond_it() {
    let check = |range: ByteRange, size: u64, expected: Option<(u64, u64)>| {
        let found = range
            .resolve(size)
            .ok()
            .map(|range| (range.start, range.end));
        assert_eq!(found, expected, "{range:?} of {size}");
    };
    check(ByteRange::of(..), 5, Some((0, 5)));
    check(ByteRange::of(1..3), 5, Some((1, 3)));
    check(ByteRange::of(1..=3), 5, Some((1, 4)));
    check(ByteRange::of(3..100), 5, Some((3, 5)));
    check(ByteRange::of(5..), 5, Some((5, 5)));
    check(ByteRange::of(6..), 5, None);
    check(ByteRange::of(6..7), 5, None);
    check(ByteRange::Bounded(3, 2), 5, None);
    check(ByteRange::Last(2), 5, Some((3, 5)));
    check(ByteRange::Last(9), 5, Some((0, 5)));
    check(ByteRange::Last(0), 0, Some((0, 0)));
    check(ByteRange::of(..=u64::MAX), 5, Some((0, 5)));
    check(ByteRange::Bounded(u64::MAX, u64::MAX), 5, None);
    assert_eq!(ByteRange::of(2..).resolve_in(4).unwrap(), 2..4);
}

#[test]
fn conditions_compare_with_the_present_version() {
    let (old, new) = (Version::from(1), Version::from(2));
    let table = [
        (Condition::None, None, true),
        (Condition::None, Some(&old), true),
        (Condition::IfAbsent, None, true),
        (Condition::IfAbsent, Some(&old), false),
        (Condition::IfMatch(old.clone()), Some(&old), true),
        (Condition::IfMatch(old.clone()), Some(&new), false),
        (Condition::IfMatch(old.clone()), None, false),
    ];
    for (condition, current, expected) in table {
        assert_eq!(
            condition.holds(current),
            expected,
            "{condition:?} of {current:?}"
        );
    }
}

#[test]
fn versions_keep_their_bytes() {
    for len in [0, 1, 8, 38, 39, 200] {
        let bytes: Vec<u8> = (0..len).collect();
        let version = Version::from_bytes(&bytes);
        assert_eq!(version.as_bytes(), bytes);
        assert_eq!(version, Version::from_bytes(&bytes));
    }
    assert_eq!(Version::from(258).to_string(), "0000000000000102");
}

#[test]
fn the_last_operation_on_a_key_wins() {
    let (a, b) = (Key::new("/a"), Key::new("/b"));
    let mut batch = Batch::new();
    batch
        .put(a.clone(), "1")
        .put(b.clone(), "1")
        .delete(a.clone())
        .put(b.clone(), "2")
        .require(a.clone(), Condition::IfAbsent);
    assert_eq!(batch.len(), 4);
    let (ops, requirements) = batch.into_parts();
    let put = BatchOp::Put {
        key: b.clone(),
        value: "2".into(),
        expires: None,
    };
    assert_eq!(ops, [BatchOp::Delete { key: a.clone() }, put]);
    assert_eq!(requirements, [(a, Condition::IfAbsent)]);
}

#[test]
fn claims_combine() {
    use Claim::{No, Varies, Yes};
    for (a, b, either, both) in [
        (Yes, Yes, Yes, Yes),
        (No, No, No, No),
        (Yes, No, Varies, No),
        (Varies, Yes, Varies, Varies),
        (No, Varies, Varies, No),
    ] {
        assert_eq!(a.either(b), either, "{a} either {b}");
        assert_eq!(a.both(b), both, "{a} both {b}");
        assert_eq!(a.both(b), b.both(a));
    }
}

#[test]
fn key_rules_name_the_rule_that_a_key_breaks() {
    let mut flat = KeyRules::any();
    flat.max_len = Some(9);
    flat.max_namespaces = Some(1);
    flat.empty_namespaces = false;
    flat.alphabet = Alphabet::Only(b"ABC".to_vec());
    let table: [(&str, Option<&str>); 6] = [
        ("/ABC", None),
        ("/ABCABCABC", Some("10 bytes")),
        ("/A/B", Some("at most 1")),
        ("/", Some("empty")),
        ("/Ab", Some("0x62")),
        ("/AAAAAAAA", None),
    ];
    for (key, complaint) in table {
        let outcome = flat.check(Operation::Put, &Key::new(key));
        match (outcome, complaint) {
            (Ok(()), None) => {}
            (Err(error), Some(part)) => {
                assert_eq!(error.kind(), ErrorKind::InvalidKey);
                assert!(
                    error.to_string().contains(part),
                    "{error} should name {part}"
                );
            }
            (outcome, _) => panic!("{key}: {outcome:?}"),
        }
    }
    let mut utf8 = KeyRules::any();
    utf8.alphabet = Alphabet::Utf8;
    assert!(utf8.allows(&Key::new("/é")) && !utf8.allows(&Key::new(b"/\xff")));
}

#[test]
fn a_durability_beyond_the_store_is_refused() {
    let mut can = Capabilities::none();
    can.default_durability = Durability::Process;
    can.max_durability = Durability::Ordered;
    assert_eq!(
        can.durability(Operation::Put, None).unwrap(),
        Durability::Process
    );
    assert_eq!(
        can.durability(Operation::Put, Some(Durability::Ordered))
            .unwrap(),
        Durability::Ordered
    );
    let error = can
        .durability(Operation::Put, Some(Durability::Power))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(Durability::ALL.is_sorted());
}

#[test]
fn errors_tell_what_where_and_what_to_do() {
    let key = Key::new("/a\u{1b}[31m/b");
    let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = Error::new(ErrorKind::NoSpace, Operation::Put)
        .with_key(&key)
        .with_path("data/a.data")
        .with_detail("the disk is full")
        .with_remedy("free some space and put again")
        .with_source(source);
    let text = error.to_string();
    for part in [
        "put",
        "no space left",
        "the disk is full",
        "data/a.data",
        "free some space",
        "\\u{1b}[31m",
    ] {
        assert!(text.contains(part), "{text:?} should contain {part:?}");
    }
    assert!(
        !text.contains('\u{1b}'),
        "control characters must not reach a terminal"
    );
    assert!(error.source().is_some() && error.path() == Some(Path::new("data/a.data")));
}

#[test]
fn errors_have_the_names_of_javascript() {
    use ErrorKind as K;
    use Operation as O;
    let table = [
        (K::NotFound, O::Get, "NotFoundError", "ERR_NOT_FOUND"),
        (K::NotFound, O::Open, "NotFoundError", "ERR_NOT_FOUND"),
        (K::Aborted, O::Put, "AbortError", "ERR_ABORTED"),
        (
            K::AlreadyExists,
            O::Open,
            "OpenFailedError",
            "ERR_OPEN_FAILED",
        ),
        (K::Failed, O::Close, "CloseFailedError", "ERR_CLOSE_FAILED"),
        (K::NoSpace, O::Put, "PutFailedError", "ERR_PUT_FAILED"),
        (K::Damaged, O::Get, "GetFailedError", "ERR_GET_FAILED"),
        (
            K::ReadOnly,
            O::Delete,
            "DeleteFailedError",
            "ERR_DELETE_FAILED",
        ),
        (
            K::PermissionDenied,
            O::Has,
            "HasFailedError",
            "ERR_HAS_FAILED",
        ),
        (K::NoMount, O::Put, "PutFailedError", "ERR_PUT_FAILED"),
        (K::NoMount, O::Get, "NotFoundError", "ERR_NOT_FOUND"),
        (
            K::NoMount,
            O::Delete,
            "DeleteFailedError",
            "ERR_DELETE_FAILED",
        ),
        (K::Failed, O::Query, "QueryFailedError", "ERR_QUERY_FAILED"),
        (K::Failed, O::Write, "BatchFailedError", "ERR_BATCH_FAILED"),
    ];
    for (kind, operation, name, code) in table {
        let error = Error::new(kind, operation);
        assert_eq!(
            (error.js_name(), error.js_code()),
            (name, code),
            "{kind:?} in {operation:?}"
        );
    }
}

#[test]
fn errors_are_renamed_for_the_outer_store() {
    let mut report = BatchReport::new();
    report.applied = vec![Key::new("/ns/a"), Key::new("/other")];
    let error = Error::not_found(Operation::Write, &Key::new("/ns/a")).with_report(report);
    let outer = error.map_key(|key| key.strip_namespace(&Key::new("/ns")));
    assert_eq!(outer.key(), Some(&Key::new("/a")));
    assert_eq!(outer.report().unwrap().applied, [Key::new("/a")]);
}

#[test]
fn timestamps_stay_in_range() {
    let last = Timestamp::from_millis(u64::MAX);
    assert_eq!(last.saturating_add(std::time::Duration::MAX), last);
    assert!(Timestamp::now() > Timestamp::from_millis(1_600_000_000_000));
}
