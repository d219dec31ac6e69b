//! Entries, calls and quota that are shared with `/api/v1`.

use serde_json::Value;
use tokio::sync::watch;

use super::is_report;
use crate::harness::{
    Answer, EICAR, Gateway, KEY, Reply, Upstream, failure, file, in_parallel, ok, until,
};

const CACHED: [&str; 2] = ["--cache-max-bytes", "10000000"];
const LIMITED: [&str; 4] = [
    "--cache-max-bytes",
    "10000000",
    "--rate-limit-per-minute",
    "4",
];

fn v3(path: &str) -> String {
    format!("/api/v3{path}")
}

#[tokio::test]
async fn a_report_fetched_by_rest_is_a_hit_here_and_the_other_way_round() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &CACHED).await;
    let report = format!("/files/{EICAR}");
    assert_eq!(
        gateway.get(&file(EICAR)).await.header("x-cache"),
        Some("MISS")
    );
    for _ in 0..3 {
        let reply = gateway.get(&v3(&report)).await;
        assert_eq!((reply.status, reply.header("x-cache")), (200, Some("HIT")));
        assert!(reply.header("age").is_some() && reply.header("x-request-id").is_some());
        assert_eq!(reply.json()["data"]["id"], EICAR);
    }
    for (here, there) in [
        ("/domains/example.com", "/api/v1/domains/example.com"),
        ("/ip_addresses/8.8.8.8", "/api/v1/ips/8.8.8.8"),
        (
            "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8",
            "/api/v1/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8",
        ),
        (
            "/domains/example.com/comments?limit=10",
            "/api/v1/domains/example.com/comments?limit=10",
        ),
        (
            "/domains/example.com/relationships/resolutions?limit=5",
            "/api/v1/domains/example.com/relationships/resolutions?limit=5&descriptors_only=true",
        ),
        (
            "/search?limit=10&query=x",
            "/api/v1/search?query=x&limit=10",
        ),
        (
            "/search?query=%23a+b&limit=10",
            "/api/v1/search?query=%23a%20b&limit=10",
        ),
        (
            "/domains/example.com?relationships=resolutions,siblings",
            "/api/v1/domains/example.com?relationships=resolutions,siblings",
        ),
    ] {
        let first = gateway.get(&v3(here)).await;
        assert_eq!(
            (first.status, first.header("x-cache")),
            (200, Some("MISS")),
            "{here}"
        );
        let second = gateway.get(there).await;
        let expected = if here.starts_with("/search?limit") {
            "MISS"
        } else {
            "HIT"
        };
        assert_eq!(
            second.header("x-cache"),
            Some(expected),
            "{there}: {}",
            second.text()
        );
    }
}

#[tokio::test]
async fn a_not_found_is_kept_for_both() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &CACHED).await;
    let path = "/files/0000000000000000000000000000000000000000";
    let first = gateway.get(&v3(path)).await;
    assert_eq!((first.status, first.header("x-cache")), (404, Some("MISS")));
    let again = gateway.get(&v3(path)).await;
    assert_eq!((again.status, again.header("x-cache")), (404, Some("HIT")));
    assert_eq!(first.body, again.body);
    assert_eq!(
        gateway
            .get(&format!("/api/v1{path}"))
            .await
            .header("x-cache"),
        Some("HIT")
    );
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn concurrent_requests_of_both_share_one_call() {
    let (go, going) = watch::channel(false);
    let body = "{\"data\": {\"id\": \"x\", \"type\": \"file\", \"attributes\": {\"size\": 1}}}";
    let upstream = Upstream::held(going, body).await;
    let gateway = Gateway::before(&upstream, &CACHED).await;
    let paths = [v3(&format!("/files/{EICAR}")), file(EICAR)];
    let asks = (0..8).map(|at| gateway.get(&paths[at % 2]));
    let release = async {
        upstream.until_asked(1).await;
        go.send(true).unwrap();
    };
    let (replies, ()) = tokio::join!(in_parallel(asks), release);
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn both_spend_the_same_quota() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &LIMITED).await;
    let limits = |reply: &Reply| {
        let number = |name| reply.number(name).unwrap();
        (number("x-ratelimit-limit"), number("x-ratelimit-remaining"))
    };
    assert_eq!(
        limits(&gateway.get("/api/v3/domains/example.com").await),
        (4, 3)
    );
    assert_eq!(limits(&gateway.get("/api/v1/ips/8.8.8.8").await), (4, 2));
    // Not known, and not kept.
    let reply = gateway.get("/api/v3/graphs/1").await;
    assert_eq!((reply.status, limits(&reply)), (404, (4, 1)));
    assert_eq!(
        limits(&gateway.get("/api/v3/domains/example.com").await),
        (4, 1)
    );
}

