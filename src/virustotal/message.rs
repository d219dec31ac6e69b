//! The rules by which error messages of VirusTotal are passed on: without hidden characters,
//! markup, or parts of the API key.

use percent_encoding::percent_decode_str;

use crate::{indicator::decode_base64, render::hidden::is_hidden};

/// The longest message that is passed on, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// The number of consecutive characters of a key that must not appear in a message.
const MIN_SHARED_CHARS: usize = 12;

/// The number of nested layers of percent-encoding that are decoded.
const MAX_ENCODING_LAYERS: usize = 4;

/// Character sequences that produce a link, an image, HTML or an escaped character where an error
/// is displayed.
const MARKUP: [&str; 6] = ["<", "](", "][", "&#", "\\u", "\\x"];

/// Returns whether a message may be passed on: one short line of visible characters, without markup
/// and without anything that resembles the key.
///
/// An error's `detail` is displayed by programs and read by language models. A message that could
/// act there is withheld whole rather than sanitized. Backticks and bare URLs are harmless.
pub(super) fn is_fit(message: &str, key: &str) -> bool {
    !message.trim().is_empty()
        && message.chars().count() <= MAX_MESSAGE_CHARS
        && !message.contains(is_hidden)
        && !MARKUP.iter().any(|mark| message.contains(mark))
        && !resembles(message, key)
}

/// Returns whether a text contains the key or 12 consecutive characters of it.
///
/// Case, full-width forms and separators between the characters are ignored, and percent-encoding,
/// base64 and hexadecimal (its digits separated or not) are decoded.
pub(super) fn resembles(text: &str, key: &str) -> bool {
    let key = KeyForms::of(key);
    if key.is_under_layers(text) {
        return true;
    }
    // A `%` directly before a part of the key would be decoded together with the part's first two
    // hex digits, so the text after each `%` is also checked by itself.
    for (at, _) in text.match_indices('%') {
        if key.is_under_layers(&text[at + 1..]) {
            return true;
        }
    }
    false
}

/// The forms in which a part of a key is recognised.
struct KeyForms {
    /// The key in lower case.
    lower: String,
    /// The letters and digits of `lower`.
    letters: String,
    /// The key in hexadecimal.
    exact_hex: String,
    /// `lower` in hexadecimal.
    lower_hex: String,
}

impl KeyForms {
    fn of(key: &str) -> Self {
        let lower = key.to_ascii_lowercase();
        Self {
            letters: letters_of(&lower),
            exact_hex: hex::encode(key),
            lower_hex: hex::encode(&lower),
            lower,
        }
    }

    /// Returns whether a text contains a part of the key under any number of encodings.
    fn is_under_layers(&self, text: &str) -> bool {
        let mut layer: String = text.chars().map(narrow).collect();
        for _ in 0..MAX_ENCODING_LAYERS {
            if self.is_in(layer.as_bytes()) || self.is_in_words_of(&layer) {
                return true;
            }
            let plain = percent_decode_str(&layer).decode_utf8_lossy().into_owned();
            if plain == layer {
                return false;
            }
            layer = plain;
        }
        // Text with this many layers of encoding is hiding something.
        true
    }

    /// Returns whether a word of a text contains a part of the key in base64, or its digits in
    /// hexadecimal.
    fn is_in_words_of(&self, text: &str) -> bool {
        // Both base64 alphabets are mapped to one, since a character of the other may precede the
        // part.
        let text = text.replace('-', "+").replace('_', "/");
        // Characters before the part shift its groups (of four in base64, of two in hexadecimal),
        // so each offset is tried.
        for word in text.split(is_not_base64) {
            for rest in shifted(word, 4) {
                if let Some(bytes) = read_base64(rest)
                    && self.is_in(&bytes)
                {
                    return true;
                }
            }
        }
        for digits in text.split(is_not_hex) {
            for rest in shifted(digits, 2) {
                if let Some(bytes) = read_hex(rest)
                    && self.is_in(&bytes)
                {
                    return true;
                }
            }
        }
        false
    }

