//! Tests of the cache: when VirusTotal is not asked again, and which stale answers are served.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rstest::rstest;
use serde_json::json;
use tokio::sync::watch;

use crate::harness::{
    Answer, EICAR, Gateway, KEY, Reply, TROJAN, UNKNOWN, Upstream, failure, file, http,
    in_parallel, ok,
};

const KEPT: [&str; 2] = ["--cache-max-bytes", "100000000"];

pub(crate) async fn keeping(upstream: &Upstream, flags: &[&str]) -> Gateway {
    Gateway::before(upstream, &[&KEPT, flags].concat()).await
}

/// Returns `X-Cache` and its reason.
fn origin(reply: &Reply) -> (Option<&str>, Option<&str>) {
    (reply.header("x-cache"), reply.header("x-cache-reason"))
}

async fn ask(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Reply {
    let key = [("x-api-key", KEY)];
    gateway.get_with(path, &[&key, headers].concat()).await
}

/// Starts an upstream whose report contains the number of calls so far.
async fn counting() -> Upstream {
    let asked = AtomicUsize::new(0);
    Upstream::faulty(move |_| {
        let count = asked.fetch_add(1, Ordering::Relaxed) + 1;
        Answer::Bytes(ok(
            json!({"data": {"attributes": {"size": count}}}).to_string()
        ))
    })
    .await
}

#[tokio::test]
async fn ten_views_of_a_report_cost_one_lookup() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    let first = gateway.get(&file(EICAR)).await;
    assert_eq!(origin(&first), (Some("MISS"), None));
    assert_eq!(first.number("age"), Some(0));
    for query in [
        "",
        "?format=raw",
        "?format=xml",
        "?format=markdown",
        "?template_name=vt4ai_file_basics",
    ] {
        let again = gateway.get(&format!("{}{query}", file(EICAR))).await;
        assert_eq!((again.status, origin(&again).0), (200, Some("HIT")));
        assert!(!query.is_empty() || again.body == first.body);
        let once_more = gateway.get(&format!("{}{query}", file(EICAR))).await;
        assert_eq!(once_more.body, again.body);
        assert_eq!(once_more.header("etag"), again.header("etag"));
    }
    let document = ask(&gateway, &file(EICAR), &[("accept", "text/markdown")]).await;
    assert!(document.text().starts_with("# File Report: "));
    assert_eq!(upstream.count(), 1);
}

#[rstest]
#[case("/api/v1/files/x/relationships/contacted_domains?limit=5")]
#[case("/api/v1/files/x/relationships/dropped_files?limit=45")]
#[case("/api/v1/files/x/comments")]
#[case("/api/v1/files/x/behaviour_summary")]
#[case("/api/v1/search?query=example.com")]
#[tokio::test]
async fn every_kind_of_read_is_cached(#[case] path: &str) {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    let path = path.replace("/x/", &format!("/{TROJAN}/"));
    let first = gateway.get(&path).await;
    let calls = upstream.count();
    let again = gateway.get(&path).await;
    assert_eq!(
        (origin(&first).0, origin(&again).0),
        (Some("MISS"), Some("HIT"))
    );
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("link"), first.header("link"));
    assert_eq!(upstream.count(), calls);
}

#[tokio::test]
async fn not_found_is_cached() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    let first = gateway.get(&file(UNKNOWN)).await;
    let again = gateway.get(&file(UNKNOWN)).await;
    assert_eq!(
        (first.status, origin(&first).0, origin(&again).0),
        (404, Some("MISS"), Some("HIT"))
    );
    assert_eq!(again.body, first.body);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn an_error_is_never_cached() {
    let upstream = Upstream::always(failure(403, "ForbiddenError", "x")).await;
    let gateway = keeping(&upstream, &[]).await;
    for calls in 1..=2 {
        let reply = gateway.get(&file(EICAR)).await;
        assert_eq!((reply.status, origin(&reply)), (403, (None, None)));
        assert_eq!(upstream.count(), calls);
    }
}

#[tokio::test]
async fn cache_control_decides_the_accepted_age() {
    let upstream = counting().await;
    let gateway = keeping(&upstream, &[]).await;
    let control = |value| [("cache-control", value)];
    for (value, size) in [
        ("max-age=60", 1),
        ("max-age=60", 1),
        ("no-cache", 2),
        ("max-age=60", 2),
        ("no-cache, max-age=60", 3),
        ("max-stale=5", 3),
    ] {
        let reply = ask(&gateway, &file(EICAR), &control(value)).await;
        assert_eq!(reply.data()["size"], size, "{value}");
    }
}

