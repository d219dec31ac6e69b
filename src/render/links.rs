//! Links in VirusTotal's answers, which are made to point to the gateway. Every other byte stays.
//!
//! The text is not parsed. In JSON the bytes `"links"` without a backslash before them are always
//! a whole string, so the objects under that key are found by a search. The work is linear, and
//! the bytes that are held back between two pieces are bounded.

use std::{ops::Range, sync::Arc};

use memchr::memmem;

use self::{
    object::{Event, LinksObject},
    prefix::{after_prefix, decided_length},
};
use super::{
    Document, ViewSize,
    format::json::read::{find, text},
    rough_tokens,
};

mod object;
mod prefix;

/// The key of an object with links, with its quotes.
const LINKS: &[u8] = b"\"links\"";

/// The bytes between that key and its object that still count as white space.
const MAX_SPACE: usize = 1024;

/// The addresses that links begin with, and the one that takes their place. Clones share them.
#[derive(Clone, Debug)]
pub struct LinkRules(Arc<Addresses>);

#[derive(Debug)]
struct Addresses {
    /// The addresses of VirusTotal's API, without a slash at the end.
    from: Vec<String>,
    /// The gateway's address in their place. It stands in JSON strings as it is.
    to: String,
}

/// A rewriter of the links in an answer that passes in pieces.
#[derive(Debug)]
pub struct LinkRewriter {
    rules: LinkRules,
    /// The bytes that were held back.
    held: Vec<u8>,
    /// The last byte that was written outside of objects with links.
    last: u8,
    /// The object with links around the position.
    object: Option<LinksObject>,
}

/// The text behind the key of an object with links.
enum Behind {
    /// The object begins after this many bytes.
    Object(usize),
    /// No object follows the key.
    Nothing,
    /// More of the text decides.
    Undecided,
}

impl LinkRules {
    /// Creates the rules for links that begin with one of the addresses in `from`.
    ///
    /// `to` holds no character that JSON escapes.
    pub fn new(from: impl IntoIterator<Item = String>, to: String) -> Self {
        let from = from.into_iter().collect();
        Self(Arc::new(Addresses { from, to }))
    }

    /// Returns the address that takes the place of VirusTotal's.
    pub fn to(&self) -> &str {
        &self.0.to
    }

    /// Returns an answer with its links rewritten, as a document.
    pub fn document(&self, answer: &[u8]) -> Document {
        let tokens = rough_tokens(answer.len());
        Document {
            body: self.apply(answer),
            cursor: None,
            names: Vec::new(),
            size: ViewSize {
                tokens,
                full: tokens,
                withheld: 0,
                is_cut: false,
            },
        }
    }

    /// Returns an answer with its links rewritten.
    pub fn apply(&self, answer: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(answer.len() + 256);
        let mut rewriter = LinkRewriter::new(self);
        rewriter.push(answer, &mut out);
        rewriter.finish(&mut out);
        out
    }

    /// Returns an address that is no part of JSON, rewritten; `None` if it leads elsewhere.
    pub fn address(&self, address: &str) -> Option<String> {
        let end = self.end_of_prefix(address.as_bytes())?;
        Some(format!("{}{}", self.0.to, address.get(end..)?))
    }

    /// Returns the number of bytes of a string that are replaced, if it is a link.
    fn end_of_prefix(&self, text: &[u8]) -> Option<usize> {
        let mut prefixes = self.0.from.iter();
        prefixes.find_map(|prefix| after_prefix(text, prefix.as_bytes()))
    }

    /// Returns the number of bytes after which it is decided whether a string is a link.
    fn longest(&self) -> usize {
        let longest = self.0.from.iter().map(String::len).max();
        // Each character, and the one behind the address, may be an escape of six bytes.
        6 * (longest.unwrap_or_default() + 1)
    }
}

impl LinkRewriter {
    /// Creates a rewriter at the beginning of an answer.
    pub fn new(rules: &LinkRules) -> Self {
        Self {
            rules: rules.clone(),
            held: Vec::new(),
            last: 0,
            object: None,
        }
    }

