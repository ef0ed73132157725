//! The lock that a running Kubo holds.

use std::fs::File;
#[cfg(unix)]
use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
};

use interface_datastore::{ErrorKind, Query};

use crate::repo::{Repo, contents, listed};

/// The variable that names the file which the child holds.
#[cfg(unix)]
const HOLD: &str = "RS_STORES_TEST_HOLD";

/// The child: takes the lock as Kubo does, and keeps it until its input ends.
#[cfg(unix)]
fn hold(path: &std::ffi::OsStr) {
    let file = File::create(path).unwrap();
    rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    std::io::stdout().write_all(b"\nheld\n").unwrap();
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[cfg(unix)]
#[test]
fn a_repository_that_another_process_has_open_is_refused() {
    if let Some(path) = env::var_os(HOLD) {
        return hold(&path);
    }
    let repo = Repo::new();
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "locked::a_repository_that_another_process_has_open_is_refused",
        ])
        .env(HOLD, repo.path("repo.lock"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    let mut lines = said.lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "held"), "the child holds the lock");

    let before = repo.files();
    for options in ["", "lock=respect", "lock=hold"] {
        let error = repo.open(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
        assert!(error.to_string().contains("ipfs shutdown"), "{error}");
        let holder = format!("process {} ", child.id());
        assert!(error.to_string().contains(&holder), "{error}");
    }
    let beside = repo.open("lock=ignore").unwrap();
    assert_eq!(listed(&*beside, Query::all()).unwrap(), contents());
    assert!(repo.files() == before, "something was written");

    drop(child.stdin.take());
    // Its output is read to the end, or it could not write the rest.
    assert!(lines.count() > 0 && child.wait().unwrap().success());
    assert!(repo.open("").is_ok());
}

/// What a Kubo leaves that was killed.
#[test]
fn a_lock_file_that_nobody_holds_is_no_lock() {
    let repo = Repo::new();
    drop(File::create(repo.path("repo.lock")).unwrap());
    assert!(repo.open("").is_ok());
    assert!(repo.path("repo.lock").exists());
}

/// A running Kubo holds its LevelDB database, too; and who holds it keeps Kubo from starting.
#[cfg(target_os = "linux")]
#[test]
fn the_lock_of_the_database() {
    use rustix::fs::{FlockOperation, flock};

    let repo = Repo::new();
    let file = File::options()
        .write(true)
        .open(repo.path("datastore/LOCK"))
        .unwrap();
    flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    let error = repo.open("").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    flock(&file, FlockOperation::Unlock).unwrap();

    let held = repo.open("lock=hold").unwrap();
    assert!(flock(&file, FlockOperation::NonBlockingLockExclusive).is_err());
    pollster::block_on(interface_datastore::DatastoreExt::close(&*held)).unwrap();
    flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
}
