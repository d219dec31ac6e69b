//! Tests of answers that come before the form has: from the gateway itself, and from VirusTotal.

use rstest::rstest;

use super::*;
use crate::{
    errors::is_well_formed,
    harness::{EICAR, End, Wire, file, http},
};

const HTML: [&str; 1] = ["Content-Type: text/html"];

/// Returns a form too large for the buffers between the client and a gateway that does not read.
fn long() -> Vec<u8> {
    Form::of(12 * MIB).bytes()
}

/// Sends a whole request before it reads, then another one over the same connection.
async fn insist(gateway: &Gateway, head: &[u8], body: &[u8]) -> Reply {
    let mut wire = Wire::to(gateway).await;
    wire.send(head).await;
    wire.send(body).await;
    let reply = wire.answer().await;
    let next = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\nX-API-Key: another-key\r\n\r\n",
        file(EICAR)
    );
    wire.send(next.as_bytes()).await;
    assert_eq!(
        wire.answer().await.status,
        200,
        "the next request does not work"
    );
    reply
}

#[rstest]
#[case::no_key("POST", PATH, "X-Not-A-Key: x", 401)]
#[case::bad_key("POST", PATH, "X-API-Key: vt4ai_token", 401)]
#[case::no_path("POST", "/api/v1/nothing", "X-API-Key: k", 404)]
#[case::no_such_method("PUT", PATH, "X-API-Key: k", 405)]
#[case::not_for_posts("POST", "/livez", "X-API-Key: k", 405)]
#[case::no_form("POST", PATH, "X-API-Key: k", 415)]
#[case::format("POST", "/api/v1/files?format=pdf", "X-API-Key: k", 400)]
#[case::short_bodies_only(
    "POST",
    "/api/v1/urls",
    "X-API-Key: k\r\nContent-Type: application/json",
    413
)]
#[tokio::test]
async fn a_client_that_sends_everything_first_still_reads_the_refusal(
    #[case] method: &str,
    #[case] path: &str,
    #[case] line: &str,
    #[case] status: u16,
    #[values(true, false)] says_length: bool,
) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let mut body = long();
    let length = if says_length {
        format!("Content-Length: {}", body.len())
    } else {
        body = [framed(&body, true), b"0\r\n\r\n".to_vec()].concat();
        "Transfer-Encoding: chunked".to_owned()
    };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n{length}\r\n\r\n");
    let reply = insist(&gateway, head.as_bytes(), &body).await;
    is_well_formed(&reply);
    assert_eq!(reply.status, status, "{}", reply.text());
}

#[tokio::test]
async fn an_upload_without_permission_is_refused_before_its_body() {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &["--api-key", "the-servers"]).await;
    let form = long();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {MULTIPART}\r\nContent-Length: {}\r\n",
        form.len()
    );
    let reply = insist(&gateway, format!("{head}\r\n").as_bytes(), &form).await;
    is_well_formed(&reply);
    assert_eq!(reply.status, 403);
    // A client that sends `Expect: 100-continue` is not told to go on.
    let mut wire = Wire::to(&gateway).await;
    wire.send(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes())
        .await;
    assert_eq!(wire.answer().await.status, 403);
}

/// curl does this with any body above a megabyte.
#[tokio::test]
async fn expect_100_continue_is_answered() {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let form = Form::of(2 * MIB).bytes();
    let length = format!("Content-Length: {}", form.len());
    let mut wire = Wire::to(&gateway).await;
    wire.send(&head(&[&length, "Expect: 100-continue"])).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.send(&form).await;
    has_begun(&wire.answer().await);
    assert!(upstream.posts(1).await[0].call.body == form);
}

/// Returns VirusTotal's answers after the head of an upload, and the status of each at the gateway.
fn refusals() -> [(Vec<u8>, u16, &'static str); 5] {
    let wrong_key = failure(401, "WrongCredentialsError", "Wrong API key");
    [
        (
            failure(413, "PayloadTooLargeError", "x"),
            413,
            "PayloadTooLargeError",
        ),
        (wrong_key, 401, "WrongCredentialsError"),
        (
            http(429, &HTML, "<html>insides"),
            429,
            "TooManyRequestsError",
        ),
        (transient(), 503, "TransientError"),
        (
            http(302, &["Location: /elsewhere"], ""),
            502,
            "BadGatewayError",
        ),
    ]
}

/// Returns the answer to a client that reads while it sends, and to one that sends everything
/// first.
async fn refused(reaction: Reaction, says_length: bool) -> [Reply; 2] {
    let upstream = dealing(move || reaction.clone()).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let ready = upload(&gateway, Form::of(12 * MIB).body(says_length)).await;
    let form = long();
    let end: &[u8] = if says_length { b"" } else { b"0\r\n\r\n" };
    let body = [framed(&form, !says_length), end.to_vec()].concat();
    let head = head_of(says_length.then_some(form.len()));
    // The request before may have started a back-off for its key.
    let gateway = Gateway::at(&upstream.url, &[]).await;
    [ready, insist(&gateway, &head, &body).await]
}

#[rstest]
#[tokio::test]
async fn an_early_refusal_by_virustotal_is_passed_on(
    #[values(0, 1, 2, 3, 4)] at: usize,
    #[values(true, false)] says_length: bool,
) {
    let (answer, status, code) = refusals()[at].clone();
    for reply in refused(Reaction::Early(answer), says_length).await {
        is_well_formed(&reply);
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
    }
}

/// A reset can overtake the answer: then it is only known that the connection broke.
#[rstest]
#[tokio::test]
async fn an_early_refusal_on_a_closed_connection_is_passed_on(
    #[values(0, 300_000)] heard: usize,
    #[values(true, false)] says_length: bool,
) {
    let reaction = Reaction::Leave(heard, failure(413, "PayloadTooLargeError", "x"));
    for reply in refused(reaction, says_length).await {
        is_well_formed(&reply);
        assert!(matches!(reply.status, 413 | 502), "{}", reply.text());
    }
}

#[tokio::test]
async fn an_upload_refused_early_is_broken_off() {
    let refusal = failure(413, "PayloadTooLargeError", "x");
    let upstream = dealing(move || Reaction::Early(refusal.clone())).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let reply = upload(&gateway, Form::of(64 * MIB).body(false)).await;
    assert_eq!(reply.status, 413);
    let posts = upstream.posts(1).await;
    assert_eq!(posts[0].end, Some(End::BrokenOff));
}
