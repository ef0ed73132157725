//! Check, repair, scrub and gc: what they find in a directory that others have been at, and what they do about it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use datastore_flatfs::check::{CheckEvent, CheckOptions};
use datastore_flatfs::{FlatfsDatastore, FlatfsOptions};
use futures::TryStreamExt;
use interface_datastore::{
    AbortSignal, Action, Datastore, DatastoreExt, ErrorKind, Finding, Key, MaintainOptions,
    Maintenance, MaintenanceEvent,
};

use crate::common::{block, finish, open_with, tree::tree};

fn write(root: &Path, path: &str, value: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, value).unwrap();
}

/// Makes a file or folder look as old as temporary files are that nobody uses.
fn age(root: &Path, path: &str) {
    let file = std::fs::File::open(root.join(path)).unwrap();
    let old = SystemTime::now() - Duration::from_secs(25 * 3600);
    file.set_modified(old).unwrap();
}

/// Where the value of a block lies.
fn place(key: &Key) -> String {
    let text = key.to_string();
    let name = text.trim_start_matches('/');
    format!("{}/{name}.data", &name[name.len() - 3..name.len() - 1])
}

/// One of everything that can be amiss. All sound values are blocks.
async fn spoilt() -> (tempfile::TempDir, FlatfsDatastore) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path();
    let store = open_with(root, FlatfsOptions::new()).await;
    for value in ["one", "two", ""] {
        store.put(&block(value.as_bytes()), value).await.unwrap();
    }
    write(root, &place(&block(b"damaged")), b"other");
    write(root, &place(&block(b"gone")), b"");
    write(root, "PT/EMPTY.data", b"");
    write(root, "ZZ/AWAY.data", b"misplaced");
    write(root, "TW/TWICE.data", b"second");
    write(root, "ZZ/TWICE.data", b"second");
    write(root, "IC/TWICE.data", b"first");
    write(root, "ROOT.data", b"in the root");
    write(root, "ZZ/lower.data", b"no key");
    write(root, "ZZ/put-123", b"new");
    write(root, "ZZ/put-456", b"old");
    age(root, "ZZ/put-456");
    write(root, "ZZ/notes.txt", b"foreign");
    write(root, "notes.txt", b"foreign");
    write(root, "ZZ/deep/x", b"foreign");
    write(root, "foreign/x.txt", b"foreign");
    write(root, ".temp/temp-1", b"new");
    write(root, ".temp/temp-2", b"old");
    age(root, ".temp/temp-2");
    write(root, ".temp/batch-1-2/X.data", b"old");
    age(root, ".temp/batch-1-2");
    write(root, ".temp/3-4.0", b"whose owner is gone");
    write(root, ".hidden/x", b"not ours to look at");
    std::fs::create_dir(root.join("NN")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", root.join("ZZ/LINK.data")).unwrap();
    (home, store)
}

/// Code, path and what was done.
type Found = BTreeSet<(String, String, String)>;

fn told(root: &Path, findings: Vec<Finding>) -> Found {
    let tell = |finding: Finding| {
        let path = finding.path.unwrap_or_default();
        let path = path.strip_prefix(root).unwrap_or(&path).to_owned();
        let action = format!("{:?}", finding.action);
        (finding.code, path.to_string_lossy().into_owned(), action)
    };
    findings.into_iter().map(tell).collect()
}

async fn check(store: &FlatfsDatastore, options: CheckOptions) -> Vec<Finding> {
    let events: Vec<_> = store.check(options).try_collect().await.unwrap();
    let finding = |event| match event {
        CheckEvent::Finding(finding) => Some(finding),
        _ => None,
    };
    events.into_iter().filter_map(finding).collect()
}

async fn maintain(store: &FlatfsDatastore, task: Maintenance) -> Vec<Finding> {
    let events: Vec<_> = store.maintain(task).try_collect().await.unwrap();
    let finding = |event| match event {
        MaintenanceEvent::Finding(finding) => Some(finding),
        _ => None,
    };
    events.into_iter().filter_map(finding).collect()
}

