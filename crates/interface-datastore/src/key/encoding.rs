//! Keys in other alphabets, under the names of the multibase table
//! (<https://github.com/multiformats/multibase>).

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use data_encoding::{
    BASE32_NOPAD, BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER,
};

use super::Key;

/// A way to write the bytes of a key as text, for [`Key::encode`].
///
/// The bases write no multibase prefix letter. They parse from their names in the multibase table (`base16`, `base58btc`,
/// ...), and from `hex`, `ascii` and `latin1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// Each byte as the Unicode character of the same number. `ascii` is the same: it does not cut bytes to seven bits.
    Latin1,
    /// Hexadecimal in lower case; also called `hex`.
    Base16,
    /// Hexadecimal in upper case.
    Base16Upper,
    /// RFC 4648 base 32 in lower case, without padding.
    Base32,
    /// RFC 4648 base 32 in upper case, without padding.
    Base32Upper,
    /// Base 36 in lower case. Takes time quadratic in the length of the key.
    Base36,
    /// Base 36 in upper case. Takes time quadratic in the length of the key.
    Base36Upper,
    /// Base 58 with Bitcoin's alphabet. Takes time quadratic in the length of the key.
    Base58Btc,
    /// RFC 4648 base 64, without padding.
    Base64,
    /// RFC 4648 base 64, with padding.
    Base64Pad,
    /// RFC 4648 base 64 with the alphabet for URLs and file names, without padding.
    Base64Url,
    /// RFC 4648 base 64 with the alphabet for URLs and file names, with padding.
    Base64UrlPad,
}

const DIGITS_36: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
const DIGITS_58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The names that parse; the first of each encoding is the one it is shown by.
const NAMES: [(&str, Encoding); 14] = [
    ("latin1", Encoding::Latin1),
    ("ascii", Encoding::Latin1),
    ("base16", Encoding::Base16),
    ("hex", Encoding::Base16),
    ("base16upper", Encoding::Base16Upper),
    ("base32", Encoding::Base32),
    ("base32upper", Encoding::Base32Upper),
    ("base36", Encoding::Base36),
    ("base36upper", Encoding::Base36Upper),
    ("base58btc", Encoding::Base58Btc),
    ("base64", Encoding::Base64),
    ("base64pad", Encoding::Base64Pad),
    ("base64url", Encoding::Base64Url),
    ("base64urlpad", Encoding::Base64UrlPad),
];

impl Key {
    /// The bytes of the key written in `encoding`. Different keys give different texts.
    ///
    /// ```
    /// # use interface_datastore::{Encoding, Key};
    /// assert_eq!(Key::new(b"/a\xff").encode(Encoding::Base16), "2f61ff");
    /// assert_eq!(Key::new("/a").encode("base58btc".parse()?), "4c8");
    /// # Ok::<(), interface_datastore::UnknownEncoding>(())
    /// ```
    pub fn encode(&self, encoding: Encoding) -> String {
        let bytes = self.as_bytes();
        match encoding {
            Encoding::Latin1 => bytes.iter().copied().map(char::from).collect(),
            Encoding::Base16 => HEXLOWER.encode(bytes),
            Encoding::Base16Upper => HEXUPPER.encode(bytes),
            Encoding::Base32 => BASE32_NOPAD.encode(bytes).to_ascii_lowercase(),
            Encoding::Base32Upper => BASE32_NOPAD.encode(bytes),
            Encoding::Base36 => base_x::encode(DIGITS_36, bytes),
            Encoding::Base36Upper => base_x::encode(DIGITS_36, bytes).to_ascii_uppercase(),
            Encoding::Base58Btc => base_x::encode(DIGITS_58, bytes),
            Encoding::Base64 => BASE64_NOPAD.encode(bytes),
            Encoding::Base64Pad => BASE64.encode(bytes),
            Encoding::Base64Url => BASE64URL_NOPAD.encode(bytes),
            Encoding::Base64UrlPad => BASE64URL.encode(bytes),
        }
    }
}

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Self, UnknownEncoding> {
        let known = NAMES.iter().find(|(known, _)| *known == name);
        known
            .map(|&(_, encoding)| encoding)
            .ok_or_else(|| UnknownEncoding::new(name))
    }
}

/// The name that parses as this encoding.
impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMES.iter().find(|(_, encoding)| encoding == self);
        f.pad(named.map_or("", |(name, _)| name))
    }
}

/// No [`Encoding`] has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownEncoding {
    /// As much of the name as a message should show.
    name: Box<str>,
}

impl UnknownEncoding {
    /// The most characters of the name that a message shows.
    const SHOWN: usize = 32;

    fn new(name: &str) -> Self {
        Self {
            name: name.chars().take(Self::SHOWN).collect(),
        }
    }
}

impl fmt::Display for UnknownEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown encoding {:?}; use one of", self.name)?;
        for (position, (name, _)) in NAMES.iter().enumerate() {
            let divider = if position == 0 { " " } else { ", " };
            write!(f, "{divider}{name}")?;
        }
        Ok(())
    }
}

impl Error for UnknownEncoding {}
