//! The error for a text that is not an indicator.

use std::fmt;

use thiserror::Error;

use super::Kind;

/// The maximum number of characters of a refanged text that the message repeats.
const MOST_SHOWN: usize = 100;

/// The error for a text that is not an indicator.
///
/// The message says what is expected instead and, if the text was refanged, what it was read as.
#[derive(Clone, Error, PartialEq, Eq)]
pub struct InvalidIndicator {
    expected: Expected,
    understood: Option<String>,
}

/// The expected form.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum Expected {
    /// A hash.
    #[error("a file is given by its MD5, SHA-1 or SHA-256: 32, 40 or 64 hex digits")]
    File,
    /// A URL.
    #[error(
        "a URL begins with `http://` or `https://` (`http://` is added if both are missing), names a \
         host (letters, digits, `-` and `_` between single dots, or an IP address) and holds no \
         control characters"
    )]
    Url,
    /// The id of a URL.
    #[error(
        "a URL's id is 64 hex digits (VirusTotal's SHA-256) or the base64 of the URL, \
         URL-safe or standard, padded or not; the URL names a host and holds no control characters"
    )]
    UrlId,
    /// A domain.
    #[error(
        "a domain is a name such as `example.com`: labels of 1 to 63 letters, digits, `-` or `_`, \
         the last one no number, 253 characters in all"
    )]
    Domain,
    /// A domain, where an IP address was given.
    #[error("this is an IP address, not a domain")]
    DomainNotIp,
    /// An IP address.
    #[error("an IP address is IPv4 such as `8.8.8.8` or IPv6 such as `2001:4860:4860::8888`")]
    Ip,
}

impl InvalidIndicator {
    /// Creates the error for a text that was not refanged.
    pub(super) fn of(expected: Expected) -> Self {
        Self {
            expected,
            understood: None,
        }
    }

    /// Creates the error for a text, which names the refanged text if the two differ.
    pub(super) fn new(expected: Expected, given: &str, understood: &str) -> Self {
        let understood = (given != understood).then(|| shown(understood));
        Self {
            expected,
            understood,
        }
    }

    /// Returns the kind of indicator that the text may be instead: domains and IP addresses are taken
    /// for each other.
    pub fn other_kind(&self) -> Option<Kind> {
        match self.expected {
            Expected::Domain | Expected::DomainNotIp => Some(Kind::Ip),
            Expected::Ip => Some(Kind::Domain),
            Expected::File | Expected::Url | Expected::UrlId => None,
        }
    }
}

impl fmt::Display for InvalidIndicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expected)?;
        match &self.understood {
            Some(understood) => write!(f, "; the text was understood as `{understood}`"),
            None => Ok(()),
        }
    }
}

/// Omits the text, because an indicator can be confidential.
impl fmt::Debug for InvalidIndicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InvalidIndicator")
            .field(&self.expected)
            .finish()
    }
}

/// Returns the start of a text on one line, with invisible characters escaped.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MOST_SHOWN)
        .filter(|letter| *letter != '`')
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
