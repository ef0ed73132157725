//! A database of the npm packages, in a process of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// What a database holds, by key.
pub(crate) type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

pub(crate) struct Node {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Node {
    /// Opens the database with these options of classic-level, or tells why that fails.
    pub(crate) fn open(folder: &Path, options: &Value) -> Result<Self, String> {
        let modules = std::env::var_os("RS_STORES_PEERS_MODULES")
            .expect("RS_STORES_PEERS_MODULES names a folder node_modules");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/store.mjs");
        let mut process = Command::new("node")
            .args([script.as_os_str(), &modules, folder.as_os_str()])
            .arg(options.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut opened = Self {
            process,
            input,
            output,
        };
        match opened.answer() {
            Value::String(ok) if ok == "ok" => Ok(opened),
            refused => Err(refused.to_string()),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The outcome of an operation of `store.mjs`.
    pub(crate) fn ask(&mut self, operation: Value) -> Value {
        let line = format!("{operation}\n");
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_bytes()).unwrap();
        let answer = self.answer();
        assert!(answer.get("error").is_none(), "{operation}: {answer}");
        answer
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no answer from node: {line:?}"))
    }

    pub(crate) fn all(&mut self) -> Contents {
        let pairs = self.ask(json!(["all"]));
        let bytes = |value: &Value| unhex(value.as_str().unwrap());
        let pairs = pairs.as_array().unwrap().iter();
        pairs
            .map(|pair| (bytes(&pair[0]), bytes(&pair[1])))
            .collect()
    }

    /// Closes the database and ends the process.
    pub(crate) fn close(mut self) {
        self.input = None;
        assert!(self.process.wait().unwrap().success());
    }

    /// Ends the process as a crash would.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already, and nothing is lost by an end now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
