//! Both write one folder at the same time.
//!
//! The JavaScript process writes and lists without a pause from before our first operation until after our last, so that
//! the two do overlap, however the system schedules them.

use std::collections::BTreeSet;
use std::path::Path;

use interface_datastore::{DatastoreExt, Key};
use pollster::block_on;
use serde_json::{Value, json};

use crate::side::{Contents, JavaScript, Layers, Ours, Side};
use crate::tree::tree;

fn rounds() -> u32 {
    let full = std::env::var_os("RS_STORES_RUNS").is_some_and(|runs| runs == "full");
    if full { 2000 } else { 200 }
}

/// A value that tells whether it is whole, as in `store.mjs`: one byte repeated, as often as that byte says. Theirs are
/// below 128, ours above.
fn stamped(byte: u8) -> Vec<u8> {
    vec![byte; 1 + usize::from(byte) * 500]
}

fn our_stamp(round: u32) -> Vec<u8> {
    stamped(128 + (round % 128) as u8)
}

fn is_whole(value: &[u8]) -> bool {
    value.first().is_some_and(|byte| stamped(*byte) == value)
}

fn check_whole(contents: &Contents) {
    for (key, value) in contents {
        assert!(
            is_whole(value),
            "{key} holds a torn value of {} bytes",
            value.len()
        );
    }
}

/// Both open the folder, and the JavaScript store starts to write these keys.
fn start(folder: &Path, keys: &[&str]) -> (JavaScript, Ours) {
    let mut javascript = JavaScript::open(folder, Layers::NONE);
    assert_eq!(javascript.ask(json!(["churn", keys])), "ok");
    (javascript, Ours::open(folder, Layers::NONE))
}

/// Ends the writing. It must have gone well, without a torn value, and listed nothing but `listed`.
fn stop(javascript: &mut JavaScript, listed: &[&str]) -> Value {
    let outcome = javascript.ask(json!(["stop"]));
    assert_eq!(outcome["torn"], 0, "{outcome}");
    let allowed: BTreeSet<_> = listed.iter().copied().collect();
    let seen = outcome["listed"]
        .as_array()
        .unwrap_or_else(|| panic!("{outcome}"));
    assert!(
        seen.iter()
            .all(|key| allowed.contains(key.as_str().unwrap())),
        "{outcome}"
    );
    outcome
}

/// No file is left but those of keys, our marker, and the lock of our open store.
fn check_no_leftovers(folder: &Path) {
    for (path, contents) in tree(folder) {
        let end = path.extension().and_then(|end| end.to_str());
        let known = match path.strip_prefix(".datastore") {
            Ok(ours) => {
                ours == Path::new("format") || ours.starts_with("keys") || end == Some("lock")
            }
            Err(_) => end == Some("data"),
        };
        assert!(known || contents.is_none(), "{path:?} is left behind");
    }
}

pub(crate) fn different_keys() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = ["/theirs", "/both/theirs"];
    let mine = ["/ours", "/both/ours", "/deep/er/ours"];
    let hidden = "/.hidden/ours";
    let (mut javascript, mut ours) = start(folder.path(), &theirs);
    let visible: Vec<_> = theirs.into_iter().chain(mine).collect();
    let all: BTreeSet<_> = visible.iter().copied().chain([hidden]).collect();
    for round in 0..rounds() {
        for key in mine.into_iter().chain([hidden]) {
            ours.put(key, &our_stamp(round));
            assert_eq!(ours.get(key).unwrap(), our_stamp(round), "{key}");
        }
        let contents = ours.contents().unwrap();
        assert!(
            contents.keys().map(String::as_str).eq(all.iter().copied()),
            "{:?}",
            contents.keys()
        );
        check_whole(&contents);
    }
    let outcome = stop(&mut javascript, &visible);
    assert_eq!(outcome["failed"], json!({}));
    for key in theirs {
        let last = outcome["lastWritten"][key].as_u64().unwrap();
        assert_eq!(ours.get(key).unwrap(), stamped(last as u8), "{key}");
    }
    for key in mine {
        assert_eq!(
            javascript.get(key).unwrap(),
            our_stamp(rounds() - 1),
            "{key}"
        );
    }
    check_no_leftovers(folder.path());
}

