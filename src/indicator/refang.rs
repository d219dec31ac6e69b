//! Refanging of indicators that were written so that they cannot be clicked on.
//!
//! Only the scheme, the host and the separators before the path change. Userinfo, path and query
//! keep their bytes, since brackets may be part of them.

use std::borrow::Cow;

/// The characters that can start a defanged separator.
const OPENING: [char; 3] = ['[', '(', '{'];

/// A URL split at the places where a defanged one differs.
struct UrlParts<'a> {
    scheme: Cow<'a, str>,
    /// Empty, or the text up to and including the `@`.
    userinfo: &'a str,
    /// The host and the port.
    host: Cow<'a, str>,
    /// The slash before the path, if it was defanged.
    slash: &'static str,
    rest: &'a str,
}

/// Refangs a URL; returns any other text unchanged.
pub(crate) fn url(text: &str) -> Cow<'_, str> {
    let (scheme, after) = scheme(text);
    let (authority, slash, rest) = authority(after);
    let (userinfo, host) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    let parts = UrlParts {
        scheme,
        userinfo,
        // Userinfo is excluded: brackets in it are part of it.
        host: self::host(host),
        slash,
        rest,
    };
    if parts.is_as_given() {
        return Cow::Borrowed(text);
    }
    let UrlParts {
        scheme,
        userinfo,
        host,
        slash,
        rest,
    } = parts;
    Cow::Owned(format!("{scheme}{userinfo}{host}{slash}{rest}"))
}

/// Refangs a name or an address; returns any other text unchanged.
pub(crate) fn host(text: &str) -> Cow<'_, str> {
    let (mut out, mut copied) = (String::new(), 0);
    let mut from = 0;
    while let Some(at) = text[from..].find(OPENING).map(|at| from + at) {
        let Some((separator, length)) = separator(&text[at..]) else {
            from = at + 1;
            continue;
        };
        out.push_str(&text[copied..at]);
        out.push(separator);
        copied = at + length;
        from = copied;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

impl UrlParts<'_> {
    fn is_as_given(&self) -> bool {
        matches!(
            (&self.scheme, &self.host, self.slash),
            (Cow::Borrowed(_), Cow::Borrowed(_), "")
        )
    }
}

/// Splits off the scheme with its `://`; without one the first part is empty.
///
/// A scheme that is not defanged keeps its case, because a URL keeps its bytes.
fn scheme(text: &str) -> (Cow<'_, str>, &str) {
    let Some((word, is_defanged)) = scheme_word(text) else {
        return (Cow::Borrowed(""), text);
    };
    let after = &text[word.len()..];
    if let Some(rest) = after.strip_prefix("://")
        && !is_defanged
    {
        return (Cow::Borrowed(&text[..word.len() + 3]), rest);
    }
    let Some(length) = scheme_end(after) else {
        return (Cow::Borrowed(""), text);
    };
    let word = if is_defanged {
        Cow::Owned(word.to_ascii_lowercase().replace('x', "t"))
    } else {
        Cow::Borrowed(word)
    };
    (Cow::Owned(format!("{word}://")), &after[length..])
}

/// Finds `http` or `https` at the start, where each `t` may be an `x`. Returns it and whether it
/// has an `x`.
pub(super) fn scheme_word(text: &str) -> Option<(&str, bool)> {
    let is = |at: usize, letters: &[u8]| {
        let letter = text.as_bytes().get(at);
        letter.is_some_and(|it| letters.contains(&it.to_ascii_lowercase()))
    };
    if !(is(0, b"h") && is(1, b"tx") && is(2, b"tx") && is(3, b"p")) {
        return None;
    }
    let word = &text[..if is(4, b"s") { 5 } else { 4 }];
    Some((word, word.contains(['x', 'X'])))
}

/// Returns the length of a `://` of which any part may be in brackets: `[:]//`, `[://]`.
pub(super) fn scheme_end(text: &str) -> Option<usize> {
    let (mut wanted, mut open) = (b"://".iter().peekable(), None);
    for (at, byte) in text.bytes().enumerate() {
        match (open, wanted.peek()) {
            // A bracket after this belongs to the host, such as that of an IPv6 address.
            (None, None) => return Some(at),
            (Some(close), _) if byte == close => open = None,
            (_, Some(&&next)) if byte == next => {
                wanted.next();
            }
            (None, Some(_)) => open = Some(closing(byte)?),
            _ => return None,
        }
    }
    (open.is_none() && wanted.peek().is_none()).then_some(text.len())
}

/// Splits a URL without its scheme into the authority, a slash that was defanged, and the rest.
fn authority(text: &str) -> (&str, &'static str, &str) {
    let Some(at) = text.find(['/', '?', '#', '\\']) else {
        return (text, "", "");
    };
    let bytes = text.as_bytes();
    let before = at.checked_sub(1).and_then(|at| closing(bytes[at]));
    // A slash in brackets, as in `[/]`, begins the path.
    if before.is_some() && bytes[at] == b'/' && bytes.get(at + 1).copied() == before {
        return (&text[..at - 1], "/", &text[at + 2..]);
    }
    (&text[..at], "", &text[at..])
}

/// Reads a defanged `.` or `:` at the start. Returns it with its length in the text.
pub(super) fn separator(text: &str) -> Option<(char, usize)> {
    let close = closing(*text.as_bytes().first()?)?;
    // The longest separator is `[dot]`. A longer look ahead would make a run of brackets quadratic.
    let end = text.bytes().take(5).position(|byte| byte == close)?;
    let separator = match &text[1..end] {
        "." => '.',
        ":" => ':',
        word if word.eq_ignore_ascii_case("dot") => '.',
        _ => return None,
    };
    Some((separator, end + 1))
}

