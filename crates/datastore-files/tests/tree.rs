//! Trees of files on the real file system: containment, atomic publishing, temporary files, gates, groups.
#![cfg(unix)]

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use datastore_files::sim::{Errno, FailNth, Fault, FaultyFs, NoFaults, OpKind};
use datastore_files::{
    Blocking, Change, Changed, Contents, EmptiedFolders, FileError, Fs, Gates, Links, LockMode,
    RealFs, Reason, Replace, Result, Safety, Step, Tree, Wait, is_link,
};

fn tree(root: &Path) -> Tree {
    tree_on(RealFs::new(), root)
}

fn tree_on(fs: RealFs, root: &Path) -> Tree {
    Tree::open(Arc::new(fs), root, Path::new(".tmp")).unwrap()
}

/// The file system as this kernel reaches it, and as kernels do that take no whole paths.
fn systems() -> [RealFs; 2] {
    [RealFs::new(), RealFs::name_by_name()]
}

fn write(path: &str, contents: &str) -> Change {
    Change::Write {
        path: path.into(),
        contents: Contents::Bytes(Bytes::from(contents.to_owned())),
        replace: Replace::Yes,
        obsolete: None,
    }
}

fn remove(path: &str) -> Change {
    Change::Remove {
        path: path.into(),
        first: None,
    }
}

fn apply(tree: &Tree, change: Change) -> Result<Changed> {
    tree.apply(vec![change], Safety::Process).pop().unwrap()
}

fn read(tree: &Tree, path: &str) -> Result<Option<Bytes>> {
    match tree.open_file(Path::new(path), Wait::Yes)? {
        Some(file) => file.read(0..u64::MAX, Wait::Yes).map(Some),
        None => Ok(None),
    }
}

fn names(root: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn writes_reads_and_removes() {
    for safety in [Safety::Process, Safety::Ordered, Safety::Power] {
        let root = tempfile::tempdir().unwrap();
        let tree = tree(root.path());
        let changes = vec![
            write("a/b/c", "one"),
            write("d", ""),
            write("a/b/c", "two"),
            remove("nothing/here"),
        ];
        let outcomes: Vec<_> = tree
            .apply(changes, safety)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert!(
            matches!(outcomes[..], [Changed::Written(first), Changed::Written(_), Changed::Written(second), Changed::WasAbsent]
            if first.modified != second.modified && second.len == 3)
        );
        assert_eq!(read(&tree, "a/b/c").unwrap().unwrap(), "two");
        assert_eq!(read(&tree, "d").unwrap().unwrap(), "");
        assert_eq!(read(&tree, "a/b").unwrap(), None, "a folder is no file");
        assert_eq!(
            read(&tree, "d/e").unwrap(),
            None,
            "there is nothing below a file"
        );
        let outcome = tree
            .apply(vec![remove("a/b/c")], safety)
            .pop()
            .unwrap()
            .unwrap();
        assert_eq!(outcome, Changed::Removed(None));
        assert_eq!(
            names(root.path()),
            [".tmp", "d"],
            "emptied folders are removed"
        );
        drop(tree);
        assert_eq!(
            names(&root.path().join(".tmp")),
            [""; 0],
            "nothing temporary stays"
        );
    }
}

#[test]
fn emptied_folders_stay_if_told() {
    for safety in [Safety::Process, Safety::Ordered, Safety::Power] {
        let root = tempfile::tempdir().unwrap();
        let fs = FaultyFs::new(Arc::new(RealFs::new()), NoFaults);
        let tree = Tree::open(Arc::new(fs.clone()), root.path(), Path::new(".tmp")).unwrap();
        let tree = tree.with_emptied_folders(EmptiedFolders::Keep);
        for outcome in tree.apply(vec![write("a/b", "one"), write("a/c", "two")], safety) {
            outcome.unwrap();
        }
        fs.reset_counts();
        let removed = tree.apply(vec![remove("a/b"), remove("a/c")], safety);
        assert!(
            removed
                .iter()
                .all(|one| matches!(one, Ok(Changed::Removed(None))))
        );
        assert_eq!(names(&root.path().join("a")), [""; 0]);
        let counts = fs.counts();
        assert_eq!(counts.get(OpKind::RemoveDir), 0);
        assert_eq!(
            counts.get(OpKind::OpenDir),
            1,
            "the folder is opened once for all"
        );
    }
}

#[test]
fn replaces_only_when_told() {
    let root = tempfile::tempdir().unwrap();
    let tree = tree(root.path());
    let new = |contents: &'static str| Change::Write {
        path: "k".into(),
        contents: Contents::Bytes(contents.into()),
        replace: Replace::No,
        obsolete: None,
    };
    apply(&tree, new("first")).unwrap();
    let error = apply(&tree, new("second")).unwrap_err();
    assert_eq!(error.reason(), Reason::AlreadyExists, "{error}");
    assert_eq!(read(&tree, "k").unwrap().unwrap(), "first");
    std::fs::create_dir(root.path().join("folder")).unwrap();
    let error = apply(&tree, write("folder", "x")).unwrap_err();
    assert_eq!(error.reason(), Reason::IsAFolder, "{error}");
    assert!(error.remedy().is_some());
}

