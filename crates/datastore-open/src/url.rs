//! Store URLs: what they look like and how they are read.

use std::{
    borrow::Cow,
    ffi::OsStr,
    fmt,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use interface_datastore::{Error, ErrorKind, Operation, Result};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

/// What must be written `%XX` in a path.
const IN_PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'?');
/// What must be written `%XX` in the name or the value of an option.
const IN_OPTION: &AsciiSet = &CONTROLS.add(b'%').add(b'&').add(b'=');

/// The scheme of addresses that name none.
pub(crate) const PATH_SCHEME: &str = "fs";

/// Where a store is and how to open it.
///
/// ```text
/// URL    = SCHEME ":" PATH [ "?" OPTION *( "&" OPTION ) ]
///        | PATH                                           a path alone, for `fs:`, taken as it is
/// SCHEME = LETTER 1*( LETTER | DIGIT | "+" | "-" | "." )  in any case; two characters or more
/// OPTION = NAME "=" VALUE
/// ```
///
/// * After a scheme, `%XX` stands for a byte in paths, names and values. A path must write `%` as `%25` and `?` as
///   `%3F`; names and values must write `%`, `&` and `=` so. Nothing else is special: no `+` for blanks, no `#`.
/// * What `PATH` means is the scheme's affair. For files it is relative unless it starts with `/` (`fs:data`,
///   `fs:/var/data`); `fs:///var/data` is the same as the latter, while `fs://var/data` could mean two things and is refused.
/// * A text without a scheme is a path, of which nothing is decoded: every file name works. One letter is no scheme but a
///   drive (`C:\data`). A relative path that looks like it had a scheme is written `./so:so`.
/// * An option may be given once.
///
/// Its [`Display`](fmt::Display) is a URL that reads back as the same.
///
/// ```
/// # use datastore_open::StoreUrl;
/// let url = StoreUrl::parse("FS:my%20data?extension=.bin")?;
/// assert_eq!(url.scheme(), "fs");
/// assert_eq!(url.path_text()?, "my data");
/// assert_eq!(url.option("extension"), Some(".bin"));
/// assert_eq!(url.to_string(), "fs:my data?extension=.bin");
/// assert_eq!(StoreUrl::parse("odd?name%20")?.path_text()?, "odd?name%20");
/// # Ok::<(), interface_datastore::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreUrl {
    scheme: String,
    path: Vec<u8>,
    options: Vec<(String, String)>,
}

