//! Indicators of every kind from arbitrary text: normalising an accepted one again changes nothing.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use vt4ai::{
    cache::ObjectName,
    indicator::{Indicator, Kind, WebUrl, refang},
    virustotal::{Call, Endpoint},
};
use vt4ai_fuzz::is_hidden;

/// Asserts that an indicator is one segment of VirusTotal's path, without escapes or dot segments.
fn keeps_the_path(indicator: &Indicator) {
    let (collection, id) = (indicator.kind().upstream_collection(), indicator.id());
    assert!(!id.is_empty() && id != "." && id != "..");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    assert!(id.bytes().all(is_plain), "{id:?}");
    let call = Call::about(Endpoint::Vote(indicator.kind()), id);
    let path = call.path().replace("%3A", ":");
    assert_eq!(path, format!("/{collection}/{id}/votes"));
    assert!(!ObjectName::of(indicator).is_empty());
}

/// Asserts that a refusal is one short line without hidden characters.
fn is_plain(refusal: &str) {
    assert!(!refusal.contains(is_hidden), "{refusal:?}");
    assert!(refusal.chars().count() < 1500 && refusal.matches('`').count() % 2 == 0);
}

fn kinds(text: &str) {
    for kind in Kind::ALL {
        let once = match Indicator::parse(kind, text) {
            Ok(once) => once,
            Err(refusal) => {
                is_plain(&refusal.to_string());
                continue;
            }
        };
        assert_eq!(once.kind(), kind);
        keeps_the_path(&once);
        assert!(
            Indicator::parse(kind, once.id()).as_ref() == Ok(&once),
            "{:?}",
            once.id()
        );
    }
}

fn url(text: &str) {
    let url = match WebUrl::parse(text) {
        Ok(url) => url,
        Err(refusal) => {
            is_plain(&refusal.to_string());
            return;
        }
    };
    let is_as_given = url.as_str().ends_with(text);
    assert!(is_as_given || text.contains(['[', '(', '{', 'x', 'X']));
    assert!(WebUrl::parse(url.as_str()).as_ref() == Ok(&url));
    let (whole, id) = (Indicator::url(url.as_str()), Indicator::url(text).unwrap());
    keeps_the_path(&id);
    assert!(whole.as_ref() == Ok(&id));
    assert!(Indicator::url_id(id.id()).as_ref() == Ok(&id));
}

/// Asserts that refanging is idempotent, and that a text which it changes becomes an indicator.
fn refanged(text: &str) {
    let once = refang(text);
    assert_eq!(refang(&once), once, "{text:?}");
    if let Cow::Owned(meant) = &once {
        // Refanging only looks at a URL's host, so that the parser may still refuse the rest.
        let is_unclean = meant.contains(char::is_control) || meant.trim() != meant;
        assert!(
            is_unclean
                || WebUrl::parse(meant).is_ok_and(|url| url.as_str().ends_with(&**meant))
                || Indicator::domain(meant).is_ok()
                || Indicator::ip(meant).is_ok(),
            "{meant:?}"
        );
        // Parsing the refanged text and the original gives the same indicator.
        for kind in [Kind::Domain, Kind::Ip] {
            let (given, meant) = (Indicator::parse(kind, text), Indicator::parse(kind, meant));
            assert!(given.is_err() || given == meant, "{text:?}");
        }
    }
}

fuzz_target!(|text: &str| {
    kinds(text);
    url(text);
    refanged(text);
    ObjectName::of_analysis(text);
    if let Some(name) = ObjectName::from_hex(text) {
        assert_eq!(name.hex(), text.to_ascii_lowercase());
    }
});
