//! The streaming filter, which copies the parts of JSON text that a view shows, without white space.
//!
//! No tree is built and nothing is decoded: each token that is kept goes to a writer. The JSON
//! writer copies it, so numbers keep all digits and strings keep their escapes. This takes less than
//! half the time of transcoding through `serde`.

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
    cut: &'a Cut,
    skipped: Option<&'a Cell<usize>>,
}

/// The part of a value that is shown if there is no room for all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::render) enum Cut {
    /// All of it.
    Whole,
    /// Nothing of it.
    Nothing,
    /// The first characters of a text, with `…` for the last.
    Letters(usize),
    /// The first elements of an array, and a part of the next one.
    Elements {
        /// The number of elements that are shown whole.
        whole: usize,
        /// The part of the element behind them.
        last: Box<Self>,
    },
    /// A part of each member of an object. Further members are left out.
    Members(Vec<Self>),
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

impl Cut {
    /// Whether nothing is shown.
    #[inline]
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Returns the part of a member of an object, by its position.
    #[inline]
    fn member(&self, at: usize) -> &Self {
        match self {
            Self::Members(parts) => parts.get(at).unwrap_or(&Self::Nothing),
            _ => &Self::Whole,
        }
    }

    /// Returns the part of an element of an array, by its position.
    #[inline]
    fn element(&self, at: usize) -> &Self {
        match self {
            Self::Elements { whole, last } if at == *whole => last,
            Self::Elements { whole, .. } if at > *whole => &Self::Nothing,
            _ => &Self::Whole,
        }
    }
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
            cut: &Cut::Whole,
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

    /// Returns the same reader, which shows this part and counts the bytes left out for any reason.
    #[must_use]
    pub(in crate::render) fn cutting(self, cut: &'a Cut, skipped: &'a Cell<usize>) -> Self {
        Self {
            cut,
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
    // The compiler counts in vectors because the counter is a byte. A chunk has less than 256 bytes, so
    // that it can't overflow, and a multiple of 16, so that none is left over.
    for chunk in json.as_bytes().chunks(240) {
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
