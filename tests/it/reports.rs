//! Tests of reports on files, URLs, domains and IP addresses (`docs/http-api.md`).

use base64::{Engine as _, engine::general_purpose};
use rstest::rstest;
use serde_json::Value;

use crate::harness::{EICAR, EICAR_MD5, Gateway, TROJAN, Upstream, file, ok};

const PHISHING: &str = "https://login.bank-secure.example/verify?id=1&session=abc";
const PHISHING_ID: &str = "d62eb9dc395f1df408ed521744ff3492ecc85382c12c5ca3284eb0d1b7dcc721";

fn base64(url: &str) -> String {
    general_purpose::URL_SAFE_NO_PAD.encode(url)
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn demo(flags: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, flags).await;
    (upstream, gateway)
}

/// Starts a gateway before an upstream that has one report with these attributes for all requests.
async fn with_attributes(attributes: &str) -> (Upstream, Gateway) {
    let body = format!(
        r#"{{"data": {{"id": "{EICAR}", "type": "file", "links": {{}}, "attributes": {attributes}}}}}"#
    );
    let upstream = Upstream::always(ok(body)).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

/// Returns the answer of VirusTotal itself.
async fn upstreams_own(upstream: &Upstream, target: &str) -> Value {
    let url = format!("{}{target}", upstream.url);
    let request = crate::harness::client().get(url).header("x-apikey", "any");
    crate::harness::send(request).await.json()["data"]["attributes"].take()
}

#[rstest]
#[case::file(
    "/api/v1/files/44d88612fea8a8f36de82e1278abb02f",
    "# File Report: 275a021bbfb",
    "file_report"
)]
#[case::url(
    "/api/v1/urls/d62eb9dc395f1df408ed521744ff3492ecc85382c12c5ca3284eb0d1b7dcc721",
    "# URL Report: d62eb9dc395",
    "url_report"
)]
#[case::domain(
    "/api/v1/domains/example.com",
    "# Domain Report: `example.com`\n",
    "domain_report"
)]
#[case::ip("/api/v1/ips/8.8.8.8", "# IP Address Report: 8.8.8.8\n", "ip_report")]
#[tokio::test]
async fn every_report_comes_in_every_format(
    #[case] path: &str,
    #[case] title: &str,
    #[case] root: &str,
) {
    let (upstream, gateway) = demo(&[]).await;
    let json = gateway.get(path).await.json();
    let keys: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["data", "format"]);
    assert_eq!(json["format"], "json");
    let own = upstreams_own(&upstream, &upstream.targets()[0]).await;

    let filtered = json["data"].as_object().unwrap();
    let whole = own.as_object().unwrap();
    let results = &json["data"]["last_analysis_results"];
    let result = results.as_object().unwrap().values().next().unwrap();
    assert!(filtered.len() < whole.len(), "nothing was filtered");
    assert!(
        result.get("method").is_none() && result.get("result").is_some(),
        "{result}"
    );
    let kept: Vec<_> = whole
        .keys()
        .filter(|key| filtered.contains_key(*key))
        .collect();
    assert_eq!(
        filtered.keys().collect::<Vec<_>>(),
        kept,
        "the order is not VirusTotal's"
    );

    let raw = gateway.get(&format!("{path}?format=raw")).await.json();
    assert_eq!(raw["data"].to_string(), own.to_string());
    assert_eq!(raw["format"], "raw");

    let markdown = gateway
        .get(&format!("{path}?format=markdown"))
        .await
        .document();
    assert!(markdown.starts_with(title), "{}", &markdown[..200]);
    let xml = gateway.get(&format!("{path}?format=xml")).await.document();
    let xml = roxmltree::Document::parse(&xml).unwrap();
    assert_eq!(xml.root_element().tag_name().name(), root);
    let children = xml
        .root_element()
        .children()
        .filter(roxmltree::Node::is_element);
    assert_eq!(children.count(), filtered.len());
}

#[tokio::test]
async fn raw_ignores_templates() {
    let (_upstream, gateway) = demo(&[]).await;
    let plain = gateway.get(&format!("{}?format=raw", file(EICAR))).await;
    let named = format!("{}?format=raw&template_name=vt4ai_file_basics", file(EICAR));
    assert_eq!(gateway.get(&named).await.body, plain.body);
}

