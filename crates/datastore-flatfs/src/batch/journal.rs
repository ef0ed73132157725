//! The journal of a batch: what the next opening needs to complete it.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use datastore_files::{
    Action, Change, Contents, FileError, Leftover, Metadata, Replace, Safety, Tree, Wait,
};
use interface_datastore::{Error, Operation};

use crate::failure::file_error;
use crate::open::TEMP;
use crate::sharding::Sharding;

/// A journal is called as the temporary file that it was first, with this added.
const SUFFIX: &str = ".batch";
const HEAD: &str = "flatfs-batch 1\n";
const NONE: &str = "-";
/// Bytes of a value that are read at a time.
const PIECE: u64 = 1 << 20;
/// About as long is a step.
const STEP_LEN: usize = 128;
/// Longer journals are not written, nor believed.
pub(super) const MAX_LEN: usize = 256 << 20;

/// What a batch does, value by value; the values lie in temporary files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Journal {
    /// In which run of the system it was written.
    pub(super) run: Option<String>,
    /// Whether the values were on the disk before.
    pub(super) synced: bool,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A temporary file gets the name of a value.
    Put {
        temp: String,
        len: u64,
        /// CRC-32 of the value, where nothing else tells that it is whole.
        check: Option<u32>,
        path: PathBuf,
    },
    /// This file is removed, and no other that has its name by then.
    Delete { file: Identity, path: PathBuf },
}

/// What tells a file from others that had its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    id: u64,
    modified: u64,
    len: u64,
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self {
            id: metadata.id,
            modified: metadata.modified,
            len: metadata.len,
        }
    }
}

