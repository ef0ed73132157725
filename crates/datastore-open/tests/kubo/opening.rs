//! Whole repositories: what is read from where, and that nothing is written.

use futures_util::TryStreamExt;
use interface_datastore::{
    Claim, Datastore, DatastoreExt, ErrorKind, Finding, Key, MaintainOptions, Maintenance,
    MaintenanceEvent, Query,
};
use pollster::block_on;
use serde_json::{Value, json};

use crate::repo::{BLOCKS, RECORDS, Repo, contents, default_spec, leveldb, listed};

#[test]
fn blocks_and_records_under_one_tree_of_keys() {
    let repo = Repo::new();
    let before = repo.files();
    for options in [
        "",
        "lock=hold",
        "lock=ignore",
        "salvage=true&outside=true&blocking=inline",
    ] {
        let store = repo.open(options).unwrap();
        assert_eq!(store.capabilities(&Key::root()).writable, Claim::No);
        assert_eq!(
            listed(&*store, Query::all()).unwrap(),
            contents(),
            "{options}"
        );
        let blocks = listed(&*store, Query::within(Key::new("/blocks"))).unwrap();
        assert_eq!(blocks.len(), BLOCKS.len());
        for (key, value) in contents() {
            assert_eq!(block_on(store.get(&Key::new(key))).unwrap(), value);
        }
        for absent in [
            "/blocks",
            "/blocks/CIQAAA",
            "/blocks/a/b",
            "/local",
            "/",
            BLOCKS[0].0,
        ] {
            assert!(!block_on(store.has(&Key::new(absent))).unwrap(), "{absent}");
        }
        for key in ["/blocks/CIQAAA", "/local/filesroot", "/x"] {
            let key = Key::new(key);
            for refused in [
                block_on(store.put(&key, "1")).map(drop),
                block_on(store.delete(&key)),
            ] {
                let error = refused.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
                assert!(error.to_string().contains("flatfs:PATH/blocks"), "{error}");
            }
        }
        block_on(store.close()).unwrap();
    }
    assert!(repo.files() == before, "something was written");
}

fn findings(store: &dyn Datastore, task: Maintenance) -> Vec<Finding> {
    let events = store.maintain_opts(task, &Key::root(), MaintainOptions::default());
    let events: Vec<_> = block_on(events.try_collect()).unwrap();
    let finding = |event| match event {
        MaintenanceEvent::Finding(finding) => Some(finding),
        _ => None,
    };
    events.into_iter().filter_map(finding).collect()
}

#[test]
fn blocks_are_hashed_again() {
    let repo = Repo::new();
    let store = repo.open("").unwrap();
    for task in [Maintenance::Check, Maintenance::Scrub] {
        assert_eq!(findings(&*store, task), [], "{task}");
    }
    let key = BLOCKS[1].0;
    let shard = &key[key.len() - 3..key.len() - 1];
    // As long as before, so that nothing but the hash can tell.
    repo.write(&format!("blocks/{shard}/{key}.data"), "hello there");
    let found = findings(&*store, Maintenance::Scrub);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].key, Some(Key::new(format!("/blocks/{key}"))));
}

/// Specs under which the same two stores are found.
#[test]
fn descriptions() {
    let flatfs = &default_spec(false)["mounts"][0];
    let leveldb = &default_spec(false)["mounts"][1];
    let log = |child: &Value, point: &str| json!({ "type": "log", "name": "l", "child": child, "mountpoint": point });
    let mount = |mounts: &[Value]| json!({ "type": "mount", "mounts": mounts });
    let all = contents();
    let (blocks, records) = all.split_at(BLOCKS.len());
    let bare: Vec<_> = BLOCKS
        .iter()
        .map(|(key, value)| (format!("/{key}"), (*value).to_owned()))
        .collect();
    let memory = json!({ "type": "mem", "mountpoint": "/none/" });
    for (spec, expected) in [
        (default_spec(true), &all[..]),
        (mount(&[log(flatfs, "blocks"), log(leveldb, "/")]), &all[..]),
        (mount(&[memory, flatfs.clone(), leveldb.clone()]), &all[..]),
        (mount(std::slice::from_ref(flatfs)), blocks),
        (leveldb.clone(), records),
        (
            json!({ "type": "measure", "prefix": "p", "child": flatfs }),
            &bare[..],
        ),
        (json!({ "type": "mem" }), &[]),
        (mount(&[]), &[]),
    ] {
        let repo = Repo::new();
        repo.describe(&spec);
        for without in ["", "config", "datastore_spec"] {
            if !without.is_empty() {
                repo.remove(without);
            }
            let store = repo
                .open("")
                .unwrap_or_else(|error| panic!("{spec}: {error}"));
            assert_eq!(
                listed(&*store, Query::all()).unwrap(),
                expected,
                "{spec} without {without:?}"
            );
            repo.describe(&spec);
        }
    }
}

#[test]
fn a_mount_within_a_mount() {
    let repo = Repo::new();
    let inner = json!({ "type": "mount", "mountpoint": "/deep", "mounts": [
        { "type": "levelds", "path": "other", "mountpoint": "/er" },
    ]});
    let mut spec = default_spec(false);
    spec["mounts"].as_array_mut().unwrap().push(inner);
    repo.describe(&spec);
    leveldb(&repo.path("other"));
    let store = repo.open("").unwrap();
    let found = listed(&*store, Query::prefix("/deep")).unwrap();
    let expected: Vec<_> = RECORDS
        .iter()
        .map(|(key, value)| (format!("/deep/er{key}"), (*value).to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn older_versions_and_names_in_any_case() {
    let repo = Repo::new();
    for version in ["12", " 16\r\n", "18"] {
        repo.write("version", version);
        assert!(repo.open("").is_ok(), "{version}");
    }
    let config = json!({ "datastore": { "SPEC": default_spec(false), "path": "" } });
    repo.write("config", config.to_string());
    assert!(repo.open("").is_ok());
}
