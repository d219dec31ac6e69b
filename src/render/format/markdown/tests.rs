//! Markdown of any data is inert, as judged by a `CommonMark` parser with GitHub's extensions.

use std::fmt::Write as _;

use comrak::{Arena, Options, nodes::NodeValue, parse_document};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::render::hidden::is_hidden;

use super::{
    inert::{MAX_RUN, longest_run},
    *,
};
use crate::{
    render::{format::json::Unreadable, template::filter::Filtered},
    testing,
};

use tree::Tree;

mod tree;

/// Renders the JSON text of a value as a document.
fn document_of(title: &str, id: &str, json: &str) -> String {
    let mut out = Vec::new();
    let mut writer =
        MarkdownWriter::new(DocumentText::bare(&mut out, usize::MAX), title, id).unwrap();
    Filtered::at(&[], json, None).feed(&mut writer).unwrap();
    String::from_utf8(out).unwrap()
}

fn document(title: &str, id: &str, data: &Value) -> String {
    document_of(title, id, &data.to_string())
}

/// Renders a list of items as a document, with a section for each member they have.
fn list(title: &str, id: &str, items: &[Value]) -> String {
    let mut out = Vec::new();
    let mut writer =
        MarkdownWriter::new(DocumentText::bare(&mut out, usize::MAX), title, id).unwrap();
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

/// Renders a text as a code span.
fn span(text: &str) -> String {
    let mut out = Vec::new();
    code(&mut DocumentText::bare(&mut out, usize::MAX), text).unwrap();
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

/// Returns the headings that a parser finds, as levels, and everything it finds that acts as
/// markup.
pub(in crate::render) fn read(markdown: &str) -> (Vec<u8>, Vec<String>) {
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

/// Returns the headings that the renderer intends, at most: those deep within lists are code.
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

pub(in crate::render) fn has_hidden(markdown: &str) -> bool {
    markdown.contains(|letter: char| letter != '\n' && letter != '\t' && is_hidden(letter))
}

fn of(value: &Value) -> String {
    document("File Report", "id", &json!({ "key": value }))
}

/// Returns a document without its code: each line with its code spans emptied, and the indentation
/// of fenced blocks.
fn outside_code(markdown: &str) -> (Vec<String>, Vec<usize>) {
    let (mut lines, mut fences, mut open) = (Vec::new(), Vec::new(), None);
    for line in markdown.split('\n') {
        let fence = line.trim_start_matches([' ', '-']);
        let is_fence = fence.len() > 2 && fence.bytes().all(|byte| byte == b'`');
        match open {
            Some(length) if is_fence && fence.len() == length => open = None,
            Some(_) => {}
            None if is_fence => {
                open = Some(fence.len());
                fences.push(line.len() - line.trim_start().len());
            }
            None => lines.push(without_spans(line)),
        }
    }
    assert_eq!(open, None, "a fence is open at the end of\n{markdown}");
    (lines, fences)
}

/// Empties the code spans of a line. Each ends with as many backticks as it starts with.
fn without_spans(line: &str) -> String {
    let (mut outside, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('`') {
        outside.push_str(&rest[..at]);
        let length = rest[at..].bytes().take_while(|byte| *byte == b'`').count();
        let fence = "`".repeat(length);
        let within = &rest[at + length..];
        let runs = within.match_indices(&fence).find(|(end, _)| {
            !within[..*end].ends_with('`') && !within[end + length..].starts_with('`')
        });
        let (end, _) = runs.unwrap_or_else(|| panic!("a span is open in {line:?}"));
        outside.push_str("``");
        rest = &within[end + length..];
    }
    outside + rest
}

/// Returns everything in a line outside code that a parser could act on, after the writer's own
/// markup.
fn acts(line: &str) -> Option<String> {
    let line = line.trim_start_matches(' ');
    let bare = line.trim_start_matches('#').trim_start_matches(' ');
    let bare = bare.strip_prefix("- ").unwrap_or(bare);
    let number = bare.trim_start_matches("**");
    let after = number.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let bare = match after.strip_prefix(". ").or(after.strip_prefix(".** ")) {
        Some(item) if after.len() < number.len() => item,
        _ => bare,
    };
    let ours = [
        "*None*",
        "**True**",
        "**False**",
        "*No items*",
        "*No data available*",
        "*Empty list*",
        "*Empty string*",
    ];
    if ours.contains(&bare) {
        return None;
    }
    let is_of_word = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    let words = bare.split(|letter: char| !is_of_word(letter));
    let is_host = |word: &str| {
        let labels: Vec<_> = word.trim_matches('.').split('.').collect();
        let last = labels.last().unwrap().chars().collect::<Vec<_>>();
        labels.len() > 1
            && !labels.contains(&"")
            && last.len() > 1
            && last.iter().all(|it| it.is_alphabetic())
    };
    let first: String = bare.chars().take_while(|it| it.is_numeric()).collect();
    let after = &bare[first.len()..];
    let is_list = !first.is_empty()
        && (after.starts_with(". ") || after.starts_with(") ") || matches!(after, "." | ")"));
    let is_odd =
        bare.contains(|letter: char| !(letter.is_alphanumeric() || " .,:;/()-_`".contains(letter)));
    let lower = bare.to_lowercase();
    let is_link = lower.contains("://") || lower.contains("www.") || lower.contains("//localhost");
    (is_list || is_odd || is_link || words.into_iter().any(is_host)).then(|| line.to_owned())
}

/// Converts a key as Python's `str.title` does, and then word by word.
fn words_of(key: &str) -> String {
    let (mut titled, mut within) = (String::new(), false);
    for letter in key.chars() {
        match letter {
            '_' => titled.push(' '),
            _ if within => titled.extend(letter.to_lowercase()),
            _ => titled.extend(letter.to_uppercase()),
        }
        within = letter.is_uppercase() || letter.is_lowercase();
    }
    let mut words = String::new();
    for piece in titled.split_inclusive(|letter: char| !letter.is_alphanumeric()) {
        let end = piece
            .trim_end_matches(|letter: char| !letter.is_alphanumeric())
            .len();
        let mut word = piece[..end].to_owned();
        abbreviate(&mut word, 0);
        words.push_str(&word);
        words.push_str(&piece[end..]);
    }
    words
}

/// Returns whether all letters of a text may stand in a bare one.
fn has_bare_letters(text: &str) -> bool {
    text.chars().all(|letter| match letter {
        ' ' | '.' | ',' | ':' | ';' | '/' | '(' | ')' | '-' | '_' => true,
        _ if letter.is_ascii() => letter.is_ascii_alphanumeric(),
        _ => letter.is_alphanumeric() && !is_hidden(letter),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_key_becomes_words_as_in_python(key in "[a-zA-Z0-9_. é§-]{0,20}|(_?(id|url|sha256|dns|x)){1,4}") {
        let mut words = "before ".to_owned();
        push_words(&mut words, &key);
        prop_assert_eq!(words, format!("before {}", words_of(&key)));
    }

    #[test]
    fn no_bare_text_has_other_letters(text in testing::text()) {
        prop_assert!(!is_bare(&text) || has_bare_letters(&text));
        // A word of them is bare.
        let word: String = text.chars().filter(|letter| letter.is_alphabetic() && !is_hidden(*letter)).collect();
        prop_assert!(word.is_empty() || is_bare(&word), "{}", word);
    }

    #[test]
    fn the_document_is_that_of_a_tree(data in testing::json(), id in testing::text()) {
        let tree = Tree::document("File Report", &id, &data);
        prop_assert_eq!(document("File Report", &id, &data), tree);
    }

    #[test]
    fn a_quoted_document_is_the_bare_one_in_a_json_string(data in testing::json(), id in testing::text()) {
        let mut out = b"\"".to_vec();
        let text = DocumentText::quoted(&mut out, usize::MAX);
        let mut writer = MarkdownWriter::new(text, "File \"Report\"", &id).unwrap();
        Filtered::at(&[], &data.to_string(), None).feed(&mut writer).unwrap();
        out.push(b'"');
        let text: String = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(text, document("File \"Report\"", &id, &data));
    }

    #[test]
    fn no_json_produces_active_markup(data in testing::object(), id in testing::text()) {
        let data = Value::Object(data);
        let markdown = document("File Report", &id, &data);
        let (found, live) = read(&markdown);
        let mut expected = vec![1];
        meant(&data, 1, &mut expected);
        prop_assert!(live.is_empty(), "{live:?} in\n{markdown}");
        prop_assert!(is_subsequence(&found, &expected), "{found:?} in\n{markdown}");
        prop_assert!(!has_hidden(&markdown), "{markdown:?}");
    }

    /// Parsers differ in what is a list or a link, but not in what this test asks.
    #[test]
    fn only_plain_words_appear_outside_code(data in testing::json()) {
        let markdown = of(&data);
        let (lines, fences) = outside_code(&markdown);
        let acting: Vec<_> = lines.iter().skip(1).filter_map(|line| acts(line)).collect();
        prop_assert!(acting.is_empty(), "{acting:?} in\n{markdown}");
        prop_assert!(fences.iter().all(|indent| *indent == 0), "{markdown}");
    }

    #[test]
    fn no_list_produces_active_markup(items in prop::collection::vec(testing::object(), 0..4)) {
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
    fn a_text_survives_a_round_trip(text in "[^\\x00-\\x1f\\x7f-\\u{a0}\\u{ad}\\u{200b}-\\u{ffff}]{1,30}") {
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
#[case("evil.com")]
#[case("EVIL.COM")]
#[case("see evil.co.uk for more")]
#[case("x(evil.com)")]
#[case("evil.com/path")]
#[case("evil.com:8080")]
#[case("evil.com.")]
#[case("evil.com, evil.net")]
#[case("a_b.evil.com")]
#[case("пример.рф")]
#[case("a.网")]
#[case("xn--e1afmkfd.xn--p1ai")]
#[case("host.internal")]
#[case("1.com")]
#[case("a-b.zip")]
#[case("e.evil-site.museum")]
#[case("192.0.2.1:8080")]
#[case("192.0.2.1/x")]
#[case("x //localhost")]
#[case("x;//host/path")]
#[case("ftp://host")]
#[case("mailto:a@b")]
#[case("a@b.example")]
#[case("www.evil")]
#[case("Note :smile: here")]
#[case("x:tada:")]
#[case("١. x")]
#[case("१) x")]
#[case("１.")]
#[case("12) x")]
#[case("[^1]")]
#[case("a|b")]
#[case("$x$")]
#[case("a &amp; b")]
#[case("@user")]
#[case("x\\y")]
#[case("x\ty")]
fn text_that_a_page_could_act_on_becomes_a_code_span(#[case] text: &str) {
    for value in [
        json!(text),
        json!([text]),
        json!([text, {}]),
        json!([[text]]),
    ] {
        let markdown = of(&value);
        assert!(markdown.contains(&format!("`{text}`")), "{markdown}");
    }
    let title = document("File Report", text, &json!({}));
    assert!(
        title.starts_with(&format!("# File Report: `{text}`")),
        "{title}"
    );
}

#[rstest]
#[case("192.0.2.1")]
#[case("192.0.2.0/24")]
#[case("2001:db8::1")]
#[case("2.1.0.22")]
#[case("2003:01:06 03:45:02")]
#[case("U.S. (e.g.)")]
#[case("Version 6.0")]
#[case("a...b")]
#[case("application/octet-stream")]
#[case("a // b")]
#[case("Gen:Variant")]
#[case("Microsoft .NET")]
#[case("x 1. y")]
#[case("d-example.com-1")]
#[case("Microsoft.Win32")]
fn plain_words_are_bare(#[case] text: &str) {
    assert_eq!(
        of(&json!(text)),
        format!("# File Report: id\n\n# Key\n\n{text}\n")
    );
}

#[rstest]
#[case(json!([[[]], "x\n[x](http://evil)"]), "2. `x\\u{a}[x](http://evil)`")]
#[case(json!([["x\r\n<script>"]]), "  - `x\\u{a}<script>`")]
#[case(json!([{}, "x\n![x](y)"]), "2. `x\\u{a}![x](y)`")]
#[case(json!([[{"b": "x\n# y"}]]), "  `x\\u{a}# y`")]
#[case(json!([[{"b": ["x\n- y"]}]]), "  - `x\\u{a}- y`")]
#[case(json!([{"b": "x\n# y"}]), "```\nx\n# y\n```")]
#[case(json!([{"b": ["x\n# y"]}]), "- ```\n  x\n  # y\n  ```")]
fn several_lines_within_nested_lists_become_one_code_span(
    #[case] value: Value,
    #[case] expected: &str,
) {
    let markdown = of(&value);
    assert!(markdown.contains(&format!("\n{expected}\n")), "{markdown}");
}

#[rstest]
#[case("1e400")]
#[case("18446744073709551616")]
#[case("-0")]
#[case("1E5")]
#[case("0.1e-7")]
#[case("100.0")]
#[case("-1.0E+0010")]
#[case(&"9".repeat(100_000))]
fn numbers_are_copied_unchanged(#[case] number: &str) {
    let markdown = document_of(
        "T",
        "i",
        &format!(r#"{{"a": {number}, "b": [{number}], "c": [[{number}], {number}]}}"#),
    );
    let expected = format!(
        "# T: i\n\n# A\n\n`{number}`\n\n# B\n\n- `{number}`\n\n# C\n\n\
         **1.** Nested list:\n\n  - `{number}`\n\n2. `{number}`\n"
    );
    assert_eq!(markdown, expected);
}

#[test]
fn an_unpaired_surrogate_becomes_a_replacement_character() {
    let markdown = document_of(
        "T",
        "i",
        r#"{"k\ud800": "x\udc00\ud83d\ude00", "a": "\ud800"}"#,
    );
    assert_eq!(
        markdown,
        "# T: i\n\n# `K\u{fffd}`\n\n`x\u{fffd}\u{1f600}`\n\n# A\n\n`\u{fffd}`\n"
    );
}

#[test]
fn equal_keys_are_all_shown() {
    assert_eq!(
        document_of("T", "i", r#"{"a":1,"a":2}"#),
        "# T: i\n\n# A\n\n`1`\n\n# A\n\n`2`\n"
    );
}

#[test]
fn writing_stops_at_the_bound() {
    let json = format!(
        "{}{}0{}",
        "[".repeat(100),
        "0,".repeat(100_000),
        "]".repeat(100)
    );
    let mut out = Vec::new();
    let limit = 1_000_000;
    let written = MarkdownWriter::new(DocumentText::quoted(&mut out, limit), "T", "i")
        .and_then(|mut writer| Filtered::at(&[], &json, None).feed(&mut writer));
    assert_eq!(written, Err(WriteError::TooLarge));
    // A line break is two bytes in JSON.
    assert!(out.len() <= 2 * limit, "{}", out.len());
}

#[test]
fn invalid_json_is_reported() {
    let mut out = Vec::new();
    let mut writer = MarkdownWriter::new(DocumentText::bare(&mut out, 1000), "T", "i").unwrap();
    let read = Filtered::at(&[], "[1, [2}", None).feed(&mut writer);
    assert_eq!(read, Err(WriteError::Unreadable(Unreadable::Syntax(6))));
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
#[case("evil_com.example", "`Evil Com.Example`")]
#[case("١. x", "`١. X`")]
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
