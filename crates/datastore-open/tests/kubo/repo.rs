//! A repository as Kubo lays it out, made file by file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use datastore_open::{OpenOptions, Registry, kubo::Spec};
use futures_util::TryStreamExt;
use interface_datastore::{Datastore, DatastoreExt, Key, Query, Result};
use pollster::block_on;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Keys of blocks, sha2-256 in base32, and what hashes to them.
pub(crate) const BLOCKS: &[(&str, &str)] = &[
    (
        "CIQBMNT2VS3HUSQBPSG2RK4VNAWMWOIIMN4A64IU3WQKBYGFKZCMPRA",
        "second",
    ),
    (
        "CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I",
        "hello world",
    ),
];
/// What Kubo keeps beside its blocks.
pub(crate) const RECORDS: &[(&str, &str)] = &[
    ("/local/filesroot", "root of the files"),
    ("/pins/state/dirty", "0"),
];
/// What no error may show.
pub(crate) const SECRET: &str = "CAESQ-the-private-key-of-the-node";

/// The folder of a repository, and what it holds.
pub(crate) struct Repo(TempDir);

/// Kubo's own spec, wrapped as it was up to version 0.35 if asked for.
pub(crate) fn default_spec(measured: bool) -> Value {
    let flatfs = json!({
        "type": "flatfs", "path": "blocks", "sync": false, "shardFunc": "/repo/flatfs/shard/v1/next-to-last/2"
    });
    let leveldb = json!({ "type": "levelds", "path": "datastore", "compression": "none" });
    let mounted = |mut spec: Value, point: &str, prefix: &str| {
        if measured {
            spec = json!({ "type": "measure", "prefix": prefix, "child": spec });
        }
        spec["mountpoint"] = point.into();
        spec
    };
    json!({ "type": "mount", "mounts": [
        mounted(flatfs, "/blocks", "flatfs.datastore"),
        mounted(leveldb, "/", "leveldb.datastore"),
    ]})
}

impl Repo {
    /// With Kubo's own spec.
    pub(crate) fn new() -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        repo.write("version", "18\n");
        repo.write("api", "/ip4/127.0.0.1/tcp/5001");
        repo.describe(&default_spec(false));
        repo.blocks("blocks");
        leveldb(&repo.path("datastore"));
        repo
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        let path = self.path(name);
        match path.is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }

    /// Writes `config`, with this spec.
    pub(crate) fn configure(&self, spec: &Value) {
        let config = json!({
            "Identity": { "PeerID": "12D3KooW", "PrivKey": SECRET },
            "Datastore": { "StorageMax": "10GB", "Spec": spec, "HashOnRead": false },
            "Addresses": { "API": "/ip4/127.0.0.1/tcp/5001" },
        });
        self.write("config", serde_json::to_vec_pretty(&config).unwrap());
    }

    /// Writes `config` and the `datastore_spec` that belongs to it.
    pub(crate) fn describe(&self, spec: &Value) {
        self.configure(spec);
        if let Ok(spec) = Spec::from_value(spec) {
            self.write("datastore_spec", spec.disk_spec().as_str());
        }
    }

    /// Puts the blocks into a flatfs directory.
    pub(crate) fn blocks(&self, name: &str) {
        let url = format!("flatfs:{}?shard=next-to-last/2", self.path(name).display());
        let store = block_on(Registry::with_defaults().open(&url, OpenOptions::new())).unwrap();
        for (key, value) in BLOCKS {
            block_on(store.put(&Key::new(key), *value)).unwrap();
        }
        block_on(store.close()).unwrap();
    }

    /// Opens it with these options, each with `&` behind it.
    pub(crate) fn open(&self, options: &str) -> Result<Arc<dyn Datastore>> {
        let options = options.trim_end_matches('&');
        let mark = if options.is_empty() { "" } else { "?" };
        let url = format!("kubo:{}{mark}{options}", self.root().display());
        block_on(Registry::with_defaults().open(&url, OpenOptions::new()))
    }

    /// Every file with its contents and the time when it was last changed.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let contents = match path.is_dir() {
                    true => Vec::new(),
                    false => fs::read(&path).unwrap(),
                };
                let changed = path.symlink_metadata().unwrap().modified().unwrap();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                found.insert(path, (contents, changed));
            }
        }
        found
    }
}

/// What [`Repo::new`] holds, in order.
pub(crate) fn contents() -> Vec<(String, String)> {
    let blocks = BLOCKS
        .iter()
        .map(|(key, value)| (format!("/blocks/{key}"), (*value).to_owned()));
    let records = RECORDS
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let mut all: Vec<_> = blocks.chain(records).collect();
    all.sort();
    all
}

/// All that a store holds, in order.
pub(crate) fn listed(store: &dyn Datastore, query: Query) -> Result<Vec<(String, String)>> {
    let entries: Vec<_> = block_on(store.query(query).try_collect())?;
    let text = |entry: interface_datastore::Entry| {
        let key = entry.key.to_string();
        (key, String::from_utf8(entry.into_value().to_vec()).unwrap())
    };
    let mut all: Vec<_> = entries.into_iter().map(text).collect();
    all.sort();
    Ok(all)
}

/// A LevelDB database as goleveldb begins one: a manifest, and a log that holds the records.
pub(crate) fn leveldb(folder: &Path) {
    const MANIFEST: &[u8] = b"\x56\xf9\xb8\xf8\x1c\x00\x01\x01\x1aleveldb.BytewiseComparator\xa4\x9c\x8b\xbe\x08\x00\x01\x02\x03\x09\x00\x03\x04\x04\x00";
    let mut batch = 1_u64.to_le_bytes().to_vec();
    batch.extend((RECORDS.len() as u32).to_le_bytes());
    for (key, value) in RECORDS {
        batch.push(1);
        for part in [key, value] {
            batch.push(part.len() as u8);
            batch.extend(part.as_bytes());
        }
    }
    let mut summed = vec![1];
    summed.extend(&batch);
    let sum = crc32c::crc32c(&summed).rotate_right(15);
    let mut log = sum.wrapping_add(0xa282_ead8).to_le_bytes().to_vec();
    log.extend((batch.len() as u16).to_le_bytes());
    log.extend(summed);
    fs::create_dir(folder).unwrap();
    for (name, contents) in [
        ("CURRENT", &b"MANIFEST-000002\n"[..]),
        ("MANIFEST-000002", MANIFEST),
        ("000003.log", &log),
        ("LOCK", b""),
    ] {
        fs::write(folder.join(name), contents).unwrap();
    }
}
