//! Two processes on one folder: a key that must be absent is stored by one of them alone.

use std::env;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use datastore_fs::FsDatastore;
use interface_datastore::{DatastoreExt, Key};

use crate::common::open;

/// Set in the racing processes: the folder of the store, and who they are.
const FOLDER: &str = "DATASTORE_FS_RACE_FOLDER";
const NAME: &str = "DATASTORE_FS_RACE_NAME";
const TEST: &str = "processes::an_absent_key_is_stored_by_one_process_alone";

/// Keys with a plain file in a folder that is there, in one that is not, and encoded ones.
fn keys() -> impl Iterator<Item = Key> {
    let rounds = match env::var("RS_STORES_RUNS").as_deref() {
        Ok("full") => 1000,
        _ => 100,
    };
    (0..rounds).flat_map(|round| {
        let texts = [
            format!("/plain/{round}"),
            format!("/new/{round}/deep/er"),
            format!("/../{round}"),
        ];
        texts.map(Key::new)
    })
}

#[test]
fn an_absent_key_is_stored_by_one_process_alone() {
    if let (Some(folder), Ok(name)) = (env::var_os(FOLDER), env::var(NAME)) {
        return pollster::block_on(race(Path::new(&folder), name));
    }
    let folder = tempfile::tempdir().unwrap();
    let store = pollster::block_on(open(folder.path()));
    let mut racers = ["one", "two"].map(|name| Racer::start(folder.path(), name));
    for key in keys() {
        racers.iter_mut().for_each(Racer::go);
        let won = racers.each_mut().map(Racer::won);
        let winner = match won {
            [true, false] => racers[0].name,
            [false, true] => racers[1].name,
            _ => panic!("{key}: one of two must be told that it stored the value: {won:?}"),
        };
        assert_eq!(
            pollster::block_on(store.get(&key)).unwrap(),
            winner,
            "{key}"
        );
    }
    for racer in racers {
        racer.end();
    }
}

/// What a racing process does: for each line that it reads, it tries to store the next key, and tells whether it did.
async fn race(folder: &Path, name: String) {
    let store: FsDatastore = open(folder).await;
    let (mut lines, mut out) = (std::io::stdin().lines(), std::io::stdout());
    for key in keys() {
        lines.next().unwrap().unwrap();
        let won = store.put_if_absent(&key, name.clone()).await.unwrap();
        // On a line of its own, whatever the test runner has begun.
        writeln!(out, "\nwon {won}").unwrap();
    }
}

struct Racer {
    name: &'static str,
    process: Child,
    starts: ChildStdin,
    tells: Lines<BufReader<ChildStdout>>,
}

impl Racer {
    fn start(folder: &Path, name: &'static str) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .env(NAME, name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            name,
            starts: process.stdin.take().unwrap(),
            tells: BufReader::new(process.stdout.take().unwrap()).lines(),
            process,
        }
    }

    fn go(&mut self) {
        self.starts.write_all(b"\n").unwrap();
    }

    /// Waits until it has tried; whether it stored the value. The test runner prints lines of its own.
    fn won(&mut self) -> bool {
        loop {
            let line = self.tells.next().expect("the racer goes on").unwrap();
            if let Some(won) = line.strip_prefix("won ") {
                return won == "true";
            }
        }
    }

    fn end(mut self) {
        drop(self.starts);
        self.tells.for_each(drop);
        assert!(self.process.wait().unwrap().success(), "{}", self.name);
    }
}
