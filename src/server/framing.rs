//! Request heads whose `Transfer-Encoding` hyper would reject without an explanation.
//!
//! hyper answers a request whose last coding is not `chunked` with an empty 400. To answer with the
//! gateway's own error, the header's name is altered on its way to hyper and the request is marked.
//! The gateway rejects the request and closes the connection, so it does not matter where the body
//! ends.

use memchr::memchr;

const NAME: &[u8] = b"transfer-encoding:";

/// A filter for the lines of heads as they arrive.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// The start of a line whose rest has not arrived yet.
    begun: Vec<u8>,
}

impl Screen {
    /// Examines bytes read while a head was expected. Returns whether it altered a header's name.
    pub(super) fn look(&mut self, mut bytes: &mut [u8]) -> bool {
        let mut is_odd = false;
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at_mut(end);
            let begun = std::mem::take(&mut self.begun);
            // An empty line ends the head; the body that follows is not examined. Its `\r` may have
            // arrived earlier.
            if begun.trim_ascii().is_empty() && line.trim_ascii().is_empty() {
                return is_odd;
            }
            is_odd |= spoil(&begun, line);
            bytes = &mut rest[1..];
        }
        // Only as much of an incomplete line is kept as is needed to recognise the name.
        let room = NAME.len() - self.begun.len();
        self.begun.extend(&bytes[..room.min(bytes.len())]);
        is_odd
    }
}

/// Alters the name of a `Transfer-Encoding` that does not end in `chunked`. Returns whether it did.
fn spoil(begun: &[u8], line: &mut [u8]) -> bool {
    let (before, after) = NAME.split_at(begun.len());
    let Some((name, value)) = line.split_at_mut_checked(after.len()) else {
        return false;
    };
    if !begun.eq_ignore_ascii_case(before) || !name.eq_ignore_ascii_case(after) {
        return false;
    }
    // Only the last coding has to be `chunked`.
    let last = value.rsplit(|byte| *byte == b',').next();
    let is_chunked = last.is_some_and(|it| it.trim_ascii().eq_ignore_ascii_case(b"chunked"));
    // The colon stays, so that the line remains a valid header.
    match name {
        [.., letter, _] if !is_chunked => {
            *letter = b'_';
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes a text through the filter in pieces of this size. Returns the text, and whether a
    /// header's name was altered.
    fn screened(text: &str, at_once: usize) -> (String, bool) {
        let (mut bytes, mut screen) = (text.as_bytes().to_vec(), Screen::default());
        let odd = bytes.chunks_mut(at_once).map(|it| screen.look(it));
        let is_odd = odd.fold(false, |any, it| any | it);
        (String::from_utf8(bytes).unwrap(), is_odd)
    }

    #[test]
    fn a_coding_that_is_not_chunked_is_found_in_any_pieces() {
        for coding in [
            "gzip",
            "chunked, gzip",
            "identity",
            "",
            "xchunked",
            "chunked;q=1",
        ] {
            let head = format!("GET / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\nHost: x\r\n\r\n");
            for at_once in [24, head.len()] {
                // The first bytes are read separately, and the rest at once.
                let (first, rest) = head.split_at(at_once);
                let mut screen = Screen::default();
                let mut bytes = [first.as_bytes().to_vec(), rest.as_bytes().to_vec()];
                let odd: Vec<_> = bytes.iter_mut().map(|it| screen.look(it)).collect();
                assert!(odd.contains(&true), "{coding} {at_once}");
                let left = String::from_utf8(bytes.concat()).unwrap();
                assert_eq!(left, head.replace("Encoding:", "Encodin_:"));
            }
        }
    }

    #[test]
    fn a_body_is_not_examined_even_if_its_head_was_split() {
        let text = "POST / HTTP/1.1\r\nContent-Length: 25\r\n\r\nTransfer-Encoding: gzip\r\n";
        let end = text.find("\r\n\r\n").unwrap() + 3;
        for first in [end, end - 1] {
            let mut screen = Screen::default();
            let (head, rest) = text.split_at(first);
            assert!(!screen.look(&mut head.as_bytes().to_vec()));
            let mut rest = rest.as_bytes().to_vec();
            assert!(!screen.look(&mut rest), "{first}");
            assert!(text.as_bytes().ends_with(&rest), "{first}");
        }
    }

    #[test]
    fn other_lines_are_unchanged() {
        for text in [
            "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "GET / HTTP/1.1\r\ntransfer-encoding:Chunked \r\n\r\n",
            "GET / HTTP/1.1\r\nX-Transfer-Encoding: gzip\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\n\nTransfer-Encoding: gzip\r\n",
        ] {
            assert_eq!(screened(text, text.len()), (text.to_owned(), false));
        }
    }
}
