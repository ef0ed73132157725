//! Directories that are no store, or none that can be used: each a clear error, and nothing changed.

use std::fs;
use std::path::Path;

use datastore_flatfs::{FlatfsDatastore, FlatfsOptions, Names, ShardFunction};
use interface_datastore::{DatastoreExt, ErrorKind, Key};

use crate::common::tree::tree;
use crate::common::{finish, open_with};

/// A directory, how it is opened, and what must come of it.
struct Case {
    /// Paths below the directory: text for a file, none for a folder. The directory itself is not there if this is empty.
    tree: &'static [(&'static str, Option<&'static str>)],
    options: fn() -> FlatfsOptions,
    kind: ErrorKind,
    /// What the error names below the directory, and a word of it.
    path: &'static str,
    word: &'static str,
}

const PLAIN: &str = "/repo/flatfs/shard/v1/next-to-last/2\n";

fn new() -> FlatfsOptions {
    FlatfsOptions::new()
}

fn no_create() -> FlatfsOptions {
    new().with_create_if_missing(false)
}

fn read_only() -> FlatfsOptions {
    new().with_read_only(true)
}

fn other_shard() -> FlatfsOptions {
    new().with_shard(ShardFunction::prefix(3).unwrap())
}

const CASES: &[Case] = &[
    Case {
        tree: &[],
        options: no_create,
        kind: ErrorKind::NotFound,
        path: "",
        word: "create",
    },
    Case {
        tree: &[],
        options: read_only,
        kind: ErrorKind::NotFound,
        path: "",
        word: "",
    },
    Case {
        tree: &[("", None)],
        options: no_create,
        kind: ErrorKind::NotFound,
        path: "SHARDING",
        word: "create",
    },
    Case {
        tree: &[("", None)],
        options: read_only,
        kind: ErrorKind::NotFound,
        path: "SHARDING",
        word: "",
    },
    Case {
        tree: &[("notes.txt", Some("mine"))],
        options: new,
        kind: ErrorKind::Foreign,
        path: "SHARDING",
        word: "empty",
    },
    Case {
        tree: &[("lost+found", None)],
        options: new,
        kind: ErrorKind::Foreign,
        path: "SHARDING",
        word: "empty",
    },
    Case {
        tree: &[("AA", None), ("AA/QAAX.data", Some("v"))],
        options: new,
        kind: ErrorKind::Foreign,
        path: "SHARDING",
        word: "SHARDING",
    },
    Case {
        tree: &[("SHARDING.data", Some(PLAIN)), ("AA", None)],
        options: new,
        kind: ErrorKind::Foreign,
        path: "SHARDING.data",
        word: "import",
    },
    Case {
        tree: &[("SHARDING", Some(""))],
        options: new,
        kind: ErrorKind::Damaged,
        path: "SHARDING",
        word: "write",
    },
    Case {
        tree: &[("SHARDING", Some("")), ("AA", None)],
        options: new,
        kind: ErrorKind::Damaged,
        path: "SHARDING",
        word: "write",
    },
    Case {
        tree: &[("SHARDING", Some("hello\n"))],
        options: new,
        kind: ErrorKind::Damaged,
        path: "SHARDING",
        word: "hello",
    },
    Case {
        tree: &[("SHARDING", Some("/repo/flatfs/shard/v2/next-to-last/2\n"))],
        options: new,
        kind: ErrorKind::Foreign,
        path: "SHARDING",
        word: "v2",
    },
    Case {
        tree: &[("SHARDING", Some("/repo/flatfs/shard/v1/middle/2\n"))],
        options: new,
        kind: ErrorKind::Foreign,
        path: "SHARDING",
        word: "middle",
    },
    Case {
        tree: &[("SHARDING", Some("/repo/flatfs/shard/v1/prefix/-1\n"))],
        options: new,
        kind: ErrorKind::Damaged,
        path: "SHARDING",
        word: "-1",
    },
    Case {
        tree: &[("SHARDING", Some("/repo/flatfs/shard/v1/prefix/1000\n"))],
        options: new,
        kind: ErrorKind::Unsupported,
        path: "SHARDING",
        word: "1000",
    },
    Case {
        tree: &[("SHARDING", None)],
        options: new,
        kind: ErrorKind::Foreign,
        path: "SHARDING",
        word: "",
    },
    Case {
        tree: &[("SHARDING", Some(PLAIN))],
        options: other_shard,
        kind: ErrorKind::InvalidArgument,
        path: "SHARDING",
        word: "prefix/3",
    },
    Case {
        tree: &[("SHARDING", Some(PLAIN))],
        options: || new().with_names(Names::Escaped),
        kind: ErrorKind::InvalidArgument,
        path: "SHARDING",
        word: "names",
    },
    Case {
        tree: &[("SHARDING", Some(PLAIN))],
        options: || new().with_error_if_exists(true),
        kind: ErrorKind::AlreadyExists,
        path: "",
        word: "exists",
    },
    Case {
        tree: &[("SHARDING", Some(PLAIN)), (".temp", Some("a file"))],
        options: new,
        kind: ErrorKind::Foreign,
        path: ".temp",
        word: "",
    },
];

