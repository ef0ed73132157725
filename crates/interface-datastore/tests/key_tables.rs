//! Keys: what the vectors do not show, as tables.

use std::collections::{BTreeMap, HashMap};

use interface_datastore::{Key, prefix_upper_bound};

#[test]
fn clean_path_is_that_of_go() {
    for (input, expected) in [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        (".", "/"),
        ("..", "/"),
        ("/..", "/"),
        ("../../..", "/"),
        ("a", "/a"),
        ("/a/", "/a"),
        ("//a", "/a"),
        ("a//b", "/a/b"),
        ("//a//b//", "/a/b"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/x/../a/b", "/a/b"),
        ("/a/b/..", "/a"),
        ("/a/..", "/"),
        ("/../a", "/a"),
        ("/a/../../b", "/b"),
        ("/a/.../b", "/a/.../b"),
        ("/a/..b/.c", "/a/..b/.c"),
        ("/a:b/../c:d", "/c:d"),
        (" /a", "/ /a"),
        ("\\a\\..", "/\\a\\.."),
        ("/a\0/..", "/"),
    ] {
        assert_eq!(Key::clean_path(input).to_string(), expected, "{input:?}");
    }
    assert_eq!(Key::clean_path(b"\xff/../\xfe/").as_bytes(), b"/\xfe");
}

#[test]
fn conversions_clean_as_new() {
    let expected = Key::new("/a/b");
    for (from, key) in [
        ("&str", Key::from("a/b/")),
        ("String", Key::from("a/b/".to_owned())),
        ("&[u8]", Key::from(&b"a/b/"[..])),
        ("&[u8; N]", Key::from(b"a/b/")),
        ("Vec", Key::from(b"a/b/".to_vec())),
        ("&Key", Key::from(&expected)),
        ("parse", "a/b/".parse().unwrap()),
    ] {
        assert_eq!(key, expected, "{from}");
    }
    assert_eq!(Key::default(), Key::root());
}

#[test]
fn debug_is_safe_and_tells_keys_apart() {
    for (bytes, expected) in [
        (&b"/"[..], "Key(/)"),
        ("/é/日".as_bytes(), "Key(/é/日)"),
        (b"/it's \"so\"", "Key(/it's \"so\")"),
        (b"/a\\b", "Key(/a\\\\b)"),
        (b"/\0\n\x1b[0m\x7f", "Key(/\\0\\n\\u{1b}[0m\\u{7f})"),
        (b"/\xff\xfe", "Key(/\\xff\\xfe)"),
        ("/\u{fffd}".as_bytes(), "Key(/\u{fffd})"),
        ("/\u{202e}".as_bytes(), "Key(/\\u{202e})"),
    ] {
        assert_eq!(format!("{:?}", Key::new(bytes)), expected);
    }
}

#[test]
fn display_is_the_text_as_it_is() {
    assert_eq!(Key::new(b"/a\x1b\xff").to_string(), "/a\x1b\u{fffd}");
    assert_eq!(
        format!("{:>4}|{:<4}|", Key::new("a"), Key::new("b")),
        "  /a|/b  |"
    );
}

#[test]
fn an_invalid_key_is_shown_safely_and_not_at_any_length() {
    for (input, start) in [
        (&b""[..], "invalid key \"\": it must start with \"/\""),
        (b"a/b", "invalid key \"a/b\": it must start with \"/\""),
        (
            b"\x1b\xff",
            "invalid key \"\\u{1b}\\xff\": it must start with \"/\"",
        ),
    ] {
        let message = Key::raw(input).unwrap_err().to_string();
        assert!(message.starts_with(start), "{message}");
        assert!(message.contains("Key::new"), "{message}");
    }
    let message = Key::raw("x".repeat(1 << 20)).unwrap_err().to_string();
    assert!(message.contains("... (1048576 bytes)"), "{message}");
    assert!(message.len() < 256, "{message}");
}

#[test]
fn random_keys_are_32_hexadecimal_digits_and_differ() {
    let keys: Vec<Key> = (0..100).map(|_| Key::random().unwrap()).collect();
    for key in &keys {
        assert!(key.is_top_level());
        assert_eq!(key.name().len(), 32, "{key}");
        assert!(
            key.name()
                .iter()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')),
            "{key}"
        );
    }
    let mut different = keys.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), keys.len());
}

