//! Progress on a terminal and elsewhere.

use std::{fs::File, io::Read, os::fd::OwnedFd, process::Stdio};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

use crate::support::Sandbox;

/// What a run writes to a terminal that is its standard error.
fn on_terminal(sandbox: &Sandbox, args: &[&str]) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).expect("granted");
    unlockpt(&ours).expect("unlocked");
    let name = ptsname(&ours, Vec::new()).expect("a name");
    let theirs: OwnedFd =
        rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("opened");
    let mut command = sandbox.command(args);
    let mut child = command
        .env("TERM", "xterm")
        .stderr(Stdio::from(theirs))
        .spawn()
        .expect("starts");
    // The program's end of the terminal is closed with it; reading then fails or ends.
    drop(command);
    let mut written = Vec::new();
    let mut terminal = File::from(ours);
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = terminal.read(&mut piece) {
        written.extend(&piece[..count]);
    }
    assert!(child.wait().expect("ends").success());
    String::from_utf8_lossy(&written).into_owned()
}

#[test]
fn a_bar_on_a_terminal_and_lines_elsewhere() {
    let sandbox = Sandbox::new();
    for number in 0..3000 {
        sandbox.write(&format!("tree/{number}"), "12345678");
    }
    std::os::unix::fs::symlink("nowhere", sandbox.path("tree/link")).expect("a link");
    let shown = on_terminal(&sandbox, &["import", "tree", "--durability", "power"]);
    assert!(
        shown.contains("imported ") && shown.contains('\u{1b}'),
        "{shown:?}"
    );
    assert!(
        shown.contains("\u{1b}[2K") || shown.contains("\r"),
        "it draws over itself: {shown:?}"
    );
    assert!(
        shown.contains("imported 3,000 keys, 23.44 KiB in "),
        "{shown:?}"
    );
    // A notice has a line of its own.
    assert!(
        shown
            .split(['\n', '\r'])
            .any(|line| line.contains("left out: ") && line.ends_with("is no file")),
        "{shown:?}"
    );
    for quiet in ["--quiet", "--json"] {
        let shown = on_terminal(&sandbox, &["cp", "kv:datastore.kv", "copy", quiet]);
        assert_eq!(shown, "", "{quiet}");
    }
    let plain = sandbox.run(&["cp", "kv:datastore.kv", "again"]);
    assert!(
        plain.err.starts_with("datastore: copied 3,000 keys") && !plain.err.contains('\u{1b}'),
        "{plain:?}"
    );
}
