//! Any bytes through the filter, and what it lets through into every format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;
use vt4ai::{
    format::{markdown, xml},
    template::filter::{Filtered, Unreadable},
};
use vt4ai_fuzz::{is_json, is_printable, is_xml};

fn documents(data: &Value) {
    is_xml(&xml::document("file_report", data));
    is_printable(&markdown::document("File Report", "x", data));
    if let Value::Array(items) = data {
        is_printable(&markdown::list("File votes", "x", items));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    is_printable(&markdown::document("File Report", text, &Value::from(text)));
    is_xml(&xml::document("file_report", &Value::from(text)));
    let mut compact = Vec::new();
    let whole = Filtered::at(&[], text, None);
    let written = whole.write(&mut compact);
    // It takes all that is JSON, but what is nested deeper than it goes.
    if serde_json::from_str::<IgnoredAny>(text).is_ok() {
        assert!(matches!(written, Ok(()) | Err(Unreadable::TooDeep(_))));
    }
    if written.is_err() {
        return;
    }
    is_json(&compact);
    if let Ok(tree) = serde_json::from_str::<Value>(text) {
        assert_eq!(whole.tree().as_ref(), Ok(&tree));
        documents(&tree);
    }
});
