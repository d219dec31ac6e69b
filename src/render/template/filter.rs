//! The streaming filter, which copies the parts of JSON text that a view shows, without white space.
//!
//! No tree is built and nothing is decoded: each token that is kept goes to a writer. The JSON
//! writer copies it, so numbers keep all digits and strings keep their escapes. This takes half the
//! time of transcoding through `serde`.

use std::cell::{Cell, RefCell};

use self::reader::FilterReader;
use super::{pattern::Filter, place::Place};
use crate::render::{
    format::{
        json::{JsonWriter, Quoted},
        sink::Sink,
    },
    untrusted::UntrustedTexts,
};

pub use crate::render::format::json::Unreadable;

mod reader;

/// JSON text to be read through filters.
#[derive(Clone, Copy, Debug)]
pub struct Filtered<'a> {
    json: &'a str,
    path: &'a [&'a str],
    place: Place<'a>,
    watch: Option<&'a Watch>,
    texts: Option<&'a UntrustedTexts>,
    tails: Tails,
    skipped: Option<&'a Cell<usize>>,
}

/// The bounds beyond which the tails of lists, objects and texts are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::render) struct Tails {
    /// The number of elements of each array.
    pub(in crate::render) elements: usize,
    /// The number of members of each object.
    pub(in crate::render) members: usize,
    /// The number of characters of each string.
    pub(in crate::render) letters: usize,
}

/// The members whose texts are recorded while an object is read.
///
/// They are recorded whether or not the filter keeps them.
#[derive(Debug)]
pub struct Watch {
    /// The key of a member beside the value.
    pub beside: &'static str,
    /// The keys of members of the value.
    pub within: &'static [&'static str],
    /// The recorded texts.
    pub found: RefCell<Vec<String>>,
}

impl Tails {
    /// Nothing is cut.
    pub(in crate::render) const WHOLE: Self = Self {
        elements: usize::MAX,
        members: usize::MAX,
        letters: usize::MAX,
    };
}

impl<'a> Filtered<'a> {
    /// Creates a reader for the value at `path` in a JSON text, without what the filter excludes.
    ///
    /// Other keys on the way are skipped. Of two equal keys the first one counts.
    pub fn at(path: &'a [&'a str], json: &'a str, filter: Option<&'a Filter>) -> Self {
        Self {
            json,
            path,
            place: Place::start(None, filter),
            watch: None,
            texts: None,
            tails: Tails::WHOLE,
            skipped: None,
        }
    }

    /// Creates a reader for a whole JSON text that begins at this place of the filters.
    pub(in crate::render) fn within(json: &'a str, place: Place<'a>) -> Self {
        Self {
            place,
            ..Self::at(&[], json, None)
        }
    }

    /// Returns the same reader, which shows only the fields that this filter includes as well.
    #[must_use]
    pub fn choosing(mut self, fields: Option<&'a Filter>) -> Self {
        self.place = self.place.choosing(fields);
        self
    }

    /// Returns the same reader, which also records texts.
    #[must_use]
    pub fn watching(self, watch: &'a Watch) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }

    /// Returns the same reader, which treats the texts that strangers wrote.
    #[must_use]
    pub fn treating(self, texts: &'a UntrustedTexts) -> Self {
        Self {
            texts: Some(texts),
            ..self
        }
    }

    /// Returns the same reader, which cuts tails and counts the bytes left out for any reason.
    #[must_use]
    pub(in crate::render) fn cutting(self, tails: Tails, skipped: &'a Cell<usize>) -> Self {
        Self {
            tails,
            skipped: Some(skipped),
            ..self
        }
    }

    /// Writes the filtered value as compact JSON. After an error, `out` holds a part of it.
    ///
    /// Fails if the text is not JSON, is nested too deeply, or has no value at the path.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        self.feed(&mut JsonWriter::new(out))
    }

    /// Writes the filtered value to a sink. Fails in the same cases, and if the sink does.
    ///
    /// A value of which nothing is shown becomes an empty object or array, or `null`.
    pub fn feed<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        self.feed_lazily(sink, None)
    }

    /// Writes the filtered value to a sink after this key, or nothing if nothing of it is shown.
    pub(in crate::render) fn feed_member<S: Sink>(
        &self,
        key: Quoted<'a>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.feed_lazily(sink, Some(key))
    }

    fn feed_lazily<S: Sink>(&self, sink: &mut S, key: Option<Quoted<'a>>) -> Result<(), S::Error> {
        if !FilterReader::new(self, sink, key).read(self.path, self.place)? {
            return Err(Unreadable::Missing.into());
        }
        Ok(())
    }
}

/// Returns the length of JSON text without white space, in bytes. White space within strings does
/// not count either, which hardly matters where sizes are compared.
pub(in crate::render) fn compact_length(json: &str) -> usize {
    let mut length = 0;
    // The compiler counts in vectors where the counter is a byte as well.
    for chunk in json.as_bytes().chunks(255) {
        let mut visible = 0_u8;
        for byte in chunk {
            visible += u8::from(*byte > b' ');
        }
        length += usize::from(visible);
    }
    length
}

/// Cuts a text to this many characters, the last of them `…`. Returns `None` if it is no longer.
pub(in crate::render) fn cut(text: &str, letters: usize) -> Option<String> {
    let mut starts = text.char_indices();
    let (end, _) = starts.nth(letters.saturating_sub(1))?;
    starts.next()?;
    Some(format!("{}…", &text[..end]))
}

#[cfg(test)]
mod tests;
