//! Tests of views: the part of an answer that a caller asks for (`docs/for-models.md`).

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    cache::keeping,
    harness::{EICAR, Gateway, KEY, Reply, Upstream},
    submissions::{JSON, post},
};

mod brief;
mod budgets;
mod defang;
mod fields;
mod lists;
mod parameters;
mod relationships;
mod untrusted;
mod verdicts;

/// The formats of documents.
const FORMATS: [&str; 3] = ["json", "markdown", "xml"];

/// The stand-in's file whose names read like instructions, a URL and a domain of that kind.
const STRANGER: &str =
    "/api/v1/files/cae276ab12897283230cb8236a6f346c966d1f8179a4a48bd175c54548b6f784";
const STRANGER_URL: &str =
    "/api/v1/urls/analyze?url=https%3A%2F%2Flogin.helpful-notes.test%2Freset%3Fstep%3D2";
const STRANGER_DOMAIN: &str = "/api/v1/domains/helpful-notes.test";
/// The stand-in's report of about 300 KB.
const LARGE: &str =
    "/api/v1/files/2eb46aaf315d17b234f150a1863341d4372935ef18fdb94e3a6d5016819e1364";
/// A popular domain, and a URL of it, each with one detection.
const PORTAL: &str = "/api/v1/domains/portal.example";
const PORTAL_URL: &str = "/api/v1/urls/analyze?url=https%3A%2F%2Fportal.example%2Fdownloads%2F";
/// A report on a file, a URL, a domain and an IP address, with the roots of their documents.
const REPORTS: [(&str, &str); 4] = [
    (
        "/api/v1/files/de7c07af483769cd3e4e511c91fa416f57dd0f5336e3580bba33d22827ba1185",
        "file_report",
    ),
    (
        "/api/v1/urls/d62eb9dc395f1df408ed521744ff3492ecc85382c12c5ca3284eb0d1b7dcc721",
        "url_report",
    ),
    ("/api/v1/domains/bank-secure.example", "domain_report"),
    ("/api/v1/ips/203.0.113.7", "ip_report"),
];

/// Starts a gateway with a cache before the stand-in.
async fn demo() -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    (upstream, gateway)
}

/// Adds parameters to a path that may have some.
fn with(path: &str, query: &str) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}{query}")
}

/// Returns the number of tokens of a text by the tokenizer of o200k.
fn tokens(text: &str) -> usize {
    bpe_openai::o200k_base().count(text)
}

/// Returns the text whose tokens count: the JSON of `data`, or the document in it.
fn shown(reply: &Reply) -> String {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }
    assert_eq!(reply.status, 200, "{}", reply.text());
    let envelope: Envelope<'_> = serde_json::from_slice(&reply.body).unwrap();
    match serde_json::from_str(envelope.data.get()) {
        Ok(Value::String(document)) => document,
        _ => envelope.data.get().to_owned(),
    }
}

/// Returns the `meta` of a 200, or null.
fn meta(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["meta"].take()
}

/// Returns the keys of an object in their order.
fn keys(object: &Value) -> Vec<&str> {
    let object = object.as_object().unwrap();
    object.keys().map(String::as_str).collect()
}

/// Returns a path for every kind of read: reports, lists, searches, behaviour, an analysis, and the
/// target of a relationship to one object.
async fn reads(gateway: &Gateway) -> Vec<String> {
    let mut all = Vec::new();
    for (report, _) in REPORTS {
        all.push(report.to_owned());
    }
    for report in [STRANGER, STRANGER_URL, PORTAL_URL] {
        all.push(report.to_owned());
    }
    let [(trojan, _), (url, _), (domain, _), (ip, _)] = REPORTS;
    for path in [
        format!("{trojan}/relationships/contacted_ips?limit=14"),
        format!("{trojan}/relationships/dropped_files?limit=45"),
        format!("{trojan}/relationships/behaviours"),
        format!("{trojan}/relationships/contacted_urls?descriptors_only=true"),
        format!("{domain}/relationships/historical_whois"),
        format!("{domain}/relationships/historical_ssl_certificates"),
        format!("{ip}/relationships/resolutions"),
        format!("{url}/relationships/last_serving_ip_address"),
        format!("/api/v1/files/{EICAR}/relationships/execution_parents"),
        format!("/api/v1/files/{EICAR}/relationships/bundled_files"),
        format!("{trojan}/comments"),
        format!("{domain}/votes"),
        format!("{trojan}/behaviour_summary"),
        format!("{trojan}/behaviour_mitre_trees"),
        "/api/v1/search?query=example.com".to_owned(),
        "/api/v1/intelligence/search?query=type:peexe".to_owned(),
        analysis(gateway).await,
    ] {
        all.push(path);
    }
    all
}