    /// Returns whether a decoded text contains a part of the key.
    fn is_in(&self, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text).to_ascii_lowercase();
        if shares(&text, &self.lower) {
            return true;
        }
        let letters = letters_of(&text);
        // Without punctuation, a part counts only if enough letters and digits remain.
        if self.letters.len() >= MIN_SHARED_CHARS && shares(&letters, &self.letters) {
            return true;
        }
        let digits = letters.replace("0x", "");
        shares_digits(&digits, &self.exact_hex) || shares_digits(&digits, &self.lower_hex)
    }
}

/// Returns whether a text contains a part of the key. A short key must appear whole.
fn shares(text: &str, key: &str) -> bool {
    if key.len() <= MIN_SHARED_CHARS {
        return text.contains(key);
    }
    contains_one(text, key.as_bytes().windows(MIN_SHARED_CHARS))
}

/// Returns whether a text contains 12 consecutive characters of the key in hexadecimal.
fn shares_digits(text: &str, digits: &str) -> bool {
    contains_one(
        text,
        digits.as_bytes().windows(2 * MIN_SHARED_CHARS).step_by(2),
    )
}

fn contains_one<'a>(text: &str, parts: impl Iterator<Item = &'a [u8]>) -> bool {
    for part in parts {
        if memchr::memmem::find(text.as_bytes(), part).is_some() {
            return true;
        }
    }
    false
}

/// Maps a full-width character to its ASCII form, and leaves any other as it is.
fn narrow(letter: char) -> char {
    const WIDE: std::ops::RangeInclusive<char> = '\u{ff01}'..='\u{ff5e}';
    if !WIDE.contains(&letter) {
        return letter;
    }
    char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter)
}

/// Returns the ASCII letters and digits of a text.
fn letters_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn is_not_base64(letter: char) -> bool {
    !letter.is_ascii_alphanumeric() && !matches!(letter, '+' | '/')
}

fn is_not_hex(letter: char) -> bool {
    !letter.is_ascii_hexdigit()
}

/// Returns the word without its first 0 to `group - 1` characters, where enough remains to contain
/// a part of a key.
fn shifted(word: &str, group: usize) -> impl Iterator<Item = &str> {
    let starts = (word.len() + 1).saturating_sub(MIN_SHARED_CHARS).min(group);
    (0..starts).map(|start| &word[start..])
}

fn read_base64(word: &str) -> Option<Vec<u8>> {
    // Characters after the part may leave an incomplete group.
    let rest = usize::from(word.len() % 4 == 1);
    decode_base64(&word[..word.len() - rest])
}

