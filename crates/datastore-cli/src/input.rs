//! Files and standard input as streams of pieces.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use interface_datastore::{BoxStream, Error, ErrorKind, Operation, Result};

use crate::failure::{Failure, Outcome};

/// How much is read in one go.
pub(crate) const PIECE: usize = 256 << 10;

/// The pieces of standard input.
pub(crate) fn stdin() -> BoxStream<'static, Result<Bytes>> {
    pieces(io::stdin(), PathBuf::from("standard input"))
}

/// The pieces of a file, which is opened now.
pub(crate) fn file(path: &Path) -> Outcome<BoxStream<'static, Result<Bytes>>> {
    let open = || {
        let file = File::open(path)?;
        match file.metadata()?.is_dir() {
            true => Err(io::ErrorKind::IsADirectory.into()),
            false => Ok(file),
        }
    };
    let file = open().map_err(|source| Failure::file("read", path, source))?;
    Ok(pieces(file, path.to_owned()))
}

fn pieces(reader: impl Read + Send + 'static, path: PathBuf) -> BoxStream<'static, Result<Bytes>> {
    let read = stream::unfold(Some((reader, path)), |state| async {
        let (mut reader, path) = state?;
        let hop = tokio::task::spawn_blocking(move || {
            let piece = read_piece(&mut reader);
            (reader, piece)
        });
        let read = hop.await.map_err(io::Error::other);
        match read.and_then(|(reader, piece)| Ok((reader, piece?))) {
            Ok((_, piece)) if piece.is_empty() => None,
            Ok((reader, piece)) => Some((Ok(piece), Some((reader, path)))),
            Err(source) => Some((Err(failed(&path, source)), None)),
        }
    });
    read.boxed()
}

/// A whole piece unless the end comes before; empty at the end.
fn read_piece(reader: &mut impl Read) -> io::Result<Bytes> {
    let mut piece = BytesMut::zeroed(PIECE);
    let mut filled = 0;
    while let Some(room) = piece.get_mut(filled..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(filled);
    Ok(piece.freeze())
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::new(ErrorKind::Failed, Operation::Put)
        .with_path(path)
        .with_detail("the value could not be read; the key keeps its old one")
        .with_source(source)
}
