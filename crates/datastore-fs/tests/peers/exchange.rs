//! One of the two writes a folder, the other takes it over, and back.

use std::path::Path;

use crate::side::{Contents, JavaScript, Layers, Ours, ShardBy, Side};
use crate::tree::plain_tree;

/// A kind of store, and keys that both implementations keep alike.
struct Row {
    layers: Layers,
    keys: Vec<String>,
    /// Whether the JavaScript store lists them. If not, it must be seen to fail.
    javascript_lists: bool,
}

/// Keys that the JavaScript store keeps safely, whatever the end of its file names.
const SAFE: &[&str] = &[
    "/empty",
    "/one-byte",
    "/64-kib",
    "/1-mib",
    "/a",
    "/a/b",
    "/a/b/c/d/e/f/g/h",
    "/a.b",
    "/a.b.c/d",
    "/x.data",
    "/x.txt",
    "/UPPER/Case",
    "/upper/case",
    "/name:type/one:two",
    "/with space/ before",
    "/behind ",
    "/percent%2Fnot/%",
    "/[a-z]/{a,b}/*?!(x)",
    "/'quoted'/\"twice\"/$HOME",
    "/\u{e9}/e\u{301}",
    "/\u{1f600}/\u{4e2d}\u{6587}",
    "/line\nbreak",
    "/dot.",
    "/-/_/~/+/@/=/#",
    "/SHARDING2",
    "/__proto__",
    "/CIQGFTQ7FSI2COUXWWLOQ45VUM2GUZCGAXLWCTOKKPGTUWPXHBNIVOY",
];

const TOP_LEVEL: &[&str] = &[
    "/empty",
    "/one-byte",
    "/64-kib",
    "/1-mib",
    "/x.data",
    "/\u{e9}",
];

/// Keys from whose place in a shard both can tell them again.
const SHARDED: &[&str] = &[
    "/empty",
    "/one-byte",
    "/64-kib",
    "/1-mib",
    "/CIQGFTQ7FSI2COUXWWLOQ45VUM2GUZCGAXLWCTOKKPGTUWPXHBNIVOY",
    "/hello/world",
    "/deep/and/deeper",
    "/\u{e9}t\u{e9}s",
    "/name:type",
];

const EXTENSION: &str = ".data";
/// The JavaScript store puts five characters around the name of a file while it writes.
const LONGEST_FILE_NAME: usize = 250;
const LONGEST_FOLDER_NAME: usize = 255;

impl Row {
    fn new(layers: Layers, keys: &[&str]) -> Self {
        let longest = LONGEST_FILE_NAME - layers.extension.unwrap_or(EXTENSION).len();
        let mut keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        keys.push(format!("/{}", "n".repeat(longest)));
        Self {
            layers,
            keys,
            javascript_lists: true,
        }
    }

    fn not_listed_by_javascript(mut self) -> Self {
        self.javascript_lists = false;
        self
    }
}

fn rows() -> Vec<Row> {
    let mut plain = Row::new(Layers::NONE, SAFE);
    plain
        .keys
        .push(format!("/{}/b", "n".repeat(LONGEST_FOLDER_NAME)));
    let end = |extension| Layers {
        extension: Some(extension),
        ..Layers::NONE
    };
    let mut rows = vec![plain, Row::new(end(".txt"), SAFE)];
    // By these ends it cannot tell keys from files.
    for (extension, keys) in [("dat", SAFE), (".tar.gz", SAFE), ("", TOP_LEVEL)] {
        rows.push(Row::new(end(extension), keys).not_listed_by_javascript());
    }
    for (shard, extension) in [
        ("/repo/flatfs/shard/v1/next-to-last/1", None),
        ("/repo/flatfs/shard/v1/next-to-last/2", None),
        ("/repo/flatfs/shard/v1/next-to-last/3", Some(".bin")),
        ("/repo/flatfs/shard/v1/prefix/3", None),
        ("/repo/flatfs/shard/v1/suffix/2", Some(".bin")),
    ] {
        let layers = Layers {
            extension,
            shard: Some(ShardBy::Identifier(shard)),
            namespace: None,
        };
        rows.push(Row::new(layers, SHARDED));
    }
    for namespace in ["/ns", "/a/b", "/name:type"] {
        let layers = Layers {
            namespace: Some(namespace),
            ..Layers::NONE
        };
        rows.push(Row::new(layers, SAFE));
    }
    // Its namespace asks for a prefix that no key in a shard has.
    let layers = Layers {
        extension: None,
        shard: Some(ShardBy::Identifier("/repo/flatfs/shard/v1/next-to-last/2")),
        namespace: Some("/ns"),
    };
    rows.push(Row::new(layers, SHARDED).not_listed_by_javascript());
    rows
}

/// The first keys get values of special sizes. Each round has other values.
fn values(keys: &[String], round: usize) -> Contents {
    let special = [0, 1, 64 << 10, 1 << 20];
    let value = |at: usize| {
        let len = special.get(at).copied().unwrap_or(at + 10);
        (0..len)
            .map(|byte| (byte * 31 + at + round) as u8)
            .collect()
    };
    keys.iter()
        .enumerate()
        .map(|(at, key)| (key.clone(), value(at)))
        .collect()
}

