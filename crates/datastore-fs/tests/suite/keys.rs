//! Every key has a file of its own, inside of the root, and comes back as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
#[cfg(unix)]
use std::sync::Arc;

#[cfg(unix)]
use datastore_files::RealFs;
use datastore_fs::{FsDatastore, FsOptions, Names};
use futures::TryStreamExt;
use interface_datastore::{Datastore, DatastoreExt, DeleteOptions, ErrorKind, Key, Query};

use crate::common::tree::{plain_tree, tree};
use crate::common::{open, open_with};

/// Keys that file systems, other programs or careless code trip over.
fn nasty_keys() -> Vec<Key> {
    let texts = [
        "/",
        "//",
        "///",
        "/a//b",
        "//a",
        "/.",
        "/..",
        "/../..",
        "/../../etc/passwd",
        "/a/..",
        "/a/../b",
        "/a/./b",
        "/a/.",
        "/.hidden",
        "/.hidden/x",
        "/...",
        "/a..b",
        "/.datastore",
        "/.datastore/format",
        "/.datastore/keys/=x",
        "/.datastore/tmp/x",
        "/a",
        "/a.data",
        "/a.data/b",
        "/a.data/b.data/c",
        "/.data",
        "/a/.data",
        "/.a.data.tmp",
        "/con",
        "/CON",
        "/Con.txt",
        "/nul/x",
        "/x/COM1",
        "/lpt9.log",
        "/com10",
        "/aux ",
        "/a:b",
        "/a\\b",
        "/a\\..\\b",
        "/\\",
        "/*",
        "/?",
        "/[x]",
        "/{a,b}",
        "/<>|\"",
        "/%2F",
        "/%",
        "/%2e%2e",
        "/ ",
        "/a /b",
        "/a./b",
        "/a\nb",
        "/a\0b",
        "/\0",
        "/\u{7f}",
        "/\u{1b}[31m",
        "/A",
        "/\u{e9}",
        "/e\u{301}",
        "/\u{c9}",
        "/\u{130}",
        "/\u{df}",
        "/\u{1f600}",
        "/\u{feff}",
        "/=x",
        "/@x/=y",
        "/+x",
        "/~",
        "/-",
        "/--help",
        "/$(x)",
        "/a'b",
        "/SHARDING",
        "/desktop.ini",
        "/a/b",
        "/a/b/c",
    ];
    let mut keys: Vec<Key> = texts
        .into_iter()
        .map(|text| Key::raw(text).unwrap())
        .collect();
    for bytes in [
        &b"/\xff"[..],
        b"/\xfe",
        b"/a/\xff/b",
        b"/\xc3",
        b"/\xef\xbf\xbd",
        b"/\xed\xa0\x80",
    ] {
        keys.push(Key::raw(bytes).unwrap());
    }
    for len in [
        199, 200, 201, 245, 246, 249, 250, 251, 254, 255, 256, 399, 400, 401, 1000, 1200,
    ] {
        keys.push(Key::new("n".repeat(len)));
        keys.push(Key::new(format!("f{}/x", "o".repeat(len))));
        keys.push(Key::new("Z".repeat(len)));
    }
    keys.push(Key::new("a/".repeat(300)));
    keys.push(Key::new("\0/".repeat(200)));
    keys.push(Key::new("\u{e9}".repeat(400)));
    // Trailing slashes, which only raw keys have.
    keys.extend(["/a/", "/a//", "/.data/"].map(|text| Key::raw(text).unwrap()));
    keys
}

async fn listed(store: &FsDatastore, query: Query) -> Vec<(Key, Vec<u8>)> {
    let entries: Vec<_> = store.query(query).try_collect().await.unwrap();
    let mut found: Vec<_> = entries
        .into_iter()
        .map(|entry| (entry.key.clone(), entry.into_value().to_vec()))
        .collect();
    found.sort();
    found
}