fn closing(open: u8) -> Option<u8> {
    match open {
        b'[' => Some(b']'),
        b'(' => Some(b')'),
        b'{' => Some(b'}'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("hxxp://evil[.]com/", "http://evil.com/")]
    #[case("hXXps://evil[.]com", "https://evil.com")]
    #[case("HXXP://EVIL[DOT]com/A", "http://EVIL.com/A")]
    #[case("hxtp://a.b", "http://a.b")]
    #[case("http[:]//a.b/", "http://a.b/")]
    #[case("HTTP[:]//a.b/", "HTTP://a.b/")]
    #[case("https[://]a(.)b{.}c(dot)d[Dot]e", "https://a.b.c.d.e")]
    #[case("hxxp(:)//a[.]b[:]8080/x", "http://a.b:8080/x")]
    #[case("hxxp{://}a.b", "http://a.b")]
    #[case("hxxp[:][/][/]a[.]b[/]c[/]d", "http://a.b/c[/]d")]
    #[case("a[.]b/c[.]d?e[.]f#g[.]h", "a.b/c[.]d?e[.]f#g[.]h")]
    #[case("hxxp://u(.)v:w@a[.]b/", "http://u(.)v:w@a.b/")]
    #[case("hxxp://[2001[:]db8[:][:]1]:80/", "http://[2001:db8::1]:80/")]
    #[case("hxxp://[::1]/", "http://[::1]/")]
    #[case("hxxp:/a[.]b", "hxxp:/a[.]b")]
    #[case("hxxp", "hxxp")]
    #[case("hxxp[:", "hxxp[:")]
    #[case("httpx[:]//a", "httpx://a")]
    #[case("HTTP://a.b/[.]", "HTTP://a.b/[.]")]
    fn scheme_host_and_separators_are_refanged(#[case] given: &str, #[case] meant: &str) {
        assert_eq!(url(given), meant);
    }

    #[rstest]
    #[case("1.2.3[.]4", "1.2.3.4")]
    #[case("1(.)2{.}3[dot]4", "1.2.3.4")]
    #[case("[1[.]2[.]3[.]4]", "[1.2.3.4]")]
    #[case("2001[:]db8[:][:]1", "2001:db8::1")]
    #[case("[2001:db8::1]", "[2001:db8::1]")]
    #[case("[::]", "[::]")]
    #[case("evil[.com", "evil[.com")]
    #[case("evil[,]com", "evil[,]com")]
    #[case("é[.]é", "é.é")]
    fn names_and_addresses_are_refanged(#[case] given: &str, #[case] meant: &str) {
        assert_eq!(host(given), meant);
    }

    /// Generates the ways to write one separator.
    fn written(separator: char) -> impl Strategy<Value = String> {
        let dots = ["[.]", "(.)", "{.}", "[dot]", "(dot)", "[DOT]", "{dot}", "."];
        let colons = ["[:]", "(:)", "{:}", ":"];
        let ways = if separator == '.' {
            dots.to_vec()
        } else {
            colons.to_vec()
        };
        prop::sample::select(ways).prop_map(str::to_owned)
    }

    /// Generates a text with each separator written in one of these ways.
    fn defanged(text: &str) -> BoxedStrategy<String> {
        let parts = text.chars().map(|letter| match letter {
            '.' | ':' => written(letter).boxed(),
            other => Just(other.to_string()).boxed(),
        });
        let parts: Vec<_> = parts.collect();
        parts.prop_map(|parts| parts.concat()).boxed()
    }

    fn scheme_and_defanged() -> impl Strategy<Value = (String, String)> {
        let marks = ["://", "[:]//", "[://]", "(:)//", "{://}", ":[//]"];
        let marks = prop::sample::select(marks.to_vec());
        (any::<bool>(), any::<bool>(), marks).prop_map(|(is_secure, is_upper, mark)| {
            let s = if is_secure { "s" } else { "" };
            let word = if is_upper { "hXXp" } else { "hxxp" };
            (format!("http{s}://"), format!("{word}{s}{mark}"))
        })
    }

    proptest! {
        #[test]
        fn a_defanged_url_is_refanged_to_the_url(
            (scheme, defanged_scheme) in scheme_and_defanged(),
            (host, defanged_host) in "[a-z0-9-]{1,9}(\\.[a-z]{1,9}){1,3}(:[1-9][0-9]{0,3})?"
                .prop_flat_map(|host| {
                    let defanged = defanged(&host);
                    (Just(host), defanged)
                }),
            rest in "([/?#].{0,30})?",
        ) {
            let given = format!("{defanged_scheme}{defanged_host}{rest}");
            prop_assert_eq!(url(&given), format!("{scheme}{host}{rest}"));
        }

        #[test]
        fn a_defanged_address_is_refanged_to_the_address(
            (address, given) in any::<std::net::IpAddr>().prop_flat_map(|address| {
                let text = address.to_string();
                let defanged = defanged(&text);
                (Just(text), defanged)
            }),
        ) {
            prop_assert_eq!(host(&given), address);
        }

        #[test]
        fn text_without_brackets_and_x_is_unchanged(text in "[^\\[({xX]{0,40}") {
            prop_assert_eq!(url(&text), text.as_str());
            prop_assert_eq!(host(&text), text.as_str());
        }

        #[test]
        fn refanging_never_panics(text in any::<String>(), brackets in "[hxtps:/.@\\[\\](){}dé]{0,20}") {
            url(&text);
            url(&brackets);
            host(&brackets);
        }
    }
}
