//! Kubo's datastore specs: what its own code makes of them, and where ours says more.

use std::path::{Path, PathBuf};

use datastore_open::kubo::{Compression, Spec, SpecProblem};
use serde_json::{Value, json};

/// The vectors of a section: from the folder that `RS_STORES_VECTORS` names, if they are there, else from ours.
fn vectors(section: &str) -> Vec<Value> {
    let name = "flatfs.json";
    let given =
        std::env::var_os("RS_STORES_VECTORS").map(|folder| PathBuf::from(folder).join(name));
    let own = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    let path = given.filter(|path| path.exists()).unwrap_or(own);
    let text = std::fs::read(path).unwrap();
    let all: Value = serde_json::from_slice(&text).unwrap();
    all[section].as_array().unwrap().clone()
}

/// The problem that ours reports for a spec that Kubo's code refuses.
fn problem(name: &str) -> &'static str {
    match name {
        "levelds bad compression" => r#"Compression("\"zstd\"")"#,
        "log without name" => r#"Missing { field: "name", wanted: "a text" }"#,
        "measure without prefix" => r#"Missing { field: "prefix", wanted: "a text" }"#,
        "measure without child" => r#"Missing { field: "child", wanted: "an object" }"#,
        "no type" | "null spec" => r#"Missing { field: "type", wanted: "a text" }"#,
        "unknown type" => r#"UnknownType("rocksds")"#,
        "flatfs without path" => r#"Missing { field: "path", wanted: "a text" }"#,
        "flatfs without sync" => r#"Missing { field: "sync", wanted: "true or false" }"#,
        "flatfs sync as string" => r#"WrongType { field: "sync", wanted: "true or false" }"#,
        "flatfs without shardFunc" => r#"Missing { field: "shardFunc", wanted: "a text" }"#,
        "flatfs bad shardFunc" => r#"Shard(Length("x"))"#,
        "mount without mounts" => r#"Missing { field: "mounts", wanted: "a list" }"#,
        "mount entry without mountpoint" => r#"Missing { field: "mountpoint", wanted: "a text" }"#,
        "mount entry not an object" => "NotAnObject",
        "mountpoint not a string" => r#"WrongType { field: "mountpoint", wanted: "a text" }"#,
        other => panic!("no problem is expected for {other:?}"),
    }
}

#[test]
fn specs_become_what_kubo_makes_of_them() {
    let records = vectors("kubo_disk_spec");
    assert_eq!(records.len(), 29);
    for record in records {
        let name = record["name"].as_str().unwrap();
        let made = Spec::from_value(&record["spec"]);
        match record["expect"]["disk_spec"].as_str() {
            Some(text) => {
                let spec = made.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(spec.disk_spec().as_str(), text, "{name}");
                let again = Spec::parse(record["spec"].to_string()).unwrap();
                assert_eq!(again, spec, "{name}");
            }
            None => {
                let error = made.expect_err(name);
                assert_eq!(format!("{:?}", error.problem()), problem(name), "{name}");
            }
        }
    }
}

#[test]
fn everything_in_a_spec_is_read() {
    let spec = json!({"type": "mount", "mounts": [
        {"mountpoint": "/", "type": "measure", "prefix": "m", "child":
            {"type": "log", "name": "l", "child": {"type": "levelds", "path": "d", "compression": "snappy"}}},
        {"mountpoint": "/a", "type": "badgerds", "path": "/abs", "truncate": true},
        {"mountpoint": "/b", "type": "pebbleds", "path": "p"},
        {"mountpoint": "/c", "type": "mount", "mounts": [{"mountpoint": "x//y", "type": "mem"}]},
    ]});
    let spec = Spec::from_value(&spec).unwrap();
    let expected = concat!(
        r#"{"mounts":[{"mountpoint":"/c","mounts":[{"mountpoint":"/x/y"}],"type":"mount"},"#,
        r#"{"mountpoint":"/b","path":"p","type":"pebbleds"},{"mountpoint":"/a","path":"/abs","type":"badgerds"},"#,
        r#"{"mountpoint":"/","path":"d","type":"levelds"}],"type":"mount"}"#,
    );
    assert_eq!(spec.disk_spec().to_string(), expected);
    let Spec::Mount(mounts) = spec else {
        panic!("{spec:?}");
    };
    let points: Vec<&str> = mounts.iter().map(|mount| mount.point.as_str()).collect();
    assert_eq!(points, ["/c", "/b", "/a", "/"]);
    let level = Spec::Leveldb {
        path: "d".to_owned(),
        compression: Compression::Snappy,
    };
    let log = Spec::Log {
        name: "l".to_owned(),
        child: Box::new(level),
    };
    let measure = Spec::Measure {
        prefix: "m".to_owned(),
        child: Box::new(log),
    };
    assert_eq!(mounts[3].spec, measure);
}

#[test]
fn errors_say_where() {
    let deep = |levels: usize| {
        let mut spec = json!({"type": "mem"});
        for _ in 0..levels {
            spec = json!({"type": "log", "name": "l", "child": spec});
        }
        spec
    };
    assert!(Spec::from_value(&deep(64)).is_ok());
    for (spec, at, says) in [
        (json!([]), "", "it is not an object"),
        (json!({"type": 3}), "", "the field \"type\" is not a text"),
        (
            json!({"type": "mount", "mounts": [{"type": "mem", "mountpoint": "/a"}, {"type": "log", "name": "l",
                "child": {"type": "levelds", "path": null}, "mountpoint": "/b"}]}),
            "mounts[1].child",
            "the field \"path\" is not a text",
        ),
        (
            json!({"type": "levelds", "path": "d", "compression": 7}),
            "",
            "the compression 7 is not known",
        ),
    ] {
        let error = Spec::from_value(&spec).unwrap_err();
        assert_eq!(error.at(), at, "{spec}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.to_string().contains(at), "{error}");
    }
    let error = Spec::from_value(&deep(65)).unwrap_err();
    assert!(matches!(error.problem(), SpecProblem::TooDeep), "{error}");
    for text in ["", "{", "{} {}", "\u{feff}{}"] {
        let error = Spec::parse(text).unwrap_err();
        assert!(matches!(error.problem(), SpecProblem::Json(_)), "{text}");
    }
}

#[test]
fn files_agree_but_for_white_space_around_them() {
    let spec = Spec::from_value(&json!({"type": "levelds", "path": "d"})).unwrap();
    let disk = spec.disk_spec();
    let text = r#"{"path":"d","type":"levelds"}"#;
    for (file, agrees) in [
        (text.to_owned(), true),
        (format!("\n {text}\r\n\u{a0}"), true),
        (format!("{text}x"), false),
        (text.replace(',', ", "), false),
        (r#"{"type":"levelds","path":"d"}"#.to_owned(), false),
        (String::new(), false),
    ] {
        assert_eq!(disk.agrees_with(file.as_bytes()), agrees, "{file:?}");
    }
    assert!(!disk.agrees_with(b"\xff"));
}
