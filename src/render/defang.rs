//! Defanging of indicators in text that is meant to be read, so that they cannot be clicked on.
//!
//! In a URL only the scheme and the host change. Text that is defanged already stays as it is.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::indicator::suffix;

/// Suffixes that end the names of files more often than those of hosts.
const FILE_EXTENSIONS: [&str; 14] = [
    "app", "cab", "cc", "inc", "md", "mov", "pl", "ps", "pub", "py", "rs", "sh", "so", "zip",
];

/// The longest text of an IPv6 address.
const IPV6_LENGTH: usize = 45;

/// Returns a text with its indicators defanged: `hxxps://evil[.]example/a.b`, `192.0.2[.]1`.
///
/// A URL ends at white space, a control character or one of `"<>|`, a backtick and `](`.
///
/// URLs and the domains of e-mail addresses always count. Other host names count if they end in a
/// public suffix and do not look like the name of a file. Linear in the length of the text.
pub(super) fn defang(text: &str) -> Cow<'_, str> {
    if !text.contains(['.', ':']) {
        return Cow::Borrowed(text);
    }
    let mut writer = Writer {
        text,
        out: String::new(),
        copied: 0,
    };
    let mut at = 0;
    while at < text.len() {
        at = if let Some(end) = ipv6_end(text, at) {
            writer.ipv6(at, end);
            end
        } else if let Some(end) = word_end(text, at) {
            word(&mut writer, at, end)
        } else {
            at + char_length(text, at)
        };
    }
    writer.finish()
}

/// A text and what was written of it.
struct Writer<'a> {
    text: &'a str,
    out: String,
    /// The end of what is in `out`.
    copied: usize,
}

impl<'a> Writer<'a> {
    /// Writes another text in place of this part, which lies behind all before.
    fn replace(&mut self, from: usize, to: usize, with: &str) {
        self.out.push_str(&self.text[self.copied..from]);
        self.out.push_str(with);
        self.copied = to;
    }

    /// Writes a host name or an IPv4 address, which has its last dot defanged only.
    fn host(&mut self, from: usize, to: usize) {
        let host = &self.text[from..to];
        if Ipv4Addr::from_str(host).is_ok() {
            if let Some(dot) = host.rfind('.') {
                self.replace(from + dot, from + dot + 1, "[.]");
            }
            return;
        }
        for (dot, _) in host.match_indices('.') {
            self.replace(from + dot, from + dot + 1, "[.]");
        }
    }

    /// Writes an IPv6 address with its last colon defanged, and the last dot if it has some.
    fn ipv6(&mut self, from: usize, to: usize) {
        let address = &self.text[from..to];
        if let Some(colon) = address.rfind(':') {
            self.replace(from + colon, from + colon + 1, "[:]");
        }
        if let Some(dot) = address.rfind('.') {
            self.replace(from + dot, from + dot + 1, "[.]");
        }
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.out.push_str(&self.text[self.copied..]);
        Cow::Owned(self.out)
    }
}

/// Writes a word and what belongs to it. Returns the end of that.
fn word(writer: &mut Writer<'_>, from: usize, to: usize) -> usize {
    let text = writer.text;
    let rest = &text[to..];
    if rest.starts_with("://") && write_scheme(writer, from, to) {
        return url(writer, to + 3);
    }
    let (before, word) = (&text[..from], &text[from..to]);
    // The local part of an e-mail address.
    if rest.starts_with('@') {
        return to;
    }
    if is_defanged(word) {
        return path_end(text, to);
    }
    if word
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'))
    {
        return addresses(writer, from, to);
    }
    let is_in_path =
        before.ends_with(['/', '\\']) && !(before.ends_with("//") || before.ends_with("\\\\"));
    let Some(host) = host_of(word) else {
        return to;
    };
    // A text that is nothing but a name, or begins like that of a server, is not taken for a file's.
    let is_plain = word.len() == text.len() || word.starts_with("www.");
    let is_host = before.ends_with('@') || (!is_in_path && has_suffix(host, is_plain));
    if !is_host {
        return to;
    }
    let start = from + word.len() - word.trim_start_matches(['.', '-']).len();
    writer.host(start, start + host.len());
    path_end(text, start + host.len())
}

