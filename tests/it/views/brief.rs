//! Tests of `view=brief`: its keys, which are the same in all formats, and its sizes.

use std::collections::HashMap;

use rstest::rstest;
use serde_json::{Value, json};

use super::{PORTAL, REPORTS, STRANGER, demo, keys, meta, reads, shown, tokens, with};
use crate::harness::{EICAR, EICAR_MD5, Gateway, Upstream, file, ok};

/// The keys that all types share: those before the keys of a type, and those after them.
const FIRST: &str = "indicator verdict detections analysed";
const LAST: &str = "reputation votes tags link untrusted";

/// The keys of each type.
const OF_TYPE: [(&str, &str); 4] = [
    (
        "file",
        "label families type size first_seen last_seen submissions signature sandboxes rules distributors",
    ),
    (
        "url",
        "final_url http_status categories threat_names first_seen redirects",
    ),
    (
        "domain",
        "registrar created categories popularity addresses name_servers certificate_issuer",
    ),
    ("ip", "as network country certificate_subject"),
];

/// The objects of the stand-in.
const DEMO: [&str; 7] = [
    include_str!("../../../src/demo/files.json"),
    include_str!("../../../src/demo/urls.json"),
    include_str!("../../../src/demo/domains.json"),
    include_str!("../../../src/demo/ip_addresses.json"),
    include_str!("../../../src/demo/recent.json"),
    include_str!("../../../src/demo/strangers.json"),
    include_str!("../../../src/demo/verdicts.json"),
];

/// Returns the paths of the reports on all objects of the stand-in, with their types.
fn every_report() -> Vec<(&'static str, String)> {
    let mut all = vec![("file", super::LARGE.to_owned())];
    for list in DEMO {
        let list: Value = serde_json::from_str(list).unwrap();
        for object in list.as_array().unwrap() {
            let (kind, collection) = match object["type"].as_str().unwrap() {
                "file" => ("file", "files"),
                "url" => ("url", "urls"),
                "domain" => ("domain", "domains"),
                "ip_address" => ("ip", "ips"),
                _ => continue,
            };
            let id = object["id"].as_str().unwrap();
            all.push((kind, format!("/api/v1/{collection}/{id}")));
        }
    }
    all
}

/// Returns a brief without its last line in Markdown, which does not count towards its size.
fn without_last_line(markdown: &str) -> &str {
    match markdown.split_once("\n\nLeft out: ") {
        Some((brief, _)) => brief,
        None => markdown,
    }
}

#[tokio::test]
async fn a_brief_has_the_keys_of_its_type_only() {
    let (_upstream, gateway) = demo().await;
    let mut seen: HashMap<&str, Vec<String>> = HashMap::new();
    for (kind, path) in every_report() {
        let data = gateway.get(&with(&path, "view=brief")).await.data();
        assert_eq!(data["indicator"]["type"], kind, "{path}");
        let (_, own) = OF_TYPE.iter().find(|(name, _)| *name == kind).unwrap();
        let known: Vec<_> = [FIRST, own, LAST]
            .into_iter()
            .flat_map(str::split_whitespace)
            .collect();
        let found = keys(&data);
        assert!(
            found.iter().all(|key| known.contains(key)),
            "{path}: {data}"
        );
        for key in ["indicator", "verdict", "link"] {
            assert!(found.contains(&key), "{path}: {data}");
        }
        seen.entry(kind)
            .or_default()
            .extend(found.into_iter().map(str::to_owned));
    }
    // The stand-in shows every key of every type.
    for (kind, own) in OF_TYPE {
        for key in [FIRST, own, LAST]
            .into_iter()
            .flat_map(str::split_whitespace)
        {
            // No text of an IP address comes without a key of its own.
            if (kind, key) != ("ip", "untrusted") {
                assert!(seen[kind].iter().any(|found| found == key), "{kind}: {key}");
            }
        }
    }
}

/// Checks the values of a brief at any depth.
fn check_values(path: &str, value: &Value) {
    match value {
        Value::Null => panic!("{path}: a null"),
        Value::Array(items) => {
            assert!(!items.is_empty(), "{path}: an empty list");
            let most = match path.rsplit('.').next().unwrap() {
                "tags" => 6,
                "names" if path.ends_with("untrusted.names") => 5,
                "families" | "sandboxes" | "names" | "addresses" => 3,
                "categories" => 4,
                "name_servers" => 2,
                _ => 5,
            };
            assert!(items.len() <= most, "{path}: {} items", items.len());
            for item in items {
                check_values(path, item);
            }
        }
        Value::Object(members) => {
            let is_empty = members.is_empty();
            assert!(!is_empty, "{path}: an empty object");
            for (key, value) in members {
                check_values(&format!("{path}.{key}"), value);
            }
        }
        Value::String(text) => {
            let key = path.rsplit('.').next().unwrap();
            let most = if ["value", "given", "link"].contains(&key) {
                200
            } else {
                80
            };
            assert!(
                text.chars().count() <= most || key == "reason",
                "{path}: {text}"
            );
            assert!(!text.is_empty() && !text.contains('\n'), "{path}: {text:?}");
            if ["date", "first_seen", "last_seen", "created"].contains(&key) {
                assert!(is_date(text), "{path}: {text}");
            }
        }
        _ => {}
    }
}

