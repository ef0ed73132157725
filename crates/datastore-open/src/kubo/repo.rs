//! The files in which a repository describes itself. All are read, none is written.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use interface_datastore::{Error, ErrorKind, Operation, Result};
use serde_json::Value;

use super::{Spec, SpecError, SpecProblem};

const VERSION: &str = "version";
const CONFIG: &str = "config";
const DISK_SPEC: &str = "datastore_spec";

/// Versions whose stores lie as in 18, the newest that is known: since 12 the keys of blocks are multihashes.
const VERSIONS: std::ops::RangeInclusive<u32> = 12..=18;
/// Kubo's own files of this kind have some kilobytes.
const MOST: u64 = 1 << 20;
/// As much of a text as an error shows.
const SHOWN: usize = 300;

const PARTS: &str =
    "its parts may open one by one, such as flatfs:PATH/blocks and leveldb:PATH/datastore";

/// Reads which stores a repository has.
pub(super) fn spec(repo: &Path) -> Result<Spec> {
    let config = read(repo, CONFIG)?;
    let on_disk = read(repo, DISK_SPEC)?;
    if config.is_none() && on_disk.is_none() {
        return Err(missing(repo));
    }
    check_version(repo)?;
    let disk_error = |error| spec_error(repo.join(DISK_SPEC), error);
    match (config, on_disk) {
        (Some(config), on_disk) => {
            let spec = configured(&config, &repo.join(CONFIG))?;
            match on_disk {
                Some(text) if !spec.disk_spec().agrees_with(&text) => {
                    Err(disagreement(repo, &spec, &text))
                }
                _ => Ok(spec),
            }
        }
        // A copy without its config, which holds the key of the node. Nothing is written, so that syncing is no question.
        (None, Some(text)) => Spec::parse_disk_spec(text, false).map_err(disk_error),
        (None, None) => Err(missing(repo)),
    }
}

fn error(kind: ErrorKind, path: impl Into<PathBuf>, detail: impl Into<String>) -> Error {
    Error::new(kind, Operation::Open)
        .with_path(path)
        .with_detail(detail.into())
}

fn missing(repo: &Path) -> Error {
    let (kind, detail) = match repo.metadata() {
        Ok(metadata) if metadata.is_dir() => (
            ErrorKind::Foreign,
            "there is neither config nor datastore_spec in the folder",
        ),
        Ok(_) => (ErrorKind::Foreign, "it is not a folder"),
        Err(_) => (ErrorKind::NotFound, "there is no such folder"),
    };
    error(kind, repo, detail)
        .with_remedy("give the path of a Kubo repository, such as the folder .ipfs")
}

/// A file of the repository; none if it is not there.
fn read(repo: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let path = repo.join(name);
    let read = || {
        // Opening a pipe would wait for its other end.
        if !path.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let file = File::open(&path)?;
        let mut bytes = Vec::new();
        file.take(MOST + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.len() as u64 > MOST => {
            let detail = format!("it has more than {MOST} bytes, which no repository needs");
            Err(error(ErrorKind::Damaged, path, detail))
        }
        Ok(bytes) => Ok(Some(bytes)),
        Err(cause)
            if matches!(
                cause.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(cause) => {
            let kind = match cause.kind() {
                io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
                _ => ErrorKind::Failed,
            };
            Err(error(kind, path, "it cannot be read").with_source(cause))
        }
    }
}

fn check_version(repo: &Path) -> Result<()> {
    let path = repo.join(VERSION);
    let Some(bytes) = read(repo, VERSION)? else {
        return Err(
            error(ErrorKind::Foreign, path, "the repository has no version").with_remedy(PARTS),
        );
    };
    let text = String::from_utf8_lossy(&bytes);
    let Ok(version) = text.trim().parse::<u32>() else {
        let detail = format!("it holds no version but {:?}", shortened(&text));
        return Err(error(ErrorKind::Damaged, path, detail).with_remedy(PARTS));
    };
    if VERSIONS.contains(&version) {
        return Ok(());
    }
    let (oldest, newest) = (VERSIONS.start(), VERSIONS.end());
    let remedy = match version < *oldest {
        true => format!("let Kubo migrate it (ipfs repo migrate); {PARTS}"),
        false => format!("use a newer release of this program; {PARTS}"),
    };
    let detail = format!("the repository has version {version}; {oldest} to {newest} are known");
    Err(error(ErrorKind::Unsupported, path, detail).with_remedy(remedy))
}

/// `Datastore.Spec` of a config. Nothing else of it is kept or shown: it holds the node's private key.
fn configured(config: &[u8], path: &Path) -> Result<Spec> {
    let value: Value = serde_json::from_slice(config).map_err(|cause| {
        let detail = "it is not JSON";
        error(ErrorKind::Damaged, path, detail).with_source(cause)
    })?;
    let datastore = field(&value, "Datastore").unwrap_or(&Value::Null);
    let is_set = |name| {
        let value = field(datastore, name);
        value.is_some_and(|value| !value.is_null() && value != "")
    };
    if is_set("Type") || is_set("Path") {
        let detail =
            "it describes the stores in the old style, by Datastore.Type and Datastore.Path";
        return Err(error(ErrorKind::Unsupported, path, detail)
            .with_remedy("let Kubo migrate it (ipfs repo migrate)"));
    }
    match field(datastore, "Spec") {
        None | Some(Value::Null) => {
            let detail = "it does not say which stores there are: Datastore.Spec is missing";
            Err(error(ErrorKind::Damaged, path, detail))
        }
        Some(spec) => Spec::from_value(spec).map_err(|error| spec_error(path.to_owned(), error)),
    }
}

/// A field of an object, whose name Kubo takes in any case.
fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let fields = object.as_object()?;
    let any_case = || {
        fields
            .iter()
            .find(|(is, _)| is.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    fields.get(name).or_else(any_case)
}

fn spec_error(path: PathBuf, cause: SpecError) -> Error {
    let text = cause.to_string();
    match cause.problem() {
        SpecProblem::UnknownType(_) => error(ErrorKind::Unsupported, path, text).with_remedy(PARTS),
        _ => error(ErrorKind::Damaged, path, text)
            .with_remedy("correct the file; Kubo does not open it either"),
    }
    .with_source(cause)
}

fn disagreement(repo: &Path, spec: &Spec, on_disk: &[u8]) -> Error {
    let detail = format!(
        "config and datastore_spec describe different stores: {} is not {}",
        shortened(spec.disk_spec().as_str()),
        shortened(String::from_utf8_lossy(on_disk).trim()),
    );
    error(ErrorKind::Damaged, repo.join(DISK_SPEC), detail)
        .with_remedy("let config say again what datastore_spec says; Kubo does not open it either")
}

fn shortened(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(SHOWN)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}
