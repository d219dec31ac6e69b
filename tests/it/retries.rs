//! Tests of retries, and of the errors that are not retried (`docs/http-api.md`).

use std::sync::atomic::{AtomicUsize, Ordering};

use rstest::rstest;

use crate::harness::{Answer, EICAR, Gateway, Upstream, failure, file, http, ok, refusing};

const REPORT: &str = r#"{"data": {"id": "x", "type": "file", "attributes": {"size": 68}}}"#;

/// Starts an upstream that fails a number of times before it answers.
async fn failing(times: usize) -> Upstream {
    let calls = AtomicUsize::new(0);
    let answer = move |_: &_| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        let transient = failure(503, "TransientError", "try again");
        Answer::Bytes(if call < times { transient } else { ok(REPORT) })
    };
    Upstream::faulty(answer).await
}

#[tokio::test]
async fn a_transient_error_is_retried() {
    let upstream = failing(1).await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "10"]).await;
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!((reply.status, upstream.count()), (200, 2));
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(8));
}

#[tokio::test]
async fn the_third_transient_error_is_passed_on() {
    let upstream = failing(9).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!((reply.status, upstream.count()), (503, 3));
    assert_eq!(reply.code(), "TransientError");
    assert!(reply.number("retry-after").unwrap() >= 1);
}

#[tokio::test]
async fn retries_stay_within_the_quota() {
    let upstream = failing(9).await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "2"]).await;
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!((reply.status, upstream.count()), (503, 2));
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(0));
}

#[tokio::test]
async fn retries_stay_within_the_lookup_timeout() {
    let upstream = failing(9).await;
    let gateway = Gateway::before(&upstream, &["--upstream-timeout", "100ms"]).await;
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!((reply.status, upstream.count()), (503, 1));
}

#[rstest]
#[case::too_many(429, failure(429, "TooManyRequestsError", "slow down"))]
#[case::quota(429, failure(429, "QuotaExceededError", "quota"))]
#[case::html_429(429, http(429, &["Content-Type: text/html"], "<html>"))]
#[case::fault(502, http(500, &[], "Traceback"))]
#[case::not_found(404, failure(404, "NotFoundError", "not found"))]
#[case::wrong_key(401, failure(401, "WrongCredentialsError", "wrong"))]
#[case::out_of_time(504, failure(504, "DeadlineExceededError", "late"))]
#[case::redirect(502, http(302, &["Location: /"], ""))]
#[case::no_json(502, ok("<html>"))]
#[case::half_a_body(502, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"data\"".to_vec())]
#[tokio::test]
async fn no_other_error_is_retried(#[case] status: u16, #[case] answer: Vec<u8>) {
    let upstream = Upstream::always(answer).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!(
        (reply.status, upstream.count()),
        (status, 1),
        "{}",
        reply.text()
    );
}

#[rstest]
#[case::silence(504, Answer::Silence(Vec::new()))]
#[case::silence_in_the_body(504, Answer::Silence(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()))]
#[case::reset(502, Answer::Reset(Vec::new()))]
#[case::end(502, Answer::Bytes(Vec::new()))]
#[tokio::test]
async fn a_call_that_may_have_cost_a_unit_is_not_retried(
    #[case] status: u16,
    #[case] answer: Answer,
) {
    let upstream = Upstream::faulty(move |_| answer.clone()).await;
    let flags = [
        "--upstream-timeout",
        "200ms",
        "--rate-limit-per-minute",
        "4",
    ];
    let gateway = Gateway::before(&upstream, &flags).await;
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!(
        (reply.status, upstream.count()),
        (status, 1),
        "{}",
        reply.text()
    );
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(3));
}

#[tokio::test]
async fn a_call_without_a_connection_spends_nothing() {
    let (_socket, gone) = refusing();
    let flags = [
        "--upstream-timeout",
        "300ms",
        "--rate-limit-per-minute",
        "4",
    ];
    let gateway = Gateway::at(&gone, &flags).await;
    let reply = gateway.get(&file(EICAR)).await;
    assert_eq!(reply.status, 502);
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(4));
}
