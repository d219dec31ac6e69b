//! Tests of comments and votes: reading and adding them (`docs/http-api.md`).

use std::collections::HashSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    errors::is_well_formed,
    harness::{EICAR, Gateway, KEY, TROJAN, UNKNOWN, Upstream, failure, file, ok, send},
    relationships::demo,
    submissions::{JSON, OBJECTS, post},
};

const COMMENTS: &str = "/api/v1/domains/example.com/comments";
const VOTES: &str = "/api/v1/domains/example.com/votes";

/// The nouns in titles of documents and in errors, in the order of [`OBJECTS`].
const TITLES: [(&str, &str); 4] = [
    ("File", "file"),
    ("URL", "URL"),
    ("Domain", "domain"),
    ("IP Address", "IP address"),
];

fn envelope(kind: &str, attribute: &str, value: &str) -> String {
    json!({"data": {"type": kind, "attributes": {attribute: value}}}).to_string()
}

fn ids(data: &Value) -> Vec<&str> {
    let items = data.as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap()).collect()
}

#[rstest]
#[tokio::test]
async fn every_collection_has_comments_and_votes(#[values("comments", "votes")] what: &str) {
    let (upstream, gateway) = demo().await;
    for (object, path) in OBJECTS {
        let reply = gateway
            .get(&format!("/api/v1{object}/{what}?limit=2"))
            .await;
        let body = reply.json();
        assert_eq!(reply.status, 200, "{body}");
        let keys: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["data", "format", "meta"]);
        for item in body["data"].as_array().unwrap() {
            let keys: Vec<_> = item.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["id", "type", "attributes"]);
            assert_eq!(item["type"], what.trim_end_matches('s'));
        }
        let target = format!("/api/v3{path}/{what}?limit=2");
        assert_eq!(upstream.targets().last(), Some(&target));
    }
    assert_eq!(upstream.count(), OBJECTS.len());
}

#[tokio::test]
async fn the_link_leads_to_the_next_page() {
    let (upstream, gateway) = demo().await;
    let mut next = Some(format!("{}/votes?limit=4", file(TROJAN)));
    let mut seen = Vec::new();
    while let Some(path) = next {
        let reply = gateway.get(&path).await;
        let body = reply.json();
        seen.extend(ids(&body["data"]).into_iter().map(str::to_owned));
        assert_eq!(body["meta"]["count"], 14);
        next = reply.header("link").map(|link| {
            let path = link.strip_prefix('<').unwrap();
            path.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
        });
        assert_eq!(next.is_some(), body["meta"]["cursor"].is_string());
    }
    let distinct: HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len(), upstream.count()), (14, 14, 4));
}

