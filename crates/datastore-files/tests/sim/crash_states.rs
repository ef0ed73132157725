//! Which images a power cut may leave, script by script.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use datastore_files::sim::{CrashModel, PowerLossFs};
use datastore_files::{Fs, SyncWhat, Wait};

use crate::script::{Runner, images, text_of};

/// More than any script below can leave.
const MANY: usize = 1000;

fn check(models: &[CrashModel], durable: &str, script: &str, expected: &[&str]) {
    let mut runner = Runner::new();
    runner.run(durable);
    assert_eq!(
        images(&runner.cut(CrashModel::Chaos), MANY).len(),
        1,
        "{durable}: is all durable"
    );
    runner.run(script);
    for model in models {
        let found = images(&runner.cut(*model), MANY);
        let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(found, expected, "{model:?}: {durable} | {script}");
    }
}

const BOTH: &[CrashModel] = &[CrashModel::Ordered, CrashModel::Chaos];
const ORDERED: &[CrashModel] = &[CrashModel::Ordered];
const CHAOS: &[CrashModel] = &[CrashModel::Chaos];

#[test]
fn contents_last_by_a_sync_of_the_file() {
    let table: &[(&str, &str, &[&str])] = &[
        ("", "", &[""]),
        ("", "create f", &["", "f="]),
        ("", "create f; write f abc", &["", "f=", "f=...", "f=abc"]),
        ("", "create f; write f abcd; sync f", &["", "f=abcd"]),
        (
            "",
            "create f; write f abc; sync-dir /",
            &["f=", "f=...", "f=abc"],
        ),
        ("", "put f abc", &["f=abc"]),
        // Each block by itself, and any size at which a block ends.
        (
            "",
            "create f; sync-dir /; write f abcdefgh",
            &[
                "f=",
                "f=....",
                "f=abcd",
                "f=........",
                "f=abcd....",
                "f=....efgh",
                "f=abcdefgh",
            ],
        ),
        (
            "",
            "create f; sync-dir /; write f abcdef",
            &[
                "f=", "f=....", "f=abcd", "f=......", "f=abcd..", "f=....ef", "f=abcdef",
            ],
        ),
        // Over what is durable: the old or the new.
        ("put f abcd", "write f xy", &["f=abcd", "f=xycd"]),
        (
            "put f abcdefgh",
            "write f XY at 3",
            &["f=abcdefgh", "f=abcXefgh", "f=abcdYfgh", "f=abcXYfgh"],
        ),
        (
            "put f abcd",
            "write f 1; write f 2; write f 3 at 1",
            &["f=abcd", "f=1bcd", "f=2bcd", "f=23cd"],
        ),
        (
            "put f abcd",
            "write f 1; sync f; write f 2",
            &["f=1bcd", "f=2bcd"],
        ),
        // At the end of a block that is durable in part.
        ("put f ab", "write f cd at 2", &["f=ab", "f=ab..", "f=abcd"]),
        (
            "put f ab",
            "write f c at 2; write f d at 3",
            &["f=ab", "f=ab.", "f=abc", "f=ab..", "f=abc.", "f=abcd"],
        ),
        // Beyond the end.
        (
            "put f ab",
            "write f z at 9",
            &[
                "f=ab",
                "f=ab..",
                "f=ab......",
                "f=ab........",
                "f=ab.......z",
            ],
        ),
        // The file goes where its name goes.
        (
            "",
            "create t; write t abcd; rename t f; sync-dir /",
            &["f=", "f=....", "f=abcd"],
        ),
        (
            "",
            "create t; rename t f; write t abcd; sync t; sync-dir /",
            &["f=abcd"],
        ),
        ("put f ab", "remove f; sync-dir /; write f cd", &[""]),
    ];
    for (durable, script, expected) in table {
        check(BOTH, durable, script, expected);
    }
}

