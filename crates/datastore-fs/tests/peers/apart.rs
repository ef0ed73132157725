//! Where the two differ: keys that only one of them keeps safely, and what each refuses.

use interface_datastore::{DatastoreExt, ErrorKind, Key};
use pollster::block_on;
use serde_json::json;

use crate::side::{Contents, JavaScript, Layers, Ours, ShardBy, Side};
use crate::tree::plain_tree;

fn contents(pairs: &[(&str, &[u8])]) -> Contents {
    let owned = |(key, value): &(&str, &[u8])| ((*key).to_owned(), value.to_vec());
    pairs.iter().map(owned).collect()
}

/// Keys that the JavaScript store would mix up with others, put outside of the folder, not list or not take.
fn unsafe_keys() -> Vec<String> {
    let keys = [
        "/",
        "/.",
        "/..",
        "/../x",
        "/a/..",
        "/a/../b",
        "/a/./b",
        "/a//b",
        "//a",
        "/.a",
        "/.a/b",
        "/a/.b",
        "/.datastore",
        "/.datastore/format",
        "/.datastore/keys/a",
        "/.datastore/tmp/a",
        "/.a.data.tmp",
        "/nul\0",
        "/a.data/b",
        "/con",
        "/a/NUL.txt",
        "/back\\slash",
    ];
    let mut keys: Vec<String> = keys.map(str::to_owned).into();
    keys.push(format!("/{}", "n".repeat(246)));
    keys.push(format!("/{}/b", "n".repeat(256)));
    keys
}

/// Our keys under the reserved folder neither show in the JavaScript store nor change what it holds, and the other way round.
pub(crate) fn keys_of_ours_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut javascript = JavaScript::open(folder.path(), Layers::NONE);
    let mut ours = Ours::open(folder.path(), Layers::NONE);
    let theirs = contents(&[
        ("/a", b"1"),
        ("/a/b", b"2"),
        ("/b", b"3"),
        ("/x", b"4"),
        ("/slash", b"5"),
    ]);
    javascript.put_many(&theirs);
    let before = plain_tree(folder.path());

    let mut all = theirs.clone();
    for key in unsafe_keys() {
        ours.put(&key, key.as_bytes());
        all.insert(key.clone(), key.into_bytes());
    }
    let not_text = Key::raw(b"/not text \xff").unwrap();
    block_on(ours.0.put(&not_text, "6")).unwrap();
    all.insert(not_text.to_string(), b"6".to_vec());
    assert_eq!(ours.contents().unwrap(), all);
    assert_eq!(javascript.contents().unwrap(), theirs);
    assert!(javascript.keys().unwrap().iter().eq(theirs.keys()));
    assert_eq!(plain_tree(folder.path()), before);
    for (key, value) in &theirs {
        assert_eq!(javascript.get(key).as_ref(), Some(value), "{key}");
    }

    let newer: Contents = theirs
        .keys()
        .map(|key| (key.clone(), b"newer".to_vec()))
        .collect();
    javascript.put_many(&newer);
    all.extend(newer.clone());
    assert_eq!(ours.contents().unwrap(), all);

    for key in unsafe_keys() {
        ours.delete(&key);
    }
    block_on(ours.0.delete(&not_text)).unwrap();
    assert_eq!(ours.contents().unwrap(), newer);
    assert_eq!(javascript.contents().unwrap(), newer);
}

