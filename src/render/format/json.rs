//! JSON: the envelope around every answer, and the tokens of JSON text.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::sink::Sink;
use crate::render::hidden::escaped;

pub use self::lexer::{Quoted, Unreadable};

mod bracketed;
pub(super) mod escape;
pub(crate) mod lexer;
pub(crate) mod read;
pub(super) mod scan;

/// The metadata of an answer. All of it is optional, and an answer without any has none.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Meta<'a> {
    /// An opaque value to send back for the next page of a list; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The number of all objects of a list, if VirusTotal gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub count: Option<&'a RawValue>,
    /// The reason that a list ends early: `quota` if the key's quota is exhausted, `pages` after
    /// ten pages. The cursor continues the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<&'static str>,
    /// The number of objects in `data`, if `max_tokens` leaves no room for all of the page, or if
    /// some of them are no indicators and the format has a place for those only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<usize>,
    /// The number of tokens of `data`, never below the count of o200k. With `view=brief` or
    /// `max_tokens` only, like the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<usize>,
    /// Whether nothing was left out for size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// The attributes that the view leaves out, the largest first; at most 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omitted: Option<Vec<Omitted>>,
    /// The texts in `data` that strangers wrote, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untrusted: Option<UntrustedCount>,
    /// The indicator that a pasted text was taken for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indicator: Option<NamedIndicator<'a>>,
    /// The related objects that `relationships` asked for, by relationship.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationships: Option<BTreeMap<String, RelatedIds>>,
}

/// An attribute that a view leaves out, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Omitted {
    /// The attribute, as `fields` takes it.
    #[schema(example = "pe_info")]
    pub path: String,
    /// The approximate number of tokens of the part that is left out, as JSON.
    #[schema(example = 1840)]
    pub tokens: usize,
}

/// An indicator by its kind and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NamedIndicator<'a> {
    /// The kind.
    #[serde(rename = "type")]
    #[schema(example = "domain")]
    pub kind: &'a str,
    /// VirusTotal's id: a hash, the base64 of a URL or its SHA-256, a domain or an address.
    #[schema(example = "example.com")]
    pub id: &'a str,
}

/// The number of texts that strangers wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UntrustedCount {
    /// The number of such texts.
    pub fields: usize,
    /// The number of those that were withheld, because they read like an instruction to a model.
    pub withheld: usize,
}

/// The related objects of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RelatedIds {
    /// The ids of up to 20 of them.
    pub ids: Vec<String>,
    /// The number of all of them, if VirusTotal gives it, else of `ids`.
    pub count: u64,
}

impl Meta<'_> {
    /// Whether there is no metadata.
    fn is_empty(&self) -> bool {
        let Self {
            cursor,
            count,
            truncated,
            shown,
            tokens,
            complete: _,
            omitted: _,
            untrusted,
            indicator,
            relationships,
        } = self;
        cursor.is_none()
            && count.is_none()
            && truncated.is_none()
            && shown.is_none()
            && tokens.is_none()
            && untrusted.is_none()
            && indicator.is_none()
            && relationships.is_none()
    }
}

/// A writer of compact JSON that copies numbers and strings unchanged.
pub struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Whether a member or element precedes within the same brackets.
    follows: bool,
    /// Whether invisible characters are escaped as in Markdown.
    escapes_hidden: bool,
}

impl<'o> JsonWriter<'o> {
    /// Creates a writer that appends one value to the buffer.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self {
            out,
            follows: false,
            escapes_hidden: false,
        }
    }

    /// Escapes invisible characters in keys and texts as Markdown does, if this is true.
    #[must_use]
    pub fn escaping_hidden(self, escapes_hidden: bool) -> Self {
        Self {
            escapes_hidden,
            ..self
        }
    }

    /// Writes a key or a text.
    #[inline]
    fn push_quoted(&mut self, text: Quoted<'_>) {
        if self.escapes_hidden
            && let Cow::Owned(shown) = escaped(&text.meant())
        {
            // A text can be written.
            let json = serde_json::to_string(&shown).unwrap_or_default();
            self.out.extend_from_slice(json.as_bytes());
        } else {
            self.out.extend_from_slice(text.written().as_bytes());
        }
    }

    #[inline]
    fn separate(&mut self) {
        if self.follows {
            self.out.push(b',');
        }
    }

    #[inline]
    fn value(&mut self, text: &str) {
        self.separate();
        self.out.extend_from_slice(text.as_bytes());
        self.follows = true;
    }

    #[inline]
    fn begin(&mut self, bracket: u8) {
        self.separate();
        self.out.push(bracket);
        self.follows = false;
    }

    #[inline]
    fn end(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.follows = true;
    }
}

impl Sink for JsonWriter<'_> {
    type Error = Unreadable;

    #[inline]
    fn begin_object(&mut self) -> Result<(), Unreadable> {
        self.begin(b'{');
        Ok(())
    }

    #[inline]
    fn key(&mut self, key: Quoted<'_>) -> Result<(), Unreadable> {
        self.separate();
        self.push_quoted(key);
        self.out.push(b':');
        self.follows = false;
        Ok(())
    }

    #[inline]
    fn end_object(&mut self) -> Result<(), Unreadable> {
        self.end(b'}');
        Ok(())
    }

    #[inline]
    fn begin_array(&mut self, _: impl FnOnce() -> bool) -> Result<(), Unreadable> {
        self.begin(b'[');
        Ok(())
    }

    #[inline]
    fn end_array(&mut self) -> Result<(), Unreadable> {
        self.end(b']');
        Ok(())
    }

    #[inline]
    fn string(&mut self, text: Quoted<'_>) -> Result<(), Unreadable> {
        self.separate();
        self.push_quoted(text);
        self.follows = true;
        Ok(())
    }

    #[inline]
    fn word(&mut self, word: &str) -> Result<(), Unreadable> {
        self.value(word);
        Ok(())
    }
}

/// The beginning of an envelope.
const OPENING: &[u8] = br#"{"data":"#;

/// Starts `{"data": …, "format": …, "meta"?: …}` in a buffer of about `size` bytes. The data
/// follows.
pub fn open_envelope(size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(OPENING);
    out
}

/// Returns the data in an open envelope.
pub fn data_of(open: &[u8]) -> &[u8] {
    &open[OPENING.len()..]
}

/// Ends an envelope after its data, which is in this format. `is_list` says whether `meta` is there
/// even if it is empty.
pub fn close_envelope(out: &mut Vec<u8>, format: &str, meta: &Meta<'_>, is_list: bool) {
    out.extend_from_slice(br#","format":"#);
    write(out, format);
    if is_list || !meta.is_empty() {
        out.extend_from_slice(br#","meta":"#);
        write(out, meta);
    }
    out.push(b'}');
}

/// Writes a value whose serialization cannot fail, such as a string.
fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Writing to a `Vec` cannot fail either.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::escape::escape;

    proptest! {
        #[test]
        fn escaping_matches_serde_json(text in any::<String>(), low in "[\\x00-\\x30\\\\]*") {
            for text in [text, low] {
                let mut escaped = Vec::new();
                escape(&mut escaped, &text);
                prop_assert_eq!(format!("\"{}\"", String::from_utf8(escaped).unwrap()), serde_json::to_string(&text).unwrap());
            }
        }
    }
}
