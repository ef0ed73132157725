//! Values that come in pieces.

use bytes::Bytes;

use crate::error::Result;
use crate::publish::Contents;
use crate::temp::TempFile;
use crate::tree::Tree;

/// Bytes that are held in memory before they are written.
const PIECE: usize = 1 << 20;

/// Takes in a value piece by piece: a small one stays in memory, a larger one goes to a temporary file.
#[derive(Debug)]
pub struct Intake {
    tree: Tree,
    pieces: Vec<Bytes>,
    held: usize,
    file: Option<TempFile>,
}

impl Intake {
    /// Nothing yet.
    #[must_use]
    pub fn new(tree: &Tree) -> Self {
        Self {
            tree: tree.clone(),
            pieces: Vec::new(),
            held: 0,
            file: None,
        }
    }

    /// Takes a piece. Once this is true, enough is held to be [written out](Self::write_out).
    pub fn add(&mut self, piece: Bytes) -> bool {
        self.held = self.held.saturating_add(piece.len());
        self.pieces.push(piece);
        self.held >= PIECE
    }

    /// Writes what is held to the temporary file. Blocks.
    ///
    /// # Errors
    ///
    /// What creating and writing files meets.
    pub fn write_out(mut self) -> Result<Self> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.tree.temp_file()?),
        };
        for piece in self.pieces.drain(..) {
            file.write_all(&piece)?;
        }
        self.held = 0;
        Ok(self)
    }

    /// Whether all of it is in memory, so that [`finish`](Self::finish) does not block.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.file.is_none()
    }

    /// The whole value. Blocks if part of it was written out.
    ///
    /// # Errors
    ///
    /// What writing meets.
    pub fn finish(mut self) -> Result<Contents> {
        if self.is_in_memory() {
            return Ok(Contents::Bytes(match self.pieces.len() {
                0 => Bytes::new(),
                1 => self.pieces.swap_remove(0),
                _ => Bytes::from(self.pieces.concat()),
            }));
        }
        let written = self.write_out()?;
        Ok(match written.file {
            Some(file) => Contents::Temp(file),
            None => Contents::Bytes(Bytes::new()),
        })
    }
}
