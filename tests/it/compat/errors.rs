//! Errors in VirusTotal's form, whatever raised them.

use rstest::rstest;

use super::{WithClients, error_of, raw, split, table};
use crate::harness::{Answer, EICAR, Gateway, KEY, Upstream, http, ok};

#[rstest]
#[case(400, "BadRequestError")]
#[case(400, "InvalidArgumentError")]
#[case(403, "ForbiddenError")]
#[case(404, "NotFoundError")]
#[case(409, "AlreadyExistsError")]
#[case(424, "FailedDependencyError")]
#[case(429, "QuotaExceededError")]
#[case(500, "InternalError")]
#[case(405, "MethodNotAllowedError")]
#[case(504, "DeadlineExceededError")]
#[tokio::test]
async fn virustotals_own_errors_come_byte_for_byte_with_its_status(
    #[case] status: u16,
    #[case] code: &str,
    #[values("/api/v3/domains/example.com", "/api/v3/graphs/1")] path: &str,
) {
    let body =
        format!("{{\n  \"error\": {{\"message\": \"<b>\\u202e\", \"code\": \"{code}\"}}\n}}\n");
    let upstream = Upstream::always(http(status, &["Content-Type: application/json"], &body)).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get(path).await;
    assert_eq!((reply.status, reply.text()), (status, &*body));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("retry-after").is_some(), status == 429);
}

#[rstest]
#[case::refused_key(
    401,
    "{\"error\": {\"code\": \"WrongCredentialsError\", \"message\": \"Wrong API key: key-of-the-caller\"}}",
    401,
    "WrongCredentialsError"
)]
#[case::html(404, "<html>", 502, "BadGatewayError")]
#[case::nothing(403, "", 502, "BadGatewayError")]
#[case::too_fast(429, "<html>", 429, "QuotaExceededError")]
#[case::busy(503, "<html>", 503, "TransientError")]
#[case::echo(
    403,
    "{\"error\": {\"code\": \"ForbiddenError\", \"message\": \"not with key-of-the-caller\"}}",
    403,
    "ForbiddenError"
)]
#[tokio::test]
async fn a_401_and_errors_that_are_not_json_are_replaced(
    #[case] status: u16,
    #[case] body: &str,
    #[case] expected: u16,
    #[case] code: &str,
    #[values("/api/v3/domains/example.com", "/api/v3/graphs/1")] path: &str,
) {
    let upstream = Upstream::always(http(status, &["Content-Type: application/json"], body)).await;
    let gateway = Gateway::before(&upstream, &["--upstream-timeout", "100ms"]).await;
    let reply = gateway.get(path).await;
    assert_eq!((reply.status, &*error_of(&reply).0), (expected, code));
    assert!(!reply.text().contains(KEY), "{}", reply.text());
    assert_eq!(
        reply.header("retry-after").is_some(),
        matches!(expected, 429 | 503)
    );
}

#[tokio::test]
async fn the_layers_in_front_answer_in_that_form_as_well() {
    let upstream = Upstream::demo().await;
    let flags = ["--client-rate-per-minute", "7"];
    let with = WithClients::before(upstream, &table("a", "scopes = [\"read\"]"), &flags).await;
    let gateway = &with.gateway;
    let path = format!("/api/v3/files/{EICAR}");
    for (headers, status, code) in [
        (
            vec![("x-apikey", "vt4ai_unknown")],
            401,
            "AuthenticationRequiredError",
        ),
        (vec![], 401, "AuthenticationRequiredError"),
        (
            vec![("x-apikey", "a"), ("x-api-key", "b")],
            401,
            "AuthenticationRequiredError",
        ),
        (
            vec![("x-apikey", "a-key")],
            401,
            "AuthenticationRequiredError",
        ),
    ] {
        let reply = gateway.get_with(&path, &headers).await;
        let (got, message) = error_of(&reply);
        assert_eq!((reply.status, &*got), (status, code), "{message}");
        assert_eq!(reply.header("www-authenticate"), Some("ApiKey"));
        assert!(reply.header("x-request-id").is_some());
    }
    // The rate limit at the door counts those above for the address.
    for _ in 0..4 {
        gateway.get_with(&path, &[]).await;
    }
    let reply = gateway
        .get_with(&path, &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(
        (reply.status, &*error_of(&reply).0),
        (429, "QuotaExceededError")
    );
    assert!(reply.number("retry-after").unwrap() >= 1);
}

#[tokio::test]
async fn a_long_target_a_foreign_host_and_an_odd_method_are_refused_in_that_form() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let long = format!("/api/v3/files/{}", "a".repeat(9000));
    for (method, target, more, status) in [
        ("GET", long.as_str(), "", 414),
        ("GET", "/api/v3/files", "Host: other.example\r\n", 400),
        (
            "POST",
            "/api/v3/files",
            "Transfer-Encoding: gzip, chunked\r\n",
            501,
        ),
        ("OPTIONS", "/api/v3/files", "", 405),
        ("BREW", "/api/v3/files", "", 405),
    ] {
        let answer = raw(&gateway, method, target, more).await;
        let (got, body) = split(&answer);
        assert_eq!(got, status, "{answer}");
        assert!(body.starts_with("{\"error\":{\"code\":\""), "{answer}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn upstreams_that_fail_are_errors_in_that_form() {
    for (answer, status, code) in [
        (Answer::Bytes(Vec::new()), 502, "BadGatewayError"),
        (Answer::Silence(Vec::new()), 504, "DeadlineExceededError"),
        (Answer::Bytes(ok("no json")), 502, "BadGatewayError"),
        (Answer::Bytes(ok("{\"data\": ")), 502, "BadGatewayError"),
    ] {
        let upstream = Upstream::faulty(move |_| answer.clone()).await;
        let gateway = Gateway::before(&upstream, &["--upstream-timeout", "300ms"]).await;
        let reply = gateway.get("/api/v3/domains/example.com").await;
        assert_eq!((reply.status, &*error_of(&reply).0), (status, code));
    }
}

#[tokio::test]
async fn a_back_off_after_a_429_holds_here_too() {
    let upstream = Upstream::faulty(|_| {
        let error = "{\"error\": {\"code\": \"TooManyRequestsError\", \"message\": \"slow\"}}";
        Answer::Bytes(http(
            429,
            &["Retry-After: 60", "Content-Type: application/json"],
            error,
        ))
    })
    .await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for path in [
        "/api/v3/domains/example.com",
        "/api/v1/domains/example.com",
        "/api/v3/graphs/1",
        "/api/v3/graphs/2",
    ] {
        let reply = gateway.get(path).await;
        assert_eq!(reply.status, 429);
        assert!(reply.number("retry-after").unwrap() > 30);
    }
    assert_eq!(upstream.count(), 2, "one for each endpoint");
}

#[tokio::test]
async fn a_401_of_an_unknown_endpoint_does_not_shut_the_key() {
    let upstream = Upstream::faulty(|call| {
        Answer::Bytes(if call.target.contains("graphs") {
            http(
                401,
                &["Content-Type: application/json"],
                "{\"error\": {\"code\": \"WrongCredentialsError\", \"message\": \"no session\"}}",
            )
        } else {
            ok("{\"data\": {\"attributes\": {}}}")
        })
    })
    .await;
    let gateway = Gateway::before(&upstream, &[]).await;
    assert_eq!(gateway.get("/api/v3/domains/a.example").await.status, 200);
    assert_eq!(gateway.get("/api/v3/graphs/1").await.status, 401);
    assert_eq!(gateway.get("/api/v3/domains/b.example").await.status, 200);
    assert_eq!(upstream.count(), 3);
}
