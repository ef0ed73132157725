//! Which folder a key's file lies in.

use std::fmt;
use std::str::FromStr;

/// What every identifier of a shard function starts with.
const PREFIX: &str = "/repo/flatfs/shard/";
const VERSION: &str = "v1";
const PADDING: char = '_';
/// No file system takes longer names, so no folder can be called by more characters.
const MAX_NAME: u64 = 255;
/// As much of an identifier as an error shows.
const SHOWN: usize = 64;

/// How keys are spread over folders: by their first characters, their last, or those next to the last.
///
/// Its text form is the identifier that the file `SHARDING` holds, such as `/repo/flatfs/shard/v1/next-to-last/2`. It is
/// read as go-ds-flatfs reads it, and written in its canonical form: equal functions have equal texts.
///
/// ```
/// use datastore_flatfs::ShardFunction;
///
/// let shard: ShardFunction = "/repo/flatfs/shard/v1/next-to-last/2".parse()?;
/// assert_eq!(shard, ShardFunction::default());
/// assert_eq!(shard.dir("CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I"), "32");
/// # Ok::<(), datastore_flatfs::ShardError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShardFunction {
    part: Part,
    /// At most `i64::MAX`, as for the original.
    length: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Prefix,
    Suffix,
    NextToLast,
}

impl Part {
    const ALL: [Self; 3] = [Self::Prefix, Self::Suffix, Self::NextToLast];

    fn as_str(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
            Self::NextToLast => "next-to-last",
        }
    }
}

/// The two characters before the last one, Kubo's choice.
impl Default for ShardFunction {
    fn default() -> Self {
        Self {
            part: Part::NextToLast,
            length: 2,
        }
    }
}

impl ShardFunction {
    /// The first `length` characters of a key, filled up with `_` on the right.
    ///
    /// # Errors
    ///
    /// [`ShardError::TooLong`] for more than 255 characters, which no file system takes in a name.
    pub fn prefix(length: u64) -> Result<Self, ShardError> {
        Self::new(Part::Prefix, length)
    }

    /// The last `length` characters of a key, filled up with `_` on the left.
    ///
    /// # Errors
    ///
    /// As [`prefix`](Self::prefix).
    pub fn suffix(length: u64) -> Result<Self, ShardError> {
        Self::new(Part::Suffix, length)
    }

    /// The `length` characters before the last one of a key, filled up with `_` on the left.
    ///
    /// # Errors
    ///
    /// As [`prefix`](Self::prefix).
    pub fn next_to_last(length: u64) -> Result<Self, ShardError> {
        Self::new(Part::NextToLast, length)
    }

    fn new(part: Part, length: u64) -> Result<Self, ShardError> {
        Self { part, length }.usable()
    }

    /// Reads an identifier as people type it: what comes before the name may be left out, as in `next-to-last/2` or
    /// `v1/next-to-last/2`.
    ///
    /// # Errors
    ///
    /// As parsing an identifier, and [`ShardError::TooLong`].
    pub fn from_short(text: &str) -> Result<Self, ShardError> {
        let whole: Self = match text.chars().next() {
            None | Some('/') => text.parse(),
            Some('v') => format!("{PREFIX}{text}").parse(),
            Some(_) => format!("{PREFIX}{VERSION}/{text}").parse(),
        }?;
        whole.usable()
    }

    /// Refuses a function whose folders no file system could hold. Such an identifier parses, as in the original.
    pub(crate) fn usable(self) -> Result<Self, ShardError> {
        if self.length > MAX_NAME {
            return Err(ShardError::TooLong(self.length));
        }
        Ok(self)
    }

    /// The folder for a key's text, which is the key without its leading slash. Empty for length 0: such a store has all
    /// its files in the root. A name of more than 255 characters, which cannot exist, is cut at 256.
    #[must_use]
    pub fn dir(&self, key_text: &str) -> String {
        let mut dir = String::with_capacity(self.longest_dir());
        self.push_dir(key_text, &mut dir);
        dir
    }

    /// Adds the folder for a key's text.
    pub(crate) fn push_dir(&self, key_text: &str, to: &mut String) {
        let picked = self.pick(key_text);
        to.extend(std::iter::repeat_n(PADDING, picked.left));
        to.push_str(picked.text);
        to.extend(std::iter::repeat_n(PADDING, picked.right));
    }

    /// The bytes of a folder's name where keys are ASCII.
    pub(crate) fn longest_dir(&self) -> usize {
        // At most MAX_NAME + 1, so it fits.
        usize::try_from(self.length.min(MAX_NAME + 1)).unwrap_or(0)
    }

