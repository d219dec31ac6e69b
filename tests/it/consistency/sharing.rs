//! Tests of concurrent callers that share calls: each keeps its own deadline, credentials and view.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rstest::rstest;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::{origin, origin_of, post};
use crate::{
    cache::keeping,
    harness::{
        Answer, EICAR, Gateway, KEY, Reply, TROJAN, Upstream, failure, file, http, in_parallel, ok,
    },
};

const REPORT: &str = r#"{"data": {"type": "file", "id": "x", "attributes": {"size": 1}}}"#;

/// One lookup a minute, and no limit on requests.
const ONE_A_MINUTE: [&str; 4] = [
    "--rate-limit-per-minute",
    "1",
    "--client-rate-per-minute",
    "0",
];

const LIST: &str = r#"{"data": [], "meta": {}}"#;

async fn ask_as(gateway: &Gateway, key: &str, path: &str) -> Reply {
    gateway.get_with(path, &[("x-api-key", key)]).await
}

/// Starts a server that holds back its first answer to a GET, and answers POSTs at once.
async fn holding_the_first(going: watch::Receiver<bool>, body: &'static str) -> Upstream {
    let is_first = AtomicBool::new(true);
    Upstream::faulty(move |call| {
        if call.method == "GET" && is_first.swap(false, Ordering::SeqCst) {
            return Answer::Held(going.clone(), ok(body));
        }
        Answer::Bytes(ok(
            r#"{"data": {"type": "x", "id": "new", "attributes": {}}}"#,
        ))
    })
    .await
}

#[rstest]
#[case::comments("/comments", "/comments", r#"{"text": "bad"}"#)]
#[case::report("", "/analyse", "")]
#[case::long_list("/relationships/contacted_ips?limit=45", "/analyse", "")]
#[tokio::test]
async fn a_call_from_before_a_write_is_neither_shared_nor_cached(
    #[case] read: &str,
    #[case] write: &str,
    #[case] body: &str,
) {
    let (go, going) = watch::channel(false);
    let upstream = holding_the_first(going, if read.is_empty() { REPORT } else { LIST }).await;
    let gateway = keeping(&upstream, &[]).await;
    let path = format!("{}{read}", file(EICAR));
    let written = format!("{}{write}", file(EICAR));
    let meanwhile = async {
        upstream.until_asked(1).await;
        assert!(post(&gateway, &written, body).await.status < 300);
        let during = origin_of(&gateway, &path).await;
        go.send(true).unwrap();
        during
    };
    let (_before, during) = tokio::join!(gateway.get(&path), meanwhile);
    assert_eq!(during.1.as_deref(), Some("MISS"), "it asks for itself");
    let calls = upstream.count();
    let after = gateway.get(&path).await;
    assert_eq!(after.header("x-cache"), Some("HIT"));
    assert!(
        after.text().contains("new") || read.is_empty(),
        "{}",
        after.text()
    );
    assert_eq!(upstream.count(), calls);
}

#[rstest]
#[case::forbidden(failure(403, "ForbiddenError", "x"), 403)]
#[case::too_many(failure(429, "QuotaExceededError", "x"), 429)]
#[case::wrong_key(failure(401, "WrongCredentialsError", "x"), 401)]
#[case::transient(failure(503, "TransientError", "x"), 503)]
#[tokio::test]
async fn with_a_shared_scope_a_refusal_is_not_shared(
    #[case] refusal: Vec<u8>,
    #[case] status: u16,
) {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |call| {
        if call.target.contains(TROJAN) {
            return Answer::Bytes(ok(REPORT));
        }
        match call.header("x-apikey") {
            Some("public") => Answer::Held(going.clone(), refusal.clone()),
            _ => Answer::Bytes(ok(REPORT)),
        }
    })
    .await;
    let flags = ["--cache-scope", "shared", "--upstream-timeout", "400ms"];
    let gateway = keeping(&upstream, &flags).await;
    // Both keys are verified first.
    for key in ["public", "premium"] {
        assert_eq!(ask_as(&gateway, key, &file(TROJAN)).await.status, 200);
    }
    let calls = upstream.count();
    let path = file(EICAR);
    let joining = async {
        upstream.until_asked(calls + 1).await;
        let letting_go = async { go.send(true).unwrap() };
        let (premium, ()) = tokio::join!(ask_as(&gateway, "premium", &path), letting_go);
        premium
    };
    let (public, premium) = tokio::join!(ask_as(&gateway, "public", &path), joining);
    assert_eq!((public.status, premium.status), (status, 200));
}

