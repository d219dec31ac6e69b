//! The choice of the part of a value that fits into a number of tokens.

use crate::render::{
    budget::tokens,
    format::json::{Quoted, Unreadable, lexer::Lexer, read::RawMember},
    measure::BYTES_PER_TOKEN,
    template::filter::Cut,
};

/// The fewest characters to which a text is cut. No digest is longer, so none is cut.
const FEWEST_LETTERS: usize = 64;

/// The same for the reason of a verdict, which is read even if its end is missing.
const FEWEST_OF_REASON: usize = 16;

/// The tokens of the quotes around a text and of the `…` behind a part of it.
const FEW: usize = 3;

/// The bytes of a text that are taken at a time, and the fewest when little room is left.
const LARGEST_STEP: usize = 512;
const SMALLEST_STEP: usize = 4;

/// No part, which takes no tokens.
const NOTHING: (Cut, usize) = (Cut::Nothing, 0);

/// A chooser of parts of values, of which nothing is left that the filters leave out. Sizes are those
/// of JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cutter {
    is_verdict: bool,
}

impl Cutter {
    /// Creates a chooser for the member with this key.
    pub(super) fn of(key: &str) -> Self {
        Self {
            is_verdict: key == "verdict",
        }
    }

    /// Returns the part of a value that takes at most `room` tokens, and how many it takes.
    ///
    /// Of a list these are its first elements, of an object the members that fit, those that are no
    /// lists first. The first one that does not fit is cut in turn. Malformed text ends the part here,
    /// and fails where the part is written.
    pub(super) fn cut(self, raw: &str, room: usize) -> (Cut, usize) {
        let mut lexer = Lexer::new(raw);
        let cut = match lexer.peek() {
            b'[' => self.cut_array(&mut lexer, room),
            b'{' => self.cut_object(&mut lexer, room),
            b'"' => Ok(self.cut_text(&mut lexer, room)),
            _ => Ok(NOTHING),
        };
        cut.unwrap_or(NOTHING)
    }

    fn cut_array(self, lexer: &mut Lexer<'_>, room: usize) -> Result<(Cut, usize), Unreadable> {
        let Some(mut left) = room.checked_sub(2) else {
            return Ok(NOTHING);
        };
        let mut whole = 0;
        let mut more = lexer.open(b'[', b']')?;
        while more {
            let element = lexer.raw()?;
            let (part, cost) = match cost(element, left) {
                Some(cost) => (Cut::Whole, cost),
                None => self.cut(element, left),
            };
            left = left.saturating_sub(cost);
            if part != Cut::Whole {
                if whole == 0 && part == Cut::Nothing {
                    return Ok(NOTHING);
                }
                let last = Box::new(part);
                return Ok((Cut::Elements { whole, last }, room - left));
            }
            whole += 1;
            more = lexer.more(b']')?;
        }
        Ok((Cut::Whole, room - left))
    }

    fn cut_object(self, lexer: &mut Lexer<'_>, room: usize) -> Result<(Cut, usize), Unreadable> {
        let Some(mut left) = room.checked_sub(2) else {
            return Ok(NOTHING);
        };
        let members = RawMember::read_all(lexer)?;
        let mut parts = vec![Cut::Nothing; members.len()];
        let mut shown = Vec::with_capacity(members.len());
        for (at, RawMember { key, raw }) in members.into_iter().enumerate() {
            shown.push((Turn::of(&key.meant(), raw), at, key, raw));
        }
        shown.sort_by_key(|(turn, ..)| *turn);
        let mut too_large = Vec::new();
        for member in shown {
            let (_, at, key, raw) = member;
            let key_cost = key_cost(key);
            match cost(raw, left.saturating_sub(key_cost)) {
                Some(cost) => {
                    left -= key_cost + cost;
                    parts[at] = Cut::Whole;
                }
                None => too_large.push(member),
            }
            // The reason is worth more than the members behind it.
            if self.is_verdict && !too_large.is_empty() {
                break;
            }
        }
        let Some(&(_, at, key, raw)) = too_large.first() else {
            return Ok((Cut::Whole, room - left));
        };
        let key_cost = key_cost(key);
        let (cut, cost) = self.cut(raw, left.saturating_sub(key_cost));
        if cut != Cut::Nothing {
            left = left.saturating_sub(key_cost + cost);
            parts[at] = cut;
        }
        if parts.iter().all(|part| *part == Cut::Nothing) {
            return Ok(NOTHING);
        }
        if too_large.len() == 1 && parts[at] == Cut::Whole && !self.is_verdict {
            return Ok((Cut::Whole, room - left));
        }
        Ok((Cut::Members(parts), room - left))
    }

