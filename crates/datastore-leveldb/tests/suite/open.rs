//! Opening: what is a database, who else has it open.

use std::fs;
#[cfg(unix)]
use std::{fs::File, path::Path};

use datastore_leveldb::{LevelOptions, Lock};
use interface_datastore::{DatastoreExt, Error, ErrorKind, Key, Query};
use pollster::block_on;

use crate::common::{copy, expected, listed, open};

#[test]
fn what_is_no_database_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    fs::create_dir(path("empty")).unwrap();
    for (folder, file) in [
        ("other", "notes.txt"),
        ("rocks", "OPTIONS-000005"),
        ("badger", "KEYREGISTRY"),
    ] {
        fs::create_dir(path(folder)).unwrap();
        fs::write(path(folder).join(file), "x").unwrap();
    }
    fs::write(path("rocks").join("CURRENT"), "MANIFEST-000001\n").unwrap();
    fs::write(path("file"), "x").unwrap();
    for (name, kind) in [
        ("missing", ErrorKind::NotFound),
        ("empty", ErrorKind::NotFound),
        ("other", ErrorKind::Foreign),
        ("rocks", ErrorKind::Foreign),
        ("badger", ErrorKind::Foreign),
        ("file", ErrorKind::Foreign),
    ] {
        for salvage in [false, true] {
            let options = LevelOptions::new().with_salvage(salvage);
            let error = open(&path(name), options).expect_err(name);
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert!(error.path().is_some(), "{name}: {error}");
        }
    }
    assert!(!path("missing").exists());
}

