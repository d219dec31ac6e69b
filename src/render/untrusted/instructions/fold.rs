//! The fold: one plain form for the many ways to write the same letters.

use unicode_normalization::char::decompose_compatible;

use super::spaced::{LEAST_SPACED, join_spaced_letters};

/// A text in its plain form.
///
/// Letters are lower-case, without accents, in Latin where another script has a letter of the same
/// look. Invisible characters are gone, and hidden letters (tags, variation selectors) are visible.
/// `IgnoreThis` has become two words, and `i g n o r e` one. The words in the tables are folded in the
/// same way, so that a Cyrillic word with Latin look-alikes still equals itself.
pub(super) fn fold(text: &str) -> Vec<char> {
    let mut fold = Fold::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = fold.push_small(rest);
        let Some(letter) = rest.chars().next() else {
            break;
        };
        let escaped = match letter {
            '&' | '\\' => unescape(rest),
            _ => None,
        };
        let (letter, length) = escaped.unwrap_or((letter, letter.len_utf8()));
        fold.push(letter);
        rest = rest.get(length..).unwrap_or_default();
    }
    fold.end_word();
    if fold.single < LEAST_SPACED {
        return fold.out;
    }
    join_spaced_letters(&fold.out)
}

/// Returns whether a character belongs to a word.
pub(super) fn is_letter(letter: char) -> bool {
    // The standard tables are slow: common blocks come first.
    match letter {
        'a'..='z'
        | '\u{400}'..='\u{52f}'
        | '\u{620}'..='\u{64a}'
        | '\u{c0}'..='\u{d6}'
        | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2af}'
        | '\u{5d0}'..='\u{5ea}'
        | '\u{1100}'..='\u{11ff}'
        | '\u{1e00}'..='\u{1eff}'
        | '\u{3041}'..='\u{30fa}'
        | '\u{3400}'..='\u{9fff}' => true,
        '\u{0}'..='\u{7f}' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' => false,
        // Vowel signs of Indic scripts are marks, not letters.
        '\u{900}'..='\u{e4f}' => !matches!(letter, '\u{964}' | '\u{965}'),
        _ => letter.is_alphabetic(),
    }
}

/// Returns whether a letter is of a script without capitals.
fn is_caseless(letter: char) -> bool {
    matches!(
        letter,
        '\u{5d0}'..='\u{5ea}' | '\u{620}'..='\u{64a}' | '\u{900}'..='\u{e4f}'
        | '\u{1100}'..='\u{11ff}' | '\u{3041}'..='\u{30fa}' | '\u{3400}'..='\u{9fff}'
    )
}

/// Returns whether a word may begin at this letter within a run of letters: the script has no spaces,
/// or is written with few.
pub(super) fn is_dense(letter: char) -> bool {
    matches!(
        letter,
        // Initial consonants of Korean syllables, which the fold takes apart; Thai; kana and Han.
        '\u{1100}'..='\u{1112}' | '\u{e00}'..='\u{e4f}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}'
    )
}

/// The fold of a text so far.
struct Fold {
    out: Vec<char>,
    /// The index in `out` at which the current run of letters and digits begins.
    start: usize,
    /// The indices in `out` at which a capital follows a small letter of the current run.
    humps: Vec<usize>,
    /// Whether the current run has characters that stand for letters.
    has_digits: bool,
    /// The number of runs of a single character.
    single: usize,
    last: Last,
}

/// The kind of the last character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Small,
    /// A letter from a tag or variation selector.
    Tag,
    Other,
}

