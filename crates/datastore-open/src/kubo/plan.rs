//! From the description of a repository's stores to what is opened: paths are found, and kinds that nothing here reads refused.

use std::path::{Path, PathBuf};

use datastore_flatfs::ShardFunction;
use interface_datastore::{Error, ErrorKind, Key, Operation, Result};

use super::Spec;

/// Kubo's own descriptions name two stores.
const MOST_STORES: usize = 256;

/// What is to be opened.
pub(super) enum Plan {
    Mount(Vec<(Key, Plan)>),
    Mem,
    Flatfs { path: PathBuf, shard: ShardFunction },
    Leveldb { path: PathBuf },
}

/// Finds the stores of a repository.
pub(super) struct Planner {
    /// Where relative paths begin.
    repo: PathBuf,
    /// The repository without links; none if stores may lie outside of it.
    within: Option<PathBuf>,
    stores: usize,
    pub(super) has_leveldb: bool,
}

impl Planner {
    pub(super) fn new(repo: &Path, outside: bool) -> Result<Self> {
        let within = match outside {
            true => None,
            false => Some(real(repo)?),
        };
        Ok(Self {
            repo: repo.to_owned(),
            within,
            stores: 0,
            has_leveldb: false,
        })
    }

    /// Depth is bounded where specs are read.
    pub(super) fn plan(&mut self, spec: &Spec) -> Result<Plan> {
        match spec {
            Spec::Mount(mounts) => {
                // They are in order.
                let twice = mounts.windows(2).find_map(|pair| match pair {
                    [a, b] if a.point == b.point => Some(&a.point),
                    _ => None,
                });
                if let Some(point) = twice {
                    let detail = format!("two stores are mounted at {point}");
                    return Err(Error::new(ErrorKind::Damaged, Operation::Open)
                        .with_path(&self.repo)
                        .with_detail(detail));
                }
                let planned = mounts
                    .iter()
                    .map(|mount| Ok((Key::new(&mount.point), self.plan(&mount.spec)?)));
                Ok(Plan::Mount(planned.collect::<Result<_>>()?))
            }
            Spec::Measure { child, .. } | Spec::Log { child, .. } => self.plan(child),
            Spec::Mem => self.count().map(|()| Plan::Mem),
            Spec::Flatfs { path, shard, .. } => Ok(Plan::Flatfs {
                path: self.find(path)?,
                shard: *shard,
            }),
            Spec::Leveldb { path, .. } => {
                self.has_leveldb = true;
                Ok(Plan::Leveldb {
                    path: self.find(path)?,
                })
            }
            Spec::Badger { path } => Err(self.unsupported(path, "a Badger database (badgerds)")),
            Spec::Pebble { path } => Err(self.unsupported(path, "a Pebble database (pebbleds)")),
        }
    }

    fn count(&mut self) -> Result<()> {
        self.stores += 1;
        if self.stores <= MOST_STORES {
            return Ok(());
        }
        let detail = format!("it describes more than {MOST_STORES} stores");
        Err(Error::unsupported(Operation::Open, detail).with_path(&self.repo))
    }

    fn find(&mut self, path: &str) -> Result<PathBuf> {
        self.count()?;
        let path = self.repo.join(path);
        let Some(within) = &self.within else {
            return Ok(path);
        };
        let found = real(&path)?;
        if found.starts_with(within) {
            return Ok(path);
        }
        let detail = format!(
            "the repository {} has a store outside of it",
            self.repo.display()
        );
        Err(Error::new(ErrorKind::PermissionDenied, Operation::Open)
            .with_path(found)
            .with_detail(detail)
            .with_remedy("if you trust whoever made the repository, open it with outside=true"))
    }

    fn unsupported(&self, path: &str, what: &str) -> Error {
        let remedy = "use Kubo to export what is in it (ipfs dag export, ipfs pin ls), or ipfs-ds-convert to make it flatfs and levelds";
        Error::unsupported(Operation::Open, format!("reading {what}"))
            .with_path(self.repo.join(path))
            .with_remedy(remedy)
    }
}

/// The path without links.
fn real(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|cause| {
        let kind = match cause.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            _ => ErrorKind::Failed,
        };
        Error::new(kind, Operation::Open)
            .with_path(path)
            .with_detail("a store of the repository cannot be found")
            .with_source(cause)
    })
}