fn read_hex(digits: &str) -> Option<Vec<u8>> {
    hex::decode(&digits[..digits.len() - digits.len() % 2]).ok()
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine as _,
        prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
    };
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const KEY: &str = "0123456789abcdeF-fedcba98765~43210";

    #[rstest]
    #[case::plain(KEY)]
    #[case::capitals("0123456789ABCDEF-FEDCBA98765~43210")]
    #[case::beginning("0123456789ab")]
    #[case::end("a98765~43210")]
    #[case::middle("6789ABCDEF-fedcba9")]
    #[case::parted("0123 4567 89ab cdeF")]
    #[case::without_signs("cdeffedcba98765")]
    #[case::one_encoded("%30123456789abcdeF")]
    #[case::encoded("%30%31%32%33%34%35%36%37%38%39%61%62")]
    #[case::encoded_twice("%2530%2531%2532%2533%2534%2535%2536%2537%2538%2539%2561%2562")]
    #[case::hexadecimal("303132333435363738396162636465462d")]
    #[case::hexadecimal_parted("30 31 32 33 34 35 36 37 38 39 61 62")]
    #[case::hexadecimal_by_colons("30:31:32:33:34:35:36:37:38:39:61:62")]
    #[case::hexadecimal_of_c(
        "0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62"
    )]
    #[case::quoted_printable("=30=31=32=33=34=35=36=37=38=39=61=62")]
    #[case::hexadecimal_of_capitals("63 64 65 46 2d 66 65 64 63 62 61 39")]
    #[case::wide(
        "\u{ff10}\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}\u{ff17}\u{ff18}\u{ff19}\u{ff41}\u{ff22}"
    )]
    #[case::hexadecimal_in_a_path("users/303132333435363738396162636465462d")]
    #[case::hexadecimal_behind_letters("key_id=xyzzy303132333435363738396162636465462d")]
    #[case::base64("MDEyMzQ1Njc4OWFiY2RlRi1mZWRjYmE5ODc2NX40MzIxMA")]
    #[case::base64_behind_the_other_alphabets_sign("key-id/MDEyMzQ1Njc4OWFiY2RlRi1mZWRjYmE5")]
    #[case::behind_a_sign("%6789abcdeF%252D%66")]
    #[case::too_many_layers("%25252525252525253")]
    fn text_that_resembles_the_key_is_withheld(#[case] part: &str) {
        for message in [part.to_owned(), format!("File \"{part}\" not found")] {
            assert!(!is_fit(&message, KEY), "{message}");
        }
    }

    #[rstest]
    #[case("File \"275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f\" not found")]
    #[case("Resource 0123456789a not found")]
    #[case("`x` costs 100% of https://www.virustotal.com/gui/x?y=%2F, \"so\" [sic] (see there)")]
    #[case("Übergröße: 漢字")]
    fn harmless_text_is_passed_on(#[case] message: &str) {
        assert!(is_fit(message, KEY));
    }

    #[rstest]
    #[case::blank(" ")]
    #[case::line_break("a\nb")]
    #[case::tab("a\tb")]
    #[case::zero_width("a\u{200b}b")]
    #[case::bidi("a\u{202e}b")]
    #[case::isolate("a\u{2066}b")]
    #[case::tag("a\u{e0041}b")]
    #[case::selector("a\u{fe0f}b")]
    #[case::mark("\u{feff}a")]
    #[case::c1("a\u{9b}31m")]
    #[case::html("<img src=x>")]
    #[case::link("[x](http://evil.example)")]
    #[case::image("![x](http://evil.example/?y)")]
    #[case::reference("[x][y]")]
    #[case::entity("&#x30;")]
    #[case::escape("\\u0030")]
    fn hidden_characters_and_markup_are_withheld(#[case] message: &str) {
        assert!(!is_fit(message, KEY));
    }

    #[test]
    fn short_key_is_matched_as_a_whole() {
        assert!(!is_fit("see ThE-kEy there", "the-key"));
        assert!(!is_fit("see the%2Dkey there", "the-key"));
        assert!(is_fit("see the-ke there", "the-key"));
        assert!(!is_fit("12 letters: abcdefghijkl", "abcdefghijkl"));
        assert!(is_fit("11 letters: abcdefghijk", "abcdefghijkl"));
    }

    /// Sets the case of each letter by a bit of a number.
    fn recased(text: &str, bits: u64) -> String {
        let recased = text.chars().enumerate().map(|(at, letter)| {
            if bits >> (at % 64) & 1 == 1 {
                letter.to_ascii_uppercase()
            } else {
                letter.to_ascii_lowercase()
            }
        });
        recased.collect()
    }

    proptest! {
        #[test]
        fn no_part_of_a_key_gets_through(
            key in "[!-~]{12,64}", before in "[ -~]{0,20}", after in "[ -~]{0,20}",
            start: prop::sample::Index, length: prop::sample::Index, bits: u64,
        ) {
            let length = MIN_SHARED_CHARS + length.index(key.len() - MIN_SHARED_CHARS + 1);
            let start = start.index(key.len() - length + 1);
            let part = &key[start..start + length];
            let cased = recased(part, bits);
            let percent = utf8_percent_encode(&cased, NON_ALPHANUMERIC).to_string();
            for part in [
                cased.clone(),
                percent,
                recased(&hex::encode(part), bits),
                BASE64_STANDARD.encode(part),
                BASE64_URL_SAFE_NO_PAD.encode(part),
            ] {
                let message = format!("{before} {part} {after}");
                prop_assert!(resembles(&message, &key), "{}", message);
            }
        }

        #[test]
        fn nothing_panics(message in any::<String>(), key in "[!-~]{1,64}") {
            let fit = is_fit(&message, &key);
            prop_assert!(!fit || !message.contains(&key));
        }
    }
}
