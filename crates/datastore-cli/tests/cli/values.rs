//! put, get, has, rm, stat, du, sync and capabilities.

use crate::support::Sandbox;

#[test]
fn values_go_in_and_out() {
    Sandbox::new().check(&[
        (&["put", "/a", "1"], "", 0, "", ""),
        (&["get", "/a"], "", 0, "1", ""),
        (&["get", "a"], "", 0, "1", ""),
        (&["put", "/a", "22"], "", 0, "", ""),
        (&["get", "/a"], "", 0, "22", ""),
        (&["put", "/empty", ""], "", 0, "", ""),
        (&["get", "/empty"], "", 0, "", ""),
        (&["has", "/empty"], "", 0, "", ""),
        (&["put", "/in", "-"], "from stdin\n", 0, "", ""),
        (&["get", "/in"], "", 0, "from stdin\n", ""),
        (&["put", "/in"], "again", 0, "", ""),
        (&["get", "/in"], "", 0, "again", ""),
        (&["put", "/n", "-5"], "", 0, "", ""),
        (&["get", "/n"], "", 0, "-5", ""),
        (
            &["put", "/a", "--if-absent", "33"],
            "",
            1,
            "",
            "/a holds a value already",
        ),
        (&["put", "/a", "--if-absent", "-q"], "33", 1, "", ""),
        (&["get", "/a"], "", 0, "22", ""),
        (&["put", "/new", "--if-absent", "1"], "", 0, "", ""),
        (&["put", "/p", "x", "--durability", "power"], "", 0, "", ""),
        (&["get", "/missing"], "", 1, "", "get /missing: not found"),
        (&["has", "/missing"], "", 1, "", ""),
        (
            &["has", "/a", "--json"],
            "",
            0,
            "{\"exists\":true,\"key\":\"/a\"}\n",
            "",
        ),
        (
            &["has", "/b", "--json"],
            "",
            1,
            "{\"exists\":false,\"key\":\"/b\"}\n",
            "",
        ),
        (&["rm", "/a", "/missing"], "", 0, "", ""),
        (&["has", "/a"], "", 1, "", ""),
        (&["rm", "/p", "--json"], "", 0, "{\"removed\":\"/p\"}\n", ""),
    ]);
}

#[test]
fn parts_of_values() {
    let sandbox = Sandbox::new();
    sandbox.all(&[&["put", "/a", "0123456789"]]);
    for (range, code, out) in [
        ("0..3", 0, "012"),
        ("3..", 0, "3456789"),
        ("..3", 0, "012"),
        ("-3", 0, "789"),
        ("-99", 0, "0123456789"),
        ("8..99", 0, "89"),
        ("10..", 0, ""),
        ("11..", 2, ""),
        ("5..3", 2, ""),
        ("x", 2, ""),
    ] {
        let ran = sandbox.run(&["get", "/a", "--range", range]);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (code, out),
            "{range}: {ran:?}"
        );
    }
}