/// Every way to a file through a link ends in an error that names the path, whatever is done.
#[test]
fn links_are_never_followed() {
    for fs in systems() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "untouched").unwrap();
        let root = tempfile::tempdir().unwrap();
        symlink(outside.path(), root.path().join("folder")).unwrap();
        symlink(outside.path().join("secret"), root.path().join("file")).unwrap();
        std::fs::create_dir(root.path().join("real")).unwrap();
        symlink("../folder", root.path().join("real/inner")).unwrap();
        let tree = tree_on(fs, root.path());
        type Act = fn(&Tree, &str) -> Result<()>;
        let acts: [(&str, Act); 5] = [
            ("read", |tree, path| read(tree, path).map(drop)),
            ("write", |tree, path| {
                apply(tree, write(path, "escaped")).map(drop)
            }),
            ("write durably", |tree, path| {
                tree.apply(vec![write(path, "escaped")], Safety::Power)
                    .pop()
                    .unwrap()
                    .map(drop)
            }),
            ("remove", |tree, path| apply(tree, remove(path)).map(drop)),
            ("inspect", |tree, path| {
                tree.metadata(Path::new(path), Wait::Yes).map(drop)
            }),
        ];
        for (name, act) in acts {
            for path in [
                "folder/secret",
                "folder/new",
                "real/inner/secret",
                "real/inner/new/deeper",
            ] {
                let error = act(&tree, path).unwrap_err();
                assert_eq!(
                    error.reason(),
                    Reason::LinkInTheWay,
                    "{name} {path}: {error}"
                );
                assert!(
                    error.path().starts_with(root.path()) && error.remedy().is_some(),
                    "{name} {path}: {error}"
                );
            }
        }
        let error = read(&tree, "file").unwrap_err();
        assert_eq!(error.reason(), Reason::LinkInTheWay);
        // A link in last place is replaced and removed itself.
        apply(&tree, write("file", "mine")).unwrap();
        assert_eq!(read(&tree, "file").unwrap().unwrap(), "mine");
        let error = tree.entries(Path::new("folder")).map(drop).unwrap_err();
        assert_eq!(error.reason(), Reason::LinkInTheWay);
        assert_eq!(names(outside.path()), ["secret"]);
        assert_eq!(
            std::fs::read(outside.path().join("secret")).unwrap(),
            b"untouched"
        );
    }
}

/// A folder that is swapped for a link after it was used is not a way out either.
#[test]
fn links_swapped_in_later_are_never_followed() {
    for fs in systems() {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        let tree = tree_on(fs, root.path());
        apply(&tree, write("a/k", "before")).unwrap();
        std::fs::rename(root.path().join("a"), root.path().join("b")).unwrap();
        symlink(outside.path(), root.path().join("a")).unwrap();
        for change in [
            write("a/k", "after"),
            write("a/new", "after"),
            remove("a/k"),
        ] {
            assert_eq!(
                apply(&tree, change).unwrap_err().reason(),
                Reason::LinkInTheWay
            );
        }
        assert_eq!(names(outside.path()), [""; 0]);
        assert_eq!(read(&tree, "b/k").unwrap().unwrap(), "before");
    }
}

#[test]
fn odd_paths_are_refused() {
    for fs in systems() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let dir = fs.open_root(&root).unwrap();
        for path in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../../x",
            ".",
            "./a",
            "a//b",
            "a/",
        ] {
            let refused = |kind: ErrorKind| assert_eq!(kind, ErrorKind::InvalidInput, "{path:?}");
            refused(
                fs.open_file(&dir, Path::new(path), Wait::Yes)
                    .unwrap_err()
                    .kind(),
            );
            refused(
                fs.open_dir(&dir, Path::new(path), Links::Follow)
                    .unwrap_err()
                    .kind(),
            );
            refused(
                fs.metadata(&dir, Path::new(path), Wait::Yes)
                    .unwrap_err()
                    .kind(),
            );
            let name = OsStr::new(path);
            refused(fs.create_file(&dir, name).unwrap_err().kind());
            refused(fs.create_dir(&dir, name).unwrap_err().kind());
            refused(
                fs.rename((&dir, name), (&dir, OsStr::new("ok")), Replace::Yes)
                    .unwrap_err()
                    .kind(),
            );
            refused(
                fs.rename((&dir, OsStr::new("ok")), (&dir, name), Replace::No)
                    .unwrap_err()
                    .kind(),
            );
            refused(fs.remove_file(&dir, name).unwrap_err().kind());
            refused(fs.lock(&dir, name, LockMode::Shared).unwrap_err().kind());
        }
        assert_eq!(names(outside.path()), ["root"]);
    }
}

