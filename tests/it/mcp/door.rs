//! Refusals before a message is read, and messages that can't be read.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Message, PATH, call, demo, error, keeping, post};
use crate::harness::{EICAR, Gateway, KEY, Reply, Upstream, send};

fn ping() -> Message {
    Message::old("ping", json!({}))
}

/// Asserts that a refusal is an error as REST has it.
fn assert_rest(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    let body: Value = serde_json::from_str(reply.text()).unwrap();
    assert_eq!(body["code"], code, "{body}");
    assert!(body["detail"].as_str().unwrap().len() > 20, "{body}");
    assert!(body.get("jsonrpc").is_none(), "{body}");
}

#[rstest]
#[case("GET")]
#[case("DELETE")]
#[case("PUT")]
#[case("OPTIONS")]
#[tokio::test]
async fn only_post_is_taken(#[case] method: &str) {
    let (_upstream, gateway) = demo(&[]).await;
    let reply = gateway.ask(method, PATH).await;
    assert_rest(&reply, 405, "MethodNotAllowedError");
    assert_eq!(reply.header("allow"), Some("POST"));
    assert_eq!(ping().send(&gateway).await.status, 200);
}

#[tokio::test]
async fn without_a_key_or_a_local_caller_the_answer_is_401() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    let reply = ping().send_with(&gateway, &[]).await;
    assert_rest(&reply, 401, "AuthenticationRequiredError");
    assert_eq!(reply.header("www-authenticate"), Some("ApiKey"));
    let reply = ping()
        .send_with(&gateway, &[("x-api-key", "vt4ai_unknown")])
        .await;
    assert_rest(&reply, 401, "AuthenticationRequiredError");
}

#[tokio::test]
async fn a_keyless_caller_is_served_where_rest_serves_one() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--api-key", KEY]).await;
    assert_eq!(ping().send_with(&gateway, &[]).await.status, 200);
    let proxied = [("x-forwarded-for", "192.0.2.1")];
    let reply = ping().send_with(&gateway, &proxied).await;
    assert_rest(&reply, 401, "AuthenticationRequiredError");
}

#[tokio::test]
async fn a_foreign_origin_is_403_for_every_caller() {
    let upstream = Upstream::demo().await;
    let flags = ["--api-key", KEY, "--cors-origins", "https://soc.example"];
    let gateway = keeping(&upstream, &flags).await;
    let own = format!("http://{}", gateway.address);
    for (origin, status) in [
        ("https://evil.test", 403),
        ("null", 403),
        (own.as_str(), 200),
        ("https://soc.example", 200),
    ] {
        for key in [&[][..], &[("x-api-key", KEY)]] {
            let headers = [&[("origin", origin)][..], key].concat();
            let reply = ping().send_with(&gateway, &headers).await;
            assert_eq!(reply.status, status, "{origin} {key:?}: {}", reply.text());
            if status == 403 {
                assert_rest(&reply, 403, "ForbiddenError");
            }
        }
    }
}

