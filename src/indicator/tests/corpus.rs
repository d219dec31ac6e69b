//! Precision and recall of extraction over mails, logs and the like, which have traps.
//!
//! Each text stands in `corpus/` beside the indicators that an analyst takes out of it.

use std::{collections::BTreeSet, fs, path::Path};

use crate::indicator::{Kind, extract};

const TEXTS: [&str; 17] = [
    "abuse_mail",
    "call_notes",
    "chat",
    "digest",
    "event",
    "german_mail",
    "html_mail",
    "ndjson",
    "phishing_mail",
    "proxy",
    "report",
    "snippets",
    "stack_trace",
    "table",
    "ticket",
    "web_logs",
    "zeek",
];

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/indicator/tests/corpus");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// Returns the indicators in a text, each with its kind; a URL stands as its text.
fn extracted(text: &str) -> BTreeSet<String> {
    let line = |found: crate::indicator::Extracted<'_>| {
        let indicator = &found.found.indicator;
        let id = match (&found.found.url, indicator.kind()) {
            (Some(url), Kind::Url) => url.as_str(),
            _ => indicator.id(),
        };
        format!("{} {id}", indicator.kind().name())
    };
    extract(text).map(line).collect()
}

#[test]
fn precision_and_recall_are_high() {
    let (mut expected, mut found, mut right) = (0, 0, 0);
    let mut mistakes = Vec::new();
    for name in TEXTS {
        let wanted = read(&format!("{name}.expected"));
        let wanted: BTreeSet<_> = wanted.lines().map(str::to_owned).collect();
        let got = extracted(&read(&format!("{name}.txt")));
        expected += wanted.len();
        found += got.len();
        right += got.intersection(&wanted).count();
        mistakes.extend(
            got.difference(&wanted)
                .map(|it| format!("{name}: not {it}")),
        );
        mistakes.extend(
            wanted
                .difference(&got)
                .map(|it| format!("{name}: misses {it}")),
        );
    }
    eprintln!(
        "{right} right of {found} found and {expected} expected\n{}",
        mistakes.join("\n")
    );
    assert!(100 * right >= 97 * found, "{mistakes:#?}");
    assert!(100 * right >= 97 * expected, "{mistakes:#?}");
}
