//! Repositories that are broken, of a kind that is not read, or that lead where they should not.

use interface_datastore::{Error, ErrorKind, Query};
use serde_json::{Value, json};

use crate::repo::{Repo, SECRET, contents, default_spec, leveldb, listed};

/// The error of opening, which shows nothing of the node's identity.
fn refused(repo: &Repo, options: &str, what: &str) -> Error {
    let Err(error) = repo.open(options) else {
        panic!("{what} was opened");
    };
    assert!(
        !format!("{error} {error:?}").contains(SECRET),
        "{what}: {error:?}"
    );
    assert!(error.path().is_some(), "{what}: {error}");
    error
}

fn deep(levels: usize) -> Value {
    let mut spec = json!({ "type": "mem" });
    for _ in 0..levels {
        spec = json!({ "type": "log", "name": "l", "child": spec });
    }
    spec
}

#[test]
fn what_cannot_be_read_is_refused() {
    type Change = Box<dyn Fn(&Repo)>;
    let write = |name: &'static str, contents: &str| -> Change {
        let contents = contents.to_owned();
        Box::new(move |repo| repo.write(name, &contents))
    };
    let remove = |name: &'static str| -> Change { Box::new(move |repo| repo.remove(name)) };
    let spec = |spec: Value| -> Change { Box::new(move |repo| repo.describe(&spec)) };
    let of_type = |name: &str| spec(json!({ "type": name, "path": "p" }));
    let many: Vec<_> = (0..257)
        .map(|number| json!({ "type": "mem", "mountpoint": format!("/{number}") }))
        .collect();
    let broken = format!("{{\"PrivKey\": \"{SECRET}\", \"PrivKey\": {SECRET}}}");
    let huge = format!("{}{}", " ".repeat(1 << 20), "{}");
    let nested = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let old_style = json!({ "Datastore": { "Type": "leveldb", "Path": "x" } });
    let rows: Vec<(&str, Change, ErrorKind, &str)> = vec![
        (
            "no version",
            remove("version"),
            ErrorKind::Foreign,
            "flatfs:PATH/blocks",
        ),
        (
            "an empty version",
            write("version", ""),
            ErrorKind::Damaged,
            "no version",
        ),
        (
            "a version in words",
            write("version", "new"),
            ErrorKind::Damaged,
            "\"new\"",
        ),
        (
            "an older version",
            write("version", "11\n"),
            ErrorKind::Unsupported,
            "ipfs repo migrate",
        ),
        (
            "a newer version",
            write("version", "19\n"),
            ErrorKind::Unsupported,
            "newer release",
        ),
        (
            "a config that is no JSON",
            write("config", &broken),
            ErrorKind::Damaged,
            "not JSON",
        ),
        (
            "a huge config",
            write("config", &huge),
            ErrorKind::Damaged,
            "more than 1048576 bytes",
        ),
        (
            "a deep config",
            write("config", &nested),
            ErrorKind::Damaged,
            "not JSON",
        ),
        (
            "an empty config",
            write("config", "{}"),
            ErrorKind::Damaged,
            "Datastore.Spec is missing",
        ),
        (
            "a list",
            write("config", "[]"),
            ErrorKind::Damaged,
            "Datastore.Spec is missing",
        ),
        (
            "old style",
            write("config", &old_style.to_string()),
            ErrorKind::Unsupported,
            "old style",
        ),
        (
            "another spec",
            write("datastore_spec", "{}"),
            ErrorKind::Damaged,
            "different stores",
        ),
        (
            "a huge spec",
            write("datastore_spec", &huge),
            ErrorKind::Damaged,
            "more than",
        ),
        (
            "a spec that is no object",
            spec(json!("x")),
            ErrorKind::Damaged,
            "not an object",
        ),
        ("a deep spec", spec(deep(65)), ErrorKind::Damaged, "64 deep"),
        (
            "many stores",
            spec(json!({ "type": "mount", "mounts": many })),
            ErrorKind::Unsupported,
            "more than 256",
        ),
        (
            "badger",
            of_type("badgerds"),
            ErrorKind::Unsupported,
            "ipfs-ds-convert",
        ),
        (
            "pebble",
            of_type("pebbleds"),
            ErrorKind::Unsupported,
            "ipfs-ds-convert",
        ),
        (
            "a plugin's store",
            of_type("s3ds"),
            ErrorKind::Unsupported,
            "\"s3ds\"",
        ),
        ("no blocks", remove("blocks"), ErrorKind::NotFound, "blocks"),
        (
            "no database",
            remove("datastore"),
            ErrorKind::NotFound,
            "datastore",
        ),
        (
            "another shard function",
            spec({
                let mut spec = default_spec(false);
                spec["mounts"][0]["shardFunc"] = "/repo/flatfs/shard/v1/prefix/2".into();
                spec
            }),
            ErrorKind::InvalidArgument,
            "prefix/2",
        ),
        (
            "the same mount twice",
            spec(json!({ "type": "mount", "mounts": [
                { "type": "mem", "mountpoint": "/a" }, { "type": "mem", "mountpoint": "/a/" },
            ]})),
            ErrorKind::Damaged,
            "two stores are mounted at /a",
        ),
    ];
    for (what, change, kind, says) in rows {
        let repo = Repo::new();
        change(&repo);
        let error = refused(&repo, "", what);
        assert_eq!(error.kind(), kind, "{what}: {error}");
        let text = format!("{error}: {error:?}");
        assert!(text.contains(says), "{what} does not say {says:?}: {text}");
    }
}

