//! Calls that take a while: progress, and hanging up.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Message, PATH, call, keeping};
use crate::harness::{Answer, EICAR, Reply, Upstream, ok, send, until};

/// Returns an answer that is held back until the value is true.
fn held(going: &watch::Receiver<bool>) -> Answer {
    let report = json!({"data": {"type": "file", "id": EICAR, "attributes": {}}});
    Answer::Held(going.clone(), ok(report.to_string()))
}

fn with_token(tool: &str, arguments: Value) -> Message {
    Message::call(tool, arguments).with_meta("progressToken", Some(json!("token-1")))
}

/// Sends a message that accepts a stream of events.
async fn stream(gateway: &crate::harness::Gateway, message: &Message) -> Reply {
    let mut request = gateway.post(PATH);
    for (name, value) in [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", super::MODERN),
        ("mcp-method", "tools/call"),
        ("mcp-name", message.body["params"]["name"].as_str().unwrap()),
    ] {
        request = request.header(name, value);
    }
    send(request.body(message.body.to_string())).await
}

/// Returns the messages of a stream.
fn events(reply: &Reply) -> Vec<Value> {
    let lines = reply.text().lines();
    lines
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[tokio::test]
async fn a_call_that_waits_streams_progress_and_then_the_result() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |_| held(&going)).await;
    let gateway = keeping(&upstream, &[]).await;
    let message = with_token("get_report", json!({"indicator": EICAR}));
    let release = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        go.send(true).unwrap();
    };
    let (reply, ()) = tokio::join!(stream(&gateway, &message), release);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    let events = events(&reply);
    let (last, before) = events.split_last().unwrap();
    assert!(!before.is_empty(), "{events:?}");
    let mut done = 0.0;
    for event in before {
        assert_eq!(event["method"], "notifications/progress");
        assert_eq!(event["params"]["progressToken"], "token-1");
        let progress = event["params"]["progress"].as_f64().unwrap();
        assert!(progress > done, "{event}");
        done = progress;
    }
    assert_eq!(last["id"], message.body["id"]);
    assert!(last["result"]["content"].is_array(), "{last}");
}

#[tokio::test]
async fn a_quick_call_is_json_and_so_is_one_that_accepts_nothing_else() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    let message = with_token("get_report", json!({"indicator": EICAR}));
    let reply = stream(&gateway, &message).await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |_| held(&going)).await;
    let gateway = keeping(&upstream, &[]).await;
    let release = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        go.send(true).unwrap();
    };
    let (reply, ()) = tokio::join!(message.send(&gateway), release);
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_what_was_not_begun() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |_| held(&going)).await;
    let gateway = keeping(&upstream, &[]).await;
    let hosts: Vec<_> = (1..=40).map(|last| format!("203.0.113.{last}")).collect();
    let message = Message::call("lookup", json!({"indicators": hosts}));
    {
        let sending = message.send(&gateway);
        let begun = until(async || upstream.count() == 8);
        tokio::select! {
            _ = sending => panic!("answered"),
            () = begun => {}
        }
    }
    // The job has ended when its metric says so; the eight calls that were begun go on.
    until(async || {
        let metrics = gateway.get_with("/metrics", &[]).await;
        metrics
            .text()
            .contains("vt4ai_mcp_calls_total{tool=\"lookup\",outcome=\"cancelled\"} 1")
    })
    .await;
    go.send(true).unwrap();
    let result = call(&gateway, "get_report", json!({"indicator": EICAR})).await;
    assert!(!result.is_error, "{}", result.text);
    assert_eq!(upstream.count(), 9);
}