#[tokio::test]
async fn the_title_has_virustotals_id() {
    let (_upstream, gateway) = demo(&[]).await;
    let markdown = gateway
        .get(&format!("{}?format=markdown", file(EICAR_MD5)))
        .await;
    assert!(
        markdown
            .document()
            .starts_with(&format!("# File Report: {EICAR}\n"))
    );
    let path = format!(
        "/api/v1/urls/analyze?format=markdown&url={}",
        encoded(PHISHING)
    );
    let markdown = gateway.get(&path).await.document();
    assert!(
        markdown.starts_with(&format!("# URL Report: {PHISHING_ID}\n")),
        "{markdown}"
    );
}

#[rstest]
#[case(
    "/files/44D88612FEA8A8F36DE82E1278ABB02F",
    "/files/44d88612fea8a8f36de82e1278abb02f"
)]
#[case("/domains/Example.COM.", "/domains/example.com")]
#[case("/domains/m%C3%BCnchen.de", "/domains/xn--mnchen-3ya.de")]
#[case("/domains/_dmarc.example.com", "/domains/_dmarc.example.com")]
#[case(
    "/ips/[2001:4860:4860:0:0:0:0:8888]",
    "/ip_addresses/2001%3A4860%3A4860%3A%3A8888"
)]
#[case(
    "/ips/2001:4860:4860:0000::8888",
    "/ip_addresses/2001%3A4860%3A4860%3A%3A8888"
)]
#[case("/ips/[8.8.8.8]", "/ip_addresses/8.8.8.8")]
#[case(
    "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8",
    "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8"
)]
#[case(
    "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8=",
    "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8"
)]
#[case("/urls/aHR0cDovL2EuYi8%2FPz8+", "/urls/aHR0cDovL2EuYi8_Pz8-")]
#[case(
    "/urls/D62EB9DC395F1DF408ED521744FF3492ECC85382C12C5CA3284EB0D1B7DCC721",
    "/urls/d62eb9dc395f1df408ed521744ff3492ecc85382c12c5ca3284eb0d1b7dcc721"
)]
#[tokio::test]
async fn identifiers_reach_virustotal_normalised(#[case] asked: &str, #[case] upstreams: &str) {
    let (upstream, gateway) = demo(&[]).await;
    let request = format!(
        "GET /api/v1{asked} HTTP/1.1\r\nHost: x\r\nX-API-Key: k\r\nConnection: close\r\n\r\n"
    );
    let answer = gateway.raw(request.as_bytes()).await;
    assert_eq!(
        upstream.targets(),
        [format!("/api/v3{upstreams}")],
        "{answer}"
    );
}

#[rstest]
#[case::query("http://example.com/?a=1&b=2#c", "http://example.com/?a=1&b=2#c")]
#[case::case_kept("HTTPS://Example.COM:443/%41/../x", "HTTPS://Example.COM:443/%41/../x")]
#[case::not_ascii("https://example.com/Ä b", "https://example.com/Ä b")]
#[case::plus("https://example.com/a+b", "https://example.com/a+b")]
#[case::no_scheme("example.com/x", "http://example.com/x")]
#[tokio::test]
async fn the_bytes_of_a_url_are_kept(#[case] url: &str, #[case] asked_for: &str) {
    let (upstream, gateway) = demo(&[]).await;
    gateway
        .get(&format!("/api/v1/urls/analyze?url={}", encoded(url)))
        .await;
    assert_eq!(
        upstream.targets(),
        [format!("/api/v3/urls/{}", base64(asked_for))]
    );
}

