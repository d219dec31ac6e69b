//! Private indicators among the terms of a search.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;

use super::{PrivateClass, PrivateIndicators};
use crate::indicator::{Classified, Kind, Unclassified, classify, refang, wrapping};

/// The number of modifiers before a term that are taken off one by one: `entity:domain:x`.
const MOST_MODIFIERS: usize = 4;

/// The modifiers before the name of a host.
const HOST_MODIFIERS: [&str; 6] = [
    "domain",
    "host",
    "hostname",
    "parent_domain",
    "resolution",
    "dns",
];

impl PrivateIndicators {
    /// Returns the class of the first private indicator in a query.
    pub(super) fn in_query(&self, query: &str) -> Option<PrivateClass> {
        // A URL may have the characters that part words.
        if let Some(class) = self.in_term(query, false) {
            return Some(class);
        }
        let is_between = |it: char| wrapping::is_blank(it) || matches!(it, '"' | ',' | ';' | '|');
        for word in query.split(is_between) {
            if let Some(class) = self.in_word(word) {
                return Some(class);
            }
        }
        // A name may also be a part of a word, as in `url:*intranet.corp.example*` or `see=10.0.0.1`.
        let class = self.in_pieces(query);
        if class.is_some() || !query.contains('%') {
            return class;
        }
        self.in_pieces(&percent_decode_str(query).decode_utf8_lossy())
    }

    /// Looks at the names and addresses in a text, whatever stands between them.
    fn in_pieces(&self, text: &str) -> Option<PrivateClass> {
        let refanged = refang::host(text);
        let is_of_host = |it: char| it.is_alphanumeric() || matches!(it, '.' | '-' | '_');
        for piece in refanged.split(|it| !is_of_host(it)) {
            if let Some(class) = self.in_term(piece.trim_matches(['.', '-']), false) {
                return Some(class);
            }
        }
        None
    }

    /// Looks at a word, and at what stands behind each of its modifiers.
    fn in_word(&self, word: &str) -> Option<PrivateClass> {
        let (mut term, mut is_host) = (word, false);
        for _ in 0..=MOST_MODIFIERS {
            term = term.trim_start_matches(['-', '+', '!', '(', '=', '~', '#', '@']);
            if let Some(class) = self.in_term(term.trim_matches('*'), is_host) {
                return Some(class);
            }
            let (modifier, rest) = term.split_once([':', '='])?;
            is_host = HOST_MODIFIERS
                .iter()
                .any(|it| modifier.eq_ignore_ascii_case(it));
            term = rest;
        }
        None
    }

    /// Decides on a term. Only behind a modifier of hosts a single word is the name of a host.
    fn in_term(&self, term: &str, is_host: bool) -> Option<PrivateClass> {
        match classify(term) {
            Ok(Classified { indicator, .. }) if indicator.kind() == Kind::Domain => {
                let name = indicator.id();
                if is_host || name.contains('.') || name == "localhost" {
                    return self.of_name(name);
                }
                self.listed_name(name)
            }
            Ok(Classified { indicator, url }) => {
                let reason = self.reason(&indicator, url.as_ref())?;
                Some(reason.class)
            }
            Err(Unclassified::Email { domain: host } | Unclassified::OtherScheme { host }) => {
                self.of_written_host(&host)
            }
            Err(Unclassified::Cidr { address }) => self.of_address(address.parse::<IpAddr>().ok()?),
            // The check of file names is about texts, not about confidentiality.
            Err(Unclassified::FileName) => self.of_name(&term.to_ascii_lowercase()),
            Err(_) => None,
        }
    }
}