/// Completes an analysis and returns its path.
async fn analysis(gateway: &Gateway) -> String {
    let started = post(gateway, "/api/v1/ips/192.0.2.99/analyse", JSON, "").await;
    let path = started.header("location").unwrap().to_owned();
    for _ in 0..3 {
        gateway.get(&path).await;
    }
    path
}

#[tokio::test]
async fn every_view_and_format_of_every_read_costs_one_lookup() {
    let (upstream, gateway) = demo().await;
    for path in reads(&gateway).await {
        assert_eq!(gateway.get(&path).await.status, 200, "{path}");
        let calls = upstream.count();
        for view in ["standard", "full", "brief"] {
            for format in FORMATS {
                let asked = with(&path, &format!("view={view}&format={format}"));
                let reply = gateway.get(&asked).await;
                assert_eq!(reply.status, 200, "{asked}: {}", reply.text());
                assert_eq!(reply.json()["format"], format);
                assert_eq!(reply.header("x-cache"), Some("HIT"), "{asked}");
                let text = shown(&reply);
                match format {
                    "xml" => drop(roxmltree::Document::parse(&text).unwrap()),
                    "markdown" => assert!(text.ends_with('\n') && text.len() > 10, "{asked}"),
                    _ => assert!(reply.data().is_object() || reply.data().is_array()),
                }
            }
        }
        assert_eq!(upstream.count(), calls, "{path}");
    }
}

#[tokio::test]
async fn a_bare_document_of_a_view_equals_the_enveloped_one() {
    let (_upstream, gateway) = demo().await;
    let queries = ["view=brief", "view=full", "view=brief&max_tokens=80"];
    for path in reads(&gateway).await {
        for query in queries {
            for (format, accept, media) in [
                ("markdown", "text/markdown", "text/markdown; charset=utf-8"),
                ("xml", "application/xml", "application/xml; charset=utf-8"),
            ] {
                let path = with(&path, query);
                let headers = [("x-api-key", KEY), ("accept", accept)];
                let bare = gateway.get_with(&path, &headers).await;
                assert_eq!(
                    (bare.status, bare.header("content-type")),
                    (200, Some(media))
                );
                let enveloped = gateway.get(&with(&path, &format!("format={format}"))).await;
                assert_eq!(bare.text(), enveloped.document(), "{path}");
            }
        }
    }
}

/// Parameters that each ask for another view of the same report.
const OTHER_VIEWS: [&str; 15] = [
    "view=full",
    "view=brief",
    "view=brief&untrusted=show",
    "fields=names,size",
    "fields=names",
    "max_tokens=900",
    "max_tokens=901&fields=names",
    "max_tokens=200",
    "untrusted=mark",
    "untrusted=withhold",
    "format=markdown",
    "format=markdown&defang=true",
    "format=xml&defang=true",
    "format=markdown&view=brief",
    "format=xml&view=brief&max_tokens=120",
];