#[tokio::test]
async fn a_url_that_is_not_percent_encoded_is_refused() {
    let (upstream, gateway) = demo(&[]).await;
    let reply = gateway
        .get("/api/v1/urls/analyze?url=http://x.test/?a=1&b=2")
        .await;
    assert_eq!(reply.status, 400);
    assert!(
        reply.detail().contains("percent-encode"),
        "{}",
        reply.detail()
    );
    let allowed = "/api/v1/urls/analyze?url=https://example.com/&format=raw&template_name=";
    let allowed = format!("{allowed}vt4ai_url_basics");
    assert_eq!(gateway.get(&allowed).await.status, 200);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_url_is_looked_up_and_never_submitted() {
    let (upstream, gateway) = demo(&[]).await;
    let path = format!("/api/v1/urls/analyze?url={}", encoded(PHISHING));
    assert_eq!(gateway.get(&path).await.status, 200);
    let unknown = gateway
        .get("/api/v1/urls/analyze?url=http%3A%2F%2Fnever.seen%2F")
        .await;
    assert_eq!((unknown.status, upstream.count()), (404, 2));
}

#[tokio::test]
async fn virustotal_gets_the_key_and_the_tool_header() {
    let (upstream, gateway) = demo(&[]).await;
    gateway
        .get_with(&file(EICAR), &[("x-api-key", "k-1"), ("cookie", "c=1")])
        .await;
    let call = &upstream.calls()[0];
    assert_eq!(call.header("x-apikey"), Some("k-1"));
    assert_eq!(call.header("x-tool"), Some("vt4ai"));
    assert_eq!(call.header("accept-encoding"), Some("gzip"));
    assert!(call.header("user-agent").unwrap().contains("gzip"));
    for name in [
        "x-api-key",
        "cookie",
        "x-request-id",
        "forwarded",
        "referer",
    ] {
        assert_eq!(call.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn the_default_format_is_a_setting() {
    let (_upstream, gateway) = demo(&["--default-format", "markdown"]).await;
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json()["format"], "markdown");
    let json = gateway
        .get(&format!("{}?format=json", file(EICAR)))
        .await
        .json();
    assert_eq!(json["format"], "json");
}

#[tokio::test]
async fn numbers_keep_every_digit() {
    let numbers = "[18446744073709551615,-9223372036854775808,9007199254740993,\
        0.1,1.7976931348623157e308,5e-324,0.30000000000000004,-0.0,12345678901234567]";
    let (_upstream, gateway) = with_attributes(&format!("{{\"numbers\": {numbers}}}")).await;
    for format in ["json", "raw"] {
        let reply = gateway
            .get(&format!("{}?format={format}", file(EICAR)))
            .await;
        let sent: Vec<Value> = serde_json::from_str(numbers).unwrap();
        let got = reply.data()["numbers"].as_array().unwrap().clone();
        assert_eq!(got, sent);
        for (got, sent) in got.iter().zip(&sent).filter(|(_, sent)| sent.is_f64()) {
            let bits = |number: &Value| number.as_f64().unwrap().to_bits();
            assert_eq!(bits(got), bits(sent), "{sent}");
        }
        assert!(
            reply
                .text()
                .contains("[18446744073709551615,-9223372036854775808,9007199254740993,0.1,")
        );
    }
    let markdown = gateway
        .get(&format!("{}?format=markdown", file(EICAR)))
        .await
        .document();
    assert!(
        markdown.contains("- `18446744073709551615`\n- `-9223372036854775808`\n"),
        "{markdown}"
    );
}

#[tokio::test]
async fn unusual_member_names_and_values_are_kept() {
    let attributes = r##"{"Dr.Web": "a", "KERNEL32.dll": 1, "#~": null, "": "", "12": [], "a/b c": {},
        "text": "\u0000\u202e\r\n\ud83d\ude00 <script>"}"##;
    let (_upstream, gateway) = with_attributes(attributes).await;
    let sent: Value = serde_json::from_str(attributes).unwrap();
    for format in ["json", "raw"] {
        let data = gateway
            .get(&format!("{}?format={format}", file(EICAR)))
            .await
            .data();
        assert_eq!(data.to_string(), sent.to_string());
    }
    let xml = gateway
        .get(&format!("{}?format=xml", file(EICAR)))
        .await
        .document();
    let xml = roxmltree::Document::parse(&xml).unwrap();
    let keys = xml
        .root_element()
        .children()
        .filter(roxmltree::Node::is_element);
    let keys: Vec<_> = keys
        .map(|it| it.attribute("key").unwrap_or(it.tag_name().name()))
        .collect();
    assert_eq!(keys, sent.as_object().unwrap().keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn markdown_from_virustotal_is_inert() {
    let hostile = r##"{"names": ["[x](javascript:alert(1))", "<script>alert(1)</script>",
        "![i](http://x/)", "# heading", "a\n\n# heading\n- item", "`` ` ``", "https://x.test/"],
        "<b>key</b>": "www.x.test"}"##;
    let (_upstream, gateway) = with_attributes(hostile).await;
    let markdown = gateway
        .get(&format!("{}?format=markdown", file(EICAR)))
        .await
        .document();
    let mut options = comrak::Options::default();
    options.extension.autolink = true;
    options.render.r#unsafe = true;
    let html = comrak::markdown_to_html(&markdown, &options);
    for live in ["<script", "<a ", "<img", "<b>", "<h1>heading"] {
        assert!(!html.contains(live), "{live}: {html}");
    }
}

#[tokio::test]
async fn a_large_report_is_complete() {
    let (upstream, gateway) = demo(&[]).await;
    let raw = gateway
        .get(&format!("{}?format=raw", file(TROJAN)))
        .await
        .data();
    let own = upstreams_own(&upstream, &upstream.targets()[0]).await;
    assert_eq!(raw.to_string(), own.to_string());
}