#[test]
fn counting_and_ends() {
    for (key, count, first, last) in [
        ("/", 1, "", ""),
        ("/a", 1, "a", "a"),
        ("/a/b:c", 2, "a", "b:c"),
        ("//a", 2, "", "a"),
        ("/a//b", 3, "a", "b"),
        ("/a/", 2, "a", ""),
        ("//", 2, "", ""),
    ] {
        let raw = Key::raw(key).unwrap();
        assert_eq!(raw.namespace_count(), count, "{key}");
        assert_eq!(raw.namespaces().count(), count, "{key}");
        assert_eq!(raw.root_namespace(), first.as_bytes(), "{key}");
        assert_eq!(raw.base_namespace(), last.as_bytes(), "{key}");
        assert_eq!(raw.is_root(), key == "/", "{key}");
    }
}

#[test]
fn child_str_is_the_child_of_the_new_key() {
    for parent in ["/", "/a", "//", "/a/"] {
        for text in ["", "/", "///", "b", "/b", "b/", "//b//", "b/c"] {
            let parent = Key::raw(parent).unwrap();
            assert_eq!(
                parent.child_str(text),
                parent.child(&Key::new(text)),
                "{parent} {text}"
            );
        }
    }
}

#[test]
fn joined_keys_of_every_length_hold_all_their_bytes() {
    for length in [1, 60, 124, 125, 126, 127, 300, 70_000] {
        let (parent, name) = (Key::new("/a"), "b".repeat(length));
        let child = parent.child(&Key::new(&name));
        assert_eq!(child.to_string(), format!("/a/{name}"), "{length}");
    }
}

#[test]
fn strip_namespace_takes_whole_namespaces() {
    for (key, namespace, expected) in [
        ("/", "/", Some("/")),
        ("/a", "/", Some("/a")),
        ("/a", "/a", Some("/")),
        ("/a/b", "/a", Some("/b")),
        ("/a/b/c", "/a/b", Some("/c")),
        ("/a//b", "/a", Some("//b")),
        ("/a/b/", "/a", Some("/b/")),
        ("//b", "/", Some("//b")),
        ("/ab", "/a", None),
        ("/a:b", "/a", None),
        ("/b", "/a", None),
        ("/", "/a", None),
        // No child of `/a` is `/a/`: that of the root is `/a`.
        ("/a/", "/a", None),
        ("/a//", "/a", Some("//")),
        ("/a/b", "/a/", None),
        ("/a//b", "/a/", Some("/b")),
    ] {
        let (key, namespace) = (Key::raw(key).unwrap(), Key::raw(namespace).unwrap());
        let expected = expected.map(|text| Key::raw(text).unwrap());
        assert_eq!(
            key.strip_namespace(&namespace),
            expected,
            "{key} {namespace}"
        );
    }
}

#[test]
fn ancestry_is_of_whole_namespaces() {
    for (above, below, expected) in [
        ("/", "/", false),
        ("/", "/a", true),
        ("/", "//", true),
        ("/a", "/a", false),
        ("/a", "/a/b", true),
        ("/a", "/a//b", true),
        ("/a", "/a/", true),
        ("/a", "/ab", false),
        ("/a", "/a:b", false),
        ("/a", "/a-b", false),
        ("/a/b", "/a", false),
        ("/a/", "/a/b", false),
        ("/a/", "/a//b", true),
    ] {
        let (above, below) = (Key::raw(above).unwrap(), Key::raw(below).unwrap());
        assert_eq!(above.is_ancestor_of(&below), expected, "{above} {below}");
    }
}

#[test]
fn prefix_upper_bounds() {
    for (prefix, expected) in [
        (&b""[..], None),
        (b"\xff", None),
        (b"\xff\xff", None),
        (b"/", Some(&b"0"[..])),
        (b"/a", Some(b"/b")),
        (b"/a\xff", Some(b"/b")),
        (b"/a\xff\xff", Some(b"/b")),
        (b"\xfe\xff", Some(b"\xff")),
        (b"/\xff/", Some(b"/\xff0")),
        (b"\0", Some(b"\x01")),
    ] {
        assert_eq!(
            prefix_upper_bound(prefix).as_deref(),
            expected,
            "{prefix:?}"
        );
    }
}