impl Journal {
    /// Puts the journal beside the values that it speaks of; gives its path.
    pub(super) fn publish(&self, tree: &Tree, safety: Safety) -> Result<PathBuf, FileError> {
        let text = self.to_text();
        if text.len() > MAX_LEN {
            let many = std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "the batch has too many operations; split it",
            );
            let path = tree.full(Path::new(TEMP));
            return Err(FileError::new(Action::Write, &path, many));
        }
        let mut temp = tree.temp_file()?;
        temp.write_all(text.as_bytes())?;
        let mut name = OsString::from(temp.name());
        name.push(SUFFIX);
        let path = Path::new(TEMP).join(name);
        let change = Change::Write {
            path: path.clone(),
            contents: Contents::Temp(temp),
            replace: Replace::No,
            obsolete: None,
        };
        // Syncing the folder makes the names of the values last, too, which have to be there when the journal is.
        let safety = match safety {
            Safety::Process => Safety::Process,
            Safety::Ordered | Safety::Power => Safety::Power,
        };
        let outcome = tree.apply(vec![change], safety).pop();
        outcome.transpose()?;
        Ok(path)
    }

    pub(super) fn to_text(&self) -> String {
        let run = self.run.as_deref().unwrap_or(NONE);
        let synced = if self.synced { "yes" } else { "no" };
        let mut text = String::with_capacity(self.steps.len() * STEP_LEN);
        // Writing to a string does not fail.
        let _ = write!(text, "{HEAD}run {run}\nsynced {synced}\n");
        for step in &self.steps {
            // Writing to a string does not fail.
            let _ = match step {
                Step::Put {
                    temp, len, check, ..
                } => {
                    text.push_str("put ");
                    text.push_str(temp);
                    match check {
                        Some(check) => write!(text, " {len} {check:08x} "),
                        None => write!(text, " {len} {NONE} "),
                    }
                }
                Step::Delete { file, .. } => {
                    let Identity { id, modified, len } = file;
                    write!(text, "delete {id} {modified} {len} ")
                }
            };
            let (Step::Put { path, .. } | Step::Delete { path, .. }) = step;
            text.push_str(&path.to_string_lossy());
            text.push('\n');
        }
        let check = crc32fast::hash(text.as_bytes());
        text.push_str(&format!("check {check:08x}\n"));
        text
    }

    /// Reads a journal. None for anything that is not one, whole and of this version, with paths of values only.
    pub(super) fn parse(bytes: &[u8], sharding: &Sharding) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (lines, check) = text.strip_suffix('\n')?.rsplit_once("\ncheck ")?;
        let checked = text.get(..=lines.len())?;
        if u32::from_str_radix(check, 16) != Ok(crc32fast::hash(checked.as_bytes())) {
            return None;
        }
        let mut lines = checked.strip_prefix(HEAD)?.lines();
        let run = lines.next()?.strip_prefix("run ")?;
        let synced = match lines.next()? {
            "synced yes" => true,
            "synced no" => false,
            _ => return None,
        };
        let steps = lines.map(|line| Step::parse(line, sharding));
        Some(Self {
            run: (run != NONE).then(|| run.to_owned()),
            synced,
            steps: steps.collect::<Option<_>>()?,
        })
    }

    fn read(tree: &Tree, path: &Path, sharding: &Sharding) -> Result<Option<Self>, FileError> {
        let Some(file) = tree.open_file(path, Wait::Yes)? else {
            return Ok(None);
        };
        if file.metadata().len > MAX_LEN as u64 {
            return Ok(None);
        }
        let bytes = file.read(0..MAX_LEN as u64, Wait::Yes)?;
        Ok(Self::parse(&bytes, sharding))
    }

    /// What tells that the values that it speaks of are whole.
    fn wholeness(&self, run: Option<&str>) -> Wholeness {
        match self.synced || (run.is_some() && run == self.run.as_deref()) {
            true => Wholeness::Known,
            false => Wholeness::Checked,
        }
    }

    /// The changes that are still to be made; none if the values are not those that it speaks of.
    fn open_changes(
        &self,
        tree: &Tree,
        leftover: &Leftover,
        wholeness: Wholeness,
    ) -> Result<Option<Vec<Change>>, FileError> {
        let mut changes = Vec::new();
        for step in &self.steps {
            match step {
                Step::Put {
                    temp: name,
                    len,
                    check,
                    path,
                } => {
                    // What is not there any more has its name by now.
                    let Some(temp) = leftover.temp_file(name)? else {
                        continue;
                    };
                    let whole = match wholeness {
                        Wholeness::Known => true,
                        Wholeness::Checked => has_sum(tree, &Path::new(TEMP).join(name), *check)?,
                    };
                    if temp.len() != *len || !whole {
                        return Ok(None);
                    }
                    changes.push(Change::Write {
                        path: path.clone(),
                        contents: Contents::Temp(temp),
                        replace: Replace::Yes,
                        obsolete: None,
                    });
                }
                Step::Delete { file, path } => {
                    let found = tree.metadata(path, Wait::Yes)?;
                    if found.as_ref().map(Identity::from) == Some(*file) {
                        changes.push(Change::Remove {
                            path: path.clone(),
                            first: None,
                        });
                    }
                }
            }
        }
        Ok(Some(changes))
    }
}

/// See [`Journal::wholeness`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wholeness {
    /// They are: they were synced, or the system has run on since.
    Known,
    /// Their sums tell, if they have any.
    Checked,
}

/// The sum of a value.
pub(super) fn sum(value: &[u8]) -> u32 {
    crc32fast::hash(value)
}

/// Whether a file has this sum.
fn has_sum(tree: &Tree, path: &Path, wanted: Option<u32>) -> Result<bool, FileError> {
    let (Some(wanted), Some(file)) = (wanted, tree.open_file(path, Wait::Yes)?) else {
        return Ok(false);
    };
    let mut hasher = crc32fast::Hasher::new();
    let mut at = 0;
    while at < file.metadata().len {
        let piece = file.read(at..at.saturating_add(PIECE), Wait::Yes)?;
        if piece.is_empty() {
            break;
        }
        hasher.update(&piece);
        at = at.saturating_add(piece.len() as u64);
    }
    Ok(hasher.finalize() == wanted)
}

