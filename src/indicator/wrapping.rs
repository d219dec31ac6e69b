//! Characters around a pasted indicator that are not part of it.

/// The number of layers that are taken off. A bound, because each layer reads the text.
const MOST_LAYERS: usize = 16;

/// The brackets that stand around indicators. Some are part of defanged ones.
const BRACKETS: [(char, char); 7] = [
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
    ('<', '>'),
    ('（', '）'),
    ('【', '】'),
    ('《', '》'),
];

/// Quotation marks of several languages, and those of Markdown.
const QUOTES: [char; 16] = [
    '"', '\'', '`', '“', '”', '„', '‘', '’', '‚', '«', '»', '‹', '›', '「', '」', '*',
];

/// The punctuation that can follow an indicator. A colon and a question mark have rules of their own.
const STOPS: [char; 11] = ['.', ',', ';', '!', '…', '。', '，', '；', '、', '！', '|'];

/// The marks of a list or a quotation before an indicator; white space follows them.
const BULLETS: [char; 6] = ['-', '+', '•', '·', '–', '>'];

/// Labels that people paste together with an indicator.
const LABELS: [&str; 11] = [
    "md5", "sha1", "sha-1", "sha256", "sha-256", "hash", "url", "uri", "domain", "ip", "host",
];

/// Returns a text without white space, quotes, brackets and punctuation around it.
pub(super) fn strip(text: &str) -> &str {
    let mut text = text;
    for _ in 0..MOST_LAYERS {
        let bare = layer(text);
        if bare.len() == text.len() {
            break;
        }
        text = bare;
    }
    text
}

/// Returns whether a character is invisible or white space.
pub(super) fn is_blank(letter: char) -> bool {
    let is_invisible = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}');
    letter.is_whitespace() || letter.is_control() || is_invisible
}

fn layer(text: &str) -> &str {
    let text = text.trim_matches(is_blank);
    let text = without_label(without_bullet(text));
    let text = text.trim_matches(QUOTES);
    without_brackets(without_stops(text))
}

fn without_bullet(text: &str) -> &str {
    match text.strip_prefix(BULLETS) {
        Some(rest) if rest.starts_with(is_blank) => rest.trim_start_matches(is_blank),
        _ => text,
    }
}

/// Returns a text without a label such as `SHA-256:` before it.
fn without_label(text: &str) -> &str {
    let Some(at) = text
        .bytes()
        .take(8)
        .position(|it| matches!(it, b':' | b'='))
    else {
        return text;
    };
    let label = text[..at].trim_end();
    let rest = text[at + 1..].trim_start_matches(is_blank);
    let is_label = LABELS.iter().any(|it| label.eq_ignore_ascii_case(it));
    // `host:8080` has a port.
    if is_label && !rest.is_empty() && !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        rest
    } else {
        text
    }
}

fn without_stops(text: &str) -> &str {
    let text = text.trim_start_matches([',', ';', '.', '|']);
    let text = text.trim_end_matches(STOPS);
    // An IPv6 address may end in two colons.
    if text.ends_with(':') && !text.ends_with("::") {
        return &text[..text.len() - 1];
    }
    // A question mark may begin the query of a URL.
    if text.contains('/') {
        return text;
    }
    text.trim_end_matches(['?', '？'])
}

/// Returns a text without brackets around it, or without one at an end that has no counterpart.
fn without_brackets(text: &str) -> &str {
    for (open, close) in BRACKETS {
        if let Some(rest) = text.strip_prefix(open) {
            match closing(rest, open, close) {
                Some(at) if at + close.len_utf8() == rest.len() => return &rest[..at],
                Some(_) => {}
                None => return rest,
            }
        }
        if let Some(rest) = text.strip_suffix(close) {
            let count = |bracket| text.matches(bracket).count();
            if count(close) > count(open) {
                return rest;
            }
        }
    }
    text
}

/// Returns the place of the bracket that closes one before the text.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 1;
    for (at, letter) in text.char_indices() {
        if letter == open {
            depth += 1;
        } else if letter == close {
            depth -= 1;
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("  evil.com\r\n", "evil.com")]
    #[case("\u{feff}\u{200b}evil.com\u{a0}", "evil.com")]
    #[case("\"evil.com\",", "evil.com")]
    #[case("'evil.com'.", "evil.com")]
    #[case("“evil.com”", "evil.com")]
    #[case("«evil.com»;", "evil.com")]
    #[case("<https://evil.com/>", "https://evil.com/")]
    #[case("<URL:https://evil.com/>", "https://evil.com/")]
    #[case("(evil.com)", "evil.com")]
    #[case("([{<evil.com>}])!", "evil.com")]
    #[case("[evil[.]com]", "evil[.]com")]
    #[case("[2001:db8::1]:443", "[2001:db8::1]:443")]
    #[case("[2001:db8::1]", "2001:db8::1")]
    #[case("2001:db8::", "2001:db8::")]
    #[case("evil.com:", "evil.com")]
    #[case("evil.com)", "evil.com")]
    #[case("(evil.com", "evil.com")]
    #[case("https://a.com/x_(y)", "https://a.com/x_(y)")]
    #[case("(https://a.com/x_(y)).", "https://a.com/x_(y)")]
    #[case("http://[::1]", "http://[::1]")]
    #[case("https://a.com/?", "https://a.com/?")]
    #[case("evil.com?", "evil.com")]
    #[case("- evil.com", "evil.com")]
    #[case("> evil.com", "evil.com")]
    #[case("**evil.com**", "evil.com")]
    #[case("SHA-256: abc", "abc")]
    #[case("ip=1.2.3.4", "1.2.3.4")]
    #[case("host:8080", "host:8080")]
    #[case("", "")]
    #[case("([{", "")]
    fn what_stands_around_is_stripped(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(strip(text), expected);
    }

    proptest! {
        #[test]
        fn stripping_never_panics(text in any::<String>(), marks in "[\\[\\](){}<>\"'.,;:?!*md5= -]{0,40}") {
            strip(&text);
            strip(&marks);
        }
    }
}
