//! Free text and pasted texts: each extracted indicator stands in the text, and is classified alike.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vt4ai::indicator::{Indicator, PrivateIndicators, classify, extract};
use vt4ai_fuzz::is_hidden;

static LISTED: LazyLock<PrivateIndicators> = LazyLock::new(|| {
    let list =
        "corp.example\n*.intern\n203.0.113.0/24\n2001:db8::/48\n44d88612fea8a8f36de82e1278abb02f";
    PrivateIndicators::parse(list).unwrap()
});

/// Asserts that a pasted text is an indicator of its kind, or refused in one line.
fn pasted(text: &str) {
    let found = match classify(text) {
        Ok(found) => found,
        Err(refusal) => {
            let refusal = refusal.to_string();
            assert!(!refusal.contains(is_hidden), "{refusal:?}");
            assert!(refusal.chars().count() < 1500, "{refusal:?}");
            return;
        }
    };
    let indicator = &found.indicator;
    let again = Indicator::parse(indicator.kind(), indicator.id());
    assert!(again.as_ref() == Ok(indicator), "{:?}", indicator.id());
    if let Some(url) = &found.url {
        assert!(Indicator::from(url) == *indicator, "{:?}", url.as_str());
        // The id decides like the text.
        assert_eq!(
            LISTED.reason(indicator, None),
            LISTED.reason(indicator, Some(url))
        );
    }
    // What is private is private as a query, too, unless it is a single word.
    let is_private = LISTED.reason(indicator, found.url.as_ref()).is_some();
    let is_word = !indicator.id().contains(['.', ':']) && found.url.is_none();
    if is_private && !is_word {
        assert!(LISTED.reason_in_query(text).is_some(), "{text:?}");
    }
}

fn free(text: &str) {
    let mut end = 0;
    for found in extract(text) {
        assert!(found.offset >= end, "{:?}", found.text);
        end = found.offset + found.text.len();
        assert_eq!(text.get(found.offset..end), Some(found.text));
        assert!(classify(found.text) == Ok(found.found), "{:?}", found.text);
    }
}

fuzz_target!(|text: &str| {
    pasted(text);
    free(text);
    LISTED.reason_in_query(text);
    if let Err(refusal) = PrivateIndicators::parse(text) {
        assert!(refusal.line() <= text.lines().count());
    }
});
