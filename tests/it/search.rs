//! Tests of both searches: the one for every key, and the one for premium keys (`docs/http-api.md`).

use std::collections::HashSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    errors::is_well_formed,
    harness::{EICAR, Folder, Gateway, KEY, Reply, TROJAN, Upstream, failure, ok},
    relationships::demo,
};

/// Both searches: path, highest limit, title and root of documents.
const BOTH: [(&str, usize, &str, &str); 2] = [
    ("search", 100, "Search", "search"),
    (
        "intelligence/search",
        300,
        "Intelligence search",
        "intelligence_search",
    ),
];

/// Starts a gateway before an upstream that gives every request the same answer.
async fn answering(body: &Value) -> (Upstream, Gateway) {
    let upstream = Upstream::always(ok(body.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

/// Searches for this text; `rest` is the rest of the query.
async fn find(gateway: &Gateway, which: &str, text: &str, rest: &str) -> Reply {
    let text = utf8_percent_encode(text, NON_ALPHANUMERIC);
    gateway
        .get(&format!("/api/v1/{which}?query={text}{rest}"))
        .await
}

fn ids(data: &Value) -> Vec<&str> {
    let items = data.as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap()).collect()
}

/// Returns objects of several types, with more in them than the default templates show.
fn mixed() -> Value {
    let attributes = json!({"md5": "m", "size": 7, "jarm": "j", "network": "n"});
    json!({"data": [
        {"id": "f", "type": "file", "links": {"self": "x"}, "attributes": attributes,
            "context_attributes": {"snippet": "s", "confidence": 1.0}},
        {"id": "u", "type": "url", "attributes": {"url": "http://a.example/", "html_meta": {"a": 1}}},
        {"id": "d", "type": "domain", "attributes": attributes},
        {"id": "i", "type": "ip_address", "attributes": attributes},
        {"id": "c", "type": "comment", "attributes": attributes},
        {"id": "g", "type": "file", "error": {"code": "NotFoundError"}},
    ], "meta": {"count": 6, "cursor": "a&b=c +%2B"}, "links": {"self": "x"}})
}

#[tokio::test]
async fn parameters_reach_virustotal() {
    let (upstream, gateway) = answering(&json!({"data": []})).await;
    for (query, sent) in [
        ("query=eicar", "query=eicar&limit=10"),
        ("query=a+b%20c", "query=a%20b%20c&limit=10"),
        ("query=p%3A5%2B", "query=p%3A5%2B&limit=10"),
        (
            "query=%23tag%26limit%3D9%3F%2F..",
            "query=%23tag%26limit%3D9%3F%2F..&limit=10",
        ),
        (
            "query=%22a%20b%22%20or%20'c'",
            "query=%22a%20b%22%20or%20%27c%27&limit=10",
        ),
        ("query=\"a:b\"", "query=%22a%3Ab%22&limit=10"),
        (
            "query=тест%20%F0%9F%98%80",
            "query=%D1%82%D0%B5%D1%81%D1%82%20%F0%9F%98%80&limit=10",
        ),
        ("query=%2541", "query=%2541&limit=10"),
        (
            "query=http://a.example/?b=1",
            "query=http%3A%2F%2Fa.example%2F%3Fb%3D1&limit=10",
        ),
        ("query=%20a%20", "query=%20a%20&limit=10"),
        (
            "query=a&cursor=b%26limit%3D9+%2B%3D%25",
            "query=a&limit=10&cursor=b%26limit%3D9%20%2B%3D%25",
        ),
        ("query=a&cursor=", "query=a&limit=10"),
        ("query=a&order=size-", "query=a&limit=10&order=size-"),
        ("query=a&order=size%2B", "query=a&limit=10&order=size%2B"),
        ("query=a&order=size+", "query=a&limit=10&order=size%2B"),
        (
            "query=a&order=last_submission_date",
            "query=a&limit=10&order=last_submission_date",
        ),
        (
            "query=a&descriptors_only=true",
            "query=a&limit=10&descriptors_only=true",
        ),
        ("query=a&descriptors_only=false", "query=a&limit=10"),
        (
            "descriptors_only=true&order=size-&cursor=x&limit=7&query=a",
            "query=a&limit=7&cursor=x&order=size-&descriptors_only=true",
        ),
        (
            "query=a&format=raw&wait=5&template_name=vt4ai_file_basics",
            "query=a&limit=10",
        ),
    ] {
        for (which, ..) in BOTH {
            let reply = gateway.get(&format!("/api/v1/{which}?{query}")).await;
            assert_eq!(reply.status, 200, "{query}: {}", reply.text());
            let call = upstream.calls().pop().unwrap();
            let target = format!("/api/v3/{which}?{sent}");
            assert_eq!((&*call.method, &*call.target), ("GET", &*target));
            assert_eq!(call.header("x-apikey"), Some(KEY));
        }
    }
    assert_eq!(upstream.count(), 2 * 20);
}

#[rstest]
#[case::one(0, 1, 1)]
#[case::a_page(0, 40, 40)]
#[case::more_than_a_page(0, 41, 40)]
#[case::most(0, 100, 40)]
#[case::one_hit(1, 1, 1)]
#[case::a_page_of_hits(1, 41, 41)]
#[case::most_hits(1, 300, 300)]
#[tokio::test]
async fn one_page_costs_one_lookup_at_any_limit(
    #[case] which: usize,
    #[case] limit: usize,
    #[case] asked: usize,
) {
    let upstream = Upstream::always(ok(mixed().to_string())).await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    let reply = find(&gateway, BOTH[which].0, "a", &format!("&limit={limit}")).await;
    assert_eq!(
        (reply.status, reply.number("x-ratelimit-remaining")),
        (200, Some(3))
    );
    let target = format!("/api/v3/{}?query=a&limit={asked}", BOTH[which].0);
    assert_eq!(upstream.targets(), [target]);
    // The answer says that there are more results.
    assert_eq!(
        reply.json()["meta"],
        json!({"cursor": "a&b=c +%2B", "count": 6})
    );
    assert!(reply.header("link").is_some());
}

#[tokio::test]
async fn a_bad_parameter_spends_nothing() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    for (query, name) in [
        ("", "query"),
        ("query=", "query"),
        ("query", "query"),
        ("query=+%20%09%0A", "query"),
        ("query=a&query=a", "query"),
        ("query=%ff", "query"),
        ("query=a&Cursor=x", "Cursor"),
        ("query=a&limit=0", "limit"),
        ("query=a&limit=301", "limit"),
        ("query=a&limit=-1", "limit"),
        ("query=a&limit=", "limit"),
        ("query=a&limit=1.5", "limit"),
        ("query=a&limit=1&limit=2", "limit"),
        ("query=a&cursor=x&cursor=y", "cursor"),
        ("query=a&order=", "order"),
        ("query=a&order=-size", "order"),
        ("query=a&order=size%2B-", "order"),
        ("query=a&order=size--", "order"),
        ("query=a&order=size++", "order"),
        ("query=a&order=Size-", "order"),
        ("query=a&order=size%20x", "order"),
        ("query=a&order=size%26limit%3D9", "order"),
        ("query=a&order=-", "order"),
        ("query=a&order=size-&order=size-", "order"),
        ("query=a&descriptors_only=yes", "descriptors_only"),
        ("query=a&descriptors_only=", "descriptors_only"),
        ("query=a&format=pdf", "format"),
        ("query=a&template_name=nonsense", "template_name"),
    ] {
        for (which, ..) in BOTH {
            let reply = gateway.get(&format!("/api/v1/{which}?{query}")).await;
            assert_eq!(
                (reply.status, reply.number("x-ratelimit-remaining")),
                (400, Some(4)),
                "{query}"
            );
            is_well_formed(&reply);
            let start = format!("Error retrieving search results: parameter `{name}`: ");
            assert!(reply.detail().starts_with(&start), "{}", reply.detail());
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn each_search_has_its_own_limit() {
    let (_upstream, gateway) = demo().await;
    for (which, most, ..) in BOTH {
        for (limit, status) in [(most, 200), (most + 1, 400)] {
            let reply = find(&gateway, which, "example", &format!("&limit={limit}")).await;
            assert_eq!(reply.status, status, "{which}: {limit}");
            if status == 400 {
                let most = format!("from 1 to {most}");
                assert!(reply.detail().contains(&most), "{}", reply.detail());
            }
        }
    }
}

#[tokio::test]
async fn each_result_is_filtered_by_its_own_type() {
    let (_upstream, gateway) = answering(&mixed()).await;
    for (which, ..) in BOTH {
        let data = find(&gateway, which, "a", "").await.data();
        let keys = |at: usize| {
            let attributes = data[at]["attributes"].as_object().unwrap();
            attributes.keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(keys(0), "size jarm network");
        assert_eq!(keys(2), "md5 size network");
        assert_eq!(keys(3), "md5 size");
        assert_eq!(keys(4), "md5 size jarm network");
        assert_eq!(
            data[0]["context_attributes"],
            mixed()["data"][0]["context_attributes"]
        );
        assert_eq!(data[5], mixed()["data"][5]);
        for item in data.as_array().unwrap() {
            assert_eq!(item.get("links"), None);
        }
        let raw = find(&gateway, which, "a", "&format=raw").await.json();
        assert_eq!(raw["data"].to_string(), mixed()["data"].to_string());
    }
}

#[tokio::test]
async fn a_template_applies_to_results_of_its_type_only() {
    let template = json!({"name": "no_size", "object": "file", "description": "x", "exclude_fields": ["size"]});
    let folder = Folder::new().with("no_size.json", &template.to_string());
    let upstream = Upstream::always(ok(mixed().to_string())).await;
    let flags = ["--templates-dir", folder.path().to_str().unwrap()];
    let gateway = Gateway::before(&upstream, &flags).await;
    for (which, ..) in BOTH {
        let usual = find(&gateway, which, "a", "").await.data();
        let named = find(&gateway, which, "a", "&template_name=no_size").await;
        let named = named.data();
        assert_eq!(
            named[0]["attributes"],
            json!({"md5": "m", "jarm": "j", "network": "n"})
        );
        for at in 1..6 {
            assert_eq!(named[at], usual[at]);
        }
        let raw = find(&gateway, which, "a", "&template_name=no_size&format=raw").await;
        assert_eq!(raw.data(), mixed()["data"]);
    }
}

#[tokio::test]
async fn the_snippet_of_a_hit_is_kept() {
    let (_upstream, gateway) = demo().await;
    let reply = find(
        &gateway,
        "intelligence/search",
        "content:quillback",
        "&limit=3",
    )
    .await;
    for item in reply.data().as_array().unwrap() {
        let snippet = item["context_attributes"]["snippet"].as_str().unwrap();
        assert!(snippet.to_lowercase().contains("quillback"), "{snippet}");
    }
}

/// The stand-in's plain search ignores `descriptors_only`, as VirusTotal's does.
#[rstest]
#[case("search", "example")]
#[case("intelligence/search", "entity:domain example")]
#[tokio::test]
async fn descriptors_are_types_and_ids(#[case] which: &str, #[case] text: &str) {
    let (_upstream, gateway) = demo().await;
    let data = find(&gateway, which, text, "&descriptors_only=true")
        .await
        .data();
    assert!(!data.as_array().unwrap().is_empty());
    for item in data.as_array().unwrap() {
        let mut keys: Vec<_> = item.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["id", "type"]);
    }
    for format in ["markdown", "xml"] {
        let query = format!("&descriptors_only=true&format={format}");
        let document = find(&gateway, which, text, &query).await.document();
        assert!(
            !document.contains("reputation") && !document.contains("Reputation"),
            "{document}"
        );
    }
}

/// Follows `Link` from the first page and returns the items of all pages.
async fn walk(gateway: &Gateway, first: String) -> (Vec<String>, usize) {
    let (mut seen, mut pages, mut next) = (Vec::new(), 0, Some(first));
    while let Some(path) = next {
        let reply = gateway.get(&path).await;
        let body = reply.json();
        assert_eq!(reply.status, 200, "{path}: {body}");
        seen.extend(ids(&body["data"]).into_iter().map(str::to_owned));
        pages += 1;
        let link = reply.header("link");
        assert_eq!(link.is_some(), body["meta"]["cursor"].is_string());
        next = link.map(|link| {
            let path = link.strip_prefix('<').unwrap();
            path.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
        });
    }
    (seen, pages)
}

#[rstest]
#[case::plain("search?query=example", 7)]
#[case::plain_with_a_space("search?query=+exam+ple", 7)]
#[case::hits("intelligence/search?query=entity%3Afile", 20)]
#[case::ordered("intelligence/search?order=size+&query=entity:file", 30)]
#[case::descriptors("intelligence/search?query=entity%3Aip&descriptors_only=true", 6)]
#[tokio::test]
async fn walking_all_pages_finds_each_object_once(#[case] query: &str, #[case] limit: usize) {
    let (upstream, gateway) = demo().await;
    let path = format!("/api/v1/{query}&limit={limit}");
    let count = gateway.get(&path).await.json()["meta"]["count"]
        .as_u64()
        .unwrap();
    let count = usize::try_from(count).unwrap();
    let (seen, pages) = walk(&gateway, path).await;
    let distinct: HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (count, count));
    assert_eq!(pages, count.div_ceil(limit));
    assert!(pages > 1);
    assert_eq!(upstream.count(), pages + 1);
}

#[tokio::test]
async fn the_order_is_kept_across_pages() {
    let (_upstream, gateway) = demo().await;
    for (order, is_rising) in [("size-", false), ("size%2B", true)] {
        let path = format!("/api/v1/intelligence/search?query=type:exe&order={order}&limit=3");
        let mut next = Some(path);
        let mut sizes = Vec::new();
        while let Some(path) = next {
            let body = gateway.get(&path).await.json();
            let items = body["data"].as_array().unwrap();
            sizes.extend(
                items
                    .iter()
                    .map(|it| it["attributes"]["size"].as_u64().unwrap()),
            );
            let cursor = body["meta"]["cursor"].as_str();
            next = cursor.map(|cursor| {
                let cursor = utf8_percent_encode(cursor, NON_ALPHANUMERIC);
                format!("/api/v1/intelligence/search?query=type:exe&order={order}&limit=3&cursor={cursor}")
            });
        }
        let mut sorted = sizes.clone();
        sorted.sort_unstable();
        if !is_rising {
            sorted.reverse();
        }
        assert!(sizes.len() > 3);
        assert_eq!(sizes, sorted, "{order}");
    }
}

#[tokio::test]
async fn intelligence_search_needs_a_premium_key() {
    let (_upstream, gateway) = demo().await;
    let public = [("x-api-key", "public-key")];
    let reply = gateway
        .get_with("/api/v1/search?query=example.com", &public)
        .await;
    assert_eq!(ids(&reply.data()), ["example.com"]);
    let path = "/api/v1/intelligence/search?query=example.com";
    let reply = gateway.get_with(path, &public).await;
    is_well_formed(&reply);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (403, "ForbiddenError")
    );
    assert!(
        reply
            .detail()
            .starts_with("Error retrieving search results: ")
    );
}

#[tokio::test]
async fn documents_contain_the_query() {
    let (_upstream, gateway) = answering(&mixed()).await;
    for (text, shown) in [
        ("example.com", "`example.com`"),
        ("type:exe p:5", "type:exe p:5"),
        ("#phishing", "`#phishing`"),
        (
            "<img src=x> [x](http://evil.example)",
            "`<img src=x> [x](http://evil.example)`",
        ),
        ("http://evil.example/", "`http://evil.example/`"),
    ] {
        for (which, _, title, root) in BOTH {
            let markdown = find(&gateway, which, text, "&format=markdown")
                .await
                .document();
            let start = format!("# {title}: {shown}\n\n## file: f\n\n### Size\n");
            assert!(markdown.starts_with(&start), "{markdown}");
            assert_eq!(markdown.matches("\n## ").count(), 6);
            assert!(markdown.contains("\n### Context Attributes\n"));
            let xml = find(&gateway, which, text, "&format=xml").await.document();
            let parsed = roxmltree::Document::parse(&xml).unwrap();
            assert_eq!(parsed.root_element().tag_name().name(), root);
            let items = parsed.root_element().children();
            assert_eq!(items.filter(|it| it.has_tag_name("item")).count(), 6);
            for (media, document) in [("text/markdown", &markdown), ("text/xml", &xml)] {
                let query = utf8_percent_encode(text, NON_ALPHANUMERIC);
                let headers = [("x-api-key", KEY), ("accept", media)];
                let path = format!("/api/v1/{which}?query={query}");
                let bare = gateway.get_with(&path, &headers).await;
                assert_eq!((bare.status, bare.text()), (200, &**document));
                let next = format!("<{path}&cursor=a%26b%3Dc%20%2B%252B>; rel=\"next\"");
                assert_eq!(bare.header("link"), Some(&*next));
            }
        }
    }
}

#[tokio::test]
async fn nothing_found_is_an_empty_list() {
    let (_upstream, gateway) = demo().await;
    for (which, _, title, root) in BOTH {
        let text = "nowhere.test";
        let reply = find(&gateway, which, text, "").await;
        let expected = r#"{"data":[],"format":"json","meta":{"count":0}}"#;
        assert_eq!((reply.text(), reply.header("link")), (expected, None));
        let markdown = find(&gateway, which, text, "&format=markdown")
            .await
            .document();
        assert_eq!(markdown.trim_end(), format!("# {title}: `{text}`"));
        let xml = find(&gateway, which, text, "&format=xml").await.document();
        let parsed = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(parsed.root_element().tag_name().name(), root);
    }
}

#[tokio::test]
async fn an_indicator_in_the_query_is_found() {
    let (_upstream, gateway) = demo().await;
    for (text, id) in [
        ("44d88612fea8a8f36de82e1278abb02f", EICAR),
        (
            "https://example.com/",
            "0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7",
        ),
        ("2001:4860:4860::8888", "2001:4860:4860::8888"),
        (TROJAN, TROJAN),
    ] {
        assert_eq!(ids(&find(&gateway, "search", text, "").await.data()), [id]);
    }
}

#[rstest]
#[case(failure(400, "InvalidArgumentError", "Its own words"), 400, 1)]
#[case(failure(400, "UnselectiveContentQueryError", "Its own words"), 400, 1)]
#[case(failure(429, "QuotaExceededError", "Its own words"), 429, 1)]
#[case(ok("<html>"), 502, 1)]
#[case(ok("{}"), 502, 1)]
#[case(ok(r#"{"data": ["x"]}"#), 502, 1)]
#[tokio::test]
async fn virustotals_errors_are_passed_on(
    #[case] answer: Vec<u8>,
    #[case] status: u16,
    #[case] calls: usize,
) {
    for (which, ..) in BOTH {
        let upstream = Upstream::always(answer.clone()).await;
        let gateway = Gateway::before(&upstream, &[]).await;
        assert_eq!(
            gateway
                .get_with(&format!("/api/v1/{which}?query=a"), &[])
                .await
                .status,
            401
        );
        let reply = find(&gateway, which, "a", "").await;
        is_well_formed(&reply);
        assert_eq!(
            (reply.status, upstream.count()),
            (status, calls),
            "{}",
            reply.text()
        );
        let words = matches!(status, 400 | 429);
        assert_eq!(reply.detail().ends_with("Its own words"), words);
        assert!(
            reply
                .detail()
                .starts_with("Error retrieving search results: ")
        );
    }
}

#[rstest]
#[case("evil[.]com", "evil.com")]
#[case("hxxp://evil[.]com/a[.]b", "http://evil.com/a[.]b")]
#[case("1.2.3[.]4", "1.2.3.4")]
#[case("2001[:]db8[:][:]1", "2001:db8::1")]
#[case("name(.)x y", "name(.)x y")]
#[case("a[.]b/c", "a[.]b/c")]
#[tokio::test]
async fn a_defanged_indicator_is_refanged_in_a_search(#[case] given: &str, #[case] meant: &str) {
    let (upstream, gateway) = answering(&json!({"data": []})).await;
    for (which, text) in [("search", meant), ("intelligence/search", given)] {
        find(&gateway, which, given, "").await;
        let call = upstream.calls().pop().unwrap();
        let query = call.target.split(['=', '&']).nth(1).unwrap();
        let query = percent_encoding::percent_decode_str(query)
            .decode_utf8()
            .unwrap();
        assert_eq!(query, text);
    }
}