#[test]
fn a_link_to_a_folder_is_followed_only_on_demand() {
    for fs in systems() {
        let elsewhere = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), root.path().join("shard")).unwrap();
        let dir = fs.open_root(root.path()).unwrap();
        let error = fs
            .open_dir(&dir, Path::new("shard"), Links::Refuse)
            .unwrap_err();
        assert!(is_link(&error), "{error}");
        let shard = fs
            .open_dir(&dir, Path::new("shard"), Links::Follow)
            .unwrap();
        fs.create_file(&shard, OsStr::new("x")).unwrap();
        assert_eq!(names(elsewhere.path()), ["x"]);
    }
}

/// Names and paths of any length that the file system takes; only whole paths are looked up without waiting.
#[test]
fn long_paths() {
    for (fs, wait) in systems().into_iter().zip([Wait::No, Wait::Yes]) {
        let root = tempfile::tempdir().unwrap();
        let tree = tree_on(fs, root.path());
        let path: String = vec!["d".repeat(200); 40].join("/");
        apply(&tree, write(&path, "deep")).unwrap();
        assert_eq!(read(&tree, &path).unwrap().unwrap(), "deep");
        assert!(tree.metadata(Path::new(&path), wait).unwrap().is_some());
        let mut walk = tree.walk(Path::new(""), |path| !path.starts_with(".tmp"));
        let files = std::iter::from_fn(|| walk.next(&tree))
            .filter(|step| matches!(step, Ok(Step::File(_))))
            .count();
        assert_eq!(files, 1);
        apply(&tree, remove(&path)).unwrap();
        assert_eq!(names(root.path()), [".tmp"]);
        let error = apply(&tree, write(&"n".repeat(300), "x")).unwrap_err();
        assert_eq!(error.reason(), Reason::NameTooLong, "{error}");
    }
}

/// Temporary files of the living stay, those of the dead go.
#[test]
fn sweeps_only_what_belongs_to_nobody() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (tree(root.path()), tree(root.path()));
    let living = one.temp_file().unwrap();
    let temp = root.path().join(".tmp");
    std::fs::write(temp.join("dead-1.7"), "left behind").unwrap();
    std::fs::write(temp.join("dead-2.lock"), "4711\n").unwrap();
    std::fs::write(temp.join("dead-2.0"), "left behind").unwrap();
    std::fs::write(temp.join("foreign"), "of somebody else").unwrap();
    assert_eq!(
        two.stale_temp_files().unwrap(),
        [Path::new(".tmp/dead-1.7")]
    );
    let swept = two.sweep().unwrap();
    assert_eq!(
        swept,
        [Path::new(".tmp/dead-1.7"), Path::new(".tmp/dead-2.0")]
    );
    let change = Change::Write {
        path: "k".into(),
        contents: Contents::Temp(living),
        replace: Replace::Yes,
        obsolete: None,
    };
    apply(&one, change).unwrap();
    drop(one.temp_file().unwrap());
    drop((one, two));
    assert_eq!(names(&temp), ["foreign"]);
}

#[test]
fn the_folder_of_temporary_files_may_vanish() {
    let root = tempfile::tempdir().unwrap();
    let tree = tree(root.path());
    apply(&tree, write("k", "one")).unwrap();
    std::fs::remove_dir_all(root.path().join(".tmp")).unwrap();
    apply(&tree, write("k", "two")).unwrap();
    assert_eq!(read(&tree, "k").unwrap().unwrap(), "two");
}

