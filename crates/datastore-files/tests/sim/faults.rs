//! Operations fail as told, and only those.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use datastore_files::sim::{
    ColdCache, Errno, FailAll, FailNth, Fault, FaultHook, FaultyFs, FsOp, NoFaults, OpKind,
    PowerLossFs, Recorder,
};
use datastore_files::{Dir, File, Fs, Links, LockMode, RealFs, Replace, SyncWhat, Wait};

fn empty() -> (PowerLossFs, FaultyFs, Dir) {
    let power = PowerLossFs::new();
    let fs = power.with_faults(NoFaults);
    let root = fs.open_root(Path::new("/")).unwrap();
    fs.reset_counts();
    (power, fs, root)
}

fn write_file(fs: &FaultyFs, root: &Dir, name: &str) -> io::Result<File> {
    let file = fs.create_file(root, OsStr::new(name))?;
    fs.write_at(&file, b"contents", 0)?;
    Ok(file)
}

/// Does each kind of operation once, each needing only what `prepare` made.
fn each_kind_once(fs: &FaultyFs, root: &Dir, file: &File) -> Vec<(OpKind, io::Result<()>)> {
    let name = OsStr::new;
    vec![
        (OpKind::CreateRoot, fs.create_root(Path::new("/made"))),
        (OpKind::OpenRoot, fs.open_root(Path::new("/")).map(drop)),
        (
            OpKind::OpenDir,
            fs.open_dir(root, Path::new("dir"), Links::Refuse).map(drop),
        ),
        (OpKind::CreateDir, fs.create_dir(root, name("new"))),
        (OpKind::RemoveDir, fs.remove_dir(root, name("gone"))),
        (OpKind::ReadDir, fs.read_dir(root).map(drop)),
        (OpKind::SyncDir, fs.sync_dir(root)),
        (
            OpKind::OpenFile,
            fs.open_file(root, Path::new("f"), Wait::Yes).map(drop),
        ),
        (
            OpKind::CreateFile,
            fs.create_file(root, name("g")).map(drop),
        ),
        (
            OpKind::Read,
            fs.read_at(file, &mut [0; 4], 0, Wait::Yes).map(drop),
        ),
        (OpKind::Write, fs.write_at(file, b"x", 0).map(drop)),
        (OpKind::SyncFile, fs.sync_file(file, SyncWhat::Data)),
        (OpKind::SetModified, fs.set_modified(file, 1)),
        (OpKind::FileMetadata, fs.file_metadata(file).map(drop)),
        (
            OpKind::Metadata,
            fs.metadata(root, Path::new("f"), Wait::Yes).map(drop),
        ),
        (
            OpKind::Rename,
            fs.rename((root, name("a")), (root, name("b")), Replace::No),
        ),
        (OpKind::RemoveFile, fs.remove_file(root, name("c"))),
        (
            OpKind::Lock,
            fs.lock(root, name("lock"), LockMode::Exclusive).map(drop),
        ),
        // Last, as its failure makes the next sync of each file and folder fail.
        (OpKind::SyncFileSystem, fs.sync_file_system(root)),
    ]
}

fn prepare() -> (FaultyFs, Dir, File) {
    let (_, fs, root) = empty();
    for dir in ["dir", "gone"] {
        fs.create_dir(&root, OsStr::new(dir)).unwrap();
    }
    for file in ["a", "c"] {
        fs.create_file(&root, OsStr::new(file)).unwrap();
    }
    let file = write_file(&fs, &root, "f").unwrap();
    fs.reset_counts();
    (fs, root, file)
}

#[test]
fn every_kind_fails_alone_in_each_of_its_ways_and_is_counted() {
    let (fs, root, file) = prepare();
    for (kind, result) in each_kind_once(&fs, &root, &file) {
        result.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(fs.counts().get(kind), 1, "{kind:?}");
    }
    let counts = fs.counts();
    // All but the steps of a listing, which have a test of their own.
    assert_eq!(counts.total(), OpKind::ALL.len() as u64 - 1);

    for hook in FailNth::matrix(&counts) {
        let hook = Arc::new(hook);
        let (fs, root, file) = prepare();
        fs.set_hook(Arc::clone(&hook));
        let results = each_kind_once(&fs, &root, &file);
        let failed: Vec<_> = results
            .iter()
            .filter(|(_, result)| result.is_err())
            .collect();
        assert_eq!(failed.len(), 1, "{hook:?}: {failed:?}");
        assert_eq!(hook.fired(), 1);
        let told = format!("{hook:?}");
        assert!(
            told.contains(&format!("kind: {:?},", failed[0].0)),
            "{told}"
        );
    }
}