/// Keys that we keep elsewhere because other systems, or other keys, would not bear them in place: what the JavaScript store wrote
/// is found, and no older value is left for it once we wrote or deleted.
pub(crate) fn keys_that_move() {
    for key in [
        "/con",
        "/a/COM1.txt",
        "/a.data/b",
        "/a.data/b/c",
        "/back\\slash",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut javascript = JavaScript::open(folder.path(), Layers::NONE);
        javascript.put(key, b"theirs");
        let mut ours = Ours::open(folder.path(), Layers::NONE);
        assert_eq!(
            ours.contents().unwrap(),
            contents(&[(key, b"theirs")]),
            "{key}"
        );
        assert_eq!(ours.get(key).unwrap(), b"theirs", "{key}");

        ours.put(key, b"ours");
        assert_eq!(
            ours.contents().unwrap(),
            contents(&[(key, b"ours")]),
            "{key}"
        );
        assert_eq!(ours.get(key).unwrap(), b"ours", "{key}");
        assert_eq!(javascript.get(key), None, "{key}: an older value");
        ours.delete(key);
        assert_eq!(ours.get(key), None, "{key}");

        javascript.put(key, b"again");
        assert_eq!(ours.get(key).unwrap(), b"again", "{key}");
        ours.delete(key);
        assert_eq!(ours.get(key), None, "{key}");
        assert_eq!(javascript.get(key), None, "{key}");
    }
}

fn sharded_by(shard: ShardBy) -> Layers {
    Layers {
        shard: Some(shard),
        ..Layers::NONE
    }
}

const SHARD: ShardBy = ShardBy::Identifier("/repo/flatfs/shard/v1/next-to-last/2");

/// Neither opens what the other sharded otherwise, nor a folder without a marker if given no function.
pub(crate) fn shard_functions_agree() {
    let other = [
        "/repo/flatfs/shard/v1/next-to-last/3",
        "/repo/flatfs/shard/v1/prefix/2",
        "/repo/flatfs/shard/v1/suffix/2",
    ];
    for javascript_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        if javascript_first {
            drop(JavaScript::open(folder.path(), sharded_by(SHARD)));
        } else {
            drop(Ours::open(folder.path(), sharded_by(SHARD)));
        }
        let before = plain_tree(folder.path());
        for shard in other.map(ShardBy::Identifier) {
            let refused = Ours::try_open(folder.path(), sharded_by(shard))
                .err()
                .unwrap();
            assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{refused}");
            let refused = JavaScript::try_open(folder.path(), sharded_by(shard))
                .err()
                .unwrap();
            assert!(
                refused.contains("does not match repo shard fun"),
                "{refused}"
            );
        }
        for shard in [SHARD, ShardBy::Marker] {
            Ours::open(folder.path(), sharded_by(shard));
            JavaScript::open(folder.path(), sharded_by(shard));
        }
        assert_eq!(plain_tree(folder.path()), before);
    }
    let empty = tempfile::tempdir().unwrap();
    let refused = Ours::try_open(empty.path(), sharded_by(ShardBy::Marker))
        .err()
        .unwrap();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{refused}");
    let refused = JavaScript::try_open(empty.path(), sharded_by(ShardBy::Marker))
        .err()
        .unwrap();
    assert!(refused.contains("OpenFailedError"), "{refused}");
    assert!(plain_tree(empty.path()).is_empty());
}

/// Keys whose place in a shard does not tell them: the JavaScript store lists others in their place, we take none of them.
pub(crate) fn keys_lost_in_shards() {
    let shards = [
        "/repo/flatfs/shard/v1/next-to-last/3",
        "/repo/flatfs/shard/v1/prefix/1",
    ];
    for (shard, lost) in shards.into_iter().zip(["/ab/cd", "/hello"]) {
        let folder = tempfile::tempdir().unwrap();
        let layers = sharded_by(ShardBy::Identifier(shard));
        let mut javascript = JavaScript::open(folder.path(), layers);
        let mut ours = Ours::open(folder.path(), layers);
        javascript.put(lost, b"lost");
        assert_eq!(javascript.get(lost).unwrap(), b"lost");
        assert_ne!(javascript.keys().unwrap(), [lost], "the table is wrong");

        let refused = block_on(ours.0.put(&Key::new(lost), "ours")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidKey, "{refused}");
        assert_eq!(ours.get(lost), None);
        assert_eq!(ours.contents().unwrap(), Contents::new());
        assert_eq!(
            javascript.ask(json!(["get", lost])),
            json!({"value": "6c6f7374"})
        );
    }
}
