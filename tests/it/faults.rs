//! Tests of each fault of an upstream and of the error that the caller gets (`docs/http-api.md`).

use std::{
    io::Write as _,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use flate2::{Compression, write::GzEncoder};
use rstest::rstest;
use serde_json::Value;

use crate::{
    errors::is_well_formed,
    harness::{
        Answer, Call, EICAR, EICAR_MD5, Gateway, KEY, Reply, UNKNOWN, Upstream, failure, file,
        http, in_parallel, ok, refusing,
    },
};

mod aftermath;
mod secure;

const REPORT: &str = r#"{"data": {"id": "x", "type": "file", "attributes": {"size": 68}}}"#;
const HTML: &str = "<html><h1>Error</h1><pre>Traceback: secret insides</pre></html>";

/// Asks a gateway whose upstream gives this answer for one file and a report for others.
async fn ask_faulty(answer: Answer, flags: &[&str]) -> Reply {
    let faulty = move |call: &Call| {
        if call.target.contains(UNKNOWN) {
            answer.clone()
        } else {
            Answer::Bytes(ok(REPORT))
        }
    };
    let upstream = Upstream::faulty(faulty).await;
    let gateway = Gateway::before(&upstream, flags).await;
    let reply = gateway.get(&file(UNKNOWN)).await;
    let related = gateway
        .get(&format!("{}/relationships/votes", file(UNKNOWN)))
        .await;
    assert_eq!(related.status, reply.status);
    assert!(
        related
            .detail()
            .starts_with("Error retrieving file relationships: ")
    );
    // A 429 or a 401 starts a back-off for its own key only.
    let other = [("x-api-key", "another-key")];
    let next = gateway.get_with(&file(EICAR), &other).await;
    assert_eq!(
        next.status,
        200,
        "the next request does not work: {}",
        next.text()
    );
    is_well_formed(&reply);
    assert!(
        reply.detail().starts_with("Error retrieving file report: "),
        "{}",
        reply.detail()
    );
    reply
}

#[rstest]
#[case(400, "BadRequestError", 400)]
#[case(400, "InvalidArgumentError", 400)]
#[case(400, "NotAvailableYet", 400)]
#[case(400, "UnselectiveContentQueryError", 400)]
#[case(400, "UnsupportedContentQueryError", 400)]
#[case(401, "AuthenticationRequiredError", 401)]
#[case(401, "UserNotActiveError", 401)]
#[case(401, "WrongCredentialsError", 401)]
#[case(403, "ForbiddenError", 403)]
#[case(404, "NotFoundError", 404)]
#[case(409, "AlreadyExistsError", 409)]
#[case(424, "FailedDependencyError", 424)]
#[case(429, "QuotaExceededError", 429)]
#[case(429, "TooManyRequestsError", 429)]
#[case(503, "TransientError", 503)]
#[case(504, "DeadlineExceededError", 504)]
#[case::other_case(404, "NOTFOUNDERROR", 404)]
#[case::no_suffix(403, "forbidden", 403)]
#[case::code_over_status(400, "NotFound", 404)]
#[case::unknown_code(404, "BrandNewError", 404)]
#[case::unknown_status(418, "BrandNewError", 502)]
#[tokio::test]
async fn virustotals_errors_keep_their_meaning(
    #[case] sent: u16,
    #[case] code: &str,
    #[case] status: u16,
) {
    let reply = ask_faulty(Answer::Bytes(failure(sent, code, "Its own words")), &[]).await;
    assert_eq!(reply.status, status, "{}", reply.text());
    if status != 502 {
        assert_eq!(reply.code(), code);
    }
    let passed_on = !matches!(status, 401 | 502 | 503 | 504);
    assert_eq!(
        reply.detail().contains("Its own words"),
        passed_on,
        "{}",
        reply.detail()
    );
}

#[rstest]
#[case::quota(429, 429, "TooManyRequestsError")]
#[case::overloaded(503, 503, "TransientError")]
#[case::no_sense(400, 502, "BadGatewayError")]
#[case::wrong_key(401, 502, "BadGatewayError")]
#[case::forbidden(403, 502, "BadGatewayError")]
#[case::not_found(404, 502, "BadGatewayError")]
#[case::too_large(413, 502, "BadGatewayError")]
#[case::fault(500, 502, "BadGatewayError")]
#[case::bad_gateway(502, 502, "BadGatewayError")]
#[case::out_of_time(504, 502, "BadGatewayError")]
#[tokio::test]
async fn without_virustotals_own_error_only_429_and_503_keep_their_meaning(
    #[case] sent: u16,
    #[case] status: u16,
    #[case] code: &str,
) {
    let json = ["Content-Type: application/json"];
    let bodies = [
        HTML,
        "",
        "{",
        "[]",
        "null",
        r#"{"error": null}"#,
        r#"{"error": {"code": 7}}"#,
    ];
    let ask = async |body| ask_faulty(Answer::Bytes(http(sent, &json, body)), &[]).await;
    for reply in in_parallel(bodies.into_iter().map(ask)).await {
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
    }
}

#[rstest]
#[case::none(429, "", (1, 60))]
#[case::seconds(429, "Retry-After: 17", (17, 17))]
#[case::zero(429, "Retry-After: 0", (1, 60))]
#[case::nonsense(429, "Retry-After: soon", (1, 60))]
#[case::past(429, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", (1, 60))]
#[case::absurd(429, "Retry-After: 9999999999999", (86_400, 86_400))]
#[case::transient(503, "Retry-After: 9", (9, 9))]
#[case::transient_and_absurd(503, "Retry-After: 253402300799", (86_400, 86_400))]
#[case::transient_at_once(503, "Retry-After: 0", (5, 5))]
#[tokio::test]
async fn retry_after_is_passed_on(
    #[case] status: u16,
    #[case] line: &str,
    #[case] (least, most): (u64, u64),
) {
    let lines: Vec<_> = [line].into_iter().filter(|line| !line.is_empty()).collect();
    let reply = ask_faulty(Answer::Bytes(http(status, &lines, "")), &[]).await;
    let wait = reply.number("retry-after").unwrap();
    assert!(
        reply.status == status && (least..=most).contains(&wait),
        "{reply:?}"
    );
}

#[tokio::test]
async fn retry_after_may_be_a_date() {
    let then = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(90));
    let line = format!("Retry-After: {then}");
    let reply = ask_faulty(Answer::Bytes(http(429, &[&line], HTML)), &[]).await;
    let wait = reply.number("retry-after").unwrap();
    assert!((80..=90).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let target = Upstream::always(ok(REPORT)).await;
    for status in [301, 302, 307, 308] {
        let line = format!("Location: {}/api/v3/files/{EICAR}", target.url);
        let reply = ask_faulty(Answer::Bytes(http(status, &[&line], "")), &[]).await;
        assert_eq!(reply.status, 502);
    }
    assert_eq!(target.count(), 0);
}

#[rstest]
#[case::html(ok(HTML))]
#[case::empty(ok(""))]
#[case::half(ok(&REPORT[..REPORT.len() - 2]))]
#[case::more_behind_it(ok(format!("{REPORT} x")))]
#[case::no_data(ok(r#"{"meta": {}}"#))]
#[case::no_object(ok("[]"))]
#[case::text(ok(r#""data""#))]
#[case::not_utf8(ok(b"{\"data\": {\"attributes\": {\"a\": \"\xff\"}}}"))]
#[case::no_http(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())]
#[case::no_content(http(204, &[], ""))]
#[tokio::test]
async fn an_answer_that_is_not_virustotals_is_a_502(#[case] answer: Vec<u8>) {
    let reply = ask_faulty(Answer::Bytes(answer), &[]).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (502, "BadGatewayError"),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_502() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"data\":".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec();
    for answer in [
        Answer::Reset(Vec::new()),
        Answer::Bytes(Vec::new()),
        Answer::Bytes(b"HTTP/1.1 200 OK\r\nConte".to_vec()),
        Answer::Reset(head.clone()),
        Answer::Bytes(head),
        Answer::Bytes(chunked),
    ] {
        assert_eq!(
            ask_faulty(answer.clone(), &[]).await.status,
            502,
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn no_answer_in_time_is_a_504() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec();
    for sent in [Vec::new(), head] {
        let reply = ask_faulty(Answer::Silence(sent), &["--upstream-timeout", "200ms"]).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (504, "DeadlineExceededError")
        );
    }
}

#[tokio::test]
async fn no_connection_is_a_502() {
    let (_socket, gone) = refusing();
    let reply = Gateway::at(&gone, &[]).await.get(&file(EICAR)).await;
    is_well_formed(&reply);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (502, "BadGatewayError")
    );
    assert!(
        !reply.text().contains(&gone["http://".len()..]),
        "{}",
        reply.text()
    );
}

fn nested(levels: usize) -> Vec<u8> {
    let (open, close) = ("[".repeat(levels), "]".repeat(levels));
    ok(format!(
        r#"{{"data": {{"id": "x", "type": "file", "attributes": {{"deep": {open}{close}}}}}}}"#
    ))
}

#[tokio::test]
async fn nesting_above_the_depth_limit_is_refused() {
    let answers = [
        (EICAR, nested(100)),
        (UNKNOWN, nested(128)),
        (EICAR_MD5, nested(100_000)),
    ];
    let answer = move |call: &Call| {
        let (_, answer) = answers
            .iter()
            .find(|(hash, _)| call.target.ends_with(hash))
            .unwrap();
        Answer::Bytes(answer.clone())
    };
    let upstream = Upstream::faulty(answer).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for format in ["json", "raw", "markdown", "xml"] {
        for (hash, status) in [(EICAR, 200), (UNKNOWN, 502), (EICAR_MD5, 502)] {
            let reply = gateway
                .get(&format!("{}?format={format}", file(hash)))
                .await;
            assert_eq!(reply.status, status, "{format}: {hash}");
        }
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_body_over_the_cap_is_a_502() {
    let padding = |length: usize| format!("{REPORT}{}", " ".repeat(length - REPORT.len()));
    let flags = ["--upstream-max-body", "100000"];
    let fits = Upstream::always(ok(padding(100_000))).await;
    let gateway = Gateway::before(&fits, &flags).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);

    let large = Answer::Bytes(ok(padding(100_001)));
    assert_eq!(ask_faulty(large, &flags).await.status, 502);
    let bomb = gzip(padding(5_000_000).as_bytes());
    assert!(bomb.len() < 100_000);
    let bomb = http(
        200,
        &["Content-Type: application/json", "Content-Encoding: gzip"],
        bomb,
    );
    assert_eq!(ask_faulty(Answer::Bytes(bomb), &flags).await.status, 502);
}

#[tokio::test]
async fn a_compressed_answer_is_read() {
    let zipped = http(200, &["Content-Encoding: gzip"], gzip(REPORT.as_bytes()));
    let upstream = Upstream::always(zipped).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.data()["size"], 68);
}

#[tokio::test]
async fn an_unsafe_message_is_not_passed_on() {
    let messages = Arc::new(Mutex::new(vec![
        format!("see {KEY} there"),
        format!("see {} there", KEY.to_uppercase()),
        format!("see {} there", &KEY[2..14]),
        format!("see {} there", KEY.replace('-', "%2D")),
        "right\u{202e}left".to_owned(),
        "zero\u{200b}width".to_owned(),
        "tag\u{e0041}".to_owned(),
        "[link](http://evil.example)".to_owned(),
        "<b>bold</b>".to_owned(),
        "Traceback\n  File \"insides.py\"".to_owned(),
        "x".repeat(5000),
    ]));
    let all = messages.lock().unwrap().clone();
    let left = Arc::clone(&messages);
    let answer = move |_: &_| {
        let message = left.lock().unwrap().remove(0);
        Answer::Bytes(failure(404, "NotFoundError", &message))
    };
    let upstream = Upstream::faulty(answer).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for message in all {
        let reply = gateway.get(&file(EICAR)).await;
        is_well_formed(&reply);
        assert_eq!(reply.status, 404);
        let words = Value::String(message).to_string();
        assert!(
            !reply.text().contains(&words[1..words.len() - 1]),
            "{}",
            reply.text()
        );
    }
}
