//! Numbers with dots that are versions or sections, not addresses.

use super::context::{LOOK_BACK, tail, word_before};

/// Words before a number with dots that is a version or a section.
const VERSION_WORDS: [&str; 36] = [
    "acrobat", "agent", "appendix", "build", "chapter", "chrome", "clause", "driver", "edge",
    "figure", "firefox", "firmware", "flash", "java", "jdk", "jre", "kernel", "oid", "openssl",
    "patch", "php", "plugin", "reader", "rel", "release", "rev", "revision", "sec", "section",
    "step", "table", "v", "ver", "version", "versions", "§",
];

/// Words between a version and the one before it.
const CONNECTORS: [&str; 13] = [
    "and", "before", "below", "from", "in", "is", "of", "or", "prior", "than", "through", "to",
    "until",
];

/// Words behind a version.
const BEHIND_VERSION: [&str; 10] = [
    "or later",
    "or newer",
    "or higher",
    "or earlier",
    "or above",
    "and later",
    "and newer",
    "and higher",
    "and earlier",
    "and above",
];

/// Words before a slash and an address.
const PLACES: [&str; 16] = [
    "addr",
    "address",
    "client",
    "direct",
    "dmz",
    "dst",
    "from",
    "host",
    "inside",
    "ip",
    "localhost",
    "outside",
    "server",
    "src",
    "tcp",
    "udp",
];

/// Returns whether the numbers with dots here are a version or a section, not an address.
pub(super) fn is_version(text: &str, start: usize, after: &str) -> bool {
    let before = &text[..start];
    if is_product(before) {
        return true;
    }
    let after = after.trim_start_matches(' ');
    if BEHIND_VERSION.iter().any(|words| after.starts_with(words)) || after.starts_with("-beta") {
        return true;
    }
    // The versions of a device in the header of an event.
    let is_header = ["CEF:", "LEEF:"]
        .iter()
        .any(|it| tail(before, LOOK_BACK).contains(it));
    if is_behind_mixed_case(before) || is_header && before.ends_with('|') {
        return true;
    }
    let word = word_before(before);
    if VERSION_WORDS.contains(&word.as_str()) || word.ends_with("version") {
        return true;
    }
    if !CONNECTORS.contains(&word.as_str()) {
        return false;
    }
    let line = tail(before, LOOK_BACK)
        .rsplit('\n')
        .next()
        .unwrap_or_default();
    let line = line.to_ascii_lowercase();
    ["version", "upgrade", "update ", "patched", "fixed"]
        .iter()
        .any(|it| line.contains(it))
}

/// Returns whether the name of a product and a slash stand before, as in `Chrome/120.0.0.0`, or a
/// name and a hyphen.
///
/// Java writes `host.example/192.0.2.1` for a resolved host, Squid `HIER_DIRECT/192.0.2.1`.
fn is_product(before: &str) -> bool {
    let before = tail(before, LOOK_BACK);
    let Some(start) = before.strip_suffix(['/', '_', '-']) else {
        return false;
    };
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let name = start
        .rsplit(|letter| !is_part(letter))
        .next()
        .unwrap_or(start);
    if before.ends_with('/') {
        let is_code = name.contains('_') && !name.contains(char::is_lowercase);
        let is_place = PLACES.iter().any(|it| name.eq_ignore_ascii_case(it));
        if name.contains('.') || is_code || is_place {
            return false;
        }
    }
    name.ends_with(char::is_alphabetic)
}

/// Returns whether a word such as `PowerShell` and a blank stand before. The names of fields, such as
/// `SourceIP`, have more often an equals sign or a colon behind them.
fn is_behind_mixed_case(before: &str) -> bool {
    let Some(before) = tail(before, LOOK_BACK).strip_suffix(' ') else {
        return false;
    };
    let word = before.rsplit(|it: char| !it.is_ascii_alphabetic()).next();
    let word = word.unwrap_or_default();
    let is_turn = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    let is_field = word_is_place(word);
    word.as_bytes().windows(2).any(is_turn) && !is_field
}

/// Returns whether a word ends as the names of fields with an address do.
fn word_is_place(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let ends = [
        "ip", "addr", "address", "host", "server", "client", "node", "src", "dst",
    ];
    ends.iter().any(|end| word.ends_with(end))
}
