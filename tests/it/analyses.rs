//! Tests of `GET /api/v1/analyses/{id}`: the state of an analysis, and waiting for its end
//! (`docs/http-api.md`).

use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    errors::is_well_formed,
    harness::{Answer, EICAR, Gateway, KEY, Upstream, failure, file, http, in_parallel, ok},
    relationships::demo,
    submissions::{JSON, post},
};

/// The id of an analysis of a file, and of one of a URL.
const ID: &str = "NDRkODg2MTJmZWE4YThmMzZkZTgyZTEyNzhhYmIwMmY6MTc2MDAwMDAwMA==";
const URL_ID: &str =
    "u-0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7-1760000000";

fn analysis(id: &str) -> String {
    format!("/api/v1/analyses/{id}")
}

fn attributes(status: &str) -> Value {
    let result = json!({"method": "blacklist", "category": "harmless", "result": null});
    json!({"status": status, "stats": {"harmless": 1}, "date": 1_760_000_000, "results": {"Dr.Web": result}})
}

/// Returns VirusTotal's answer for an analysis with this status.
fn state(status: &str) -> Vec<u8> {
    let data = json!({"id": ID, "type": "analysis", "links": {"self": "x"}, "attributes": attributes(status)});
    ok(json!({"data": data, "meta": {"file_info": {"size": 68}}}).to_string())
}

/// Starts an upstream that gives these answers in turn and repeats the last one.
async fn answering(answers: Vec<Vec<u8>>) -> Upstream {
    let next = AtomicUsize::new(0);
    let answer = move |_: &_| {
        let at = next.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
        Answer::Bytes(answers[at].clone())
    };
    Upstream::faulty(answer).await
}

#[tokio::test]
async fn a_request_without_wait_calls_virustotal_once() {
    let (upstream, gateway) = demo().await;
    let started = post(&gateway, "/api/v1/domains/example.com/analyse", JSON, "").await;
    let location = started.header("location").unwrap();
    for (calls, status) in [(2, "queued"), (3, "in-progress"), (4, "completed")] {
        let reply = gateway.get(location).await;
        let has_more = status != "completed";
        assert_eq!(reply.number("retry-after").is_some(), has_more, "{status}");
        assert!(
            reply
                .number("retry-after")
                .is_none_or(|seconds| seconds >= 1)
        );
        assert_eq!(reply.data()["status"], status);
        assert_eq!(upstream.count(), calls);
    }
}

