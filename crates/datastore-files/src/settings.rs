//! How a [`Tree`] is to behave, set once it is open.

use std::path::Path;
use std::sync::Arc;

use crate::fs::{Access, Links};
use crate::tree::Tree;

/// Told of each folder that a tree makes, by its path relative to the root.
pub type FolderMade = Arc<dyn Fn(&Tree, &Path) + Send + Sync>;

/// Tells by its path whether a folder may hold files of a tree.
pub type OwnFolders = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// What becomes of a folder when [`Tree::apply`] removes the last file in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmptiedFolders {
    /// It is removed, and then those above it that became empty.
    #[default]
    Remove,
    /// It stays. A removal does not look at its folder then.
    Keep,
}

impl Tree {
    /// The same tree, with another fate for folders that its changes empty. Default: [`EmptiedFolders::Remove`].
    #[must_use]
    pub fn with_emptied_folders(mut self, emptied: EmptiedFolders) -> Self {
        self.emptied = emptied;
        self
    }

    /// The same tree, which looks at files before it removes them, so that [`Changed::Removed`] can tell what they were.
    ///
    /// [`Changed::Removed`]: crate::Changed::Removed
    #[must_use]
    pub fn with_measured_removals(mut self) -> Self {
        self.measures_removals = true;
        self
    }

    /// The same tree, which looks at files that are about to be replaced: one that holds the same is [kept](crate::Changed::Kept), of
    /// another [`Changed::Replaced`] tells what it was. Where there is none that costs nothing.
    ///
    /// [`Changed::Replaced`]: crate::Changed::Replaced
    #[must_use]
    pub fn with_compared_replacements(mut self) -> Self {
        self.compares_replacements = true;
        self
    }

    /// The same tree, in which a link in the root may stand for a folder anywhere, if `links` is [`Links::Follow`]. Links
    /// further down are refused all the same. Default: [`Links::Refuse`].
    #[must_use]
    pub fn with_links_in_root(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// The same tree, with these rights of access for the files that it makes. Default: [`Access::Usual`].
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The same tree, which calls `told` for each folder that it makes for a file.
    #[must_use]
    pub fn with_folder_made(mut self, told: FolderMade) -> Self {
        self.folder_made = Some(told);
        self
    }

    /// The same tree, all of whose files lie in the root and in folders that `own` accepts. Others are not looked into to make
    /// everything durable; they need not even be readable.
    #[must_use]
    pub fn with_own_folders(mut self, own: OwnFolders) -> Self {
        self.own_folders = Some(own);
        self
    }
}