impl Fold {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            out: Vec::with_capacity(capacity),
            start: 0,
            humps: Vec::new(),
            has_digits: false,
            single: 0,
            last: Last::Other,
        }
    }

    /// Adds the small Latin letters at the start of a text, by far the most common ones. Returns the
    /// rest of the text.
    fn push_small<'t>(&mut self, text: &'t str) -> &'t str {
        let bytes = text.as_bytes();
        let others = bytes.iter().position(|it| !it.is_ascii_lowercase());
        let length = others.unwrap_or(bytes.len());
        if length > 0 {
            self.leave_tags();
            let letters = bytes.iter().take(length);
            self.out.extend(letters.map(|it| char::from(*it)));
            self.last = Last::Small;
        }
        text.get(length..).unwrap_or_default()
    }

    fn push(&mut self, letter: char) {
        if letter.is_ascii() {
            self.leave_tags();
            self.push_plain(letter);
            return;
        }
        // Ligatures of whole phrases: a text of these would grow six-fold.
        if matches!(letter, '\u{fdf0}'..='\u{fdff}') {
            self.push_plain(' ');
            return;
        }
        if let Some(tag) = tag(letter) {
            // Hidden text does not continue the visible word before it.
            if self.last != Last::Tag {
                self.push_plain(' ');
            }
            self.push_plain(tag);
            self.last = Last::Tag;
            return;
        }
        if crate::render::hidden::is_hidden(letter) {
            return;
        }
        self.leave_tags();
        if is_caseless(letter)
            && !matches!(letter, '\u{620}'..='\u{626}' | '\u{900}'..='\u{e4f}' | '\u{3041}'..='\u{30fa}')
        {
            self.push_plain(letter);
            return;
        }
        if let Some(look) = look_alike(letter) {
            self.push_plain(look);
            return;
        }
        decompose_compatible(letter, |part| {
            if !is_accent(part) {
                self.push_plain(look_alike(part).unwrap_or(part));
            }
        });
    }

    fn leave_tags(&mut self) {
        if self.last == Last::Tag {
            self.push_plain(' ');
        }
    }

    fn push_plain(&mut self, letter: char) {
        if is_caseless(letter) && is_letter(letter) {
            self.out.push(letter);
            self.last = Last::Other;
            return;
        }
        // Two spaces are enough to tell the words of `i g n o r e  t h i s` from its letters.
        if letter.is_whitespace() && self.out.ends_with(&[' ', ' ']) {
            return;
        }
        // `don't` is one word, `l'IA` two.
        if matches!(letter, '\'' | '’' | 'ʼ') && self.out.len() >= self.start + 3 {
            return;
        }
        let is_part = match letter {
            'A'..='Z' => true,
            '0'..='9' | '@' | '$' => {
                self.has_digits = true;
                true
            }
            _ => is_letter(letter) || letter.is_alphanumeric(),
        };
        if !is_part {
            self.end_word();
            self.out.push(letter);
            self.start = self.out.len();
            self.last = Last::Other;
            return;
        }
        if letter.is_uppercase() {
            if self.last == Last::Small {
                self.humps.push(self.out.len());
            }
            self.last = Last::Other;
        } else {
            self.last = Last::Small;
        }
        if letter.is_ascii() {
            self.out.push(letter.to_ascii_lowercase());
            return;
        }
        for small in letter.to_lowercase() {
            self.out.push(look_alike(small).unwrap_or(small));
        }
    }

    /// Ends a run of letters and digits: reads its digits as letters and divides it at its capitals.
    fn end_word(&mut self) {
        let Some(word) = self.out.get_mut(self.start..) else {
            return;
        };
        self.single += usize::from(word.len() == 1);
        if self.has_digits {
            read_digits(word);
            self.has_digits = false;
        }
        // `iGnOrE` is one word: its parts would be too short.
        let length = word.len();
        if !self.humps.is_empty() && length >= 3 * (self.humps.len() + 1) {
            let mut divided = Vec::with_capacity(length + self.humps.len());
            let mut humps = self.humps.iter().map(|hump| hump - self.start).peekable();
            for (index, letter) in word.iter().enumerate() {
                if humps.next_if_eq(&index).is_some() {
                    divided.push(' ');
                }
                divided.push(*letter);
            }
            self.out.truncate(self.start);
            self.out.append(&mut divided);
        }
        self.humps.clear();
        self.start = self.out.len();
    }
}

/// Replaces the digits within a word by the letters they stand for (`1gn0r3`). Numbers before and
/// after a word stay.
fn read_digits(word: &mut [char]) {
    let is_digit = |letter: &char| !is_letter(*letter);
    let tail = word.iter().rev().take_while(|it| is_digit(it)).count();
    let head = word.iter().take_while(|it| is_digit(it)).count();
    let first = if head > 1 { head } else { 0 };
    let mut before = ' ';
    let end = word.len().saturating_sub(tail);
    for index in first..end {
        let after = word.get(index + 1).copied();
        let Some(letter) = word.get_mut(index) else {
            return;
        };
        *letter = match *letter {
            '0' => 'o',
            // `fa1se`, `harm1ess`, but `th1s`.
            '1' if matches!(before, 'a' | 'e' | 'i' | 'o' | 'u') => 'l',
            '1' if before != ' ' && matches!(after, Some('a' | 'e' | 'i')) => 'l',
            '1' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            other => other,
        };
        before = *letter;
    }
}

