//! `vectors/datastore-sharding.json`: shard functions, the place of each key, identifiers and markers.

mod vectors;

use datastore_core::{
    MemoryDatastore, ShardingDatastore,
    sharding::{Shard, ShardError},
};
use futures::TryStreamExt;
use interface_datastore::{Bytes, DatastoreExt, ErrorKind, Key, Query};
use serde_json::Value;

fn records(field: &str) -> Vec<Value> {
    let vectors = vectors::read("datastore-sharding.json");
    vectors[field].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

fn shard(record: &Value) -> Result<Shard, ShardError> {
    let count = u8::try_from(record["param"].as_u64().unwrap()).unwrap();
    match text(&record["fun"]) {
        "prefix" => Shard::prefix(count),
        "suffix" => Shard::suffix(count),
        "next-to-last" => Shard::next_to_last(count),
        other => panic!("no function {other}"),
    }
}

#[test]
fn functions_cut_as_in_javascript() {
    for record in records("functions") {
        let Ok(shard) = shard(&record) else {
            assert_eq!(record["param"], 0, "{record}");
            continue;
        };
        // Half a surrogate pair, which is no text, becomes U+FFFD as soon as it is encoded.
        let expect = match &record["out"] {
            Value::String(text) => text.clone(),
            cut => {
                let units = cut["u16"].as_array().unwrap().iter();
                let units: Vec<u16> = units.map(|unit| unit.as_u64().unwrap() as u16).collect();
                String::from_utf16_lossy(&units)
            }
        };
        let cut = shard.cut(text(&record["in"]).as_bytes());
        assert_eq!(cut, expect.as_bytes(), "{record}");
    }
}

async fn check_key(record: &Value) {
    let inner = MemoryDatastore::new();
    let store = ShardingDatastore::new(&inner, shard(record).unwrap());
    let key = Key::raw(text(&record["key"])).unwrap();
    let place = Key::raw(text(&record["inner"])).unwrap();
    let marker = key.as_bytes() == b"/SHARDING";
    if record["round_trip"] == true && !marker {
        // Ours is where JavaScript looks, and the other way round.
        store.put(&key, "ours").await.unwrap();
        assert_eq!(inner.get(&place).await.unwrap(), "ours", "{record}");
        inner.put(&place, "theirs").await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), "theirs", "{record}");
        let keys: Vec<Key> = store.query_keys(Query::all()).try_collect().await.unwrap();
        assert_eq!(keys, [key], "{record}");
        return;
    }
    let refused = store.put(&key, "1").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidKey, "{record}");
    let refused = store.delete(&key).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidKey, "{record}");
    inner.put(&place, "theirs").await.unwrap();
    assert!(!store.has(&key).await.unwrap(), "{record}");
    assert!(
        store.get(&key).await.unwrap_err().is_not_found(),
        "{record}"
    );
    // What lies there is listed under no name, or under the one by which it can be got.
    let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
    for entry in entries {
        assert_eq!(store.get(&entry.key).await.unwrap(), "theirs", "{record}");
    }
}

#[test]
fn keys_lie_where_javascript_puts_them() {
    let records = records("keys");
    assert!(records.len() >= 696);
    for record in &records {
        pollster::block_on(check_key(record));
    }
}