impl Step {
    fn parse(line: &str, sharding: &Sharding) -> Option<Self> {
        let mut words = line.split(' ');
        let kind = words.next()?;
        let mut word = || words.next();
        let step = match kind {
            "put" => Self::Put {
                temp: word()?.to_owned(),
                len: word()?.parse().ok()?,
                check: match word()? {
                    NONE => None,
                    check => Some(u32::from_str_radix(check, 16).ok()?),
                },
                path: word()?.into(),
            },
            "delete" => Self::Delete {
                file: Identity {
                    id: word()?.parse().ok()?,
                    modified: word()?.parse().ok()?,
                    len: word()?.parse().ok()?,
                },
                path: word()?.into(),
            },
            _ => return None,
        };
        let (Self::Put { path, .. } | Self::Delete { path, .. }) = &step;
        let is_value = sharding.key_at(path).is_some();
        (is_value && words.next().is_none()).then_some(step)
    }
}

/// Completes the batches that processes began which are gone, and removes their journals. Blocks; before temporary files are swept.
///
/// # Errors
///
/// What reading and writing files meet. The journals stay then, and the next opening tries again.
pub(crate) fn complete(tree: &Tree, sharding: &Sharding) -> Result<(), Error> {
    let failed = |error| file_error(error, Operation::Open, None);
    for leftover in tree.leftovers(SUFFIX).map_err(failed)? {
        for note in leftover.notes() {
            complete_one(tree, sharding, &leftover, note).map_err(failed)?;
        }
    }
    Ok(())
}

fn complete_one(
    tree: &Tree,
    sharding: &Sharding,
    leftover: &Leftover,
    note: &Path,
) -> Result<(), FileError> {
    let journal = Journal::read(tree, note, sharding)?;
    let run = tree.system_run();
    if let Some(journal) = journal {
        let wholeness = journal.wholeness(run.as_deref());
        let changes = journal.open_changes(tree, leftover, wholeness)?;
        let safety = match journal.synced {
            true => Safety::Power,
            false => Safety::Process,
        };
        for outcome in tree.apply(changes.unwrap_or_default(), safety) {
            outcome?;
        }
    }
    remove(tree, note)
}

/// Removes a journal.
pub(super) fn remove(tree: &Tree, path: &Path) -> Result<(), FileError> {
    let change = Change::Remove {
        path: path.to_owned(),
        first: None,
    };
    let outcome = tree.apply(vec![change], Safety::Process).pop();
    outcome.transpose().map(drop)
}

#[cfg(test)]
mod tests {
    use super::{Identity, Journal, Step};
    use crate::sharding::Sharding;

    fn journal() -> Journal {
        Journal {
            run: Some("7f-3a".to_owned()),
            synced: true,
            steps: vec![
                Step::Put {
                    temp: "1a-2b.0".to_owned(),
                    len: 5,
                    check: Some(0xf),
                    path: "EE/KEEY.data".into(),
                },
                Step::Delete {
                    file: Identity {
                        id: 1,
                        modified: 2,
                        len: 3,
                    },
                    path: "OL/GOLD.data".into(),
                },
            ],
        }
    }

    #[test]
    fn comes_back_as_it_was() {
        for (run, synced) in [(None, false), (Some("x".to_owned()), true)] {
            let journal = Journal {
                run,
                synced,
                ..journal()
            };
            let text = journal.to_text();
            let read = Journal::parse(text.as_bytes(), &Sharding::default());
            assert_eq!(read, Some(journal), "{text}");
        }
    }

    #[test]
    fn believes_nothing_that_is_not_whole() {
        let text = journal().to_text().into_bytes();
        let parse = |bytes: &[u8]| Journal::parse(bytes, &Sharding::default());
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut]), None, "cut at {cut}");
            let mut changed = text.clone();
            changed[cut] ^= 1;
            assert_eq!(parse(&changed), None, "changed at {cut}");
            changed[cut..].fill(0);
            assert_eq!(parse(&changed), None, "zeros from {cut}");
        }
    }

    #[test]
    fn touches_nothing_but_values() {
        let strange = [
            "../X.data",
            "SHARDING",
            "EE/OTHER.data",
            "/EE/KEEY.data",
            ".temp/x",
            "",
        ];
        for path in strange {
            let mut journal = journal();
            journal.steps = vec![Step::Put {
                temp: "1a-2b.0".to_owned(),
                len: 5,
                check: None,
                path: path.into(),
            }];
            let text = journal.to_text();
            let read = Journal::parse(text.as_bytes(), &Sharding::default());
            assert_eq!(read, None, "{path}");
        }
    }
}
