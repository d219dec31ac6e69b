//! Removal of API keys from answers.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;

use super::ApiKey;

/// The length from which a key is looked for. A shorter one would also be found in other words.
const LEAST: usize = 8;

/// A filter that masks a key in an answer that passes in pieces.
#[derive(Debug)]
pub struct KeyFilter {
    key: ApiKey,
    /// The end of the last piece, if it may be the beginning of the key.
    held: Vec<u8>,
}

/// Returns whether a text holds a key.
pub fn holds_key(text: &[u8], key: &[u8]) -> bool {
    key.len() >= LEAST && memmem::find(text, key).is_some()
}

/// Returns an answer with each occurrence of a key masked.
pub fn without_key<'a>(answer: &'a [u8], key: &ApiKey) -> Cow<'a, [u8]> {
    let key = key.expose().as_bytes();
    if !holds_key(answer, key) {
        return Cow::Borrowed(answer);
    }
    let mut masked = answer.to_vec();
    mask(&mut masked, key);
    Cow::Owned(masked)
}

impl KeyFilter {
    /// Creates a filter at the beginning of an answer.
    pub fn new(key: &ApiKey) -> Self {
        Self {
            key: key.clone(),
            held: Vec::new(),
        }
    }

    /// Takes a piece, and returns the part that is decided.
    pub fn push(&mut self, piece: Bytes) -> Bytes {
        let key = self.key.expose().as_bytes();
        if key.len() < LEAST {
            return piece;
        }
        let is_clean = self.held.is_empty() && memmem::find(&piece, key).is_none();
        let open = open_end(&piece, key);
        if is_clean && open == 0 {
            return piece;
        }
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(&piece);
        mask(&mut text, key);
        self.held = text.split_off(text.len() - open_end(&text, key));
        text.into()
    }

    /// Returns what was held back, at the end of the answer.
    pub fn finish(self) -> Bytes {
        self.held.into()
    }
}

/// Replaces each occurrence of a key by as many asterisks.
fn mask(text: &mut [u8], key: &[u8]) {
    let mut from = 0;
    while let Some(rest) = text.get_mut(from..)
        && let Some(at) = memmem::find(rest, key)
    {
        if let Some(found) = rest.get_mut(at..at + key.len()) {
            found.fill(b'*');
        }
        from += at + key.len();
    }
}

/// Returns the number of bytes at the end of a text that may be the beginning of a key.
fn open_end(text: &[u8], key: &[u8]) -> usize {
    let longest = key.len().saturating_sub(1).min(text.len());
    let mut lengths = (1..=longest).rev();
    let is_open = |length: &usize| {
        key.get(..*length)
            .is_some_and(|start| text.ends_with(start))
    };
    lengths.find(is_open).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_masked_wherever_an_answer_is_cut() {
        let key = ApiKey::parse(b"key-of-the-server").unwrap();
        let text = b"{\"a\": \"key-of-the-key-of-the-server\", \"b\": \"key-of-the-serverkey-of\"}";
        let expected = without_key(text, &key).into_owned();
        assert!(memmem::find(&expected, b"server").is_none());
        assert_eq!(expected.len(), text.len());
        for length in 1..text.len() {
            let mut filter = KeyFilter::new(&key);
            let mut out = Vec::new();
            for piece in text.chunks(length) {
                out.extend(filter.push(Bytes::copy_from_slice(piece)));
            }
            out.extend(filter.finish());
            assert_eq!(out, expected, "{length}");
        }
    }
}
