//! `datastore flatfs`, beside the records of what Go's program `flatfs` does.

use std::{fs, path::PathBuf, thread::sleep, time::Duration};

use serde_json::Value;

#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Ran, Sandbox};

const DEFAULT: &str = "/repo/flatfs/shard/v1/next-to-last/2\n";

fn records() -> Vec<Value> {
    let name = "flatfs.json";
    let given =
        std::env::var_os("RS_STORES_VECTORS").map(|folder| PathBuf::from(folder).join(name));
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    let path = given.filter(|path| path.exists()).unwrap_or(own);
    let text = fs::read(path).expect("the vectors");
    let all: Value = serde_json::from_slice(&text).expect("JSON");
    all["cli"].as_array().expect("records").clone()
}

/// What has to be there before a command, which the records leave to the reader.
fn prepare(sandbox: &Sandbox, args: &[String], record: &Value) {
    let stderr = record["stderr"].as_str().unwrap_or_default();
    let sharding = record["sharding"].as_str();
    let fails = record["exit"] != 0;
    let create = |dir: &str, shard: &str| drop(sandbox.all(&[&["flatfs", "create", dir, shard]]));
    match args.first().map(String::as_str) {
        Some("create") if fails && sharding.is_some() => create("x", "next-to-last/2"),
        Some("upgrade") if !stderr.contains("no such file") => {
            sandbox.write("x/QUU/QUUX.data", "old");
        }
        Some("downgrade") if stderr.contains("not found") => {
            fs::create_dir(sandbox.path("x")).expect("made");
        }
        Some("downgrade") if fails => create("x", "suffix/2"),
        Some("downgrade") => create("x", "prefix/2"),
        Some("move") => {
            create("a", "prefix/3");
            sandbox.all(&[&["-s", "flatfs:a", "put", "/QUUX", "old"]]);
            if !fails {
                create("x", "next-to-last/2");
            }
        }
        _ => {}
    }
}

/// Where ours differs, and how: the code, and what standard error holds.
fn difference(args: &[String]) -> Option<(i32, &'static str)> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    Some(match words.as_slice() {
        // A command line that makes no sense exits with 2, as for every command.
        [] => (2, "Usage: datastore flatfs"),
        ["create"] | ["create", _] => (2, "required arguments were not provided"),
        // Help that was asked for is no failure.
        ["help"] => (0, ""),
        // Go's panics.
        ["create", _, ""] => (1, "the shard identifier is empty"),
        _ => return None,
    })
}

/// What ours says where Go's says this.
fn says(stderr: &str) -> &str {
    [
        ("expected 'v1'", "\"v2\" are not known"),
        ("expected 'prefix'", "\"bogus\" is not known"),
        (
            "invalid shard identifier",
            "not in a version, a name and a number",
        ),
        ("already exists", "there is a store already"),
        ("specified shard func", "prefix/2 was asked for"),
        ("strconv.Atoi", "\"three\" is no number"),
        ("open $ROOT/x/SHARDING", "there is no such directory"),
        ("can only downgrade", "re-shard it with a prefix function"),
        ("SHARDING file not found", "no flatfs store"),
        ("does not exist", "there is no such directory"),
        ("Moving Keys", "moved 1 values"),
    ]
    .into_iter()
    .find_map(|(go, ours)| stderr.contains(go).then_some(ours))
    .unwrap_or(stderr)
}

#[test]
fn records_of_the_original() {
    let records = records();
    assert_eq!(records.len(), 21);
    let mut differences = 0;
    for record in records {
        let sandbox = Sandbox::new();
        let given = record["args"].as_array().expect("arguments");
        let given = given
            .iter()
            .map(|arg| arg.as_str().expect("text").to_owned());
        let given: Vec<String> = given.collect();
        prepare(&sandbox, &given, &record);
        let mut args = vec!["flatfs".to_owned()];
        args.extend(given.iter().map(|arg| arg.replace("$ROOT/", "")));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ran = sandbox.run(&args);
        let stderr = record["stderr"].as_str().expect("text");
        let (code, err) = match difference(&given) {
            Some(difference) => {
                differences += 1;
                difference
            }
            None => {
                assert_eq!(ran.out, record["stdout"], "{given:?}");
                let exit = record["exit"].as_i64().expect("a number");
                (i32::try_from(exit).expect("a code"), says(stderr))
            }
        };
        assert_eq!(ran.code, code, "{given:?}: {ran:?}");
        assert!(ran.err.contains(err), "{given:?}: {err:?}: {ran:?}");
        assert_eq!(ran.err.is_empty(), err.is_empty(), "{given:?}: {ran:?}");
        let sharding = fs::read_to_string(sandbox.path("x/SHARDING")).ok();
        assert_eq!(
            sharding.as_deref(),
            record["sharding"].as_str(),
            "{given:?}"
        );
    }
    assert_eq!(differences, 5, "no more than those listed");
}

