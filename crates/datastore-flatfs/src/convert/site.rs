//! A directory that is being converted.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use datastore_files::Safety;
use datastore_files::{
    Access, Change, Contents, Gates, Kind, Links, Replace, Tree, TreeLock, Wait,
};
use interface_datastore::{Error, ErrorKind, Operation};

use super::folder::{Folder, is_hidden};
use super::unfinished::Unfinished;
use super::{Phase, Teller, to_convert};
use crate::FlatfsOptions;
use crate::background::Background;
use crate::failure::file_error;
use crate::open::TEMP;
use crate::sharding::{self, Sharding};
use crate::unclean::{NOTE, Opening, Unclean};
pub(super) use crate::usage::cache::FILE as USAGE;
use crate::usage::{Limits, Usage};

/// From so many folders on, one sync of the file system takes less time than one of each.
const MANY_FOLDERS: usize = 256;

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
        // A directory that is no store gets no lock file.
        let tree = crate::open::open_root(path, &to_convert(options))?;
        Sharding::read(&tree)?.ok_or_else(|| no_store(&tree))?;
        let site = Self::open(path, options)?;
        let sharding = site.sharding()?;
        site.complete(&sharding)?;
        Ok((site, sharding))
    }

    /// Completes the batches of processes that are gone, and removes their temporary files.
    pub(super) fn complete(&self, sharding: &Sharding) -> Result<(), Error> {
        crate::batch::complete(&self.tree, sharding)?;
        let swept = self.tree.sweep();
        swept.map_err(|error| file_error(error, Operation::Maintain, None))?;
        Ok(())
    }

    /// Looks at all values that a loss of power may have damaged, and moves those that are aside: another directory does not
    /// know of the doubt. Then forgets what is known of the directory, which is no more true of what it will hold.
    pub(super) fn end_doubt(
        &self,
        sharding: Sharding,
        options: &FlatfsOptions,
    ) -> Result<(), Error> {
        let opening = Opening {
            sharding,
            // Nothing is noted of a use that is none.
            read_only: true,
            created: false,
            hashes: options.check_hashes,
        };
        let unclean = Unclean::open(&self.tree, opening, None)?.unclean;
        if unclean.is_active() {
            let background = Background::default();
            unclean.look_at_all(&self.tree, &Gates::default(), &background.stop_signal());
        }
        if unclean.is_active() {
            return Err(Error::new(ErrorKind::Unavailable, Operation::Maintain)
                .with_path(self.tree.path())
                .with_detail(
                    "power was lost, and not all values that it may have damaged could be read",
                )
                .with_remedy("check the store, then run this again"));
        }
        self.root.remove_file(OsStr::new(NOTE))
    }

    /// Counts the space that the directory takes, so that the next one who opens it need not.
    pub(super) fn store_usage(&self) {
        let usage = Usage::new(None, false);
        let background = Background::default();
        usage.claim_count();
        let stop = background.stop_signal();
        if usage.count(&self.tree, Limits::default(), &stop, &|| {}) {
            usage.store_now(&self.tree);
        }
    }

    /// How the store is laid out.
    pub(super) fn sharding(&self) -> Result<Sharding, Error> {
        Sharding::read(&self.tree)?.ok_or_else(|| no_store(&self.tree))
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

    /// One of those folders, or the root for the empty name; none if it is gone.
    pub(super) fn folder(&self, name: &OsStr) -> Result<Option<Folder>, Error> {
        match name.is_empty() {
            true => Ok(Some(self.root.clone())),
            false => self.root.find(name, self.links),
        }
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
        // Links may lead to other file systems.
        let at_once = folders.len() >= MANY_FOLDERS && self.links == Links::Refuse;
        if at_once && self.root.sync_file_system() {
            return Ok(());
        }
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

fn no_store(tree: &Tree) -> Error {
    Error::new(ErrorKind::NotFound, Operation::Maintain)
        .with_path(tree.full(Path::new(sharding::FILE)))
        .with_detail("the directory is no flatfs store")
        .with_remedy("check the path")
}