/// Writers and removers of one folder's only file never lose a write.
#[test]
fn pruning_races_with_writing() {
    let root = tempfile::tempdir().unwrap();
    let tree = tree(root.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let tree = &tree;
            scope.spawn(move || {
                let path = format!("a/b/{thread}");
                for round in 0..300 {
                    apply(tree, write(&path, &round.to_string())).unwrap();
                    assert_eq!(read(tree, &path).unwrap().unwrap(), round.to_string());
                    assert_eq!(apply(tree, remove(&path)).unwrap(), Changed::Removed(None));
                }
            });
        }
    });
    assert_eq!(names(root.path()), [".tmp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_lets_one_through_and_outlives_its_caller() {
    let gates = Gates::<u32>::default();
    let inside = Arc::new(AtomicUsize::new(0));
    let tasks = (0..100).map(|task| {
        let (gates, inside) = (gates.clone(), Arc::clone(&inside));
        tokio::spawn(async move {
            let _pass = gates.pass(&(task % 3)).await;
            let others = inside.fetch_add(1, Ordering::SeqCst);
            assert!(others < 3);
            tokio::task::yield_now().await;
            inside.fetch_sub(1, Ordering::SeqCst);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    // Work that was handed over keeps the key, though its caller is gone.
    let (start, started) = std::sync::mpsc::channel::<()>();
    let pass = gates.pass(&1).await;
    let work = tokio::spawn(async move {
        let step = move || {
            started.recv().unwrap();
            drop(pass);
        };
        Blocking::Never.run(Path::new(""), step).await.unwrap();
    });
    tokio::task::yield_now().await;
    let waiting = gates.pass(&1);
    tokio::pin!(waiting);
    assert!(
        futures_poll(&mut waiting).await.is_none(),
        "the key is held"
    );
    work.abort();
    start.send(()).unwrap();
    drop(waiting.await);
    gates.all_settled().await;
    drop(gates.pass_all([3, 1, 2, 1]).await);
}

/// Polls once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[test]
fn errors_say_what_to_do() {
    let error = |code| {
        FileError::new(
            datastore_files::Action::Write,
            Path::new("/p"),
            std::io::Error::from_raw_os_error(code),
        )
    };
    let cases = [
        (28, Reason::NoSpace),
        (122, Reason::NoSpace),
        (24, Reason::TooManyOpenFiles),
        (30, Reason::ReadOnly),
        (13, Reason::PermissionDenied),
        (20, Reason::NotAFolder),
        (36, Reason::NameTooLong),
    ];
    for (code, reason) in cases.into_iter().filter(|_| cfg!(target_os = "linux")) {
        let error = error(code);
        assert_eq!(error.reason(), reason, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("/p") && text.contains(error.remedy().unwrap()),
            "{text}"
        );
        assert_eq!(error.duplicate().to_string(), text);
    }
}

#[test]
fn a_lock_says_who_holds_it() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (tree(root.path()), tree(root.path()));
    let name = Path::new("lock");
    std::fs::write(root.path().join(name), "99999999999999999999\n").unwrap();
    let held = one.lock(name, LockMode::Exclusive).unwrap();
    for mode in [LockMode::Exclusive, LockMode::Shared] {
        let error = two.lock(name, mode).unwrap_err();
        assert_eq!(error.reason(), Reason::Locked, "{error}");
        let holder = format!("process {} took it last", std::process::id());
        assert!(
            error.to_string().contains(&holder) && error.remedy().is_some(),
            "{error}"
        );
    }
    drop(held);
    let shared = (
        two.lock(name, LockMode::Shared).unwrap(),
        one.lock(name, LockMode::Shared).unwrap(),
    );
    assert_eq!(
        one.lock(name, LockMode::Exclusive).unwrap_err().reason(),
        Reason::Locked
    );
    drop(shared);
    two.lock(name, LockMode::Exclusive).unwrap();
}

#[test]
fn a_folder_that_failed_in_a_sync_of_everything_stays_failed() {
    let root = tempfile::tempdir().unwrap();
    let fs = FaultyFs::new(Arc::new(RealFs::new()), NoFaults);
    let tree = Tree::open(Arc::new(fs.clone()), root.path(), Path::new(".tmp")).unwrap();
    // More than are remembered one by one.
    let many = (0..17_000).map(|i| write(&format!("{}/{i}", i % 10), ""));
    let written = tree.apply(many.collect(), Safety::Process);
    assert!(written.iter().all(Result::is_ok));
    fs.set_hook(FailNth::new(OpKind::SyncDir, 3, Fault::Fail(Errno::Io)));
    let wanted: &dyn Fn(&Path) -> bool = &|_| true;
    assert!(tree.sync(wanted).is_err());
    fs.set_hook(NoFaults);
    assert!(tree.sync(wanted).is_err(), "the kernel forgets, we do not");
}

/// A lock that was given up is free, also while another thread is starting a process, which has a copy of every handle at first.
#[cfg(unix)]
#[test]
fn a_lock_is_not_inherited() {
    let root = tempfile::tempdir().unwrap();
    let tree = tree(root.path());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100 {
                std::process::Command::new("true").status().unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) {
            let lock = tree.lock(Path::new("lock"), LockMode::Exclusive);
            lock.unwrap_or_else(|error| panic!("{error}"));
        }
    });
}
