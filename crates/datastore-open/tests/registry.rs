//! Opening by a registry: what is known, what is refused, what an opener sees.

use std::sync::{Arc, Mutex};

use datastore_core::{MemoryDatastore, ReadOnlyDatastore};
use datastore_open::{COMMON_OPTIONS, Create, OpenOptions, Opener, Registry};
use interface_datastore::{Datastore, DatastoreExt, Durability, ErrorKind, Key, Result};
use pollster::block_on;

/// A registry with the scheme `test:`, which notes the options that it is opened with.
fn registry(seen: &Arc<Mutex<Vec<OpenOptions>>>) -> Registry {
    let seen = seen.clone();
    let opener = Opener::new("test:  a test", move |_, options: OpenOptions| {
        let read_only = options.read_only;
        seen.lock().unwrap().push(options);
        async move {
            let store = MemoryDatastore::new();
            let store: Arc<dyn Datastore> = match read_only {
                true => Arc::new(ReadOnlyDatastore::new(&store)),
                false => Arc::new(store),
            };
            Ok(store)
        }
    });
    let mut registry = Registry::empty();
    registry
        .register("Test", opener.with_option("color", "any"))
        .unwrap();
    registry
}

#[test]
fn options_of_the_url_win() {
    let power = Durability::Power;
    for (url, given, expected) in [
        ("test:", OpenOptions::new(), OpenOptions::new()),
        ("TEST:?color=red", OpenOptions::new(), OpenOptions::new()),
        (
            "test:?create=never",
            OpenOptions::new(),
            OpenOptions::new().with_create(Create::Never),
        ),
        (
            "test:?create=if-missing",
            OpenOptions::new().with_create(Create::New),
            OpenOptions::new(),
        ),
        (
            "test:?read-only=true",
            OpenOptions::new().with_create(Create::New),
            OpenOptions::read_only(),
        ),
        (
            "test:?read-only=false&create=new",
            OpenOptions::read_only(),
            OpenOptions::read_only(),
        ),
        (
            "test:?durability=power",
            OpenOptions::new(),
            OpenOptions::new().with_durability(power),
        ),
    ] {
        let seen = Arc::default();
        block_on(registry(&seen).open(url, given)).expect(url);
        assert_eq!(*seen.lock().unwrap(), [expected], "{url}");
    }
}

#[test]
fn unknown_things_are_refused_with_the_known_ones() {
    for (url, says) in [
        ("tset:x", "the scheme \"tset\" is not known"),
        (
            "tset:x",
            "known schemes: test; a path that looks like this is written ./tset:x",
        ),
        ("some/path", "known schemes: test"),
        ("test:?colour=red", "test: has no option \"colour\""),
        (
            "test:?colour=red",
            "known options: read-only, create, durability, color",
        ),
        ("test:?create=maybe", "it takes if-missing, never, new"),
        ("test:?read-only=1", "it takes true, false"),
        (
            "test:?durability=high",
            "it takes volatile, process, ordered, power",
        ),
    ] {
        let seen = Arc::default();
        let error = block_on(registry(&seen).open(url, OpenOptions::new())).expect_err(url);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{url}");
        assert!(error.to_string().contains(says), "{url}: {error}");
        assert!(seen.lock().unwrap().is_empty(), "{url} was opened");
    }
}

#[test]
fn schemes_are_registered_once() {
    let opener = || Opener::new("x", |_, _| async { Ok(MemoryDatastore::new().handle()) });
    let mut registry = registry(&Arc::default());
    for (scheme, opener, kind) in [
        ("test", opener(), ErrorKind::AlreadyExists),
        ("TEST", opener(), ErrorKind::AlreadyExists),
        ("t", opener(), ErrorKind::InvalidArgument),
        ("1st", opener(), ErrorKind::InvalidArgument),
        ("a b", opener(), ErrorKind::InvalidArgument),
        ("", opener(), ErrorKind::InvalidArgument),
        (
            "other",
            opener().with_option("create", "hides"),
            ErrorKind::InvalidArgument,
        ),
    ] {
        let error = registry.register(scheme, opener).expect_err(scheme);
        assert_eq!(error.kind(), kind, "{scheme}: {error}");
    }
    assert_eq!(
        registry.schemes().map(|(name, _)| name).collect::<Vec<_>>(),
        ["test"]
    );
}