impl StoreUrl {
    /// Reads a URL or a path.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] saying what is wrong with the text and how to write it.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            |detail: String, remedy: &'static str| Err(invalid(text, detail).with_remedy(remedy));
        if text.is_empty() {
            return wrong(
                "the address of the store is empty".into(),
                "write for example fs:PATH",
            );
        }
        let Some((scheme, rest)) = split_scheme(text) else {
            return Self::of_path(text);
        };
        let (path, options) = match rest.split_once('?') {
            Some((path, options)) => (path, Some(options)),
            None => (rest, None),
        };
        let path = decode(path).map_err(|detail| invalid(text, detail).with_remedy(ENCODE))?;
        let mut url = Self {
            scheme: scheme.to_ascii_lowercase(),
            path,
            options: Vec::new(),
        };
        for option in options.into_iter().flat_map(|options| options.split('&')) {
            let Some((name, value)) = option.split_once('=') else {
                let detail = format!("the option \"{option}\" has no value");
                return wrong(detail, "write it as NAME=VALUE, and a ? of the path as %3F");
            };
            let name = decode_text(name).map_err(|detail| invalid(text, detail))?;
            let value = decode_text(value).map_err(|detail| invalid(text, detail))?;
            if name.is_empty() {
                return wrong("an option has no name".into(), "write it as NAME=VALUE");
            }
            if url.option(&name).is_some() {
                return wrong(
                    format!("the option \"{name}\" is there twice"),
                    "give it once",
                );
            }
            url.options.push((name, value));
        }
        Ok(url)
    }

    /// The `fs:` URL of a path, which may be any that the system knows, Unicode or not.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for an empty path.
    pub fn of_path(path: impl AsRef<OsStr>) -> Result<Self> {
        let path = path.as_ref();
        if path.is_empty() {
            return Err(invalid("", "the path of the store is empty".into()));
        }
        let path = match path.as_encoded_bytes() {
            // A URL would take what follows two slashes for a host.
            [b'/', b'/', rest @ ..] if cfg!(windows) => [b"\\\\", rest].concat(),
            [b'/', b'/', ..] => [b"/", trim_slashes(path.as_encoded_bytes())].concat(),
            path => path.to_vec(),
        };
        Ok(Self {
            scheme: PATH_SCHEME.to_owned(),
            path,
            options: Vec::new(),
        })
    }

    /// The URL of these parts, each as it is meant: nothing is decoded.
    #[cfg(feature = "_files")]
    pub(crate) fn of_parts(scheme: &str, path: &[u8], options: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            scheme: scheme.to_owned(),
            path: path.to_vec(),
            options: options.iter().map(owned).collect(),
        }
    }

    /// The scheme in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The bytes of the path, decoded.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The path as text.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is not UTF-8.
    pub fn path_text(&self) -> Result<&str> {
        std::str::from_utf8(&self.path)
            .map_err(|_| self.invalid("the path is not UTF-8, which this scheme needs"))
    }

    /// The path as one of the file system.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is empty, holds NUL, could be a host's name, or is not one that this system
    /// has.
    pub fn file_path(&self) -> Result<PathBuf> {
        let path = match self.path.as_slice() {
            [] => {
                return Err(self
                    .invalid("the path is empty")
                    .with_remedy(format!("write {}:PATH", self.scheme)));
            }
            [b'/', b'/', b'/', ..] => self.path.get(2..).unwrap_or_default(),
            [b'/', b'/', ..] => {
                let text = String::from_utf8_lossy(self.path.get(2..).unwrap_or_default());
                let remedy = format!("write {0}:{text} or {0}:/{text}", self.scheme);
                return Err(self
                    .invalid("two slashes could begin a host's name or a path")
                    .with_remedy(remedy));
            }
            path => path,
        };
        if path.contains(&0) {
            return Err(self.invalid("the path holds the byte NUL, which no file system takes"));
        }
        path_of_bytes(path)
            .ok_or_else(|| self.invalid("the path is not Unicode, which this system needs"))
    }

    /// The value of an option; none if it was not given.
    pub fn option(&self, name: &str) -> Option<&str> {
        let found = self.options.iter().find(|(is, _)| is == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Names and values of the options, in their order.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of an option as one of `choices`, each a word and what it means; none if it was not given.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] that lists the words.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
        let Some(value) = self.option(name) else {
            return Ok(None);
        };
        if let Some((_, meaning)) = choices.iter().find(|(word, _)| *word == value) {
            return Ok(Some(*meaning));
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let detail = format!("the option {name} cannot be \"{value}\"");
        Err(self
            .invalid(detail)
            .with_remedy(format!("it takes {}", words.join(", "))))
    }

    /// The value of an option as `true` or `false`; none if it was not given.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another value.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.choice(name, &[("true", true), ("false", false)])
    }

    /// The value of an option as a whole number; none if it was not given.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for what is no number, or not one of `allowed`.
    pub fn number(&self, name: &str, allowed: RangeInclusive<u64>) -> Result<Option<u64>> {
        self.amount(name, allowed, "a whole number", whole_number)
    }

    /// The value of an option in bytes: a whole number, alone or with `KiB`, `MiB`, `GiB` or `TiB` behind it; none if it was
    /// not given.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for what is no size, or not one of `allowed`.
    pub fn size(&self, name: &str, allowed: RangeInclusive<u64>) -> Result<Option<u64>> {
        self.amount(name, allowed, "bytes such as 64MiB", |text| {
            let found = UNITS
                .iter()
                .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
            let (digits, unit) = found.unwrap_or((text, 1));
            whole_number(digits)?.checked_mul(unit)
        })
    }

    fn amount(
        &self,
        name: &str,
        allowed: RangeInclusive<u64>,
        what: &str,
        read: impl FnOnce(&str) -> Option<u64>,
    ) -> Result<Option<u64>> {
        let Some(value) = self.option(name) else {
            return Ok(None);
        };
        if let Some(amount) = read(value).filter(|amount| allowed.contains(amount)) {
            return Ok(Some(amount));
        }
        let (least, most) = allowed.into_inner();
        let most = match most {
            u64::MAX => "upwards".to_owned(),
            most => format!("to {most}"),
        };
        Err(self
            .invalid(format!("the option {name} cannot be \"{value}\""))
            .with_remedy(format!("it takes {what}, from {least} {most}")))
    }

    /// An error about this URL.
    pub fn invalid(&self, detail: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::InvalidArgument, Operation::Open)
            .with_path(self.to_string())
            .with_detail(detail)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        for chunk in self.path.utf8_chunks() {
            write!(f, "{}", encoded(chunk.valid(), IN_PATH))?;
            for byte in chunk.invalid() {
                write!(f, "%{byte:02X}")?;
            }
        }
        for (position, (name, value)) in self.options.iter().enumerate() {
            f.write_str(if position == 0 { "?" } else { "&" })?;
            write!(
                f,
                "{}={}",
                encoded(name, IN_OPTION),
                encoded(value, IN_OPTION)
            )?;
        }
        Ok(())
    }
}

fn trim_slashes(mut path: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] = path {
        path = rest;
    }
    path
}

const UNITS: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Digits alone: no sign.
fn whole_number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

const ENCODE: &str = "write the character % as %25";

fn invalid(text: &str, detail: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, Operation::Open)
        .with_path(text)
        .with_detail(detail)
}

/// Scheme and rest; none if the text is a path.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    is_scheme(scheme).then_some((scheme, rest))
}

/// Whether this can be a scheme.
pub(crate) fn is_scheme(text: &str) -> bool {
    let letter_first = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let follows = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    letter_first && text.len() > 1 && text.chars().all(follows)
}

/// Strict where `percent_encoding` lets a stray `%` pass.
fn decode(text: &str) -> Result<Vec<u8>, String> {
    for (position, _) in text.match_indices('%') {
        let digits = text.as_bytes().get(position + 1..position + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err("a % is not followed by two hexadecimal digits".into());
        }
    }
    Ok(percent_decode_str(text).collect())
}

fn decode_text(text: &str) -> Result<String, String> {
    String::from_utf8(decode(text)?).map_err(|_| format!("the option part \"{text}\" is not UTF-8"))
}

/// Keeps what is not ASCII, for the eye.
fn encoded(text: &str, set: &'static AsciiSet) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| c.is_ascii()) {
        let plain = piece.trim_end_matches(|c: char| c.is_ascii());
        out.push_str(plain);
        let ascii = piece.get(plain.len()..).unwrap_or_default();
        out.extend(percent_encode(ascii.as_bytes(), set));
    }
    out
}

#[cfg(unix)]
fn path_of_bytes(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Some(Path::new(OsStr::from_bytes(bytes)).to_owned())
}

#[cfg(not(unix))]
fn path_of_bytes(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes)
        .ok()
        .map(|text| Path::new(text).to_owned())
}
