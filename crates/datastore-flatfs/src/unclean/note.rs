//! The note in the root that says how the last user left the store.

use std::path::Path;

use bytes::Bytes;
use datastore_files::{Change, Contents, Replace, Safety, Tree, Wait};
use interface_datastore::{Error, ErrorKind, Operation};

use super::suspect::{Depth, Suspect};
use crate::failure::file_error;

/// What names of this crate's own files in the root start with. go-ds-flatfs leaves such files alone.
pub(crate) const OWN_PREFIX: &str = ".flatfs-";
/// The note's name.
pub(crate) const FILE: &str = ".flatfs-state";
const KIND: &str = "flatfs-state ";
const VERSION: &str = "1";
/// A note is a few short lines; anything larger is something else.
const MAX_LEN: u64 = 64 * 1024;
const NONE: &str = "-";
const OPEN: &str = "open";
const CLOSED: &str = "closed";
const SETTLED: &str = "settled";

/// How a store was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// The number of the root folder, so that a note that was copied or moved along with other files is not believed.
    pub(super) root: u64,
    /// In which run of the system it was written.
    pub(super) run: Option<String>,
    /// Whether it was closed in good order.
    pub(super) closed: bool,
    /// Whether everything was on the disk by then.
    pub(super) settled: bool,
    /// Files changed up to here are on the disk.
    pub(super) synced: u64,
    pub(super) suspect: Option<Suspect>,
    /// What `diskUsage.cache` held then, without the line's end.
    pub(super) cache: Option<String>,
}

/// What was found in place of a note.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Note(Note),
    Nothing,
    /// Something that is no note.
    Garbage,
}

impl Note {
    /// Reads the note of a store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Foreign`] for a note of a later release.
    pub(super) fn read(tree: &Tree) -> Result<Found, Error> {
        let failed = |error| file_error(error, Operation::Open, None);
        let Some(file) = tree.open_file(Path::new(FILE), Wait::Yes).map_err(failed)? else {
            return Ok(Found::Nothing);
        };
        let bytes = file.read(0..MAX_LEN, Wait::Yes).map_err(failed)?;
        match Self::parse(&bytes) {
            Ok(note) => Ok(Found::Note(note)),
            Err(Strange::Version(version)) => Err(Error::new(ErrorKind::Foreign, Operation::Open)
                .with_path(tree.full(Path::new(FILE)))
                .with_detail(format!(
                    "it has format version {version:?}; this release knows version {VERSION}"
                ))
                .with_remedy(
                    "use the release that wrote it, or remove the file and check the store",
                )),
            Err(Strange::Garbage) => Ok(Found::Garbage),
        }
    }

    /// The change that writes it.
    pub(super) fn change(&self) -> Change {
        Change::Write {
            path: FILE.into(),
            contents: Contents::Bytes(Bytes::from(self.to_text())),
            replace: Replace::Yes,
            obsolete: None,
        }
    }

    /// Writes it so that it outlasts a loss of power.
    pub(super) fn write(&self, tree: &Tree) -> datastore_files::Result<()> {
        // One change has one outcome.
        let outcome = tree.apply(vec![self.change()], Safety::Power).pop();
        outcome.map_or(Ok(()), |outcome| outcome.map(drop))
    }

    fn to_text(&self) -> String {
        let suspect = match &self.suspect {
            None => NONE.to_owned(),
            Some(suspect) => format!(
                "{} {} {}",
                match suspect.depth {
                    Depth::Empties => "empties",
                    Depth::Contents => "contents",
                },
                suspect.since,
                suspect.until,
            ),
        };
        let mut text = format!(
            "{KIND}{VERSION}\nroot {}\nrun {}\n{}\nsynced {}\nsuspect {suspect}\ncache {}\n",
            self.root,
            self.run.as_deref().unwrap_or(NONE),
            match (self.closed, self.settled) {
                (false, _) => OPEN,
                (true, false) => CLOSED,
                (true, true) => SETTLED,
            },
            self.synced,
            self.cache.as_deref().unwrap_or(NONE),
        );
        let check = crc32fast::hash(text.as_bytes());
        text.push_str(&format!("check {check:08x}\n"));
        text
    }