    /// Whether `dir` is the folder for a key's text.
    pub(crate) fn is_dir(&self, dir: &str, key_text: &str) -> bool {
        let picked = self.pick(key_text);
        let is_padding = |text: &str, count: usize| {
            text.len() == count && text.chars().all(|one| one == PADDING)
        };
        let rest = dir.split_at_checked(picked.left);
        rest.is_some_and(|(left, rest)| {
            let right = rest.strip_prefix(picked.text);
            is_padding(left, picked.left)
                && right.is_some_and(|right| is_padding(right, picked.right))
        })
    }

    /// The part of a key's text that its folder is called by.
    fn pick<'t>(&self, text: &'t str) -> Picked<'t> {
        let length = self.longest_dir();
        let text = match self.part {
            Part::Prefix => {
                let end = text
                    .char_indices()
                    .nth(length)
                    .map_or(text.len(), |(at, _)| at);
                text.get(..end).unwrap_or(text)
            }
            Part::Suffix => last(text, length),
            Part::NextToLast => {
                let mut chars = text.chars();
                chars.next_back();
                last(chars.as_str(), length)
            }
        };
        let missing = length.saturating_sub(text.chars().count());
        let (left, right) = match self.part {
            Part::Prefix => (0, missing),
            Part::Suffix | Part::NextToLast => (missing, 0),
        };
        Picked { left, text, right }
    }

    /// How many characters the name of a folder has.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Whether keys are spread by their first characters.
    pub(crate) fn is_prefix(&self) -> bool {
        self.part == Part::Prefix
    }
}

/// The name of a folder: part of a key's text with so many padding characters at its sides.
struct Picked<'t> {
    left: usize,
    text: &'t str,
    right: usize,
}

/// The last `length` characters, or all if there are fewer.
fn last(text: &str, length: usize) -> &str {
    let before = length
        .checked_sub(1)
        .map(|count| text.char_indices().rev().nth(count));
    match before {
        None => "",
        Some(None) => text,
        Some(Some((start, _))) => text.get(start..).unwrap_or(text),
    }
}

impl fmt::Display for ShardFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}{VERSION}/{}/{}",
            self.part.as_str(),
            self.length
        )
    }
}

impl FromStr for ShardFunction {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ShardError::Empty);
        }
        let rest = text
            .strip_prefix(PREFIX)
            .ok_or_else(|| ShardError::Prefix(shown(text)))?;
        let mut parts = rest.split('/');
        let (Some(version), Some(name), Some(length), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ShardError::Parts(shown(rest)));
        };
        if version != VERSION {
            return Err(ShardError::Version(shown(version)));
        }
        let length = parse_length(length)?;
        let part = Part::ALL
            .into_iter()
            .find(|part| part.as_str() == name)
            .ok_or_else(|| ShardError::Name(shown(name)))?;
        // The name is looked at after the number, the sign after the name.
        let length = u64::try_from(length).map_err(|_| ShardError::Negative(length))?;
        Ok(Self { part, length })
    }
}

/// An integer of 64 bits in decimal, with a sign perhaps. `i64::from_str` takes exactly those.
fn parse_length(text: &str) -> Result<i64, ShardError> {
    text.parse().map_err(|_| ShardError::Length(shown(text)))
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// Why a text is no shard function. Texts are shown up to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// There is nothing but white space.
    #[error("the shard identifier is empty")]
    Empty,
    /// It does not start as identifiers do.
    #[error("the shard identifier {0:?} does not start with \"/repo/flatfs/shard/\"")]
    Prefix(String),
    /// What follows the start has not three parts.
    #[error(
        "the shard identifier ends in {0:?} and not in a version, a name and a number, as in \"v1/next-to-last/2\""
    )]
    Parts(String),
    /// The version is not `v1`.
    #[error("shard functions of version {0:?} are not known, only those of \"v1\"")]
    Version(String),
    /// The number is none, or takes more than 64 bits.
    #[error("{0:?} is not a decimal number of at most 64 bits")]
    Length(String),
    /// The name is none of the three.
    #[error(
        "the shard function {0:?} is not known; use \"prefix\", \"suffix\" or \"next-to-last\""
    )]
    Name(String),
    /// The number is below zero.
    #[error("a shard function cannot take {0} characters of a key")]
    Negative(i64),
    /// No folder can have such a long name.
    #[error("no file system has folders with names of {0} characters; use at most 255")]
    TooLong(u64),
}
