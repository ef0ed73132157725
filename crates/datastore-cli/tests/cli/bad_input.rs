//! Stores that are missing, foreign, of an unknown format, unreadable, read-only or full: a clear error that names the
//! path and what to do, an exit code that is not 0, and nothing lost.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use crate::support::{PROGRAM, Ran, Sandbox, feed};

#[test]
fn missing_stores() {
    let sandbox = Sandbox::new();
    for args in [
        &["get", "/a"][..],
        &["has", "/a"],
        &["ls"],
        &["rm", "/a"],
        &["stat", "/a"],
        &["du"],
        &["sync"],
        &["verify"],
        &["watch"],
        &["capabilities"],
        &["export", "out"],
    ] {
        let ran = sandbox.run(&[&["-s", "none"], args].concat());
        assert_eq!(ran.code, 3, "{args:?}: {ran:?}");
        assert!(
            ran.err.contains("at none") && ran.err.contains("check the path"),
            "{args:?}: {ran:?}"
        );
        assert!(!sandbox.path("none").exists(), "{args:?} made a store");
    }
    sandbox.check(&[
        (
            &["-s", "fs:none?create=never", "put", "/a", "1"],
            "",
            3,
            "",
            "at none",
        ),
        (&["-s", "", "ls"], "", 2, "", "empty"),
        (
            &["-s", "fs:x?extention=.y", "ls"],
            "",
            2,
            "",
            "known options: read-only, create, durability, extension",
        ),
        (
            &["-s", "fs:x?durability=max", "ls"],
            "",
            2,
            "",
            "volatile, process, ordered, power",
        ),
        (
            &["-s", "fs://host/x", "ls"],
            "",
            2,
            "",
            "write fs:host/x or fs:/host/x",
        ),
    ]);
    let ran = sandbox.run(&["--json", "-s", "none", "ls"]);
    let error: serde_json::Value = serde_json::from_str(&ran.err).expect(&ran.err);
    assert_eq!(
        (
            error["error"]["kind"].as_str(),
            error["error"]["path"].as_str()
        ),
        (Some("NotFound"), Some("none"))
    );
}

#[test]
fn things_that_are_no_store() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "a file");
    sandbox.write("flatfs/SHARDING", "/repo/flatfs/shard/v1/next-to-last/2\n");
    sandbox.write("flatfs/AA/AAAA.data", "a block");
    sandbox.write("out/file", "in the way");
    sandbox.all(&[
        &["-s", "store", "put", "/a", "1"],
        &["-s", "store", "put", "/file/x", "1"],
    ]);
    for (args, says) in [
        (
            &["-s", "file", "put", "/a", "1"][..],
            "a file is where the folder of the store should be",
        ),
        (&["-s", "file/below", "ls"], "file"),
        (&["-s", "flatfs", "ls"], "flatfs"),
        (&["-s", "flatfs", "put", "/a", "1"], "flatfs"),
        (&["cp", "store", "file"], "choose another folder"),
        (&["-s", "store", "export", "file"], "choose another folder"),
        (&["-s", "store", "export", "out"], "out/file"),
        (&["-s", "store", "import", "file"], "file"),
    ] {
        // The export gets as far as one file.
        let files = || {
            let mut files = sandbox.files(".");
            files.remove(Path::new("out/a"));
            files
        };
        let before = files();
        let ran = sandbox.run(args);
        assert_eq!(ran.code, 3, "{args:?}: {ran:?}");
        assert!(ran.err.contains(says), "{args:?}: {ran:?}");
        assert_eq!(files(), before, "{args:?}");
    }
}