#[tokio::test]
async fn a_limit_above_forty_gathers_pages() {
    let (upstream, gateway) = demo().await;
    for n in 0..50 {
        let body = envelope("comment", "text", &format!("comment {n}"));
        assert_eq!(post(&gateway, COMMENTS, JSON, &body).await.status, 200);
    }
    let before = upstream.count();
    let body = gateway.get(&format!("{COMMENTS}?limit=45")).await.json();
    assert_eq!(upstream.count(), before + 2);
    assert_eq!(ids(&body["data"]).len(), 45);
    assert_eq!(body["data"][0]["attributes"]["text"], "comment 49");
    let limits: Vec<_> = upstream.targets()[before..]
        .iter()
        .map(|target| target.split(['=', '&']).nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(limits, ["40", "5"]);
    let cursor = body["meta"]["cursor"].as_str().unwrap();
    let cursor = utf8_percent_encode(cursor, NON_ALPHANUMERIC);
    let rest = gateway
        .get(&format!("{COMMENTS}?limit=100&cursor={cursor}"))
        .await
        .json();
    assert_eq!(ids(&rest["data"]).len(), 6);
    assert_eq!(rest["meta"].get("cursor"), None);
    assert_eq!(rest["data"][4]["attributes"]["text"], "comment 0");
}

#[tokio::test]
async fn a_bad_parameter_of_a_list_spends_nothing() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=1", "limit"),
        ("cursor=a&cursor=a", "cursor"),
        ("format=pdf", "format"),
    ] {
        for ((object, _), (_, noun)) in OBJECTS.into_iter().zip(TITLES) {
            for what in ["comments", "votes"] {
                let path = format!("/api/v1{object}/{what}?{query}");
                let reply = gateway.get(&path).await;
                assert_eq!(
                    (reply.status, reply.number("x-ratelimit-remaining")),
                    (400, Some(4)),
                    "{path}"
                );
                is_well_formed(&reply);
                let start = format!("Error retrieving {noun} {what}: parameter `{name}`: ");
                assert!(reply.detail().starts_with(&start), "{}", reply.detail());
            }
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_list_comes_in_every_format() {
    let (_upstream, gateway) = demo().await;
    for ((object, path), (title, _)) in OBJECTS.into_iter().zip(TITLES) {
        let id = path.rsplit('/').next().unwrap().replace("%3A", ":");
        for what in ["comments", "votes"] {
            let path = format!("/api/v1{object}/{what}");
            let ask = async |format: &str| gateway.get(&format!("{path}?format={format}")).await;
            let json = ask("json").await.data();
            let raw = ask("raw").await.data();
            assert_eq!(ids(&raw), ids(&json));
            assert!(
                raw.as_array()
                    .unwrap()
                    .iter()
                    .all(|it| it["links"].is_object())
            );
            let markdown = ask("markdown").await.document();
            let id = if object.starts_with("/domains/") {
                format!("`{id}`")
            } else {
                id.clone()
            };
            let start = format!("# {title} {what}: {id}");
            assert_eq!(markdown.lines().next(), Some(&*start));
            let count = ids(&json).len();
            let kind = what.trim_end_matches('s');
            assert_eq!(markdown.matches(&format!("\n## {kind}: ")).count(), count);
            let xml = ask("xml").await.document();
            let parsed = roxmltree::Document::parse(&xml).unwrap();
            let root = parsed.root_element();
            assert_eq!(root.tag_name().name(), what);
            let items = root.children().filter(|it| it.has_tag_name("item"));
            assert_eq!(items.count(), count);
            for (media, document) in [("text/markdown", &markdown), ("application/xml", &xml)] {
                let headers = [("x-api-key", KEY), ("accept", media)];
                let bare = gateway.get_with(&path, &headers).await;
                assert_eq!((bare.status, bare.text()), (200, &**document));
            }
        }
    }
}

#[rstest]
#[case::comment(
    "comments",
    r##"{"text": "Bad \"#1\" & <b>\né\u0000 #phishing"}"##,
    "text",
    "Bad \"#1\" & <b>\né\0 #phishing"
)]
#[case::spaces_are_kept("comments", r#"{"text": "  x \n"}"#, "text", "  x \n")]
#[case::malicious("votes", r#"{"verdict": "malicious"}"#, "verdict", "malicious")]
#[case::harmless("votes", r#"{"verdict":"harmless"}"#, "verdict", "harmless")]
#[tokio::test]
async fn writes_reach_virustotal_in_its_envelope(
    #[case] what: &str,
    #[case] short: &str,
    #[case] attribute: &str,
    #[case] value: &str,
) {
    let kind = what.trim_end_matches('s');
    let answer = json!({"data": {"id": "d-x-1", "type": kind, "links": {"self": "x"}, "attributes": {attribute: value}}});
    let upstream = Upstream::always(ok(answer.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let sent = envelope(kind, attribute, value);
    let numbered = format!(
        r#"{{"data": {{"id": "x", "links": {{}}, "attributes": {{"{attribute}": {}}}, "type": "{kind}"}}}}"#,
        json!(value)
    );
    for (object, path) in OBJECTS {
        for body in [short, &sent, &numbered] {
            let path = format!("/api/v1{object}/{what}");
            let reply = post(&gateway, &path, "application/json; charset=utf-8", body).await;
            let expected = json!({"id": "d-x-1", "type": kind, "attributes": {attribute: value}});
            assert_eq!(reply.data().to_string(), expected.to_string());
        }
        for call in upstream.calls().into_iter().rev().take(3) {
            let target = format!("/api/v3{path}/{what}");
            assert_eq!((&*call.method, call.target.as_str()), ("POST", &*target));
            assert_eq!(call.header("content-type"), Some(JSON));
            assert_eq!(
                call.header("content-length"),
                Some(&*sent.len().to_string())
            );
            assert_eq!(call.header("x-apikey"), Some(KEY));
            assert_eq!(String::from_utf8(call.body).unwrap(), sent);
        }
    }
    assert_eq!(upstream.count(), 3 * OBJECTS.len());
}

#[tokio::test]
async fn a_new_comment_is_listed_first() {
    let (upstream, gateway) = demo().await;
    for (object, _) in OBJECTS {
        let path = format!("/api/v1{object}/comments");
        let before = gateway.get(&path).await.json()["meta"]["count"]
            .as_u64()
            .unwrap();
        for text in ["one #fine", "two"] {
            let added = post(&gateway, &path, JSON, &json!({"text": text}).to_string()).await;
            let added = added.data();
            assert_eq!(added["type"], "comment");
            assert_eq!(added["attributes"]["text"], text);
            let body = gateway.get(&path).await.json();
            assert_eq!(body["data"][0], added);
        }
        let body = gateway.get(&path).await.json();
        assert_eq!(body["meta"]["count"], before + 2);
        let twice = post(&gateway, &path, JSON, r#"{"text": "two"}"#).await;
        assert_eq!(
            (twice.status, twice.code().as_str()),
            (409, "AlreadyExistsError")
        );
    }
    assert_eq!(upstream.count(), OBJECTS.len() * 7);
}

#[tokio::test]
async fn a_vote_counts_once() {
    let (_upstream, gateway) = demo().await;
    for ((object, _), (_, noun)) in OBJECTS.into_iter().zip(TITLES) {
        let path = format!("/api/v1{object}/votes");
        let body = r#"{"verdict": "malicious"}"#;
        let added = post(&gateway, &path, JSON, body).await.data();
        assert_eq!(added["attributes"]["verdict"], "malicious");
        assert_eq!(gateway.get(&path).await.data()[0], added);
        let twice = post(&gateway, &path, JSON, body).await;
        is_well_formed(&twice);
        assert_eq!(
            (twice.status, twice.code().as_str()),
            (409, "AlreadyExistsError")
        );
        let start = format!("Error adding {noun} vote: ");
        assert!(twice.detail().starts_with(&start), "{}", twice.detail());
        let changed = post(&gateway, &path, JSON, r#"{"verdict": "harmless"}"#).await;
        assert_eq!(changed.data()["attributes"]["verdict"], "harmless");
        let other = gateway.post_keyless(&path).header("x-apikey", "another");
        let other = send(other.header("content-type", JSON).body(body)).await;
        assert_eq!(other.status, 200, "{}", other.text());
    }
}

#[rstest]
#[case::comment(COMMENTS, r#"{"text": "A text"}"#, "comment", "text", "A text")]
#[case::vote(VOTES, r#"{"verdict": "harmless"}"#, "vote", "verdict", "harmless")]
#[tokio::test]
async fn an_added_object_comes_in_every_format(
    #[case] path: &str,
    #[case] body: &str,
    #[case] kind: &str,
    #[case] attribute: &str,
    #[case] value: &str,
) {
    let attributes = json!({attribute: value});
    let answer = json!({"data": {"type": kind, "id": "d-example.com-1", "links": {"self": "x"}, "attributes": attributes}});
    let upstream = Upstream::always(ok(answer.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let ask =
        async |format: &str| post(&gateway, &format!("{path}?format={format}"), JSON, body).await;
    let object = json!({"id": "d-example.com-1", "type": kind, "attributes": attributes});
    assert_eq!(ask("json").await.data(), object);
    assert_eq!(ask("raw").await.data(), attributes);
    let title = format!("{}{}", kind[..1].to_uppercase(), &kind[1..]);
    let heading = format!("{}{}", attribute[..1].to_uppercase(), &attribute[1..]);
    let markdown = ask("markdown").await.document();
    let expected = format!("# {title}: d-example.com-1\n\n# {heading}\n\n{value}\n");
    assert_eq!(markdown.trim_end(), expected.trim_end());
    let xml = ask("xml").await.document();
    let parsed = roxmltree::Document::parse(&xml).unwrap();
    assert_eq!(parsed.root_element().tag_name().name(), kind);
    let said = parsed.descendants().find(|it| it.has_tag_name(attribute));
    assert_eq!(said.unwrap().text(), Some(value));
    let bare = gateway.post(path).header("accept", "text/markdown");
    let bare = send(bare.header("content-type", JSON).body(body.to_owned())).await;
    assert_eq!((bare.status, bare.text()), (200, &*markdown));
    assert_eq!(
        bare.header("content-type"),
        Some("text/markdown; charset=utf-8")
    );
}

#[tokio::test]
async fn an_invalid_comment_or_vote_spends_nothing() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    for body in [
        "",
        r#"{"text": "x""#,
        r#"{"text": "x"}{"text": "y"}"#,
        r#"{"text": "\ud800"}"#,
        "[]",
        r#"[{"text": "x"}]"#,
        r#"["x"]"#,
        r#"["harmless"]"#,
        r#"[{"type": "comment", "attributes": {"text": "x"}}]"#,
        r#"{"verdict": {"harmless": null}}"#,
        r#""malicious""#,
        "null",
        "{}",
        r#"{"comment": "x"}"#,
        r#"{"text": ""}"#,
        r#"{"text": " \n\t\u00a0"}"#,
        r#"{"text": 1}"#,
        r#"{"text": null}"#,
        r#"{"verdict": "suspicious"}"#,
        r#"{"verdict": "Malicious"}"#,
        r#"{"verdict": ""}"#,
        r#"{"verdict": null}"#,
        r#"{"text": "x", "private": true}"#,
        r#"{"verdict": "harmless", "weight": 9}"#,
        r#"{"text": "x", "verdict": "harmless"}"#,
        r#"{"text": "x", "data": {"type": "comment", "attributes": {"text": "x"}}}"#,
        r#"{"text": "x", "text": "y"}"#,
        r#"{"data": {"type": "graph", "attributes": {"text": "x", "verdict": "harmless"}}}"#,
        r#"{"data": {"attributes": {"text": "x"}}}"#,
        r#"{"data": {"type": "comment"}}"#,
        r#"{"data": {}}"#,
        r#"{"data": [{"type": "comment", "attributes": {"text": "x"}}]}"#,
        r#"{"data": {"type": "comment", "attributes": {"text": " "}}}"#,
        r#"{"data": {"type": "vote", "attributes": {"verdict": "bad"}}}"#,
    ] {
        for (path, doing) in [
            (COMMENTS, "adding domain comment"),
            (VOTES, "adding domain vote"),
        ] {
            let reply = post(&gateway, path, JSON, body).await;
            assert_eq!(
                (reply.status, reply.number("x-ratelimit-remaining")),
                (400, Some(4)),
                "{body}"
            );
            is_well_formed(&reply);
            let start = format!("Error {doing}: ");
            assert!(reply.detail().starts_with(&start), "{}", reply.detail());
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_error_detail_shows_a_valid_body() {
    let (_upstream, gateway) = demo().await;
    for (path, says) in [
        (COMMENTS, r#"{"text": "…"}"#),
        (VOTES, r#"{"verdict": "malicious"}"#),
    ] {
        let reply = post(&gateway, path, JSON, "{}").await;
        assert!(reply.detail().contains(says), "{}", reply.detail());
    }
}

#[rstest]
#[case::none("")]
#[case::form("application/x-www-form-urlencoded")]
#[case::text("text/plain")]
#[case::alike("application/jsonx")]
#[tokio::test]
async fn a_comment_or_vote_is_json(#[case] media: &str) {
    let (upstream, gateway) = demo().await;
    for (path, body) in [
        (COMMENTS, r#"{"text": "x"}"#),
        (VOTES, r#"{"verdict": "harmless"}"#),
    ] {
        let reply = post(&gateway, path, media, body).await;
        is_well_formed(&reply);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (415, "UnsupportedMediaTypeError")
        );
        assert!(
            reply.detail().contains("`application/json`"),
            "{}",
            reply.detail()
        );
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_comment_has_64_kib_at_most() {
    let answer = json!({"data": {"id": "x", "type": "comment", "attributes": {}}});
    let upstream = Upstream::always(ok(answer.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for (length, status) in [(64 * 1024, 200), (64 * 1024 + 1, 413)] {
        let body = json!({"text": "a".repeat(length - r#"{"text":""}"#.len())}).to_string();
        assert_eq!(body.len(), length);
        for path in [COMMENTS, VOTES] {
            let reply = post(&gateway, path, JSON, &body).await;
            let status = if path == VOTES {
                status.max(400)
            } else {
                status
            };
            assert_eq!(reply.status, status, "{path}: {}", reply.text());
        }
    }
    assert_eq!(upstream.count(), 1);
}

/// A hostile comment; several parts of it would be active in Markdown.
const HOSTILE: &str = "# Heading\n\n[x](http://evil.example) <script>alert(1)</script>\n\n![x](http://evil.example/p.png)\n\n- item\n```\n````\n</item><item>\u{202e}\u{200b} www.evil.example";

#[tokio::test]
async fn a_hostile_comment_comes_back_inert() {
    let (_upstream, gateway) = demo().await;
    let added = post(
        &gateway,
        COMMENTS,
        JSON,
        &json!({"text": HOSTILE}).to_string(),
    )
    .await;
    assert_eq!(added.data()["attributes"]["text"], HOSTILE);
    let first = gateway.get(COMMENTS).await.data();
    assert_eq!(first[0]["attributes"]["text"], HOSTILE);
    let body = json!({"text": format!("{HOSTILE}2")}).to_string();
    let added = post(
        &gateway,
        &format!("{COMMENTS}?format=markdown"),
        JSON,
        &body,
    )
    .await;
    let listed = gateway.get(&format!("{COMMENTS}?format=markdown")).await;
    for markdown in [added.document(), listed.document()] {
        assert!(!markdown.contains(['\u{202e}', '\u{200b}']), "{markdown}");
        assert!(markdown.contains("\\u{202e}"), "{markdown}");
        let mut options = comrak::Options::default();
        options.extension.autolink = true;
        options.render.r#unsafe = true;
        let html = comrak::markdown_to_html(&markdown, &options);
        for active in ["<script", "<a ", "<img", "<h1>Heading", "<li>item"] {
            assert!(!html.contains(active), "{active}: {html}");
        }
    }
    let xml = gateway
        .get(&format!("{COMMENTS}?format=xml"))
        .await
        .document();
    let parsed = roxmltree::Document::parse(&xml).unwrap();
    let texts = parsed.descendants().filter(|it| it.has_tag_name("text"));
    assert!(
        texts.into_iter().any(|it| it.text() == Some(HOSTILE)),
        "{xml}"
    );
}

#[rstest]
#[case("comment", r#"{"text": "x"}"#)]
#[case("vote", r#"{"verdict": "harmless"}"#)]
#[tokio::test]
async fn an_unknown_object_has_no_comments_or_votes(#[case] one: &str, #[case] body: &str) {
    let (_upstream, gateway) = demo().await;
    let unknown = [
        format!("files/{UNKNOWN}"),
        "urls/aHR0cDovL3gudGVzdC8".to_owned(),
        "domains/nowhere.test".to_owned(),
        "ips/192.0.2.1".to_owned(),
    ];
    for (object, (_, noun)) in unknown.iter().zip(TITLES) {
        let path = format!("/api/v1/{object}/{one}s");
        let read = gateway.get(&path).await;
        let written = post(&gateway, &path, JSON, body).await;
        for (reply, doing) in [
            (read, format!("retrieving {noun} {one}s")),
            (written, format!("adding {noun} {one}")),
        ] {
            is_well_formed(&reply);
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (404, "NotFoundError")
            );
            let start = format!("Error {doing}: ");
            assert!(reply.detail().starts_with(&start), "{}", reply.detail());
        }
    }
}

#[tokio::test]
async fn a_list_needs_a_key_and_is_retried_but_a_post_is_not() {
    let upstream = Upstream::always(failure(503, "TransientError", "x")).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let path = format!("{}/comments", file(EICAR));
    assert_eq!(gateway.get_with(&path, &[]).await.status, 401);
    assert_eq!(upstream.count(), 0);
    assert_eq!(
        (gateway.get(&path).await.status, upstream.count()),
        (503, 3)
    );
    let reply = post(&gateway, &path, JSON, r#"{"text": "x"}"#).await;
    assert_eq!((reply.status, upstream.count()), (503, 4));
}

#[tokio::test]
async fn only_get_and_post_are_allowed() {
    let (upstream, gateway) = demo().await;
    for path in [COMMENTS, VOTES] {
        for method in ["PUT", "DELETE", "PATCH"] {
            let reply = gateway.ask(method, path).await;
            assert_eq!(reply.status, 405, "{method} {path}");
            assert_eq!(reply.header("allow"), Some("GET,HEAD,POST"));
        }
    }
    assert_eq!(upstream.count(), 0);
}
