//! The filter on arbitrary bytes, and its output in every format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use vt4ai::render::{
    format::{
        markdown::MarkdownWriter,
        sink::{DocumentText, WriteError},
        xml::XmlWriter,
    },
    template::filter::{Filtered, Unreadable},
};
use vt4ai_fuzz::{is_inert, is_json, is_xml_of, markdown_of, tree, xml_of};

fn documents(id: &str, json: &str, data: &Value) {
    is_xml_of(&xml_of(json).unwrap(), data);
    is_inert(&markdown_of(id, json).unwrap(), data);
}

/// Asserts that no document exceeds its bound, and that the bound does not change one that fits.
fn is_bounded(json: &str) {
    let data = || Filtered::at(&[], json, None);
    let write_xml = |out: DocumentText<'_>| data().feed(&mut XmlWriter::new(out, "file_report")?);
    let write_markdown =
        |out: DocumentText<'_>| data().feed(&mut MarkdownWriter::new(out, "File Report", "x")?);
    for (whole, write) in [
        (
            xml_of(json),
            &write_xml as &dyn Fn(DocumentText<'_>) -> Result<(), WriteError>,
        ),
        (markdown_of("x", json), &write_markdown),
    ] {
        let whole = whole.unwrap();
        for limit in [json.len() / 2, whole.len().saturating_sub(1), whole.len()] {
            let mut out = Vec::new();
            let written = write(DocumentText::bare(&mut out, limit));
            assert!(out.len() <= limit && whole.as_bytes().starts_with(&out));
            let meant = if limit < whole.len() {
                Err(WriteError::TooLarge)
            } else {
                Ok(())
            };
            assert_eq!(written, meant, "{limit} of {}", whole.len());
            let mut quoted = vec![b'"'];
            assert_eq!(write(DocumentText::quoted(&mut quoted, limit)), meant);
            quoted.push(b'"');
            if written.is_ok() {
                let read = serde_json::from_slice::<String>(&quoted);
                assert_eq!(read.ok().as_ref(), Some(&whole));
            }
        }
    }
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
    // The filter accepts all JSON up to a depth.
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
    // Accepted JSON can be written as a document, with any numbers, texts and keys.
    is_bounded(text);
    if let Some(tree) = tree(text.as_bytes()) {
        assert_eq!(
            serde_json::from_slice::<Value>(&compact).ok().as_ref(),
            Some(&tree)
        );
        documents("x", text, &tree);
    }
});