#[test]
fn formats_of_the_future() {
    let sandbox = Sandbox::new();
    sandbox.all(&[
        &["-s", "store", "put", "/a", "1"],
        &["-s", "src", "put", "/b", "1"],
    ]);
    let marker = sandbox.path("store/.datastore/format");
    let text = fs::read_to_string(&marker).expect("the store's marker");
    let later = text.replacen('1', "999", 1);
    assert_ne!(later, text, "the marker has a version");
    fs::write(&marker, &later).expect("written");
    for args in [
        &["-s", "store", "ls"][..],
        &["-s", "store", "put", "/a", "2"],
        &["cp", "src", "store"],
        &["cp", "store", "dst"],
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, 3, "{args:?}: {ran:?}");
        assert!(
            ran.err.contains("store/.datastore/format"),
            "{args:?}: {ran:?}"
        );
        assert!(
            ran.err.contains("999") || ran.err.contains("newer"),
            "{args:?}: {ran:?}"
        );
    }
    fs::write(&marker, text).expect("written");
    sandbox.check(&[
        (&["-s", "store", "ls"], "", 0, "/a\n", ""),
        (&["-s", "store", "get", "/a"], "", 0, "1", ""),
    ]);
}

#[test]
fn standard_output_that_fails() {
    let sandbox = Sandbox::new();
    sandbox.all(&[&["put", "/a", "1"]]);
    for args in [
        &["get", "/a"][..],
        &["ls"],
        &["stat", "/a"],
        &["completions", "bash"],
        &["man"],
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("a full device");
        let ran: Ran = sandbox
            .command(args)
            .stdout(full)
            .output()
            .expect("runs")
            .into();
        assert_eq!(ran.code, 3, "{args:?}: {ran:?}");
        assert!(
            ran.err.contains("cannot write to standard output"),
            "{args:?}: {ran:?}"
        );
    }
    let ran = sandbox.run(&["get", "/a", "-o", "/dev/full"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("cannot write /dev/full"), "{ran:?}");
}

#[test]
fn readers_that_leave_early() {
    let sandbox = Sandbox::new();
    sandbox.write("large", vec![b'x'; 4 << 20]);
    sandbox.all(&[&["put", "/large", "--file", "large"]]);
    let mut child = sandbox.command(&["get", "/large"]).spawn().expect("starts");
    drop(child.stdout.take());
    let ran: Ran = child.wait_with_output().expect("ends").into();
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

/// Runs the program as a user whom permissions bind: as a nobody, if the test runs as root.
fn as_plain_user(sandbox: &Sandbox, args: &[&str]) -> Ran {
    if !rustix::process::geteuid().is_root() {
        return sandbox.run(args);
    }
    let program = sandbox.path("program");
    if !program.exists() {
        fs::copy(PROGRAM, &program).expect("copied");
    }
    let mut command = sandbox.prepare(Command::new("setpriv"));
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program)
        .args(args);
    command.output().expect("setpriv runs").into()
}

#[test]
fn stores_without_permission() {
    let sandbox = Sandbox::new();
    sandbox.all(&[
        &["-s", "store", "put", "/a", "1"],
        &["-s", "src", "put", "/b", "1"],
    ]);
    let mode = |path: &str, mode| {
        fs::set_permissions(sandbox.path(path), Permissions::from_mode(mode)).expect("changed");
    };
    mode(".", 0o755);
    for path in ["src", "src/.datastore"] {
        mode(path, 0o755);
    }
    let before = sandbox.files("store");
    for (bits, args, code, says) in [
        (0o555, &["-s", "store", "ls"][..], 0, ""),
        (
            0o555,
            &["-s", "store", "put", "/a", "2"],
            3,
            "permission denied",
        ),
        (0o555, &["cp", "src", "store"], 3, "permission denied"),
        (0o000, &["-s", "store", "ls"], 3, "permission denied"),
        (0o000, &["-s", "store", "get", "/a"], 3, "permission denied"),
        (0o000, &["-s", "store", "has", "/a"], 3, "permission denied"),
        (0o000, &["cp", "store", "dst"], 3, "permission denied"),
    ] {
        for path in ["store/.datastore/tmp", "store/.datastore"] {
            if sandbox.path(path).exists() {
                mode(path, 0o555);
            }
        }
        mode("store", bits);
        let ran = as_plain_user(&sandbox, args);
        mode("store", 0o755);
        assert_eq!(ran.code, code, "{bits:o} {args:?}: {ran:?}");
        assert!(
            ran.err.to_lowercase().contains(says),
            "{bits:o} {args:?}: {ran:?}"
        );
        assert!(
            code == 0 || ran.err.contains("store"),
            "names the path: {ran:?}"
        );
    }
    assert_eq!(sandbox.files("store"), before);
}

/// Runs a script in which the program may mount file systems of its own; none if this system allows nobody to.
#[expect(clippy::print_stderr, reason = "whoever reads the log should know")]
fn with_mounts(sandbox: &Sandbox, script: &str) -> Option<Ran> {
    let shell = |script: &str| {
        let mut command = sandbox.prepare(Command::new("unshare"));
        command.args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
            PROGRAM,
        ]);
        feed(command, b"")
    };
    fs::create_dir_all(sandbox.path("mnt")).expect("made");
    if shell("mount -t tmpfs -o size=1m tmpfs mnt").code != 0 {
        eprintln!("this system lets nobody mount; full and read-only file systems are not tried");
        return None;
    }
    Some(shell(script))
}

