//! What go-ds-flatfs does to a directory, as far as others can see it: a stand-in for the program itself.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use datastore_flatfs::ShardFunction;
use serde_json::{Value, json};

const TEMP: &str = ".temp";
const CACHE: &str = "diskUsage.cache";

/// An open directory.
pub(crate) struct Go {
    dir: PathBuf,
    shard: ShardFunction,
    usage: i64,
    accuracy: String,
    temporary: u64,
}

impl Go {
    /// Empties the folder for temporary files, whoever uses it, and trusts the number of bytes that it finds.
    pub(crate) fn open(dir: &Path) -> Self {
        let temp = dir.join(TEMP);
        // Ours may be writing a file there; the original fails then, and is started again.
        while temp.exists() {
            let _ = fs::remove_dir_all(&temp);
        }
        fs::create_dir(&temp).unwrap();
        let shard = fs::read_to_string(dir.join("SHARDING")).unwrap();
        let cache = fs::read(dir.join(CACHE)).unwrap_or_default();
        let cache: Value = serde_json::from_slice(&cache).unwrap_or_default();
        let usage = cache["diskUsage"].as_i64().unwrap_or_default();
        let accuracy = cache["accuracy"].as_str().unwrap_or_default().to_owned();
        let mut opened = Self {
            dir: dir.to_owned(),
            shard: shard.parse().unwrap(),
            usage,
            accuracy,
            temporary: 0,
        };
        if opened.usage <= 0 {
            opened.usage = count(dir);
            "initial-exact".clone_into(&mut opened.accuracy);
            opened.write_cache();
        }
        opened
    }

    fn place(&mut self, key: &str) -> PathBuf {
        let folder = self.dir.join(self.shard.dir(key));
        if fs::create_dir(&folder).is_ok() {
            self.usage += size(&folder);
        }
        folder.join(format!("{key}.data"))
    }

    fn publish(&mut self, from: &Path, key: &str) {
        let to = self.place(key);
        let before = size(&to);
        fs::rename(from, &to).unwrap();
        self.usage += size(&to) - before;
    }

    pub(crate) fn put(&mut self, key: &str, value: &[u8]) {
        self.place(key);
        self.temporary += 1;
        let temporary = self.dir.join(TEMP).join(format!("temp-{}", self.temporary));
        fs::write(&temporary, value).unwrap();
        self.publish(&temporary, key);
    }

    pub(crate) fn batch(&mut self, pairs: &[(&str, &[u8])]) {
        let folder = self.dir.join(TEMP).join("batch-1700000000000000000-42");
        fs::create_dir(&folder).unwrap();
        for (key, value) in pairs {
            fs::write(folder.join(format!("{key}.data")), value).unwrap();
        }
        for (key, _) in pairs {
            self.publish(&folder.join(format!("{key}.data")), key);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    pub(crate) fn delete(&mut self, key: &str) {
        let path = self
            .dir
            .join(self.shard.dir(key))
            .join(format!("{key}.data"));
        let before = size(&path);
        if fs::remove_file(path).is_ok() {
            self.usage -= before;
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        fs::read(
            self.dir
                .join(self.shard.dir(key))
                .join(format!("{key}.data")),
        )
        .ok()
    }

    /// All keys: every file with the ending in every folder whose name does not start with a dot.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for folder in entries(&self.dir) {
            if !folder.is_dir() || name(&folder).starts_with('.') {
                continue;
            }
            for file in entries(&folder) {
                keys.extend(name(&file).strip_suffix(".data").map(str::to_owned));
            }
        }
        keys.sort();
        keys
    }

    fn write_cache(&self) {
        let text = json!({"diskUsage": self.usage, "accuracy": self.accuracy});
        let words = format!(
            "{{\"diskUsage\":{},\"accuracy\":{}}}\n",
            text["diskUsage"], text["accuracy"]
        );
        let temporary = self.dir.join(TEMP).join("temp-cache");
        let mut file = fs::File::create(&temporary).unwrap();
        file.write_all(words.as_bytes()).unwrap();
        fs::rename(temporary, self.dir.join(CACHE)).unwrap();
    }

    pub(crate) fn close(self) {
        self.write_cache();
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn size(path: &Path) -> i64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len() as i64)
}

/// The bytes of everything below a folder and of itself, as the original counts them.
pub(crate) fn count(folder: &Path) -> i64 {
    let below = entries(folder).into_iter().map(|path| {
        if path.is_dir() {
            count(&path)
        } else {
            size(&path)
        }
    });
    size(folder) + below.sum::<i64>()
}
