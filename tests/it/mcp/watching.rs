//! Metrics of tools.

use serde_json::json;

use super::{call, demo};
use crate::harness::EICAR;

#[tokio::test]
async fn calls_are_counted_by_tool_and_outcome() {
    let (_upstream, gateway) = demo(&[]).await;
    call(&gateway, "lookup", json!({"indicators": [EICAR]})).await;
    call(&gateway, "lookup", json!({"indicators": [EICAR]})).await;
    call(&gateway, "get_report", json!({"indicator": "no indicator"})).await;
    let metrics = gateway.get_with("/metrics", &[]).await;
    let text = metrics.text();
    for line in [
        "vt4ai_mcp_calls_total{tool=\"lookup\",outcome=\"done\"} 2",
        "vt4ai_mcp_calls_total{tool=\"get_report\",outcome=\"failed\"} 1",
        "vt4ai_mcp_call_duration_seconds_count{tool=\"lookup\"} 2",
        "vt4ai_http_requests_total{route=\"/mcp\",method=\"POST\",status=\"200\"} 3",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.contains("vt4ai_mcp_tokens_total{tool=\"lookup\"}"));
}