#[test]
fn moving_leaves_an_empty_directory() {
    let sandbox = Sandbox::new();
    sandbox.all(&[
        &["flatfs", "create", "a", "prefix/3"],
        &["flatfs", "create", "b", "next-to-last/2"],
        &["-s", "flatfs:a", "put", "/QUUX", "1"],
        &["-s", "flatfs:b", "put", "/OTHER", "2"],
    ]);
    sandbox.check(&[
        (
            &["flatfs", "move", "a", "a"],
            "",
            1,
            "",
            "choose two directories",
        ),
        (&["flatfs", "move", "a", "b"], "", 0, "", "moved 1 values"),
        (
            &["flatfs", "move", "a", "b", "-q"],
            "",
            1,
            "",
            "no flatfs store",
        ),
        (&["-s", "flatfs:b", "ls"], "", 0, "/OTHER\n/QUUX\n", ""),
    ]);
    assert_eq!(sandbox.count("a"), 0);
    sandbox.all(&[&["flatfs", "create", "a", "prefix/3"]]);
    sandbox.check(&[(
        &["flatfs", "move", "b", "a", "--json", "-q"],
        "",
        0,
        "{\"left-out\":0,\"unchanged\":0,\"values\":2}\n",
        "",
    )]);
}

#[test]
fn re_sharding_in_place() {
    let sandbox = Sandbox::new();
    sandbox.all(&[
        &["flatfs", "create", "s", "next-to-last/2"],
        &["-s", "flatfs:s", "put", "/QUUX", "1"],
        &["-s", "flatfs:s", "put", "/QAAX", "2"],
    ]);
    sandbox.check(&[
        (
            &["flatfs", "reshard", "s", "prefix/3"],
            "",
            0,
            "",
            "2 values got new places",
        ),
        (&["flatfs", "reshard", "s", "prefix/3", "-q"], "", 0, "", ""),
        (&["-s", "flatfs:s", "get", "/QUUX"], "", 0, "1", ""),
        (&["flatfs", "resume", "s"], "", 2, "", "no conversion"),
        (
            &["flatfs", "reshard", "s", "prefix/x"],
            "",
            2,
            "",
            "next-to-last/2",
        ),
        (
            &["flatfs", "reshard", "none", "prefix/3"],
            "",
            3,
            "",
            "check the path",
        ),
    ]);
    assert_eq!(
        sandbox.read("s/SHARDING"),
        b"/repo/flatfs/shard/v1/prefix/3\n"
    );
    assert!(sandbox.path("s/QUU/QUUX.data").is_file());
}

/// A store half way, as a killed process leaves it.
fn half_way(sandbox: &Sandbox) {
    sandbox.write("s/UU/QUUX.data", "1");
    sandbox.write("s/QAA/QAAX.data", "2");
    sandbox.write(
        "s/SHARDING",
        "/repo/flatfs/resharding/v1 /repo/flatfs/shard/v1/next-to-last/2 /repo/flatfs/shard/v1/prefix/3\n",
    );
}

#[test]
fn interrupted_conversions_are_refused_with_the_remedy() {
    for args in [
        &["flatfs", "resume", "s", "-q"][..],
        &["flatfs", "reshard", "s", "prefix/3", "-q"],
    ] {
        let sandbox = Sandbox::new();
        half_way(&sandbox);
        let remedy = "datastore flatfs resume s";
        sandbox.check(&[
            (&["-s", "flatfs:s", "ls"], "", 3, "", remedy),
            (&["-s", "flatfs:s", "put", "/A", "1"], "", 3, "", remedy),
            (&["flatfs", "reshard", "s", "suffix/2"], "", 3, "", remedy),
            (&["flatfs", "create", "s", "suffix/2"], "", 1, "", remedy),
            (&["flatfs", "info", "s"], "", 3, "", remedy),
            (args, "", 0, "", ""),
            (&["-s", "flatfs:s", "ls"], "", 0, "/QAAX\n/QUUX\n", ""),
        ]);
    }
}