fn lay(root: &Path, entries: &[(&str, Option<&str>)]) {
    for (path, text) in entries {
        let path = root.join(path);
        match text {
            Some(text) => {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            None => fs::create_dir_all(path).unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_and_left_alone() {
    for case in CASES {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("ds");
        lay(&root, case.tree);
        let before = tree(folder.path());
        let place = format!("{:?} with {:?}", case.tree, (case.options)());
        let error = match FlatfsDatastore::open(&root, (case.options)()).await {
            Ok(_) => panic!("{place}: it opened"),
            Err(error) => error,
        };
        assert_eq!(error.kind(), case.kind, "{place}: {error}");
        let named = error
            .path()
            .unwrap_or_else(|| panic!("{place}: {error} names no path"));
        assert_eq!(
            named,
            root.join(case.path).components().as_path(),
            "{place}: {error}"
        );
        assert!(
            error.remedy().is_some(),
            "{place}: {error} says not what to do"
        );
        assert!(
            error.to_string().contains(case.word),
            "{place}: {error} lacks {:?}",
            case.word
        );
        let mut after = tree(folder.path());
        // The lock of a store that was there, and could be used but for something else.
        if case.tree.contains(&("SHARDING", Some(PLAIN))) {
            after.remove(Path::new("ds/.flatfs-lock"));
        }
        assert_eq!(after, before, "{place}: something changed");
    }
}

/// A file where the directory should be, and no directory above.
#[tokio::test(flavor = "multi_thread")]
async fn no_place_for_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "mine").unwrap();
    let cases = [
        ("file", ErrorKind::Foreign),
        ("file/ds", ErrorKind::Foreign),
        ("no/such", ErrorKind::NotFound),
    ];
    for (path, kind) in cases {
        let path = folder.path().join(path);
        let error = FlatfsDatastore::open(&path, new()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.path().is_some() && error.remedy().is_some(),
            "{error}"
        );
    }
    let left = tree(folder.path());
    assert_eq!(left.len(), 1, "{left:?}");
}

/// What an open store finds on its way: a file where a shard folder should be, a folder where a value should be.
#[tokio::test(flavor = "multi_thread")]
async fn things_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_with(&folder.path().join("ds"), new()).await;
    let dir = folder.path().join("ds");
    lay(
        &dir,
        &[
            ("UU", Some("a file")),
            ("AA/QAAX.data/x", Some("in a folder")),
        ],
    );
    let before = tree(&dir);
    let (in_file, is_folder) = (Key::new("/QUUX"), Key::new("/QAAX"));
    for (key, path) in [(&in_file, "UU"), (&is_folder, "AA/QAAX.data")] {
        assert!(!store.has(key).await.unwrap(), "{key}");
        assert!(store.try_get(key).await.unwrap().is_none(), "{key}");
        let error = store.put(key, "v").await.unwrap_err();
        assert!(
            error.path().is_some_and(
                |named| dir.join(path).starts_with(named) || named.starts_with(dir.join(path))
            ),
            "{error}"
        );
        assert!(error.remedy().is_some(), "{error}");
        assert_eq!(error.key(), Some(key), "{error}");
    }
    assert_eq!(fs::read(dir.join("UU")).unwrap(), b"a file");
    assert_eq!(
        fs::read(dir.join("AA/QAAX.data/x")).unwrap(),
        b"in a folder"
    );
    let same = tree(&dir);
    assert!(
        before.keys().all(|path| same.contains_key(path)),
        "{same:?}"
    );
    finish(store).await;
}

/// One store at a time, unless it is said that another lock does the work; readers come and go.
#[tokio::test(flavor = "multi_thread")]
async fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ds");
    let store = open_with(&dir, new()).await;
    store.put(&Key::new("/KEY"), "v").await.unwrap();
    let error = FlatfsDatastore::open(&dir, new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert!(
        error.path().is_some_and(|path| path.starts_with(&dir)),
        "{error}"
    );
    let holder = std::process::id().to_string();
    assert!(
        error.to_string().contains(&holder),
        "{error} does not name {holder}"
    );
    assert!(error.remedy().is_some(), "{error}");
    for options in [read_only(), new().with_lock(false)] {
        let other = open_with(&dir, options).await;
        assert_eq!(other.get(&Key::new("/KEY")).await.unwrap(), "v");
        finish(other).await;
    }
    store.put(&Key::new("/KEZ"), "still works").await.unwrap();
    finish(store).await;
    finish(open_with(&dir, new()).await).await;
}

/// A read-only store writes nothing at all, not even where it could.
#[tokio::test(flavor = "multi_thread")]
async fn reading_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ds");
    let store = open_with(&dir, new()).await;
    store.put(&Key::new("/KEY"), "v").await.unwrap();
    finish(store).await;
    fs::remove_dir_all(dir.join(".temp")).ok();
    fs::remove_file(dir.join("diskUsage.cache")).ok();
    let before = tree(&dir);
    let reader = open_with(&dir, read_only()).await;
    assert_eq!(reader.get(&Key::new("/KEY")).await.unwrap(), "v");
    let error = reader.put(&Key::new("/KEY"), "w").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    let error = reader.delete(&Key::new("/KEY")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    reader.counted().await;
    assert!(reader.disk_usage().await.unwrap().bytes > 0);
    finish(reader).await;
    assert_eq!(tree(&dir), before);
}