#[test]
fn an_opener_that_ignores_read_only_is_found_out() {
    let opener = Opener::new("x", |_, _| async { Ok(MemoryDatastore::new().handle()) });
    let mut registry = Registry::empty();
    registry.register("careless", opener).unwrap();
    let error = block_on(registry.open("careless:", OpenOptions::read_only())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[cfg(feature = "memory")]
#[test]
fn stores_in_memory() -> Result<()> {
    let registry = Registry::with_defaults();
    let key = Key::new("/a");
    block_on(async {
        let store = registry.open("mem:", OpenOptions::new()).await?;
        store.put(&key, "1").await?;
        assert_eq!(store.get(&key).await?, "1");
        let again = registry.open("mem:", OpenOptions::read_only()).await?;
        assert!(!again.has(&key).await?);
        assert_eq!(
            again.put(&key, "1").await.unwrap_err().kind(),
            ErrorKind::ReadOnly
        );
        for (url, kind) in [
            ("mem:path", ErrorKind::InvalidArgument),
            ("mem:?durability=process", ErrorKind::Unsupported),
        ] {
            let error = registry.open(url, OpenOptions::new()).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{url}");
        }
        Ok(())
    })
}

#[cfg(all(feature = "memory", feature = "fs", feature = "flatfs"))]
#[test]
fn the_readme_lists_every_scheme_and_option() {
    let readme = include_str!("../README.md");
    for (scheme, opener) in Registry::with_defaults().schemes() {
        assert!(readme.contains(&format!("| `{scheme}:")), "{scheme}");
        assert!(
            opener.about().starts_with(&format!("{scheme}:")),
            "{scheme}"
        );
        for option in opener.options() {
            assert!(
                readme.contains(&format!("| `{}` | `{scheme}` |", option.name)),
                "{}",
                option.name
            );
        }
    }
    for option in COMMON_OPTIONS {
        assert!(
            readme.contains(&format!("| `{}` | all |", option.name)),
            "{}",
            option.name
        );
    }
}

#[cfg(feature = "fs")]
#[test]
fn folders_of_files() {
    let place = tempfile::tempdir().unwrap();
    let url = |name: &str, options: &str| format!("fs:{}/{name}{options}", place.path().display());
    let key = Key::new("/a");
    block_on(async {
        let registry = Registry::with_defaults();
        let open = |url: String, options| {
            let registry = &registry;
            async move { registry.open(&url, options).await }
        };
        for (name, options, file) in [
            ("plain", "", "plain/a.data"),
            ("ext", "?extension=.bin&names=portable", "ext/a.bin"),
            (
                "with%20blank",
                "?blocking=inline&durability=power",
                "with blank/a.data",
            ),
        ] {
            let store = open(url(name, options), OpenOptions::new()).await.unwrap();
            store.put(&key, "1").await.unwrap();
            store.close().await.unwrap();
            assert!(place.path().join(file).is_file(), "{file}");
        }
        for (name, options, given, kind) in [
            ("none", "", OpenOptions::read_only(), ErrorKind::NotFound),
            (
                "none",
                "?create=never",
                OpenOptions::new(),
                ErrorKind::NotFound,
            ),
            (
                "none",
                "?read-only=true",
                OpenOptions::new(),
                ErrorKind::NotFound,
            ),
            (
                "plain",
                "?create=new",
                OpenOptions::new(),
                ErrorKind::AlreadyExists,
            ),
            (
                "plain",
                "?extension=.bin",
                OpenOptions::new(),
                ErrorKind::InvalidArgument,
            ),
            (
                "plain",
                "?names=posix",
                OpenOptions::new(),
                ErrorKind::InvalidArgument,
            ),
            (
                "plain",
                "?blocking=maybe",
                OpenOptions::new(),
                ErrorKind::InvalidArgument,
            ),
        ] {
            let error = open(url(name, options), given).await.expect_err(options);
            assert_eq!(error.kind(), kind, "{name}{options}: {error}");
        }
        let store = open(url("plain", ""), OpenOptions::read_only())
            .await
            .unwrap();
        assert_eq!(
            store.put(&key, "2").await.unwrap_err().kind(),
            ErrorKind::ReadOnly
        );
        assert_eq!(store.get(&key).await.unwrap(), "1");
        let bare = place.path().join("plain").display().to_string();
        let store = open(bare, OpenOptions::read_only()).await.unwrap();
        assert!(store.has(&key).await.unwrap());
    });
}

#[cfg(feature = "fs")]
#[test]
fn folders_sharded_as_in_javascript() {
    let place = tempfile::tempdir().unwrap();
    let key = Key::new("/hello");
    block_on(async {
        let registry = Registry::with_defaults();
        let open = |options: &str, given: OpenOptions| {
            let url = format!("fs:{}/js{options}", place.path().display());
            let registry = &registry;
            async move { registry.open(&url, given).await }
        };
        let store = open("?sharding=next-to-last/2", OpenOptions::new())
            .await
            .unwrap();
        store.put(&key, "1").await.unwrap();
        let marker = std::fs::read_to_string(place.path().join("js/SHARDING.data")).unwrap();
        assert_eq!(marker, "/repo/flatfs/shard/v1/next-to-last/2\n");
        assert!(place.path().join("js/ll/hello.data").is_file());
        for options in [
            "?sharding=marked",
            "?sharding=/repo/flatfs/shard/v1/next-to-last/2",
        ] {
            let store = open(options, OpenOptions::read_only()).await.unwrap();
            assert_eq!(store.get(&key).await.unwrap(), "1", "{options}");
        }
        let bare = open("", OpenOptions::read_only()).await.unwrap();
        assert_eq!(bare.get(&Key::new("/ll/hello")).await.unwrap(), "1");
        for (options, says) in [
            ("?sharding=prefix/2", "is sharded by"),
            ("?sharding=middle/2", "write marked, next-to-last/2"),
        ] {
            let error = open(options, OpenOptions::new()).await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::InvalidArgument,
                "{options}: {error}"
            );
            assert!(error.to_string().contains(says), "{options}: {error}");
        }
    });
}

#[cfg(feature = "flatfs")]
#[test]
fn directories_of_flatfs() {
    let place = tempfile::tempdir().unwrap();
    let url =
        |name: &str, options: &str| format!("flatfs:{}/{name}{options}", place.path().display());
    let key = Key::new("/QUUX");
    block_on(async {
        let registry = Registry::with_defaults();
        for (name, options, key, file) in [
            ("plain", "", "/QUUX", "plain/UU/QUUX.data"),
            (
                "prefix",
                "?shard=prefix/3&blocking=inline&lock=false",
                "/QUUX",
                "prefix/QUU/QUUX.data",
            ),
            (
                "whole",
                "?shard=/repo/flatfs/shard/v1/suffix/2&durability=power&check-hashes=false",
                "/QUUX",
                "whole/UX/QUUX.data",
            ),
            (
                "any",
                "?names=escaped&follow-shard-links=true",
                "/a/b",
                "any/NM/C4NM4.data",
            ),
        ] {
            let store = registry
                .open(&url(name, options), OpenOptions::new())
                .await
                .unwrap();
            store.put(&Key::new(key), "1").await.unwrap();
            store.close().await.unwrap();
            assert!(place.path().join(file).is_file(), "{file}");
        }
        for (name, options, given, kind) in [
            ("none", "", OpenOptions::read_only(), ErrorKind::NotFound),
            (
                "none",
                "?create=never",
                OpenOptions::new(),
                ErrorKind::NotFound,
            ),
            (
                "plain",
                "?create=new",
                OpenOptions::new(),
                ErrorKind::AlreadyExists,
            ),
            (
                "plain",
                "?shard=prefix/3",
                OpenOptions::new(),
                ErrorKind::InvalidArgument,
            ),
            (
                "plain",
                "?shard=prefix",
                OpenOptions::new(),
                ErrorKind::InvalidArgument,
            ),
            (
                "plain",
                "?shard=prefix/-1",
                OpenOptions::new(),
                ErrorKind::InvalidArgument,
            ),
            (
                "plain",
                "?names=all",
                OpenOptions::new(),
                ErrorKind::InvalidArgument,
            ),
            (
                "plain",
                "?names=escaped",
                OpenOptions::new(),
                ErrorKind::InvalidArgument,
            ),
            (
                "plain",
                "?lock=1",
                OpenOptions::new(),
                ErrorKind::InvalidArgument,
            ),
        ] {
            let error = registry
                .open(&url(name, options), given)
                .await
                .expect_err(options);
            assert_eq!(error.kind(), kind, "{name}{options}: {error}");
        }
        let store = registry
            .open(&url("plain", ""), OpenOptions::read_only())
            .await
            .unwrap();
        assert_eq!(store.get(&key).await.unwrap(), "1");
        assert_eq!(
            store.put(&key, "2").await.unwrap_err().kind(),
            ErrorKind::ReadOnly
        );
    });
}
