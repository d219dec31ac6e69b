//! Unusual answers, in every format.

use bytes::Bytes;
use rstest::rstest;

mod budgets;

use super::*;
use crate::indicator::Indicator;
use crate::render::template::Templates;

/// Renders an answer in a format: as a report, an object and a list.
fn shown(body: &str, format: Format, bare: bool) -> [Result<String, RenderError>; 3] {
    let templates = Templates::load(None).unwrap();
    let file = Indicator::file(&"a".repeat(64)).unwrap();
    let view = View {
        bare,
        ..View::new(format, &templates)
    };
    let title = Title::report(&file);
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    [
        report(&bytes, &title, &view),
        object(&bytes, &title, &view),
        list(&[bytes], &title, None, &view),
    ]
    .map(|answer| answer.map(|answer| String::from_utf8(answer.body).unwrap()))
}

#[rstest]
#[case("1e400")]
#[case("18446744073709551616")]
#[case("-0")]
#[case("1E5")]
#[case("0.1e-7")]
#[case(&"7".repeat(100_000))]
fn every_format_copies_numbers_unchanged(#[case] number: &str) {
    let body = format!(
        r#"{{"data": {{"id": {number}, "type": "file", "links": {{"self": {number}}}, "attributes": {{"a": [{number}, {{"b": {number}}}]}},
            "context_attributes": {number}, "error": [{number}]}}, "meta": {{"count": {number}, "x": {number}}}}}"#
    );
    for format in Format::ALL {
        for answer in shown(&body, format, true) {
            let answer = answer.unwrap();
            assert!(answer.matches(number).count() >= 2, "{answer}");
        }
    }
}

#[rstest]
#[case("1e400")]
#[case("18446744073709551616")]
#[case("-0")]
fn a_list_copies_numbers_in_its_meta_and_its_ids(#[case] number: &str) {
    let body = format!(
        r#"{{"meta": {{"x": {number}, "count": {number}, "cursor": "c", "\ud800": ["\udfff"]}}, "links": {{"x": {number}}},
            "data": [{{"id": {number}, "type": "graph", "\ud800": "\ud800", "links": {{"self": {number}}}}}]}}"#
    );
    for format in Format::ALL {
        let [_, _, answer] = shown(&body, format, false);
        let answer = answer.unwrap();
        let meta = format!(r#""meta":{{"cursor":"c","count":{number}}}}}"#);
        assert!(answer.ends_with(&meta), "{answer}");
        let id = match format {
            Format::Json | Format::Raw => format!(r#""id":{number}"#),
            Format::Markdown if number == "-0" => "## graph: `-0`".to_owned(),
            Format::Markdown => format!("## graph: {number}"),
            Format::Xml => format!("<id>{number}</id>"),
        };
        assert!(answer.contains(&id), "{answer}");
    }
    assert_eq!(
        extent(body.as_bytes()),
        Ok(Extent {
            objects: 1,
            cursor: Some("c".to_owned())
        })
    );
}

#[test]
fn an_unpaired_surrogate_anywhere_becomes_a_replacement_character() {
    let body = r#"{"\ud800": 1, "data": {"id": "i\ud800", "type": "t\udc00", "\ud801": 2, "attributes": {"k\ud800": ["v\ud800"]},
        "context_attributes": "\ud800", "error": {"\udfff": "\ud800"}}, "meta": {"cursor": "\ud800c", "\ud800": "\ud800"}}"#;
    for format in Format::ALL {
        for answer in shown(body, format, true) {
            let answer = answer.unwrap();
            assert!(
                !answer.contains("\\ud8") && !answer.contains("\\udc"),
                "{answer}"
            );
            let half = match format {
                Format::Json | Format::Raw => r#""v\ufffd""#,
                Format::Markdown => "`v\u{fffd}`",
                Format::Xml => ">v\u{fffd}<",
            };
            assert!(answer.contains(half), "{answer}");
        }
    }
    let many = format!("{}{}", r#"{"data": [], "meta": {"cursor": "\ud800c"}"#, "}");
    let [_, _, answer] = shown(&many, Format::Json, false);
    let meta = "{\"data\":[],\"format\":\"json\",\"meta\":{\"cursor\":\"\u{fffd}c\"}}";
    assert_eq!(answer.as_deref(), Ok(meta));
}

#[rstest]
#[case::no_object(r#"{"data": [1]}"#)]
#[case::no_data("{}")]
#[case::no_answer("[]")]
#[case::cut(r#"{"data": [{}]"#)]
#[case::followed(r#"{"data": []} x"#)]
#[case::too_deep(&format!(r#"{{"data": [{{"attributes": {}1{}}}]}}"#, "[".repeat(200), "]".repeat(200)))]
#[case::too_deep_beside(&format!(r#"{{"data": [], "links": {}1{}}}"#, "[".repeat(200), "]".repeat(200)))]
fn an_answer_that_is_not_a_list_is_malformed_in_every_format(#[case] body: &str) {
    for format in [Format::Json, Format::Markdown, Format::Xml] {
        let [_, _, answer] = shown(body, format, false);
        assert!(
            matches!(answer, Err(RenderError::Malformed(_))),
            "{answer:?}"
        );
    }
}

#[test]
fn a_to_one_relationship_is_a_list_in_markdown_only() {
    let one = r#"{"data": {"id": "d", "type": "domain", "attributes": {"tld": "test"}}}"#;
    let [_, _, markdown] = shown(one, Format::Markdown, true);
    assert!(
        markdown
            .unwrap()
            .contains("\n\n## domain: d\n\n### Tld\n\ntest\n")
    );
    let [_, _, xml] = shown(one, Format::Xml, true);
    let xml = xml.unwrap();
    assert!(
        xml.contains("<file_report>\n  <id>d</id>\n  <type>domain</type>\n  <attributes>"),
        "{xml}"
    );
    let [_, _, none] = shown(r#"{"data": null}"#, Format::Markdown, true);
    assert_eq!(
        none.unwrap(),
        format!("# File Report: {}\n", "a".repeat(64))
    );
}

/// Each of these numbers becomes a line of two hundred bytes.
#[test]
fn a_document_that_would_be_too_large_is_an_error() {
    let (open, close) = ("[".repeat(100), "]".repeat(100));
    let list = format!("{open}{}0{close}", "0,".repeat(400_000));
    let body =
        format!(r#"{{"data": {{"id": "x", "type": "file", "attributes": {{"a": {list}}}}}}}"#);
    for format in [Format::Markdown, Format::Xml] {
        for answer in shown(&body, format, false) {
            assert_eq!(answer.err(), Some(RenderError::TooLarge), "{format:?}");
        }
    }
    for answer in shown(&body, Format::Json, false) {
        assert!(answer.unwrap().len() > 800_000);
    }
}
