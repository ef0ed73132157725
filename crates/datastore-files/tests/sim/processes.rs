//! What the death of a process leaves, and what it takes along.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;

use datastore_files::sim::{CrashModel, PowerLossFs};
use datastore_files::{Fs, LockMode, Wait};

use crate::script::{Runner, images, text_of};

#[test]
fn a_killed_process_leaves_all_it_did_and_does_nothing_more() {
    let fs = PowerLossFs::new();
    let root = fs.open_root(Path::new("/")).unwrap();
    let file = fs.create_file(&root, OsStr::new("f")).unwrap();
    fs.write_at(&file, b"unsynced", 0).unwrap();
    let next = fs.kill();

    assert!(fs.write_at(&file, b"late", 0).is_err());
    assert!(fs.remove_file(&root, OsStr::new("f")).is_err());
    assert!(fs.clone().open_root(Path::new("/")).is_err());
    assert!(fs.read_dir(&root).unwrap().next().unwrap().is_err());
    assert_eq!(
        next.write_at(&file, b"late", 0).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(text_of(&next.image()), "f=unsynced");

    let root = next.open_root(Path::new("/")).unwrap();
    let file = next.open_file(&root, Path::new("f"), Wait::No).unwrap();
    next.sync_dir(&root).unwrap();
    let survivors = images(&next.power_cut(usize::MAX), 10);
    assert!(
        survivors.contains("f=") && survivors.len() > 1,
        "not durable by a kill: {survivors:?}"
    );
    // The next process can make durable what the first wrote.
    next.sync_file(&file, datastore_files::SyncWhat::Data)
        .unwrap();
    assert_eq!(images(&next.power_cut(usize::MAX), 10).len(), 1);
}

#[test]
fn locks_exclude_others_until_they_are_dropped_or_their_process_is_killed() {
    let name = OsStr::new("lock");
    let fs = PowerLossFs::new();
    let other = fs.new_process();
    let take = |fs: &PowerLossFs, mode| {
        let root = fs.open_root(Path::new("/")).unwrap();
        fs.lock(&root, name, mode).map_err(|error| error.kind())
    };

    let held = take(&fs, LockMode::Exclusive).unwrap();
    for (who, mode) in [
        (&fs, LockMode::Exclusive),
        (&other, LockMode::Exclusive),
        (&other, LockMode::Shared),
    ] {
        assert_eq!(
            take(who, mode).unwrap_err(),
            ErrorKind::WouldBlock,
            "{mode:?}"
        );
    }
    drop(held);
    let first = take(&fs, LockMode::Shared).unwrap();
    let _second = take(&other, LockMode::Shared).unwrap();
    assert_eq!(
        take(&fs, LockMode::Exclusive).unwrap_err(),
        ErrorKind::WouldBlock
    );
    drop(first);
    assert_eq!(
        take(&fs, LockMode::Exclusive).unwrap_err(),
        ErrorKind::WouldBlock
    );

    let next = other.kill();
    let kept = take(&fs, LockMode::Exclusive).unwrap();
    assert_eq!(
        take(&next, LockMode::Shared).unwrap_err(),
        ErrorKind::WouldBlock
    );
    drop(kept);
    take(&next, LockMode::Shared).unwrap();
}

#[test]
fn each_moment_can_be_the_last_of_the_process() {
    let mut runner = Runner::new();
    runner.run("create t; write t ab; rename t n; create m; remove n");
    let expected = ["", "t=", "t=ab", "n=ab", "m= n=ab", "m="];
    for (changes, expected) in expected.iter().enumerate() {
        let cut = runner.power.power_cut(changes).model(CrashModel::Chaos);
        assert_eq!(text_of(&cut.survivor()), *expected, "after {changes}");
    }
}