#[test]
fn other_orders_of_keys_are_refused() {
    let folder = copy("empty");
    let manifest = folder.path().join("MANIFEST-000002");
    let mut bytes = fs::read(&manifest).unwrap();
    // The first record begins with the name of the order; its checksum is made anew.
    let at = bytes
        .windows(8)
        .position(|part| part == b"Bytewise")
        .unwrap();
    bytes[at..at + 8].copy_from_slice(b"Reversed");
    let len = usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
    let sum = crc32c::crc32c(&bytes[6..7 + len]).rotate_right(15);
    bytes[..4].copy_from_slice(&sum.wrapping_add(0xa282_ead8).to_le_bytes());
    fs::write(&manifest, bytes).unwrap();
    for salvage in [false, true] {
        let options = LevelOptions::new().with_salvage(salvage);
        let error = open(folder.path(), options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(
            error.to_string().contains("leveldb.ReversedComparator"),
            "{error}"
        );
    }
}

#[test]
fn limits_of_memory() {
    for (name, options, kind) in [
        (
            "long_records",
            LevelOptions::new().with_max_log_len(1000),
            Some(ErrorKind::Unsupported),
        ),
        (
            "long_records",
            LevelOptions::new().with_max_log_len(40_000),
            None,
        ),
        // Few bytes, but a map of them takes more.
        (
            "log",
            LevelOptions::new().with_max_log_len(700),
            Some(ErrorKind::Unsupported),
        ),
        (
            "large_values",
            LevelOptions::new().with_max_block_len(100_000),
            Some(ErrorKind::Unsupported),
        ),
        (
            "large_values",
            LevelOptions::new().with_max_block_len(200_100),
            None,
        ),
    ] {
        let folder = copy(name);
        let read = open(folder.path(), options).and_then(|store| listed(&store, Query::all()));
        let error = read.as_ref().err();
        assert_eq!(error.map(Error::kind), kind, "{name}: {error:?}");
        if let Some(error) = error {
            assert!(
                error
                    .remedy()
                    .is_some_and(|remedy| remedy.contains("with_max")),
                "{error}"
            );
        }
    }
}

/// Takes the lock as goleveldb does.
#[cfg(unix)]
fn lock_as_go_does(folder: &Path) -> rustix::io::Result<File> {
    let file = File::options()
        .write(true)
        .open(folder.join("LOCK"))
        .unwrap();
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

#[cfg(unix)]
#[test]
fn a_database_that_go_holds_is_refused() {
    let folder = copy("log");
    let held = lock_as_go_does(folder.path()).unwrap();
    for lock in [Lock::Respect, Lock::Hold] {
        let error = open(folder.path(), LevelOptions::new().with_lock(lock)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
        assert!(error.remedy().is_some());
        if cfg!(target_os = "linux") {
            let id = std::process::id();
            assert!(
                error.to_string().contains(&format!("process {id} (")),
                "{error}"
            );
        }
    }
    let beside = open(folder.path(), LevelOptions::new().with_lock(Lock::Ignore)).unwrap();
    assert!(
        listed(&beside, Query::all())
            .unwrap()
            .into_iter()
            .eq(expected("log"))
    );
    drop(held);
    open(folder.path(), LevelOptions::new()).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_lock_of_ours_keeps_writers_away_until_closed() {
    let folder = copy("log");
    let options = || LevelOptions::new().with_lock(Lock::Hold);
    let store = open(folder.path(), options()).unwrap();
    // Readers do not keep each other away.
    let other = open(folder.path(), options()).unwrap();
    open(folder.path(), LevelOptions::new()).unwrap();
    assert!(lock_as_go_does(folder.path()).is_err());
    block_on(other.close()).unwrap();
    assert!(lock_as_go_does(folder.path()).is_err());
    block_on(store.close()).unwrap();
    lock_as_go_does(folder.path()).unwrap();
}

/// The variable that names the file which the child holds.
#[cfg(unix)]
const HOLD: &str = "RS_STORES_TEST_HOLD";

/// The child: takes the lock as LevelDB does, and keeps it until its input ends.
#[cfg(unix)]
fn hold(path: &std::ffi::OsStr) {
    use std::io::{Read, Write};

    let file = File::options().write(true).open(path).unwrap();
    rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    std::io::stdout().write_all(b"\nheld\n").unwrap();
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[cfg(unix)]
#[test]
fn a_database_that_another_process_holds_is_refused() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    if let Some(path) = std::env::var_os(HOLD) {
        return hold(&path);
    }
    let folder = copy("log");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("open::a_database_that_another_process_holds_is_refused")
        .env(HOLD, folder.path().join("LOCK"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    let mut lines = said.lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "held"), "the child holds the lock");
    for lock in [Lock::Respect, Lock::Hold] {
        let error = open(folder.path(), LevelOptions::new().with_lock(lock)).unwrap_err();
        let expected = match lock {
            Lock::Hold if !cfg!(target_os = "linux") => ErrorKind::Unsupported,
            _ => ErrorKind::Locked,
        };
        assert_eq!(error.kind(), expected, "{error}");
        if expected == ErrorKind::Locked {
            let holder = format!("process {}", child.id());
            assert!(error.to_string().contains(&holder), "{error}");
        }
    }
    let beside = open(folder.path(), LevelOptions::new().with_lock(Lock::Ignore)).unwrap();
    let read = listed(&beside, Query::all()).unwrap();
    assert!(read.into_iter().eq(expected("log")));
    drop(child.stdin.take());
    // Its output is read to the end, or it could not write the rest.
    assert!(lines.count() > 0 && child.wait().unwrap().success());
    open(folder.path(), LevelOptions::new()).unwrap();
}

/// As when a library in this process has the database open: its lock ends if this process closes the file anywhere.
#[cfg(target_os = "linux")]
#[test]
fn a_lock_of_this_process_is_seen_and_left_alone() {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    let folder = copy("log");
    let file = || {
        let path = folder.path().join("LOCK");
        File::options().read(true).write(true).open(path).unwrap()
    };
    let held = file();
    rustix::fs::fcntl_lock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let error = open(folder.path(), LevelOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    let mut asked = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file(), FcntlArg::F_OFD_GETLK(&mut asked)).unwrap();
    assert_eq!(asked.l_pid, std::process::id() as i32);
}

#[test]
fn without_a_lock_file() {
    let folder = copy("log");
    fs::remove_file(folder.path().join("LOCK")).unwrap();
    open(folder.path(), LevelOptions::new()).unwrap();
    if cfg!(target_os = "linux") {
        let error = open(folder.path(), LevelOptions::new().with_lock(Lock::Hold)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    assert!(!folder.path().join("LOCK").exists());
}

#[test]
fn files_that_a_writer_takes_away() {
    let folder = copy("tables_snappy");
    let store = open(folder.path(), LevelOptions::new()).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|is| is == "ldb") {
            fs::remove_file(path).unwrap();
        }
    }
    for error in [
        listed(&store, Query::all()).unwrap_err(),
        block_on(store.get(&Key::new("/blocks/0001"))).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
        assert!(error.to_string().contains("is gone"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_table_that_is_no_plain_file() {
    let folder = copy("compacted");
    let table = folder.path().join("000005.ldb");
    fs::remove_file(&table).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &table).unwrap();
    let store = open(folder.path(), LevelOptions::new()).unwrap();
    let error = listed(&store, Query::all()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Foreign, "{error}");
}
