//! The streaming filter: JSON text in, the same text out, less space and excluded paths.
//!
//! No tree is built and nothing is decoded: what is kept is copied, so numbers keep every
//! digit and strings their escapes. Against a transcode through `serde` it takes half the
//! time. Who needs a tree reads it from what is left.

use std::cell::RefCell;

use serde_json::Value;

use super::{
    lexer::Lexer,
    pattern::{Filter, Node, Verdict},
};

pub use super::lexer::Unreadable;

/// How deep objects and arrays may be nested; `serde_json` reads a tree to 127.
const MAX_DEPTH: usize = 120;

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

    /// The same, with texts to note in passing.
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
        let mut reader = Reader {
            lexer: Lexer::new(self.json),
            depth: 0,
            out,
            muted: false,
            watch: self.watch,
            watched_depth: self.path.len() + 1,
        };
        let found = reader.descend(self.path, self.node)?;
        if reader.lexer.peek() != 0 || reader.lexer.at() < self.json.len() {
            return reader.lexer.fault();
        }
        if found {
            Ok(())
        } else {
            Err(Unreadable::Missing)
        }
    }

    /// What is left, as a tree.
    pub fn tree(&self) -> Result<Value, Unreadable> {
        let mut text = Vec::with_capacity(self.json.len() / 2);
        self.write(&mut text)?;
        // Only a number beyond what a tree can hold is left to fail.
        serde_json::from_slice(&text).map_err(|error| Unreadable::Syntax(error.column()))
    }
}

/// Copies JSON text piece by piece, along a node of the trie.
struct Reader<'a, 'o> {
    lexer: Lexer<'a>,
    depth: usize,
    out: &'o mut Vec<u8>,
    /// Whether what is read now is left out.
    muted: bool,
    watch: Option<&'a Watch>,
    /// How deep the value's own members are nested.
    watched_depth: usize,
}

impl Reader<'_, '_> {
    /// Goes down `path`, all else muted, and copies what it leads to; whether there is such.
    fn descend(&mut self, path: &[&str], node: Option<&Node>) -> Result<bool, Unreadable> {
        let Some((step, below)) = path.split_first() else {
            return self.value(node).map(|()| true);
        };
        let mut found = false;
        if self.lexer.peek() != b'{' {
            return self.skip().map(|()| false);
        }
        self.members(|reader, _, key| {
            if !found && key == *step {
                found = reader.descend(below, node)?;
                return Ok(());
            }
            let start = reader.lexer.at();
            reader.skip()?;
            if below.is_empty() {
                reader.note(start, |watch| watch.beside == key);
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn value(&mut self, node: Option<&Node>) -> Result<(), Unreadable> {
        match self.lexer.peek() {
            b'{' => self.object(node),
            b'[' => self.array(node),
            b'"' => {
                let text = self.lexer.string()?;
                self.emit(&text.written());
                Ok(())
            }
            first => {
                let plain = match first {
                    b'n' => self.lexer.word("null"),
                    b't' => self.lexer.word("true"),
                    b'f' => self.lexer.word("false"),
                    _ => self.lexer.number(),
                };
                self.emit(plain?);
                Ok(())
            }
        }
    }

    /// Reads a value and leaves it out.
    fn skip(&mut self) -> Result<(), Unreadable> {
        let before = std::mem::replace(&mut self.muted, true);
        self.value(None)?;
        self.muted = before;
        Ok(())
    }

    fn object(&mut self, node: Option<&Node>) -> Result<(), Unreadable> {
        self.emit("{");
        let mut comma = "";
        self.members(|reader, written, key| {
            let start = reader.lexer.at();
            match Verdict::of(node.and_then(|node| node.at_key(key))) {
                Verdict::Exclude => reader.skip()?,
                Verdict::Keep(next) => {
                    reader.emit(std::mem::replace(&mut comma, ","));
                    reader.emit(written);
                    reader.emit(":");
                    reader.value(next)?;
                }
            }
            if reader.depth == reader.watched_depth {
                reader.note(start, |watch| watch.within.contains(&key));
            }
            Ok(())
        })?;
        self.emit("}");
        Ok(())
    }

    /// Reads an object; `member` is called at each value, with its key as written and as meant.
    fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, &str, &str) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        self.enter(b'{')?;
        if !self.lexer.take(b'}') {
            loop {
                let key = self.lexer.string()?;
                self.lexer.expect(b':')?;
                member(self, &key.written(), &key.meant())?;
                if !self.lexer.take(b',') {
                    break;
                }
            }
            self.lexer.expect(b'}')?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self, node: Option<&Node>) -> Result<(), Unreadable> {
        let verdict = Verdict::of(node.and_then(Node::at_element));
        self.enter(b'[')?;
        self.emit("[");
        let mut comma = "";
        if !self.lexer.take(b']') {
            loop {
                match verdict {
                    Verdict::Exclude => self.skip()?,
                    Verdict::Keep(next) => {
                        self.emit(std::mem::replace(&mut comma, ","));
                        self.value(next)?;
                    }
                }
                if !self.lexer.take(b',') {
                    break;
                }
            }
            self.lexer.expect(b']')?;
        }
        self.emit("]");
        self.depth -= 1;
        Ok(())
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

    fn enter(&mut self, bracket: u8) -> Result<(), Unreadable> {
        if self.depth == MAX_DEPTH {
            return Err(Unreadable::TooDeep(self.lexer.at()));
        }
        self.depth += 1;
        self.lexer.expect(bracket)
    }

    #[inline]
    fn emit(&mut self, text: &str) {
        if !self.muted {
            self.out.extend_from_slice(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