#[test]
fn folders_of_the_javascript_store() {
    let sandbox = Sandbox::new();
    for folder in ["js", "other"] {
        sandbox.write(&format!("{folder}/SHARDING.data"), DEFAULT);
        sandbox.write(&format!("{folder}/UU/QUUX.data"), "1");
        sandbox.write(&format!("{folder}/K/KK.data"), "2");
    }
    sandbox.write("js/es/names/yes.data", "3");
    sandbox.check(&[
        (&["-s", "flatfs:js", "ls"], "", 3, "", "import"),
        (
            &["-s", "fs:js?sharding=marked&read-only=true", "get", "/QUUX"],
            "",
            0,
            "1",
            "",
        ),
        (
            &["flatfs", "import", "js", "f"],
            "",
            1,
            "",
            "left out: js/es/names/yes.data: flatfs cannot hold its key",
        ),
        (
            &["flatfs", "import", "js", "f", "--json", "-q"],
            "",
            1,
            "{\"left-out\":1,\"unchanged\":2,\"values\":0}\n",
            "",
        ),
        (
            &[
                "flatfs", "import", "other", "g", "--shard", "suffix/1", "-q",
            ],
            "",
            0,
            "",
            "",
        ),
        (&["-s", "flatfs:g", "get", "/KK"], "", 0, "2", ""),
        (
            &["flatfs", "adopt", "js"],
            "",
            3,
            "",
            "js/es/names/yes.data",
        ),
        (
            &["flatfs", "adopt", "other"],
            "",
            0,
            "",
            "1 values got new places",
        ),
        (&["-s", "flatfs:other", "get", "/KK"], "", 0, "2", ""),
    ]);
    assert!(sandbox.path("g/X/QUUX.data").is_file());
    assert!(sandbox.path("other/_K/KK.data").is_file());
}

#[cfg(unix)]
#[test]
fn a_store_in_use_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.all(&[
        &["flatfs", "create", "s", "prefix/3"],
        &["flatfs", "create", "t", "prefix/3"],
        &["-s", "flatfs:s", "put", "/QUUX", "1"],
    ]);
    let lock = fs::File::open(sandbox.path("s/.flatfs-lock")).expect("the store's lock");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("locked");
    let says = "close the program that holds it";
    sandbox.check(&[
        (&["flatfs", "reshard", "s", "suffix/2"], "", 3, "", says),
        (&["flatfs", "resume", "s"], "", 3, "", says),
        (&["flatfs", "recount", "s"], "", 3, "", says),
        (&["flatfs", "downgrade", "s"], "", 1, "", says),
        (&["flatfs", "move", "s", "t"], "", 1, "", says),
        (&["flatfs", "move", "t", "s"], "", 1, "", says),
        // Reading needs no lock.
        (&["-s", "flatfs:s", "get", "/QUUX"], "", 0, "1", ""),
    ]);
    drop(lock);
    sandbox.all(&[&["flatfs", "reshard", "s", "suffix/2", "-q"]]);
}

/// Killed or interrupted soon after it has begun: nothing is lost, and nobody takes the half for the whole.
#[cfg(unix)]
#[test]
fn conversions_cut_short_are_resumed() {
    let sandbox = Sandbox::new();
    for number in 0..600 {
        sandbox.write(&format!("tree/VALUE{number:04}X"), number.to_string());
    }
    sandbox.all(&[&["-s", "flatfs:s", "import", "-q", "tree"]]);
    let mut half_way = 0;
    for round in 0..50 {
        let to = ["prefix/7", "next-to-last/2", "suffix/3"][round % 3];
        let args = ["flatfs", "reshard", "s", to, "-q"];
        let mut child = sandbox.command(&args).spawn().expect("starts");
        let signal = [Signal::KILL, Signal::INT][round / 3 % 2];
        while child.try_wait().expect("asked").is_none() {
            if sandbox
                .read("s/SHARDING")
                .starts_with(b"/repo/flatfs/resharding/")
            {
                sleep(Duration::from_millis(round as u64 % 7));
                // It may have ended by now.
                let _ = kill_process(Pid::from_child(&child), signal);
                break;
            }
        }
        let ran: Ran = child.wait_with_output().expect("ends").into();
        if ran.code == 130 {
            assert!(
                ran.err.contains("the same command does the rest"),
                "{ran:?}"
            );
        }
        if sandbox.run(&["-s", "flatfs:s", "ls"]).code != 0 {
            half_way += 1;
            sandbox.all(&[&["flatfs", "resume", "s", "-q"]]);
        }
        let out = format!("out{round}");
        sandbox.all(&[&["-s", "flatfs:s", "export", "-q", &out]]);
        assert!(
            sandbox.files(&out) == sandbox.files("tree"),
            "round {round}"
        );
        if half_way > 3 {
            return;
        }
    }
    panic!("only {half_way} conversions were cut short half way");
}

