//! import and export

use std::{fs, os::unix::fs::symlink};

use crate::support::Sandbox;

#[test]
fn folders_survive_both_ways() {
    let sandbox = Sandbox::new();
    for name in [
        "a",
        "a b",
        "d/e/f",
        "100%",
        "%2E%2E",
        "%",
        ".hidden",
        "é",
        "-x",
        "d/%25",
        "\u{1b}[2J",
        "back\\slash",
    ] {
        sandbox.write(&format!("tree/{name}"), format!("contents of {name}"));
    }
    sandbox.write("tree/large", vec![7; 900_000]);
    sandbox.write("tree/empty", "");
    sandbox.all(&[
        &["import", "-q", "tree", "--verify"],
        &["export", "-q", "back", "--verify"],
    ]);
    assert_eq!(sandbox.files("back"), sandbox.files("tree"));
    assert!(!sandbox.path("back/.datastore-export").exists());
    // What looks escaped stands for what it escapes.
    sandbox.check(&[
        (&["get", "/.."], "", 0, "contents of %2E%2E", ""),
        (&["get", "/d/%"], "", 0, "contents of d/%25", ""),
        (&["get", "/100%"], "", 0, "contents of 100%", ""),
    ]);
}

#[test]
fn keys_survive_both_ways_and_stay_inside() {
    let sandbox = Sandbox::new();
    let keys = [
        "//etc/passwd",
        "/a//b",
        "/tail/",
        "/y/..",
        "/../../escaped",
        "/x/.",
        "/./x",
        r"/nul\x00",
        r"/\xff",
        "/%",
        "/%2E",
        "/.datastore-export/x",
        r"/nl\x0a",
    ];
    for key in keys {
        sandbox.all(&[&["put", key, key]]);
    }
    sandbox.write("inside/keep", "");
    sandbox.all(&[
        &["export", "-q", "inside/out"],
        &["-s", "again", "import", "-q", "inside/out"],
    ]);
    assert_eq!(
        sandbox.all(&[&["ls", "-l", "-s", "again"]]),
        sandbox.all(&[&["ls", "-l"]])
    );
    for key in keys {
        assert_eq!(sandbox.all(&[&["get", "-s", "again", key]]), key);
    }
    let outside: Vec<_> = fs::read_dir(sandbox.path("inside"))
        .expect("there")
        .map(|entry| entry.expect("one").file_name())
        .collect();
    assert_eq!(outside.len(), 2, "{outside:?}");
    assert!(!sandbox.path("escaped").exists());
}

#[test]
fn links_are_not_followed() {
    let sandbox = Sandbox::new();
    sandbox.write("tree/file", "1");
    sandbox.write("secret/password", "hunter2");
    symlink(sandbox.path("secret"), sandbox.path("tree/linked")).expect("a link");
    symlink("/etc/passwd", sandbox.path("tree/passwd")).expect("a link");
    symlink("nowhere", sandbox.path("tree/dangling")).expect("a link");
    let ran = sandbox.run(&["import", "tree"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.err.matches("left out: ").count(), 3, "{ran:?}");
    assert_eq!(sandbox.all(&[&["ls"]]), "/file\n");
    sandbox.check(&[(
        &["-s", "strict", "import", "tree", "--strict"],
        "",
        3,
        "",
        "without --strict",
    )]);

    // A link where export would write a folder or a file.
    sandbox.all(&[
        &["put", "/linked/password", "overwritten"],
        &["put", "/passwd", "overwritten"],
    ]);
    for planted in ["linked", "passwd"] {
        fs::create_dir(sandbox.path("out")).expect("made");
        symlink(sandbox.path("secret"), sandbox.path("out").join(planted)).expect("a link");
        let ran = sandbox.run(&["export", "out", "--prefix", &format!("/{planted}")]);
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.err.contains(planted), "{ran:?}");
        assert_eq!(sandbox.read("secret/password"), b"hunter2");
        assert_eq!(sandbox.files("secret").len(), 1);
        fs::remove_dir_all(sandbox.path("out")).expect("removed");
    }
    // The folder itself may be a link: that is the caller's word.
    symlink("tree", sandbox.path("link")).expect("a link");
    sandbox.all(&[&["-s", "by-link", "import", "-q", "link"]]);
    assert_eq!(sandbox.all(&[&["ls", "-s", "by-link"]]), "/file\n");
}

#[test]
fn files_that_are_there() {
    let sandbox = Sandbox::new();
    sandbox.all(&[&["put", "/a", "new"], &["put", "/b", "same"]]);
    sandbox.write("out/a", "old");
    sandbox.write("out/b", "same");
    sandbox.write("out/own", "own");
    sandbox.check(&[
        (&["export", "out"], "", 3, "", "--overwrite"),
        (&["export", "out", "--resume"], "", 3, "", "already exists"),
    ]);
    assert_eq!(sandbox.read("out/a"), b"old");
    sandbox.check(&[(
        &["export", "out", "--resume", "--overwrite"],
        "",
        0,
        "",
        "exported 1 keys",
    )]);
    assert_eq!(sandbox.read("out/a"), b"new");
    assert_eq!(sandbox.read("out/own"), b"own");
}

#[test]
fn keys_that_cannot_both_be_files() {
    for first in ["/x/y", "/z"] {
        let sandbox = Sandbox::new();
        sandbox.all(&[
            &["put", "/x", "1"],
            &["put", "/x/y", "2"],
            &["put", "/z", "3"],
        ]);
        sandbox.all(&[&["export", "-q", "out", "--prefix", first]]);
        let ran = sandbox.run(&["export", "out", "--resume"]);
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.err.contains("--skip-refused"), "{ran:?}");
        let ran = sandbox.run(&["export", "out", "--resume", "--skip-refused"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("1 REFUSED"), "{ran:?}");
        assert_eq!(sandbox.files("out").len(), 2, "{first}");
    }
    let sandbox = Sandbox::new();
    let long = format!("/{}", "n".repeat(300));
    sandbox.all(&[&["put", &long, "1"]]);
    sandbox.check(&[
        (&["export", "out"], "", 3, "", "--skip-refused"),
        (&["export", "out", "--skip-refused", "-q"], "", 1, "", ""),
    ]);
}

#[test]
fn imports_resume_and_rehearse() {
    let sandbox = Sandbox::new();
    sandbox.write("tree/a", "1");
    sandbox.write("tree/b", "2");
    let ran = sandbox.run(&["import", "tree", "--dry-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out.lines().count(), 2, "{ran:?}");
    assert!(!sandbox.path("datastore.kv").exists());
    sandbox.all(&[&["put", "/a", "1"]]);
    sandbox.check(&[
        (
            &["import", "tree", "--resume"],
            "",
            0,
            "",
            "imported 1 keys, 1 B",
        ),
        (
            &["import", "tree", "--resume"],
            "",
            0,
            "",
            "2 there already",
        ),
        (&["import", "none"], "", 3, "", "none"),
        (&["import", "tree/a"], "", 3, "", "tree/a"),
    ]);
}