    fn cut_text(self, lexer: &mut Lexer<'_>, room: usize) -> (Cut, usize) {
        let Ok(text) = lexer.string() else {
            return NOTHING;
        };
        let has_escapes = text.has_escapes();
        let text = text.meant();
        // The quotes and the `…` take a few tokens.
        let most = room.saturating_sub(FEW);
        let (mut end, mut tokens, mut step) = (0, 0, LARGEST_STEP);
        while step >= SMALLEST_STEP && end < text.len() {
            let next = text.floor_char_boundary(end + step);
            let more = if has_escapes {
                written_cost(&text[end..next])
            } else {
                tokens::estimate_part(&text[end..next])
            };
            if tokens + more <= most {
                (end, tokens) = (next, tokens + more);
            } else {
                step /= 2;
            }
        }
        if end == text.len() {
            return (Cut::Whole, tokens + FEW);
        }
        let shown = &text[..end];
        let letters = shown.chars().count();
        let is_enough = if self.is_verdict {
            letters >= FEWEST_OF_REASON
        } else {
            // A part of a digest or of encoded data is of no use.
            letters >= FEWEST_LETTERS && shown.contains(char::is_whitespace)
        };
        if is_enough {
            (Cut::Letters(letters), tokens + FEW)
        } else {
            NOTHING
        }
    }
}

/// Returns the number of tokens of a value, with the comma behind it, if it is at most `room`.
fn cost(raw: &str, room: usize) -> Option<usize> {
    // Its comma takes one, too.
    let most = room.checked_sub(1)?;
    if raw.len() > room.saturating_mul(BYTES_PER_TOKEN) {
        return None;
    }
    Some(tokens::estimate_up_to(raw, most)? + 1)
}

/// Returns the number of tokens of a text with the escapes of JSON.
fn written_cost(text: &str) -> usize {
    let written = serde_json::to_string(text).unwrap_or_default();
    tokens::estimate_part(written.trim_matches('"'))
}

/// Returns the number of tokens of a key and the colon behind it.
pub(in crate::render) fn key_cost(key: Quoted<'_>) -> usize {
    tokens::estimate_part(&key.written()) + 1
}

/// The order in which members of an object are taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Counts and labels that decide.
    Deciding,
    /// Other numbers and texts, which say more in less room than lists.
    Plain,
    /// Lists and objects.
    Nested,
}

impl Turn {
    fn of(key: &str, raw: &str) -> Self {
        match key {
            _ if raw.starts_with(['[', '{']) => Self::Nested,
            "malicious"
            | "suspicious"
            | "undetected"
            | "harmless"
            | "suggested_threat_label"
            | "verdict"
            | "category"
            | "level"
            | "stale" => Self::Deciding,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::template::{filter::Filtered, place::Place};

    fn cut(key: &str, json: &str, room: usize) -> (Cut, String) {
        let place = Place::start(None, None);
        let (part, _) = Cutter::of(key).cut(json, room);
        let mut out = Vec::new();
        let skipped = std::cell::Cell::new(0);
        let shown = Filtered::within(json, place).cutting(&part, &skipped);
        shown.write(&mut out).unwrap();
        (part.clone(), String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_list_loses_its_tail() {
        let names = r#"["one.exe", "two.exe", "three.exe", "four.exe", "five.exe"]"#;
        let (part, shown) = cut("names", names, 16);
        assert!(
            matches!(part, Cut::Elements { whole: 1..5, .. }),
            "{part:?}"
        );
        assert!(
            shown.starts_with(r#"["one.exe""#) && !shown.contains("five"),
            "{shown}"
        );
        assert_eq!(cut("names", names, 1).0, Cut::Nothing);
        assert_eq!(cut("names", names, 100).0, Cut::Whole);
    }

    #[test]
    fn an_object_keeps_the_members_that_fit() {
        let object = r#"{"a": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "label": "trojan", "b": 1}"#;
        let (_, shown) = cut("popular_threat_classification", object, 32);
        assert!(
            shown.contains("trojan") && shown.contains(r#""a":[1,2"#),
            "{shown}"
        );
    }

    #[test]
    fn a_verdict_keeps_the_beginning_of_its_reason() {
        let verdict = r#"{"level":"malicious","reason":"17 of 70 engines; label trojan.driftwood/backdoor","stale":true}"#;
        for room in 40..48 {
            let (_, shown) = cut("verdict", verdict, room);
            assert!(shown.contains("17 of 70 engines"), "{room}: {shown}");
        }
    }

    #[test]
    fn a_digest_is_never_cut() {
        let digest = format!(r#"{{"sha256": "{}"}}"#, "0af3".repeat(16));
        for room in 0..40 {
            let (part, shown) = cut("x", &digest, room);
            assert!(part == Cut::Nothing || shown.len() > 64, "{room}: {shown}");
        }
    }
}
