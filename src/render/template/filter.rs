//! The streaming filter, which copies JSON text without white space and excluded paths.
//!
//! No tree is built and nothing is decoded: each token that is kept goes to a writer. The JSON
//! writer copies it, so numbers keep all digits and strings keep their escapes. This takes half the
//! time of transcoding through `serde`.

use std::cell::RefCell;

use super::pattern::{FieldDecision, Filter, Node};
use crate::render::format::{
    json::{JsonWriter, lexer::Lexer},
    sink::Sink,
};

pub use crate::render::format::json::Unreadable;

/// JSON text to be read through a [`Filter`].
#[derive(Clone, Copy, Debug)]
pub struct Filtered<'a> {
    json: &'a str,
    path: &'a [&'a str],
    node: Option<&'a Node>,
    watch: Option<&'a Watch>,
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

impl<'a> Filtered<'a> {
    /// Creates a reader for the value at `path` in a JSON text, without what the filter excludes.
    ///
    /// Other keys on the way are skipped. Of two equal keys the first one counts.
    pub fn at(path: &'a [&'a str], json: &'a str, filter: Option<&'a Filter>) -> Self {
        Self {
            json,
            path,
            node: filter.map(Filter::root),
            watch: None,
        }
    }

    /// Returns the same reader, which also records texts.
    #[must_use]
    pub fn watching(self, watch: &'a Watch) -> Self {
        Self {
            watch: Some(watch),
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
    pub fn feed<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        let mut reader = FilterReader {
            lexer: Lexer::new(self.json),
            sink,
            watch: self.watch,
            watched_depth: self.path.len() + 1,
        };
        let found = reader.descend(self.path, self.node)?;
        reader.lexer.finish()?;
        if !found {
            return Err(Unreadable::Missing.into());
        }
        Ok(())
    }
}

/// A reader of JSON tokens that follows the nodes of the trie.
struct FilterReader<'a, 's, S> {
    lexer: Lexer<'a>,
    sink: &'s mut S,
    watch: Option<&'a Watch>,
    /// The depth of the value's own members.
    watched_depth: usize,
}

impl<S: Sink> FilterReader<'_, '_, S> {
    /// Descends along `path`, skipping everything else, and writes the value there. Returns whether
    /// there is one.
    fn descend(&mut self, path: &[&str], node: Option<&Node>) -> Result<bool, S::Error> {
        let Some((step, below)) = path.split_first() else {
            self.value(node)?;
            return Ok(true);
        };
        if self.lexer.peek() != b'{' {
            self.lexer.skip()?;
            return Ok(false);
        }
        let mut found = false;
        let mut more = self.lexer.open(b'{', b'}')?;
        while more {
            let key = self.lexer.string()?;
            self.lexer.expect(b':')?;
            // Later keys of the same name are skipped.
            if !found && key.meant() == *step {
                found = self.descend(below, node)?;
            } else {
                let start = self.lexer.at();
                self.lexer.skip()?;
                if below.is_empty() {
                    self.note(start, |watch| key.meant() == watch.beside);
                }
            }
            more = self.lexer.more(b'}')?;
        }
        Ok(found)
    }

    fn value(&mut self, node: Option<&Node>) -> Result<(), S::Error> {
        match self.lexer.peek() {
            b'{' => self.object(node),
            b'[' => self.array(node),
            b'"' => {
                let text = self.lexer.string()?;
                self.sink.string(text)
            }
            _ => {
                let word = self.lexer.word()?;
                self.sink.word(word)
            }
        }
    }

    fn object(&mut self, node: Option<&Node>) -> Result<(), S::Error> {
        let mut more = self.lexer.open(b'{', b'}')?;
        self.sink.begin_object()?;
        let is_watched = self.lexer.depth() == self.watched_depth;
        while more {
            let key = self.lexer.string()?;
            self.lexer.expect(b':')?;
            let start = self.lexer.at();
            match FieldDecision::of(node.and_then(|node| node.at_key(&key.meant()))) {
                FieldDecision::Exclude => self.lexer.skip()?,
                FieldDecision::Keep(next) => {
                    self.sink.key(key)?;
                    self.value(next)?;
                }
            }
            if is_watched {
                self.note(start, |watch| watch.within.contains(&&*key.meant()));
            }
            more = self.lexer.more(b'}')?;
        }
        self.sink.end_object()
    }

    /// Records the text read since `start`, if it is one to record.
    fn note(&self, start: usize, is_watched: impl FnOnce(&Watch) -> bool) {
        if let Some(watch) = self.watch
            && is_watched(watch)
        {
            let text = serde_json::from_str(self.lexer.since(start));
            watch.found.borrow_mut().extend(text.ok());
        }
    }

    fn array(&mut self, node: Option<&Node>) -> Result<(), S::Error> {
        // All elements share one decision: a pattern reaches elements through `*` only.
        let decision = FieldDecision::of(node.and_then(Node::at_element));
        let mut more = self.lexer.open(b'[', b']')?;
        let lexer = &self.lexer;
        self.sink
            .begin_array(|| !more || lexer.is_plain_to_the_end())?;
        while more {
            match decision {
                FieldDecision::Exclude => self.lexer.skip()?,
                FieldDecision::Keep(next) => self.value(next)?,
            }
            more = self.lexer.more(b']')?;
        }
        self.sink.end_array()
    }
}

#[cfg(test)]
mod tests;
