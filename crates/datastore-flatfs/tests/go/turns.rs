//! Both on one directory, one after the other and beside each other.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use datastore_flatfs::{Accuracy, FlatfsDatastore, FlatfsOptions, Names, ShardFunction, convert};
use futures::TryStreamExt;
use interface_datastore::{
    Batch, DatastoreExt, Durability, Finding, Key, Maintenance, MaintenanceEvent, Query,
};
use pollster::block_on;

use crate::program::{Contents, Told, Turn};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("go_turn_by_turn", turn_by_turn),
    ("go_does_the_same", the_same),
    ("go_after_a_kill", after_a_kill),
    ("go_killed", killed),
    ("go_beside_us", beside_us),
    ("go_moves_and_converts", converted),
    ("go_refuses", refused),
];

/// Tells a child process where its store is.
pub(crate) const CHILD: &str = "FLATFS_TESTS_CHILD";
const KILLED: i32 = 77;

const FUNCTIONS: &[&str] = &["next-to-last/2", "next-to-last/3", "prefix/1", "suffix/4"];

fn function(text: &str) -> ShardFunction {
    ShardFunction::from_short(text).unwrap()
}

fn open(dir: &Path) -> FlatfsDatastore {
    open_with(dir, FlatfsOptions::new())
}

fn open_with(dir: &Path, options: FlatfsOptions) -> FlatfsDatastore {
    block_on(FlatfsDatastore::open(dir, options)).unwrap()
}

fn close(store: &FlatfsDatastore) {
    block_on(store.close()).unwrap();
}

fn contents(store: &FlatfsDatastore) -> Contents {
    let entries: Vec<_> = block_on(store.query(Query::all()).try_collect()).unwrap();
    let pair = |entry: interface_datastore::Entry| {
        let key = entry.key.clone();
        let got = block_on(store.get(&key)).unwrap();
        let value = entry.into_value();
        assert_eq!(got, value, "{key}");
        (key.to_string(), value.to_vec())
    };
    entries.into_iter().map(pair).collect()
}

/// What a check finds, but for remarks.
fn faults(store: &FlatfsDatastore) -> Vec<Finding> {
    let events = store.maintain(Maintenance::Check);
    let events: Vec<_> = block_on(events.try_collect()).unwrap();
    let fault = |event| match event {
        MaintenanceEvent::Finding(finding) => {
            (finding.severity > interface_datastore::Severity::Info).then_some(finding)
        }
        _ => None,
    };
    events.into_iter().filter_map(fault).collect()
}

fn ours(dir: &Path, held: &Contents, when: &str) -> FlatfsDatastore {
    let store = open(dir);
    assert_eq!(contents(&store), *held, "{when}");
    assert_eq!(faults(&store), [], "{when}");
    store
}

fn theirs(turn: Turn, held: &Contents, when: &str) -> Told {
    let told = turn.run().unwrap_or_else(|error| panic!("{when}: {error}"));
    assert_eq!(told.failures, [""; 0], "{when}");
    assert_eq!(told.contents, *held, "{when}");
    told
}

/// The number that Go counts in a directory that it has not seen before: of a copy without the number and without what is ours.
fn counted_by_go(dir: &Path) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    copy(dir, folder.path());
    let own = |name: &str| name.starts_with(".flatfs-") || name == "diskUsage.cache";
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        if own(entry.file_name().to_str().unwrap()) {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    Turn::on(folder.path()).run().unwrap().usage
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let path = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &path);
        } else {
            fs::copy(entry.path(), path).unwrap();
        }
    }
}

/// Each writes, overwrites and deletes what the other wrote, in ones and in batches.
fn turn_by_turn() {
    for (at, shard) in FUNCTIONS.iter().enumerate() {
        for durability in [Durability::Process, Durability::Power] {
            let folder = tempfile::tempdir().unwrap();
            let dir = folder.path().join("blocks");
            let mut held = Contents::new();
            for round in 0..4_u8 {
                let when = format!("{shard}, {durability:?}, round {round}");
                // Either is the first.
                if round > 0 || at % 2 == 0 {
                    let options = FlatfsOptions::new()
                        .with_shard(function(shard))
                        .with_durability(durability);
                    let store = open_with(&dir, options);
                    assert_eq!(contents(&store), held, "{when}");
                    our_turn(&store, round, &mut held);
                    block_on(store.counted());
                    let (bytes, accuracy) = store.usage();
                    assert_eq!(accuracy, Accuracy::Exact, "{when}");
                    assert_eq!(faults(&store), [], "{when}");
                    close(&store);
                    let told = theirs(Turn::on(&dir), &held, &when);
                    assert_eq!(
                        (told.usage, &*told.accuracy),
                        (bytes, "initial-exact"),
                        "{when}"
                    );
                    assert_eq!(bytes, counted_by_go(&dir), "{when}");
                }
                let turn = Turn::on(&dir)
                    .with("create", function(shard).to_string())
                    .with("sync", durability == Durability::Power);
                let told = theirs(their_turn(turn, round, &mut held), &held, &when);
                assert_eq!(told.shard, function(shard).to_string());
            }
            close(&ours(&dir, &held, "at the end"));
        }
    }
}

