//! Extraction of indicators from free text: mails, logs, tables, HTML.
//!
//! The text is read once from the beginning to the end. Each step takes a URL, an address or a word
//! and continues behind it; what a step looks at before and behind that is bounded. The words around
//! a candidate decide whether it is an indicator or a file name, a version or code.

use std::collections::VecDeque;

use super::{Classified, Kind, classify, classify::is_file_name, is_hex, refang};

mod address;
mod context;
mod items;
mod name;
mod span;
mod version;
mod word;

pub use self::items::{TextItem, text_items};

use self::{
    context::Context,
    name::Site,
    span::{Span, Until},
    word::Word,
};

/// An indicator that was found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted<'a> {
    /// The part of the text, as it was written.
    pub text: &'a str,
    /// The offset of that part in bytes.
    pub offset: usize,
    /// The indicator, as [`classify()`] reads the part.
    pub found: Classified,
}

/// The indicators in a text, in the order in which they stand in it.
#[derive(Clone, Debug)]
pub struct Extractor<'a> {
    text: &'a str,
    context: Context,
    at: usize,
    /// The indicators of the last step, in order.
    found: VecDeque<Extracted<'a>>,
}

/// Extracts the indicators from free text, in the order in which they stand in it.
///
/// Hashes, URLs, domains and IP addresses are found, defanged or not, and the domains of e-mail
/// addresses. A domain has to end in a known suffix: one of the public suffix list, or `.example`,
/// `.internal`, `.invalid`, `.local`, `.localhost`, `.onion` or `.test`. Names of files, versions,
/// networks and reverse names are left out, unless a name is defanged. The host of a URL is not
/// reported beside it. Equal indicators are reported each time. Linear in the length of the text.
pub fn extract(text: &str) -> Extractor<'_> {
    Extractor {
        text,
        context: Context::of(text),
        at: 0,
        found: VecDeque::new(),
    }
}

impl<'a> Iterator for Extractor<'a> {
    type Item = Extracted<'a>;

    fn next(&mut self) -> Option<Extracted<'a>> {
        loop {
            if let Some(found) = self.found.pop_front() {
                return Some(found);
            }
            let first = *self.text.as_bytes().get(self.at)?;
            self.at = self.step(first);
        }
    }
}

impl<'a> Extractor<'a> {
    /// Reads what begins at the current place. Returns the place behind it.
    fn step(&mut self, first: u8) -> usize {
        if first == b'\\' && self.context.is_json {
            return self.at + context::escape_length(&self.text[self.at..]);
        }
        if let Some(end) = self.ipv6(first) {
            return end;
        }
        match word::read(self.text, self.at) {
            Some(word) => self.word(&word),
            None => self.at + span::char_length(self.text, self.at),
        }
    }

    fn ipv6(&mut self, first: u8) -> Option<usize> {
        if !first.is_ascii_hexdigit() && first != b':' {
            return None;
        }
        let span = address::ipv6(self.text, self.at)?;
        // A network is no address.
        if let Some(end) = address::prefix_end(self.text, span.end, 128) {
            return Some(end);
        }
        self.push(span, Kind::Ip);
        Some(span.end)
    }

    fn word(&mut self, word: &Word<'a>) -> usize {
        let rest = &self.text[word.end..];
        if let Some(length) = context::scheme_end(rest) {
            let end = word.end + length;
            return self.url(word, end);
        }
        if let Some(length) = context::at_sign(rest) {
            return word.end + length;
        }
        if word.is_numeric() {
            return self.addresses(word);
        }
        if self.hash(word) {
            return word.end;
        }
        self.host(word)
    }