#[rstest]
#[case(&["--api-key", KEY])]
#[case::anonymous(&["--api-key", KEY, "--allow-anonymous"])]
#[tokio::test]
async fn a_foreign_host_is_403_without_a_credential(#[case] flags: &[&str]) {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, flags).await;
    for host in ["evil.test", "localhost.evil.test:80"] {
        let reply = ping().send_with(&gateway, &[("host", host)]).await;
        assert_rest(&reply, 403, "ForbiddenError");
        let headers = [("host", host), ("x-api-key", KEY)];
        assert_eq!(ping().send_with(&gateway, &headers).await.status, 200);
    }
    let reply = ping().send_with(&gateway, &[("host", "localhost")]).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn an_allowed_host_is_served_behind_a_proxy() {
    let upstream = Upstream::demo().await;
    let flags = [
        "--api-key",
        KEY,
        "--allow-anonymous",
        "--allowed-hosts",
        "mcp.example",
    ];
    let gateway = keeping(&upstream, &flags).await;
    let reply = ping().send_with(&gateway, &[("host", "mcp.example")]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[tokio::test]
async fn a_body_over_64_kb_is_413_and_another_type_is_415() {
    let (_upstream, gateway) = demo(&[]).await;
    let large = json!({"jsonrpc": "2.0", "id": 1, "method": "x".repeat(65 * 1024)});
    let reply = post(&gateway, &large.to_string()).await;
    assert_rest(&reply, 413, "PayloadTooLargeError");
    for media in ["text/plain", "application/x-www-form-urlencoded"] {
        let request = gateway.post(PATH).header("content-type", media);
        let reply = send(request.body("{}")).await;
        assert_rest(&reply, 415, "UnsupportedMediaTypeError");
    }
    let reply = send(gateway.post(PATH).body("{}")).await;
    assert_rest(&reply, 415, "UnsupportedMediaTypeError");
    let request = gateway.post(PATH);
    let request = request.header("content-type", "application/json; charset=utf-8");
    let ping = r#"{"jsonrpc": "2.0", "id": 1, "method": "ping"}"#;
    assert_eq!(send(request.body(ping)).await.status, 200);
}

#[tokio::test]
async fn the_rate_limit_at_the_door_is_429() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--client-rate-per-minute", "2"]).await;
    let statuses = [
        ping().send(&gateway).await,
        ping().send(&gateway).await,
        ping().send(&gateway).await,
    ];
    assert_rest(&statuses[2], 429, "TooManyRequestsError");
    assert!(statuses[2].header("retry-after").is_some());
}

#[tokio::test]
async fn json_alone_is_accepted_and_answered() {
    let (_upstream, gateway) = demo(&[]).await;
    for accept in ["application/json", "*/*", "text/event-stream", "text/html"] {
        let request = gateway.post(PATH).header("accept", accept);
        let request = request.header("content-type", "application/json");
        let body = r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}"#;
        let reply = send(request.body(body)).await;
        assert_eq!(reply.status, 200, "{accept}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
}

#[rstest]
#[case("", -32700)]
#[case("{\"jsonrpc\": ", -32700)]
#[case("\u{0}\u{1}", -32700)]
#[case("[]", -32600)]
#[case(r#"[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]"#, -32600)]
#[case("7", -32600)]
#[case("{}", -32600)]
#[case(r#"{"jsonrpc": "2.0", "id": null, "method": "ping"}"#, -32600)]
#[case(r#"{"jsonrpc": "2.0", "id": 1, "method": {}}"#, -32600)]
#[case(r#"{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": 1}"#, -32602)]
#[tokio::test]
async fn a_message_that_can_t_be_read_is_400(#[case] body: &str, #[case] code: i32) {
    let (_upstream, gateway) = demo(&[]).await;
    let reply = post(&gateway, body).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(error(&reply)["code"], code);
    assert_eq!(ping().send(&gateway).await.status, 200);
}

#[tokio::test]
async fn after_100_malformed_messages_the_next_call_works() {
    let (_upstream, gateway) = demo(&["--client-rate-per-minute", "0"]).await;
    for seed in 0..100_u32 {
        let body = malformed(seed);
        let reply = post(&gateway, &body).await;
        assert!(
            (400..500).contains(&reply.status),
            "{body}: {}",
            reply.status
        );
        serde_json::from_str::<Value>(reply.text()).unwrap();
    }
    let result = call(&gateway, "lookup", json!({"indicators": [EICAR]})).await;
    assert!(!result.is_error, "{}", result.text);
}

/// Returns one of many messages with something wrong in them.
fn malformed(seed: u32) -> String {
    let whole = json!({"jsonrpc": "2.0", "id": seed, "method": "tools/call", "params": {}});
    let text = whole.to_string();
    match seed % 5 {
        0 => text[..text.len() - 1 - seed as usize % 30].to_owned(),
        1 => text.replace("2.0", "3.0"),
        2 => text.replace("\"method\"", "\"m\""),
        3 => format!("[{text}]"),
        _ => text.replace("{}", "[1]"),
    }
}

#[tokio::test]
async fn a_hang_up_within_the_body_costs_no_other_caller() {
    let (_upstream, gateway) = demo(&[]).await;
    let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                x-api-key: k\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{\"jsonrpc\"";
    let stream = tokio::net::TcpStream::connect(gateway.address)
        .await
        .unwrap();
    let mut stream = stream;
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes())
        .await
        .unwrap();
    drop(stream);
    assert_works(&gateway).await;
}

async fn assert_works(gateway: &Gateway) {
    assert_eq!(ping().send(gateway).await.status, 200);
}
