//! Every kind of indicator from any text: what is taken is normalised once and for all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vt4ai::indicator::{Indicator, Kind, WebUrl};

fuzz_target!(|text: &str| {
    for kind in Kind::ALL {
        let Ok(once) = Indicator::parse(kind, text) else {
            continue;
        };
        assert_eq!(once.kind(), kind);
        assert!(
            Indicator::parse(kind, once.id()).as_ref() == Ok(&once),
            "{:?}",
            once.id()
        );
        assert!(once.id().is_ascii() && !once.id().contains(['/', '?', '#', '%', ' ']));
        assert!(!once.id().contains(char::is_control) && !once.id().is_empty());
    }
    if let Ok(url) = WebUrl::parse(text) {
        let is_as_given = url.as_str().ends_with(text);
        assert!(is_as_given || text.contains(['[', '(', '{', 'x', 'X']));
        assert!(WebUrl::parse(url.as_str()).as_ref() == Ok(&url));
        let (whole, id) = (Indicator::url(url.as_str()), Indicator::url(text).unwrap());
        assert!(whole.as_ref() == Ok(&id));
        assert!(Indicator::url_id(id.id()).as_ref() == Ok(&id));
    }
});
