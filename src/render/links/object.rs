//! The members of an object with links.

use memchr::memchr2;

/// The members that are rewritten.
const TARGETS: [&[u8]; 3] = [b"self", b"next", b"related"];

/// The bytes of a key that are kept to compare it.
const MAX_KEY: usize = 8;

/// The state of reading an object with links, after its opening brace.
#[derive(Debug, Default)]
pub(super) struct LinksObject {
    /// The number of objects and arrays around the position, within this one.
    depth: u64,
    /// Whether a value comes next, and not a key.
    is_at_value: bool,
    /// The first bytes of the last key.
    key: Vec<u8>,
    string: StringState,
    /// Whether a backslash stands before the position.
    is_escaped: bool,
}

/// The string at the position.
#[derive(Debug, Default, PartialEq, Eq)]
enum StringState {
    #[default]
    None,
    /// A key of the object.
    Key,
    /// The beginning of a string that may be a link.
    Link,
    /// Any other, or the rest of one.
    Other,
}

/// The reason why a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The text ended.
    More,
    /// A string begins that may be a link.
    Link,
    /// The object ended.
    End,
}

impl LinksObject {
    /// Whether a string begins here that may be a link.
    pub(super) fn is_at_link(&self) -> bool {
        self.string == StringState::Link
    }

    /// Notes that the beginning of such a string has been dealt with.
    pub(super) fn pass_link(&mut self) {
        self.string = StringState::Other;
    }

    /// Reads a text up to an event, and returns the number of bytes read.
    pub(super) fn scan(&mut self, text: &[u8]) -> (usize, Event) {
        let mut at = 0;
        while let Some(rest) = text.get(at..)
            && let Some(byte) = rest.first()
        {
            if self.string == StringState::None {
                at += 1;
                if let Some(event) = self.take(*byte) {
                    return (at, event);
                }
            } else {
                at += self.pass_string(rest);
            }
        }
        (text.len(), Event::More)
    }

    /// Takes a byte outside of strings.
    fn take(&mut self, byte: u8) -> Option<Event> {
        let is_member = self.depth == 0;
        match byte {
            b'"' if is_member && !self.is_at_value => {
                self.key.clear();
                self.string = StringState::Key;
            }
            b'"' if is_member && TARGETS.contains(&&*self.key) => {
                // Of several strings behind one key only the first can be a value.
                self.key.clear();
                self.string = StringState::Link;
                return Some(Event::Link);
            }
            b'"' => self.string = StringState::Other,
            b':' if is_member => self.is_at_value = true,
            b',' if is_member => self.is_at_value = false,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => match self.depth.checked_sub(1) {
                Some(depth) => self.depth = depth,
                None => return Some(Event::End),
            },
            _ => {}
        }
        None
    }

    /// Takes at least one byte within a string, and returns their number.
    fn pass_string(&mut self, text: &[u8]) -> usize {
        if self.is_escaped {
            self.is_escaped = false;
            self.keep(text.get(..1).unwrap_or_default());
            return 1;
        }
        let Some(end) = memchr2(b'"', b'\\', text) else {
            self.keep(text);
            return text.len();
        };
        self.keep(text.get(..end).unwrap_or_default());
        if text.get(end) == Some(&b'\\') {
            self.is_escaped = true;
            self.keep(b"\\");
        } else {
            self.string = StringState::None;
        }
        end + 1
    }

    /// Keeps the first bytes of a key.
    fn keep(&mut self, bytes: &[u8]) {
        if self.string == StringState::Key {
            let room = MAX_KEY.saturating_sub(self.key.len());
            self.key.extend(bytes.iter().take(room));
        }
    }
}