fn our_turn(store: &FlatfsDatastore, round: u8, held: &mut Contents) {
    block_on(async {
        for at in 0..5 {
            let (key, value) = (format!("/KEY{at}{round}"), vec![round; at * 99]);
            store.put(&Key::new(&key), value.clone()).await.unwrap();
            held.insert(key, value);
        }
        let mut batch = Batch::new();
        batch.put(Key::new("/GO_A"), "ours now");
        batch.put(Key::new("/BATCHED"), vec![round; 700]);
        batch.delete(Key::new("/GO_B"));
        store.write(batch).await.unwrap();
        store
            .delete(&Key::new(format!("/KEY1{round}")))
            .await
            .unwrap();
    });
    held.insert("/GO_A".to_owned(), b"ours now".to_vec());
    held.insert("/BATCHED".to_owned(), vec![round; 700]);
    held.remove("/GO_B");
    held.remove(&format!("/KEY1{round}"));
}

fn their_turn(mut turn: Turn, round: u8, held: &mut Contents) -> Turn {
    for (words, key, value) in [
        ("put", "/GO_A".to_owned(), vec![round; 5]),
        ("put", "/KEY01".to_owned(), b"theirs".to_vec()),
        ("batch put", "/GO_B".to_owned(), vec![round; 300]),
        ("batch put", format!("/GO-{round}"), vec![round]),
    ] {
        turn.step(format!("{words} {key}"), &value);
        held.insert(key, value);
    }
    for (words, key) in [
        ("batch delete", "/BATCHED".to_owned()),
        ("delete", format!("/KEY2{round}")),
    ] {
        turn.step(format!("{words} {key}"), b"");
        held.remove(&key);
    }
    turn.step("commit", b"");
    turn
}

/// The same calls on two directories leave the same files and the same number, to the byte.
fn the_same() {
    for shard in FUNCTIONS {
        for seed in 0..6 {
            let folder = tempfile::tempdir().unwrap();
            let [dir, their_dir] = ["ours", "theirs"].map(|name| folder.path().join(name));
            let create = function(shard).to_string();
            let mut turn = Turn::on(&their_dir).with("create", create);
            let store = open_with(&dir, FlatfsOptions::new().with_shard(function(shard)));
            let random = &mut fastrand::Rng::with_seed(seed);
            for _ in 0..60 {
                one_of_the_same(&store, &mut turn, random);
            }
            turn.run().unwrap();
            close(&store);
            let (ours, theirs) = (files(&dir), files(&their_dir));
            assert!(
                ours.keys().eq(theirs.keys()),
                "{shard}, seed {seed}: {ours:?}\n{theirs:?}"
            );
            for (name, bytes) in &ours {
                match &**name {
                    // A text for people, of which each has its own.
                    "_README" => {}
                    "diskUsage.cache" => {
                        let text =
                            |files: &Contents| String::from_utf8(files[name].clone()).unwrap();
                        let readme = |files: &Contents| files.get("_README").map_or(0, Vec::len);
                        let shift = readme(&ours) as i64 - readme(&theirs) as i64;
                        assert_eq!(
                            text(&ours),
                            shifted(&text(&theirs), shift),
                            "{shard}, seed {seed}"
                        );
                    }
                    _ => assert_eq!(
                        theirs.get(name),
                        Some(bytes),
                        "{shard}, seed {seed}: {name}"
                    ),
                }
            }
        }
    }
}

/// The text of the cached number with this added to it.
fn shifted(text: &str, shift: i64) -> String {
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    let sum = number.parse::<i64>().unwrap() + shift;
    text.replace(&number, &sum.to_string())
}

