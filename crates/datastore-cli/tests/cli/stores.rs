//! Every command over every kind of store: embedded databases, and those that are only read.

use std::{fs, path::Path};

use crate::support::{Row, Sandbox};

/// Runs commands on a store, `-s URL` in front.
fn check(sandbox: &Sandbox, url: &str, rows: &[Row<'_>]) {
    for (args, input, code, out, err) in rows {
        let args: Vec<&str> = ["-s", url].iter().chain(*args).copied().collect();
        sandbox.check(&[(&args, input, *code, out, err)]);
    }
}

#[test]
fn embedded_databases_take_every_command() {
    for (url, synced) in [
        ("kv:db", "power\n"),
        ("fjall:db?memtable=1MiB", "power\n"),
        ("redb:db?cache=1MiB", "power\n"),
        ("sled:db?cache=1MiB", "process\n"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("tree/c/d", "4567");
        let two = "           1 /a\n           2 /b\n";
        check(
            &sandbox,
            url,
            &[
                (&["ls"], "", 3, "", "not found"),
                (&["put", "/a", "1"], "", 0, "", ""),
                (&["put", "/b"], "23", 0, "", ""),
                (&["put", "/b", "x", "--if-absent"], "", 1, "", "/b"),
                (&["get", "/b"], "", 0, "23", ""),
                (&["get", "/b", "--range", "1..2"], "", 0, "3", ""),
                (&["get", "/none"], "", 1, "", "not found"),
                (
                    &["has", "/a", "--json"],
                    "",
                    0,
                    "{\"exists\":true,\"key\":\"/a\"}\n",
                    "",
                ),
                (&["ls", "-l"], "", 0, two, ""),
                (&["ls", "--reverse", "--limit", "1"], "", 0, "/b\n", ""),
                (&["ls", "--start-after", "/a"], "", 0, "/b\n", ""),
                (&["ls", "--unsorted", "/b"], "", 0, "/b\n", ""),
                (&["du", "--apparent"], "", 0, "3\n", ""),
                (&["sync"], "", 0, synced, ""),
                (&["verify", "-q"], "", 0, "", ""),
                (&["verify", "-q", "--scrub"], "", 0, "", ""),
                (&["import", "-q", "tree"], "", 0, "", ""),
                (&["export", "-q", "out"], "", 0, "", ""),
                (
                    &["watch", "--interval", "0.02", "--count", "0"],
                    "",
                    0,
                    "",
                    "watching 3 keys",
                ),
                (&["rm", "/c/d"], "", 0, "", ""),
                (&["rm", "-q", "--prefix", "/b", "--yes"], "", 0, "", ""),
                (&["ls"], "", 0, "/a\n", ""),
                (&["verify", "--repair"], "", 3, "", "not supported"),
            ],
        );
        assert_eq!(sandbox.read("out/b"), b"23", "{url}");
        assert_eq!(sandbox.read("out/c/d"), b"4567", "{url}");
        let stat = sandbox.all(&[&["-s", url, "stat", "/a"]]);
        assert!(
            stat.starts_with("key      /a\nsize     1\nversion  "),
            "{url}: {stat}"
        );
        let claims = sandbox.all(&[&["-s", url, "capabilities"]]);
        assert!(
            claims.contains("atomic-batch             yes"),
            "{url}: {claims}"
        );
        sandbox.all(&[
            &["cp", "-q", "--verify", url, "fs:copy"],
            &["cp", "-q", "--verify", "fs:copy", "kv:back"],
            &["cp", "-q", "--resume", url, "redb:again"],
        ]);
        assert_eq!(
            sandbox.all(&[&["-s", "kv:back", "get", "/a"]]),
            "1",
            "{url}"
        );
    }
}

/// Copies a folder of files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

/// A Kubo repository: blocks made by the program, and a database that goleveldb wrote with Kubo's options.
pub(crate) fn kubo_repository(sandbox: &Sandbox) {
    const SPEC: &str = r#"{"mounts":[{"mountpoint":"/blocks","path":"blocks","shardFunc":"/repo/flatfs/shard/v1/next-to-last/2","type":"flatfs"},{"mountpoint":"/","path":"datastore","type":"levelds"}],"type":"mount"}"#;
    let config = SPEC.replace(r#""type":"flatfs""#, r#""type":"flatfs","sync":false"#);
    sandbox.write("repo/version", "18\n");
    sandbox.write("repo/datastore_spec", SPEC);
    sandbox.write(
        "repo/config",
        format!(r#"{{"Datastore": {{"Spec": {config}}}}}"#),
    );
    let database = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../datastore-leveldb/tests/fixtures/goleveldb/kubo");
    copy(&database, &sandbox.path("repo/datastore"));
    sandbox.all(&[&["flatfs", "create", "repo/blocks", "next-to-last/2"]]);
    for (key, value) in [
        (
            "CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I",
            "hello world",
        ),
        (
            "CIQBMNT2VS3HUSQBPSG2RK4VNAWMWOIIMN4A64IU3WQKBYGFKZCMPRA",
            "second",
        ),
    ] {
        sandbox.all(&[&["-s", "flatfs:repo/blocks", "put", key, value]]);
    }
}

#[test]
fn stores_that_are_only_read_say_so() {
    let sandbox = Sandbox::new();
    kubo_repository(&sandbox);
    sandbox.write("tree/new", "1");
    let before = sandbox.files("repo");
    for (url, key, instead) in [
        (
            "leveldb:repo/datastore",
            "/pins/pin/PIN00001",
            "copy the entries into another store",
        ),
        (
            "kubo:repo",
            "/blocks/CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I",
            "flatfs:PATH/blocks while Kubo is stopped",
        ),
    ] {
        let listed = format!("{key}\n");
        check(
            &sandbox,
            url,
            &[
                (&["has", key], "", 0, "", ""),
                (&["ls", key], "", 0, &listed, ""),
                (&["verify", "-q"], "", 0, "", ""),
                (&["verify", "-q", "--scrub"], "", 0, "", ""),
                (
                    &["export", "-q", "--skip-refused", "--overwrite", "out"],
                    "",
                    0,
                    "",
                    "",
                ),
                (&["put", key, "1"], "", 3, "", instead),
                (&["put", key, "--if-absent", "1"], "", 3, "", instead),
                (&["rm", key], "", 3, "", instead),
                (&["import", "-q", "tree"], "", 3, "", instead),
                (&["verify", "--repair"], "", 3, "", "maintain /: "),
                (&["sync"], "", 0, "volatile\n", ""),
            ],
        );
        for value in [sandbox.all(&[&["-s", url, "get", key]]), {
            sandbox.all(&[&["cp", "-q", "--verify", url, "kv:copy"]]);
            sandbox.all(&[&["-s", "kv:copy", "get", key]])
        }] {
            assert!(!value.is_empty(), "{url}");
        }
        sandbox.check(&[(&["cp", "-q", "kv:copy", url], "", 3, "", instead)]);
        let claims = sandbox.all(&[&["-s", url, "capabilities"]]);
        assert!(
            claims.contains("writable                 no\n"),
            "{url}: {claims}"
        );
    }
    assert!(sandbox.files("repo") == before, "something was written");
}

#[test]
fn stores_of_another_kind_are_told_with_their_url() {
    let sandbox = Sandbox::new();
    kubo_repository(&sandbox);
    sandbox.all(&[&["put", "/a", "1"], &["put", "-s", "fs:files", "/a", "1"]]);
    sandbox.check(&[
        (
            &["-s", "datastore.kv", "ls"],
            "",
            3,
            "",
            "open it as kv:datastore.kv",
        ),
        (
            &["-s", "redb:datastore.kv", "ls"],
            "",
            3,
            "",
            "open it as kv:datastore.kv",
        ),
        (&["-s", "kv:files", "ls"], "", 3, "", "open it as fs:files"),
        (&["-s", "repo", "ls"], "", 3, "", "open it as kubo:repo"),
        (
            &["-s", "repo/blocks", "ls"],
            "",
            3,
            "",
            "open it as flatfs:repo/blocks",
        ),
        (
            &["-s", "kv:repo/datastore", "ls"],
            "",
            3,
            "",
            "open it as leveldb:repo/datastore",
        ),
    ]);
}

/// Two programs that want one store at the same time come one after the other.
#[test]
fn who_has_a_store_open_is_waited_for() {
    let sandbox = Sandbox::new();
    sandbox.all(&[&["put", "/a", "1"]]);
    let holder = sandbox.command(&["put", "/slow"]);
    let mut holder = holder_of(holder);
    sandbox.check(&[(&["--wait", "0", "get", "/a"], "", 3, "", "has it open")]);
    let waiting = sandbox
        .command(&["--wait", "600", "get", "/a"])
        .spawn()
        .expect("starts");
    drop(holder.stdin.take());
    let held = holder.wait_with_output().expect("ends");
    assert!(held.status.success(), "{held:?}");
    let out = waiting.wait_with_output().expect("ends");
    assert_eq!(out.stdout, b"1", "{out:?}");
    sandbox.check(&[(&["--wait", "-1", "ls"], "", 2, "", "unexpected argument")]);
    sandbox.check(&[(&["--wait=x", "ls"], "", 2, "", "a number of seconds")]);
}

/// Starts a program that keeps the store open until its input ends.
fn holder_of(mut command: std::process::Command) -> std::process::Child {
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    let folder = command.get_current_dir().expect("a folder").to_owned();
    // It has the store open once nobody else can have it.
    loop {
        let taken = fs::File::open(folder.join("datastore.kv/lock"));
        let is_free = taken.is_ok_and(|file| file.try_lock_shared().is_ok());
        if !is_free {
            return child;
        }
        assert!(child.try_wait().expect("asked").is_none(), "it still runs");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_store_may_stand_behind_the_command() {
    let sandbox = Sandbox::new();
    sandbox.check(&[
        (&["put", "fs:files", "/a", "1"], "", 0, "", ""),
        (&["get", "FS:files", "/a"], "", 0, "1", ""),
        (&["ls", "fs:files?read-only=true"], "", 0, "/a\n", ""),
        (&["ls", "fs:files", "-s", "mem:"], "", 2, "", "--store"),
        (&["ls", "fs:none"], "", 3, "", "not found"),
        (&["ls", "kv:none"], "", 3, "", "allow the store to be made"),
        // With its slash, or behind another option, it is a key.
        (&["ls", "/fs:files", "-s", "fs:files"], "", 0, "", ""),
        (&["put", "-s", "fs:files", "mem:x", "2"], "", 0, "", ""),
        (&["get", "/mem:x", "-s", "fs:files"], "", 0, "2", ""),
        (&["put", "-s", "fs:files", "unknown:x", "3"], "", 0, "", ""),
    ]);
}