/// Identifiers that JavaScript takes and we do not, and why.
const STRICTER: &[(&str, &str)] = &[
    ("/repo/flatfs/shard/v1/prefix/2/", "surplus"),
    ("/repo/flatfs/shard/v1/prefix/2/extra", "surplus"),
    (
        "/repo/flatfs/shard/v1/prefix/2\n/repo/flatfs/shard/v1/prefix/3",
        "surplus",
    ),
    ("/repo/flatfs/shard/v1/prefix/02", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/+2", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/ 2", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/2x", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/x", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/2.9", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/0x10", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/1e3", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/0", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/-1", "1 to 64"),
    ("/repo/flatfs/shard/v1/next-to-last/-1", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/99", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/\u{662}", "1 to 64"),
    ("/repo/flatfs/shard/v1/prefix/2\0", "1 to 64"),
];

/// What our errors say in place of the beginnings of those of JavaScript.
const MESSAGES: &[(&str, &str)] = &[
    ("empty shard string", "empty shard identifier"),
    (
        "invalid or no path prefix",
        "must start with /repo/flatfs/shard/",
    ),
    ("expect 'v1' version", "must have version v1"),
    ("missing param", "lacks the number of characters"),
    ("unkown sharding function", "unknown shard function"),
];

#[test]
fn identifiers_are_read_as_in_javascript_or_refused() {
    let records = records("parse");
    let mut stricter = 0;
    for record in &records {
        let found = text(&record["in"]).parse::<Shard>();
        let strict = STRICTER.iter().find(|(text, _)| *text == record["in"]);
        if let Some((_, why)) = strict {
            let error = found.unwrap_err().to_string();
            assert!(error.contains(why), "{record}: {error}");
            stricter += 1;
            continue;
        }
        match &record["out"]["error"]["message"] {
            Value::String(theirs) => {
                let error = found.unwrap_err().to_string();
                let message = MESSAGES.iter().find(|(start, _)| theirs.starts_with(start));
                let (_, ours) = message.unwrap_or_else(|| panic!("{theirs} is not in the table"));
                assert!(error.contains(ours), "{record}: {error}");
            }
            _ => {
                let found = found.unwrap_or_else(|error| panic!("{record}: {error}"));
                assert_eq!(found.to_string(), text(&record["out"]["id"]));
                assert_eq!(found.name(), text(&record["out"]["name"]));
                assert_eq!(u64::from(found.count()), record["out"]["param"]);
                assert_eq!(
                    found.cut(b"hello"),
                    text(&record["out"]["sample"]).as_bytes()
                );
            }
        }
    }
    assert_eq!(stricter, STRICTER.len());
}

/// The marker that a record of `open` finds: the text as it is, or the end of an identifier.
fn marker(have: &str) -> String {
    match have.strip_suffix(" nl") {
        Some(rest) => format!("/repo/flatfs/shard/v1/{rest}\n\n  "),
        None if have.contains('/') => format!("/repo/flatfs/shard/v1/{have}"),
        None => have.to_owned(),
    }
}

async fn check_open(record: &Value) {
    let inner = MemoryDatastore::new();
    let key = Key::new("/SHARDING");
    if let Some(have) = record["have"].as_str() {
        inner.put(&key, marker(have)).await.unwrap();
    }
    let wanted = record["want"].as_str();
    let wanted = wanted.map(|want| format!("/repo/flatfs/shard/v1/{want}").parse().unwrap());
    let opened = ShardingDatastore::open(&inner, wanted).await;
    match &record["out"]["error"]["message"] {
        Value::String(message) => {
            let error = opened.unwrap_err();
            // In JavaScript only the first is an OpenFailedError, the others are plain.
            assert_eq!(error.js_name(), "OpenFailedError", "{record}");
            let kind = match message {
                m if m.starts_with("Shard is required") => ErrorKind::InvalidArgument,
                m if m.starts_with("specified fun") => ErrorKind::InvalidArgument,
                _ => ErrorKind::Damaged,
            };
            assert_eq!(error.kind(), kind, "{record}: {error}");
            assert!(error.remedy().is_some(), "{record}: {error}");
        }
        _ => {
            let found = opened.unwrap().shard().to_string();
            assert_eq!(found, text(&record["out"]["fun"]), "{record}");
        }
    }
    let stored = inner.try_get(&key).await.unwrap();
    let expect = record["stored"].as_str().map(|hex| -> Bytes {
        let digit = |place: usize| u8::from_str_radix(&hex[place..place + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digit).collect()
    });
    assert_eq!(stored, expect, "{record}");
}

#[test]
fn opening_reads_or_writes_the_marker() {
    let records = records("open");
    assert!(records.len() >= 20);
    for record in &records {
        pollster::block_on(check_open(record));
    }
}

/// Markers that JavaScript may have written or been given by hand.
const LENIENT: &[(&str, Option<&str>)] = &[
    ("/repo/flatfs/shard/v1/prefix/2/extra", Some("prefix/2")),
    ("\u{feff}/repo/flatfs/shard/v1/prefix/+2 ", Some("prefix/2")),
    ("/repo/flatfs/shard/v1/suffix/ 2x", Some("suffix/2")),
    ("/repo/flatfs/shard/v1/prefix/2.9", Some("prefix/2")),
    ("/repo/flatfs/shard/v1/prefix/x", None),
    ("/repo/flatfs/shard/v1/prefix/0x10", None),
    ("/repo/flatfs/shard/v1/prefix/-1", None),
    ("/repo/flatfs/shard/v1/prefix/65", None),
    ("/repo/flatfs/shard/v1/prefix/99999999999999999999", None),
];

#[test]
fn markers_are_read_leniently_where_that_makes_sense() {
    for (marker, expect) in LENIENT {
        let inner = MemoryDatastore::new();
        pollster::block_on(async {
            inner.put(&Key::new("/SHARDING"), *marker).await.unwrap();
            let opened = ShardingDatastore::open(&inner, None).await;
            match expect {
                Some(id) => {
                    let id = format!("/repo/flatfs/shard/v1/{id}");
                    assert_eq!(opened.unwrap().shard().to_string(), id, "{marker}");
                }
                None => assert_eq!(opened.unwrap_err().kind(), ErrorKind::Damaged, "{marker}"),
            }
        });
    }
}
