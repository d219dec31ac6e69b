//! Rules that keep text from acting as markup in any Markdown parser.

use std::fmt::Write as _;

use crate::render::{
    format::sink::{DocumentText, WriteError},
    hidden::is_hidden,
};

/// The maximum number of backticks that may stand together.
///
/// GitHub's parser ignores code spans with more than 80 backticks, and counts at most 255 of a
/// fence, so a longer fence would not hold.
pub(super) const MAX_RUN: usize = 32;

/// The longest fence.
const TICKS: &str = "`````````````````````````````````";
const _: () = assert!(TICKS.len() == MAX_RUN + 1);

/// The marks of a byte, as far as they matter to [`is_bare`]: a set of the five below.
static MARKS: [u8; 256] = marks();
const OTHER: u8 = 1;
const WIDE: u8 = 2;
const SLASH: u8 = 4;
const DOT: u8 = 8;
const COLON: u8 = 16;

/// Writes any text within a line, made visible and inert, and defanged if the document is.
pub(in crate::render) fn inert_text(
    out: &mut DocumentText<'_>,
    text: &str,
) -> Result<(), WriteError> {
    let text = &out.shown(text);
    if text.is_empty() || is_bare(text) {
        return out.push_unescaped(text);
    }
    code(out, text)
}

/// Returns any text as it stands within a line, made visible and inert.
pub(in crate::render) fn inert_line(text: &str) -> String {
    let mut out = Vec::new();
    // There is room for a text that is in memory.
    let _ = inert_text(&mut DocumentText::bare(&mut out, usize::MAX), text);
    String::from_utf8(out).unwrap_or_default()
}

/// Writes a text as a code span, with line breaks as `\u{a}`.
pub(super) fn code(out: &mut DocumentText<'_>, text: &str) -> Result<(), WriteError> {
    let (fence, keeps_ticks) = fence_for(text, 1);
    // A backtick at either end would join the fence. Parsers strip one space from both ends of a
    // code span, unless it consists of spaces only; such a text needs another one.
    let tick = keeps_ticks && (text.starts_with('`') || text.ends_with('`'));
    let spaces = text.starts_with(' ') && text.ends_with(' ') && !text.trim_matches(' ').is_empty();
    let pad = if tick || spaces { " " } else { "" };
    out.push_unescaped(fence)?;
    out.push_unescaped(pad)?;
    write_clean(out, text, keeps_ticks)?;
    out.push_unescaped(pad)?;
    out.push_unescaped(fence)
}

/// Returns a fence of at least `least` backticks that the text cannot end, and whether its own
/// backticks can stay.
///
/// They cannot if more of them stand together than a fence may be long; they are then escaped.
pub(super) fn fence_for(text: &str, least: usize) -> (&'static str, bool) {
    let longest = longest_run(text);
    let keeps_ticks = longest <= MAX_RUN;
    // Escaped backticks no longer count, so one is enough.
    let length = if keeps_ticks { longest + 1 } else { 1 };
    (&TICKS[..length.max(least)], keeps_ticks)
}

/// Writes a text with invisible characters escaped, line breaks included.
pub(super) fn write_clean(
    out: &mut DocumentText<'_>,
    text: &str,
    keeps_ticks: bool,
) -> Result<(), WriteError> {
    let is_visible = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'`';
    if text.as_bytes().iter().all(is_visible) {
        return out.push(text);
    }
    let (mut start, mut written) = (0, String::new());
    for (at, letter) in text.char_indices() {
        let is_plain = match letter {
            '`' => keeps_ticks,
            '\t' => true,
            _ => !is_hidden(letter),
        };
        if is_plain {
            continue;
        }
        out.push(&text[start..at])?;
        start = at + letter.len_utf8();
        // A carriage return and a line feed are one line break.
        if letter == '\r' && text[start..].starts_with('\n') {
            continue;
        }
        written.clear();
        // Writing to a `String` cannot fail.
        let _ = write!(written, "\\u{{{:x}}}", u32::from(letter));
        out.push(&written)?;
    }
    out.push(&text[start..])
}

/// Returns whether a text consists of white space only, of which a reader would see nothing.
pub(super) fn is_blank(text: &str) -> bool {
    // A carriage return without a line feed is escaped, so it is visible.
    text.chars().all(is_plain_space) && text.matches('\r').count() == text.matches("\r\n").count()
}

fn is_plain_space(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r') || (letter.is_whitespace() && !is_hidden(letter))
}

/// Returns whether nothing in a text could act as markup or be invisible. Most texts are bare, so
/// this test is fast.
pub(super) fn is_bare(text: &str) -> bool {
    let mut marks = 0;
    for byte in text.as_bytes() {
        marks |= MARKS[usize::from(*byte)];
    }
    marks & OTHER == 0
        && (marks & WIDE == 0 || text.chars().all(is_bare_letter))
        && text.starts_with(char::is_alphanumeric)
        && (marks & SLASH == 0 || !names_authority(text))
        && (marks & DOT == 0 || !(names_www(text) || names_host(text)))
        && (marks & COLON == 0 || !names_emoji(text))
        && !begins_list(text)
}

