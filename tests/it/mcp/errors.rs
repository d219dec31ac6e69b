//! Errors that say what to do next, and those of the protocol.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Message, call, demo, error, keeping};
use crate::harness::{Answer, EICAR, KEY, UNKNOWN, Upstream, http};

#[rstest]
#[case::nothing("lookup", json!({}), "give `indicators`")]
#[case::both("lookup", json!({"indicators": ["a.example"], "text": "b.example"}), "contradict")]
#[case::no_list("lookup", json!({"indicators": 7}), "expected a list of texts")]
#[case::empty("lookup", json!({"indicators": []}), "Nothing to look up")]
#[case::no_indicator("lookup", json!({"text": "nothing in here"}), "Nothing to look up")]
#[case::mail("lookup", json!({"indicators": ["a@b.example"]}), "b.example")]
#[case::budget("lookup", json!({"indicators": ["a.example"], "max_tokens": 100}), "from 200 to 8000")]
#[case::unknown_name("get_report", json!({"indicater": "a.example"}), "did you mean `indicator`")]
#[case::missing("get_report", json!({}), "`indicator`")]
#[case::no_indicator_at_all("get_report", json!({"indicator": "two words"}), "more than one word")]
#[case::view("get_report", json!({"indicator": "a.example", "view": "huge"}), "`standard`")]
#[case::contradiction("get_report", json!({"indicator": "a.example", "view": "brief", "fields": ["a"]}), "contradict")]
#[case::fields("get_report", json!({"indicator": "a.example", "fields": ["a..b"]}), "`fields`")]
#[case::private("get_report", json!({"indicator": "192.168.1.1"}), "private")]
#[case::relationship("get_related", json!({"indicator": EICAR, "relationship": "contacted_domain"}), "contacted_domains")]
#[case::other_kinds("get_related", json!({"indicator": "8.8.8.8", "relationship": "contacted_ips"}), "resolutions")]
#[case::no_relationship("get_related", json!({"indicator": EICAR}), "dropped_files")]
#[case::reserved("get_related", json!({"indicator": EICAR, "relationship": "download_url"}), "dropped_files")]
#[case::action("get_related", json!({"indicator": EICAR, "relationship": "analyse"}), "dropped_files")]
#[case::limit("get_related", json!({"indicator": EICAR, "relationship": "votes", "limit": 41}), "from 1 to 40")]
#[case::no_file("get_behaviour", json!({"file": "a.example"}), "MD5")]
#[case::query("search", json!({"query": " "}), "`query`")]
#[case::cursor("search", json!({"query": "x", "cursor": "made up"}), "unchanged")]
#[case::no_arguments("get_quota", json!({"all": true}), "takes none")]
#[case::neither("submit", json!({}), "either `url`")]
#[case::private_write("submit", json!({"url": "http://10.0.0.1/"}), "private")]
#[case::id("get_analysis", json!({"id": "a b"}), "analysis id")]
#[case::wait("get_analysis", json!({"id": "a", "wait": 301}), "at most 300")]
#[tokio::test]
async fn faults_of_input_say_what_to_give_and_cost_nothing(
    #[case] tool: &str,
    #[case] arguments: Value,
    #[case] says: &str,
) {
    let (upstream, gateway) = demo(&[]).await;
    let result = call(&gateway, tool, arguments).await;
    assert!(result.is_error, "{}", result.text);
    assert!(result.text.contains(says), "{}", result.text);
    assert!(result.text.ends_with(['.', '?']), "{}", result.text);
    assert!(result.data.is_null());
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn more_than_50_indicators_are_too_many() {
    let (upstream, gateway) = demo(&[]).await;
    let hosts: Vec<_> = (1..=51).map(|last| format!("203.0.113.{last}")).collect();
    let result = call(&gateway, "lookup", json!({"indicators": hosts})).await;
    assert!(
        result.is_error && result.text.contains("at most 50"),
        "{}",
        result.text
    );
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn what_is_not_found_is_an_error_of_a_report() {
    let (_upstream, gateway) = demo(&[]).await;
    let result = call(&gateway, "get_report", json!({"indicator": UNKNOWN})).await;
    assert!(result.is_error);
    assert!(result.text.contains("not found"), "{}", result.text);
    assert!(
        result.text.contains("check the spelling"),
        "{}",
        result.text
    );
}

#[tokio::test]
async fn quota_that_is_used_up_says_when_to_try_again() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--rate-limit-per-minute", "1"]).await;
    call(&gateway, "get_report", json!({"indicator": EICAR})).await;
    let result = call(&gateway, "get_report", json!({"indicator": "a.example"})).await;
    assert!(result.is_error);
    assert!(result.text.contains("try again in "), "{}", result.text);
    assert!(result.text.contains("`get_quota`"), "{}", result.text);
    assert!(!result.text.contains("Retry-After"), "{}", result.text);
    assert_eq!(upstream.count(), 1);
}

#[rstest]
#[case::html(500, "<html>stack trace</html>", "not what it should be")]
#[case::transient(503, r#"{"error": {"code": "TransientError"}}"#, "try again in")]
#[case::refused_key(401, r#"{"error": {"code": "WrongCredentialsError"}}"#, "API key")]
#[case::forbidden(403, r#"{"error": {"code": "ForbiddenError"}}"#, "privilege")]
#[case::garbage(200, "{", "not what it should be")]
#[tokio::test]
async fn a_failure_upstream_is_an_error_of_the_tool(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] says: &str,
) {
    let upstream = Upstream::faulty(move |_| Answer::Bytes(http(status, &[], body))).await;
    let gateway = keeping(&upstream, &[]).await;
    let result = call(&gateway, "get_report", json!({"indicator": EICAR})).await;
    assert!(result.is_error);
    assert!(result.text.contains(says), "{}", result.text);
    for secret in ["stack trace", KEY] {
        assert!(!result.text.contains(secret), "{}", result.text);
    }
}

#[rstest]
#[case(json!({"name": "no_such_tool", "arguments": {}}))]
#[case(json!({"name": "Lookup"}))]
#[case(json!({"name": "lookup", "arguments": [1]}))]
#[case(json!({"name": "lookup", "arguments": "x"}))]
#[tokio::test]
async fn unknown_tools_and_malformed_calls_are_errors_of_the_protocol(#[case] params: Value) {
    let (_upstream, gateway) = demo(&[]).await;
    for message in [
        Message::modern("tools/call", params.clone()),
        Message::old("tools/call", params.clone()),
    ] {
        let reply = message.send(&gateway).await;
        assert!(reply.status < 500);
        assert_eq!(error(&reply)["code"], -32602, "{}", reply.text());
    }
    let reply = Message::old("tools/call", json!({})).send(&gateway).await;
    assert_eq!(error(&reply)["code"], -32602);
}
