//! Opening by a registry: what is known, what is refused, what an opener sees.

use std::sync::{Arc, Mutex};

use datastore_core::{MemoryDatastore, ReadOnlyDatastore};
use datastore_open::{Create, OpenOptions, Opener, Registry};
use interface_datastore::{Datastore, Durability, ErrorKind};
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
fn stores_in_memory() -> interface_datastore::Result<()> {
    use interface_datastore::{DatastoreExt, Key};

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

/// The tables of the README are made of what the openers say, as is the help of programs.
#[cfg(all(
    feature = "memory",
    feature = "fs",
    feature = "flatfs",
    feature = "kubo",
    feature = "kv",
    feature = "leveldb",
    feature = "redb"
))]
#[test]
fn the_readme_has_the_tables_of_the_openers() {
    use std::fmt::Write;

    let registry = Registry::with_defaults();
    let mut urls = String::from("| URL | opens |\n| --- | --- |\n");
    for (scheme, opener) in registry.schemes() {
        let (url, what) = opener.about().split_once("  ").expect(scheme);
        assert!(url.starts_with(&format!("{scheme}:")), "{url}");
        writeln!(urls, "| `{url}` | {what} |").unwrap();
    }
    let mut options = String::from("| of | option | values |\n| --- | --- | --- |\n");
    for option in datastore_open::COMMON_OPTIONS {
        writeln!(options, "| all | `{}` | {} |", option.name, option.help).unwrap();
    }
    for (scheme, opener) in registry.schemes() {
        for option in opener.options() {
            let (name, help) = (option.name, option.help);
            writeln!(options, "| `{scheme}:` | `{name}` | {help} |").unwrap();
        }
    }
    let mut readme = include_str!("../README.md").to_owned();
    if cfg!(not(feature = "sled")) {
        let lines = readme.split_inclusive('\n');
        readme = lines.filter(|line| !line.starts_with("| `sled:")).collect();
    }
    for table in [urls, options] {
        assert!(
            readme.contains(&table),
            "the README must have this:\n{table}"
        );
    }
}