#[tokio::test]
async fn a_wait_returns_the_completed_analysis() {
    let (upstream, gateway) = demo().await;
    let started = post(&gateway, "/api/v1/domains/example.com/analyse", JSON, "").await;
    let location = started.header("location").unwrap();
    let start = Instant::now();
    let reply = gateway.get(&format!("{location}?wait=60s")).await;
    assert_eq!(reply.header("retry-after"), None);
    let data = reply.data();
    assert_eq!(data["status"], "completed");
    assert!(data["results"].as_object().is_some_and(|it| !it.is_empty()));
    assert_eq!(upstream.count(), 1 + 3);
    let took = start.elapsed();
    assert!((2..6).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn waiting_callers_share_one_poll() {
    let upstream = answering(vec![
        state("queued"),
        state("in-progress"),
        state("completed"),
    ])
    .await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let path = format!("{}?wait=20s", analysis(ID));
    let late = async {
        // A caller that arrives while others wait gets the state they know, and waits with them.
        upstream.until_asked(1).await;
        gateway.get(&path).await
    };
    let (early, late) = tokio::join!(in_parallel((0..20).map(|_| gateway.get(&path))), late);
    for reply in early.into_iter().chain([late]) {
        assert_eq!(reply.data()["status"], "completed");
    }
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn a_shorter_wait_does_not_end_the_others() {
    let upstream = answering(vec![
        state("queued"),
        state("in-progress"),
        state("completed"),
    ])
    .await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let (short, long) = (
        format!("{}?wait=10ms", analysis(ID)),
        format!("{}?wait=20s", analysis(ID)),
    );
    let (short, long) = tokio::join!(gateway.get(&short), gateway.get(&long));
    assert_eq!(short.data()["status"], "queued");
    assert!(short.number("retry-after").is_some());
    assert_eq!(long.data()["status"], "completed");
    assert_eq!(upstream.count(), 3);
}

/// VirusTotal's answers in turn, the query, and the quota a minute.
type Course = (Vec<Vec<u8>>, &'static str, &'static str);
/// The expected status, state of the analysis, `Retry-After` and number of calls.
type Outcome = (
    u16,
    Option<&'static str>,
    Option<RangeInclusive<u64>>,
    usize,
);

/// Describes a wait that returns the last known state of the analysis.
fn known() -> Vec<(Course, Outcome)> {
    let queued = || state("queued");
    let done = || state("completed");
    let none_left = |wait: &str| {
        let wait = format!("Retry-After: {wait}");
        http(429, &["Content-Type: text/html", &wait], "<html>")
    };
    let html = || http(429, &["Content-Type: text/html"], "<html>");
    let passing = || failure(503, "TransientError", "x");
    let until = |wait| (200, Some("queued"), Some(wait), 2);
    let over = |calls| (200, Some("completed"), None, calls);
    vec![
        // The analysis never ends, and the last call is made when the wait is over.
        ((vec![queued()], "1s", "0"), until(1..=30)),
        // Either the gateway's own quota or VirusTotal's is exhausted.
        (
            (vec![queued()], "5s", "1"),
            (200, Some("queued"), Some(50..=61), 1),
        ),
        ((vec![queued(), none_left("30")], "5s", "0"), until(30..=30)),
        ((vec![queued(), html()], "1s", "0"), until(1..=60)),
        // The quota is restored before the wait is over.
        ((vec![queued(), none_left("1"), done()], "9s", "0"), over(3)),
        ((vec![none_left("1"), done()], "9s", "0"), over(2)),
        // `Retry-After: 0` counts as not given.
        ((vec![queued(), none_left("0")], "1s", "0"), until(1..=60)),
        // A transient error is retried, as for any lookup.
        ((vec![queued(), passing(), done()], "5s", "0"), over(3)),
        // VirusTotal's own failures do not end the wait.
        (
            (vec![queued(), http(500, &[], "Traceback")], "5s", "0"),
            until(15..=15),
        ),
        ((vec![queued(), ok("<html>")], "5s", "0"), until(15..=15)),
        ((vec![queued(), Vec::new()], "5s", "0"), until(15..=15)),
    ]
}

/// Describes a wait that returns an error, whatever was known before.
fn failed() -> impl Iterator<Item = (Course, Outcome)> {
    let errors = [
        (failure(404, "NotFoundError", "x"), 404),
        (failure(401, "WrongCredentialsError", "x"), 401),
    ];
    errors.into_iter().map(|(error, status)| {
        let answers = vec![state("queued"), error];
        ((answers, "5s", "0"), (status, None, None, 2))
    })
}

/// Each case takes a second or two, so the cases run in parallel.
#[tokio::test]
async fn a_wait_ends_with_the_last_known_state_or_an_error() {
    let run = async |((answers, wait, quota), outcome): (Course, Outcome)| {
        let upstream = answering(answers).await;
        let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", quota]).await;
        let reply = gateway.get(&format!("{}?wait={wait}", analysis(ID))).await;
        let (status, known, wait, calls) = outcome;
        let body = reply.json();
        assert_eq!((reply.status, upstream.count()), (status, calls), "{body}");
        assert_eq!(body["data"]["status"].as_str(), known, "{body}");
        let given = reply.number("retry-after");
        assert_eq!(given.is_some(), wait.is_some(), "{body}: {given:?}");
        assert!(
            wait.is_none_or(|wait| wait.contains(&given.unwrap())),
            "{given:?}"
        );
        if known.is_none() {
            is_well_formed(&reply);
            assert!(reply.detail().starts_with("Error retrieving analysis: "));
        }
    };
    in_parallel(known().into_iter().chain(failed()).map(run)).await;
}

#[rstest]
#[case("Retry-After: 0")]
#[case("Retry-After: Thu, 01 Jan 1970 00:00:00 GMT")]
#[tokio::test]
async fn a_429_is_never_retried_at_once(#[case] header: &'static str) {
    let upstream = Upstream::always(http(429, &[header], "<html>")).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get(&format!("{}?wait=2s", analysis(ID))).await;
    assert_eq!(reply.status, 429);
    assert!(upstream.count() <= 3, "{}", upstream.count());
}

#[tokio::test]
async fn a_wait_that_starts_without_quota_is_a_429() {
    let upstream = answering(vec![state("queued")]).await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "1"]).await;
    assert_eq!(gateway.get(&analysis(ID)).await.data()["status"], "queued");
    for query in ["", "?wait=1s", "?wait=10s"] {
        let start = Instant::now();
        let reply = gateway.get(&format!("{}{query}", analysis(ID))).await;
        is_well_formed(&reply);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (429, "QuotaExceededError")
        );
        // The quota would not be restored in time.
        assert!(start.elapsed() < Duration::from_secs(1), "{query}");
    }
    let refusal = http(429, &["Retry-After: 60"], "<html>");
    let upstream = answering(vec![refusal]).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get(&format!("{}?wait=10s", analysis(ID))).await;
    assert_eq!((reply.status, reply.number("retry-after")), (429, Some(60)));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn the_analysis_id_is_forwarded_percent_encoded() {
    let (upstream, gateway) = demo().await;
    for (id, target) in [
        (
            ID,
            "NDRkODg2MTJmZWE4YThmMzZkZTgyZTEyNzhhYmIwMmY6MTc2MDAwMDAwMA%3D%3D",
        ),
        ("NDRkOA%3D%3D", "NDRkOA%3D%3D"),
        ("%4e%44RkOA%3d=", "NDRkOA%3D%3D"),
        (URL_ID, URL_ID),
        ("a+b%2Fc", "a%2Bb%2Fc"),
        ("a.b:c@d~e", "a.b%3Ac%40d~e"),
    ] {
        let reply = gateway.get(&analysis(id)).await;
        let target = format!("/api/v3/analyses/{target}");
        assert_eq!(upstream.targets().last(), Some(&target));
        is_well_formed(&reply);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (404, "NotFoundError")
        );
        assert!(reply.detail().starts_with("Error retrieving analysis: "));
    }
}

