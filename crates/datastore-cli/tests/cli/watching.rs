//! watch

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::support::Sandbox;

#[test]
fn changes_made_by_other_programs_are_told() {
    let sandbox = Sandbox::new();
    sandbox.all(&[&["put", "/w/old", "1"], &["put", "/w/same", "1"]]);
    let mut command = sandbox.command(&["watch", "/w/", "--interval", "0.02", "--count", "3"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut notices = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let ready = notices.next().expect("a line").expect("text");
    assert!(ready.contains("watching 2 keys"), "{ready}");
    let mut told = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || told.next().expect("a line").expect("text");
    sandbox.all(&[&["put", "/other", "1"], &["put", "/w/new", "1"]]);
    assert_eq!(next(), "put /w/new");
    // The same size: only the version tells.
    sandbox.all(&[&["put", "/w/old", "2"]]);
    assert_eq!(next(), "put /w/old");
    sandbox.all(&[&["rm", "/w/old"]]);
    assert_eq!(next(), "delete /w/old");
    assert!(child.wait().expect("ends").success());
}
