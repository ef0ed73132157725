//! The program: one process is one turn on a directory.
//!
//! It reads a line of JSON from its standard input: `folder`; `create`, a shard function, if the directory may be made;
//! `sync`, its flag; `steps`, pairs of words and a value in hexadecimal, where the words are `put KEY`, `delete KEY`,
//! `batch put KEY`, `batch delete KEY` and `commit`; `noClose`, to end as if it had been killed. In place of steps it may be told to
//! `upgrade` (the prefix's length), to `downgrade` or to `move` (the new directory). It writes one line: `error` where it failed,
//! else `failures` of steps, and `shard`, `usage`, `accuracy` and all `pairs` as it sees them after the last step.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::hex::{hex, unhex};

/// What a directory holds, by key.
pub(crate) type Contents = BTreeMap<String, Vec<u8>>;

pub(crate) fn path() -> Option<PathBuf> {
    std::env::var_os("RS_STORES_GO_FLATFS").map(PathBuf::from)
}

/// What a turn found at its end.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) shard: String,
    pub(crate) contents: Contents,
    pub(crate) failures: Vec<String>,
    pub(crate) usage: u64,
    pub(crate) accuracy: String,
}

/// A turn that is being put together.
pub(crate) struct Turn {
    asked: Value,
    steps: Vec<(String, String)>,
}

impl Turn {
    pub(crate) fn on(folder: &Path) -> Self {
        Self {
            asked: json!({"folder": folder}),
            steps: Vec::new(),
        }
    }

    /// Tells one more thing about the turn.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.asked[name] = value.into();
        self
    }

    pub(crate) fn step(&mut self, words: impl Into<String>, value: &[u8]) {
        self.steps.push((words.into(), hex(value)));
    }

    /// Gives what the program said, or its error.
    pub(crate) fn run(mut self) -> Result<Told, String> {
        self.asked["steps"] = json!(self.steps);
        let mut program = Command::new(path().expect("RS_STORES_GO_FLATFS names a program"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = program.stdin.take().unwrap();
        writeln!(input, "{}", self.asked).unwrap();
        drop(input);
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success(), "{}: {}", self.asked, output.status);
        told(&serde_json::from_slice(&output.stdout).unwrap())
    }
}

fn told(line: &Value) -> Result<Told, String> {
    if let Some(error) = line["error"].as_str() {
        return Err(error.to_owned());
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs = line["pairs"].as_object().unwrap().iter();
    Ok(Told {
        shard: text(&line["shard"]),
        contents: pairs
            .map(|(key, value)| (key.clone(), unhex(value.as_str().unwrap())))
            .collect(),
        failures: line["failures"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect(),
        usage: line["usage"].as_u64().unwrap(),
        accuracy: text(&line["accuracy"]),
    })
}
