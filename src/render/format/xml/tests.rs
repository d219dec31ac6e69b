//! XML of any data is well-formed, and its keys and texts can be recovered.

use std::fmt::Write as _;

use proptest::prelude::*;
use roxmltree::{Document, Node};
use serde_json::{Value, json};

use super::*;
use crate::{render::template::filter::Filtered, testing};

/// Renders the JSON text of a value as a document.
fn document_of(root: &str, json: &str) -> String {
    let mut out = Vec::new();
    let mut writer = XmlWriter::new(DocumentText::bare(&mut out, usize::MAX), root).unwrap();
    Filtered::at(&[], json, None).feed(&mut writer).unwrap();
    String::from_utf8(out).unwrap()
}

fn document(root: &str, data: &Value) -> String {
    document_of(root, &data.to_string())
}

/// Checks that a reader of the XML finds what was written.
fn assert_read_back(node: Node<'_, '_>, value: &Value) {
    let children: Vec<_> = node.children().filter(Node::is_element).collect();
    match value {
        Value::Object(map) => {
            assert_eq!(children.len(), map.len());
            for (child, (key, value)) in children.into_iter().zip(map) {
                let name = child
                    .attribute("key")
                    .unwrap_or_else(|| child.tag_name().name());
                assert_eq!(name, key.replace(is_forbidden, "\u{fffd}"));
                assert_read_back(child, value);
            }
        }
        Value::Array(items) => {
            assert_eq!(children.len(), items.len());
            for (index, (child, item)) in children.into_iter().zip(items).enumerate() {
                assert_eq!(child.attribute("index"), Some(index.to_string().as_str()));
                assert_read_back(child, item);
            }
        }
        plain => {
            let text = match plain {
                Value::Null => String::new(),
                Value::String(text) => text.replace(is_forbidden, "\u{fffd}"),
                other => other.to_string(),
            };
            assert_eq!(node.text().unwrap_or_default(), text);
        }
    }
}

/// Writes an element as a writer that walks a tree would.
fn write_tree(out: &mut String, depth: usize, tag: &str, value: &Value) {
    let name = tag.split(' ').next().unwrap();
    let indent = "  ".repeat(depth);
    let _ = write!(out, "\n{indent}<{tag}");
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (tag_of(key), value))
            .collect(),
        Value::Array(items) => {
            let mut children = Vec::new();
            for (at, item) in items.iter().enumerate() {
                let name = if item.is_array() { "item_list" } else { "item" };
                children.push((format!("{name} index=\"{at}\""), item));
            }
            children
        }
        plain => {
            let text = match plain {
                Value::Null => String::new(),
                Value::String(text) => escaped(text).into_owned(),
                other => other.to_string(),
            };
            let _ = write!(out, ">{text}</{name}>");
            return;
        }
    };
    if children.is_empty() {
        return out.push_str("/>");
    }
    out.push('>');
    for (tag, value) in children {
        write_tree(out, depth + 1, &tag, value);
    }
    let _ = write!(out, "\n{indent}</{name}>");
}

fn tag_of(key: &str) -> String {
    let name = element_name(key);
    if name == key {
        return key.to_owned();
    }
    format!("{name} key=\"{}\"", attribute(key))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_document_is_that_of_a_tree(data in testing::json()) {
        let mut tree = DECLARATION.to_owned();
        write_tree(&mut tree, 0, "file_report", &data);
        prop_assert_eq!(document("file_report", &data), tree);
    }

    #[test]
    fn a_quoted_document_is_the_bare_one_in_a_json_string(data in testing::json()) {
        let mut out = b"\"".to_vec();
        let mut writer = XmlWriter::new(DocumentText::quoted(&mut out, usize::MAX), "root").unwrap();
        Filtered::at(&[], &data.to_string(), None).feed(&mut writer).unwrap();
        out.push(b'"');
        let text: String = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(text, document("root", &data));
    }

    #[test]
    fn any_json_survives_a_round_trip(data in testing::json()) {
        let xml = document("file_report", &data);
        let read = Document::parse(&xml).unwrap();
        prop_assert_eq!(read.root_element().tag_name().name(), "file_report");
        assert_read_back(read.root_element(), &data);
    }
}