#[tokio::test]
async fn a_matching_etag_is_a_304() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    let first = gateway.get(&file(EICAR)).await;
    let etag = first.header("etag").unwrap();
    for (tag, status) in [(etag, 304), ("W/\"other\"", 200), ("*", 304)] {
        let reply = ask(&gateway, &file(EICAR), &[("if-none-match", tag)]).await;
        assert_eq!((reply.status, reply.header("etag")), (status, Some(etag)));
        assert_eq!(reply.body.is_empty(), status == 304);
        assert_eq!(origin(&reply).0, Some("HIT"));
    }
}

/// Starts an upstream that gives one report and then this answer.
async fn then(answer: Answer) -> Upstream {
    let is_first = AtomicBool::new(true);
    Upstream::faulty(move |_| {
        if is_first.swap(false, Ordering::Relaxed) {
            let report = json!({"data": {"attributes": {"size": 68}}});
            return Answer::Bytes(ok(report.to_string()));
        }
        answer.clone()
    })
    .await
}

#[rstest]
#[case::limited(Answer::Bytes(http(429, &[], "<html>")), "quota")]
#[case::overloaded(Answer::Bytes(failure(503, "TransientError", "x")), "upstream")]
#[case::broken(Answer::Bytes(http(500, &[], "Traceback")), "upstream")]
#[case::garbage(Answer::Bytes(ok("<html>")), "upstream")]
#[case::half_an_answer(Answer::Bytes(ok("{\"data\": {\"attri")), "upstream")]
#[case::gone(Answer::Reset(Vec::new()), "upstream")]
#[case::silent(Answer::Silence(Vec::new()), "upstream")]
#[tokio::test]
async fn a_stale_answer_replaces_an_upstream_failure(#[case] answer: Answer, #[case] reason: &str) {
    let upstream = then(answer).await;
    let flags = ["--cache-ttl", "0s", "--upstream-timeout", "300ms"];
    let gateway = keeping(&upstream, &flags).await;
    let first = gateway.get(&file(EICAR)).await;
    assert_eq!(first.data()["size"], 68);
    for _ in 0..2 {
        let reply = gateway.get(&file(EICAR)).await;
        assert_eq!(
            (reply.status, origin(&reply)),
            (200, (Some("STALE"), Some(reason)))
        );
        assert_eq!(reply.body, first.body);
        assert!(reply.number("age").is_some());
    }
    for value in ["max-stale=0", "no-cache"] {
        let reply = ask(&gateway, &file(EICAR), &[("cache-control", value)]).await;
        assert!(reply.status >= 429, "{value}: {}", reply.status);
    }
}

#[tokio::test]
async fn a_stale_answer_is_served_when_quota_is_exhausted() {
    let upstream = counting().await;
    let flags = ["--cache-ttl", "0s", "--rate-limit-per-minute", "1"];
    let gateway = keeping(&upstream, &flags).await;
    gateway.get(&file(EICAR)).await;
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!(
        (reply.status, origin(&reply)),
        (200, (Some("STALE"), Some("quota")))
    );
    assert_eq!(gateway.get(&file(TROJAN)).await.status, 429);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn no_answer_is_served_past_the_longest_staleness() {
    let upstream = then(Answer::Bytes(failure(503, "TransientError", "x"))).await;
    let flags = ["--cache-ttl", "0s", "--cache-max-stale", "0s"];
    let gateway = keeping(
        &upstream,
        &[&flags[..], &["--upstream-timeout", "100ms"]].concat(),
    )
    .await;
    gateway.get(&file(EICAR)).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 503);
}

/// A refusal describes the key; it is not a failure that a stale answer may replace.
#[rstest]
#[case(401, "WrongCredentialsError")]
#[case(403, "ForbiddenError")]
#[tokio::test]
async fn a_refusal_is_not_replaced_by_a_stale_answer(#[case] status: u16, #[case] code: &str) {
    let upstream = then(Answer::Bytes(failure(status, code, "x"))).await;
    let gateway = keeping(&upstream, &["--cache-ttl", "0s"]).await;
    gateway.get(&file(EICAR)).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, status);
}

#[tokio::test]
async fn an_answer_is_served_only_to_the_key_that_fetched_it() {
    let upstream = counting().await;
    let gateway = keeping(&upstream, &[]).await;
    let path = file(EICAR);
    let [mine, theirs] = ["mine", "theirs"].map(|key| [("x-api-key", key)]);
    gateway.get_with(&path, &mine).await;
    let reply = gateway.get_with(&path, &theirs).await;
    assert_eq!(
        (reply.data()["size"].clone(), origin(&reply).0),
        (json!(2), Some("MISS"))
    );
    let again = gateway.get_with(&path, &mine).await;
    assert_eq!(
        (again.data()["size"].clone(), origin(&again).0),
        (json!(1), Some("HIT"))
    );
}

