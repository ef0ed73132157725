//! [`Shard`]: which part of a key's text names its shard.

use std::{fmt, str::FromStr};

/// What stands where a text is too short.
const PAD: u8 = b'_';
/// How an identifier starts.
const PATH: &str = "/repo/flatfs/shard/";
const VERSION: &str = "v1";

/// A shard function: cuts the name of a shard out of a text.
///
/// Its identifier, which is its [`Display`](fmt::Display) and [`FromStr`] form, is that of the JavaScript and Go stores:
///
/// ```
/// use datastore_core::sharding::Shard;
///
/// let shard: Shard = "/repo/flatfs/shard/v1/next-to-last/2".parse()?;
/// assert_eq!(shard, Shard::next_to_last(2)?);
/// assert_eq!(shard.cut(b"hello"), b"ll"[..]);
/// # Ok::<(), datastore_core::sharding::ShardError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    function: Function,
    count: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Function {
    Prefix,
    Suffix,
    NextToLast,
}

impl Function {
    const ALL: [Self; 3] = [Self::Prefix, Self::Suffix, Self::NextToLast];

    fn name(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
            Self::NextToLast => "next-to-last",
        }
    }
}

impl Shard {
    /// The most characters that a shard's name may have.
    pub const MAX: u8 = 64;

    /// The first `count` characters, filled up with `_` behind.
    ///
    /// # Errors
    /// [`ShardError::Count`] unless `count` is 1 to [`MAX`](Self::MAX).
    pub fn prefix(count: u8) -> Result<Self, ShardError> {
        Self::new(Function::Prefix, count)
    }

    /// The last `count` characters, filled up with `_` in front.
    ///
    /// # Errors
    /// As [`prefix`](Self::prefix).
    pub fn suffix(count: u8) -> Result<Self, ShardError> {
        Self::new(Function::Suffix, count)
    }

    /// The `count` characters before the last one, filled up with `_` in front.
    ///
    /// # Errors
    /// As [`prefix`](Self::prefix).
    pub fn next_to_last(count: u8) -> Result<Self, ShardError> {
        Self::new(Function::NextToLast, count)
    }

    fn new(function: Function, count: u8) -> Result<Self, ShardError> {
        if (1..=Self::MAX).contains(&count) {
            Ok(Self { function, count })
        } else {
            Err(ShardError::Count(count.to_string()))
        }
    }

    /// The function's name: `prefix`, `suffix` or `next-to-last`.
    pub fn name(&self) -> &'static str {
        self.function.name()
    }

    /// How many characters a shard's name has.
    pub fn count(&self) -> u8 {
        self.count
    }

    /// The name of the shard of `text`.
    ///
    /// Characters are UTF-16 units, as in JavaScript, whose directories this must find again; in ASCII that is bytes.
    /// Half a surrogate pair becomes U+FFFD, as does what is not UTF-8.
    pub fn cut(&self, text: &[u8]) -> Vec<u8> {
        if text.is_ascii() {
            return self.cut_units(text, PAD);
        }
        let units: Vec<u16> = String::from_utf8_lossy(text).encode_utf16().collect();
        String::from_utf16_lossy(&self.cut_units(&units, u16::from(PAD))).into_bytes()
    }

    fn cut_units<T: Copy>(&self, text: &[T], pad: T) -> Vec<T> {
        let count = usize::from(self.count);
        let last = |text: &[T]| {
            let cut = text.iter().rev().take(count).copied();
            let mut cut: Vec<T> = cut.chain(std::iter::repeat(pad)).take(count).collect();
            cut.reverse();
            cut
        };
        match (self.function, text) {
            (Function::Prefix, text) => {
                let cut = text.iter().copied();
                cut.chain(std::iter::repeat(pad)).take(count).collect()
            }
            (Function::Suffix, text) => last(text),
            (Function::NextToLast, [before @ .., _]) => last(before),
            (Function::NextToLast, []) => last(&[]),
        }
    }

    /// Reads the marker of an existing store, as leniently as JavaScript where that makes sense: white space around it,
    /// zeros before the number, text behind it and further parts are all passed over.
    pub(super) fn from_marker(text: &str) -> Result<Self, ShardError> {
        let (function, number) = split(text)?;
        let number = number.split('/').next().unwrap_or_default().trim_start();
        let number = number.strip_prefix('+').unwrap_or(number);
        let end = number
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(number.len());
        let digits = number.get(..end).unwrap_or_default();
        let count = digits.trim_start_matches('0').parse();
        Self::new(function, count.map_err(|_| ShardError::count(number))?)
            .map_err(|_| ShardError::count(number))
    }
}

/// The function, and all that follows its name.
fn split(text: &str) -> Result<(Function, &str), ShardError> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return Err(ShardError::Empty);
    }
    let Some(rest) = text.strip_prefix(PATH) else {
        return Err(ShardError::Path(shown(text)));
    };
    let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
    if version != VERSION {
        return Err(ShardError::Version(shown(version)));
    }
    let (name, number) = rest.split_once('/').unwrap_or((rest, ""));
    if number.split('/').next().is_none_or(str::is_empty) {
        return Err(ShardError::NoCount);
    }
    let mut functions = Function::ALL.into_iter();
    match functions.find(|function| function.name() == name) {
        Some(function) => Ok((function, number)),
        None => Err(ShardError::Function(shown(name))),
    }
}

/// As much of a text as a message should show.
fn shown(text: &str) -> String {
    text.chars()
        .take(64)
        .flat_map(char::escape_default)
        .collect()
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PATH}{VERSION}/{}/{}", self.name(), self.count)
    }
}

/// Strict, but for white space around it: exactly three parts and a plain number.
impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (function, number) = split(text)?;
        if let Some((_, more)) = number.split_once('/') {
            return Err(ShardError::TooMuch(shown(more)));
        }
        let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        let count = number.parse().ok().filter(|_| plain);
        let count = count.ok_or_else(|| ShardError::count(number))?;
        Self::new(function, count)
    }
}

/// Why a text is no identifier of a shard function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardError {
    /// There is nothing.
    Empty,
    /// It does not start with `/repo/flatfs/shard/`.
    Path(String),
    /// It is of another version than `v1`.
    Version(String),
    /// The number of characters is missing.
    NoCount,
    /// There is no function of this name.
    Function(String),
    /// The number of characters is no plain number from 1 to [`Shard::MAX`].
    Count(String),
    /// Something follows the number.
    TooMuch(String),
}

impl ShardError {
    fn count(number: &str) -> Self {
        Self::Count(shown(number))
    }
}

impl fmt::Display for ShardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = Shard::MAX;
        match self {
            Self::Empty => f.write_str("empty shard identifier"),
            Self::Path(text) => write!(f, "shard identifier must start with {PATH}, found {text}"),
            Self::Version(version) => {
                write!(
                    f,
                    "shard identifier must have version {VERSION}, found {version:?}"
                )
            }
            Self::NoCount => f.write_str("shard identifier lacks the number of characters"),
            Self::Function(name) => {
                write!(
                    f,
                    "unknown shard function {name:?}: prefix, suffix and next-to-last are known"
                )
            }
            Self::Count(text) => {
                write!(
                    f,
                    "shard names may have 1 to {max} characters, found {text:?}"
                )
            }
            Self::TooMuch(text) => write!(f, "shard identifier ends with surplus {text:?}"),
        }
    }
}

impl std::error::Error for ShardError {}