#[test]
fn names_last_by_a_sync_of_their_folder() {
    let table: &[(&[CrashModel], &str, &str, &[&str])] = &[
        (BOTH, "put f a", "remove f", &["f=a", ""]),
        (BOTH, "put f a", "remove f; sync-dir /", &[""]),
        // A rename is atomic, and what was there is there until then.
        (
            BOTH,
            "put n old; put t new",
            "rename t n",
            &["n=old t=new", "n=new"],
        ),
        (
            BOTH,
            "put n old; put t new",
            "rename t n; sync-dir /",
            &["n=new"],
        ),
        (
            BOTH,
            "put t a",
            "rename t n; rename n m; sync-dir /",
            &["m=a"],
        ),
        (
            BOTH,
            "put t a",
            "rename t n; rename n m",
            &["t=a", "n=a", "m=a"],
        ),
        // In one folder, in order; or not.
        (
            ORDERED,
            "put a 1; put b 2",
            "rename a c; rename b d",
            &["a=1 b=2", "b=2 c=1", "c=1 d=2"],
        ),
        (
            CHAOS,
            "put a 1; put b 2",
            "rename a c; rename b d",
            &["a=1 b=2", "b=2 c=1", "a=1 d=2", "c=1 d=2"],
        ),
        (ORDERED, "put a 1", "remove a; create b", &["a=1", "", "b="]),
        (
            CHAOS,
            "put a 1",
            "remove a; create b",
            &["a=1", "", "b=", "a=1 b="],
        ),
        // A rename out of a folder has its place in that folder's order.
        (
            ORDERED,
            "mkdir d; sync-dir /; put a 1; put b 2",
            "rename a d/a; rename b c",
            &["a=1 b=2 d/", "b=2 d/ d/a=1", "c=2 d/ d/a=1"],
        ),
        (
            CHAOS,
            "mkdir d; sync-dir /; put a 1; put b 2",
            "rename a d/a; rename b c",
            &["a=1 b=2 d/", "b=2 d/ d/a=1", "a=1 c=2 d/", "c=2 d/ d/a=1"],
        ),
        // Two folders know nothing of each other.
        (
            BOTH,
            "mkdir p; mkdir q; sync-dir /",
            "create p/a; create q/b",
            &["p/ q/", "p/ p/a= q/", "p/ q/ q/b=", "p/ p/a= q/ q/b="],
        ),
        (
            BOTH,
            "mkdir p; mkdir q; sync-dir /; put p/a 1",
            "rename p/a q/b; sync-dir q",
            &["p/ q/ q/b=1"],
        ),
        // The old name's folder is not enough.
        (
            BOTH,
            "mkdir p; mkdir q; sync-dir /; put p/a 1",
            "rename p/a q/b; sync-dir p",
            &["p/ q/ q/b=1", "p/ p/a=1 q/"],
        ),
        // A folder's name is a name, too.
        (BOTH, "", "mkdir d; put d/f 1", &["", "d/ d/f=1"]),
        (BOTH, "", "mkdir d; put d/f 1; sync-dir /", &["d/ d/f=1"]),
        (
            BOTH,
            "mkdir d; sync-dir /",
            "create d/f; sync-dir /",
            &["d/", "d/ d/f="],
        ),
        (BOTH, "mkdir d; sync-dir /", "rmdir d", &["d/", ""]),
        // Nothing that was moved out of a folder is lost with it.
        (
            BOTH,
            "mkdir d; sync-dir /; put d/f 1",
            "rename d/f f; rmdir d",
            &["d/ d/f=1", "d/ f=1", "f=1"],
        ),
        (
            ORDERED,
            "mkdir d; sync-dir /; put d/f 1",
            "remove d/f; rmdir d; sync-dir /",
            &[""],
        ),
        // Whether a file was ever under a name that it left for good shows only if another one may still have it.
        (
            CHAOS,
            "mkdir d; sync-dir /",
            "put t a; rename t d/n; sync-dir d",
            &["d/ d/n=a"],
        ),
        (
            CHAOS,
            "mkdir d; sync-dir /; put t old",
            "remove t; create t; rename t d/n; sync-dir d",
            &["d/ d/n=", "d/ d/n= t=old"],
        ),
        // Where a rename links first, both names may stay.
        (ORDERED, "put t a", "rename-new t n", &["t=a", "n=a"]),
        (
            CHAOS,
            "put t a",
            "rename-new t n",
            &["t=a", "n=a", "n=a t=a"],
        ),
        (BOTH, "put t a", "rename-new t n; sync-dir /", &["n=a"]),
        (
            CHAOS,
            "mkdir d; sync-dir /; put t a",
            "rename-new t d/n; sync-dir d",
            &["d/ d/n=a", "d/ d/n=a t=a"],
        ),
    ];
    for (models, durable, script, expected) in table {
        check(models, durable, script, expected);
    }
}

