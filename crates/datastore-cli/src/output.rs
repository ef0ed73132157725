//! Standard output: lines of text, or one JSON object a line.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use interface_datastore::Key;
use serde::Serialize;

use crate::{
    args::Global,
    failure::{Failure, Outcome},
    key_text::KeyForm,
};

const BUFFER: usize = 64 << 10;

/// Where answers go.
pub(crate) struct Output {
    writer: BufWriter<StdoutLock<'static>>,
    json: bool,
    form: KeyForm,
    line_by_line: bool,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let stdout = io::stdout();
        Self {
            json: global.json,
            form: KeyForm::of(global.hex_keys),
            line_by_line: stdout.is_terminal(),
            writer: BufWriter::with_capacity(BUFFER, stdout.lock()),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The key as this output shows it.
    pub(crate) fn key(&self, key: &Key) -> String {
        self.form.show(key)
    }

    /// A line: the text, or the JSON if that is wanted.
    pub(crate) fn line(
        &mut self,
        text: impl FnOnce(&Self) -> String,
        json: &impl Serialize,
    ) -> Outcome<()> {
        let line = if self.json {
            serde_json::to_string(json).map_err(|error| Failure::Output(error.into()))?
        } else {
            text(self)
        };
        self.bytes(line.as_bytes())?;
        self.bytes(b"\n")?;
        if self.line_by_line {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.writer.write_all(bytes).map_err(Failure::Output)
    }

    /// Lets readers see what has been written so far.
    pub(crate) fn flush(&mut self) -> Outcome<()> {
        self.writer.flush().map_err(Failure::Output)
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> Outcome<()> {
        self.flush()
    }
}
