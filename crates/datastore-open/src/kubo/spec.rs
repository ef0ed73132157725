//! The description of a repository's stores.

use std::cmp::Reverse;

use datastore_flatfs::ShardFunction;
use serde_json::{Map, Value};

use super::error::{SpecError, SpecProblem};

/// Specs that stand in each other are read up to this depth; Kubo's own are three deep.
const MAX_DEPTH: usize = 64;

/// Which stores a repository has: `Datastore.Spec` of its `config`.
///
/// Paths are as they are written: relative ones start at the repository. Fields without a meaning are passed over, as Kubo does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spec {
    /// `mount`: several stores, each under a prefix. The most specific mount point comes first.
    Mount(Vec<Mount>),
    /// `measure`: counts what happens in another store.
    Measure {
        /// What its counters' names start with.
        prefix: String,
        /// The other store.
        child: Box<Spec>,
    },
    /// `log`: writes down what happens in another store.
    Log {
        /// What it calls the store.
        name: String,
        /// The other store.
        child: Box<Spec>,
    },
    /// `mem`: a store in memory.
    Mem,
    /// `flatfs`: a directory with a file for each value.
    Flatfs {
        /// Where.
        path: String,
        /// How keys are spread over folders.
        shard: ShardFunction,
        /// Whether writes are synced before they are acknowledged.
        sync: bool,
    },
    /// `levelds`: a LevelDB database.
    Leveldb {
        /// Where.
        path: String,
        /// How its tables are compressed.
        compression: Compression,
    },
    /// `badgerds`: a Badger database. Its other fields are not looked at.
    Badger {
        /// Where.
        path: String,
    },
    /// `pebbleds`: a Pebble database. Its other fields are not looked at.
    Pebble {
        /// Where.
        path: String,
    },
}

/// A store of a [`Spec::Mount`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mount {
    /// The prefix of its keys, cleaned: it starts with `/`, and only `/` itself ends with it.
    pub point: String,
    /// The store.
    pub spec: Spec,
}

/// How a LevelDB database compresses its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// `none`.
    None,
    /// `snappy`.
    Snappy,
    /// Nothing is said: the database's own choice, which is Snappy.
    Default,
}

impl Spec {
    /// Reads a spec from JSON text.
    ///
    /// # Errors
    /// What is wrong, and where: see [`SpecProblem`].
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, SpecError> {
        let value = serde_json::from_slice(text.as_ref());
        let value = value.map_err(|error| SpecError::new("", SpecProblem::Json(error)))?;
        Self::from_value(&value)
    }

    /// Reads a spec that is part of a larger JSON document.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_value(value: &Value) -> Result<Self, SpecError> {
        Self::read(value, Source::Config)
    }

    /// Reads the text of a [`DiskSpec`](super::DiskSpec), such as the file `datastore_spec` of a repository whose `config` is
    /// not at hand. `sync` is what it leaves out: whether flatfs syncs its writes.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_disk_spec(text: impl AsRef<[u8]>, sync: bool) -> Result<Self, SpecError> {
        let value = serde_json::from_slice(text.as_ref());
        let value = value.map_err(|error| SpecError::new("", SpecProblem::Json(error)))?;
        Self::read(&value, Source::Disk { sync })
    }

    fn read(value: &Value, source: Source) -> Result<Self, SpecError> {
        match value {
            // To Kubo, nothing at all is an object without fields.
            Value::Null => Reader::new(&Map::new(), String::new(), 0, source).spec(),
            Value::Object(fields) => Reader::new(fields, String::new(), 0, source).spec(),
            _ => Err(SpecError::new("", SpecProblem::NotAnObject)),
        }
    }
}

/// Where a spec comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Config,
    /// What stays on the disk: no type where there is nothing but memory, no word on syncing.
    Disk {
        sync: bool,
    },
}

/// An object that should be a spec, and where it stands.
struct Reader<'a> {
    fields: &'a Map<String, Value>,
    at: String,
    depth: usize,
    source: Source,
}

impl<'a> Reader<'a> {
    fn new(fields: &'a Map<String, Value>, at: String, depth: usize, source: Source) -> Self {
        Self {
            fields,
            at,
            depth,
            source,
        }
    }

