//! Parts of a text, and the end of a URL in it.

use super::context::{self, Context};

/// The longest host with userinfo and port that is looked at.
const LONGEST_AUTHORITY: usize = 1024;

/// The punctuation behind a URL that is not part of it.
const STOPS: [char; 13] = [
    '.', ',', ';', ':', '!', '?', '\'', '*', '…', '(', '[', '{', '=',
];

/// A part of a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The offset of the first byte.
    pub(super) start: usize,
    /// The offset behind the last byte.
    pub(super) end: usize,
}

impl Span {
    /// Returns the text of this part.
    pub(super) fn of(self, text: &str) -> &str {
        &text[self.start..self.end]
    }
}

/// The part of a URL to read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The part before the path.
    Authority,
    /// All of it.
    Whole,
}

/// The things that decide where a URL ends.
pub(super) struct Until<'a> {
    /// The part of the URL to read.
    pub(super) part: Part,
    /// The offset at which the URL begins.
    pub(super) start: usize,
    /// Whether its slashes are escaped, as in JSON.
    pub(super) is_escaped: bool,
    /// The form of the text around it.
    pub(super) context: &'a Context,
}

/// Returns the end of a URL that is read from here on, without the punctuation behind it.
///
/// It ends at white space, at characters that no URL has, and at a bracket or a quotation mark that
/// opened before it.
pub(super) fn end(text: &str, from: usize, until: &Until<'_>) -> usize {
    let before = text[..until.start].chars().next_back();
    let delimiter = until.context.delimiter(before);
    let rest = &text[from..];
    let mut open = [0_usize; 3];
    let mut end = rest.len();
    for (at, letter) in rest.char_indices() {
        let here = &rest[at..];
        let is_end = match letter {
            '\\' => !(until.is_escaped && here.starts_with("\\/")),
            '/' | '?' | '#' => until.part == Part::Authority,
            '\'' => before == Some('\''),
            '&' => context::is_entity_of_quote(here),
            ';' if context::begins_command(&here[1..]) => true,
            ',' | ';' => Some(letter) == delimiter || context::begins_scheme(&here[1..]),
            _ => ends_url(letter) || !balances(&mut open, letter),
        };
        if is_end || until.part == Part::Authority && at > LONGEST_AUTHORITY {
            end = at;
            break;
        }
    }
    from + trim(&rest[..end]).len()
}

/// Returns the length of the character here.
pub(super) fn char_length(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(1, char::len_utf8)
}

/// Returns whether no URL in free text has this character.
fn ends_url(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(letter, '"' | '<' | '>' | '|' | '`' | '^')
        || matches!(letter, '“' | '”' | '„' | '‘' | '’' | '«' | '»' | '‹' | '›')
        || matches!(
            letter,
            '。' | '，' | '、' | '；' | '：' | '！' | '？' | '（' | '）'
        )
        || matches!(
            letter,
            '「' | '」' | '『' | '』' | '【' | '】' | '《' | '》'
        )
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Counts a bracket. Returns false for one that closes, but was not opened.
fn balances(open: &mut [usize; 3], letter: char) -> bool {
    let (at, is_opening) = match letter {
        '(' => (0, true),
        ')' => (0, false),
        '[' => (1, true),
        ']' => (1, false),
        '{' => (2, true),
        '}' => (2, false),
        _ => return true,
    };
    if is_opening {
        open[at] += 1;
    } else if open[at] == 0 {
        return false;
    } else {
        open[at] -= 1;
    }
    true
}

fn trim(url: &str) -> &str {
    // A port or a parameter without a value keeps its `=`; only quoted-printable text ends lines
    // with it.
    let url = url.strip_suffix("=3D").unwrap_or(url);
    let is_stop = |letter: char| STOPS.contains(&letter) && letter != '=';
    url.trim_end_matches(is_stop)
}