/// Writes the scheme at the end of a word. Returns whether it is one of a URL to defang.
fn write_scheme(writer: &mut Writer<'_>, from: usize, to: usize) -> bool {
    let word = &writer.text[from..to];
    let is_other = |byte: &u8| !byte.is_ascii_alphanumeric();
    let start = word
        .as_bytes()
        .iter()
        .rposition(is_other)
        .map_or(0, |at| at + 1);
    let scheme = &word[start..];
    let with = match scheme.to_ascii_lowercase().as_str() {
        "http" => "hxxp",
        "https" => "hxxps",
        "ftp" => "fxp",
        "hxxp" | "hxxps" | "fxp" => return true,
        _ => return false,
    };
    writer.replace(from + start, to, with);
    true
}

/// Writes the host of a URL that continues here. Returns the end of the URL.
fn url(writer: &mut Writer<'_>, from: usize) -> usize {
    let text = writer.text;
    let end = authority_end(text, from);
    let authority = &text[from..end];
    let start = from + authority.rfind('@').map_or(0, |at| at + 1);
    let host = &text[start..end];
    if is_defanged(host) {
        return path_end(text, end);
    }
    if let Some(inner) = host.strip_prefix('[') {
        if let Some((address, _)) = inner.split_once(']')
            && Ipv6Addr::from_str(address).is_ok()
        {
            writer.ipv6(start + 1, start + 1 + address.len());
        }
        return path_end(text, end);
    }
    let host = host.split(':').next().unwrap_or_default();
    writer.host(start, start + host.trim_end_matches('.').len());
    path_end(text, end)
}

/// Writes the IPv4 addresses among these, between which stand hyphens.
fn addresses(writer: &mut Writer<'_>, from: usize, to: usize) -> usize {
    let text = writer.text;
    let (mut at, mut is_last) = (from, false);
    for part in text[from..to].split('-') {
        let address = part.trim_end_matches('.');
        is_last = Ipv4Addr::from_str(address).is_ok();
        if is_last {
            writer.host(at, at + address.len());
        }
        at += part.len() + 1;
    }
    if is_last && !is_prefix_length(&text[to..]) {
        return path_end(text, to);
    }
    to
}

/// Returns whether the length of a network's prefix stands here, and no path.
fn is_prefix_length(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else {
        return false;
    };
    let after = rest.trim_start_matches(|it: char| it.is_ascii_digit());
    let digits = rest.len() - after.len();
    (1..=2).contains(&digits) && !after.starts_with(|it| is_word(it) || "./?#-%".contains(it))
}

/// Returns the end of the letters, digits, dots, hyphens and defanged separators here.
fn word_end(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(next) = text[at..].chars().next() {
        if next.is_alphanumeric() || matches!(next, '.' | '-' | '_') {
            at += next.len_utf8();
        } else if let Some(length) = separator(&text[at..]) {
            at += length;
        } else {
            break;
        }
    }
    (at > from).then_some(at)
}

/// Returns the end of the host and port of a URL and the user before them.
fn authority_end(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(next) = text[at..].chars().next() {
        if let Some(length) = separator(&text[at..]) {
            at += length;
            continue;
        }
        at += match next {
            '@' | ':' | '%' | '+' | '!' | '$' | '&' | '*' | '=' | '~' | '[' | ']' | '.' | '-'
            | '_' => 1,
            _ if next.is_alphanumeric() => next.len_utf8(),
            _ => break,
        };
    }
    at
}

/// Returns the end of a path, query and fragment here, and of a port before them.
fn path_end(text: &str, from: usize) -> usize {
    let port = text[from..].strip_prefix(':').map_or(0, |rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 { 0 } else { digits + 1 }
    });
    let rest = &text[from + port..];
    if !rest.starts_with(['/', '?', '#', '\\']) {
        return from;
    }
    for (at, letter) in rest.char_indices() {
        let is_end = letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '"' | '<' | '>' | '|' | '`');
        // The text of a link in Markdown ends at `](`.
        if is_end || rest[at..].starts_with("](") {
            return from + port + at;
        }
    }
    text.len()
}

