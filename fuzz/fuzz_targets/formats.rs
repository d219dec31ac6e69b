//! Any bytes through the filter, and what it lets through into every format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use vt4ai::{
    format::{markdown, xml},
    template::filter::{Filtered, Unreadable},
};
use vt4ai_fuzz::{is_inert, is_inert_list, is_json, is_xml_of};

fn documents(id: &str, data: &Value) {
    is_xml_of(&xml::document("file_report", data), data);
    is_inert(&markdown::document("File Report", id, data), data);
    if let Value::Array(items) = data {
        is_inert_list(&markdown::list("File votes", id, items), items.len());
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    documents(text, &Value::from(text));
    documents("x", &json!({ text: [text, { text: text }, [text]] }));
    let mut compact = Vec::new();
    let whole = Filtered::at(&[], text, None);
    // It takes all that is JSON, but what is nested deeper than it goes.
    match (
        whole.write(&mut compact),
        serde_json::from_str::<IgnoredAny>(text),
    ) {
        (Ok(()), Ok(_)) => is_json(&compact),
        (Err(Unreadable::TooDeep(_)), _) | (Err(Unreadable::Syntax(_)), Err(_)) => return,
        differ => panic!("{differ:?} of {text}"),
    }
    if let Ok(tree) = serde_json::from_str::<Value>(text) {
        assert_eq!(whole.tree().as_ref(), Ok(&tree));
        documents("x", &tree);
    }
});