/// Returns whether a letter outside ASCII is visible and no markup. A byte within ASCII is told by
/// its marks.
fn is_bare_letter(letter: char) -> bool {
    letter.is_ascii() || letter.is_alphanumeric() && !is_hidden(letter)
}

const fn marks() -> [u8; 256] {
    let mut marks = [WIDE; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        marks[byte as usize] = match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b' '
            | b','
            | b';'
            | b'('
            | b')'
            | b'-'
            | b'_' => 0,
            b'.' => DOT,
            b'/' => SLASH,
            b':' => COLON,
            _ => OTHER,
        };
        byte += 1;
    }
    marks
}

/// Returns whether a text contains a scheme, or a host without one: markdown-it links
/// `//localhost`, too.
fn names_authority(text: &str) -> bool {
    if text.contains("://") {
        return true;
    }
    for (at, slashes) in text.match_indices("//") {
        if text[at + slashes.len()..].starts_with(char::is_alphanumeric) {
            return true;
        }
    }
    false
}

/// Returns whether a text contains `www.` in any case, which GitHub turns into a link.
fn names_www(text: &str) -> bool {
    for part in text.as_bytes().windows(4) {
        if part.eq_ignore_ascii_case(b"www.") {
            return true;
        }
    }
    false
}

/// Returns whether a text contains a host name without a scheme, which markdown-it turns into a
/// link.
///
/// The top-level domains that it accepts are a setting of the page, so any word counts as one. An
/// address counts only if a port or a path follows; on its own it could be a version number.
fn names_host(text: &str) -> bool {
    text.split(ends_name).any(is_host) || names_address_with_more(text)
}

fn ends_name(letter: char) -> bool {
    !letter.is_alphanumeric() && !matches!(letter, '.' | '-' | '_')
}

fn is_host(name: &str) -> bool {
    let Some((before, last)) = name.trim_end_matches('.').rsplit_once('.') else {
        return false;
    };
    if before.is_empty() || before.ends_with('.') {
        return false;
    }
    let is_word = last.chars().all(char::is_alphabetic) && last.len() > 1;
    let is_encoded = last.len() > 4 && last.as_bytes()[..4].eq_ignore_ascii_case(b"xn--");
    is_word || is_encoded
}

/// Returns whether a text contains `192.0.2.1:80` or `192.0.2.1/x`. The `/24` of a network is not a
/// path.
fn names_address_with_more(text: &str) -> bool {
    for (at, mark) in text.match_indices([':', '/']) {
        let after = &text[at + 1..];
        let has_more = if mark == ":" {
            after.starts_with(is_digit)
        } else {
            after.starts_with(char::is_alphabetic)
        };
        if has_more && ends_in_address(&text[..at]) {
            return true;
        }
    }
    false
}

fn ends_in_address(text: &str) -> bool {
    let before = text.trim_end_matches(is_digit_or_dot);
    let mut parts = 0;
    for part in text[before.len()..].split('.') {
        if part.is_empty() {
            return false;
        }
        parts += 1;
    }
    parts == 4
}

fn is_digit(letter: char) -> bool {
    letter.is_ascii_digit()
}

fn is_digit_or_dot(letter: char) -> bool {
    letter.is_ascii_digit() || letter == '.'
}

/// Returns whether a text contains `:smile:`, which many pages turn into an image.
fn names_emoji(text: &str) -> bool {
    for word in text.split(' ') {
        if word.contains(':') && !is_of_hex_groups(word) && holds_emoji(word) {
            return true;
        }
    }
    false
}

/// Returns whether a word looks like `2001:db8::1` or `12:30:45`.
fn is_of_hex_groups(word: &str) -> bool {
    !word.starts_with(':') && word.chars().all(is_hex_or_colon)
}

fn is_hex_or_colon(letter: char) -> bool {
    letter.is_ascii_hexdigit() || letter == ':'
}

fn holds_emoji(word: &str) -> bool {
    let mut parts = word.split(':').skip(1).peekable();
    while let Some(name) = parts.next() {
        // A name needs a colon on both sides; the last part has none after it.
        let is_closed = parts.peek().is_some();
        let is_of_time = name.len() <= 2 && name.chars().all(is_digit);
        if is_closed && !is_of_time && name.chars().all(is_of_emoji) {
            return true;
        }
    }
    false
}

fn is_of_emoji(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')
}

/// Returns whether a text starts with digits of any script, a `.` or `)`, and a space or the end: a
/// numbered list.
fn begins_list(text: &str) -> bool {
    let rest = text.trim_start_matches(char::is_numeric);
    if rest.len() == text.len() {
        return false;
    }
    match rest.strip_prefix(['.', ')']) {
        Some(after) => after.is_empty() || after.starts_with(' '),
        None => false,
    }
}

/// Returns the length of the longest run of backticks. A fence must be longer.
pub(super) fn longest_run(text: &str) -> usize {
    if memchr::memchr(b'`', text.as_bytes()).is_none() {
        return 0;
    }
    let mut longest = 0;
    for run in text.split(|letter| letter != '`') {
        longest = longest.max(run.len());
    }
    longest
}
