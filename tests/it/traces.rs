//! Tests of traces, as a collector receives them.

use std::{process::Command, time::Duration};

use serde_json::Value;
use tokio::time::timeout;

use crate::harness::{
    EICAR, Folder, KEY, Process, Upstream, client, failure, file, ok, send, vt4ai,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// Starts the built gateway, which sends its spans here without delay.
fn start(folder: &Folder, upstream: &Upstream, collector: &str) -> Process {
    Process::start(&mut command(folder, upstream, collector))
}

fn command(folder: &Folder, upstream: &Upstream, collector: &str) -> Command {
    let flags = [
        "--upstream-url",
        &upstream.url,
        "--log-level",
        "WARN,vt4ai=INFO",
    ];
    let mut command = vt4ai(folder, &flags);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        .env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20of-ours",
        )
        .env("OTEL_BSP_SCHEDULE_DELAY", "50");
    command
}

async fn ask(process: &Process, headers: &[(&str, &str)]) -> u16 {
    let url = format!("http://{}{}", process.address, file(EICAR));
    let request = client().get(url).header("x-api-key", KEY);
    let request = headers
        .iter()
        .fold(request, |it, (name, value)| it.header(*name, *value));
    send(request).await.status
}

/// The time that spans may take; only a broken exporter takes long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until this many spans have arrived, and returns them.
async fn spans(collector: &Upstream, count: usize) -> Vec<Value> {
    timeout(PATIENCE, until(collector, count)).await.unwrap()
}

async fn until(collector: &Upstream, count: usize) -> Vec<Value> {
    loop {
        let calls = collector.calls();
        let bodies = calls.iter().map(|call| {
            assert_eq!(
                (call.method.as_str(), call.target.as_str()),
                ("POST", "/v1/traces")
            );
            assert_eq!(call.header("content-type"), Some("application/json"));
            assert_eq!(call.header("authorization"), Some("Bearer of-ours"));
            serde_json::from_slice::<Value>(&call.body).unwrap()
        });
        let spans = bodies.flat_map(|body| {
            let service = &body["resourceSpans"][0]["resource"]["attributes"][0];
            assert_eq!(service["value"]["stringValue"], "vt4ai", "{body}");
            let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
            spans.as_array().unwrap().clone()
        });
        let spans: Vec<_> = spans.collect();
        if spans.len() >= count {
            return spans;
        }
        tokio::task::yield_now().await;
    }
}

fn named<'s>(spans: &'s [Value], name: &str) -> &'s Value {
    let found = spans.iter().find(|span| span["name"] == name);
    found.unwrap_or_else(|| panic!("{name}: {spans:#?}"))
}

fn attribute<'s>(span: &'s Value, name: &str) -> &'s Value {
    let mut all = span["attributes"].as_array().unwrap().iter();
    let found = all.find(|it| it["key"] == name);
    &found.unwrap_or_else(|| panic!("{name}: {span:#}"))["value"]
}

#[tokio::test]
async fn a_request_and_its_call_join_the_callers_trace() {
    let (upstream, collector) = (Upstream::demo().await, Upstream::always(ok("{}")).await);
    let folder = Folder::new();
    let process = start(&folder, &upstream, &collector.url);
    let parent = format!("00-{TRACE}-{PARENT}-01");
    assert_eq!(ask(&process, &[("traceparent", &parent)]).await, 200);
    // The third span is the first call, which fetches the key's quota.
    let spans = spans(&collector, 3).await;
    let request = named(&spans, "GET /api/v1/files/{file_hash}");
    let call = named(&spans, "GET /files/{}");
    assert_eq!(
        (&request["traceId"], &call["traceId"]),
        (&TRACE.into(), &TRACE.into())
    );
    assert_eq!(request["parentSpanId"], PARENT);
    assert_eq!(call["parentSpanId"], request["spanId"]);
    assert_eq!((&request["kind"], &call["kind"]), (&2.into(), &3.into()));
    assert_eq!(
        attribute(request, "http.response.status_code")["intValue"],
        "200"
    );
    assert_eq!(attribute(request, "cache")["stringValue"], "miss");
    assert_eq!(attribute(call, "upstream.outcome")["stringValue"], "ok");
    let sent = upstream.calls()[0]
        .header("traceparent")
        .unwrap()
        .to_owned();
    assert_eq!(
        sent,
        format!("00-{TRACE}-{}-01", call["spanId"].as_str().unwrap())
    );
    for body in collector
        .calls()
        .iter()
        .map(|call| String::from_utf8_lossy(&call.body))
    {
        assert!(!body.contains(EICAR) && !body.contains(KEY), "{body}");
    }
}

#[tokio::test]
async fn without_a_valid_parent_a_new_trace_begins() {
    let failing = Upstream::always(failure(503, "TransientError", "x")).await;
    let collector = Upstream::always(ok("{}")).await;
    let folder = Folder::new();
    let process = start(&folder, &failing, &collector.url);
    assert_eq!(ask(&process, &[("traceparent", "00-nonsense")]).await, 503);
    // The spans are the request, the call for the quota, and three tries.
    let spans = spans(&collector, 5).await;
    let request = named(&spans, "GET /api/v1/files/{file_hash}");
    assert_eq!(request["parentSpanId"], "");
    assert_eq!(request["status"]["code"], 2);
    assert!(
        spans
            .iter()
            .all(|span| span["traceId"] == request["traceId"])
    );
    let call = named(&spans, "GET /files/{}");
    assert_eq!(
        attribute(call, "upstream.outcome")["stringValue"],
        "transient"
    );
}

#[tokio::test]
async fn a_failing_collector_fails_no_request() {
    let (upstream, collector) = (
        Upstream::demo().await,
        Upstream::always(failure(500, "x", "x")).await,
    );
    let folder = Folder::new();
    let process = start(&folder, &upstream, &collector.url);
    assert_eq!(ask(&process, &[]).await, 200);
    timeout(PATIENCE, collector.until_asked(1)).await.unwrap();
    assert_eq!(ask(&process, &[]).await, 200);
    timeout(PATIENCE, collector.until_asked(2)).await.unwrap();
    let log = process.stop();
    assert_eq!(log.matches("trace export failed").count(), 1, "{log}");
}

#[tokio::test]
async fn without_a_collector_no_traceparent_is_forwarded() {
    let upstream = Upstream::demo().await;
    let folder = Folder::new();
    let process = Process::start(&mut vt4ai(&folder, &["--upstream-url", &upstream.url]));
    let parent = format!("00-{TRACE}-{PARENT}-01");
    assert_eq!(ask(&process, &[("traceparent", &parent)]).await, 200);
    assert_eq!(upstream.calls()[0].header("traceparent"), None);
}

#[tokio::test]
async fn a_local_collector_is_never_reached_through_a_proxy() {
    let (upstream, collector) = (Upstream::demo().await, Upstream::always(ok("{}")).await);
    let proxy = Upstream::always(ok("{}")).await;
    let folder = Folder::new();
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        for url in [
            collector.url.clone(),
            collector.url.replace("127.0.0.1", "localhost"),
            collector.url.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        ] {
            let heard = collector.count();
            let mut command = command(&folder, &upstream, &url);
            let process = Process::start(command.env(name, &proxy.url));
            assert_eq!(ask(&process, &[]).await, 200);
            let more = collector.until_asked(heard + 1);
            timeout(PATIENCE, more).await.unwrap();
            assert_eq!(proxy.count(), 0, "{name} {url}");
        }
    }
}
