//! Templates from any JSON, and what they leave of any other: a line of each.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vt4ai::template::{Template, filter::Filtered, pattern::Filter};
use vt4ai_fuzz::is_json;

/// What is left by a filter is left by it again.
fn apply(filter: &Filter, json: &str) {
    for path in [&[][..], &["data", "attributes"]] {
        let mut left = Vec::new();
        if Filtered::at(path, json, Some(filter))
            .write(&mut left)
            .is_ok()
        {
            is_json(&left);
            let mut again = Vec::new();
            let text = str::from_utf8(&left).unwrap();
            Filtered::at(&[], text, Some(filter))
                .write(&mut again)
                .unwrap();
            assert!(left == again, "{text}");
        }
    }
}

fuzz_target!(|text: &str| {
    let (template, json) = text.split_once('\n').unwrap_or((text, text));
    if let Ok(template) = Template::parse(template) {
        let shown = serde_json::to_string(&template).unwrap();
        let again = Template::parse(&shown).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), shown);
        apply(&template.filter, json);
    }
    if let Ok(filter) = Filter::compile(template.split(' ')) {
        apply(&filter, json);
    }
});