fn one_of_the_same(store: &FlatfsDatastore, turn: &mut Turn, random: &mut fastrand::Rng) {
    let value = |random: &mut fastrand::Rng| vec![b'x'; random.usize(1..2000)];
    let key = |random: &mut fastrand::Rng| {
        format!(
            "/{}{}",
            ["QUUX", "AB", "A", "_-+="][random.usize(..4)],
            random.u8(..9)
        )
    };
    match random.u8(..5) {
        0 | 1 => {
            let (key, value) = (key(random), value(random));
            turn.step(format!("put {key}"), &value);
            block_on(store.put(&Key::new(key), value)).unwrap();
        }
        2 => {
            let key = key(random);
            turn.step(format!("delete {key}"), b"");
            block_on(store.delete(&Key::new(key))).unwrap();
        }
        _ => {
            let mut batch = Batch::new();
            // No key twice: Go keeps the first value of two.
            let mut keys: Vec<_> = (0..random.usize(..9)).map(|_| key(random)).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                if random.bool() {
                    let value = value(random);
                    turn.step(format!("batch put {key}"), &value);
                    batch.put(Key::new(key), value);
                } else {
                    turn.step(format!("batch delete {key}"), b"");
                    batch.delete(Key::new(key));
                }
            }
            turn.step("commit", b"");
            block_on(store.write(batch)).unwrap();
        }
    }
}

/// All files with their bytes and all folders, but for our notes.
fn files(dir: &Path) -> Contents {
    let mut files = Contents::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                files.insert(format!("{name}/"), Vec::new());
                pending.push(path);
            } else if !name.starts_with(".flatfs-") {
                let bytes = fs::read(&path).unwrap();
                files.insert(name, bytes);
            }
        }
    }
    files
}

/// What a child process does before it ends as if it were killed.
pub(crate) fn dies(dir: &Path) -> ! {
    let store = open(dir);
    our_turn(&store, 1, &mut Contents::new());
    std::process::exit(KILLED);
}

/// Ours was killed: Go finds all that was acknowledged, and ours counts anew after it.
fn after_a_kill() {
    for go_runs in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("blocks");
        let status = Command::new(std::env::current_exe().unwrap())
            .env(CHILD, &dir)
            .stdout(Stdio::null())
            .status();
        assert_eq!(status.unwrap().code(), Some(KILLED));
        let mut held = Contents::new();
        let scratch = tempfile::tempdir().unwrap();
        our_turn(&open(&scratch.path().join("s")), 1, &mut held);
        if go_runs {
            theirs(
                their_turn(Turn::on(&dir), 1, &mut held.clone()),
                &{
                    let mut after = held.clone();
                    their_turn(Turn::on(&dir), 1, &mut after);
                    after
                },
                "after a kill",
            );
            their_turn(Turn::on(&dir), 1, &mut held);
        }
        let store = ours(&dir, &held, "after a kill");
        block_on(store.counted());
        let (bytes, accuracy) = store.usage();
        close(&store);
        assert_eq!(
            (bytes, accuracy),
            (counted_by_go(&dir), Accuracy::Exact),
            "Go ran: {go_runs}"
        );
    }
}

/// Go was killed, in a batch: ours opens, shows nothing of the batch, and counts right when it is told to.
fn killed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("blocks");
    let mut held = Contents::new();
    let store = open(&dir);
    our_turn(&store, 0, &mut held);
    close(&store);
    let mut turn = their_turn(Turn::on(&dir), 0, &mut held).with("noClose", true);
    turn.step("batch put /NEVER", b"committed");
    theirs(turn, &held, "killed");
    let waiting = files(&dir)
        .into_keys()
        .any(|name| name.ends_with("/NEVER.data"));
    assert!(waiting, "Go left nothing behind");
    let store = ours(&dir, &held, "after Go was killed");
    let (bytes, accuracy) = block_on(store.recount()).unwrap();
    close(&store);
    assert_eq!((bytes, accuracy), (counted_by_go(&dir), Accuracy::Exact));
}

/// Go knows no lock: it opens the directory again and again while ours is open and writes. It empties the folder for temporary
/// files each time, under puts, which begin anew, and under batches, which fail and tell what became of each key.
fn beside_us() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("blocks");
    let store = open(&dir);
    let writer = {
        let store = store.clone();
        std::thread::spawn(move || write_on(&store))
    };
    let mut theirs_held = Contents::new();
    for number in 0.. {
        if writer.is_finished() {
            break;
        }
        let mut turn = Turn::on(&dir);
        let key = format!("/THEIRS{number}");
        turn.step(format!("put {key}"), b"theirs");
        match turn.run() {
            Ok(told) => {
                assert_eq!(told.failures, [""; 0]);
                theirs_held.insert(key, b"theirs".to_vec());
            }
            // A file that ours made while Go was emptying that folder.
            Err(error) => assert!(error.contains("temporary directory"), "{error}"),
        }
    }
    let (mut held, unknown) = writer.join().unwrap();
    held.extend(theirs_held);
    let mut found = contents(&store);
    found.retain(|key, _| !unknown.contains(key));
    assert_eq!(found, held);
    assert_eq!(faults(&store), []);
    close(&store);
    let mut told = Turn::on(&dir).run().unwrap();
    told.contents.retain(|key, _| !unknown.contains(key));
    assert_eq!(told.contents, held);
}