#[test]
fn a_matrix_has_every_error_of_every_operation_counted() {
    let (fs, root, file) = prepare();
    each_kind_once(&fs, &root, &file);
    fs.sync_dir(&root).unwrap();
    let counted = fs.counts();
    let cases: usize = counted
        .iter()
        .map(|(kind, n)| usize::try_from(n).unwrap() * kind.usual_errors().len())
        .sum();
    assert_eq!(FailNth::matrix(&counted).count(), cases);
    assert!(
        counted
            .iter()
            .all(|(kind, _)| !kind.usual_errors().is_empty())
    );
}

/// Writes five times; gives for each the bytes taken or the error, and then what is in the file.
fn five_writes(hook: impl FaultHook) -> (Vec<Result<usize, ErrorKind>>, Vec<u8>) {
    let (power, fs, root) = empty();
    let file = fs.create_file(&root, OsStr::new("f")).unwrap();
    fs.set_hook(hook);
    let write = |round: u8| {
        let written = fs.write_at(&file, &[b'a' + round; 2], u64::from(round) * 2);
        written.map_err(|error| error.kind())
    };
    let results = (0..5).map(write).collect();
    (results, power.image().read("/f").unwrap())
}

#[test]
fn hooks_choose_the_operation_and_faults_how_it_ends() {
    const FULL: Result<usize, ErrorKind> = Err(ErrorKind::StorageFull);
    let nth = |nth, fault| FailNth::new(OpKind::Write, nth, fault);
    let full = Fault::Fail(Errno::NoSpace);
    let torn = Fault::Torn {
        written: 1,
        then: Errno::NoSpace,
    };
    type Case = (FailNth, [Result<usize, ErrorKind>; 5], &'static [u8]);
    let table: Vec<Case> = vec![
        (
            nth(0, full),
            [FULL, Ok(2), Ok(2), Ok(2), Ok(2)],
            b"\0\0bbccddee",
        ),
        (
            nth(3, full),
            [Ok(2), Ok(2), Ok(2), FULL, Ok(2)],
            b"aabbcc\0\0ee",
        ),
        (
            nth(3, full).and_onwards(),
            [Ok(2), Ok(2), Ok(2), FULL, FULL],
            b"aabbcc",
        ),
        (nth(9, full), [Ok(2); 5], b"aabbccddee"),
        (
            nth(1, full).below("/f"),
            [Ok(2), FULL, Ok(2), Ok(2), Ok(2)],
            b"aa\0\0ccddee",
        ),
        (
            nth(0, full).and_onwards().below("/other"),
            [Ok(2); 5],
            b"aabbccddee",
        ),
        (
            nth(4, torn),
            [Ok(2), Ok(2), Ok(2), Ok(2), FULL],
            b"aabbccdde",
        ),
        (
            nth(
                4,
                Fault::Torn {
                    written: 0,
                    then: Errno::NoSpace,
                },
            ),
            [Ok(2), Ok(2), Ok(2), Ok(2), FULL],
            b"aabbccdd",
        ),
        (
            nth(4, Fault::FailAfter(Errno::NoSpace)),
            [Ok(2), Ok(2), Ok(2), Ok(2), FULL],
            b"aabbccddee",
        ),
        (
            nth(4, Fault::Short(1)),
            [Ok(2), Ok(2), Ok(2), Ok(2), Ok(1)],
            b"aabbccdde",
        ),
        (
            nth(4, Fault::Short(0)),
            [Ok(2), Ok(2), Ok(2), Ok(2), Ok(1)],
            b"aabbccdde",
        ),
        (nth(4, Fault::Short(7)), [Ok(2); 5], b"aabbccddee"),
    ];
    for (hook, expected, contents) in table {
        let told = format!("{hook:?}");
        let (results, found) = five_writes(hook);
        assert_eq!(results, expected, "{told}");
        assert_eq!(found, contents, "{told}");
    }
    let (results, _) = five_writes(FailAll::new(&[OpKind::Write, OpKind::Read], full));
    assert_eq!(results, [FULL; 5]);
}

#[test]
fn a_fault_can_strike_after_the_deed() {
    let (power, fs, root) = empty();
    write_file(&fs, &root, "a").unwrap();
    fs.set_hook(FailAll::new(&[OpKind::Rename], Fault::FailAfter(Errno::Io)));
    fs.rename(
        (&root, OsStr::new("a")),
        (&root, OsStr::new("b")),
        Replace::No,
    )
    .unwrap_err();
    assert!(power.image().read("/b").is_some() && power.image().read("/a").is_none());
}

#[test]
fn reads_can_be_short_cold_or_fail() {
    let (_, fs, root) = empty();
    let file = write_file(&fs, &root, "f").unwrap();
    let read = |wait| {
        let mut buffer = [0; 20];
        let read = fs
            .read_at(&file, &mut buffer, 0, wait)
            .map_err(|error| error.kind())?;
        Ok::<_, ErrorKind>(String::from_utf8(buffer[..read].to_vec()).unwrap())
    };
    assert_eq!(read(Wait::No), Ok("contents".into()));
    fs.set_hook(FailAll::new(&[OpKind::Read], Fault::Short(3)));
    assert_eq!(read(Wait::Yes), Ok("con".into()));
    fs.set_hook(ColdCache);
    assert_eq!(read(Wait::No), Err(ErrorKind::WouldBlock));
    assert_eq!(read(Wait::Yes), Ok("contents".into()));
    assert_eq!(
        fs.open_file(&root, Path::new("f"), Wait::No)
            .unwrap_err()
            .kind(),
        ErrorKind::WouldBlock
    );
    assert_eq!(
        fs.metadata(&root, Path::new("f"), Wait::No)
            .unwrap_err()
            .kind(),
        ErrorKind::WouldBlock
    );
    assert!(fs.metadata(&root, Path::new("f"), Wait::Yes).is_ok());
}

#[test]
fn a_listing_can_fail_on_the_way() {
    let (_, fs, root) = empty();
    for name in ["a", "b", "c", "d"] {
        fs.create_file(&root, OsStr::new(name)).unwrap();
    }
    fs.set_hook(FailNth::new(OpKind::NextEntry, 2, Fault::Fail(Errno::Io)));
    let entries: Vec<bool> = fs
        .read_dir(&root)
        .unwrap()
        .take(3)
        .map(|entry| entry.is_ok())
        .collect();
    assert_eq!(entries, [true, true, false]);
}

#[test]
fn a_recorder_tells_what_was_asked_with_paths_and_lengths() {
    let (_, fs, root) = empty();
    let recorder = Arc::new(Recorder::new(FailAll::new(
        &[OpKind::SyncFile],
        Fault::Fail(Errno::Io),
    )));
    fs.set_hook(Arc::clone(&recorder));
    fs.create_dir(&root, OsStr::new("d")).unwrap();
    let dir = fs.open_dir(&root, Path::new("d"), Links::Refuse).unwrap();
    let file = write_file(&fs, &dir, "t").unwrap();
    fs.sync_file(&file, SyncWhat::All).unwrap_err();
    fs.rename(
        (&dir, OsStr::new("t")),
        (&root, OsStr::new("n")),
        Replace::Yes,
    )
    .unwrap();
    let told: Vec<String> = recorder
        .trace()
        .iter()
        .map(|op| {
            let to = op
                .to
                .as_ref()
                .map(|to| format!(" -> {}", to.display()))
                .unwrap_or_default();
            format!(
                "{:?} {}{to} {} {:?}",
                op.kind,
                op.path.display(),
                op.len,
                op.fault
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "CreateDir /d 0 Pass",
            "OpenDir /d 0 Pass",
            "CreateFile /d/t 0 Pass",
            "Write /d/t 8 Pass",
            "SyncFile /d/t 0 Fail(Io)",
            "Rename /d/t -> /n 0 Pass",
        ]
    );
}

#[test]
fn a_closure_is_a_hook_and_any_file_system_can_fail() {
    let folder = tempfile::tempdir().unwrap();
    let fs = FaultyFs::new(Arc::new(RealFs::new()), NoFaults);
    let root = fs.open_root(folder.path()).unwrap();
    let file = write_file(&fs, &root, "f").unwrap();
    fs.set_hook(|op: &FsOp<'_>| match op.kind {
        OpKind::SyncFile if op.path.ends_with("f") => Fault::Fail(Errno::Quota),
        _ => Fault::Pass,
    });
    assert_eq!(
        fs.sync_file(&file, SyncWhat::Data).unwrap_err().kind(),
        ErrorKind::QuotaExceeded
    );
    fs.sync_dir(&root).unwrap();
    assert_eq!(fs.counts().get(OpKind::SyncFile), 1);
    // Handles of the wrapped file system are not those of the wrapper.
    assert_eq!(
        RealFs::new().sync_dir(&root).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn errors_are_those_of_the_system() {
    let table = [
        (Errno::NoSpace, ErrorKind::StorageFull),
        (Errno::Quota, ErrorKind::QuotaExceeded),
        (Errno::ReadOnly, ErrorKind::ReadOnlyFilesystem),
        (Errno::AccessDenied, ErrorKind::PermissionDenied),
        (Errno::Interrupted, ErrorKind::Interrupted),
        (Errno::WouldBlock, ErrorKind::WouldBlock),
        (Errno::NotSupported, ErrorKind::Unsupported),
        (Errno::FileTooLarge, ErrorKind::FileTooLarge),
    ];
    for (errno, kind) in table {
        assert_eq!(io::Error::from(errno).kind(), kind, "{errno:?}");
    }
    #[cfg(unix)]
    for errno in [
        Errno::Io,
        Errno::TooManyFiles,
        Errno::BadHandle,
        Errno::NameTooLong,
        Errno::TooManyLinks,
    ] {
        assert!(io::Error::from(errno).raw_os_error().is_some(), "{errno:?}");
    }
}
