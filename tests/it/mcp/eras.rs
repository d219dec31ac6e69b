//! Both eras of the protocol on one endpoint.

use rstest::rstest;
use serde_json::{Value, json};

use super::{META, MODERN, Message, demo, error, post};
use crate::harness::EICAR;

const OLD: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

#[tokio::test]
async fn a_handshake_agrees_on_the_clients_version() {
    let (_upstream, gateway) = demo(&[]).await;
    let client = json!({"name": "test", "version": "1"});
    for (asked, agreed) in [
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2024-11-05", "2025-11-25"),
        ("2030-01-01", "2025-11-25"),
    ] {
        let params = json!({"protocolVersion": asked, "capabilities": {}, "clientInfo": client});
        let result = Message::old("initialize", params).result(&gateway).await;
        assert_eq!(result["protocolVersion"], agreed);
        assert_eq!(result["serverInfo"]["name"], "vt4ai");
        assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
        let instructions = result["instructions"].as_str().unwrap();
        assert!(instructions.len() < 2048 && instructions.contains("untrusted"));
        assert!(result["capabilities"]["tools"].is_object());
    }
    let notified = r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#;
    let reply = post(&gateway, notified).await;
    assert_eq!((reply.status, reply.text()), (202, ""));
}

#[tokio::test]
async fn old_clients_call_tools_without_a_session() {
    let (_upstream, gateway) = demo(&[]).await;
    for version in OLD {
        let params = json!({"name": "lookup", "arguments": {"indicators": [EICAR]}});
        let message =
            Message::old("tools/call", params).with("mcp-protocol-version", Some(version));
        let result = message.result(&gateway).await;
        assert!(
            result["content"][0]["text"]
                .as_str()
                .unwrap()
                .contains("malicious")
        );
        assert!(result.get("resultType").is_none());
        let reply = message.send(&gateway).await;
        assert!(reply.header("mcp-session-id").is_none());
    }
}

#[tokio::test]
async fn discover_says_what_there_is_and_how_long_it_holds() {
    let (_upstream, gateway) = demo(&[]).await;
    let result = Message::modern("server/discover", json!({}))
        .result(&gateway)
        .await;
    assert_eq!(result["supportedVersions"], json!([MODERN]));
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["cacheScope"], "public");
    assert!(result["ttlMs"].as_u64().unwrap() > 0);
    let server = &result["_meta"][format!("{META}serverInfo")];
    assert_eq!(server["name"], "vt4ai");
}

#[rstest]
#[case("tools/list", "private")]
#[case("resources/list", "public")]
#[case("resources/templates/list", "public")]
#[case("prompts/list", "public")]
#[tokio::test]
async fn every_list_says_how_long_and_for_whom_it_holds(#[case] method: &str, #[case] scope: &str) {
    let (_upstream, gateway) = demo(&[]).await;
    let result = Message::modern(method, json!({})).result(&gateway).await;
    assert!(result["ttlMs"].as_u64().is_some(), "{result}");
    assert_eq!(result["cacheScope"], scope);
    assert_eq!(
        result["_meta"][format!("{META}serverInfo")]["name"],
        "vt4ai"
    );
    // Older revisions know none of that.
    let old = Message::old(method, json!({})).result(&gateway).await;
    assert!(old.get("ttlMs").is_none() && old.get("resultType").is_none());
}

fn list() -> Message {
    Message::modern("tools/list", json!({}))
}

fn lookup() -> Message {
    Message::call("lookup", json!({"indicators": [EICAR]}))
}

