//! Resident memory does not grow with the store or the value. A tenth of the full size unless `RS_STORES_RUNS=full`.

#![cfg(target_os = "linux")]

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

const LIMIT_KIB: u64 = 100 << 10;
const MIB: usize = 1 << 20;

fn full() -> bool {
    std::env::var("RS_STORES_RUNS").is_ok_and(|runs| runs == "full")
}

/// Runs the program and gives the most memory that it had resident, in KiB.
fn peak(folder: &Path, args: &[&str]) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datastore"));
    let mut child = command
        .args(args)
        .current_dir(folder)
        .env("DATASTORE_URL", "fs:store")
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(ended) = child.try_wait().expect("asked") {
            break ended;
        }
        thread::sleep(Duration::from_millis(1));
    };
    assert!(ended.success(), "{args:?}");
    assert!(peak > 0, "{args:?} was too short to be measured");
    peak
}

#[expect(clippy::print_stdout, reason = "a report for who runs this by hand")]
fn check(folder: &Path, args: &[&str]) {
    let peak = peak(folder, args);
    println!("{:>7} KiB  datastore {}", peak, args.join(" "));
    assert!(peak < LIMIT_KIB, "{args:?} took {peak} KiB");
}

/// Bytes that differ from place to place.
fn fill(path: &Path, mib: usize) {
    let mut file = File::create(path).expect("made");
    let mut piece: Vec<u8> = (0..MIB).map(|n| (n % 251) as u8).collect();
    for number in 0..mib {
        piece[0] = (number % 256) as u8;
        file.write_all(&piece).expect("written");
    }
}

#[test]
fn one_value_larger_than_the_limit() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let mib = if full() { 1024 } else { 128 };
    fill(&folder.join("large"), mib);
    check(folder, &["put", "/large", "--file", "large"]);
    check(folder, &["get", "/large", "-o", "back"]);
    check(folder, &["get", "/large"]);
    check(folder, &["cp", "-q", "store", "dst", "--verify"]);
    check(folder, &["cp", "-q", "store", "dst", "--resume"]);
    check(folder, &["export", "-q", "out"]);
    check(folder, &["-s", "again", "import", "-q", "out"]);
    for copy in ["back", "dst/large.data", "out/large", "again/large.data"] {
        assert!(same(&folder.join("large"), &folder.join(copy)), "{copy}");
    }
}

fn same(a: &Path, b: &Path) -> bool {
    let (mut a, mut b) = (File::open(a).expect("there"), File::open(b).expect("there"));
    let (mut left, mut right) = (vec![0; MIB], vec![0; MIB]);
    loop {
        let read = a.read(&mut left).expect("read");
        if read == 0 {
            return b.read(&mut right).expect("read") == 0;
        }
        if b.read_exact(&mut right[..read]).is_err() || left[..read] != right[..read] {
            return false;
        }
    }
}

#[test]
fn a_store_larger_than_the_limit() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let parts = if full() { 2048 } else { 205 };
    // Each part: 16 small values, one that just fits a group and one that is streamed, 1 MiB in all.
    for part in 0..parts {
        let at = folder.join("tree").join(part.to_string());
        fs::create_dir_all(&at).expect("made");
        for number in 0..16 {
            fs::write(at.join(number.to_string()), vec![b's'; 16 << 10]).expect("written");
        }
        fs::write(at.join("group"), vec![b'g'; 256 << 10]).expect("written");
        fs::write(at.join("streamed"), vec![b'l'; 512 << 10]).expect("written");
    }
    check(folder, &["-s", "src", "import", "-q", "tree"]);
    check(folder, &["cp", "-q", "src", "dst"]);
    check(folder, &["cp", "-q", "src", "dst", "--resume"]);
    check(
        folder,
        &["cp", "-q", "src", "dst", "--verify", "--concurrency", "64"],
    );
    check(folder, &["ls", "-s", "dst", "-l"]);
}

#[test]
fn a_listing_of_many_keys() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let folders = if full() { 100 } else { 10 };
    let store = folder.join("store");
    for at in 0..folders {
        let at = store.join(format!("folder-{at}"));
        fs::create_dir_all(&at).expect("made");
        fs::write(at.join("0.data"), "x").expect("written");
        // Names are what matters; links are made faster than files.
        for number in 1..10_000 {
            fs::hard_link(at.join("0.data"), at.join(format!("{number}.data"))).expect("linked");
        }
    }
    check(folder, &["ls"]);
    check(folder, &["ls", "-l", "--reverse"]);
    check(folder, &["ls", "--unsorted"]);
    check(folder, &["ls", "--glob", "**/77*"]);
    check(folder, &["du", "--apparent"]);
}
