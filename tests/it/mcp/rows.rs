//! `lookup`: rows, their order, their cost.

use serde_json::json;

use super::{call, demo, keeping};
use crate::harness::{EICAR, UNKNOWN, Upstream, in_parallel};

#[tokio::test]
async fn fifty_concurrent_lookups_of_one_indicator_are_one_call() {
    let (upstream, gateway) = demo(&["--max-in-flight", "400"]).await;
    let calls = (0..50).map(|_| call(&gateway, "lookup", json!({"indicators": [EICAR]})));
    for result in in_parallel(calls).await {
        assert!(!result.is_error, "{}", result.text);
        assert!(result.text.contains("malicious"), "{}", result.text);
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn rows_are_numbered_as_given_and_say_what_they_are() {
    let (upstream, gateway) = demo(&[]).await;
    let given = [
        "bank-secure[.]example",
        "10.0.0.1",
        UNKNOWN,
        "no such thing",
        EICAR,
    ];
    let result = call(&gateway, "lookup", json!({"indicators": given})).await;
    let rows = result.data["rows"].as_array().unwrap();
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row["row"], at + 1, "{row}");
        assert_eq!(row["given"], given[at]);
    }
    assert_eq!(rows[0]["verdict"]["level"], "malicious");
    assert_eq!(rows[0]["type"], "domain");
    assert_eq!(rows[1]["verdict"]["level"], "unknown");
    let reason = rows[1]["verdict"]["reason"].as_str().unwrap();
    assert!(reason.contains("private"), "{reason}");
    assert_eq!(rows[2]["verdict"]["level"], "unknown");
    assert_eq!(rows[3]["error"]["code"], "InvalidArgumentError");
    assert_eq!(upstream.count(), 3);
    assert_eq!(result.meta["vt4ai/lookups"], 3);
    // What is kept costs nothing.
    let again = call(&gateway, "lookup", json!({"indicators": given})).await;
    assert_eq!(again.meta["vt4ai/lookups"], 0);
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn a_single_unknown_or_private_indicator_is_a_row() {
    let (upstream, gateway) = demo(&[]).await;
    for (given, costs) in [(UNKNOWN, 1), ("10.0.0.1", 0), ("printer.local", 0)] {
        let before = upstream.count();
        let result = call(&gateway, "lookup", json!({"indicators": [given]})).await;
        assert!(!result.is_error, "{}", result.text);
        assert_eq!(result.data["rows"][0]["verdict"]["level"], "unknown");
        assert!(result.text.contains("unknown"), "{}", result.text);
        assert_eq!(upstream.count() - before, costs, "{given}");
    }
}

#[tokio::test]
async fn indicators_are_found_in_a_text_once_each() {
    let (upstream, gateway) = demo(&[]).await;
    let text = format!(
        "The mail links to hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc and again \
         to hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc. Dropped: {EICAR}."
    );
    let result = call(&gateway, "lookup", json!({"text": text})).await;
    let rows = result.data["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_text_with_more_than_50_indicators_says_so() {
    let (_upstream, gateway) = demo(&[]).await;
    let hosts: Vec<_> = (1..=60).map(|last| format!("203.0.113.{last}")).collect();
    let text = format!("seen: {}.", hosts.join(", "));
    let result = call(&gateway, "lookup", json!({"text": text})).await;
    assert!(result.text.contains("10 more"), "{}", result.text);
    assert!(result.text.contains("| 50 |"), "{}", result.text);
}

#[tokio::test]
async fn where_quota_runs_out_the_rows_so_far_come_with_a_sentence() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--rate-limit-per-minute", "4"]).await;
    let given: Vec<_> = (1..=6).map(|last| format!("203.0.113.{last}")).collect();
    let result = call(&gateway, "lookup", json!({"indicators": given})).await;
    assert!(!result.is_error, "{}", result.text);
    assert_eq!(result.data["rows"].as_array().unwrap().len(), 4);
    assert_eq!(result.data["remaining"].as_array().unwrap().len(), 2);
    assert!(
        result.text.contains("2 rows were not looked up"),
        "{}",
        result.text
    );
    assert!(result.text.contains("quota"), "{}", result.text);
    assert!(result.text.contains(" s."), "{}", result.text);
    // Without any row it is an error that says when.
    let given = ["198.51.100.1", "198.51.100.2"];
    let result = call(&gateway, "lookup", json!({"indicators": given})).await;
    assert!(result.is_error);
    assert!(
        result.text.contains("call again with them in"),
        "{}",
        result.text
    );
}

#[tokio::test]
async fn a_single_lookup_may_spend_the_last_unit() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--rate-limit-per-minute", "1"]).await;
    let result = call(&gateway, "lookup", json!({"indicators": [EICAR]})).await;
    assert!(!result.is_error, "{}", result.text);
}