#[tokio::test]
async fn an_invalid_analysis_id_spends_nothing() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    for id in [
        "..",
        ".",
        "%2e%2e",
        "%2E.",
        "..%2Ffiles%2Fx",
        "x%3Fy",
        "a-b%2Fc",
        "a%20b",
        "%20",
        "a%00",
        "a%0Db",
        "%C3%A9",
        "a%ff",
        "%25%33%44",
    ] {
        // A client that follows RFC 3986 removes dot segments; this one sends them.
        let path = analysis(id);
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nConnection: close\r\n\r\n"
        );
        let answer = gateway.raw(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("x-ratelimit-remaining: 4\r\n"), "{answer}");
        assert!(
            answer.contains(r#"{"detail":"Error retrieving analysis: "#),
            "{answer}"
        );
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn an_id_has_256_characters_at_most() {
    let (upstream, gateway) = demo().await;
    for (length, status) in [(256, 404), (257, 400), (3000, 400)] {
        let reply = gateway.get(&analysis(&"a".repeat(length))).await;
        assert_eq!(reply.status, status, "{length}");
    }
    assert_eq!(gateway.get("/api/v1/analyses/").await.status, 404);
    assert_eq!(gateway.get("/api/v1/analyses").await.status, 404);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_wait_is_a_duration_up_to_five_minutes() {
    let upstream = answering(vec![state("queued")]).await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    for query in [
        "wait=x",
        "wait=",
        "wait=301",
        "wait=1.5",
        "wait=6m",
        "wait=5m1s",
        "wait=300001ms",
        "wait=-1s",
        "wait=99999999999999999999s",
        "wait=1s&wait=2s",
        "wait=1s&wait=1s",
        "w%61it=1s&wait=1s",
        "wait=%ff",
    ] {
        let reply = gateway.get(&format!("{}?{query}", analysis(ID))).await;
        assert_eq!(
            (reply.status, reply.number("x-ratelimit-remaining")),
            (400, Some(4)),
            "{query}"
        );
        is_well_formed(&reply);
        let start = "Error retrieving analysis: parameter `wait`: ";
        assert!(reply.detail().starts_with(start), "{}", reply.detail());
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_wait_accepts_every_spelling_of_a_duration() {
    let upstream = answering(vec![state("completed")]).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for query in [
        "wait=0s",
        "wait=300s",
        "wait=5m",
        "wait=1m%2030s",
        "wait=1m+30s",
    ] {
        let reply = gateway.get(&format!("{}?{query}", analysis(ID))).await;
        assert_eq!(reply.data(), attributes("completed"));
    }
}

#[tokio::test]
async fn an_analysis_comes_in_every_format() {
    let upstream = answering(vec![state("completed")]).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let ask = async |format: &str| {
        gateway
            .get(&format!("{}?format={format}", analysis(ID)))
            .await
    };
    for format in ["json", "raw"] {
        let expected = json!({"data": attributes("completed"), "format": format});
        assert_eq!(ask(format).await.text(), expected.to_string());
    }
    let markdown = ask("markdown").await.document();
    let start = format!("# Analysis: `{ID}`\n\n# Status\n\ncompleted\n");
    assert!(markdown.starts_with(&start), "{markdown}");
    let xml = ask("xml").await.document();
    let parsed = roxmltree::Document::parse(&xml).unwrap();
    let root = parsed.root_element();
    assert_eq!(root.tag_name().name(), "analysis");
    let status = root.children().find(|it| it.has_tag_name("status"));
    assert_eq!(status.unwrap().text(), Some("completed"));
    for (media, document) in [
        ("text/markdown", &markdown),
        ("application/xml", &xml),
        ("text/xml", &xml),
    ] {
        let headers = [("x-api-key", KEY), ("accept", media)];
        let reply = gateway.get_with(&analysis(ID), &headers).await;
        assert_eq!((reply.status, reply.text()), (200, &**document));
    }
    let bad = ask("pdf").await;
    assert_eq!(bad.status, 400);
}

#[rstest]
#[case::html("<html>")]
#[case::null(r#"{"data": null}"#)]
#[case::no_status(r#"{"data": {"id": "x", "type": "analysis", "attributes": {}}}"#)]
#[case::no_attributes(r#"{"data": {"id": "x", "type": "analysis"}}"#)]
#[case::number(r#"{"data": {"id": "x", "type": "analysis", "attributes": {"status": 1}}}"#)]
#[tokio::test]
async fn an_answer_without_a_status_is_a_502(#[case] answer: &str) {
    let upstream = answering(vec![ok(answer)]).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get(&format!("{}?wait=10s", analysis(ID))).await;
    is_well_formed(&reply);
    assert_eq!(
        (reply.status, upstream.count()),
        (502, 1),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn an_analysis_needs_a_key_and_costs_a_unit() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    let reply = gateway.get_with(&analysis(ID), &[]).await;
    is_well_formed(&reply);
    assert_eq!((reply.status, upstream.count()), (401, 0));
    assert!(gateway.get(&file(EICAR)).await.status == 200);
    let reply = gateway.get(&analysis(ID)).await;
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(2));
}