#[test]
fn documents_are_laid_out_as_ported() {
    let data = json!({
        "plain": "a < b & \"c\"", "none": null, "yes": true, "count": 1.5, "empty": {}, "nothing": [],
        "list": ["x", {"a": 1}, {}, [], [2]], "Dr.Web": 1, "1st": 2, "two words": 3, "": 4, "é\"\n": "\u{1}\r",
    });
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <plain>a &lt; b &amp; "c"</plain>
  <none></none>
  <yes>true</yes>
  <count>1.5</count>
  <empty/>
  <nothing/>
  <list>
    <item index="0">x</item>
    <item index="1">
      <a>1</a>
    </item>
    <item index="2"/>
    <item_list index="3"/>
    <item_list index="4">
      <item index="0">2</item>
    </item_list>
  </list>
  <Dr.Web>1</Dr.Web>
  <item_1st key="1st">2</item_1st>
  <two_words key="two words">3</two_words>
  <item key="">4</item>
  <___ key="é&quot;&#10;">"#;
    let xml = document("root", &data);
    let expected = format!("{expected}\u{fffd}&#13;</___>\n</root>");
    assert_eq!(xml, expected);
}

#[test]
fn a_name_is_never_cut() {
    let key = "k".repeat(300);
    let xml = document("root", &json!({ &key: {} }));
    assert!(xml.contains(&format!("<{key}/>")), "{xml}");
}

#[test]
fn numbers_and_unpaired_surrogates_are_written_as_in_markdown() {
    let digits = "9".repeat(100_000);
    for number in [
        "1e400",
        "18446744073709551616",
        "-0",
        "1E5",
        "0.1e-7",
        &digits,
    ] {
        let xml = document_of("root", &format!(r#"{{"a": [{number}]}}"#));
        assert!(
            xml.contains(&format!("<item index=\"0\">{number}</item>")),
            "{xml}"
        );
    }
    let xml = document_of("root", r#"{"k\ud800": "x\udc00\ud83d\ude00"}"#);
    let expected = "<k_ key=\"k\u{fffd}\">x\u{fffd}\u{1f600}</k_>";
    assert!(xml.contains(expected), "{xml}");
}

#[test]
fn a_value_that_is_not_an_object_is_the_root() {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    for (json, root) in [
        ("null", "<root></root>"),
        ("[]", "<root/>"),
        ("{}", "<root/>"),
        ("\"a\"", "<root>a</root>"),
    ] {
        assert_eq!(document_of("root", json), format!("{head}{root}"));
    }
}

#[test]
fn a_long_text_is_escaped_across_pieces() {
    let text = "é<&\u{1}\r".repeat(5000);
    let xml = document("root", &json!({ &text: &text }));
    let read = Document::parse(&xml).unwrap();
    let element = read.root_element().first_element_child().unwrap();
    let text = text.replace('\u{1}', "\u{fffd}");
    assert_eq!(
        (element.text(), element.attribute("key")),
        (Some(&*text), Some(&*text))
    );
}

#[test]
fn writing_stops_at_the_bound() {
    for json in [
        format!("[{}0]", "0,".repeat(100_000)),
        format!("\"{}\"", "&".repeat(500_000)),
        format!("{{\"{}\":0}}", "&".repeat(500_000)),
    ] {
        let mut out = Vec::new();
        let written = XmlWriter::new(DocumentText::bare(&mut out, 1_000_000), "root")
            .and_then(|mut writer| Filtered::at(&[], &json, None).feed(&mut writer));
        assert_eq!(written, Err(WriteError::TooLarge));
        assert!(out.len() <= 1_000_000);
    }
}