#[test]
fn a_failed_sync_is_not_made_good_by_a_second() {
    let table: &[(&str, &str, &[&str])] = &[
        (
            "",
            "create f; sync-dir /; write f abcd; fail-sync f; sync f",
            &["f=", "f=....", "f=abcd"],
        ),
        (
            "put f abcd",
            "write f x; fail-sync f; sync f",
            &["f=abcd", "f=xbcd"],
        ),
        // Writing it again helps, and for no more than what is written again.
        (
            "put f abcd",
            "write f x; fail-sync f; write f x; sync f",
            &["f=xbcd"],
        ),
        (
            "put f abcdefgh",
            "write f xxxx; fail-sync f; write f yyyy at 4; sync f",
            &["f=abcdyyyy", "f=xxxxyyyy"],
        ),
        (
            "put f abcd",
            "write f x; fail-sync f; remove f; put f xbcd",
            &["f=xbcd"],
        ),
        // What was durable before stays so.
        ("put f abcd", "fail-sync f; fail-sync-dir /", &["f=abcd"]),
        ("", "create f; fail-sync-dir /; sync-dir /", &["", "f="]),
        (
            "put f a",
            "remove f; fail-sync-dir /; sync-dir /",
            &["", "f=a"],
        ),
        // What a lost rename was to move stays where it was, and so does the folder around it.
        (
            "mkdir d; sync-dir /; put d/f 1",
            "rename d/f f; fail-sync-dir /; rmdir d; sync-dir /",
            &["d/ d/f=1", "f=1"],
        ),
        (
            "put n a; put t b",
            "rename t n; fail-sync-dir /; sync-dir /",
            &["n=a t=b", "n=b"],
        ),
        (
            "put n a; put t b",
            "rename t n; fail-sync-dir /; put u b; rename u n; sync-dir /",
            &["n=b", "n=b t=b"],
        ),
    ];
    for (durable, script, expected) in table {
        check(BOTH, durable, script, expected);
    }
}

#[test]
fn each_moment_of_the_history_can_be_the_last() {
    let mut runner = Runner::new();
    runner.run("create t; write t ab; sync t; rename t n; sync-dir /");
    let table: &[(usize, &[&str])] = &[
        (0, &[""]),
        (1, &["", "t="]),
        (2, &["", "t=", "t=..", "t=ab"]),
        (3, &["", "t=ab"]),
        (4, &["", "t=ab", "n=ab"]),
        (5, &["n=ab"]),
    ];
    assert_eq!(runner.power.history_len(), 5);
    for (changes, expected) in table {
        let found = images(&runner.power.power_cut(*changes), MANY);
        let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(found, expected, "after {changes}");
    }
}

#[test]
fn too_many_states_are_drawn_from_the_same() {
    let mut runner = Runner::new();
    runner.run("create a; write a 1111222233334444; create b; write b 55556666; sync-dir /; mkdir d; create d/e");
    for model in BOTH {
        let cut = runner.cut(*model);
        let all = images(&cut, 100_000);
        // Any of 31 contents of a, 7 of b, and no folder, an empty one or a full one.
        assert_eq!(all.len(), 31 * 7 * 3);
        for max in [0, 1, 7, 200] {
            let some = images(&cut, max);
            assert_eq!(some.len(), max, "{model:?}");
            assert!(
                some.is_subset(&all),
                "{model:?}: {:?}",
                some.difference(&all)
            );
        }
        let drawn = |seed| -> Vec<String> {
            cut.states(seed, 200)
                .iter()
                .map(|state| format!("{state:?}"))
                .collect()
        };
        assert_eq!(drawn(3), drawn(3), "a seed gives the same states again");
        assert_ne!(drawn(3), drawn(4), "seeds differ");
    }
}

#[test]
fn what_programs_forget_comes_first() {
    let mut runner = Runner::new();
    runner.run("create f; sync-dir /; write f 1111222233334444; create g; create h");
    let expected = [
        "f=",
        "f= g= h=",
        "f=1111222233334444 g= h=",
        "f=1111222233334444",
        "f=................ g= h=",
        "f=11112222 g= h=",
        "f=111122223333.... g= h=",
        "f=....222233334444 g= h=",
        // And each change of a name as the last to arrive, or the first.
        "f= g=",
        "f=1111222233334444 g=",
    ];
    let states = runner.cut(CrashModel::Ordered).states(0, expected.len());
    let found: Vec<String> = states.iter().map(|state| text_of(state.image())).collect();
    assert_eq!(found, expected);
}

