//! Why a text is no spec.

use std::fmt;

use datastore_flatfs::ShardError;

/// Why a text is no spec, and where in it.
#[derive(Debug)]
pub struct SpecError {
    at: String,
    problem: SpecProblem,
}

/// What is wrong with a spec.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpecProblem {
    /// The text is not JSON.
    Json(serde_json::Error),
    /// A spec, or an entry of `mounts`, is not an object.
    NotAnObject,
    /// A field that must be there is not.
    Missing {
        /// Its name.
        field: &'static str,
        /// What it should hold.
        wanted: &'static str,
    },
    /// A field holds a value of another type.
    WrongType {
        /// Its name.
        field: &'static str,
        /// What it should hold.
        wanted: &'static str,
    },
    /// There is no datastore of this type.
    UnknownType(String),
    /// LevelDB knows no such compression.
    Compression(String),
    /// `shardFunc` names no shard function.
    Shard(ShardError),
    /// Specs stand in each other more than 64 deep.
    TooDeep,
}

impl SpecError {
    pub(super) fn new(at: &str, problem: SpecProblem) -> Self {
        Self {
            at: at.to_owned(),
            problem,
        }
    }

    /// Where: a path into the spec, such as `mounts[1].child`. Empty for the spec as a whole.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// What is wrong.
    pub fn problem(&self) -> &SpecProblem {
        &self.problem
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => f.write_str("the datastore spec: ")?,
            at => write!(f, "the datastore spec, at {at}: ")?,
        }
        match &self.problem {
            SpecProblem::Json(_) => f.write_str("it is not JSON"),
            SpecProblem::NotAnObject => f.write_str("it is not an object"),
            SpecProblem::Missing { field, wanted } => {
                write!(f, "the field \"{field}\" is missing; it should be {wanted}")
            }
            SpecProblem::WrongType { field, wanted } => {
                write!(f, "the field \"{field}\" is not {wanted}")
            }
            SpecProblem::UnknownType(name) => {
                write!(f, "there is no datastore of type {name:?}")
            }
            SpecProblem::Compression(value) => write!(
                f,
                "the compression {value} is not known; use \"none\" or \"snappy\""
            ),
            SpecProblem::Shard(_) => f.write_str("\"shardFunc\" names no shard function"),
            SpecProblem::TooDeep => f.write_str("specs stand in each other more than 64 deep"),
        }
    }
}

impl std::error::Error for SpecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            SpecProblem::Json(source) => Some(source),
            SpecProblem::Shard(source) => Some(source),
            _ => None,
        }
    }
}
