//! Tests of the server's key without a credential: only its own user on its own machine may use it.

use rstest::rstest;

use crate::harness::{BareNginx, EICAR, Folder, Gateway, KEY, Reply, Upstream, client, file, send};

mod as_root;

const SERVERS: &str = "the-key-of-the-server";

async fn with_key(flags: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let flags = [&["--api-key", SERVERS], flags].concat();
    let gateway = Gateway::before(&upstream, &flags).await;
    (upstream, gateway)
}

/// Asserts a 401 that names the cause and the remedy.
#[track_caller]
fn assert_refused(reply: &Reply, seen: &str) {
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (401, "AuthenticationRequiredError")
    );
    let detail = reply.detail();
    assert!(!detail.contains("  "), "{detail}");
    for text in [
        seen,
        "X-API-Key",
        "VT4AI_ALLOW_ANONYMOUS",
        "VT4AI_CLIENTS_FILE",
    ] {
        assert!(detail.contains(text), "{text}: {detail}");
    }
}

#[rstest]
#[case("Forwarded", "for=127.0.0.1")]
#[case("X-Forwarded", "for=127.0.0.1")]
#[case("X-Forwarded-For", "127.0.0.1")]
#[case("X-Forwarded-Proto", "")]
#[case("X-Forwarded-Whatever", "x")]
#[case("X-Real-IP", "127.0.0.1")]
#[case("Via", "1.1 proxy")]
#[case("X-Client-IP", "127.0.0.1")]
#[case("True-Client-IP", "127.0.0.1")]
#[case("CF-Connecting-IP", "127.0.0.1")]
#[case("CF-Ray", "x")]
#[case("X-Envoy-External-Address", "127.0.0.1")]
#[case("X-Envoy-Internal", "true")]
#[case("X-Original-Forwarded-For", "127.0.0.1")]
#[case("X-Original-URL", "/")]
#[case("Fly-Client-IP", "127.0.0.1")]
#[case("WL-Proxy-Client-IP", "127.0.0.1")]
#[case("DO-Connecting-IP", "127.0.0.1")]
#[case("X-Vercel-Forwarded-For", "127.0.0.1")]
#[case("X-Azure-SocketIP", "127.0.0.1")]
#[case("X-Remote-IP", "127.0.0.1")]
#[tokio::test]
async fn a_proxys_header_makes_a_request_not_local(#[case] name: &str, #[case] value: &str) {
    let (upstream, gateway) = with_key(&[]).await;
    let (headers, path) = ([(name, value)], file(EICAR));
    assert_refused(
        &gateway.get_with(&path, &headers).await,
        &name.to_lowercase(),
    );
    assert_refused(
        &gateway.get_over_http2(&path, &headers).await,
        &name.to_lowercase(),
    );
    assert_eq!(gateway.get_with("/metrics", &headers).await.status, 401);
    let scan = gateway.post_keyless("/api/v1/domains/example.com/analyse");
    assert_eq!(send(scan.header(name, value)).await.status, 401);
    assert_eq!(upstream.count(), 0);
    let with_own = [(name, value), ("x-api-key", KEY)];
    assert_eq!(gateway.get_with(&path, &with_own).await.status, 200);
}

#[tokio::test]
async fn http_1_0_is_not_local() {
    let (upstream, gateway) = with_key(&[]).await;
    for path in [file(EICAR), "/metrics".to_owned()] {
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        let answer = gateway.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.0 401 "), "{answer}");
        assert!(answer.contains("HTTP/1.0, as proxies send it"), "{answer}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_own_user_is_local_in_every_version_of_http() {
    let (upstream, gateway) = with_key(&[]).await;
    for _ in 0..2 {
        assert_eq!(gateway.get_with(&file(EICAR), &[]).await.status, 200);
        assert_eq!(gateway.get_over_http2(&file(EICAR), &[]).await.status, 200);
    }
    assert_eq!(upstream.count(), 4);
}

#[tokio::test]
async fn keyless_off_needs_a_key_unless_anonymous_callers_are_allowed() {
    let (upstream, gateway) = with_key(&["--keyless", "off"]).await;
    let reply = gateway.get_with(&file(EICAR), &[]).await;
    assert_eq!(reply.status, 401);
    assert!(
        reply.detail().contains("VT4AI_KEYLESS"),
        "{}",
        reply.detail()
    );
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    assert_eq!(upstream.count(), 1);
    let (_upstream, gateway) = with_key(&["--keyless", "off", "--allow-anonymous"]).await;
    let proxied = [("x-real-ip", "192.0.2.1")];
    assert_eq!(gateway.get_with(&file(EICAR), &proxied).await.status, 200);
}

#[tokio::test]
async fn where_clients_are_set_up_a_token_is_needed() {
    let folder = Folder::new().with("clients.toml", "client = []");
    let path = folder.file("clients.toml");
    let (upstream, gateway) = with_key(&["--clients-file", &path]).await;
    let reply = gateway.get_with(&file(EICAR), &[]).await;
    assert_eq!((reply.status, upstream.count()), (401, 0));
    assert!(
        reply.detail().contains("client token"),
        "{}",
        reply.detail()
    );
    let (_upstream, gateway) = with_key(&["--clients-file", &path, "--allow-anonymous"]).await;
    assert_eq!(gateway.get_with(&file(EICAR), &[]).await.status, 200);
}

/// Debian's nginx speaks HTTP/1.0 to the gateway by default and adds no header.
#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn nginx_with_default_settings_is_not_local() {
    let (upstream, gateway) = with_key(&[]).await;
    let nginx = BareNginx::before(gateway.address, "");
    for path in [file(EICAR), "/metrics".to_owned()] {
        let reply = send(client().get(nginx.url(&path)).header("host", "localhost")).await;
        assert_eq!(reply.status, 401, "{}", reply.text());
    }
    assert_eq!(upstream.count(), 0);
}