#[tokio::test]
async fn two_keys_share_neither_calls_nor_stale_answers() {
    let upstream = then(Answer::Bytes(failure(500, "x", "x"))).await;
    let gateway = keeping(&upstream, &["--cache-ttl", "0s"]).await;
    let path = file(EICAR);
    gateway.get_with(&path, &[("x-api-key", "mine")]).await;
    let keys = ["theirs", "theirs", "mine"].map(|key| [("x-api-key", key)]);
    let replies = in_parallel(keys.iter().map(async |key| {
        let reply = gateway.get_with(&path, key).await;
        (key[0].1, reply.status)
    }));
    for (key, status) in replies.await {
        assert_eq!(status, if key == "mine" { 200 } else { 502 }, "{key}");
    }
}

#[tokio::test]
async fn shared_answers_are_only_for_verified_keys() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--cache-scope", "shared"]).await;
    let with = |key| [("x-api-key", key)];
    gateway.get_with(&file(EICAR), &with("one")).await;
    // The key is not verified yet, so VirusTotal is asked and refuses it.
    let wrong = gateway.get_with(&file(EICAR), &with("wrong-key")).await;
    assert_eq!(wrong.status, 401);
    let other = gateway.get_with(&file(EICAR), &with("other")).await;
    assert_eq!(origin(&other).0, Some("MISS"));
    gateway.get_with(&file(TROJAN), &with("one")).await;
    let shared = gateway.get_with(&file(TROJAN), &with("other")).await;
    assert_eq!(origin(&shared).0, Some("HIT"));
    let wrong = gateway.get_with(&file(TROJAN), &with("wrong-key")).await;
    assert_eq!(wrong.status, 401);
}

/// With scope `shared`, the key that fetches first is not yet verified.
#[rstest]
#[case("key")]
#[case("shared")]
#[tokio::test]
async fn a_malformed_answer_is_not_cached(#[case] scope: &str) {
    let is_first = AtomicBool::new(true);
    let upstream = Upstream::faulty(move |_| {
        let is_first = is_first.swap(false, Ordering::Relaxed);
        let report = r#"{"data": {"attributes": {"size": 68}}}"#;
        Answer::Bytes(ok(if is_first { &report[..20] } else { report }))
    })
    .await;
    let gateway = keeping(&upstream, &["--cache-scope", scope]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 502);
    assert_eq!(gateway.get(&file(EICAR)).await.data()["size"], 68);
}

