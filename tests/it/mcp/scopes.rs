//! Callers, their scopes and allowances.

use serde_json::json;
use vt4ai::access::TokenDigest;

use super::{Message, keeping, listed, of_result};
use crate::harness::{EICAR, Folder, Gateway, KEY, Upstream};

const READ: [&str; 5] = [
    "lookup",
    "get_report",
    "get_related",
    "get_behaviour",
    "get_quota",
];

fn table(name: &str, fields: &str) -> String {
    let digest = TokenDigest::of(format!("vt4ai_token-of-{name}").as_bytes()).hex();
    format!("[[client]]\nname = \"{name}\"\ntoken_sha256 = \"{digest}\"\n{fields}\n\n")
}

/// Starts a gateway with these clients. Their file is read again when it changes, so it stays.
async fn with_clients(clients: &str) -> (Upstream, Gateway, Folder) {
    let folder = Folder::new().with("clients.toml", clients);
    let upstream = Upstream::demo().await;
    let path = folder.file("clients.toml");
    let flags = ["--api-key", "the-servers-key", "--clients-file", &path];
    let gateway = keeping(&upstream, &flags).await;
    (upstream, gateway, folder)
}

#[tokio::test]
async fn tools_are_listed_by_scope() {
    let clients = [
        table("reader", "scopes = [\"read\"]"),
        table("searcher", "scopes = [\"read\", \"search\"]"),
        table("writer", "scopes = [\"submit\"]"),
    ];
    let (_upstream, gateway, _folder) = with_clients(&clients.concat()).await;
    let tools = |name: &str| {
        let token = format!("vt4ai_token-of-{name}");
        let gateway = &gateway;
        async move { listed(gateway, &[("x-api-key", &token)]).await }
    };
    assert_eq!(tools("reader").await, READ);
    let mut with_search = READ.to_vec();
    with_search.insert(4, "search");
    assert_eq!(tools("searcher").await, with_search);
    assert_eq!(tools("writer").await, ["submit", "get_analysis"]);
    let bearer = [("authorization", "Bearer vt4ai_token-of-reader")];
    assert_eq!(listed(&gateway, &bearer).await, READ);
}

#[tokio::test]
async fn an_own_key_has_all_scopes_and_a_keyless_caller_reads() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--api-key", KEY]).await;
    assert_eq!(
        listed(&gateway, &[("x-api-key", "my-own-key")]).await.len(),
        8
    );
    assert_eq!(listed(&gateway, &[]).await.len(), 6);
    let gateway = keeping(&upstream, &["--api-key", KEY, "--allow-submissions"]).await;
    assert_eq!(listed(&gateway, &[]).await.len(), 8);
}

#[tokio::test]
async fn a_tool_that_is_not_listed_is_refused_and_costs_nothing() {
    let (upstream, gateway, _folder) = with_clients(&table("reader", "scopes = [\"read\"]")).await;
    let headers = [("x-api-key", "vt4ai_token-of-reader")];
    for (tool, arguments) in [
        ("submit", json!({"url": "https://example.com/"})),
        ("search", json!({"query": "#phishing"})),
        ("get_analysis", json!({"id": "x"})),
    ] {
        let reply = Message::call(tool, arguments)
            .send_with(&gateway, &headers)
            .await;
        assert_eq!(reply.status, 200);
        let answer: serde_json::Value = serde_json::from_str(reply.text()).unwrap();
        let result = of_result(&answer["result"]);
        assert!(result.is_error);
        assert!(result.text.contains("no scope"), "{}", result.text);
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn calls_count_against_the_allowance_and_lists_do_not() {
    let client = table("reader", "scopes = [\"read\"]\nper_minute = 2");
    let (_upstream, gateway, _folder) = with_clients(&client).await;
    let headers = [("x-api-key", "vt4ai_token-of-reader")];
    for _ in 0..5 {
        assert_eq!(listed(&gateway, &headers).await, READ);
    }
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let message = Message::call("lookup", json!({"indicators": [EICAR]}));
        let reply = message.send_with(&gateway, &headers).await;
        let answer: serde_json::Value = serde_json::from_str(reply.text()).unwrap();
        outcomes.push(of_result(&answer["result"]));
    }
    assert!(!outcomes[1].is_error, "{}", outcomes[1].text);
    assert!(outcomes[2].is_error);
    assert!(
        outcomes[2].text.contains("try again in"),
        "{}",
        outcomes[2].text
    );
}

#[tokio::test]
async fn a_client_that_used_up_its_allowance_may_still_read_what_is_left() {
    let client = table("reader", "scopes = [\"read\"]\nper_day = 2");
    let (_upstream, gateway, _folder) = with_clients(&client).await;
    let headers = [("x-api-key", "vt4ai_token-of-reader")];
    let ask = async |tool: &str, arguments| {
        let message = Message::call(tool, arguments);
        let reply = message.send_with(&gateway, &headers).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let answer: serde_json::Value = serde_json::from_str(reply.text()).unwrap();
        of_result(&answer["result"])
    };
    for _ in 0..2 {
        ask("get_report", json!({"indicator": EICAR})).await;
    }
    let refused = ask("get_report", json!({"indicator": EICAR})).await;
    assert!(refused.is_error);
    assert!(refused.text.contains("`get_quota`"), "{}", refused.text);
    let quota = ask("get_quota", json!({})).await;
    assert!(!quota.is_error, "{}", quota.text);
    assert!(quota.text.contains("0 of 2 left"), "{}", quota.text);
    assert_eq!(quota.data["client"]["day"]["used"], 2);
}

#[tokio::test]
async fn a_lookup_of_many_spends_no_more_than_the_allowance() {
    let client = table("reader", "scopes = [\"read\"]\nper_day = 4");
    let (upstream, gateway, _folder) = with_clients(&client).await;
    let headers = [("x-api-key", "vt4ai_token-of-reader")];
    let hosts: Vec<_> = (1..=12).map(|last| format!("203.0.113.{last}")).collect();
    let message = Message::call("lookup", json!({"indicators": hosts}));
    let reply = message.send_with(&gateway, &headers).await;
    let answer: serde_json::Value = serde_json::from_str(reply.text()).unwrap();
    let result = of_result(&answer["result"]);
    // The call itself counts as one.
    assert_eq!(upstream.count(), 3, "{}", result.text);
    assert!(
        result.text.contains("9 rows were not looked up"),
        "{}",
        result.text
    );
    assert!(result.text.contains("allowance"), "{}", result.text);
}

#[tokio::test]
async fn no_token_goes_upstream() {
    let (upstream, gateway, _folder) = with_clients(&table("reader", "scopes = [\"read\"]")).await;
    let headers = [("authorization", "Bearer vt4ai_token-of-reader")];
    let message = Message::call("lookup", json!({"indicators": [EICAR]}));
    message.send_with(&gateway, &headers).await;
    let calls = upstream.calls();
    assert_eq!(calls[0].header("x-apikey"), Some("the-servers-key"));
    assert!(!format!("{calls:?}").contains("vt4ai_"), "{calls:?}");
}