#[tokio::test]
async fn x_tool_is_part_of_what_an_answer_is_kept_by() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &CACHED).await;
    let path = v3(&format!("/files/{EICAR}"));
    let ask = async |tool: Option<&'static str>| {
        let mut headers = vec![("x-apikey", KEY)];
        headers.extend(tool.map(|tool| ("x-tool", tool)));
        let reply = gateway.get_with(&path, &headers).await;
        reply.header("x-cache").unwrap().to_owned()
    };
    assert_eq!(ask(None).await, "MISS");
    assert_eq!(ask(Some("vt4ai")).await, "HIT", "the gateway's own");
    assert_eq!(ask(Some("SOAR")).await, "MISS");
    assert_eq!(ask(Some("soar")).await, "MISS");
    assert_eq!(ask(Some("SOAR")).await, "HIT");
    assert_eq!(
        gateway.get(&file(EICAR)).await.header("x-cache"),
        Some("HIT")
    );
    let calls = upstream.calls();
    let tools: Vec<_> = calls.iter().map(|call| call.header("x-tool")).collect();
    assert_eq!(tools, [Some("vt4ai"), Some("SOAR"), Some("soar")]);
}

#[tokio::test]
async fn what_is_not_known_is_never_kept() {
    let upstream = Upstream::always(ok("{\"data\": {}}")).await;
    let gateway = Gateway::before(&upstream, &CACHED).await;
    for path in [
        "/graphs/1",
        "/private/files/1",
        "/files/x",
        "/analyses/a/item",
    ] {
        for _ in 0..2 {
            let reply = gateway.get(&v3(path)).await;
            assert_eq!(
                (reply.status, reply.header("x-cache")),
                (200, None),
                "{path}"
            );
        }
    }
    let asked = upstream.targets();
    assert_eq!(
        asked.iter().filter(|it| it.contains("graphs")).count(),
        2,
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_spelling_that_could_mean_something_else_is_kept_by_itself() {
    let upstream = Upstream::faulty(|call| {
        Answer::Bytes(if call.target.contains('%') {
            failure(404, "NotFoundError", "x")
        } else {
            ok("{\"data\": {\"attributes\": {}}}")
        })
    })
    .await;
    let gateway = Gateway::before(&upstream, &CACHED).await;
    // The gateway would read it as example.com; VirusTotal may not.
    assert_eq!(
        gateway
            .get("/api/v3/domains/example%5B.%5Dcom")
            .await
            .status,
        404
    );
    assert_eq!(gateway.get("/api/v1/domains/example.com").await.status, 200);
}

#[tokio::test]
async fn no_cache_asks_again() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &CACHED).await;
    let path = v3("/domains/example.com");
    gateway.get(&path).await;
    let headers = [("x-apikey", KEY), ("cache-control", "no-cache")];
    assert_eq!(
        gateway.get_with(&path, &headers).await.header("x-cache"),
        Some("MISS")
    );
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn metrics_and_log_know_the_route() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &CACHED).await;
    gateway.get(&v3(&format!("/files/{EICAR}"))).await;
    until(async || {
        let metrics = gateway.get_with("/metrics", &[]).await;
        metrics.text().contains("route=\"/api/v3/{*path}\"")
    })
    .await;
    let metrics = gateway.get_with("/metrics", &[]).await;
    assert!(!metrics.text().contains(EICAR));
    assert!(upstream.calls().iter().all(is_report));
}

#[tokio::test]
async fn every_collection_of_the_demo_is_answered() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &CACHED).await;
    let report: Value = gateway.get(&v3("/domains/example.com")).await.json();
    assert_eq!(report["data"]["type"], "domain");
    let own = format!("http://{}/api/v3/domains/example.com", gateway.address);
    assert_eq!(report["data"]["links"]["self"], own);
}