/// The two sides of a folder, by who came first.
struct Pair {
    sides: [(&'static str, Box<dyn Side>); 2],
    row: Row,
}

impl Pair {
    /// Both sides hold exactly this.
    fn check(&mut self, when: &str, expected: &Contents) {
        for (name, side) in &mut self.sides {
            let when = format!("{:?}: {name}, after {when}", self.row.layers);
            for key in &self.row.keys {
                let present = expected.get(key);
                assert!(side.get(key).as_ref() == present, "{when}: get {key:?}");
                assert_eq!(side.has(key), present.is_some(), "{when}: has {key:?}");
            }
            assert_eq!(side.get("/absent"), None, "{when}");
            assert!(!side.has("/absent/too"), "{when}");
            let (contents, keys) = (side.contents(), side.keys());
            if *name == "ours" || self.row.javascript_lists || expected.is_empty() {
                check_listing(&when, contents, keys, expected);
            } else {
                let fails =
                    keys.is_err() || keys.is_ok_and(|keys| !keys.iter().eq(expected.keys()));
                assert!(fails, "{when}: the table is wrong, it does list the keys");
            }
        }
    }

    fn first(&mut self) -> &mut dyn Side {
        &mut *self.sides[0].1
    }

    fn second(&mut self) -> &mut dyn Side {
        &mut *self.sides[1].1
    }
}

fn check_listing(
    when: &str,
    contents: Result<Contents, String>,
    keys: Result<Vec<String>, String>,
    expected: &Contents,
) {
    let contents = contents.unwrap_or_else(|error| panic!("{when}: {error}"));
    let keys = keys.unwrap_or_else(|error| panic!("{when}: {error}"));
    assert_eq!(keys, expected.keys().cloned().collect::<Vec<_>>(), "{when}");
    let lens = |contents: &Contents| -> Vec<_> {
        contents
            .iter()
            .map(|(key, value)| (key.clone(), value.len()))
            .collect()
    };
    assert_eq!(lens(&contents), lens(expected), "{when}");
    assert!(contents == *expected, "{when}: listed values differ");
}

/// The first writes, the second overwrites and deletes, the first writes again, both empty the store.
fn exchange(mut pair: Pair) {
    let keys = pair.row.keys.clone();
    let mut held = values(&keys, 1);
    pair.first().put_many(&held);
    pair.check("the first wrote", &held);

    for (round, (key, value)) in values(&keys, 2).into_iter().enumerate() {
        if round % 2 == 0 {
            pair.second().put(&key, &value);
            held.insert(key, value);
        } else {
            pair.second().delete(&key);
            held.remove(&key);
        }
    }
    pair.check("the second overwrote and deleted", &held);

    for (key, value) in values(&keys, 3) {
        pair.first().put(&key, &value);
        held.insert(key, value);
    }
    pair.check("the first wrote again", &held);

    for (round, key) in keys.iter().enumerate() {
        let side = if round % 2 == 0 {
            pair.first()
        } else {
            pair.second()
        };
        side.delete(key);
        // What is gone already is deleted without complaint.
        side.delete(key);
    }
    pair.check("both deleted", &Contents::new());
}

pub(crate) fn javascript_writes_first() {
    for row in rows() {
        let folder = tempfile::tempdir().unwrap();
        let javascript = JavaScript::open(folder.path(), row.layers);
        let ours = Ours::open(folder.path(), row.layers.for_the_second());
        let sides: [(_, Box<dyn Side>); 2] = [
            ("JavaScript", Box::new(javascript)),
            ("ours", Box::new(ours)),
        ];
        exchange(Pair { sides, row });
    }
}

pub(crate) fn we_write_first() {
    for row in rows() {
        let folder = tempfile::tempdir().unwrap();
        let ours = Ours::open(folder.path(), row.layers);
        let javascript = JavaScript::open(folder.path(), row.layers.for_the_second());
        let sides: [(_, Box<dyn Side>); 2] = [
            ("ours", Box::new(ours)),
            ("JavaScript", Box::new(javascript)),
        ];
        exchange(Pair { sides, row });
    }
}

/// Both leave the same files, byte for byte.
pub(crate) fn same_files() {
    for row in rows() {
        let write = |side: &mut dyn Side, folder: &Path| {
            side.put_many(&values(&row.keys, 1));
            plain_tree(folder)
        };
        let theirs = tempfile::tempdir().unwrap();
        let ours = tempfile::tempdir().unwrap();
        let left_by_them = write(
            &mut JavaScript::open(theirs.path(), row.layers),
            theirs.path(),
        );
        let left_by_us = write(&mut Ours::open(ours.path(), row.layers), ours.path());
        assert!(
            left_by_us.keys().eq(left_by_them.keys()),
            "{:?}",
            row.layers
        );
        assert!(left_by_us == left_by_them, "{:?}", row.layers);
        assert!(left_by_us.len() >= row.keys.len());
    }
}
