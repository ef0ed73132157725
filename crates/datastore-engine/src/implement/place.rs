//! The names of files and folders that databases are.

use std::{io, path::Path};

/// The folder that holds the name of a path: the current one if the path tells none.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the name of a file or folder durable, which was created or renamed: a name that a power cut may take away would take all
/// acknowledged commits along. Blocks.
///
/// # Errors
/// What the system meets when the folder that holds the name is opened and synced.
pub fn sync_name(path: &Path) -> io::Result<()> {
    sync_folder(folder_of(path))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened, and its file system keeps names in order.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{folder_of, sync_name};

    #[test]
    fn a_name_lies_in_a_folder() {
        for (path, folder) in [
            ("file", "."),
            ("./file", "."),
            ("a/b", "a"),
            ("/a", "/"),
            ("/", "."),
        ] {
            assert_eq!(folder_of(Path::new(path)), Path::new(folder), "{path}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn the_folder_is_synced() {
        sync_name(Path::new("Cargo.toml")).unwrap();
        let missing = sync_name(Path::new("no such folder/file")).unwrap_err();
        assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
    }
}