fn is_date(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|it| if it.is_ascii_digit() { '0' } else { it })
        .collect();
    shape == "0000-00-00"
}

#[tokio::test]
async fn values_are_short_dated_and_never_null() {
    let (_upstream, gateway) = demo().await;
    for (_, path) in every_report() {
        let data = gateway.get(&with(&path, "view=brief")).await.data();
        check_values("", &data);
        let top = data["detections"]
            .get("top")
            .map_or(0, |top| keys(top).len());
        assert!(top <= 5, "{path}: {data}");
    }
}

#[tokio::test]
async fn the_keys_are_the_same_in_all_formats() {
    let (_upstream, gateway) = demo().await;
    for (kind, path) in every_report() {
        let json = gateway.get(&with(&path, "view=brief")).await.data();
        let markdown = gateway
            .get(&with(&path, "view=brief&format=markdown"))
            .await;
        let markdown = markdown.document();
        let lines: Vec<_> = without_last_line(&markdown)
            .lines()
            .map(|line| {
                line.split_once(": ")
                    .unwrap_or_else(|| panic!("{path}: {line}"))
                    .0
            })
            .collect();
        let mut expected = keys(&json);
        let xml = gateway
            .get(&with(&path, "view=brief&format=xml"))
            .await
            .document();
        let xml = roxmltree::Document::parse(&xml).unwrap();
        let root = xml.root_element();
        assert_eq!(root.tag_name().name(), format!("{kind}_report"));
        let elements = root.children().filter(roxmltree::Node::is_element);
        let elements: Vec<_> = elements.map(|it| it.tag_name().name()).collect();
        assert_eq!(elements, expected, "{path}");
        // The link is for people.
        expected.retain(|key| *key != "link");
        assert_eq!(lines, expected, "{path}");
        assert!(!markdown.contains("virustotal.com/gui"), "{path}");
    }
}

#[tokio::test]
async fn a_brief_in_markdown_is_one_fact_a_line_without_headings() {
    let (_upstream, gateway) = demo().await;
    let path = with(REPORTS[0].0, "view=brief&format=markdown");
    let markdown = gateway.get(&path).await.document();
    let facts = without_last_line(&markdown);
    assert!(
        facts
            .lines()
            .all(|line| !line.starts_with('#') && !line.is_empty())
    );
    for fact in [
        "verdict: malicious, ",
        "analysed: 2025-10-09, ",
        "families: quillback",
        "type: Win32 EXE",
    ] {
        assert!(facts.contains(&format!("\n{fact}")), "{facts}");
    }
}

#[tokio::test]
async fn a_brief_keeps_to_its_size() {
    let (_upstream, gateway) = demo().await;
    for (_, path) in every_report() {
        let markdown = gateway
            .get(&with(&path, "view=brief&format=markdown"))
            .await;
        let size = tokens(without_last_line(&markdown.document()));
        assert!(size <= 400, "{path}: {size}");
        let json = gateway.get(&with(&path, "view=brief")).await;
        let json = tokens(&shown(&json));
        assert!(json <= 500, "{path}: {json}");
    }
}

#[rstest]
#[case(&file(EICAR), None)]
#[case(&file(EICAR_MD5), Some(EICAR_MD5))]
#[case(&file("3395856CE81F2B7382DEE72602F798B642F14140"), Some("3395856ce81f2b7382dee72602f798b642f14140"))]
#[case("/api/v1/urls/analyze?url=https%3A%2F%2Fexample.com%2F", None)]
#[case("/api/v1/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8", None)]
#[case(
    "/api/v1/urls/0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7",
    None
)]
#[case(PORTAL, None)]
#[case("/api/v1/ips/8.8.8.8", None)]
#[tokio::test]
async fn given_is_there_where_it_differs(#[case] path: &str, #[case] given: Option<&str>) {
    let (_upstream, gateway) = demo().await;
    let data = gateway.get(&with(path, "view=brief")).await.data();
    let found = data["indicator"]
        .get("given")
        .map(|it| it.as_str().unwrap().to_lowercase());
    assert_eq!(found.as_deref(), given, "{data}");
    if path.contains("/urls/") {
        assert_eq!(data["indicator"]["value"], "https://example.com/");
    }
}