/// Returns the end of an IPv6 address that stands here as a word.
fn ipv6_end(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let first = bytes[from];
    if !(first.is_ascii_hexdigit() || first == b':') || is_word_before(text, from) {
        return None;
    }
    let rest = &bytes[from..];
    let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let length = rest
        .iter()
        .take(IPV6_LENGTH + 2)
        .take_while(is_part)
        .count();
    let end = from + length;
    let next = text.get(end..)?;
    if separator(next).is_some() || next.starts_with(is_word) {
        return None;
    }
    let whole = text[from..end].trim_end_matches('.');
    for address in [whole, whole.strip_suffix(':').unwrap_or(whole)] {
        let has_digit = address.bytes().any(|byte| byte.is_ascii_hexdigit());
        if has_digit && Ipv6Addr::from_str(address).is_ok() {
            return Some(from + address.len());
        }
    }
    None
}

/// Returns whether a word goes on across this place, or a defanged separator ends here.
fn is_word_before(text: &str, at: usize) -> bool {
    let before = &text[..at];
    before.ends_with(is_word)
        || before.ends_with([':', '.'])
        || [":]", ".]", ":)", ".)", ":}", ".}"]
            .iter()
            .any(|end| before.ends_with(end))
}

fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

/// Returns the length of a defanged dot or colon here.
fn separator(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let close = match bytes.first()? {
        b'[' => b']',
        b'(' => b')',
        b'{' => b'}',
        _ => return None,
    };
    let inner = match bytes.get(1)? {
        b'.' | b':' => 1,
        _ if bytes.get(1..4)?.eq_ignore_ascii_case(b"dot") => 3,
        _ => return None,
    };
    (*bytes.get(inner + 1)? == close).then_some(inner + 2)
}

/// Returns whether a word has a defanged dot or colon.
fn is_defanged(word: &str) -> bool {
    let mut openings = word.match_indices(['[', '(', '{']);
    openings.any(|(at, _)| separator(&word[at..]).is_some())
}

/// Returns the host name in a word that has at least two labels, without the dots around it.
fn host_of(word: &str) -> Option<&str> {
    let host = word
        .trim_start_matches(['.', '-'])
        .trim_end_matches(['.', '-', '_']);
    let (rest, last) = host.rsplit_once('.')?;
    // Text in another script may follow without a space.
    let is_latin = last.starts_with(|it: char| it.is_ascii_alphanumeric());
    let cut = last.find(|it: char| !it.is_ascii());
    let length = match cut {
        Some(cut) if is_latin => host.len() - last.len() + cut,
        _ => host.len(),
    };
    let is_name = !rest.is_empty() && host.len() <= 4 * 253 && !host.contains("..");
    is_name.then_some(&host[..length])
}

/// Returns whether a host name ends in a known suffix, and not like a type or, unless it may, like a
/// file does.
fn has_suffix(host: &str, may_be_file: bool) -> bool {
    let Some((rest, last)) = host.rsplit_once('.') else {
        return false;
    };
    let name = rest.rsplit('.').next().unwrap_or(rest);
    let is_lower = !last.contains(|it: char| it.is_ascii_uppercase());
    let is_upper = !host.contains(|it: char| it.is_ascii_lowercase());
    if last.len() > 63 || name.contains('_') || !(is_lower || is_upper) {
        return false;
    }
    // Names of malware look like this: `Trojan.Win32.Agent.ai`.
    let is_mixed = !is_upper && rest.contains(|it: char| it.is_ascii_uppercase());
    if is_mixed && rest.contains('.') && !matches!(last, "com" | "net" | "org") {
        return false;
    }
    let last = last.to_lowercase();
    if !may_be_file && FILE_EXTENSIONS.contains(&last.as_str()) {
        return false;
    }
    suffix::find(&last).is_some()
}

/// Returns the length of the character here.
fn char_length(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests;