#[test]
fn maps_are_searched_by_bytes() {
    for bytes in ["/", "/a/b"] {
        let key = Key::new(bytes);
        let hashed = HashMap::from([(key.clone(), 1)]);
        let ordered = BTreeMap::from([(key, 1)]);
        assert_eq!(hashed.get(bytes.as_bytes()), Some(&1), "{bytes}");
        assert_eq!(ordered.get(bytes.as_bytes()), Some(&1), "{bytes}");
    }
}

#[test]
fn the_root_is_one_key_however_it_is_made() {
    let (root, a) = (Key::root(), Key::new("/a"));
    for (how, key) in [
        ("new", Key::new("")),
        ("slashes", Key::new("//")),
        ("raw", Key::raw("/").unwrap()),
        ("clean path", Key::clean_path("a/..")),
        ("no namespaces", Key::from_namespaces::<[&str; 0]>([])),
        ("parent", a.parent()),
        ("stripped", a.strip_namespace(&a).unwrap()),
        ("stripped of the root", root.strip_namespace(&root).unwrap()),
        ("child", root.child(&root)),
        ("child of text", root.child_str("/")),
        ("default", Key::default()),
    ] {
        assert_eq!(key, root, "{how}");
        assert_eq!(key.as_bytes(), b"/", "{how}");
        assert!(key.is_root() && key < a, "{how}");
    }
}

#[test]
fn a_child_takes_the_memory_of_no_key_in_use() {
    let a = Key::new("/a");
    for (child, spare) in [
        ("/b", "/a/x"),
        ("/b", "/a/longer"),
        ("/b", "/x"),
        ("/b", "/"),
        ("/", "/x"),
        ("/", "/"),
    ] {
        let (child, held) = (Key::new(child), Key::new(spare));
        let expected = a.child(&child);
        assert_eq!(a.child_reusing(&child, held.clone()), expected, "{spare}");
        assert_eq!(held, Key::new(spare), "a key in use");
        assert_eq!(a.child_reusing(&child, held), expected, "{spare}");
        let below_root = Key::root().child_reusing(&child, Key::new(spare));
        assert_eq!(below_root, child, "{spare}");
    }
}

#[cfg(feature = "encodings")]
#[test]
fn encodings_have_names() {
    use interface_datastore::Encoding;

    for (name, encoding, encoded) in [
        ("latin1", Encoding::Latin1, "/ÿkl"),
        ("base16", Encoding::Base16, "2fff6b6c"),
        ("base16upper", Encoding::Base16Upper, "2FFF6B6C"),
        ("base32", Encoding::Base32, "f77ww3a"),
        ("base32upper", Encoding::Base32Upper, "F77WW3A"),
        ("base36", Encoding::Base36, "dbfp0s"),
        ("base36upper", Encoding::Base36Upper, "DBFP0S"),
        ("base58btc", Encoding::Base58Btc, "2EADDm"),
        ("base64", Encoding::Base64, "L/9rbA"),
        ("base64pad", Encoding::Base64Pad, "L/9rbA=="),
        ("base64url", Encoding::Base64Url, "L_9rbA"),
        ("base64urlpad", Encoding::Base64UrlPad, "L_9rbA=="),
    ] {
        assert_eq!(name.parse(), Ok(encoding));
        assert_eq!(encoding.to_string(), name);
        assert_eq!(Key::new(b"\xffkl").encode(encoding), encoded, "{name}");
    }
    assert_eq!("ascii".parse(), Ok(Encoding::Latin1));
    assert_eq!("hex".parse(), Ok(Encoding::Base16));
    for name in ["", "base17", "HEX", "utf8"] {
        let error = name.parse::<Encoding>().unwrap_err().to_string();
        assert!(
            error.contains(&format!("{name:?}")) && error.contains("base58btc"),
            "{error}"
        );
    }
    let error = "x"
        .repeat(1 << 20)
        .parse::<Encoding>()
        .unwrap_err()
        .to_string();
    assert!(error.len() < 300, "{error}");
}