#[rstest]
#[case::virustotals(failure(404, "NotFoundError", "x"))]
#[case::a_page(http(404, &["Content-Type: text/html"], "<html>"))]
#[case::a_page_that_succeeds(http(200, &["Content-Type: text/html"], "<html>"))]
#[tokio::test]
async fn only_a_success_verifies_a_key(#[case] other: Vec<u8>) {
    let upstream = Upstream::faulty(move |call| {
        Answer::Bytes(match call.header("x-apikey") {
            Some("good") => ok(REPORT),
            _ if call.target.contains(TROJAN) => other.clone(),
            _ => failure(401, "WrongCredentialsError", "x"),
        })
    })
    .await;
    let gateway = keeping(&upstream, &["--cache-scope", "shared"]).await;
    assert_eq!(ask_as(&gateway, "good", &file(EICAR)).await.status, 200);
    assert!(ask_as(&gateway, "refused", &file(TROJAN)).await.status >= 400);
    assert_eq!(ask_as(&gateway, "refused", &file(EICAR)).await.status, 401);
}

#[tokio::test]
async fn a_revoked_key_no_longer_reads_cached_answers() {
    let upstream = Upstream::faulty(|call| {
        let is_revoked = call.header("x-apikey") == Some("late") && call.target.contains(TROJAN);
        Answer::Bytes(if is_revoked {
            failure(401, "WrongCredentialsError", "x")
        } else {
            ok(REPORT)
        })
    })
    .await;
    let gateway = keeping(&upstream, &["--cache-scope", "shared"]).await;
    assert_eq!(ask_as(&gateway, "good", &file(EICAR)).await.status, 200);
    assert_eq!(ask_as(&gateway, "late", &file(EICAR)).await.status, 200);
    let reply = ask_as(&gateway, "late", &file(EICAR)).await;
    assert_eq!(origin(&reply), (200, Some("HIT")));
    assert_eq!(ask_as(&gateway, "late", &file(TROJAN)).await.status, 401);
    assert_eq!(ask_as(&gateway, "late", &file(EICAR)).await.status, 401);
}