#[rstest]
#[case::no_version(list().with("mcp-protocol-version", None))]
#[case::other_version(list().with("mcp-protocol-version", Some("2025-11-25")))]
#[case::no_method(list().with("mcp-method", None))]
#[case::other_method(list().with("mcp-method", Some("tools/call")))]
#[case::case_of_method(list().with("mcp-method", Some("Tools/list")))]
#[case::no_name(lookup().with("mcp-name", None))]
#[case::other_name(lookup().with("mcp-name", Some("search")))]
#[case::encoded_other_name(lookup().with("mcp-name", Some("=?base64?c2VhcmNo?=")))]
#[case::broken_name(lookup().with("mcp-name", Some("=?base64?***?=")))]
#[tokio::test]
async fn headers_that_are_missing_or_differ_are_400_with_32020(#[case] message: Message) {
    let (upstream, gateway) = demo(&[]).await;
    let reply = message.send(&gateway).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(error(&reply)["code"], -32020);
    let answer: Value = serde_json::from_str(reply.text()).unwrap();
    assert_eq!(answer["id"], 7);
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_name_in_base64_is_decoded() {
    let (_upstream, gateway) = demo(&[]).await;
    let message = lookup().with("mcp-name", Some("=?base64?bG9va3Vw?="));
    message.result(&gateway).await;
}

#[rstest]
#[case::version(list().with_meta("io.modelcontextprotocol/protocolVersion", None))]
#[case::capabilities(list().with_meta("io.modelcontextprotocol/clientCapabilities", None))]
#[case::no_object(list().with_meta("io.modelcontextprotocol/clientCapabilities", Some(json!("x"))))]
#[case::no_meta(Message::old("tools/list", json!({})).with("mcp-protocol-version", Some(MODERN)).with("mcp-method", Some("tools/list")))]
#[tokio::test]
async fn missing_fields_of_meta_are_400_with_32602(#[case] message: Message) {
    let (_upstream, gateway) = demo(&[]).await;
    let reply = message.send(&gateway).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(error(&reply)["code"], -32602);
}

#[tokio::test]
async fn the_clients_name_may_be_missing() {
    let (_upstream, gateway) = demo(&[]).await;
    let message = list().with_meta(&format!("{META}clientInfo"), None);
    message.result(&gateway).await;
}

#[rstest]
#[case::unknown("1900-01-01")]
#[case::with_handshake("2025-11-25")]
#[case::future("2030-01-01")]
#[tokio::test]
async fn an_unknown_version_is_400_with_32022(#[case] version: &str) {
    let (_upstream, gateway) = demo(&[]).await;
    let message = list()
        .with("mcp-protocol-version", Some(version))
        .with_meta(&format!("{META}protocolVersion"), Some(json!(version)));
    let reply = message.send(&gateway).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    let error = error(&reply);
    assert_eq!(error["code"], -32022);
    assert_eq!(
        error["data"],
        json!({"requested": version, "supported": [MODERN]})
    );
}

#[tokio::test]
async fn an_old_client_with_an_unknown_version_is_400() {
    let (_upstream, gateway) = demo(&[]).await;
    let message = Message::old("tools/list", json!({}));
    let reply = message
        .with("mcp-protocol-version", Some("1999-01-01"))
        .send(&gateway)
        .await;
    assert_eq!(reply.status, 400);
    assert_eq!(error(&reply)["code"], -32022);
}

#[rstest]
#[case("initialize")]
#[case("ping")]
#[case("logging/setLevel")]
#[case("resources/subscribe")]
#[case("subscriptions/listen")]
#[case("nothing/here")]
#[tokio::test]
async fn unknown_methods_are_404_with_32601_in_the_modern_era(#[case] method: &str) {
    let (_upstream, gateway) = demo(&[]).await;
    let reply = Message::modern(method, json!({})).send(&gateway).await;
    assert_eq!(reply.status, 404, "{}", reply.text());
    assert_eq!(error(&reply)["code"], -32601);
}

#[rstest]
#[case("server/discover")]
#[case("logging/setLevel")]
#[case("nothing/here")]
#[tokio::test]
async fn unknown_methods_are_an_answer_in_the_old_era(#[case] method: &str) {
    let (_upstream, gateway) = demo(&[]).await;
    let reply = Message::old(method, json!({})).send(&gateway).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(error(&reply)["code"], -32601);
    let result = Message::old("ping", json!({})).result(&gateway).await;
    assert_eq!(result, json!({}));
}

#[tokio::test]
async fn a_posted_cancellation_is_202_without_effect() {
    let (_upstream, gateway) = demo(&[]).await;
    for body in [
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}),
        json!({"jsonrpc": "2.0", "method": "notifications/anything"}),
    ] {
        let reply = post(&gateway, &body.to_string()).await;
        assert_eq!((reply.status, reply.text()), (202, ""));
    }
}

#[tokio::test]
async fn responses_answer_nothing() {
    let (_upstream, gateway) = demo(&[]).await;
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    assert_eq!(post(&gateway, &response.to_string()).await.status, 202);
    let mut message = list();
    message.body = response;
    let reply = message.send(&gateway).await;
    assert_eq!(reply.status, 400);
    assert_eq!(error(&reply)["code"], -32600);
}

#[tokio::test]
async fn ids_come_back_as_they_were_sent() {
    let (_upstream, gateway) = demo(&[]).await;
    for id in [
        json!("text"),
        json!(0),
        json!(-5),
        json!(9_007_199_254_740_993_u64),
        json!(""),
    ] {
        let mut message = list();
        message.body["id"] = id;
        message.result(&gateway).await;
    }
}
