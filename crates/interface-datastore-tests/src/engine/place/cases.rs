//! What is missing, another program's, held or read-only.

use std::{fs, path::Path};

use datastore_engine::{Engine, ErrorKind, Scan};
use futures_util::TryStreamExt;

use super::{EnginePlace, files_below};
use crate::{
    Failure, Outcome, Verdict,
    engine::cases::support::{PROVEN, pair, put_all, value_of},
    failure::ensure,
};

/// The names in a folder.
fn names(folder: &Path) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Without leave to create nothing is made, and a folder in which to create must be there.
pub(super) async fn missing(place: &EnginePlace) -> Outcome<Verdict> {
    let folder = tempfile::tempdir()?;
    for (name, create, what) in [
        ("none", false, "a place where there is nothing"),
        ("none/below", true, "a place in a folder that is missing"),
    ] {
        let path = folder.path().join(name);
        place
            .refuses(&path, create, ErrorKind::NotFound, what)
            .await?;
        let left = names(folder.path())?;
        ensure!(left.is_empty(), "{what}: the refusal leaves {left:?}");
    }
    PROVEN
}

/// What others have put there is refused, and left as it is.
pub(super) async fn foreign(place: &EnginePlace) -> Outcome<Verdict> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let text = "something else, of more than a few bytes";
    fs::write(path("text"), text)?;
    fs::create_dir(path("photos"))?;
    fs::write(path("photos/one.png"), text)?;
    for name in ["text", "photos"] {
        for create in [true, false] {
            let what = format!("the place {name} of another program");
            place
                .refuses(&path(name), create, ErrorKind::Foreign, &what)
                .await?;
        }
    }
    for file in ["text", "photos/one.png"] {
        ensure!(
            fs::read_to_string(path(file))? == text,
            "the refused {file} was changed"
        );
    }
    let left = [names(folder.path())?, names(&path("photos"))?].concat();
    ensure!(
        left == ["photos", "text", "one.png"],
        "the refusals leave something behind: {left:?}"
    );
    PROVEN
}

/// A database that is open cannot be opened again, and the error tells by whom where the system does.
pub(super) async fn one_holder(place: &EnginePlace) -> Outcome<Verdict> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("database");
    let engine = place.open(&path, true).await?;
    place
        .refuses(&path, true, ErrorKind::Locked, "a database that is open")
        .await?;
    if let Some(holder) = holder(&path)? {
        let error = place
            .refusal(&path, true, "a database that is open")
            .await?;
        ensure!(
            error.to_string().contains(&format!("process {holder}")),
            "process {holder} holds the lock, and the error does not say so: {error}"
        );
    }
    put_all(&*engine, &[pair("k", "v")]).await?;
    value_of(
        &*engine,
        b"k",
        Some(b"v"),
        "a value put behind the refusals",
    )
    .await?;
    engine.close().await?;
    place.open(&path, true).await?.close().await?;
    PROVEN
}

/// The process that the system tells to hold a lock on a file of the database.
#[cfg(target_os = "linux")]
fn holder(root: &Path) -> Outcome<Option<u32>> {
    use std::os::unix::fs::MetadataExt;
    let Ok(locks) = fs::read_to_string("/proc/locks") else {
        return Ok(None);
    };
    for name in files_below(root)? {
        let inode = format!(":{}", fs::metadata(super::below(root, &name))?.ino());
        for line in locks.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, _, _, _, process, file, ..] = words.as_slice() else {
                continue;
            };
            if file.ends_with(&inode)
                && let Ok(process) = process.parse()
            {
                return Ok(Some(process));
            }
        }
    }
    Ok(None)
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &Path) -> Outcome<Option<u32>> {
    Ok(None)
}

/// A close lets go of the lock, whatever was forgotten, and so does dropping the last handle.
pub(super) async fn lock_ends(place: &EnginePlace) -> Outcome<Verdict> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("database");
    let engine = place.open(&path, true).await?;
    put_all(&*engine, &[pair("k", "v"), pair("l", "v")]).await?;
    let snapshot = match engine.capabilities().snapshots {
        true => Some(engine.snapshot().await?),
        false => None,
    };
    let mut scan = engine.scan(Scan::all());
    ensure!(scan.try_next().await?.is_some(), "a scan finds nothing");
    engine.close().await?;
    let again = place.open(&path, false).await?;
    value_of(&*again, b"k", Some(b"v"), "a value behind a close").await?;
    drop(again);
    drop(place.open(&path, false).await?);
    drop((engine, snapshot, scan));
    place.open(&path, false).await?.close().await?;
    PROVEN
}

/// A database that may not be written is refused as that, or can be read; it is not harmed.
pub(super) async fn read_only(place: &EnginePlace) -> Outcome<Verdict> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("database");
    let engine = place.open(&path, true).await?;
    put_all(&*engine, &[pair("k", "v")]).await?;
    engine.close().await?;
    drop(engine);
    let denied = Denied::below(folder.path())?;
    if fs::write(folder.path().join("probe"), "").is_ok() {
        return Err(Failure::unproven("this user may write everywhere"));
    }
    let what = "a database that may not be written";
    match place.open(&path, false).await {
        Ok(engine) => value_of(&*engine, b"k", Some(b"v"), what).await?,
        Err(_) => {
            place
                .refuses(&path, false, ErrorKind::PermissionDenied, what)
                .await?;
        }
    }
    let inside = folder.path().join("new");
    place
        .refuses(
            &inside,
            true,
            ErrorKind::PermissionDenied,
            "a folder that may not be written",
        )
        .await?;
    drop(denied);
    let engine = place.open(&path, false).await?;
    value_of(
        &*engine,
        b"k",
        Some(b"v"),
        "a value that could not be written for a while",
    )
    .await?;
    engine.close().await?;
    PROVEN
}

/// Takes leave to write from all that is below a folder, until this is dropped.
struct Denied(Vec<(std::path::PathBuf, fs::Permissions)>);

impl Denied {
    fn below(folder: &Path) -> Outcome<Self> {
        let mut paths = vec![folder.to_owned()];
        for name in files_below(folder)? {
            paths.push(folder.join(&name));
            let parents = name
                .ancestors()
                .skip(1)
                .filter(|parent| !parent.as_os_str().is_empty());
            paths.extend(parents.map(|parent| folder.join(parent)));
        }
        paths.sort();
        paths.dedup();
        let mut denied = Self(Vec::new());
        for path in paths.into_iter().rev() {
            let before = fs::metadata(&path)?.permissions();
            let mut permissions = before.clone();
            permissions.set_readonly(true);
            fs::set_permissions(&path, permissions)?;
            denied.0.push((path, before));
        }
        Ok(denied)
    }
}

impl Drop for Denied {
    fn drop(&mut self) {
        for (path, before) in self.0.drain(..).rev() {
            // What is left read-only is a temporary folder.
            let _ = fs::set_permissions(path, before);
        }
    }
}