#[tokio::test]
async fn a_caller_that_joins_a_queued_call_keeps_its_own_deadline() {
    let upstream = Upstream::always(ok(REPORT)).await;
    let gateway = keeping(&upstream, &ONE_A_MINUTE).await;
    assert_eq!(gateway.get(&file(TROJAN)).await.status, 200);
    let patient = format!("{}?wait=3m", file(EICAR));
    let patient = gateway.get(&patient);
    let hasty = async {
        until_waiting(&gateway, 1).await;
        for wait in ["?wait=1s", "", "?wait=10s"] {
            let began = Instant::now();
            let reply = gateway.get(&format!("{}{wait}", file(EICAR))).await;
            assert_eq!(reply.status, 429, "{wait}");
            assert!(reply.number("retry-after").unwrap() > 30, "{wait}");
            assert!(began.elapsed() < Duration::from_secs(8), "{wait}");
        }
    };
    tokio::select! {
        reply = patient => panic!("{}", reply.status),
        () = hasty => {}
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_caller_waits_in_anothers_call_that_gets_its_unit_in_time() {
    let upstream = Upstream::always(ok(REPORT)).await;
    let gateway = keeping(&upstream, &ONE_A_MINUTE).await;
    assert_eq!(gateway.get(&file(TROJAN)).await.status, 200);
    let [patient, hasty] = ["3m", "100s"].map(|wait| format!("{}?wait={wait}", file(EICAR)));
    let others = async {
        until_waiting(&gateway, 1).await;
        // A unit of its own would be there after two minutes.
        let reply = gateway.get(&format!("{}?wait=1s", file(EICAR))).await;
        assert_eq!(reply.status, 429);
    };
    tokio::select! {
        reply = gateway.get(&patient) => panic!("{}", reply.status),
        reply = gateway.get(&hasty) => panic!("{}", reply.status),
        () = others => {}
    }
    assert_eq!(upstream.count(), 1);
}

/// Waits until this many requests wait for a unit of quota.
async fn until_waiting(gateway: &Gateway, count: u64) {
    let began = Instant::now();
    loop {
        let waiting = gateway.waiting_requests().await;
        if waiting == count {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{waiting} requests wait"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_queued_call_without_callers_is_dropped_and_spends_nothing() {
    let upstream = Upstream::always(ok(REPORT)).await;
    let gateway = keeping(&upstream, &ONE_A_MINUTE).await;
    assert_eq!(gateway.get(&file(TROJAN)).await.status, 200);
    let paths = ["a", "b", "c"].map(|name| format!("/api/v1/domains/{name}.example?wait=4m"));
    let waits = in_parallel(paths.iter().map(|path| gateway.get(path)));
    tokio::select! {
        _ = waits => panic!("there was a unit"),
        () = until_waiting(&gateway, 3) => {}
    }
    until_waiting(&gateway, 0).await;
    let refused = gateway.get(&file(EICAR)).await;
    assert_eq!(refused.status, 429);
    assert!(
        refused.number("retry-after").unwrap() <= 61,
        "the next unit is free"
    );
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn calls_count_as_in_flight_until_they_end() {
    let (_go, going) = watch::channel(false);
    let upstream = Upstream::held(going, REPORT).await;
    let flags = ["--max-in-flight", "16", "--client-rate-per-minute", "0"];
    let gateway = keeping(&upstream, &flags).await;
    let tasks = TaskTracker::new();
    // Each caller hangs up soon after its request.
    for round in 0..40 {
        for number in 0..4 {
            let path = format!("/api/v1/domains/d{round}-{number}.example");
            let client = crate::harness::client();
            let request = client
                .get(format!("http://{}{path}", gateway.address))
                .header("x-api-key", KEY)
                .timeout(Duration::from_millis(30));
            tasks.spawn(request.send());
        }
        tasks.close();
        tasks.wait().await;
        tasks.reopen();
    }
    assert!(upstream.count() <= 16, "{}", upstream.count());
    // One caller has a quarter of the places.
    assert!(upstream.count() <= 4, "{}", upstream.count());
}

#[tokio::test]
async fn one_keys_views_and_answers_do_not_evict_anothers() {
    let upstream = Upstream::faulty(|call| {
        // The text is too varied to compress well.
        let text = (0..200).map(|it| it.to_string() + &call.target);
        let text = text.collect::<String>();
        let body = serde_json::json!({"data": {"attributes": {"text": text}}});
        Answer::Bytes(ok(body.to_string()))
    })
    .await;
    let flags = [
        "--cache-max-bytes",
        "400000",
        "--client-rate-per-minute",
        "0",
    ];
    let gateway = Gateway::before(&upstream, &flags).await;
    let quiet: Vec<_> = (0..10)
        .map(|it| format!("/api/v1/domains/q{it}.example"))
        .collect();
    for path in &quiet {
        assert_eq!(ask_as(&gateway, "quiet", path).await.status, 200);
    }
    for number in 0..100 {
        for format in ["json", "markdown", "xml", "raw", "json"] {
            let path = format!("/api/v1/domains/b{number}.example?format={format}");
            assert_eq!(ask_as(&gateway, "busy", &path).await.status, 200);
        }
    }
    for path in &quiet {
        let reply = ask_as(&gateway, "quiet", path).await;
        assert_eq!(origin(&reply), (200, Some("HIT")), "{path}");
    }
}