#[test]
fn faults_are_found_and_mended() {
    let sandbox = Sandbox::new();
    let key = "CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I";
    let right = format!("s/32/{key}.data");
    let wrong = format!("s/AA/{key}.data");
    sandbox.all(&[
        &["flatfs", "create", "s", "next-to-last/2"],
        &["-s", "flatfs:s", "put", key, "hello world"],
    ]);
    sandbox.check(&[
        (&["flatfs", "check", "s"], "", 0, "", "0 faults found"),
        (&["flatfs", "check", "s", "--hashes", "-q"], "", 0, "", ""),
    ]);
    fs::create_dir(sandbox.path("s/AA")).expect("made");
    fs::rename(sandbox.path(&right), sandbox.path(&wrong)).expect("moved");
    let found = |args: &[&str], code: i32, says: &str| {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert!(ran.out.contains(says), "{args:?}: {ran:?}");
    };
    found(&["flatfs", "check", "s", "-q"], 1, "misplaced-value");
    let told = sandbox.run(&["flatfs", "check", "s"]);
    assert!(told.err.contains("1 fault found"), "{told:?}");
    found(
        &["flatfs", "check", "s", "-q", "--start-after", "AA"],
        0,
        "",
    );
    found(
        &["flatfs", "check", "s", "-q", "--json"],
        1,
        "\"code\":\"misplaced-value\"",
    );
    assert!(sandbox.path(&wrong).exists(), "checking changes nothing");
    found(&["flatfs", "repair", "s", "-q"], 0, "misplaced-value");
    assert!(sandbox.path(&right).exists());
    found(&["flatfs", "prune", "s", "-q"], 0, "empty-folder");
    assert!(!sandbox.path("s/AA").exists());
    found(&["flatfs", "check", "s", "-q"], 0, "");

    // The value is not the one that its key is the hash of.
    sandbox.write(&right, "hello wor1d");
    found(&["flatfs", "check", "s", "-q"], 0, "");
    found(
        &["flatfs", "check", "s", "-q", "--hashes"],
        1,
        "damaged-value",
    );
    found(
        &["flatfs", "repair", "s", "-q", "--hashes"],
        0,
        "damaged-value",
    );
    assert!(!sandbox.path(&right).exists());
}

#[test]
fn space_is_told_and_counted() {
    let sandbox = Sandbox::new();
    sandbox.all(&[
        &["flatfs", "create", "s", "next-to-last/2"],
        &["-s", "flatfs:s", "put", "/QUUX", "12345"],
    ]);
    // The file that keeps the number counts, too, and has its length from the first time on.
    let recount = &["flatfs", "recount", "s"][..];
    let counted = sandbox.all(&[recount, recount]);
    let bytes = counted.strip_suffix(" (initial-exact)\n").expect(&counted);
    let told = format!("shard     {DEFAULT}bytes     {bytes}\naccuracy  initial-exact\n");
    assert_eq!(sandbox.all(&[&["flatfs", "info", "s"]]), told);
    // What another program left behind is counted.
    sandbox.write("s/UU/QAUX.data", "123");
    let bytes: u64 = bytes.parse().expect("a number");
    sandbox.check(&[
        (
            &["flatfs", "recount", "s", "--json"],
            "",
            0,
            &format!(
                "{{\"accuracy\":\"initial-exact\",\"bytes\":{}}}\n",
                bytes + 3
            ),
            "",
        ),
        (
            &["flatfs", "info", "none"],
            "",
            3,
            "",
            "there is no such directory",
        ),
    ]);
}
