//! ls

use crate::support::Sandbox;

#[test]
fn keys_are_listed() {
    let sandbox = Sandbox::new();
    for (key, value) in [
        ("/a", "1"),
        ("/a/b", "22"),
        ("/a/b/c", "333"),
        ("/ab", ""),
        ("/z", "55555"),
    ] {
        sandbox.all(&[&["put", key, value]]);
    }
    let all = "/a\n/a/b\n/a/b/c\n/ab\n/z\n";
    sandbox.check(&[
        (&["ls"], "", 0, all, ""),
        (&["ls", "/"], "", 0, all, ""),
        (&["ls", "/a"], "", 0, "/a\n/a/b\n/a/b/c\n/ab\n", ""),
        (&["ls", "a"], "", 0, "/a\n/a/b\n/a/b/c\n/ab\n", ""),
        (&["ls", "/a/"], "", 0, "/a/b\n/a/b/c\n", ""),
        (&["ls", "/none"], "", 0, "", ""),
        (
            &["ls", "-l", "/a/"],
            "",
            0,
            "           2 /a/b\n           3 /a/b/c\n",
            "",
        ),
        (
            &["ls", "-l", "--json", "/z"],
            "",
            0,
            "{\"key\":\"/z\",\"size\":5}\n",
            "",
        ),
        (&["ls", "--json", "/z"], "", 0, "{\"key\":\"/z\"}\n", ""),
        (
            &["ls", "--reverse"],
            "",
            0,
            "/z\n/ab\n/a/b/c\n/a/b\n/a\n",
            "",
        ),
        (&["ls", "--limit", "2"], "", 0, "/a\n/a/b\n", ""),
        (&["ls", "-n", "0"], "", 0, "", ""),
        (&["ls", "-n", "1", "--reverse"], "", 0, "/z\n", ""),
        (
            &["ls", "--start-after", "/a/b"],
            "",
            0,
            "/a/b/c\n/ab\n/z\n",
            "",
        ),
        (&["ls", "--start-after", "/a/b", "-r"], "", 0, "/a\n", ""),
        (&["ls", "--glob", "/a/*"], "", 0, "/a/b\n", ""),
        (&["ls", "--glob", "/a/**"], "", 0, "/a/b\n/a/b/c\n", ""),
        (&["ls", "-g", "*b", "-g", "/z"], "", 0, "/ab\n/z\n", ""),
        (&["ls", "-g", "/*", "-n", "2"], "", 0, "/a\n/ab\n", ""),
        (&["ls", "/a/", "-g", "**/c"], "", 0, "/a/b/c\n", ""),
        (&["ls", "-g", "[a"], "", 2, "", "the pattern is no good"),
        (&["ls", "-U", "--reverse"], "", 2, "", "cannot be used with"),
    ]);
    let unsorted = sandbox.all(&[&["ls", "--unsorted"]]);
    let mut lines: Vec<&str> = unsorted.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.join("\n") + "\n", all);
}

#[test]
fn the_store_is_named_by_option_variable_or_default() {
    let sandbox = Sandbox::new();
    sandbox.all(&[
        &["put", "/default", "1"],
        &["-s", "named", "put", "/named", "1"],
        &[
            "put",
            "--store",
            "fs:odd%20name?extension=.bin",
            "/odd",
            "1",
        ],
    ]);
    assert_eq!(sandbox.all(&[&["ls"]]), "/default\n");
    assert_eq!(sandbox.all(&[&["ls", "--store", "./named"]]), "/named\n");
    assert!(sandbox.path("odd name/odd.bin").is_file());
    let out = sandbox
        .command(&["ls"])
        .env("DATASTORE_URL", "fs:named")
        .output()
        .expect("runs");
    assert_eq!(out.stdout, b"/named\n");
    sandbox.check(&[(&["ls", "-s", "mem:"], "", 0, "", "")]);
}
