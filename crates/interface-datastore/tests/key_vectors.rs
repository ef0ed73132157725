//! Keys against what the published JavaScript package does, as recorded in `vectors/keys.json`.
//!
//! JavaScript derives keys from lossy text, we from bytes. So where a key is not UTF-8, what JavaScript answers in text is
//! compared with ours shown as text.

mod vectors;

use std::cmp::Ordering;

use interface_datastore::Key;
use serde_json::Value;

/// Runs `check` on each record of the array `name`.
fn each_record(name: &str, check: impl Fn(&Value)) {
    let file = vectors::read("keys.json");
    let records = file[name].as_array().expect(name);
    assert!(!records.is_empty(), "{name} has no records");
    records.iter().for_each(check);
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not text: {value}"))
}

fn flag(value: &Value) -> bool {
    value
        .as_bool()
        .unwrap_or_else(|| panic!("not a boolean: {value}"))
}

fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("not a list: {value}"))
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().map(text).collect()
}

fn from_hex(digits: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect(digits);
    (0..digits.len()).step_by(2).map(pair).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of an input; ill-formed text is decoded with replacement, as JavaScript does.
fn input(value: &Value) -> Vec<u8> {
    let (kind, value) = value
        .as_object()
        .and_then(|fields| fields.iter().next())
        .expect("an input");
    match kind.as_str() {
        "s" => text(value).into(),
        "x" => from_hex(text(value)),
        "u16" => {
            let units = list(value)
                .iter()
                .map(|unit| unit.as_u64().and_then(|unit| u16::try_from(unit).ok()));
            let units: Vec<u16> = units.collect::<Option<_>>().expect("code units");
            String::from_utf16_lossy(&units).into()
        }
        _ => panic!("unknown input {kind}"),
    }
}

/// Checks a key that a record gives as text or as `{"x": hex}`.
fn check_key(what: &str, key: &Key, expected: &Value) {
    match expected.get("x") {
        Some(digits) => assert_eq!(to_hex(key.as_bytes()), text(digits), "{what}"),
        None => assert_eq!(key.to_string_lossy(), text(expected), "{what}"),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Checks one member of a key against the field of a record.
fn check_member(key: &Key, member: &str, expected: &Value) {
    let what = &format!("{member} of {key:?}");
    let check_text = |ours: String| assert_eq!(ours, text(expected), "{what}");
    match member {
        "hex" => check_text(to_hex(key.as_bytes())),
        "str" => check_text(key.to_string()),
        "tag" => check_text(format!("[object Key({key})]")),
        "list" => assert_eq!(
            key.namespaces().map(lossy).collect::<Vec<_>>(),
            texts(expected),
            "{what}"
        ),
        "base" => check_text(lossy(key.base_namespace())),
        "type" => check_text(lossy(key.namespace_type())),
        "name" => check_text(lossy(key.name())),
        "top" => assert_eq!(key.is_top_level(), flag(expected), "{what}"),
        "path" => check_key(what, &key.path(), expected),
        "parent" => check_key(what, &key.parent(), expected),
        "reverse" => check_key(what, &key.reverse(), expected),
        "inst" => check_key(what, &key.instance("inst"), expected),
        "inst_empty" => check_key(what, &key.instance(""), expected),
        "inst_odd" => check_key(what, &key.instance("a/b:c/"), expected),
        "child" => {
            check_key(what, &key.child(&Key::new("cchildd")), expected);
            check_key(what, &key.child_str("cchildd"), expected);
        }
        "child_root" => check_key(what, &key.child(&Key::root()), expected),
        "enc" => check_encodings(key, expected),
        _ => panic!("no check for {member}"),
    }
}

#[cfg(feature = "encodings")]
fn check_encodings(key: &Key, expected: &Value) {
    for (name, expected) in expected.as_object().expect("encodings") {
        let encoding = name.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(key.encode(encoding), text(expected), "{name} of {key:?}");
    }
}

/// Without the feature there is nothing to check.
#[cfg(not(feature = "encodings"))]
fn check_encodings(_: &Key, _: &Value) {}

fn check_members(key: &Key, expected: &Value) {
    for (member, expected) in expected.as_object().expect("members") {
        check_member(key, member, expected);
    }
}

#[test]
fn construct() {
    each_record("construct", |record| {
        let input = input(&record["in"]);
        check_members(&Key::new(&input), &record["out"]);
    });
}

#[test]
fn raw() {
    each_record("raw", |record| {
        let input = input(&record["in"]);
        match (Key::raw(&input), record["out"].get("error")) {
            (Ok(key), None) => check_members(&key, &record["out"]),
            (Err(ours), Some(theirs)) => {
                let message = text(&theirs["message"]).to_lowercase();
                assert!(ours.to_string().starts_with(&message), "{ours}");
            }
            (ours, theirs) => panic!("raw {input:?}: {ours:?}, expected {theirs:?}"),
        }
    });
}

/// Namespaces as JavaScript compares them.
fn utf16_namespaces(key: &Key) -> Vec<Vec<u16>> {
    key.to_string_lossy()
        .split('/')
        .skip(1)
        .map(|namespace| namespace.encode_utf16().collect())
        .collect()
}

/// Namespaces as we compare them.
fn byte_namespaces(key: &Key) -> Vec<Vec<u8>> {
    key.as_bytes()
        .split(|&byte| byte == b'/')
        .skip(1)
        .map(Vec::from)
        .collect()
}

/// Whether bytes and UTF-16 code units may order this key differently: malformed text, or characters beyond U+FFFF.
fn orders_apart(key: &Key) -> bool {
    key.as_str()
        .is_none_or(|text| text.chars().any(|character| character > '\u{ffff}'))
}

/// Checks our order of namespaces, and that it is JavaScript's but for keys that [order apart](orders_apart).
fn check_cmp(a: &Key, b: &Key) {
    let ours = a.cmp_namespaces(b);
    assert_eq!(
        ours,
        byte_namespaces(a).cmp(&byte_namespaces(b)),
        "{a:?}, {b:?}"
    );
    assert_eq!(a.less(b), ours == Ordering::Less, "{a:?}, {b:?}");
    if !orders_apart(a) && !orders_apart(b) {
        assert_eq!(
            ours,
            utf16_namespaces(a).cmp(&utf16_namespaces(b)),
            "{a:?}, {b:?}"
        );
    }
}

#[test]
fn pairs() {
    each_record("pairs", |record| {
        let (a, b) = (
            &Key::new(input(&record["a"])),
            &Key::new(input(&record["b"])),
        );
        let theirs = utf16_namespaces(a) < utf16_namespaces(b);
        assert_eq!(
            theirs,
            flag(&record["less"]),
            "JavaScript's order: {a:?}, {b:?}"
        );
        check_cmp(a, b);

        assert_eq!(a == b, flag(&record["same_bytes"]), "{a:?} == {b:?}");
        assert_eq!(
            a.to_string() == b.to_string(),
            flag(&record["same"]),
            "texts of {a:?}, {b:?}"
        );
        check_key("child", &a.child(b), &record["child"]);
        check_key("concat", &a.concat([b]), &record["concat"]);

        let strict = flag(&record["anc_strict"]);
        assert_eq!(a.is_ancestor_of(b), strict, "{a:?} above {b:?}");
        assert_eq!(b.is_descendant_of(a), strict, "{b:?} below {a:?}");
        // JavaScript's ancestry is by prefixes of lossy text.
        if a.as_str().is_some() && b.as_str().is_some() {
            assert_eq!(
                a != b && b.has_prefix(a),
                flag(&record["anc"]),
                "{a:?} prefix of {b:?}"
            );
            assert_eq!(
                a != b && a.has_prefix(b),
                flag(&record["desc"]),
                "{b:?} prefix of {a:?}"
            );
        }
    });
}

#[test]
fn with_namespaces() {
    each_record("with_namespaces", |record| {
        check_key(
            &record.to_string(),
            &Key::from_namespaces(texts(&record["in"])),
            &record["out"],
        );
    });
}

#[test]
fn concat() {
    each_record("concat", |record| {
        let keys: Vec<Key> = list(&record["in"])
            .iter()
            .map(|key| Key::new(input(key)))
            .collect();
        let (first, rest) = keys.split_first().expect("a key");
        check_key(&record.to_string(), &first.concat(rest), &record["out"]);
    });
}

#[test]
fn instance() {
    each_record("instance", |record| {
        let key = Key::new(input(&record["key"]));
        check_key(
            &record.to_string(),
            &key.instance(text(&record["s"])),
            &record["out"],
        );
    });
}

#[test]
fn sorts() {
    each_record("sorts", |record| {
        let mut keys: Vec<Key> = texts(&record["in"]).into_iter().map(Key::new).collect();
        let shown = |keys: &[Key]| keys.iter().map(Key::to_string).collect::<Vec<_>>();

        keys.sort();
        assert_eq!(shown(&keys), texts(&record["byte_order"]));

        keys.sort_by_key(utf16_namespaces);
        assert_eq!(
            shown(&keys),
            texts(&record["less_order"]),
            "JavaScript's order"
        );
        for a in &keys {
            keys.iter().for_each(|b| check_cmp(a, b));
        }
        keys.sort_by(Key::cmp_namespaces);
        if !keys.iter().any(orders_apart) {
            assert_eq!(shown(&keys), texts(&record["less_order"]));
        }
    });
}

/// The one place where ours differs from JavaScript's for well-formed text.
#[test]
fn characters_beyond_u_ffff_sort_by_bytes() {
    let (beyond, within) = (Key::new("/\u{1f600}"), Key::new("/\u{fffd}"));
    assert!(within.less(&beyond));
    assert!(
        utf16_namespaces(&beyond) < utf16_namespaces(&within),
        "JavaScript's order"
    );
}

/// What is neither text nor bytes does not compile; it can only come in as data.
#[cfg(feature = "serde")]
#[test]
fn bad() {
    each_record("bad", |record| {
        let input = text(&record["in"]);
        assert!(serde_json::from_str::<Key>(input).is_err(), "{input}");
    });
}