#[rstest]
#[case::report("/api/v1/domains/example.com", r#"{"data": {"attributes": {}}}"#)]
#[case::page(
    "/api/v1/domains/example.com/relationships/subdomains",
    r#"{"data": []}"#
)]
#[case::pages(
    "/api/v1/domains/example.com/relationships/subdomains?limit=60",
    r#"{"data": []}"#
)]
#[tokio::test]
async fn a_malformed_answer_costs_no_caller_the_one_before(
    #[case] path: &str,
    #[case] good: &'static str,
) {
    let calls = AtomicUsize::new(0);
    let upstream = Upstream::faulty(move |_| {
        Answer::Bytes(match calls.fetch_add(1, Ordering::Relaxed) {
            0 => ok(good),
            1 => ok(r#"{"data": [{"#),
            _ => failure(500, "TransientError", "try again"),
        })
    })
    .await;
    let gateway = keeping(&upstream, &[]).await;
    assert_eq!(gateway.get(path).await.status, 200);
    let anew = [("cache-control", "no-cache")];
    assert_eq!(ask(&gateway, path, &anew).await.status, 502);
    assert_eq!(origin(&gateway.get(path).await).0, Some("HIT"));
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_write_evicts_the_answers_about_its_object() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    let comments = "/api/v1/domains/example.com/comments?limit=1";
    let report = "/api/v1/domains/example.com";
    let other = "/api/v1/domains/bank-secure.example";
    for path in [comments, report, other] {
        gateway.get(path).await;
    }
    let request = gateway.post("/api/v1/domains/example.com/comments");
    let request = request.header("content-type", "application/json");
    let sent = request
        .body(r#"{"text": "seen anew"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);
    let reply = gateway.get(comments).await;
    assert_eq!(reply.data()[0]["attributes"]["text"], "seen anew");
    assert_eq!(origin(&gateway.get(report).await).0, Some("MISS"));
    assert_eq!(origin(&gateway.get(other).await).0, Some("HIT"));
}

#[tokio::test]
async fn only_a_completed_analysis_is_cached() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    let request = gateway.post("/api/v1/domains/example.com/analyse");
    let started = request.send().await.unwrap();
    let location = started.headers()["location"].to_str().unwrap();
    for (status, calls, seen) in [
        ("queued", 2, "MISS"),
        ("in-progress", 3, "MISS"),
        ("completed", 4, "MISS"),
        ("completed", 4, "HIT"),
    ] {
        let reply = gateway.get(location).await;
        assert_eq!(reply.data()["status"], status);
        assert_eq!((upstream.count(), origin(&reply).0), (calls, Some(seen)));
    }
}

#[rstest]
#[case(ok(r#"{"data": {"attributes": {"size": 68}}}"#), 200)]
#[case(failure(404, "NotFoundError", "x"), 404)]
#[case(failure(403, "ForbiddenError", "x"), 403)]
#[tokio::test]
async fn concurrent_requests_share_one_call(#[case] answer: Vec<u8>, #[case] status: u16) {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |_| Answer::Held(going.clone(), answer.clone())).await;
    let gateway = keeping(&upstream, &["--client-rate-per-minute", "0"]).await;
    let path = file(EICAR);
    // Once each of them was polled, all wait for the same call.
    let asking = in_parallel((0..100).map(|_| gateway.get_directly(&path)));
    let (replies, _) = tokio::join!(biased; asking, async { go.send_replace(true) });
    assert!(replies.iter().all(|reply| reply.status == status));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_call_continues_after_its_caller_hangs_up() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::held(going, r#"{"data": {"attributes": {"size": 68}}}"#).await;
    let gateway = keeping(&upstream, &[]).await;
    let path = file(EICAR);
    let given_up = tokio::select! {
        reply = gateway.get_directly(&path) => Some(reply),
        () = upstream.until_asked(1) => None,
    };
    assert!(given_up.is_none());
    go.send_replace(true);
    // The request finds either the call in flight or its cached answer.
    assert_eq!(gateway.get(&path).await.data()["size"], 68);
    assert_eq!(upstream.count(), 1);
}

/// The caller that would have found the answer malformed had hung up before it came.
#[rstest]
#[case::report("", r#"{"data": {"attributes": {"size": 68}}}"#)]
#[case::page("/relationships/votes", r#"{"data": [], "meta": {"count": 0}}"#)]
#[case::pages(
    "/relationships/votes?limit=60",
    r#"{"data": [], "meta": {"count": 0}}"#
)]
#[tokio::test]
async fn a_truncated_answer_is_fetched_again_after_a_hang_up(
    #[case] part: &str,
    #[case] whole: &'static str,
) {
    let (go, going) = watch::channel(false);
    let is_first = AtomicBool::new(true);
    let upstream = Upstream::faulty(move |_| {
        if is_first.swap(false, Ordering::Relaxed) {
            return Answer::Held(going.clone(), ok(&whole[..20]));
        }
        Answer::Bytes(ok(whole))
    })
    .await;
    let gateway = keeping(&upstream, &["--client-rate-per-minute", "0"]).await;
    let path = file(EICAR) + part;
    let given_up = tokio::select! {
        reply = gateway.get_directly(&path) => Some(reply),
        () = upstream.until_asked(1) => None,
    };
    assert!(given_up.is_none());
    go.send_replace(true);
    let is_empty = "\nvt4ai_cache_entries 0\n";
    while gateway.get("/metrics").await.text().contains(is_empty) {}
    let reply = gateway.get(&path).await;
    assert_eq!((reply.status, origin(&reply).0), (200, Some("MISS")));
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn without_a_cache_every_request_is_a_call() {
    let upstream = counting().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for size in 1..=2 {
        let reply = gateway.get(&file(EICAR)).await;
        assert_eq!(
            (reply.data()["size"].clone(), origin(&reply).0),
            (json!(size), Some("MISS"))
        );
    }
}

#[tokio::test]
async fn a_stale_answer_is_served_when_the_upstream_is_gone() {
    let upstream = counting().await;
    let gateway = keeping(
        &upstream,
        &["--cache-ttl", "0s", "--upstream-timeout", "1s"],
    )
    .await;
    gateway.get(&file(EICAR)).await;
    drop(upstream);
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!(origin(&reply), (Some("STALE"), Some("upstream")));
}