/// What is found, and what check, repair, repair with hashes and gc do about it.
fn findings() -> Vec<(&'static str, String, [Option<Action>; 4])> {
    const LEFT: [Option<Action>; 4] = [Some(Action::None); 4];
    let mended = |how| [Some(Action::None), Some(how), Some(how), Some(Action::None)];
    let gone = [
        Some(Action::None),
        Some(Action::None),
        Some(Action::None),
        Some(Action::Removed),
    ];
    let hashed = [None, None, Some(Action::Quarantined), None];
    let mut table = vec![
        ("damaged-value", place(&block(b"damaged")), hashed),
        (
            "damaged-value",
            place(&block(b"gone")),
            mended(Action::Quarantined),
        ),
        ("zero-length", "PT/EMPTY.data".to_owned(), LEFT),
        (
            "misplaced-value",
            "ZZ/AWAY.data".to_owned(),
            mended(Action::Repaired),
        ),
        (
            "misplaced-value",
            "TW/TWICE.data".to_owned(),
            mended(Action::Quarantined),
        ),
        (
            "misplaced-value",
            "ZZ/TWICE.data".to_owned(),
            mended(Action::Quarantined),
        ),
        (
            "misplaced-value",
            "ROOT.data".to_owned(),
            mended(Action::Repaired),
        ),
        ("bad-name", "ZZ/lower.data".to_owned(), LEFT),
        ("old-temporary-file", "ZZ/put-123".to_owned(), LEFT),
        ("old-temporary-file", "ZZ/put-456".to_owned(), gone),
        ("foreign-file", "ZZ/notes.txt".to_owned(), LEFT),
        ("foreign-file", "notes.txt".to_owned(), LEFT),
        ("foreign-folder", "ZZ/deep".to_owned(), LEFT),
        ("foreign-folder", "foreign".to_owned(), LEFT),
        ("foreign-file", "foreign/x.txt".to_owned(), LEFT),
        ("stale-temporary-file", ".temp/temp-2".to_owned(), gone),
        ("stale-temporary-file", ".temp/batch-1-2".to_owned(), gone),
        ("stale-temporary-file", ".temp/3-4.0".to_owned(), gone),
        ("empty-folder", "NN".to_owned(), gone),
    ];
    if cfg!(unix) {
        table.push(("link", "ZZ/LINK.data".to_owned(), LEFT));
    }
    table
}

type Files = std::collections::BTreeMap<std::path::PathBuf, Option<Vec<u8>>>;

/// All files but those of the stored number, which a thread writes behind the scenes.
fn files(root: &Path) -> Files {
    let mut files = tree(root);
    let is_there_before = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        ["temp-", "batch-", "3-4."]
            .iter()
            .any(|start| name.starts_with(start))
    };
    files.retain(|path, file| {
        let is_temporary = path.starts_with(".temp") && file.is_some();
        path != Path::new("diskUsage.cache")
            && (!is_temporary || path.ends_with("X.data") || is_there_before(path))
    });
    files
}

#[tokio::test]
async fn finds_and_mends() {
    let plain = CheckOptions::new();
    let rounds = [
        plain.clone(),
        plain.clone().with_repair(true),
        plain.clone().with_repair(true).with_hashes(true),
        plain.with_tidy(true),
    ];
    for (round, options) in rounds.into_iter().enumerate() {
        let (home, store) = spoilt().await;
        let before = files(home.path());
        let found = told(home.path(), check(&store, options.clone()).await);
        let expected: Found = findings()
            .into_iter()
            .filter_map(|(code, path, actions)| {
                Some((code.to_owned(), path, format!("{:?}", actions[round]?)))
            })
            .collect();
        assert_eq!(found, expected, "{options:?}");
        for (value, held) in [("one", true), ("two", true), ("", true), ("gone", false)] {
            let has = store.has(&block(value.as_bytes())).await.unwrap();
            assert_eq!(
                has,
                held || round != 1 && round != 2,
                "{options:?}: {value}"
            );
        }
        let after = files(home.path());
        let count = |tree: &Files| {
            let mut files: Vec<_> = tree.values().flatten().cloned().collect();
            files.sort();
            files
        };
        match round {
            0 => assert_eq!(after, before),
            // Every byte is still there.
            1 | 2 => {
                assert_eq!(count(&after), count(&before));
                assert_eq!(store.get(&Key::new("/AWAY")).await.unwrap(), "misplaced");
                assert_eq!(store.get(&Key::new("/ROOT")).await.unwrap(), "in the root");
                assert_eq!(store.get(&Key::new("/TWICE")).await.unwrap(), "first");
                let codes = check(&store, options.clone()).await.into_iter();
                let codes: BTreeSet<_> = codes.map(|finding| finding.code).collect();
                assert!(!codes.contains("misplaced-value") && codes.contains("quarantined"));
            }
            _ => assert!(!home.path().join("NN").exists()),
        }
        store.recount().await.unwrap();
        finish(store).await;
    }
}

/// The kinds of maintenance are checks with some of the choices made.
#[tokio::test]
async fn kinds_of_maintenance() {
    let (home, store) = spoilt().await;
    let as_check = [
        (Maintenance::Check, CheckOptions::new()),
        (Maintenance::Scrub, CheckOptions::new().with_hashes(true)),
    ];
    for (task, options) in as_check {
        let mut found = told(home.path(), maintain(&store, task).await);
        found.retain(|(code, ..)| code != "wrong-usage");
        assert_eq!(
            found,
            told(home.path(), check(&store, options).await),
            "{task}"
        );
    }
    let removed = maintain(&store, Maintenance::Gc).await.into_iter();
    assert_eq!(
        removed
            .filter(|found| found.action == Action::Removed)
            .count(),
        5
    );
    let mended = maintain(&store, Maintenance::Repair).await.into_iter();
    assert_eq!(
        mended.filter(|found| found.action != Action::None).count(),
        5
    );
    let compact: Result<Vec<_>, _> = store.maintain(Maintenance::Compact).try_collect().await;
    assert_eq!(compact.unwrap_err().kind(), ErrorKind::Unsupported);
    finish(store).await;
}

