//! Copies that are killed or interrupted half way.

use std::{
    fs,
    process::{Child, ExitStatus},
    thread::sleep,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Ran, Sandbox};

const ENTRIES: usize = 3000;

/// A store `src` with many small values and some that are streamed.
fn source(sandbox: &Sandbox) {
    for number in 0..ENTRIES {
        sandbox.write(
            &format!("tree/{}/{number}", number % 7),
            format!("value {number}").repeat(40),
        );
    }
    for number in 0..4 {
        sandbox.write(&format!("tree/large/{number}"), vec![number; 3 << 20]);
    }
    sandbox.all(&[&["-s", "src", "import", "-q", "tree"]]);
}

/// Runs a command and stops it by this signal once `enough` files are in its folder.
///
/// It is started again with a fresh folder if it ends before, as it may where disks are fast and the test is not.
fn stopped(
    sandbox: &Sandbox,
    args: &[&str],
    folder: &str,
    enough: usize,
    signal: Signal,
) -> (ExitStatus, Ran) {
    for _ in 0..50 {
        let mut child: Child = sandbox.command(args).spawn().expect("the program starts");
        let running = loop {
            if child.try_wait().expect("asked").is_some() {
                break false;
            }
            if sandbox.count(folder) >= enough {
                break true;
            }
            sleep(Duration::from_millis(1));
        };
        if running {
            kill_process(Pid::from_child(&child), signal).expect("the signal is sent");
        }
        let output = child.wait_with_output().expect("the program ends");
        if !output.status.success() {
            return (output.status, output.into());
        }
        fs::remove_dir_all(sandbox.path(folder)).expect("removed");
    }
    panic!("{args:?} always ended before it could be stopped");
}

#[test]
fn a_killed_copy_is_resumed() {
    let sandbox = Sandbox::new();
    source(&sandbox);
    let wanted = sandbox.files("src");
    for enough in [1, 300, 1200] {
        let args = [
            "cp",
            "src",
            "dst",
            "-q",
            "--resume",
            "--durability",
            "power",
        ];
        let (status, ran) = stopped(&sandbox, &args, "dst", enough, Signal::KILL);
        assert_eq!(status.code(), None, "it was killed: {ran:?}");
        // Nothing half done can be seen.
        let there = sandbox.files("dst");
        assert!(
            there
                .iter()
                .all(|(path, bytes)| wanted.get(path) == Some(bytes)),
            "after {enough}"
        );
        sandbox.check(&[(&["-s", "dst", "verify", "-q"], "", 0, "", "")]);
    }
    sandbox.all(&[&["cp", "-q", "src", "dst", "--resume", "--verify"]]);
    assert!(sandbox.files("dst") == wanted);
}

#[test]
fn a_killed_export_is_resumed() {
    let sandbox = Sandbox::new();
    source(&sandbox);
    let args = ["-s", "src", "export", "out", "--durability", "power"];
    let (status, ran) = stopped(&sandbox, &args, "out", 100, Signal::KILL);
    assert_eq!(status.code(), None, "it was killed: {ran:?}");
    sandbox.all(&[&["-s", "src", "export", "-q", "out", "--resume"]]);
    assert_eq!(sandbox.files("out").len(), ENTRIES + 4);
    assert!(sandbox.files("out") == sandbox.files("tree"));
    assert!(!sandbox.path("out/.datastore-export").exists());
}

#[test]
fn signals_stop_cleanly() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let sandbox = Sandbox::new();
        source(&sandbox);
        let wanted = sandbox.files("src");
        let args = ["cp", "src", "dst", "--durability", "power"];
        let (_, ran) = stopped(&sandbox, &args, "dst", 20, signal);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(
            ran.err
                .contains("the same command with --resume does the rest"),
            "{ran:?}"
        );
        assert!(ran.err.contains("copied "), "{ran:?}");
        let there = sandbox.files("dst");
        assert!(
            there
                .iter()
                .all(|(path, bytes)| wanted.get(path) == Some(bytes))
        );
        sandbox.all(&[&["cp", "-q", "src", "dst", "--resume"]]);
        assert!(sandbox.files("dst") == wanted);
    }
}

#[test]
fn a_put_that_waits_for_input_can_be_interrupted() {
    let sandbox = Sandbox::new();
    sandbox.all(&[&["put", "/a", "old"]]);
    let mut command = sandbox.command(&["put", "/a"]);
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    let mut input = child.stdin.take().expect("a pipe");
    // More than a pipe holds: once it is written, the program is reading.
    std::io::Write::write_all(&mut input, &vec![b'x'; 1 << 20]).expect("read by the program");
    kill_process(Pid::from_child(&child), Signal::INT).expect("the signal is sent");
    let ran: Ran = child.wait_with_output().expect("ends").into();
    drop(input);
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(ran.err.contains("interrupted"), "{ran:?}");
    assert_eq!(sandbox.all(&[&["get", "/a"]]), "old");
}
