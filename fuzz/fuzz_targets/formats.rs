//! Any bytes through the filter, and what it lets through into every format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use vt4ai::template::filter::{Filtered, Unreadable};
use vt4ai_fuzz::{is_inert, is_json, is_xml_of, markdown_of, tree, xml_of};

fn documents(id: &str, json: &str, data: &Value) {
    is_xml_of(&xml_of(json).unwrap(), data);
    is_inert(&markdown_of(id, json).unwrap(), data);
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    for data in [
        Value::from(text),
        json!({ text: [text, { text: text }, [text]] }),
        json!([[[]], text, [[{ text: [text] }]]]),
    ] {
        documents(text, &data.to_string(), &data);
    }
    let mut compact = Vec::new();
    let whole = Filtered::at(&[], text, None);
    // It takes all that is JSON, but what is nested deeper than it goes.
    match (
        whole.write(&mut compact),
        serde_json::from_str::<IgnoredAny>(text),
    ) {
        (Ok(()), Ok(_)) => is_json(&compact),
        (Err(Unreadable::TooDeep(_)), _) | (Err(Unreadable::Syntax(_)), Err(_)) => {
            assert!(xml_of(text).is_err() && markdown_of("x", text).is_err());
            return;
        }
        differ => panic!("{differ:?} of {text}"),
    }
    // What is good as JSON is good as a document, whatever its numbers, texts and keys.
    assert!(xml_of(text).is_ok() && markdown_of("x", text).is_ok());
    if let Some(tree) = tree(text.as_bytes()) {
        assert_eq!(
            serde_json::from_slice::<Value>(&compact).ok().as_ref(),
            Some(&tree)
        );
        documents("x", text, &tree);
    }
});
