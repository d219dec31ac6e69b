//! Small values from JSON texts. Each is absent if it has an unexpected shape.

use std::{borrow::Cow, net::IpAddr};

use time::OffsetDateTime;

use super::attributes::Elements;

use crate::render::{
    format::json::{Unreadable, lexer::Lexer, read::text},
    hidden::is_hidden,
};

/// The number of characters of a text in a brief.
pub(super) const MAX_TEXT: usize = 80;

/// The number of members that are looked at in an object with names for keys.
const MAX_ENTRIES: usize = 256;

/// A member of an object with names for keys.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// The decoded key.
    pub(super) key: Cow<'a, str>,
    /// The JSON text of the value.
    pub(super) raw: &'a str,
}

/// The bytes of a text that are read; a brief shows far fewer.
const READ: usize = 4096;

/// Returns the beginning of a text that is enough for a brief.
pub(super) fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(READ)]
}

/// Returns a text on one line, without invisible characters, cut to `limit` characters.
///
/// A text that was cut ends with `…`, which counts.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    for letter in text.trim().chars() {
        let shown_as = match letter {
            _ if letter.is_whitespace() => ' ',
            _ if is_hidden(letter) => continue,
            _ => letter,
        };
        if shown_as == ' ' && (shown.is_empty() || shown.ends_with(' ')) {
            continue;
        }
        if length == limit {
            shown.pop();
            shown.push('…');
            return shown;
        }
        shown.push(shown_as);
        length += 1;
    }
    shown.truncate(shown.trim_end().len());
    shown
}

/// Returns a string that is not empty.
pub(super) fn string(raw: &str) -> Option<Cow<'_, str>> {
    text(raw).filter(|text| !text.is_empty())
}

/// Returns a text that is visible once it is shortened.
pub(super) fn short(raw: &str) -> Option<String> {
    let text = shorten(&string(raw)?, MAX_TEXT);
    if text.is_empty() { None } else { Some(text) }
}

/// Returns a whole number.
pub(super) fn integer(raw: &str) -> Option<i64> {
    raw.parse().ok()
}

/// Returns a whole number of at least 0.
pub(super) fn number(raw: &str) -> Option<u64> {
    raw.parse().ok()
}

/// Returns a time in Unix seconds, after 1970 and before the year 10000.
pub(super) fn time(raw: &str) -> Option<i64> {
    let seconds = integer(raw)?;
    if seconds <= 0 {
        return None;
    }
    OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    Some(seconds)
}

/// Returns the date of a time in Unix seconds, as `YYYY-MM-DD`.
pub(super) fn date(seconds: i64) -> Option<String> {
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok()?.date();
    let month = u8::from(date.month());
    Some(format!("{:04}-{month:02}-{:02}", date.year(), date.day()))
}

/// Returns an IP address.
pub(super) fn address(raw: &str) -> Option<IpAddr> {
    string(raw)?.parse().ok()
}

/// Returns the JSON texts of these members of an object.
pub(super) fn fields<'a, const N: usize>(raw: &'a str, keys: [&str; N]) -> [Option<&'a str>; N] {
    let mut found = [None; N];
    // A fault only ends the search: the text has been validated with the object around it.
    let _ = find_fields(&mut Lexer::new(raw), keys, &mut found);
    for value in &mut found {
        if *value == Some("null") {
            *value = None;
        }
    }
    found
}

/// Looks for members of an object until all are found. Of equal keys the first one counts.
fn find_fields<'a, const N: usize>(
    lexer: &mut Lexer<'a>,
    keys: [&str; N],
    found: &mut [Option<&'a str>; N],
) -> Result<(), Unreadable> {
    if lexer.peek() != b'{' {
        return Err(Unreadable::Missing);
    }
    let mut missing = N;
    let mut more = lexer.open(b'{', b'}')?;
    while more && missing > 0 {
        let key = lexer.key()?.meant();
        let wanted = keys.iter().position(|wanted| *wanted == key);
        match wanted {
            Some(at) if found[at].is_none() => {
                found[at] = Some(lexer.raw()?);
                missing -= 1;
            }
            _ => lexer.skip()?,
        }
        more = lexer.more(b'}')?;
    }
    Ok(())
}

/// Returns the JSON text of one member of an object.
pub(super) fn field<'a>(raw: &'a str, key: &str) -> Option<&'a str> {
    let [value] = fields(raw, [key]);
    value
}

/// Returns the first members of an object with names for keys.
pub(super) fn entries(raw: &str) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    let mut lexer = Lexer::new(raw);
    if lexer.peek() != b'{' {
        return entries;
    }
    let mut more = lexer.open(b'{', b'}').unwrap_or(false);
    while more && entries.len() < MAX_ENTRIES {
        let Ok(key) = lexer.key() else {
            break;
        };
        let Ok(raw) = lexer.raw() else {
            break;
        };
        entries.push(Entry {
            key: key.meant(),
            raw,
        });
        more = lexer.more(b'}').unwrap_or(false);
    }
    entries
}

/// The bounds of a list of texts.
///
/// A number alone would not bound the size of a brief: three names of rules can take as much room
/// as all its other facts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The number of texts.
    pub(super) texts: usize,
    /// The number of bytes of all texts. The first one may be longer.
    pub(super) bytes: usize,
}

/// The bounds of a list that is shorter in a compact brief.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScaledBounds {
    /// The number of texts.
    pub(super) texts: usize,
    /// The number of bytes of all texts.
    pub(super) bytes: usize,
    /// The same in a compact brief.
    pub(super) compact_bytes: usize,
}

impl ScaledBounds {
    /// Returns the bounds in a brief, which may be compact.
    pub(super) fn of(self, is_compact: bool) -> Bounds {
        Bounds {
            texts: self.texts,
            bytes: if is_compact {
                self.compact_bytes
            } else {
                self.bytes
            },
        }
    }
}

impl Bounds {
    /// Returns whether another text fits into a list.
    pub(super) fn admit(self, list: &[String], text: &str) -> bool {
        let mut bytes = text.len();
        for known in list {
            bytes += known.len();
        }
        list.is_empty() || (list.len() < self.texts && bytes <= self.bytes)
    }
}

/// Adds a text to a list unless it does not fit or differs only in case and spaces from another.
pub(super) fn add_distinct(list: &mut Vec<String>, text: String, bounds: Bounds) {
    if text.is_empty() || !bounds.admit(list, &text) {
        return;
    }
    for known in list.iter() {
        if is_same(known, &text) {
            return;
        }
    }
    list.push(text);
}

/// Returns whether two texts differ only in the case of ASCII letters and in spaces.
fn is_same(one: &str, other: &str) -> bool {
    let letters = |text: &'_ str| -> Vec<u8> {
        let mut letters = text.to_ascii_lowercase().into_bytes();
        letters.retain(|byte| *byte != b' ');
        letters
    };
    letters(one) == letters(other)
}

/// Returns the first elements of a nested array; none of any other value.
pub(super) fn elements(raw: Option<&str>) -> Vec<&str> {
    let Some(raw) = raw else {
        return Vec::new();
    };
    if !raw.starts_with('[') {
        return Vec::new();
    }
    let elements = Elements::read(&mut Lexer::new(raw));
    elements.unwrap_or_default().first
}
