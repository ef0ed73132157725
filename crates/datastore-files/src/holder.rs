//! Who holds a lock on a file.

use std::path::Path;

/// The number of a process that holds a lock of any kind on the file, if the system tells: Linux does, for locks of
/// processes (`fcntl`) and of `flock`, on file systems whose numbers it shows as they are.
#[must_use]
pub fn lock_holder(path: &Path) -> Option<u32> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt;
        let file = std::fs::metadata(path).ok()?;
        let device = file.dev();
        let table = std::fs::read_to_string("/proc/locks").ok()?;
        let named = format!(
            "{:02x}:{:02x}:{}",
            rustix::fs::major(device),
            rustix::fs::minor(device),
            file.ino()
        );
        holder_in(&table, &named)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}

/// Lines are `1: FLOCK ADVISORY WRITE 4711 08:01:131073 0 EOF`; those of who waits have `->` behind the number, and locks
/// of open files have the process -1.
#[cfg(any(target_os = "linux", test))]
fn holder_in(table: &str, named: &str) -> Option<u32> {
    table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            [_, _, _, _, process, file, ..] if *file == named => process.parse().ok(),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{holder_in, lock_holder};

    #[test]
    fn the_table_is_read() {
        let table = "1: OFDLCK ADVISORY  WRITE -1 08:01:7 0 EOF\n1: -> FLOCK ADVISORY WRITE 5 08:01:7 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 4711 08:01:7 0 EOF\n3: POSIX ADVISORY READ 12 08:01:77 0 0\n\nodd\n";
        for (named, expected) in [
            ("08:01:7", Some(4711)),
            ("08:01:77", Some(12)),
            ("08:02:7", None),
        ] {
            assert_eq!(holder_in(table, named), expected, "{named}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_lock_of_ours_is_found_where_the_system_shows_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(lock_holder(file.path()), None);
        rustix::fs::flock(file.as_file(), rustix::fs::FlockOperation::LockExclusive).unwrap();
        let holder = lock_holder(file.path());
        assert!(
            holder.is_none_or(|holder| holder == std::process::id()),
            "{holder:?}"
        );
    }
}