#[tokio::test]
async fn well_known_engines_come_first() {
    let results = json!({
        "Acronis": {"category": "malicious", "result": "a"},
        "Google": {"category": "malicious", "result": "g"},
        "ESET-NOD32": {"category": "suspicious", "result": "e"},
        "Kaspersky": {"category": "undetected", "result": null},
        "Bkav": {"category": "malicious", "result": "b"},
        "Microsoft": {"category": "malicious", "result": "m"},
        "Zoner": {"category": "malicious", "result": "z"},
    });
    let stats =
        json!({"malicious": 5, "suspicious": 1, "undetected": 6, "harmless": 0, "timeout": 3});
    let (_upstream, gateway) = answering(&json!({
        "last_analysis_results": results, "last_analysis_stats": stats, "reputation": 0,
        "total_votes": {"harmless": 0, "malicious": 0}, "tags": [],
    }))
    .await;
    let data = gateway.get(&with(&file(EICAR), "view=brief")).await.data();
    let top = keys(&data["detections"]["top"]);
    assert_eq!(top[..3], ["Microsoft", "ESET-NOD32", "Google"], "{data}");
    assert_eq!(data["detections"]["engines"], 12);
    for zero in ["reputation", "votes", "tags", "untrusted"] {
        assert!(data.get(zero).is_none(), "{data}");
    }
}

/// Starts a gateway before an upstream that has one report on a file, with these attributes.
async fn answering(attributes: &Value) -> (Upstream, Gateway) {
    let data = json!({"id": EICAR, "type": "file", "attributes": attributes});
    let upstream = Upstream::always(ok(json!({"data": data}).to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

#[rstest]
#[case(json!({}))]
#[case(json!([1]))]
#[case(json!({"last_analysis_stats": null, "names": {"a": []}, "tags": "x", "size": "big"}))]
#[case(json!({"last_analysis_stats": {"malicious": -1}, "last_analysis_date": 1e300, "total_votes": []}))]
#[tokio::test]
async fn a_report_of_any_shape_has_a_brief(#[case] attributes: Value) {
    let (_upstream, gateway) = answering(&attributes).await;
    for format in super::FORMATS {
        let path = with(&file(EICAR), &format!("format={format}"));
        let standard = gateway.get(&path).await;
        let brief = gateway.get(&with(&path, "view=brief")).await;
        assert_eq!(brief.status, standard.status, "{path}: {}", brief.text());
    }
}

#[tokio::test]
async fn omitted_says_what_fields_can_ask_for() {
    let (_upstream, gateway) = demo().await;
    for (path, _) in REPORTS.into_iter().chain([(STRANGER, "")]) {
        let meta = meta(&gateway.get(&with(path, "view=brief")).await);
        let omitted = meta["omitted"].as_array().unwrap();
        assert!(!omitted.is_empty() && omitted.len() <= 20, "{path}: {meta}");
        let sizes: Vec<_> = omitted
            .iter()
            .map(|it| it["tokens"].as_u64().unwrap())
            .collect();
        assert!(
            sizes.is_sorted_by(|one, next| one >= next),
            "{path}: {meta}"
        );
        for omitted in omitted {
            let field = omitted["path"].as_str().unwrap();
            let data = gateway
                .get(&with(path, &format!("fields={field}")))
                .await
                .data();
            assert_eq!(keys(&data), [field], "{path}");
        }
    }
}

#[tokio::test]
async fn the_last_line_of_markdown_says_what_was_left_out() {
    let (_upstream, gateway) = demo().await;
    for path in reads(&gateway).await {
        let reply = gateway
            .get(&with(&path, "view=brief&format=markdown"))
            .await;
        let (meta, markdown) = (meta(&reply), reply.document());
        let omitted = meta["omitted"].as_array().unwrap();
        let last = markdown.lines().last().unwrap();
        assert_eq!(
            last.starts_with("Left out: "),
            !omitted.is_empty(),
            "{path}: {markdown}"
        );
        assert!(markdown.matches("Left out: ").count() <= 1, "{markdown}");
        for (at, omitted) in omitted.iter().enumerate() {
            let name = omitted["path"].as_str().unwrap();
            let is_named = last.contains(&format!(" {name} ("));
            assert_eq!(is_named, at < 3, "{path}: {last}: {name}");
        }
    }
}