    /// Rewrites a piece, and writes all that is decided.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() {
            let rest = self.advance(piece, out);
            self.held.extend_from_slice(rest);
            return;
        }
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(piece);
        let rest = self.advance(&text, out).len();
        text.drain(..text.len() - rest);
        self.held = text;
    }

    /// Writes what was held back, at the end of the answer.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.held);
    }

    /// Writes the part of a text that is decided, and returns the rest.
    fn advance<'t>(&mut self, mut text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
        loop {
            let before = text.len();
            text = if self.object.is_some() {
                self.pass_object(text, out)
            } else {
                self.pass_text(text, out)
            };
            if text.is_empty() || text.len() == before {
                return text;
            }
        }
    }

    /// Writes the text up to the next object with links.
    fn pass_text<'t>(&mut self, text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
        let Some(at) = memmem::find(text, LINKS) else {
            // The end may be the beginning of a key.
            let kept = text.len().min(LINKS.len() - 1);
            let from = text.len() - kept;
            let tail = text.get(from..).unwrap_or_default();
            let quote = memchr::memchr(b'"', tail).unwrap_or(kept);
            return self.write(text, from + quote, out);
        };
        let before = match at.checked_sub(1).and_then(|before| text.get(before)) {
            Some(before) => *before,
            None => self.last,
        };
        let end = at + LINKS.len();
        if before == b'\\' {
            return self.write(text, end, out);
        }
        match behind_key(text.get(end..).unwrap_or_default()) {
            Behind::Object(length) => {
                self.object = Some(LinksObject::default());
                self.write(text, end + length, out)
            }
            Behind::Nothing => self.write(text, end, out),
            Behind::Undecided => self.write(text, at, out),
        }
    }

    /// Writes the text up to the end of an object, with its links rewritten.
    fn pass_object<'t>(&mut self, mut text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
        while let Some(object) = &mut self.object {
            if object.is_at_link() {
                let Some(length) = decided_length(text, self.rules.longest()) else {
                    return text;
                };
                let start = text.get(..length).unwrap_or_default();
                if let Some(end) = self.rules.end_of_prefix(start) {
                    out.extend_from_slice(self.rules.to().as_bytes());
                    text = text.get(end..).unwrap_or_default();
                }
                object.pass_link();
            }
            let (length, event) = object.scan(text);
            if event == Event::End {
                self.object = None;
            }
            text = self.write(text, length, out);
            if event == Event::More {
                return text;
            }
        }
        text
    }

    /// Writes the first bytes of a text, and returns the rest.
    fn write<'t>(&mut self, text: &'t [u8], length: usize, out: &mut Vec<u8>) -> &'t [u8] {
        let (decided, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
        out.extend_from_slice(decided);
        if let Some(last) = decided.last() {
            self.last = *last;
        }
        rest
    }
}

/// Returns the text at `data` of an answer, with its place in the bytes including its quotes.
pub fn data_text(answer: &[u8]) -> Option<(Range<usize>, String)> {
    let json = str::from_utf8(answer).ok()?;
    let raw = find(json, &["data"]).ok()??;
    let text = text(raw)?.into_owned();
    let start = (raw.as_ptr() as usize).checked_sub(json.as_ptr() as usize)?;
    Some((start..start + raw.len(), text))
}

