//! What is on a disk at one moment.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::tree::{Body, Inode, ROOT, Tree};

/// The contents of a disk at one moment. [`PowerLossFs::from_image`](super::PowerLossFs::from_image) mounts it.
#[derive(Clone)]
pub struct Image {
    pub(super) tree: Tree,
}

/// What an [`Image`] has at a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A file and its contents.
    File(Arc<Vec<u8>>),
    /// A folder.
    Dir,
    /// A link and where it points.
    Link(PathBuf),
}

impl Image {
    /// Everything on the disk but the root itself, by absolute path. Times are left out.
    #[must_use]
    pub fn nodes(&self) -> BTreeMap<PathBuf, Node> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![(PathBuf::from("/"), ROOT)];
        while let Some((path, dir)) = waiting.pop() {
            for (name, &ino) in self.tree.entries(dir).into_iter().flatten() {
                let Some(inode) = self.tree.get(ino) else {
                    continue;
                };
                let path = path.join(name);
                let node = match &inode.body {
                    Body::File(contents) => Node::File(Arc::clone(contents)),
                    Body::Link(target) => Node::Link(target.clone()),
                    Body::Dir(_) => {
                        waiting.push((path.clone(), ino));
                        Node::Dir
                    }
                };
                found.insert(path, node);
            }
        }
        found
    }

    /// The contents of the file at a path from the root of the disk, links not followed; none if there is none.
    #[must_use]
    pub fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        match &self.inode(path.as_ref())?.body {
            Body::File(contents) => Some(contents.to_vec()),
            Body::Dir(_) | Body::Link(_) => None,
        }
    }

    fn inode(&self, path: &Path) -> Option<&Inode> {
        let names = path.components().filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        let ino = names
            .into_iter()
            .try_fold(ROOT, |dir, name| self.tree.child(dir, name))?;
        self.tree.get(ino)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.nodes()).finish()
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        match self {
            Self::File(contents) => {
                let start = contents.get(..SHOWN).unwrap_or(contents);
                write!(f, "{} bytes \"{}\"", contents.len(), start.escape_ascii())?;
                f.write_str(if contents.len() > SHOWN { "..." } else { "" })
            }
            Self::Dir => f.write_str("folder"),
            Self::Link(target) => write!(f, "link to {}", target.display()),
        }
    }
}