#[test]
fn a_full_file_system() {
    let sandbox = Sandbox::new();
    for number in 0..600 {
        sandbox.write(&format!("tree/{number}"), vec![b'x'; 4000]);
    }
    sandbox.write("large", vec![b'x'; 4 << 20]);
    sandbox.all(&[&["-s", "src", "import", "-q", "tree"]]);
    let script = r#"
        mount -t tmpfs -o size=1m tmpfs mnt
        "$1" -s mnt/s put /before kept && "$1" -s mnt/s put /large small
        "$1" -s mnt/s put /large --file large; echo "put $?"
        "$1" cp src mnt/s; echo "cp $?"
        "$1" -s src export mnt/out; echo "export $?"
        "$1" -s mnt/s get /before; echo; "$1" -s mnt/s get /large; echo
        "$1" -s mnt/s verify -q; echo "verify $?"
        mount -o remount,size=16m mnt
        "$1" cp -q src mnt/s --resume; echo "resumed $?"
        "$1" -s mnt/s ls | wc -l
    "#;
    let Some(ran) = with_mounts(&sandbox, script) else {
        return;
    };
    let out = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        out, "put 3 cp 3 export 3 kept small verify 0 resumed 0 602",
        "{ran:?}"
    );
    assert_eq!(ran.err.matches("no space left").count(), 3, "{ran:?}");
    assert!(
        ran.err.matches("free space").count() >= 3 && ran.err.contains("at mnt/s"),
        "{ran:?}"
    );
}

#[test]
fn a_read_only_file_system() {
    let sandbox = Sandbox::new();
    sandbox.all(&[&["-s", "src", "put", "/b", "1"]]);
    let script = r#"
        mount -t tmpfs -o size=1m tmpfs mnt
        "$1" -s mnt/s put /a 1
        mount -o remount,ro mnt
        "$1" -s mnt/s get /a; echo
        "$1" -s mnt/s ls; "$1" -s mnt/s verify -q; echo "verify $?"
        "$1" -s mnt/s put /a 2; echo "put $?"
        "$1" -s mnt/new put /a 2; echo "new $?"
        "$1" cp src mnt/s; echo "cp $?"
        "$1" -s mnt/s rm /a; echo "rm $?"
        "$1" -s mnt/s get /a; echo
    "#;
    let Some(ran) = with_mounts(&sandbox, script) else {
        return;
    };
    let out = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(out, "1 /a verify 0 put 3 new 3 cp 3 rm 3 1", "{ran:?}");
    assert!(ran.err.matches("read-only").count() >= 4, "{ran:?}");
}
