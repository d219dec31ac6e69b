//! Tests that invalid indicators cost nothing, and that defanged ones are refanged.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rstest::rstest;
use serde_json::json;

use crate::{
    errors::is_well_formed,
    harness::{Gateway, Reply, Upstream, send},
};

async fn demo() -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "60"]).await;
    (upstream, gateway)
}

/// Sends this URL to every endpoint that takes one.
async fn ask_everywhere(gateway: &Gateway, url: &str) -> Vec<Reply> {
    let encoded = utf8_percent_encode(url, NON_ALPHANUMERIC);
    let id = URL_SAFE_NO_PAD.encode(url);
    let form = format!("url={encoded}");
    let json = json!({"url": url}).to_string();
    let post = |media: &str, body: String| {
        let request = gateway.post("/api/v1/urls").header("content-type", media);
        send(request.body(body))
    };
    vec![
        gateway
            .get(&format!("/api/v1/urls/analyze?url={encoded}"))
            .await,
        gateway.get(&format!("/api/v1/urls/{id}")).await,
        gateway.get(&format!("/api/v1/urls/{id}/comments")).await,
        gateway
            .ask("POST", &format!("/api/v1/urls/{id}/analyse"))
            .await,
        post("application/x-www-form-urlencoded", form).await,
        post("application/json", json).await,
    ]
}

#[rstest]
#[case("http://.")]
#[case("http://..")]
#[case("http://@")]
#[case("http://u:p@/x")]
#[case("http://:80/")]
#[case("http://a.example:port/")]
#[case("http://a.example:65536/")]
#[case("http://a..example/")]
#[case("http://.example/")]
#[case("http://a b.example/")]
#[case("http://a$b.example/")]
#[case("http://<a>.example/")]
#[case("http://a,b/")]
#[case("http://*.example/")]
#[case("http://1.2.3.999/")]
#[case("http://[::1/")]
#[case("http://evil[,]example/")]
#[case("hxxp://[.]/")]
#[case("http://a.example/\n")]
#[case("http://a.example/\u{0}x")]
#[case("http://a.example/\u{85}x")]
#[case("ftp[:]//a.example/")]
#[case("user@a.example")]
#[tokio::test]
async fn an_invalid_url_costs_nothing(#[case] url: &str) {
    let (upstream, gateway) = demo().await;
    for reply in ask_everywhere(&gateway, url).await {
        is_well_formed(&reply);
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(60));
    }
    assert_eq!(upstream.count(), 0);
}

#[rstest]
#[case("hxxp://evil[.]com/a", "http://evil.com/a")]
#[case("hXXps://evil(.)com", "https://evil.com")]
#[case(
    "HXXPS[:]//evil{.}com/A[.]b?c=[.]#d[.]e",
    "https://evil.com/A[.]b?c=[.]#d[.]e"
)]
#[case("http[://]evil[dot]com", "http://evil.com")]
#[case("https://evil[DOT]co(dot)uk[:]8080/", "https://evil.co.uk:8080/")]
#[case("hxxp://[2001[:]db8[:][:]1]/", "http://[2001:db8::1]/")]
#[case("hxxp://1.2.3[.]4/", "http://1.2.3.4/")]
#[tokio::test]
async fn a_defanged_url_is_refanged(#[case] given: &str, #[case] meant: &str) {
    let (upstream, gateway) = demo().await;
    ask_everywhere(&gateway, given).await;
    let id = URL_SAFE_NO_PAD.encode(meant);
    assert_eq!(
        upstream.targets(),
        [
            format!("/api/v3/urls/{id}"),
            format!("/api/v3/urls/{id}"),
            format!("/api/v3/urls/{id}/comments?limit=10"),
            format!("/api/v3/urls/{id}/analyse"),
            "/api/v3/urls".to_owned(),
            "/api/v3/urls".to_owned(),
        ]
    );
    let sent = format!("url={}", utf8_percent_encode(meant, NON_ALPHANUMERIC));
    for call in &upstream.calls()[4..] {
        let body = String::from_utf8(call.body.clone()).unwrap();
        let body = body
            .replace('.', "%2E")
            .replace('-', "%2D")
            .replace('_', "%5F");
        assert_eq!(body, sent);
    }
}

#[rstest]
#[case("domains/evil[.]com", "domains/evil.com")]
#[case("domains/Evil(dot)co{.}UK[.]", "domains/evil.co.uk")]
#[case("domains/m%C3%BCnchen%5B.%5Dde", "domains/xn--mnchen-3ya.de")]
#[case("ips/1.2.3[.]4", "ip_addresses/1.2.3.4")]
#[case("ips/1[dot]2(.)3{.}4", "ip_addresses/1.2.3.4")]
#[case("ips/[2001[:]db8[:][:]1]", "ip_addresses/2001%3Adb8%3A%3A1")]
#[tokio::test]
async fn a_defanged_domain_or_address_is_refanged(#[case] given: &str, #[case] meant: &str) {
    let (upstream, gateway) = demo().await;
    for rest in ["", "/comments", "/relationships/x"] {
        gateway
            .get_directly(&format!("/api/v1/{given}{rest}"))
            .await;
    }
    gateway
        .get_directly(&format!("/api/v1/{given}/votes?limit=1"))
        .await;
    assert_eq!(
        upstream.targets(),
        [
            format!("/api/v3/{meant}"),
            format!("/api/v3/{meant}/comments?limit=10"),
            format!("/api/v3/{meant}/x?limit=10"),
            format!("/api/v3/{meant}/votes?limit=1"),
        ]
    );
}

#[rstest]
#[case("domains/1.2.3.4", "/api/v1/ips/")]
#[case("domains/1.2.3[.]4", "`1.2.3.4`")]
#[case("domains/a.example.123", "no number")]
#[case("domains/[::1]", "/api/v1/ips/")]
#[case("domains/a[.][.]b", "`a..b`")]
#[case("domains/a$b.example", "labels")]
#[case("domains/%20a.example", "labels")]
#[case("domains/a.example%0A", "labels")]
#[case("ips/1.2.3[.]444", "`1.2.3.444`")]
#[case("ips/a.example", "/api/v1/domains/")]
#[case("ips/8.8.8.8%0A", "IPv4")]
#[tokio::test]
async fn an_invalid_domain_or_address_costs_nothing(#[case] path: &str, #[case] says: &str) {
    let (upstream, gateway) = demo().await;
    for rest in ["", "/comments", "/relationships/x"] {
        let reply = gateway.get_directly(&format!("/api/v1/{path}{rest}")).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.detail().contains(says), "{}", reply.detail());
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_plus_in_a_pasted_url_is_kept() {
    let (upstream, gateway) = demo().await;
    for (given, meant) in [
        ("http://a.example/b+c", "http://a.example/b+c"),
        ("http%3A%2F%2Fa.example%2Fb+c", "http://a.example/b c"),
        ("http%3A%2F%2Fa.example%2Fb%2Bc", "http://a.example/b+c"),
    ] {
        gateway
            .get(&format!("/api/v1/urls/analyze?url={given}"))
            .await;
        let target = format!("/api/v3/urls/{}", URL_SAFE_NO_PAD.encode(meant));
        assert_eq!(upstream.targets().last(), Some(&target));
    }
}
