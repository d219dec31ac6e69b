//! The choice of the part of a value that fits into a number of tokens.

use crate::render::{
    bounded::Bounded,
    budget::tokens,
    format::json::{JsonWriter, Unreadable, lexer::Lexer, read::RawMember},
    template::{
        filter::{Cut, Filtered},
        place::Place,
    },
};

/// The fewest characters to which a text is cut. No digest is longer, so none is cut.
const FEWEST_LETTERS: usize = 64;

/// The same for the reason of a verdict, which is read even if its end is missing.
const FEWEST_OF_REASON: usize = 16;

/// The bytes for each token beyond which a value is not looked at. Hardly any has as many.
const BYTES_PER_TOKEN: usize = 8;

/// The number of times that a text is cut to find the length that fits.
const TEXT_ATTEMPTS: usize = 6;

/// A chooser of parts. Sizes are those of JSON.
#[derive(Debug)]
pub(super) struct Cutter {
    scratch: Vec<u8>,
    is_verdict: bool,
}

impl Cutter {
    /// Creates a chooser for the member with this key.
    pub(super) fn of(key: &str) -> Self {
        Self {
            scratch: Vec::new(),
            is_verdict: key == "verdict",
        }
    }

    /// Returns the part of a value that takes at most `room` tokens. All of it takes more.
    ///
    /// Of a list these are its first elements, of an object the members that fit, those that are no
    /// lists first. The first one that does not fit is cut in turn. Malformed text was found before; here it
    /// ends the part.
    pub(super) fn cut(&mut self, raw: &str, place: Place<'_>, room: usize) -> Cut {
        let mut lexer = Lexer::new(raw);
        let cut = match lexer.peek() {
            b'[' => self.cut_array(&mut lexer, place, room),
            b'{' => self.cut_object(&mut lexer, place, room),
            b'"' if place.is_shown() => Ok(self.cut_text(&mut lexer, room)),
            _ => Ok(Cut::Nothing),
        };
        cut.unwrap_or(Cut::Nothing)
    }

    fn cut_array(
        &mut self,
        lexer: &mut Lexer<'_>,
        place: Place<'_>,
        room: usize,
    ) -> Result<Cut, Unreadable> {
        let (Some(below), Some(mut left)) = (place.at_element(), room.checked_sub(2)) else {
            return Ok(Cut::Nothing);
        };
        let mut whole = 0;
        let mut more = lexer.open(b'[', b']')?;
        while more {
            let element = lexer.raw()?;
            let Some(cost) = self.cost(element, below, left) else {
                let last = self.cut(element, below, left);
                if whole == 0 && last == Cut::Nothing {
                    return Ok(Cut::Nothing);
                }
                let last = Box::new(last);
                return Ok(Cut::Elements { whole, last });
            };
            left -= cost;
            whole += 1;
            more = lexer.more(b']')?;
        }
        Ok(Cut::Whole)
    }

    fn cut_object(
        &mut self,
        lexer: &mut Lexer<'_>,
        place: Place<'_>,
        room: usize,
    ) -> Result<Cut, Unreadable> {
        let Some(mut left) = room.checked_sub(2) else {
            return Ok(Cut::Nothing);
        };
        let members = RawMember::read_all(lexer)?;
        let mut parts = vec![Cut::Nothing; members.len()];
        let mut too_large = None;
        for turn in Turn::ALL {
            for (at, RawMember { key, raw }) in members.iter().enumerate() {
                if Turn::of(&key.meant(), raw) != turn {
                    continue;
                }
                let Some(below) = place.at_key(*key) else {
                    continue;
                };
                let key_cost = tokens::estimate_part(&key.written()) + 1;
                let room = left.saturating_sub(key_cost);
                if let Some(cost) = self.cost(raw, below, room) {
                    left -= key_cost + cost;
                    parts[at] = Cut::Whole;
                } else if self.is_verdict {
                    // The reason is worth more than the members behind it.
                    parts[at] = self.cut(raw, below, room);
                    left = 0;
                } else if too_large.is_none() {
                    too_large = Some(TooLarge {
                        at,
                        key_cost,
                        raw,
                        below,
                    });
                }
            }
        }
        if let Some(large) = too_large {
            let room = left.saturating_sub(large.key_cost);
            parts[large.at] = self.cut(large.raw, large.below, room);
        }
        if parts.iter().all(|part| *part == Cut::Nothing) {
            return Ok(Cut::Nothing);
        }
        Ok(Cut::Members(parts))
    }

    fn cut_text(&self, lexer: &mut Lexer<'_>, room: usize) -> Cut {
        let Ok(text) = lexer.string() else {
            return Cut::Nothing;
        };
        let text = text.meant();
        // The quotes and the `…` take a few tokens.
        let room = room.saturating_sub(3);
        let mut end = text.floor_char_boundary(room.saturating_mul(BYTES_PER_TOKEN));
        for _ in 0..TEXT_ATTEMPTS {
            let cost = tokens::estimate_part(&text[..end]);
            if cost <= room {
                let letters = text[..end].chars().count();
                let fewest = if self.is_verdict {
                    FEWEST_OF_REASON
                } else {
                    FEWEST_LETTERS
                };
                // A part of a digest or of encoded data is of no use.
                let is_word = !text[..end].contains(char::is_whitespace);
                if letters < fewest || is_word && !self.is_verdict {
                    return Cut::Nothing;
                }
                return Cut::Letters(letters);
            }
            // Most texts have as many tokens everywhere; the next attempt is a little shorter.
            end = text.floor_char_boundary(end.saturating_mul(room) / cost * 15 / 16);
        }
        Cut::Nothing
    }

    /// Returns the number of tokens of a value, with the comma behind it, if it is at most `room`.
    fn cost(&mut self, raw: &str, place: Place<'_>, room: usize) -> Option<usize> {
        self.scratch.clear();
        let mut out = JsonWriter::new(&mut self.scratch);
        let limit = room.saturating_mul(BYTES_PER_TOKEN);
        let value = Filtered::within(raw, place);
        value.feed(&mut Bounded::new(&mut out, limit)).ok()?;
        let text = str::from_utf8(&self.scratch).ok()?;
        let cost = tokens::estimate_part(text) + 1;
        (cost <= room).then_some(cost)
    }
}

/// The order in which members of an object are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Counts and labels that decide.
    Deciding,
    /// Other numbers and texts, which say more in less room than lists.
    Plain,
    /// Lists and objects.
    Nested,
}

impl Turn {
    const ALL: [Self; 3] = [Self::Deciding, Self::Plain, Self::Nested];

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
            | "reason" => Self::Deciding,
            _ => Self::Plain,
        }
    }
}

/// A member of an object for which there is no room.
struct TooLarge<'a> {
    at: usize,
    key_cost: usize,
    raw: &'a str,
    below: Place<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(key: &str, json: &str, room: usize) -> (Cut, String) {
        let place = Place::start(None, None);
        let part = Cutter::of(key).cut(json, place, room);
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
        for room in 32..45 {
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