    /// Reads the URL whose scheme ends a word. Returns its end, or that of the scheme.
    fn url(&mut self, word: &Word<'a>, after_scheme: usize) -> usize {
        let Some(start) = context::http_scheme_start(word) else {
            return after_scheme;
        };
        let is_escaped = self.text[word.end..after_scheme].contains('\\');
        let until = |part| Until {
            part,
            start,
            is_escaped,
            context: &self.context,
        };
        let authority = Span {
            start,
            end: span::end(self.text, after_scheme, &until(span::Part::Authority)),
        };
        // The check of the host comes first: a path may be long, and would be read again.
        if classify(authority.of(self.text)).is_err() {
            return after_scheme;
        }
        let end = span::end(self.text, after_scheme, &until(span::Part::Whole));
        let whole = Span { start, end };
        if !context::is_markup(self.text, whole) {
            self.push(whole, Kind::Url);
        }
        end.max(after_scheme)
    }

    /// Takes the IPv4 addresses of a word of digits, dots and hyphens.
    fn addresses(&mut self, word: &Word<'a>) -> usize {
        let parts = address::ipv4(word);
        let Some(last) = parts.last().copied() else {
            return word.end;
        };
        let rest = &self.text[last.end..];
        if !word.is_defanged && version::is_version(self.text, parts[0].start, rest) {
            return word.end;
        }
        if let Some(end) = address::prefix_end(self.text, last.end, 32) {
            return end;
        }
        for part in &parts[..parts.len() - 1] {
            self.push(*part, Kind::Ip);
        }
        self.host_with_path(last, Kind::Ip)
    }

    /// Takes a hash that is a word, or the name of a file before its type.
    fn hash(&mut self, word: &Word<'a>) -> bool {
        let text = word.text;
        let (stem, end) = match text.split_once('.') {
            Some((stem, end)) => (stem, end),
            None => (text, ""),
        };
        let start = context::behind_algorithm(stem);
        let hash = &stem[start..];
        let is_hash = [32, 40, 64].iter().any(|length| is_hex(hash, *length));
        let is_file_type = end.len() <= 5 && end.bytes().all(|it| it.is_ascii_alphanumeric());
        if !is_hash || !is_file_type || context::is_other_id(self.text, word.start) {
            return false;
        }
        let start = word.start + start;
        let span = Span {
            start,
            end: start + hash.len(),
        };
        self.push(span, Kind::File);
        true
    }

    /// Takes the name of a host, with the path behind it.
    fn host(&mut self, word: &Word<'a>) -> usize {
        let Some(name) = name::trim(word) else {
            return word.end;
        };
        let site = Site {
            before: &self.text[..name.start],
            after: &self.text[name.end..],
            is_defanged: word.is_defanged,
        };
        if !name::is_host(name.of(self.text), &site) {
            return word.end;
        }
        if context::is_behind_at_sign(site.before) {
            self.push(name, Kind::Domain);
            return name.end;
        }
        self.host_with_path(name, Kind::Domain)
    }

    /// Takes a host, or the URL that its path makes it. Returns the end.
    fn host_with_path(&mut self, host: Span, kind: Kind) -> usize {
        let port = address::port_end(self.text, host.end);
        let rest = &self.text[port..];
        let is_other_scheme = self.text[..host.start].ends_with("://");
        let has_path = context::begins_path(rest) && !address::is_address_or_port(rest);
        if !has_path {
            self.push(host, kind);
            return port;
        }
        let until = Until {
            part: span::Part::Whole,
            start: host.start,
            is_escaped: false,
            context: &self.context,
        };
        let end = span::end(self.text, port, &until);
        let whole = Span {
            start: host.start,
            end,
        };
        if is_other_scheme
            || context::is_source_path(whole.of(self.text))
            || !self.push(whole, Kind::Url)
        {
            self.push(host, kind);
        }
        end.max(port)
    }

    /// Adds a part of the text, if it is classified as this kind.
    fn push(&mut self, span: Span, kind: Kind) -> bool {
        let text = span.of(self.text);
        match classify(text) {
            Ok(found) if found.indicator.kind() == kind => {
                self.found.push_back(Extracted {
                    text,
                    offset: span.start,
                    found,
                });
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