    fn spec(&self) -> Result<Spec, SpecError> {
        if self.depth > MAX_DEPTH {
            return Err(self.wrong(SpecProblem::TooDeep));
        }
        if matches!(self.source, Source::Disk { .. }) && !self.fields.contains_key("type") {
            return Ok(Spec::Mem);
        }
        Ok(match self.text("type")? {
            "mount" => Spec::Mount(self.mounts()?),
            "measure" => Spec::Measure {
                prefix: self.text("prefix")?.to_owned(),
                child: self.child()?,
            },
            "log" => Spec::Log {
                name: self.text("name")?.to_owned(),
                child: self.child()?,
            },
            "mem" => Spec::Mem,
            "flatfs" => Spec::Flatfs {
                path: self.path()?,
                shard: self.shard()?,
                sync: match self.source {
                    Source::Config => self.field("sync", "true or false", Value::as_bool)?,
                    Source::Disk { sync } => sync,
                },
            },
            "levelds" => Spec::Leveldb {
                path: self.path()?,
                compression: self.compression()?,
            },
            "badgerds" => Spec::Badger { path: self.path()? },
            "pebbleds" => Spec::Pebble { path: self.path()? },
            other => return Err(self.wrong(SpecProblem::UnknownType(other.to_owned()))),
        })
    }

    fn mounts(&self) -> Result<Vec<Mount>, SpecError> {
        let entries = self.field("mounts", "a list", Value::as_array)?;
        let mut mounts = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let below = self.below(format!("mounts[{index}]"), entry)?;
            let spec = below.spec()?;
            let point = clean(below.text("mountpoint")?);
            mounts.push(Mount { point, spec });
        }
        mounts.sort_by(|a, b| Reverse(&a.point).cmp(&Reverse(&b.point)));
        Ok(mounts)
    }

    fn child(&self) -> Result<Box<Spec>, SpecError> {
        let wanted = "an object";
        let child = self.field("child", wanted, |value| value.is_object().then_some(value))?;
        Ok(Box::new(self.below("child".to_owned(), child)?.spec()?))
    }

    fn below(&self, name: String, value: &'a Value) -> Result<Self, SpecError> {
        let at = match self.at.as_str() {
            "" => name,
            above => format!("{above}.{name}"),
        };
        match value.as_object() {
            Some(fields) => Ok(Self::new(fields, at, self.depth + 1, self.source)),
            None => Err(SpecError::new(&at, SpecProblem::NotAnObject)),
        }
    }

    fn path(&self) -> Result<String, SpecError> {
        self.text("path").map(str::to_owned)
    }

    fn shard(&self) -> Result<ShardFunction, SpecError> {
        let shard = self.text("shardFunc")?.parse();
        shard.map_err(|error| self.wrong(SpecProblem::Shard(error)))
    }

    fn compression(&self) -> Result<Compression, SpecError> {
        match self.fields.get("compression") {
            None | Some(Value::Null) => Ok(Compression::Default),
            Some(Value::String(text)) => match text.as_str() {
                "none" => Ok(Compression::None),
                "snappy" => Ok(Compression::Snappy),
                "" => Ok(Compression::Default),
                other => Err(self.wrong(SpecProblem::Compression(format!("{other:?}")))),
            },
            Some(other) => Err(self.wrong(SpecProblem::Compression(other.to_string()))),
        }
    }

    fn text(&self, name: &'static str) -> Result<&'a str, SpecError> {
        self.field(name, "a text", Value::as_str)
    }

    fn field<T>(
        &self,
        field: &'static str,
        wanted: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, SpecError> {
        match self.fields.get(field) {
            None => Err(self.wrong(SpecProblem::Missing { field, wanted })),
            Some(value) => {
                read(value).ok_or_else(|| self.wrong(SpecProblem::WrongType { field, wanted }))
            }
        }
    }

    fn wrong(&self, problem: SpecProblem) -> SpecError {
        SpecError::new(&self.at, problem)
    }
}

/// A text as the key that go-datastore makes of it: absolute, without empty, `.` and `..` components.
fn clean(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
