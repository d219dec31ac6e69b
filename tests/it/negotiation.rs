//! Tests of the representation of an answer: `format`, `Accept` and `template_name` (`docs/http-api.md`).

use rstest::rstest;

use crate::harness::{EICAR, Gateway, KEY, Upstream, file};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn demo() -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

#[rstest]
#[case::nothing("", "application/json")]
#[case::anything("*/*", "application/json")]
#[case::json("application/json", "application/json")]
#[case::something_else("text/plain, image/png", "application/json")]
#[case::markdown("text/markdown", "text/markdown; charset=utf-8")]
#[case::any_case("TEXT/Markdown", "text/markdown; charset=utf-8")]
#[case::with_parameters("text/markdown; charset=utf-8", "text/markdown; charset=utf-8")]
#[case::xml("application/xml", "application/xml; charset=utf-8")]
#[case::the_other_xml("text/xml", "text/xml; charset=utf-8")]
#[case::markdown_before_the_rest("text/markdown, */*;q=0.1", "text/markdown; charset=utf-8")]
#[case::quality(
    "text/markdown;q=0.4, application/xml;q=0.8",
    "application/xml; charset=utf-8"
)]
#[case::json_preferred("text/markdown;q=0.4, application/json", "application/json")]
#[case::not_at_all("text/markdown;q=0", "application/json")]
#[case::not_at_all_with_wildcard("text/markdown;q=0, */*", "application/json")]
#[case::browser(BROWSER, "application/json")]
#[case::html_beside_markdown("text/markdown, text/html;q=0.1", "application/json")]
#[case::nonsense(";;,=q,/", "application/json")]
#[tokio::test]
async fn accept_selects_the_format(#[case] accept: &str, #[case] media: &str) {
    let (_upstream, gateway) = demo().await;
    let headers = [("x-api-key", KEY), ("accept", accept)];
    let reply = gateway.get_with(&file(EICAR), &headers).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some(media))
    );
    match media {
        "application/json" => assert_eq!(reply.json()["format"], "json"),
        "text/markdown; charset=utf-8" => {
            assert!(
                reply
                    .text()
                    .starts_with(&format!("# File Report: {EICAR}\n"))
            );
        }
        _ => assert!(
            reply
                .text()
                .starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        ),
    }
}

#[tokio::test]
async fn format_beats_accept() {
    let (_upstream, gateway) = demo().await;
    for (format, accept) in [
        ("json", "text/markdown"),
        ("raw", "application/xml"),
        ("xml", "text/markdown"),
        ("markdown", "text/markdown"),
    ] {
        let path = format!("{}?format={format}", file(EICAR));
        let reply = gateway
            .get_with(&path, &[("x-api-key", KEY), ("accept", accept)])
            .await;
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.json()["format"], format);
    }
}

#[tokio::test]
async fn a_bare_document_equals_the_enveloped_one() {
    let (_upstream, gateway) = demo().await;
    let lists = format!("{}/relationships/execution_parents", file(EICAR));
    for path in [file(EICAR), lists] {
        for (format, accept) in [("markdown", "text/markdown"), ("xml", "application/xml")] {
            let bare = gateway
                .get_with(&path, &[("x-api-key", KEY), ("accept", accept)])
                .await;
            let enveloped = gateway.get(&format!("{path}?format={format}")).await;
            assert_eq!(bare.text(), enveloped.document());
        }
    }
}

#[tokio::test]
async fn errors_are_json_regardless_of_accept() {
    let (_upstream, gateway) = demo().await;
    for accept in ["text/markdown", "application/xml", "text/html", "image/png"] {
        for path in ["/api/v1/files/nonsense", "/nowhere"] {
            let reply = gateway
                .get_with(path, &[("x-api-key", KEY), ("accept", accept)])
                .await;
            assert_eq!(
                reply.header("content-type"),
                Some("application/json"),
                "{accept}"
            );
            assert!(!reply.detail().is_empty() && !reply.code().is_empty());
        }
    }
}

#[tokio::test]
async fn a_template_of_the_type_is_applied() {
    let (_upstream, gateway) = demo().await;
    let named = gateway
        .get(&format!("{}?template_name=vt4ai_file_basics", file(EICAR)))
        .await;
    assert_eq!(named.data(), gateway.get(&file(EICAR)).await.data());
}

#[rstest]
#[case::unknown(
    "/api/v1/files/275a021bbfb6489e54d471899f7db9d1",
    "nonsense",
    "vt4ai_file_basics"
)]
#[case::empty(
    "/api/v1/files/275a021bbfb6489e54d471899f7db9d1",
    "",
    "vt4ai_file_basics"
)]
#[case::of_another_type("/api/v1/ips/8.8.8.8", "vt4ai_file_basics", "vt4ai_ip_basics")]
#[case::a_path(
    "/api/v1/domains/example.com",
    "../vt4ai_file_basics",
    "vt4ai_domain_basics"
)]
#[case::of_a_url("/api/v1/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8", "x", "vt4ai_url_basics")]
#[tokio::test]
async fn an_unknown_template_lists_the_known_ones(
    #[case] path: &str,
    #[case] name: &str,
    #[case] listed: &str,
) {
    let (upstream, gateway) = demo().await;
    let reply = gateway.get(&format!("{path}?template_name={name}")).await;
    assert_eq!(reply.status, 400);
    let detail = reply.detail();
    assert!(
        detail.contains("template_name") && detail.contains(listed),
        "{detail}"
    );
    assert_eq!(upstream.count(), 0);
}

#[rstest]
#[case("JSON", "json")]
#[case("Markdown", "markdown")]
#[case("md", "markdown")]
#[case("MD", "markdown")]
#[case("xMl", "xml")]
#[case("RAW", "raw")]
#[tokio::test]
async fn formats_are_case_insensitive(#[case] given: &str, #[case] format: &str) {
    let (_upstream, gateway) = demo().await;
    let reply = gateway
        .get(&format!("{}?format={given}", file(EICAR)))
        .await;
    assert_eq!(
        (reply.status, &reply.json()["format"]),
        (200, &format.into())
    );
}

#[rstest]
#[case("format=pdf", "format")]
#[case("format=jsn", "format")]
#[case("format=", "format")]
#[case("format=json&format=json", "format")]
#[case("format=%ff", "format")]
#[case("template_name=a&template_name=b", "template_name")]
#[case("template_name=%c3%28", "template_name")]
#[tokio::test]
async fn an_invalid_parameter_is_named(#[case] query: &str, #[case] name: &str) {
    let (upstream, gateway) = demo().await;
    let reply = gateway.get(&format!("{}?{query}", file(EICAR))).await;
    assert_eq!(reply.status, 400);
    assert!(
        reply.detail().contains(&format!("`{name}`")),
        "{}",
        reply.detail()
    );
    assert_eq!(upstream.count(), 0);
}
