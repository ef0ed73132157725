//! What of a spec may not change while there is data.

use std::{collections::BTreeMap, fmt};

use super::{
    go_json::Json,
    spec::{Mount, Spec},
};

/// What of a [`Spec`] may not change while there is data: paths, shard functions, mount points. It is the text that Kubo keeps
/// in the file `datastore_spec`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DiskSpec(String);

impl DiskSpec {
    /// The text: compact JSON, names in order, escaped as Go does, without a line feed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the contents of a file `datastore_spec` agree: they must be the same text but for white space around it.
    pub fn agrees_with(&self, file: &[u8]) -> bool {
        std::str::from_utf8(file).is_ok_and(|text| text.trim() == self.0)
    }
}

impl fmt::Display for DiskSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Spec {
    /// What of it may not change while there is data.
    pub fn disk_spec(&self) -> DiskSpec {
        DiskSpec(self.fields().map_or(Json::Null, Json::Object).text())
    }

    /// None for what leaves nothing on the disk.
    fn fields(&self) -> Option<BTreeMap<&'static str, Json>> {
        let at_path = |name: &str, path: &str| {
            BTreeMap::from([
                ("type", Json::Text(name.to_owned())),
                ("path", Json::Text(path.to_owned())),
            ])
        };
        Some(match self {
            Self::Mount(mounts) => BTreeMap::from([
                ("type", Json::Text("mount".to_owned())),
                ("mounts", Json::List(mounts.iter().map(entry).collect())),
            ]),
            Self::Measure { child, .. } | Self::Log { child, .. } => return child.fields(),
            Self::Mem => return None,
            Self::Flatfs { path, shard, .. } => {
                let mut fields = at_path("flatfs", path);
                fields.insert("shardFunc", Json::Text(shard.to_string()));
                fields
            }
            Self::Leveldb { path, .. } => at_path("levelds", path),
            Self::Badger { path } => at_path("badgerds", path),
            Self::Pebble { path } => at_path("pebbleds", path),
        })
    }
}

fn entry(mount: &Mount) -> Json {
    let mut fields = mount.spec.fields().unwrap_or_default();
    fields.insert("mountpoint", Json::Text(mount.point.clone()));
    Json::Object(fields)
}
