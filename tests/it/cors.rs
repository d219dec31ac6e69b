//! Tests of CORS, of foreign web pages, and of the policy of the gateway's own pages.

use reqwest::Method;

use crate::harness::{EICAR, Gateway, KEY, Reply, Upstream, client, file, send};

const PAGE: &str = "https://soc.example";
const LISTED: [&str; 4] = [
    "--api-key",
    "the-key-of-the-server",
    "--cors-origins",
    "https://soc.example, http://localhost:3000",
];

async fn before(flags: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, flags).await;
    (upstream, gateway)
}

/// Sends the preflight request of a browser whose page wants to send a key.
async fn preflight(gateway: &Gateway, origin: &str) -> Reply {
    let url = format!("http://{}{}", gateway.address, file(EICAR));
    let request = client().request(Method::OPTIONS, url);
    let request = request
        .header("origin", origin)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "x-api-key");
    send(request).await
}

#[tokio::test]
async fn a_preflight_lists_the_allowed_methods_and_headers() {
    let (upstream, gateway) = before(&LISTED).await;
    let reply = preflight(&gateway, PAGE).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE));
    let headers = reply.header("access-control-allow-headers").unwrap();
    for name in ["x-api-key", "x-apikey", "authorization", "content-type"] {
        assert!(headers.contains(name), "{headers}");
    }
    let methods = reply.header("access-control-allow-methods");
    assert_eq!(methods, Some("GET,POST"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_page_that_is_not_listed_gets_no_cors_headers() {
    let (_upstream, gateway) = before(&LISTED).await;
    for origin in ["https://evil.test", "null", "https://soc.example.evil.test"] {
        let reply = preflight(&gateway, origin).await;
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
    let (_upstream, gateway) = before(&[]).await;
    let reply = preflight(&gateway, PAGE).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (405, "MethodNotAllowedError")
    );
}

#[tokio::test]
async fn a_listed_page_reads_answers_and_refusals() {
    let (_upstream, gateway) =
        before(&[&LISTED[..], &["--client-rate-per-minute", "1"]].concat()).await;
    let headers = [("origin", PAGE), ("x-api-key", KEY)];
    for status in [200, 429] {
        let reply = gateway.get_with(&file(EICAR), &headers).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE));
        let shown = reply.header("access-control-expose-headers").unwrap();
        assert!(shown.contains("retry-after") && shown.contains("x-ratelimit-remaining"));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        let vary: Vec<_> = reply.headers.get_all("vary").iter().collect();
        let vary = format!("{vary:?}").to_ascii_lowercase();
        assert!(
            vary.contains("origin") && vary.contains("x-api-key"),
            "{vary}"
        );
    }
}

#[tokio::test]
async fn a_listed_page_may_spend_the_servers_key() {
    let (upstream, gateway) = before(&LISTED).await;
    let host = ("host", "localhost");
    let cross = ("sec-fetch-site", "cross-site");
    for (origin, status) in [
        (PAGE, 200),
        ("http://localhost:3000", 200),
        ("https://evil.test", 401),
        ("http://localhost:3001", 401),
    ] {
        let reply = gateway
            .get_with(&file(EICAR), &[host, cross, ("origin", origin)])
            .await;
        assert_eq!(reply.status, status, "{origin}");
    }
    let both = [host, ("origin", PAGE), ("origin", "https://evil.test")];
    assert_eq!(gateway.get_with(&file(EICAR), &both).await.status, 401);
    assert_eq!(
        gateway.get_with(&file(EICAR), &[host, cross]).await.status,
        401
    );
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn the_documentation_has_a_strict_content_security_policy() {
    let (_upstream, gateway) = before(&[]).await;
    for path in ["/docs/", "/docs/swagger-ui.css"] {
        let page = gateway.get_with(path, &[]).await;
        let policy = page.header("content-security-policy").unwrap();
        let directives: Vec<_> = policy.split("; ").collect();
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(directives.contains(&directive), "{policy}");
        }
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    }
    let page = gateway.get_with("/docs/", &[]).await;
    let page = page.text();
    // The page has nothing that the policy forbids.
    for script in page.split("<script").skip(1) {
        let (attributes, rest) = script.split_once('>').unwrap();
        assert!(attributes.contains("src=\"./"), "{attributes}");
        let (inline, _) = rest.split_once("</script>").unwrap();
        assert_eq!(inline.trim(), "");
    }
    assert!(!page.contains(" onload=") && !page.contains("javascript:"));
    let other = gateway.get_with("/livez", &[]).await;
    assert_eq!(other.header("content-security-policy"), None);
}