#[tokio::test]
async fn a_different_view_is_a_different_view_of_the_same_lookup() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--rate-limit-per-minute", "9"]).await;
    let first = gateway.get(STRANGER).await;
    assert_eq!(first.number("x-ratelimit-remaining"), Some(8));
    let mut bodies = vec![first.body];
    // A view is cached from the second time on, and must not be mistaken for another one.
    for round in 0..3 {
        for (at, query) in OTHER_VIEWS.iter().enumerate() {
            let reply = gateway.get(&with(STRANGER, query)).await;
            assert_eq!(reply.status, 200, "{query}: {}", reply.text());
            assert_eq!(reply.header("x-cache"), Some("HIT"), "{query}");
            assert_eq!(reply.number("x-ratelimit-remaining"), Some(8), "{query}");
            if round == 0 {
                assert!(!bodies.contains(&reply.body), "{query}");
                bodies.push(reply.body);
            } else {
                assert_eq!(reply.body, bodies[at + 1], "{query}");
            }
        }
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn the_etag_of_a_view_is_a_304_for_that_view_only() {
    let (_upstream, gateway) = demo().await;
    let plain = gateway.get(STRANGER).await;
    let mut last = plain.header("etag").unwrap().to_owned();
    for query in OTHER_VIEWS {
        let path = with(STRANGER, query);
        let etag = gateway.get(&path).await.header("etag").unwrap().to_owned();
        for (tag, status) in [(&etag, 304), (&last, 200)] {
            let headers = [("x-api-key", KEY), ("if-none-match", tag)];
            let reply = gateway.get_with(&path, &headers).await;
            assert_eq!(reply.status, status, "{query}");
            assert_eq!(reply.header("etag"), Some(&*etag), "{query}");
        }
        last = etag;
    }
}

#[tokio::test]
async fn full_shows_everything_that_raw_does() {
    let (_upstream, gateway) = demo().await;
    for path in reads(&gateway).await {
        let full = gateway.get(&with(&path, "view=full")).await;
        let raw = gateway.get(&with(&path, "format=raw")).await;
        let (full, raw) = (full.data(), raw.data());
        // JSON shows the descriptor of one object that is no report; raw shows its attributes.
        let full = match full.get("attributes") {
            Some(attributes) => attributes,
            None => &full,
        };
        let Value::Array(items) = full else {
            assert_eq!(full.to_string(), raw.to_string(), "{path}");
            continue;
        };
        for (item, raw) in items.iter().zip(raw.as_array().unwrap()) {
            for key in keys(item) {
                assert_eq!(item[key].to_string(), raw[key].to_string(), "{path}");
            }
            assert_eq!(item.get("attributes"), raw.get("attributes"), "{path}");
        }
        assert_eq!(items.len(), raw.as_array().unwrap().len(), "{path}");
    }
}

#[tokio::test]
async fn sizes_are_in_meta_only_with_brief_or_a_budget() {
    let (_upstream, gateway) = demo().await;
    let sizes = ["tokens", "complete", "omitted", "shown"];
    for path in reads(&gateway).await {
        for format in FORMATS {
            for query in [
                "view=standard",
                "view=full",
                "fields=size",
                "untrusted=mark",
            ] {
                let path = with(&path, &format!("{query}&format={format}"));
                let meta = meta(&gateway.get(&path).await);
                assert!(
                    sizes.iter().all(|key| meta.get(key).is_none()),
                    "{path}: {meta}"
                );
            }
            for query in ["view=brief", "max_tokens=100000"] {
                let path = with(&path, &format!("{query}&format={format}"));
                let meta = meta(&gateway.get(&path).await);
                assert!(meta["tokens"].is_u64(), "{path}: {meta}");
                assert_eq!(meta["complete"], true, "{path}: {meta}");
                assert!(meta["omitted"].is_array(), "{path}: {meta}");
                assert!(meta.get("shown").is_none(), "{path}: {meta}");
            }
        }
    }
}

#[tokio::test]
async fn a_request_that_names_nothing_of_a_view_gets_data_and_format_only() {
    let (_upstream, gateway) = demo().await;
    for path in [STRANGER, PORTAL] {
        let body = gateway.get(path).await.json();
        let keys: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["data", "format"], "{path}");
    }
}
