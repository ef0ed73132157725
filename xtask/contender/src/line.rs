//! The line that a contender prints for each workload.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::options::Options;

/// One workload's outcome, as the harness reads it.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Line {
    pub(crate) contender: String,
    pub(crate) workload: String,
    pub(crate) ops: usize,
    pub(crate) seconds: f64,
    pub(crate) bytes: usize,
    /// For people; no comparison depends on it.
    #[serde(default)]
    pub(crate) extra: serde_json::Value,
}

impl Line {
    /// The outcome of a workload of the contender that `options` name.
    pub(crate) fn new(
        options: &Options,
        workload: &str,
        ops: usize,
        took: Duration,
        bytes: usize,
    ) -> Self {
        Self {
            contender: options.name().to_owned(),
            workload: workload.to_owned(),
            ops,
            seconds: took.as_secs_f64(),
            bytes,
            extra: serde_json::json!({ "layout": options.layout.name() }),
        }
    }

    /// Microseconds for each operation.
    pub(crate) fn micros(&self) -> f64 {
        self.seconds * 1e6 / self.ops.max(1) as f64
    }

    /// Prints the line.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}
