//! Keys in serialised data.
#![cfg(feature = "serde")]

use std::collections::BTreeMap;

use interface_datastore::Key;
use serde_test::{Configure, Token, assert_de_tokens, assert_de_tokens_error, assert_tokens};

#[test]
fn formats_for_people_hold_text_or_hexadecimal() {
    for (bytes, json) in [
        (&b"/"[..], r#""/""#),
        (b"/a/b", r#""/a/b""#),
        (b"//a//b/", r#""//a//b/""#),
        ("/é\0".as_bytes(), r#""/é\u0000""#),
        (b"/\xff", r#"{"bytes":"2fff"}"#),
        (b"/\xc3/\xa9", r#"{"bytes":"2fc32fa9"}"#),
    ] {
        let key = Key::raw(bytes).unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), json);
        assert_eq!(serde_json::from_str::<Key>(json).unwrap(), key);
        assert_eq!(serde_json::from_slice::<Key>(json.as_bytes()).unwrap(), key);
    }
}

#[test]
fn a_map_over_keys_round_trips() {
    let map = BTreeMap::from([(Key::new("/a"), 1), (Key::new("/b"), 2)]);
    let json = serde_json::to_string(&map).unwrap();
    assert_eq!(json, r#"{"/a":1,"/b":2}"#);
    assert_eq!(
        serde_json::from_str::<BTreeMap<Key, i32>>(&json).unwrap(),
        map
    );
}

#[test]
fn binary_formats_hold_bytes() {
    for bytes in [&b"/"[..], b"/a", b"/\xff"] {
        let key = Key::raw(bytes).unwrap().compact();
        assert_tokens(&key, &[Token::BorrowedBytes(bytes)]);
        assert_de_tokens(&key, &[Token::Bytes(bytes)]);
    }
    let sequence = [
        Token::Seq {
            len: Some(usize::MAX),
        },
        Token::U8(b'/'),
        Token::U8(b'a'),
        Token::SeqEnd,
    ];
    assert_de_tokens(&Key::new("/a").compact(), &sequence);
    assert_de_tokens_error::<serde_test::Compact<Key>>(
        &[Token::Bytes(b"a")],
        &Key::raw("a").unwrap_err().to_string(),
    );
}

#[test]
fn what_is_no_key_is_refused() {
    for (json, reason) in [
        (r#""""#, "must start with"),
        (r#""a""#, "must start with"),
        (r#"{}"#, "missing field `bytes`"),
        (r#"{"bytes":""}"#, "must start with"),
        (r#"{"bytes":"61"}"#, "must start with"),
        (r#"{"bytes":"2"}"#, "even number"),
        (r#"{"bytes":"2f+f"}"#, "even number"),
        (r#"{"bytes":"2fé"}"#, "even number"),
        (r#"{"hex":"2f"}"#, "unknown field `hex`"),
        (r#"{"bytes":"2f","more":"2f"}"#, "unknown field `more`"),
        (r#"{"bytes":5}"#, "invalid type"),
        ("5", "a key that starts with"),
        ("null", "a key that starts with"),
        ("[]", "must start with"),
        ("[300]", "invalid value"),
    ] {
        let error = serde_json::from_str::<Key>(json).unwrap_err().to_string();
        assert!(error.contains(reason), "{json}: {error}");
    }
}