/// Reads an escape at the start of a text. Returns the character and the length of the escape.
fn unescape(text: &str) -> Option<(char, usize)> {
    const NAMED: &[(&str, char)] = &[
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&quot;", '"'),
        ("&amp;", '&'),
        ("&nbsp;", ' '),
    ];
    for (name, letter) in NAMED {
        if text.starts_with(name) {
            return Some((*letter, name.len()));
        }
    }
    let bytes = text.as_bytes();
    let (start, radix, longest, end) = match bytes {
        [b'\\', b'u', ..] => (2, 16, 4, 0),
        [b'\\', b'x', ..] => (2, 16, 2, 0),
        [b'&', b'#', b'x' | b'X', ..] => (3, 16, 6, 1),
        [b'&', b'#', ..] => (2, 10, 7, 1),
        _ => return None,
    };
    let digits = bytes.iter().skip(start).take(longest);
    let length = digits
        .take_while(|it| char::from(**it).is_digit(radix))
        .count();
    let number = u32::from_str_radix(text.get(start..start + length)?, radix).ok()?;
    Some((
        char::from_u32(number)?,
        (start + length + end).min(text.len()),
    ))
}

/// Returns the letter that a tag character or variation selector hides.
fn tag(letter: char) -> Option<char> {
    let code = u32::from(letter);
    let hidden = match code {
        0xe0020..=0xe007e => code - 0xe0000,
        // Selectors 17 to 256 stand for the bytes 16 to 255 in texts hidden behind an emoji.
        0xe0110..=0xe016e => code - 0xe0100 + 16,
        _ => return None,
    };
    char::from_u32(hidden).filter(char::is_ascii)
}

fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{640}' | '\u{64b}'..='\u{65f}'
        | '\u{670}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{3099}' | '\u{309a}' | '\u{fe20}'..='\u{fe2f}')
}

/// Returns the Latin letter that looks like this one.
fn look_alike(letter: char) -> Option<char> {
    Some(match letter {
        'а' | 'А' | 'α' | 'Α' | 'ᴀ' | 'ɑ' => 'a',
        'в' | 'В' | 'β' | 'Β' | 'ʙ' | 'ь' => 'b',
        'с' | 'С' | 'ᴄ' | 'ϲ' | 'ⅽ' => 'c',
        'ԁ' | 'ᴅ' | 'đ' | 'Đ' => 'd',
        'е' | 'Е' | 'ε' | 'Ε' | 'ᴇ' | 'є' | 'Є' | 'ҽ' | 'ə' => 'e',
        'ꜰ' | 'ϝ' => 'f',
        'ɢ' | 'ɡ' | 'ց' | 'ԍ' => 'g',
        'н' | 'Н' | 'һ' | 'Һ' | 'Η' | 'ʜ' | 'հ' => 'h',
        'і' | 'І' | 'ı' | 'ι' | 'Ι' | 'ɪ' | 'ɩ' | 'Ӏ' | 'ӏ' => 'i',
        'ј' | 'Ј' | 'ᴊ' | 'ϳ' => 'j',
        'к' | 'К' | 'κ' | 'Κ' | 'ᴋ' => 'k',
        'ł' | 'Ł' | 'ʟ' | 'ⅼ' => 'l',
        'м' | 'М' | 'Μ' | 'ᴍ' => 'm',
        'η' | 'Ν' | 'ɴ' | 'п' | 'П' | 'ո' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'ᴏ' | 'ø' | 'Ø' | 'σ' | 'օ' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' | 'ᴘ' => 'p',
        'ԛ' | 'ǫ' | 'ɋ' => 'q',
        'ʀ' | 'г' | 'Г' => 'r',
        'ѕ' | 'Ѕ' | 'ꜱ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' | 'ᴛ' => 't',
        'υ' | 'ᴜ' | 'ս' | 'μ' | 'и' | 'И' => 'u',
        'ν' | 'ᴠ' | 'ѵ' => 'v',
        'ԝ' | 'ᴡ' | 'ω' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'у' | 'У' | 'γ' | 'Υ' | 'ʏ' => 'y',
        'ζ' | 'Ζ' | 'ᴢ' => 'z',
        // Letters in boxes and circles, and those of flags.
        '\u{1f150}'..='\u{1f169}' => nth_letter(letter, '\u{1f150}')?,
        '\u{1f170}'..='\u{1f189}' => nth_letter(letter, '\u{1f170}')?,
        '\u{1f1e6}'..='\u{1f1ff}' => nth_letter(letter, '\u{1f1e6}')?,
        _ => return None,
    })
}

/// Returns the Latin letter at a letter's place in an alphabet that begins at `first`.
fn nth_letter(letter: char, first: char) -> Option<char> {
    char::from_u32(u32::from(letter).checked_sub(u32::from(first))? + u32::from('a'))
}
