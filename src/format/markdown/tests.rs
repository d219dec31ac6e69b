//! Markdown of anything is inert: a `CommonMark` parser with GitHub's extensions says so.

use std::fmt::Write as _;

use comrak::{Arena, Options, nodes::NodeValue, parse_document};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use super::{
    inert::{MAX_RUN, is_hidden, longest_run},
    *,
};
use crate::{format::json::Unreadable, template::filter::Filtered, testing};

/// A document of a value's JSON text.
fn document_of(title: &str, id: &str, json: &str) -> String {
    let mut out = Vec::new();
    let mut writer = Writer::new(Text::bare(&mut out, usize::MAX), title, id).unwrap();
    Filtered::at(&[], json, None).feed(&mut writer).unwrap();
    String::from_utf8(out).unwrap()
}

fn document(title: &str, id: &str, data: &Value) -> String {
    document_of(title, id, &data.to_string())
}

/// A document of a list of items, each with a section for what it carries.
fn list(title: &str, id: &str, items: &[Value]) -> String {
    let mut out = Vec::new();
    let mut writer = Writer::new(Text::bare(&mut out, usize::MAX), title, id).unwrap();
    for item in items {
        let text = |key: &str| item[key].as_str().unwrap_or_default();
        writer.section(text("type"), text("id")).unwrap();
        let attributes = item["attributes"].to_string();
        Filtered::at(&[], &attributes, None)
            .feed(&mut writer)
            .unwrap();
    }
    String::from_utf8(out).unwrap()
}

/// A text as a code span.
fn span(text: &str) -> String {
    let mut out = Vec::new();
    code(&mut Text::bare(&mut out, usize::MAX), text).unwrap();
    String::from_utf8(out).unwrap()
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.autolink = true;
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options
}

/// Headings a parser finds, as levels, and everything it finds that acts.
fn read(markdown: &str) -> (Vec<u8>, Vec<String>) {
    let arena = Arena::new();
    let (mut headings, mut live) = (Vec::new(), Vec::new());
    for node in parse_document(&arena, markdown, &options()).descendants() {
        match &node.data.borrow().value {
            NodeValue::Heading(heading) => headings.push(heading.level),
            value @ (NodeValue::Link(_)
            | NodeValue::Image(_)
            | NodeValue::HtmlBlock(_)
            | NodeValue::HtmlInline(_)
            | NodeValue::BlockQuote
            | NodeValue::Table(_)
            | NodeValue::TaskItem(_)
            | NodeValue::FootnoteReference(_)
            | NodeValue::FootnoteDefinition(_)
            | NodeValue::ThematicBreak) => live.push(format!("{value:?}")),
            _ => {}
        }
    }
    (headings, live)
}

/// The headings that the renderer means, at most; those deep within lists are code.
fn meant(value: &Value, level: usize, headings: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            for value in map.values() {
                headings.push(u8::try_from(level.min(6)).unwrap());
                meant(value, level + 1, headings);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| meant(item, level + 1, headings)),
        _ => {}
    }
}

fn is_subsequence(found: &[u8], meant: &[u8]) -> bool {
    let mut meant = meant.iter();
    found
        .iter()
        .all(|heading| meant.any(|other| other == heading))
}

fn has_hidden(markdown: &str) -> bool {
    markdown.contains(|letter: char| letter != '\n' && letter != '\t' && is_hidden(letter))
}

