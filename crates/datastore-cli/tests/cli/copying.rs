//! cp

use crate::support::Sandbox;

/// A store `src` with small values, some of them odd, and two that are streamed.
fn source(sandbox: &Sandbox) {
    for number in 0..40 {
        sandbox.write(&format!("tree/n/{number:02}"), vec![b'x'; number]);
    }
    sandbox.write("tree/large", vec![b'l'; 1 << 20]);
    sandbox.write("tree/larger", vec![b'm'; (1 << 20) + 1]);
    sandbox.all(&[
        &["-s", "src", "import", "-q", "tree"],
        &["-s", "src", "put", "/a/../b", "odd"],
    ]);
}

/// The fields that a copy reports with `--json`, without those that depend on time.
fn report(json: &str) -> String {
    let line = json.lines().last().unwrap_or_default();
    let fields: serde_json::Value = serde_json::from_str(line).expect(line);
    let count = |name: &str| fields[name].as_u64().expect(name);
    format!(
        "{} copied, {} unchanged, {} refused, {} different, {} bytes",
        count("copied"),
        count("unchanged"),
        count("refused"),
        count("different"),
        count("bytes")
    )
}

#[test]
fn all_entries_are_copied() {
    let sandbox = Sandbox::new();
    source(&sandbox);
    for (options, target) in [
        (&[][..], "one"),
        (&["--verify"], "two"),
        (&["--verify", "--durability", "power", "--sync"], "three"),
        (&["--concurrency", "1"], "four"),
        (&["--skip-refused", "--verify"], "five"),
    ] {
        let ran = sandbox.run(&[&["cp", "src", target, "--json"], options].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(
            report(&ran.out),
            "43 copied, 0 unchanged, 0 refused, 0 different, 2097936 bytes",
            "{target}"
        );
        assert!(sandbox.files(target) == sandbox.files("src"), "{target}");
        assert_eq!(
            sandbox.all(&[&["ls", "-l", "-s", target]]),
            sandbox.all(&[&["ls", "-l", "-s", "src"]])
        );
    }
    let ran = sandbox.run(&["cp", "src", "fs:six?extension=.x&names=portable", "--sync"]);
    assert!(
        ran.err.contains("copied 43 keys, 2.00 MiB in ") && ran.err.contains("durability power"),
        "{ran:?}"
    );
    assert_eq!(
        sandbox.all(&[&["ls", "-l", "-s", "six"]]),
        sandbox.all(&[&["ls", "-l", "-s", "src"]])
    );
}

/// The JavaScript store keeps the key `/` in a file that no listing shows.
#[test]
fn the_root_is_copied_although_it_is_not_listed() {
    let sandbox = Sandbox::new();
    sandbox.write("js/.data", "of the root");
    sandbox.write("js/k.data", "of k");
    assert_eq!(sandbox.all(&[&["ls", "-s", "js"]]), "/k\n");
    for (args, told) in [
        (&["js", "one"][..], "2 copied, 0 unchanged"),
        (&["js", "one", "--resume"], "0 copied, 2 unchanged"),
        // It is listed there, and not copied twice.
        (&["one", "two", "--verify"], "2 copied, 0 unchanged"),
        (&["js", "three", "--prefix", "/k"], "1 copied, 0 unchanged"),
        (&["js", "four", "--prefix", "/"], "2 copied, 0 unchanged"),
    ] {
        let ran = sandbox.run(&[&["cp", "--json"], args].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(report(&ran.out).starts_with(told), "{args:?}: {}", ran.out);
    }
    for store in ["one", "two", "four"] {
        assert_eq!(sandbox.all(&[&["get", "-s", store, "/"]]), "of the root");
    }
    assert_eq!(sandbox.all(&[&["ls", "-s", "three"]]), "/k\n");
    let ran = sandbox.run(&["export", "-s", "js", "--json", "out"]);
    assert!(report(&ran.out).starts_with("2 copied"), "{ran:?}");
}

#[test]
fn resuming_copies_what_is_missing_or_differs() {
    let sandbox = Sandbox::new();
    source(&sandbox);
    sandbox.all(&[
        &["cp", "-q", "src", "dst"],
        &["-s", "dst", "rm", "/n/05"],
        &["-s", "dst", "put", "/n/06", "other!"],
        &["-s", "dst", "put", "/n/07", "other size"],
        &["-s", "dst", "put", "/own", "stays"],
    ]);
    // The large one is changed in its last byte.
    sandbox.write("changed", [vec![b'l'; (1 << 20) - 1], vec![b'!']].concat());
    sandbox.all(&[&["-s", "dst", "put", "/large", "--file", "changed"]]);
    let listed = sandbox.all(&[&["cp", "src", "dst", "--resume", "--dry-run", "-q"]]);
    let mut lines: Vec<&str> = listed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["/large", "/n/05", "/n/06", "/n/07"]);
    for (how, expected) in [
        (
            "--resume=size",
            "2 copied, 41 unchanged, 0 refused, 0 different, 12 bytes",
        ),
        (
            "--resume",
            "2 copied, 41 unchanged, 0 refused, 0 different, 1048582 bytes",
        ),
        (
            "--resume=bytes",
            "0 copied, 43 unchanged, 0 refused, 0 different, 0 bytes",
        ),
    ] {
        assert_eq!(
            report(&sandbox.all(&[&["cp", "src", "dst", how, "--json"]])),
            expected,
            "{how}"
        );
    }
    assert_eq!(sandbox.all(&[&["get", "-s", "dst", "/own"]]), "stays");
    sandbox.all(&[&["rm", "-s", "dst", "/own"]]);
    assert!(sandbox.files("dst") == sandbox.files("src"));
    assert_eq!(
        report(&sandbox.all(&[&["cp", "src", "dst", "--json"]])),
        "43 copied, 0 unchanged, 0 refused, 0 different, 2097936 bytes"
    );
}

#[test]
fn a_part_and_a_dry_run() {
    let sandbox = Sandbox::new();
    source(&sandbox);
    let listed = sandbox.all(&[&["cp", "src", "dst", "--dry-run", "--prefix", "/n/0", "-q"]]);
    assert_eq!(listed.lines().count(), 10, "{listed}");
    assert!(!sandbox.path("dst").exists(), "a dry run makes no store");
    let ran = sandbox.run(&[
        "cp",
        "src",
        "dst",
        "--dry-run",
        "--json",
        "--prefix",
        "/n/39",
    ]);
    assert!(
        ran.out
            .starts_with("{\"size\":39,\"would-copy\":\"/n/39\"}\n"),
        "{ran:?}"
    );
    let ran = sandbox.run(&["cp", "src", "dst", "--prefix", "/n/0", "--json"]);
    assert_eq!(
        report(&ran.out),
        "10 copied, 0 unchanged, 0 refused, 0 different, 45 bytes"
    );
    assert_eq!(sandbox.all(&[&["ls", "-s", "dst"]]).lines().count(), 10);
}

#[test]
fn senseless_copies_are_refused() {
    let sandbox = Sandbox::new();
    source(&sandbox);
    let before = sandbox.files("src");
    let apart = "choose folders that are apart";
    sandbox.check(&[
        (&["cp", "src", "src"], "", 2, "", apart),
        (&["cp", "src", "./tree/../src"], "", 2, "", apart),
        (&["cp", "src", "src/below"], "", 2, "", apart),
        (&["cp", "src", "."], "", 2, "", apart),
        (&["-s", "src", "export", "src/out"], "", 2, "", apart),
        (&["-s", "src", "import", "."], "", 2, "", apart),
        (
            &["cp", "none", "dst"],
            "",
            3,
            "",
            "there is no such folder at none",
        ),
        (
            &["cp", "src", "xyz:dst"],
            "",
            2,
            "",
            "known schemes: fjall, flatfs, fs, kubo, kv, leveldb, mem, redb, sled",
        ),
        (&["cp", "src"], "", 2, "", "required"),
        (
            &["cp", "src", "dst", "--concurrency", "0"],
            "",
            2,
            "",
            "not in 1..=64",
        ),
        (&["cp", "src", "fs:dst?read-only=true"], "", 3, "", "dst"),
    ]);
    assert!(sandbox.files("src") == before);
    assert!(!sandbox.path("dst").exists());
}