#[test]
fn times_last_by_a_sync_of_all() {
    for (what, expected) in [
        (None, 2),
        (Some(SyncWhat::Data), 2),
        (Some(SyncWhat::All), 1),
    ] {
        let fs = PowerLossFs::new();
        let root = fs.open_root(Path::new("/")).unwrap();
        let file = fs.create_file(&root, OsStr::new("f")).unwrap();
        fs.sync_file(&file, SyncWhat::All).unwrap();
        fs.sync_dir(&root).unwrap();
        fs.set_modified(&file, 77).unwrap();
        if let Some(what) = what {
            fs.sync_file(&file, what).unwrap();
        }
        let times: BTreeSet<u64> = (0..64)
            .flat_map(|seed| fs.crash_states(seed, 4))
            .map(|state| time_of_f(&state.mount()))
            .collect();
        assert_eq!(times.len(), expected, "{what:?}");
        assert!(times.contains(&77), "{what:?}");
    }
}

fn time_of_f(fs: &PowerLossFs) -> u64 {
    let root = fs.open_root(Path::new("/")).unwrap();
    fs.metadata(&root, Path::new("f"), Wait::Yes)
        .unwrap()
        .modified
}

#[test]
fn a_sync_covers_only_what_was_done_before_it_began() {
    let fs = PowerLossFs::new();
    let root = fs.open_root(Path::new("/")).unwrap();
    let file = fs.create_file(&root, OsStr::new("f")).unwrap();
    fs.write_at(&file, b"before", 0).unwrap();

    let meanwhile = (fs.clone(), root.clone());
    fs.while_syncing(move || {
        let (fs, root) = &meanwhile;
        let _ = fs.create_file(root, OsStr::new("g"));
    });
    fs.sync_dir(&root).unwrap();
    let meanwhile = fs.clone();
    let file = Arc::new(file);
    let same_file = Arc::clone(&file);
    fs.while_syncing(move || {
        meanwhile.write_at(&same_file, b"during", 0).unwrap();
    });
    fs.sync_file(&file, SyncWhat::All).unwrap();

    let expected = ["f=before", "f=during", "f=before g=", "f=during g="];
    let found = images(&fs.power_cut(usize::MAX), MANY);
    assert_eq!(found, expected.map(str::to_owned).into());
}

#[test]
fn a_state_tells_what_is_missing() {
    let table: &[(&str, &[&str])] = &[
        (
            "put f abcd; write f xy; create g",
            &[
                "missing change 5: create file 3 as \"g\" in 1\nfile 2: 4 of 4 bytes, old blocks: 1\n",
                "missing change 5: create file 3 as \"g\" in 1\n",
                "file 2: 4 of 4 bytes, old blocks: 1\n",
                "nothing missing",
            ],
        ),
        // The contents of what has no name are nobody's loss.
        (
            "create f; write f x",
            &[
                "missing change 0: create file 2 as \"f\" in 1\n",
                "file 2: 0 of 1 bytes, old blocks: 0\n",
                "file 2: 1 of 1 bytes, old blocks: 1\n",
                "nothing missing",
            ],
        ),
    ];
    for (script, expected) in table {
        let mut runner = Runner::new();
        runner.run(script);
        let states = runner.cut(CrashModel::Ordered).states(0, MANY);
        let told: BTreeSet<String> = states.iter().map(ToString::to_string).collect();
        let expected = expected.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(told, expected, "{script}");
    }
}

#[test]
fn a_crashed_disk_can_be_used_and_crash_again() {
    let mut runner = Runner::new();
    runner.run("put f abcd; create g");
    for state in runner.cut(CrashModel::Ordered).states(0, MANY) {
        let fs = state.mount();
        assert_eq!(
            fs.crash_states(0, MANY).len(),
            1,
            "what survived is durable"
        );
        let root = fs.open_root(Path::new("/")).unwrap();
        let file = fs.create_file(&root, OsStr::new("h")).unwrap();
        fs.write_at(&file, b"new", 0).unwrap();
        let found = images(&fs.power_cut(usize::MAX), MANY);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(
            found.iter().all(|image| image.starts_with("f=abcd")),
            "{found:?}"
        );
    }
}
