//! The streaming filter: JSON text in, the same text out, less space and excluded paths.
//!
//! No tree is built and nothing is decoded: what is kept goes piece by piece to a writer.
//! That of JSON copies it, so numbers keep every digit and strings their escapes. Against a
//! transcode through `serde` it takes half the time.

use std::cell::RefCell;

use super::pattern::{Filter, Node, Verdict};
use crate::format::{
    json::{Compact, lexer::Lexer},
    sink::Sink,
};

pub use crate::format::json::Unreadable;

/// JSON text to be read through a [`Filter`].
#[derive(Clone, Copy, Debug)]
pub struct Filtered<'a> {
    json: &'a str,
    path: &'a [&'a str],
    node: Option<&'a Node>,
    watch: Option<&'a Watch>,
}

/// Texts to note in passing: those of members beside the value and of its own members.
///
/// They are noted whether the filter keeps them or not.
#[derive(Debug)]
pub struct Watch {
    /// The key of a member beside the value.
    pub beside: &'static str,
    /// The keys of members of the value.
    pub within: &'static [&'static str],
    /// The texts that were found.
    pub found: RefCell<Vec<String>>,
}

impl<'a> Filtered<'a> {
    /// The value that stands under `path` in the JSON text, less what the filter excludes.
    ///
    /// Other keys on the way are passed over. Of two equal ones the first counts.
    pub fn at(path: &'a [&'a str], json: &'a str, filter: Option<&'a Filter>) -> Self {
        Self {
            json,
            path,
            node: filter.map(Filter::root),
            watch: None,
        }
    }

    /// Returns the same, with texts to note in passing.
    #[must_use]
    pub fn watching(self, watch: &'a Watch) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }

    /// Writes what is left as compact JSON; on an error, `out` holds a part of it.
    ///
    /// It fails where the text is no JSON, is nested too deep, or has nothing there.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        self.feed(&mut Compact::new(out))
    }

    /// Feeds what is left to a writer; it fails in the same cases, and where the writer does.
    pub fn feed<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        let mut reader = Reader {
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

/// Reads JSON text piece by piece, along a node of the trie.
struct Reader<'a, 's, S> {
    lexer: Lexer<'a>,
    sink: &'s mut S,
    watch: Option<&'a Watch>,
    /// The depth at which the value's own members stand.
    watched_depth: usize,
}

impl<S: Sink> Reader<'_, '_, S> {
    /// Goes down `path`, skipping all else, and feeds the value there. Returns whether there is one.
    fn descend(&mut self, path: &[&str], node: Option<&Node>) -> Result<bool, S::Error> {
        let Some((step, below)) = path.split_first() else {
            return self.value(node).map(|()| true);
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
            match Verdict::of(node.and_then(|node| node.at_key(&key.meant()))) {
                Verdict::Exclude => self.lexer.skip()?,
                Verdict::Keep(next) => {
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

    /// Notes the text that was read since `start`, if it is one that is watched for.
    fn note(&self, start: usize, is_watched: impl FnOnce(&Watch) -> bool) {
        if let Some(watch) = self.watch
            && is_watched(watch)
        {
            let text = serde_json::from_str(self.lexer.since(start));
            watch.found.borrow_mut().extend(text.ok());
        }
    }

    fn array(&mut self, node: Option<&Node>) -> Result<(), S::Error> {
        let verdict = Verdict::of(node.and_then(Node::at_element));
        let mut more = self.lexer.open(b'[', b']')?;
        let lexer = &self.lexer;
        self.sink
            .begin_array(|| !more || lexer.is_plain_to_the_end())?;
        while more {
            match verdict {
                Verdict::Exclude => self.lexer.skip()?,
                Verdict::Keep(next) => self.value(next)?,
            }
            more = self.lexer.more(b']')?;
        }
        self.sink.end_array()
    }
}

#[cfg(test)]
mod tests;
