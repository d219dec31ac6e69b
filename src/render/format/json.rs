//! JSON: the envelope around every answer, and the tokens of JSON text.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Format, sink::Sink};

pub use self::lexer::{Quoted, Unreadable};

pub(super) mod escape;
pub(crate) mod lexer;
pub(crate) mod read;

/// The metadata of a list.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = Meta)]
pub struct ListMeta<'a> {
    /// An opaque value to send back for the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The number of all objects, if VirusTotal gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub count: Option<&'a RawValue>,
    /// The reason that the list ends early: `quota` if the key's quota is exhausted, `pages` after
    /// ten pages. The cursor continues the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<&'static str>,
}

/// A writer of compact JSON that copies numbers and strings unchanged.
pub struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Whether a member or element precedes within the same brackets.
    follows: bool,
}

impl<'o> JsonWriter<'o> {
    /// Creates a writer that appends one value to the buffer.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self {
            out,
            follows: false,
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
        self.out.extend_from_slice(key.written().as_bytes());
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
        self.value(&text.written());
        Ok(())
    }

    #[inline]
    fn word(&mut self, word: &str) -> Result<(), Unreadable> {
        self.value(word);
        Ok(())
    }
}

/// Writes `{"data": …, "format": …, "meta"?: …}` into a buffer of about `size` bytes.
///
/// `data` writes the JSON text of the data; nothing else can fail.
pub fn envelope<E>(
    format: Format,
    meta: Option<&ListMeta<'_>>,
    size: usize,
    data: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(br#"{"data":"#);
    data(&mut out)?;
    out.extend_from_slice(br#","format":"#);
    write(&mut out, &format);
    if let Some(meta) = meta {
        out.extend_from_slice(br#","meta":"#);
        write(&mut out, meta);
    }
    out.push(b'}');
    Ok(out)
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
