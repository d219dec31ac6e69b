//! The headers that go on, and those that never do.

use rstest::rstest;

use crate::harness::{EICAR, Gateway, Upstream, ok, send};

const SENT: [(&str, &str); 14] = [
    ("x-apikey", "key-of-the-caller"),
    ("user-agent", "unknown; vtpy 0.22.0; gzip"),
    ("x-tool", "my-tool"),
    ("content-type", "text/x-mine"),
    ("authorization", "Basic YTpi"),
    ("cookie", "a=b"),
    ("forwarded", "for=192.0.2.1"),
    ("x-forwarded-for", "192.0.2.1"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "a.example"),
    ("x-real-ip", "192.0.2.1"),
    ("via", "1.1 proxy"),
    ("proxy-authorization", "Basic YTpi"),
    ("x-unknown", "1"),
];

#[rstest]
#[case::kept(&format!("/api/v3/files/{EICAR}"))]
#[case::forwarded("/api/v3/graphs/1")]
#[tokio::test]
async fn what_names_the_client_goes_on_and_credentials_never_do(#[case] path: &str) {
    let upstream = Upstream::always(ok("{\"data\": {\"attributes\": {}}}")).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    assert_eq!(gateway.get_with(path, &SENT).await.status, 200);
    let call = &upstream.calls()[0];
    assert_eq!(
        call.header("user-agent"),
        Some("unknown; vtpy 0.22.0; gzip")
    );
    assert_eq!(call.header("x-tool"), Some("my-tool"));
    assert_eq!(call.header("x-apikey"), Some("key-of-the-caller"));
    if path.contains("graphs") {
        assert_eq!(call.header("content-type"), Some("text/x-mine"));
    }
    for (name, _) in &SENT[4..] {
        assert_eq!(call.header(name), None, "{name}");
    }
    let host = call.header("host").unwrap();
    assert!(upstream.url.ends_with(host), "{host}");
}

#[tokio::test]
async fn a_post_keeps_its_content_type_and_length() {
    let upstream = Upstream::always(ok("{}")).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let post = gateway
        .post("/api/v3/graphs")
        .header("content-type", "application/json");
    assert_eq!(send(post.body("{\"data\": 1}")).await.status, 200);
    assert_eq!(send(gateway.post("/api/v3/graphs/1/x")).await.status, 200);
    let calls = upstream.calls();
    assert_eq!(calls[0].header("content-type"), Some("application/json"));
    assert_eq!(calls[0].header("content-length"), Some("11"));
    assert_eq!(calls[0].header("x-tool"), None, "the client sent none");
    assert_eq!(calls[1].header("content-length"), Some("0"));
}

#[tokio::test]
async fn no_header_or_target_carries_a_token_on() {
    let upstream = Upstream::always(ok("{\"data\": {\"attributes\": {}}}")).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let headers = [
        ("x-apikey", "key-of-the-caller"),
        ("x-tool", "vt4ai_secret"),
        ("user-agent", "a Vt4Ai_secret"),
    ];
    let reply = gateway.get_with("/api/v3/graphs/1", &headers).await;
    assert_eq!(reply.status, 200);
    for path in [
        "/api/v3/graphs/vt4ai_x",
        "/api/v3/search?query=x&apikey=VT4AI%5fx",
    ] {
        assert_eq!(gateway.get(path).await.status, 400, "{path}");
    }
    assert_eq!(upstream.count(), 1);
    assert!(
        !format!("{:?}", upstream.calls())
            .to_ascii_lowercase()
            .contains("vt4ai_")
    );
}