/// Stores all keys, each with a value of its own, and finds each by every way.
async fn check_all_keys(options: FsOptions) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("in/side");
    let store = open_with(&root, options.clone()).await;
    let mut model = BTreeMap::new();
    for (at, key) in nasty_keys().into_iter().enumerate() {
        let value = format!("value {at}").into_bytes();
        assert!(
            !store.has(&key).await.unwrap(),
            "{key:?} is there before it was stored"
        );
        store
            .put(&key, value.clone())
            .await
            .unwrap_or_else(|error| panic!("{key:?}: {error}"));
        model.insert(key, value);
    }
    let outside: Vec<_> = plain_tree(folder.path())
        .into_keys()
        .filter(|path| !path.starts_with("in/side"))
        .collect();
    assert_eq!(outside, [Path::new("in")], "something left the root");
    let again = open_with(&root, options.with_read_only(true)).await;
    for store in [&store, &again] {
        assert!(
            listed(store, Query::all())
                .await
                .into_iter()
                .eq(model.clone()),
            "the listing differs"
        );
        for (key, value) in &model {
            assert_eq!(store.get(key).await.unwrap(), value, "{key:?}");
        }
        check_prefixes(store, &model).await;
    }
    for key in model.keys() {
        store.delete(key).await.unwrap();
        assert!(!store.has(key).await.unwrap(), "{key:?}");
    }
    assert_eq!(
        plain_tree(&root),
        BTreeMap::new(),
        "deleting all leaves nothing"
    );
    let own: BTreeSet<_> = tree(&root).into_keys().collect();
    assert!(
        !own.iter().any(|path| path.starts_with(".datastore/keys")),
        "{own:?}"
    );
}

/// Every prefix of every key finds what a look at all keys finds.
async fn check_prefixes(store: &FsDatastore, model: &BTreeMap<Key, Vec<u8>>) {
    let mut prefixes: BTreeSet<&[u8]> = BTreeSet::from([&b""[..], b"/", b"x", b"a"]);
    for key in model.keys() {
        let bytes = key.as_bytes();
        prefixes.extend(
            [1, 2, 3, 5, 198, 201, 202, 203]
                .into_iter()
                .filter_map(|len| bytes.get(..len)),
        );
        prefixes.insert(bytes);
    }
    // All of them on full runs, else a tenth.
    let step = if std::env::var("RS_STORES_RUNS").as_deref() == Ok("full") {
        1
    } else {
        10
    };
    for prefix in prefixes.into_iter().step_by(step) {
        let expected: Vec<_> = model
            .keys()
            .filter(|key| key.has_prefix(prefix))
            .cloned()
            .collect();
        let query = Query::prefix(prefix).keys_only();
        let found: Vec<_> = listed(store, query)
            .await
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(
            found,
            expected,
            "prefix {:?}",
            String::from_utf8_lossy(prefix)
        );
    }
    for scope in model.keys().filter(|key| key.as_bytes().len() < 20) {
        let expected: Vec<_> = model
            .keys()
            .filter(|key| scope.is_ancestor_of(key))
            .cloned()
            .collect();
        let query = Query::within(scope.clone()).keys_only();
        let found: Vec<_> = listed(store, query)
            .await
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(found, expected, "within {scope:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_in_every_mode() {
    check_all_keys(FsOptions::new()).await;
    check_all_keys(FsOptions::new().with_names(Names::Portable)).await;
    #[cfg(unix)]
    check_all_keys(FsOptions::new().with_fs(Arc::new(RealFs::name_by_name()))).await;
    for extension in ["", "data", ".tar.gz", ".", "b"] {
        check_all_keys(FsOptions::new().with_extension(extension)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_beyond_the_declared_length_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let max = store.capabilities(&Key::root()).keys.max_len.unwrap();
    for fill in ["k", "K", "\0", "abcdefg/"] {
        let fits = Key::raw(&format!("/{}", fill.repeat(max))[..max]).unwrap();
        store
            .put(&fits, "v")
            .await
            .unwrap_or_else(|error| panic!("{fill:?}: {error}"));
        assert_eq!(store.get(&fits).await.unwrap(), "v");
        let beyond = Key::raw(&format!("/{}", fill.repeat(max))[..=max]).unwrap();
        assert_eq!(
            store.put(&beyond, "v").await.unwrap_err().kind(),
            ErrorKind::InvalidKey
        );
        assert_eq!(
            store.get(&beyond).await.unwrap_err().kind(),
            ErrorKind::NotFound
        );
        assert!(!store.has(&beyond).await.unwrap());
        store.delete(&beyond).await.unwrap();
        let version = store.metadata(&fits).await.unwrap().version.unwrap();
        let options = DeleteOptions::if_match(version);
        let refused = store.delete_opts(&beyond, options).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PreconditionFailed, "{refused}");
    }
}

/// In portable mode no two paths differ in nothing but case or Unicode form, and none holds what Windows forbids.
#[tokio::test(flavor = "multi_thread")]
async fn portable_names_are_portable() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_with(folder.path(), FsOptions::new().with_names(Names::Portable)).await;
    for key in nasty_keys() {
        store.put(&key, "v").await.unwrap();
    }
    let mut folded = BTreeSet::new();
    for path in tree(folder.path()).into_keys() {
        let text = path.to_str().unwrap();
        assert!(
            text.is_ascii() && !text.contains(['<', '>', ':', '"', '|', '?', '*', '\\']),
            "{text}"
        );
        let name = path.file_name().unwrap().to_str().unwrap();
        let stem = name
            .split('.')
            .next()
            .unwrap()
            .trim_end()
            .to_ascii_lowercase();
        assert!(
            !["con", "nul", "aux", "com1", "lpt9"].contains(&stem.as_str()),
            "{text}"
        );
        assert!(!name.ends_with([' ', '.']) || path.is_file(), "{text}");
        assert!(folded.insert(text.to_lowercase()), "{text}");
    }
}

/// What looks like a value, but lies in our own folder or is a temporary file of the JavaScript store, is of no key.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_of_no_key() {
    let cases = [
        (".data", "/.datastore/x", ".datastore/x.data"),
        (".data", "/.Datastore/x", ".Datastore/x.data"),
        (".data", "/a//b", "a/.x.data.tmp"),
        (".tmp", "/.x", ".x.tmp"),
        (".tmp", "/a/.x.data", "a/.x.data.tmp"),
        ("", "/.x.data.tmp", ".x.data.tmp"),
    ];
    for (extension, key, file) in cases {
        let folder = tempfile::tempdir().unwrap();
        let options = FsOptions::new().with_extension(extension);
        let store = open_with(folder.path(), options).await;
        let place = folder.path().join(file);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(&place, "foreign").unwrap();
        let key = Key::raw(key).unwrap();
        assert_eq!(listed(&store, Query::all()).await, [], "{file}");
        assert!(!store.has(&key).await.unwrap(), "{file}");
        store.put(&key, "ours").await.unwrap();
        store.delete(&key).await.unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"foreign");
    }
}