#[test]
fn options_that_make_no_sense() {
    let repo = Repo::new();
    for (options, kind) in [
        ("create=new", ErrorKind::Unsupported),
        ("durability=process", ErrorKind::Unsupported),
        ("lock=no", ErrorKind::InvalidArgument),
        ("outside=maybe", ErrorKind::InvalidArgument),
        ("salvage=1", ErrorKind::InvalidArgument),
        ("blocking=x", ErrorKind::InvalidArgument),
        ("write=true", ErrorKind::InvalidArgument),
    ] {
        assert_eq!(repo.open(options).unwrap_err().kind(), kind, "{options}");
    }
    let memory = Repo::new();
    memory.describe(&json!({ "type": "mem" }));
    let error = refused(&memory, "lock=hold", "no LevelDB to hold");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

/// Absolute paths are legal in Kubo; who opens a stranger's repository is asked first.
#[test]
fn stores_outside_of_the_repository() {
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().join("db");
    leveldb(&folder);
    let absolute = folder.to_str().unwrap();
    let with_path = |path: &str| {
        let mut spec = default_spec(false);
        spec["mounts"][1]["path"] = path.into();
        spec
    };
    let mut paths = vec![absolute.to_owned()];
    paths.push(format!(
        "../{}/db",
        elsewhere.path().file_name().unwrap().to_str().unwrap()
    ));
    if cfg!(unix) {
        paths.push("link".to_owned());
    }
    for path in paths {
        let repo = Repo::new();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&folder, repo.path("link")).unwrap();
        repo.describe(&with_path(&path));
        let error = refused(&repo, "", &path);
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{path}: {error}");
        assert!(
            error.to_string().contains("outside=true"),
            "{path}: {error}"
        );
        let store = repo.open("outside=true").unwrap();
        assert_eq!(listed(&*store, Query::all()).unwrap(), contents(), "{path}");
    }
    // Dots and an absolute path that stay inside are no matter.
    let repo = Repo::new();
    for path in ["./x/../datastore", repo.path("datastore").to_str().unwrap()] {
        std::fs::create_dir_all(repo.path("x")).unwrap();
        repo.describe(&with_path(path));
        assert!(repo.open("").is_ok(), "{path}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_are_not_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    for name in ["config", "version", "datastore_spec", "repo.lock"] {
        let repo = Repo::new();
        let _ = std::fs::remove_file(repo.path(name));
        mknodat(CWD, repo.path(name), FileType::Fifo, Mode::RUSR, 0).unwrap();
        match repo.open("") {
            // Nobody holds a lock on it.
            Ok(_) => assert_eq!(name, "repo.lock"),
            Err(error) => assert!(error.path().is_some(), "{name}: {error}"),
        }
    }
}