/// Finds the object behind a key.
fn behind_key(text: &[u8]) -> Behind {
    let mut is_behind_colon = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' if at < MAX_SPACE => {}
            b':' if !is_behind_colon => is_behind_colon = true,
            b'{' if is_behind_colon => return Behind::Object(at + 1),
            _ => return Behind::Nothing,
        }
    }
    Behind::Undecided
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn rules() -> LinkRules {
        let from = [
            "http://127.0.0.1:9/api/v3",
            "https://www.virustotal.com/api/v3",
        ];
        LinkRules::new(
            from.map(str::to_owned),
            "http://gate:8000/api/v3".to_owned(),
        )
    }

    fn whole(text: &str) -> String {
        String::from_utf8(rules().apply(text.as_bytes())).unwrap()
    }

    fn in_pieces(text: &[u8], length: usize) -> Vec<u8> {
        let rules = rules();
        let (mut rewriter, mut out) = (LinkRewriter::new(&rules), Vec::new());
        for piece in text.chunks(length) {
            rewriter.push(piece, &mut out);
        }
        rewriter.finish(&mut out);
        out
    }

    #[rstest]
    #[case(
        r#"{"data": {"links": {"self": "https://www.virustotal.com/api/v3/files/a"}}}"#,
        r#"{"data": {"links": {"self": "http://gate:8000/api/v3/files/a"}}}"#
    )]
    #[case(
        "{\"links\" :\n {\"next\":\"http://127.0.0.1:9/api/v3/x?cursor=\\u0041\", \"self\": null}}",
        "{\"links\" :\n {\"next\":\"http://gate:8000/api/v3/x?cursor=\\u0041\", \"self\": null}}"
    )]
    #[case(
        r#"[{"links":{"a":[{"self":"https://www.virustotal.com/api/v3/x"}],"related":"https://www.virustotal.com/api/v3"}}]"#,
        r#"[{"links":{"a":[{"self":"https://www.virustotal.com/api/v3/x"}],"related":"http://gate:8000/api/v3"}}]"#
    )]
    #[case(
        r#"{"links": {"self": "https:\/\/www.virustotal.com\/api\u002fv3\/files\/a"}}"#,
        r#"{"links": {"self": "http://gate:8000/api/v3\/files\/a"}}"#
    )]
    fn links_lead_to_the_gateway(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(whole(text), expected);
    }

    #[rstest]
    #[case(r#"{"links": {"item": "https://www.virustotal.com/api/v3/files/a"}}"#)]
    #[case(r#"{"links": {"self": "https://www.virustotal.com/api/v30/files"}}"#)]
    #[case(r#"{"links": {"self": "https://www.virustotal.com.evil/api/v3/a"}}"#)]
    #[case(r#"{"links": {"self": "x https://www.virustotal.com/api/v3/a"}}"#)]
    #[case(r#"{"self": "https://www.virustotal.com/api/v3/a"}"#)]
    #[case(r#"{"links": ["self", "https://www.virustotal.com/api/v3/a"]}"#)]
    #[case(r#"{"a": "\"links\": {\"self\": \"https://www.virustotal.com/api/v3/a\"}"}"#)]
    #[case(r#"{"links": "self", "next": "https://www.virustotal.com/api/v3/a"}"#)]
    #[case(r#"{"links": {"x": "\"self\": \"https://www.virustotal.com/api/v3/a\""}}"#)]
    #[case(r#"{"links": {"x": {"self": "https://www.virustotal.com/api/v3/a"}}}"#)]
    #[case(r#"{"links": {"self": {"next": "https://www.virustotal.com/api/v3/a"}}}"#)]
    #[case(r#"{"links": {}, "self": "https://www.virustotal.com/api/v3/a"}"#)]
    #[case(r#"{"links": {"self": "https://www.virustotal.com/ap"#)]
    #[case("")]
    fn everything_else_stays(#[case] text: &str) {
        assert_eq!(whole(text), text);
    }

    #[test]
    fn an_address_by_itself_is_rewritten_as_well() {
        let to = rules().address("https://www.virustotal.com/api/v3/files/a");
        assert_eq!(to.as_deref(), Some("http://gate:8000/api/v3/files/a"));
        assert_eq!(rules().address("https://storage.example/a"), None);
    }

    proptest! {
        #[test]
        fn pieces_of_any_length_give_the_same(
            parts in proptest::collection::vec(prop_oneof![
                Just("\"links\""), Just(":"), Just("{"), Just("}"), Just("\"self\""), Just(","),
                Just("\"https://www.virustotal.com/api/v3/x\""), Just("\\"), Just("\""), Just(" "),
                Just("\"http:\\/\\/127.0.0.1:9\\/api\\/v3\""), Just("[\"next\"]"), Just("\\u00"),
            ], 0..40),
            length in 1_usize..30,
        ) {
            let text = parts.concat().into_bytes();
            let at_once = rules().apply(&text);
            prop_assert_eq!(in_pieces(&text, length), at_once);
        }

        #[test]
        fn text_without_links_stays(text in proptest::collection::vec(any::<u8>(), 0..300), length in 1_usize..30) {
            prop_assert_eq!(in_pieces(&text, length), text);
        }
    }
}