/// Whoever of us reads while both write one key sees a value that one of us has written.
pub(crate) fn one_key() {
    let folder = tempfile::tempdir().unwrap();
    let (mut javascript, mut ours) = start(folder.path(), &["/k"]);
    let reader = ours.0.clone();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..rounds() {
                ours.put("/k", &our_stamp(round));
                check_whole(&ours.contents().unwrap());
            }
        });
        while !writer.is_finished() {
            let value = block_on(reader.get(&Key::new("/k"))).unwrap();
            assert!(is_whole(&value), "a torn value of {} bytes", value.len());
        }
        writer.join().unwrap();
    });
    let outcome = stop(&mut javascript, &["/k"]);
    assert_eq!(outcome["failed"], json!({}));
    check_no_leftovers(folder.path());

    ours.put("/k", b"last");
    assert_eq!(javascript.get("/k").unwrap(), b"last");
    assert_eq!(ours.keys().unwrap(), ["/k"]);
}

/// We remove folders that are empty. What the JavaScript store has written is never lost by that. A put of it can fail, if its
/// folder goes between its making that and its writing the file there.
pub(crate) fn pruning() {
    let folder = tempfile::tempdir().unwrap();
    let (mut javascript, mut ours) = start(folder.path(), &["/d/e/theirs", "/f/theirs"]);
    for round in 0..rounds() {
        ours.put("/d/e/ours", &our_stamp(round));
        ours.delete("/d/e/ours");
        ours.delete("/d/e/theirs");
        check_whole(&ours.contents().unwrap());
    }
    let outcome = stop(&mut javascript, &["/d/e/theirs", "/d/e/ours", "/f/theirs"]);
    let failed = outcome["failed"].as_object().unwrap();
    assert!(
        failed.keys().all(|name| name == "PutFailedError"),
        "{outcome}"
    );
    let last = outcome["lastWritten"]["/f/theirs"].as_u64().unwrap();
    assert_eq!(ours.get("/f/theirs").unwrap(), stamped(last as u8));

    javascript.put("/d/e/theirs", b"last");
    assert_eq!(ours.get("/d/e/theirs").unwrap(), b"last");
    ours.put("/d/e/ours", b"last");
    assert_eq!(javascript.get("/d/e/ours").unwrap(), b"last");
}

/// A JavaScript process that dies leaves at most a temporary file, which is no key, and does not stand in anybody's way.
pub(crate) fn killed() {
    for _ in 0..rounds() / 50 {
        let folder = tempfile::tempdir().unwrap();
        let (javascript, mut ours) = start(folder.path(), &["/a/k"]);
        ours.put("/a/ours", &our_stamp(1));
        javascript.kill();
        // What it leaves if it dies between writing and renaming.
        std::fs::write(folder.path().join("a/.k.data.tmp"), "half a val").unwrap();
        std::fs::write(folder.path().join("a/.new.data.tmp"), "").unwrap();

        let contents = ours.contents().unwrap();
        assert!(
            contents.keys().eq(["/a/k", "/a/ours"]),
            "{:?}",
            contents.keys()
        );
        check_whole(&contents);
        let mut again = JavaScript::open(folder.path(), Layers::NONE);
        assert_eq!(again.contents().unwrap(), contents);
        again.put("/a/k", b"theirs");
        assert_eq!(ours.get("/a/k").unwrap(), b"theirs");
        ours.put("/a/k", b"ours");
        assert_eq!(again.get("/a/k").unwrap(), b"ours");
        assert_eq!(
            Ours::open(folder.path(), Layers::NONE).keys().unwrap(),
            ["/a/k", "/a/ours"]
        );
    }
}