    fn parse(bytes: &[u8]) -> Result<Self, Strange> {
        let text = std::str::from_utf8(bytes).map_err(|_| Strange::Garbage)?;
        let version = text.strip_prefix(KIND).and_then(|rest| rest.lines().next());
        match version {
            Some(VERSION) => Self::parse_lines(text).ok_or(Strange::Garbage),
            Some(version) => Err(Strange::Version(version.to_owned())),
            None => Err(Strange::Garbage),
        }
    }

    fn parse_lines(text: &str) -> Option<Self> {
        let (lines, check) = text.strip_suffix('\n')?.rsplit_once("\ncheck ")?;
        let lines = format!("{lines}\n");
        if u32::from_str_radix(check, 16) != Ok(crc32fast::hash(lines.as_bytes())) {
            return None;
        }
        let mut lines = lines.lines().skip(1);
        let mut field = |name: &str| lines.next()?.strip_prefix(name).map(str::to_owned);
        let some = |text: String| (text != NONE).then_some(text);
        let root = field("root ")?.parse().ok()?;
        let run = some(field("run ")?);
        let (closed, settled) = match field("")?.as_str() {
            OPEN => (false, false),
            CLOSED => (true, false),
            SETTLED => (true, true),
            _ => return None,
        };
        let note = Self {
            root,
            run,
            closed,
            settled,
            synced: field("synced ")?.parse().ok()?,
            suspect: match some(field("suspect ")?) {
                None => None,
                Some(text) => Some(Suspect::parse(&text)?),
            },
            cache: some(field("cache ")?),
        };
        lines.next().is_none().then_some(note)
    }
}

impl Suspect {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let depth = match words.next()? {
            "empties" => Depth::Empties,
            "contents" => Depth::Contents,
            _ => return None,
        };
        let suspect = Self {
            depth,
            since: words.next()?.parse().ok()?,
            until: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(suspect)
    }
}

#[derive(Debug)]
enum Strange {
    Version(String),
    Garbage,
}

#[cfg(test)]
mod tests {
    use super::{Depth, Note, Strange, Suspect};

    fn notes() -> Vec<Note> {
        let plain = Note {
            root: 12,
            run: Some("7f-3a".to_owned()),
            closed: true,
            settled: true,
            synced: 1_700_000_000_000_000_000,
            suspect: None,
            cache: Some(r#"{"diskUsage":9,"accuracy":"initial-exact"}"#.to_owned()),
        };
        let suspect = |depth| Suspect {
            depth,
            since: 5,
            until: 7,
        };
        let bare = Note {
            run: None,
            closed: false,
            settled: false,
            suspect: Some(suspect(Depth::Contents)),
            cache: None,
            ..plain.clone()
        };
        let adopted = Note {
            closed: true,
            suspect: Some(suspect(Depth::Empties)),
            ..bare.clone()
        };
        vec![plain, bare, adopted]
    }

    #[test]
    fn comes_back_as_it_was() {
        for note in notes() {
            let text = note.to_text();
            assert_eq!(Note::parse(text.as_bytes()).unwrap(), note, "{text}");
        }
    }

    #[test]
    fn believes_nothing_that_is_not_whole() {
        for note in notes() {
            let text = note.to_text().into_bytes();
            for cut in 0..text.len() {
                assert!(Note::parse(&text[..cut]).is_err(), "cut at {cut}");
                let mut changed = text.clone();
                changed[cut] ^= 1;
                assert!(Note::parse(&changed).is_err(), "changed at {cut}");
                changed[cut..].fill(0);
                assert!(Note::parse(&changed).is_err(), "zeros from {cut}");
            }
        }
    }

    #[test]
    fn tells_later_versions() {
        let later = Note::parse(b"flatfs-state 2\nwhatever\n");
        assert!(matches!(later, Err(Strange::Version(version)) if version == "2"));
    }
}