/// Under a key only its value is looked at.
#[tokio::test]
async fn one_key() {
    let (home, store) = spoilt().await;
    let (gone, damaged) = (block(b"gone"), block(b"damaged"));
    let cases = [
        (
            Maintenance::Check,
            gone.clone(),
            vec![("damaged-value", place(&gone))],
        ),
        (Maintenance::Check, damaged.clone(), vec![]),
        (
            Maintenance::Scrub,
            damaged.clone(),
            vec![("damaged-value", place(&damaged))],
        ),
        (Maintenance::Check, Key::new("/AWAY"), vec![]),
        (Maintenance::Gc, Key::new("/no/key"), vec![]),
    ];
    for (task, key, expected) in cases {
        let events = store.maintain_opts(task, &key, MaintainOptions::default());
        let events: Vec<_> = events.try_collect().await.unwrap();
        let findings = events.into_iter().filter_map(|event| match event {
            MaintenanceEvent::Finding(finding) => Some(finding),
            _ => None,
        });
        let found = told(home.path(), findings.collect());
        let expected: Found = expected
            .into_iter()
            .map(|(code, path)| (code.to_owned(), path, "None".to_owned()))
            .collect();
        assert_eq!(found, expected, "{task} {key}");
    }
    finish(store).await;
}

/// A check that was broken off goes on after the folder that it said last, and finds together with the first part all.
#[tokio::test]
async fn goes_on_where_it_was() {
    let (home, store) = spoilt().await;
    let all = told(home.path(), check(&store, CheckOptions::new()).await);
    let mut folders: Vec<Option<String>> = Vec::new();
    let events: Vec<_> = store
        .check(CheckOptions::new())
        .try_collect()
        .await
        .unwrap();
    for event in &events {
        if let CheckEvent::Progress(progress) = event {
            assert!(progress.folders <= progress.of);
            folders.push(progress.folder.clone());
        }
    }
    assert!(folders.len() > 5);
    for broken_off in folders {
        let mut found = Vec::new();
        let mut last = None;
        for event in &events {
            match event {
                CheckEvent::Finding(finding) => found.push(finding.clone()),
                CheckEvent::Progress(progress) => last.clone_from(&progress.folder),
                _ => {}
            }
            if last.is_some() && last == broken_off {
                break;
            }
        }
        let rest = CheckOptions::new().with_start_after(last);
        found.extend(check(&store, rest).await);
        assert_eq!(told(home.path(), found), all, "{broken_off:?}");
    }
    finish(store).await;
}

#[tokio::test]
async fn refuses_and_ends() {
    let (home, store) = spoilt().await;
    let aborted = CheckOptions::new().with_abort(Some(AbortSignal::already_aborted()));
    let outcome: Result<Vec<_>, _> = store.check(aborted).try_collect().await;
    assert!(outcome.unwrap_err().is_aborted());
    finish(store.clone()).await;
    let outcome: Result<Vec<_>, _> = store.check(CheckOptions::new()).try_collect().await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Closed);
    let options = FlatfsOptions::new().with_read_only(true);
    let store = open_with(home.path(), options).await;
    let before = tree(home.path());
    check(&store, CheckOptions::new().with_hashes(true)).await;
    for options in [
        CheckOptions::new().with_repair(true),
        CheckOptions::new().with_tidy(true),
    ] {
        let outcome: Result<Vec<_>, _> = store.check(options).try_collect().await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ReadOnly);
    }
    assert_eq!(tree(home.path()), before);
}

/// Folders may go at any moment while values are put into them.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn pruning_while_writing() {
    let home = tempfile::tempdir().unwrap();
    let store = open_with(home.path(), FlatfsOptions::new()).await;
    let writer = store.clone();
    let writes = tokio::spawn(async move {
        for round in 0..300 {
            let key = Key::new(format!("/KEY{}X", round % 7));
            writer.put(&key, "value").await.unwrap();
            assert!(writer.has(&key).await.unwrap());
            writer.delete(&key).await.unwrap();
        }
    });
    let mut pruned = 0;
    while !writes.is_finished() {
        let found = maintain(&store, Maintenance::Gc).await.into_iter();
        pruned += found
            .filter(|found| found.action == Action::Removed)
            .count();
        tokio::task::yield_now().await;
    }
    writes.await.unwrap();
    assert!(pruned > 0);
    maintain(&store, Maintenance::Gc).await;
    let (kept, _) = store.usage();
    let (counted, _) = store.recount().await.unwrap();
    assert!(kept.abs_diff(counted) < 200, "{kept}, counted {counted}");
    finish(store).await;
}