/// Keys that the JavaScript store may have left where we do not put them: found, replaced and removed, never seen twice.
#[tokio::test(flavor = "multi_thread")]
async fn values_in_the_place_of_the_javascript_store() {
    let cases = [
        ("/con", "con.data"),
        ("/x.data/y", "x.data/y.data"),
        ("/a\\b", "a\\b.data"),
        ("/", ".data"),
        ("/.well-known", ".well-known.data"),
        ("/a/.b", "a/.b.data"),
        ("/.git/x", ".git/x.data"),
        ("/a/.datastore/x", "a/.datastore/x.data"),
        ("/.datastore", ".datastore.data"),
    ];
    for (key, file) in cases {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join(file);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(&place, "theirs").unwrap();
        let (store, key) = (open(folder.path()).await, Key::new(key));
        // The file of the root key looks like one that is foreign.
        let mut expected = vec![(key.clone(), b"theirs".to_vec())];
        expected.retain(|(key, _)| !key.is_root());
        assert_eq!(listed(&store, Query::all()).await, expected);
        assert_eq!(store.get(&key).await.unwrap(), "theirs");
        let absent = interface_datastore::PutOptions::if_absent();
        let error = store
            .put_opts(&key, "not".into(), absent)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
        store.put(&key, "ours").await.unwrap();
        assert_eq!(
            listed(&store, Query::all()).await,
            [(key.clone(), b"ours".to_vec())]
        );
        assert!(!place.exists());
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(&place, "theirs again").unwrap();
        assert_eq!(
            listed(&store, Query::all()).await,
            [(key.clone(), b"ours".to_vec())]
        );
        store.delete(&key).await.unwrap();
        assert_eq!(listed(&store, Query::all()).await, []);
        assert!(!store.has(&key).await.unwrap());
    }
}

/// Files that are no key's stay unseen, and are neither changed nor removed.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.put(&Key::new("/.."), "encoded").await.unwrap();
    let foreign = [
        "note.txt",
        ".hidden.data.tmp",
        "sub/.data",
        ".git/config",
        ".datastore/keys/x",
        ".datastore/keys/=%41x",
        ".datastore/keys/=%61",
        ".datastore/keys/=%2",
        ".datastore/keys/=a%2F",
        ".datastore/keys/@a/b",
        ".datastore/keys/+short/=x",
        ".datastore/keys/=plain",
        ".datastore/other",
        "bad\u{1}name",
    ];
    for path in foreign {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "foreign").unwrap();
    }
    let before = tree(folder.path());
    assert_eq!(
        listed(&store, Query::all()).await,
        [(Key::new("/.."), b"encoded".to_vec())]
    );
    for key in ["/note", "/.hidden", "/plain", "/A", "/a"] {
        assert!(!store.has(&Key::new(key)).await.unwrap(), "{key}");
    }
    let gc: Vec<_> = store
        .maintain(interface_datastore::Maintenance::Gc)
        .try_collect()
        .await
        .unwrap();
    assert!(!gc.is_empty());
    assert_eq!(tree(folder.path()), before);
}
