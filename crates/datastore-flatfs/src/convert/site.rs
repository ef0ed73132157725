//! A directory that is being converted.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use datastore_files::Safety;
use datastore_files::{Access, Change, Contents, Kind, Links, Replace, Tree, TreeLock, Wait};
use interface_datastore::{Error, ErrorKind, Operation};

use super::folder::{Folder, is_hidden};
use super::unfinished::Unfinished;
use super::{Phase, Teller, to_convert};
use crate::FlatfsOptions;
use crate::failure::file_error;
use crate::open::TEMP;
use crate::sharding::{self, Sharding};

/// A directory that nobody else uses, as far as its lock goes.
pub(super) struct Site {
    pub(super) tree: Tree,
    pub(super) root: Folder,
    pub(super) links: Links,
    lock: Option<TreeLock>,
}

impl Site {
    /// Opens a directory, whatever is in it.
    pub(super) fn open(path: &Path, options: &FlatfsOptions) -> Result<Self, Error> {
        let tree = crate::open::open_root(path, &to_convert(options))?;
        let lock = match options.lock {
            true => Some(crate::open::lock(&tree)?),
            false => None,
        };
        Ok(Self {
            root: Folder::root(&options.fs, path)?,
            links: match options.follow_shard_links {
                true => Links::Follow,
                false => Links::Refuse,
            },
            tree,
            lock,
        })
    }

    /// Opens a directory that is a store.
    pub(super) fn open_store(
        path: &Path,
        options: &FlatfsOptions,
    ) -> Result<(Self, Sharding), Error> {
        let site = Self::open(path, options)?;
        let sharding = site.sharding()?;
        Ok((site, sharding))
    }

    /// How the store is laid out.
    pub(super) fn sharding(&self) -> Result<Sharding, Error> {
        Sharding::read(&self.tree)?.ok_or_else(|| self.no_store())
    }

    /// The conversion that was begun here and is not finished, if there is one.
    pub(super) fn unfinished(&self) -> Result<Option<Unfinished>, Error> {
        let failed = |error| file_error(error, Operation::Maintain, None);
        let file = self.tree.open_file(Path::new(sharding::FILE), Wait::Yes);
        let Some(file) = file.map_err(failed)? else {
            return Ok(None);
        };
        let text = file.read(0..sharding::MAX_LEN, Wait::Yes).map_err(failed)?;
        Ok(Unfinished::parse(&String::from_utf8_lossy(&text)))
    }

    fn no_store(&self) -> Error {
        Error::new(ErrorKind::NotFound, Operation::Maintain)
            .with_path(self.tree.full(Path::new(sharding::FILE)))
            .with_detail("the directory is no flatfs store")
            .with_remedy("check the path")
    }

    /// The folders that may hold values.
    pub(super) fn shard_folders(&self) -> Result<Vec<OsString>, Error> {
        let mut names = Vec::new();
        for entry in self.root.entries()? {
            let (name, kind) = entry?;
            if is_hidden(&name) {
                continue;
            }
            match kind {
                Kind::Dir => names.push(name),
                Kind::Link => {
                    if self.root.find(&name, Links::Follow)?.is_none() {
                        continue;
                    }
                    if self.links == Links::Refuse {
                        return Err(self.linked(&name));
                    }
                    names.push(name);
                }
                Kind::File | Kind::Other => {}
            }
        }
        Ok(names)
    }

    fn linked(&self, name: &OsStr) -> Error {
        Error::new(ErrorKind::Foreign, Operation::Maintain)
            .with_path(self.root.path().join(name))
            .with_detail("this is a link to a folder, which may hold values of the store")
            .with_remedy("allow it with follow_shard_links, or move the link away")
    }

    /// Makes the file `SHARDING` say this, durably.
    pub(super) fn write_sharding(&self, text: &str, replace: Replace) -> Result<(), Error> {
        let failed = |error| file_error(error, Operation::Maintain, None);
        let mut temp = self.tree.temp_file_for(Access::Usual).map_err(failed)?;
        temp.write_all(text.as_bytes()).map_err(failed)?;
        self.write(sharding::FILE, Contents::Temp(temp), replace)
    }

    /// Makes a file of the directory hold this, durably.
    pub(super) fn write(
        &self,
        path: impl AsRef<Path>,
        contents: Contents,
        replace: Replace,
    ) -> Result<(), Error> {
        let change = Change::Write {
            path: path.as_ref().to_owned(),
            contents,
            replace,
            obsolete: None,
        };
        for outcome in self.tree.apply(vec![change], Safety::Power) {
            outcome.map_err(|error| file_error(error, Operation::Maintain, None))?;
        }
        Ok(())
    }

    /// Forgets how much space the directory takes, as it will be another number: both programs count anew when they
    /// open it.
    pub(super) fn forget_usage(&self) -> Result<(), Error> {
        self.root.remove_file(OsStr::new(USAGE))?;
        self.root.sync()
    }

    /// Makes the names in all folders durable, and those of the folders.
    pub(super) fn sync(&self, teller: &mut Teller<'_, '_>) -> Result<(), Error> {
        let folders = self.shard_folders()?;
        teller.phase(Phase::Syncing, Some(folders.len() as u64))?;
        for name in folders {
            if let Some(folder) = self.root.find(&name, self.links)? {
                folder.sync()?;
            }
            teller.one_done()?;
        }
        self.root.sync()
    }

    /// Removes the folder of temporary files if there is nothing in it, so that who made it for one file leaves none.
    pub(super) fn drop_empty_temp(&self) -> Result<(), Error> {
        self.tree.release();
        self.root.remove_folder(OsStr::new(TEMP)).map(|_| ())
    }

    /// Gives up the lock and removes its file.
    pub(super) fn unlock_and_forget(self) -> Result<(), Error> {
        self.root.remove_file(OsStr::new(crate::open::LOCK))?;
        drop(self.lock);
        Ok(())
    }
}

/// Where both programs keep the number of bytes.
pub(super) const USAGE: &str = "diskUsage.cache";