fn of(value: &Value) -> String {
    document("File Report", "id", &json!({ "key": value }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_in_any_json_acts(data in testing::object(), id in testing::text()) {
        let data = Value::Object(data);
        let markdown = document("File Report", &id, &data);
        let (found, live) = read(&markdown);
        let mut expected = vec![1];
        meant(&data, 1, &mut expected);
        prop_assert!(live.is_empty(), "{live:?} in\n{markdown}");
        prop_assert!(is_subsequence(&found, &expected), "{found:?} in\n{markdown}");
        prop_assert!(!has_hidden(&markdown), "{markdown:?}");
    }

    #[test]
    fn nothing_in_any_list_acts(items in prop::collection::vec(testing::object(), 0..4)) {
        let items: Vec<_> = items.into_iter().map(|attributes| {
            json!({"id": attributes.keys().next(), "type": "file", "attributes": attributes})
        }).collect();
        let markdown = list("File contacted_files", "id", &items);
        let (found, live) = read(&markdown);
        prop_assert!(live.is_empty(), "{live:?} in\n{markdown}");
        let sections: Vec<_> = found.into_iter().filter(|level| *level == 2).collect();
        prop_assert_eq!(sections.len(), items.len());
    }

    #[test]
    fn a_flat_object_has_just_its_headings(texts in prop::collection::vec((testing::key(), testing::text()), 0..5)) {
        let data: Map<_, _> = texts.into_iter().map(|(key, text)| (key, Value::String(text))).collect();
        let count = data.len() + 1;
        let (found, _) = read(&document("File Report", "id", &Value::Object(data)));
        prop_assert_eq!(found, vec![1; count]);
    }

    #[test]
    fn a_text_can_be_read_back(text in "[^\\x00-\\x1f\\x7f-\\u{a0}\\u{ad}\\u{200b}-\\u{ffff}]{1,30}") {
        prop_assume!(!text.chars().any(is_hidden) && text.trim() == text && !text.is_empty());
        let arena = Arena::new();
        let markdown = span(&text);
        let root = parse_document(&arena, &markdown, &Options::default());
        let mut back = String::new();
        for node in root.descendants() {
            match &node.data.borrow().value {
                NodeValue::Code(code) => back.push_str(&code.literal),
                NodeValue::Text(text) => back.push_str(text),
                NodeValue::Emph => back.push('_'),
                _ => {}
            }
        }
        prop_assert!(back == text, "{back:?} of {markdown:?}");
    }
}

#[rstest]
#[case(json!(null), "*None*")]
#[case(json!(true), "**True**")]
#[case(json!(false), "**False**")]
#[case(json!(-1), "`-1`")]
#[case(json!(100.0), "`100.0`")]
#[case(json!("EICAR Test-File (not a virus)"), "EICAR Test-File (not a virus)")]
#[case(json!("  "), "*Empty string*")]
#[case(json!("名前 имя"), "名前 имя")]
#[case(json!("2. second"), "`2. second`")]
#[case(json!("2.5 seconds"), "2.5 seconds")]
#[case(json!("7)"), "`7)`")]
#[case(json!("WWW.example.com"), "`WWW.example.com`")]
#[case(json!("http://x/"), "`http://x/`")]
#[case(json!("-"), "`-`")]
#[case(json!("a`b"), "``a`b``")]
#[case(json!("`a"), "`` `a ``")]
#[case(json!(" a "), "`  a  `")]
#[case(json!("a\u{202e}b\u{e0041}\r"), "`a\\u{202e}b\\u{e0041}\\u{d}`")]
#[case(json!("a\r\nb"), "```\na\nb\n```")]
#[case(json!("a\n```\nb"), "````\na\n```\nb\n````")]
#[case(json!({}), "*No data available*")]
#[case(json!([]), "*No items*")]
#[case(json!(["a", 1, null]), "- a\n- `1`\n- *None*")]
#[case(json!(["a\n# b", "c"]), "- ```\n  a\n  # b\n  ```\n- c")]
#[case(json!([{"a": 1}, {}]), "**1.** \n\n### A\n\n`1`\n\n**2.** \n")]
#[case(json!([["a"], []]), "**1.** Nested list:\n\n  - a\n\n**2.** Nested list:\n\n  *Empty list*")]
#[case(json!(["a", {"b": 2}]), "1. a\n**2.** \n\n### B\n\n`2`\n")]
fn values_are_written_as_ported(#[case] value: Value, #[case] expected: &str) {
    let markdown = of(&value);
    let body = markdown
        .strip_prefix("# File Report: id\n\n# Key\n\n")
        .unwrap();
    assert_eq!(body.trim_end_matches('\n'), expected.trim_end_matches('\n'));
}

#[rstest]
#[case("last_https_certificate", "Last HTTPS Certificate")]
#[case("permhash", "Permhash")]
#[case("url_id", "URL ID")]
#[case("sha256", "SHA256")]
#[case("authentihash", "Authentihash")]
#[case("MIMEType", "Mimetype")]
#[case("K7GW", "K7Gw")]
#[case("KERNEL32.dll", "`Kernel32.Dll`")]
#[case("a\r\nb", "`A\\u{a}B`")]
#[case("#~", "`#~`")]
#[case("", "")]
#[case("a\nb", "`A\\u{a}B`")]
#[case("_x", "` X`")]
fn keys_become_headings(#[case] key: &str, #[case] heading: &str) {
    let mut expected = String::new();
    write!(expected, "# T: id\n\n# {heading}\n\n`1`\n").unwrap();
    assert_eq!(document("T", "id", &json!({ key: 1 })), expected);
}

#[rstest]
#[case(32, "")]
#[case(80, " [a](http://x/)")]
#[case(300, " <b>")]
#[case(80, "\n[a](http://x/)")]
#[case(255, "\n<b>\n")]
#[case(300, "\n<b>\n")]
fn no_run_of_backticks_is_longer_than_a_fence_can_be(#[case] run: usize, #[case] more: &str) {
    let run = "`".repeat(run);
    for text in [format!("{run}{more}"), format!("x{more}\n{run}{more}")] {
        let markdown = of(&json!(text));
        assert!(read(&markdown).1.is_empty(), "{markdown}");
        assert!(longest_run(&markdown) <= MAX_RUN + 1, "{markdown}");
    }
}
