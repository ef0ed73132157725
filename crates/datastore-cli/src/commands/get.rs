//! `datastore get`

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use bytes::Bytes;
use futures_util::StreamExt;
use interface_datastore::{ByteRange, Datastore, DatastoreExt, GetOptions, ValueStream, Want};
use tempfile::NamedTempFile;

use crate::{
    context::Context,
    failure::{Exit, Failure, Outcome},
    output::Output,
};

/// Write a value, byte for byte; exit 1 if there is none
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key
    key: OsString,
    /// Write to this file, which appears whole or not at all
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Only a part, in bytes: FROM..END (END not included), FROM.., ..END, or -COUNT for the last ones
    #[arg(long, allow_hyphen_values = true)]
    range: Option<Part>,
}

/// A part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part(ByteRange);

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.then(|| text.parse().ok()).flatten();
            number.ok_or_else(|| format!("\"{text}\" is not a number of bytes"))
        };
        let range = if let Some(count) = text.strip_prefix('-') {
            ByteRange::Last(number(count)?)
        } else {
            match text.split_once("..") {
                Some((from, "")) => ByteRange::From(number(from)?),
                Some(("", end)) => ByteRange::Bounded(0, number(end)?),
                Some((from, end)) => ByteRange::Bounded(number(from)?, number(end)?),
                None => return Err("a part is written FROM..END, FROM.., ..END or -COUNT".into()),
            }
        };
        Ok(Self(range))
    }
}

pub(crate) async fn run(args: Args, context: &Context, out: &mut Output) -> Outcome {
    let key = context.key(&args.key)?;
    let want = args.range.map_or(Want::Value, |part| Want::Range(part.0));
    let options = GetOptions::default()
        .with_want(want)
        .with_abort(context.abort.clone());
    let store = context.open_to_read().await?;
    let value = store.get_stream_opts(&key, options).await?;
    match &args.output {
        Some(path) => write_file(path, value).await?,
        None => write_to(value, |piece| out.bytes(&piece)).await?,
    }
    store.close().await?;
    Ok(Exit::Success)
}

async fn write_to(
    mut value: ValueStream,
    mut write: impl FnMut(Bytes) -> Outcome<()>,
) -> Outcome<()> {
    while let Some(piece) = value.body.next().await {
        write(piece?)?;
    }
    Ok(())
}

async fn write_file(path: &Path, value: ValueStream) -> Outcome<()> {
    let failed = |source| Failure::file("write", path, source);
    // A pipe or a device cannot be replaced, and has nothing to lose.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        let mut file = File::options().write(true).open(path).map_err(failed)?;
        return write_to(value, |piece| file.write_all(&piece).map_err(failed)).await;
    }
    let mut file = beside(path).map_err(failed)?;
    write_to(value, |piece| file.write_all(&piece).map_err(failed)).await?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A temporary file in the folder of `path`, with the permissions of any new file.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(mode);
    builder
        .prefix(".datastore-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read() {
        for (text, range) in [
            ("0..5", Some(ByteRange::Bounded(0, 5))),
            ("5..", Some(ByteRange::From(5))),
            ("..5", Some(ByteRange::Bounded(0, 5))),
            ("-5", Some(ByteRange::Last(5))),
            ("5", None),
            ("..", None),
            ("-", None),
            ("a..b", None),
            ("+1..2", None),
            ("1..-2", None),
            ("0..99999999999999999999", None),
        ] {
            assert_eq!(
                text.parse::<Part>().ok().map(|part| part.0),
                range,
                "{text}"
            );
        }
    }
}