/// Puts and batches. Gives what they wrote as far as it was acknowledged or reported, and the keys of which nothing is known.
fn write_on(store: &FlatfsDatastore) -> (Contents, BTreeSet<String>) {
    let (mut written, mut unknown) = (Contents::new(), BTreeSet::new());
    for number in 0..400 {
        let (key, value) = (format!("/OURS{number}"), vec![b'o'; number]);
        block_on(store.put(&Key::new(&key), value.clone())).unwrap();
        written.insert(key, value);
        let mut batch = Batch::new();
        let keys = ["BATCH", "MORE"].map(|name| Key::new(format!("/{name}{number}")));
        for key in &keys {
            batch.put(key.clone(), "in a batch");
        }
        let applied = match block_on(store.write(batch)) {
            Ok(_) => keys.to_vec(),
            Err(error) => {
                let report = error.report().expect("a batch that failed is reported on");
                unknown.extend(report.unknown.iter().map(Key::to_string));
                report.applied.clone()
            }
        };
        let pair = |key: Key| (key.to_string(), b"in a batch".to_vec());
        written.extend(applied.into_iter().map(pair));
    }
    (written, unknown)
}

/// Each moves and converts what the other made.
fn converted() {
    let folder = tempfile::tempdir().unwrap();
    let [dir, other] = ["blocks", "other"].map(|name| folder.path().join(name));
    let (go_on, options) = (
        &mut |_: convert::Event<'_>| ControlFlow::Continue(()),
        FlatfsOptions::new(),
    );
    let mut held = Contents::new();
    let store = open(&dir);
    our_turn(&store, 0, &mut held);
    close(&store);

    // Theirs, to where ours made a directory; then ours, back again and in place; then theirs reads.
    convert::create(&other, function("prefix/3"), &options).unwrap();
    let moved = Turn::on(&dir).with("move", other.to_str().unwrap());
    moved.run().unwrap_or_else(|error| panic!("{error}"));
    let store = ours(&other, &held, "moved by Go");
    block_on(store.counted());
    assert_eq!(
        store.usage(),
        (counted_by_go(&other), Accuracy::Exact),
        "moved by Go"
    );
    close(&store);
    convert::create(&dir, ShardFunction::default(), &options).unwrap();
    convert::move_store(&other, &dir, &options, go_on).unwrap();
    theirs(Turn::on(&dir), &held, "moved by ours");
    convert::reshard(&dir, function("prefix/2"), &options, go_on).unwrap();
    let told = theirs(Turn::on(&dir), &held, "re-sharded");
    assert_eq!(told.shard, function("prefix/2").to_string());
    assert_eq!(told.usage, counted_by_go(&dir));

    // The layout without a file SHARDING, and back, by one and by the other.
    for theirs_first in [true, false] {
        if theirs_first {
            Turn::on(&dir)
                .with("downgrade", true)
                .run()
                .unwrap_or_else(|error| panic!("{error}"));
            convert::upgrade(&dir, 2, &options).unwrap();
        } else {
            convert::downgrade(&dir, &options).unwrap();
            Turn::on(&dir)
                .with("upgrade", 2)
                .run()
                .unwrap_or_else(|error| panic!("{error}"));
        }
        close(&ours(&dir, &held, "down and up"));
        theirs(Turn::on(&dir), &held, "down and up");
    }
}

/// What Go must not misread it refuses.
fn refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("escaped");
    let store = open_with(&dir, FlatfsOptions::new().with_names(Names::Escaped));
    block_on(store.put(&Key::new("/any key/at all"), "v")).unwrap();
    close(&store);
    let error = Turn::on(&dir).run().unwrap_err();
    assert!(error.contains("prefix"), "{error}");
    assert_eq!(
        block_on(open(&dir).get(&Key::new("/any key/at all"))).unwrap(),
        "v"
    );

    // Half re-sharded.
    let dir = folder.path().join("half");
    let store = open(&dir);
    our_turn(&store, 0, &mut Contents::new());
    close(&store);
    let stop = &mut |event: convert::Event<'_>| match event {
        convert::Event::Progress {
            phase: convert::Phase::Moving,
            done: 2,
            ..
        } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    convert::reshard(&dir, function("prefix/2"), &FlatfsOptions::new(), stop).unwrap_err();
    let error = Turn::on(&dir).run().unwrap_err();
    assert!(error.contains("prefix"), "{error}");
    let go_on = &mut |_: convert::Event<'_>| ControlFlow::Continue(());
    convert::resume(&dir, &FlatfsOptions::new(), go_on).unwrap();
    let mut held = Contents::new();
    our_turn(&open(&folder.path().join("scratch")), 0, &mut held);
    theirs(Turn::on(&dir), &held, "resumed");
}