#[test]
fn large_values_and_files() {
    let sandbox = Sandbox::new();
    let large: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();
    sandbox.write("large", &large);
    sandbox.all(&[
        &["put", "/large", "--file", "large"],
        &["get", "/large", "-o", "copy"],
        &["get", "/large", "-o", "part", "--range", "1000000..2000000"],
    ]);
    assert!(sandbox.read("copy") == large);
    assert!(sandbox.read("part") == large[1_000_000..2_000_000]);

    let ran = sandbox.run_with(&["put", "/piped"], &large);
    assert_eq!(ran.code, 0, "{ran:?}");
    let out = sandbox
        .command(&["get", "/piped"])
        .output()
        .expect("runs")
        .stdout;
    assert!(out == large);

    // A file that cannot be had changes neither the store nor the file named by -o.
    sandbox.check(&[
        (
            &["put", "/large", "--file", "none"],
            "",
            3,
            "",
            "cannot read none",
        ),
        (
            &["put", "/large", "--file", "."],
            "",
            3,
            "",
            "cannot read .",
        ),
        (&["get", "/none", "-o", "copy"], "", 1, "", "not found"),
        (
            &["get", "/large", "-o", "no/such"],
            "",
            3,
            "",
            "cannot write no/such",
        ),
    ]);
    assert!(sandbox.read("copy") == large);
    let left: Vec<_> = sandbox
        .files(".")
        .into_keys()
        .filter(|path| path.to_string_lossy().contains(".datastore-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn odd_keys_are_read_as_they_are_shown() {
    let sandbox = Sandbox::new();
    for (key, value) in [
        (r"/\xff\xfe", "1"),
        (r"/a\x00b", "2"),
        (r"/..\x0a", "3"),
        (r"/tail/", "4"),
        (r"/b\\s", "5"),
        ("/é 🦀", "6"),
    ] {
        sandbox.all(&[&["put", key, value]]);
        assert_eq!(sandbox.all(&[&["get", key]]), value, "{key}");
    }
    let listed = sandbox.all(&[&["ls"]]);
    assert_eq!(
        listed,
        "/..\\x0a\n/a\\x00b\n/b\\\\s\n/tail/\n/é 🦀\n/\\xff\\xfe\n"
    );
    for key in listed.lines() {
        assert_eq!(sandbox.run(&["has", key]).code, 0, "{key}");
    }
    for hex in sandbox.all(&[&["ls", "--hex-keys"]]).lines() {
        assert_eq!(sandbox.run(&["has", "--hex-keys", hex]).code, 0, "{hex}");
    }
    let json = sandbox.all(&[&["ls", "--json"]]);
    assert!(
        json.contains(r#"{"key":{"bytes":"2ffffe"}}"#) && json.contains(r#"{"key":"/a\u0000b"}"#),
        "{json}"
    );
    sandbox.check(&[
        (&["get", r"/a\b"], "", 2, "", "begins no escape"),
        (&["get", "--hex-keys", "2f4"], "", 2, "", "even number"),
        (
            &["get", r"/none\x1b[2J"],
            "",
            1,
            "",
            r"\u{1b}[2J: not found",
        ),
    ]);
}

#[test]
fn facts() {
    let sandbox = Sandbox::new();
    sandbox.all(&[&["put", "/a/b", "12345"], &["put", "/ab", "1"]]);
    let stat = sandbox.all(&[&["stat", "/a/b"]]);
    assert!(stat.starts_with("key      /a/b\nsize     5\n"), "{stat}");
    let stat = sandbox.all(&[&["stat", "/a/b", "--json"]]);
    assert!(
        stat.starts_with(r#"{"expires":null,"key":"/a/b","size":5,"version":"#),
        "{stat}"
    );
    let claims = sandbox.all(&[&["capabilities"]]);
    for claim in [
        "writable                 yes\n",
        "keys.max-len             ",
        "max-durability           power\n",
    ] {
        assert!(claims.contains(claim), "{claims}");
    }
    let claims = sandbox.all(&[&["capabilities", "--json"]]);
    assert!(
        claims.starts_with('{') && claims.contains(r#""writable":"yes""#),
        "{claims}"
    );
    sandbox.check(&[
        (&["stat", "/none"], "", 1, "", "not found"),
        (&["du", "--apparent"], "", 0, "6\n", ""),
        (&["du", "--apparent", "/a"], "", 0, "5\n", ""),
        (&["sync"], "", 0, "power\n", ""),
        (
            &["sync", "--json", "/a"],
            "",
            0,
            "{\"durability\":\"power\",\"key\":\"/a\"}\n",
            "",
        ),
        (&["verify"], "", 0, "", "0 faults found"),
    ]);
    let used = sandbox.all(&[&["du"]]);
    let used: u64 = used
        .strip_suffix(" (estimated)\n")
        .and_then(|used| used.parse().ok())
        .unwrap_or_else(|| panic!("{used}"));
    assert!(used >= 6);
}

#[test]
fn removing_by_prefix_wants_a_word() {
    let sandbox = Sandbox::new();
    sandbox.all(&[
        &["put", "/a/1", "x"],
        &["put", "/a/2", "x"],
        &["put", "/ab", "x"],
    ]);
    sandbox.check(&[
        (&["rm"], "", 2, "", "required"),
        (
            &["rm", "--prefix", "/a", "/b"],
            "",
            2,
            "",
            "cannot be used with",
        ),
        (&["rm", "--prefix", "/a/"], "", 2, "", "--yes"),
        (&["ls"], "", 0, "/a/1\n/a/2\n/ab\n", ""),
        (
            &["rm", "--prefix", "/a/", "--yes"],
            "",
            0,
            "",
            "removed 2 keys",
        ),
        (&["ls"], "", 0, "/ab\n", ""),
    ]);
}

#[test]
fn faults_are_found() {
    let sandbox = Sandbox::new();
    sandbox.all(&[&["put", "-s", "fs:files", "/a", "1"]]);
    sandbox.write("files/stray", "no entry of the store");
    let ran = sandbox.run(&["verify", "-s", "fs:files"]);
    assert!(ran.out.contains("stray"), "{ran:?}");
    let ran = sandbox.run(&["verify", "-s", "fs:files", "--json"]);
    assert!(ran.out.contains("\"severity\":"), "{ran:?}");
    sandbox.check(&[(&["verify", "-s", "mem:"], "", 0, "", "every value is read")]);
}
