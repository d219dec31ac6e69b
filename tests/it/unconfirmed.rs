//! Tests of writes that end without an answer: they are never sent twice, and the error says that
//! they may have been carried out (`docs/quota-and-caching.md`).

use std::time::Duration;

use rstest::rstest;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    errors::is_well_formed,
    harness::{
        Answer, EICAR, Gateway, Keeper, Reply, TROJAN, Turn, failure, file, http, kept, ok,
        refusing, send,
    },
    uploads::Form,
};

const REPORT: &str = r#"{"data": {"id": "x", "type": "file", "attributes": {"size": 68}}}"#;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=----a-form-of-the-tests";

/// A write: its path and content type, and its body.
#[derive(Clone, Copy, Debug)]
struct Write {
    path: &'static str,
    media: &'static str,
    body: &'static str,
}

const WRITES: [Write; 6] = [
    Write {
        path: "/api/v1/urls",
        media: FORM,
        body: "url=http%3A%2F%2Fexample.com%2F",
    },
    Write {
        path: "/api/v1/urls",
        media: JSON,
        body: r#"{"url": "http://example.com/"}"#,
    },
    Write {
        path: "/api/v1/domains/example.com/analyse",
        media: JSON,
        body: "",
    },
    Write {
        path: "/api/v1/domains/example.com/comments",
        media: JSON,
        body: r#"{"text": "Looks fine"}"#,
    },
    Write {
        path: "/api/v1/ips/8.8.8.8/votes",
        media: JSON,
        body: r#"{"verdict": "harmless"}"#,
    },
    Write {
        path: "/api/v1/files",
        media: MULTIPART,
        body: "",
    },
];

async fn write(gateway: &Gateway, write: Write) -> Reply {
    let request = gateway.post(write.path).header("content-type", write.media);
    let reply = send(match write.media {
        MULTIPART => request.body(Form::of(99).body(true)),
        _ => request.body(write.body),
    });
    reply.await
}

/// Asserts that the error names the uncertainty and does not invite to repeat the write.
fn is_uncertain(reply: &Reply) {
    is_well_formed(reply);
    let detail = reply.detail();
    assert!(detail.starts_with("Error "), "{detail}");
    assert!(detail.contains("may have been carried out"), "{detail}");
    assert!(!detail.contains("try again"), "{detail}");
}

#[rstest]
#[case::end(502, Answer::Bytes(Vec::new()))]
#[case::reset(502, Answer::Reset(Vec::new()))]
#[case::half_a_head(502, Answer::Bytes(b"HTTP/1.1 200 OK\r\nConte".to_vec()))]
#[case::no_http(502, Answer::Bytes(b"NONSENSE\r\n\r\n".to_vec()))]
#[case::half_a_body(502, Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()))]
#[case::no_json(502, Answer::Bytes(ok("<html>")))]
#[case::no_id(502, Answer::Bytes(ok(r#"{"data": {}}"#)))]
#[case::another_packing(502, Answer::Bytes(http(200, &["Content-Encoding: br"], "x")))]
#[case::redirect(502, Answer::Bytes(http(302, &["Location: /"], "")))]
#[case::fault(502, Answer::Bytes(http(500, &["Content-Type: text/html"], "<html>")))]
#[case::fault_that_names_a_refusal(502, Answer::Bytes(failure(500, "AlreadyExistsError", "x")))]
#[case::bad_gateway(502, Answer::Bytes(http(502, &[], "")))]
#[case::transient(503, Answer::Bytes(failure(503, "TransientError", "later")))]
#[case::html_503(503, Answer::Bytes(http(503, &["Content-Type: text/html"], "<html>")))]
#[case::deadline(504, Answer::Bytes(failure(504, "DeadlineExceededError", "late")))]
#[case::silence(504, Answer::Silence(Vec::new()))]
#[case::silence_in_the_body(504, Answer::Silence(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()))]
#[tokio::test]
async fn a_write_without_an_answer_may_have_been_carried_out(
    #[case] status: u16,
    #[case] answer: Answer,
) {
    for it in WRITES {
        let answer = answer.clone();
        let upstream = Keeper::start(move |call, _| match call.method.as_str() {
            "POST" => Turn::End(answer.clone()),
            _ => Turn::Keep(kept(REPORT)),
        })
        .await;
        let gateway = Gateway::at(&upstream.url, &["--upstream-timeout", "300ms"]).await;
        // There has to be a connection that can be reused.
        assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
        let reply = write(&gateway, it).await;
        assert_eq!(reply.status, status, "{it:?}: {}", reply.text());
        is_uncertain(&reply);
        assert_eq!(upstream.count("POST"), 1, "{it:?}");
        assert_eq!(
            upstream.asked()[1].0,
            0,
            "{it:?} was sent on a new connection"
        );
    }
}

/// A server that completes no further connection.
struct Full {
    url: String,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        // The connections are never accepted, so the backlog is soon full.
        while let Ok(stream) =
            timeout(Duration::from_millis(200), TcpStream::connect(address)).await
        {
            waiting.push(stream.unwrap());
        }
        Self {
            url: format!("http://{address}"),
            _listener: listener,
            _waiting: waiting,
        }
    }
}

#[tokio::test]
async fn a_write_without_a_connection_reports_that_nothing_was_sent() {
    let full = Full::start().await;
    // The server accepts, but never speaks TLS.
    let deaf = Keeper::start(|_, _| Turn::End(Answer::Silence(Vec::new()))).await;
    for url in [&full.url, &deaf.url.replace("http://", "https://")] {
        let flags = ["--upstream-timeout", "1s", "--rate-limit-per-minute", "4"];
        let gateway = Gateway::at(url, &flags).await;
        let reply = write(&gateway, WRITES[0]).await;
        assert_eq!(reply.status, 502, "{url}: {}", reply.text());
        assert!(
            reply.detail().contains("nothing was sent"),
            "{}",
            reply.detail()
        );
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(4));
    }
}

#[tokio::test]
async fn a_write_that_was_not_sent_reports_it_and_costs_nothing() {
    let (_socket, gone) = refusing();
    let flags = ["--rate-limit-per-minute", "4"];
    let gateway = Gateway::at(&gone, &flags).await;
    for it in WRITES {
        let reply = write(&gateway, it).await;
        is_well_formed(&reply);
        assert_eq!(reply.status, 502, "{it:?}");
        assert!(
            reply.detail().contains("nothing was sent"),
            "{it:?}: {}",
            reply.detail()
        );
        assert!(
            !reply.detail().contains("carried out"),
            "{it:?}: {}",
            reply.detail()
        );
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(4));
    }
}

#[rstest]
#[case::end(502, Answer::Bytes(Vec::new()))]
#[case::silence(504, Answer::Silence(Vec::new()))]
#[case::fault(502, Answer::Bytes(http(500, &[], "")))]
#[case::transient(503, Answer::Bytes(failure(503, "TransientError", "later")))]
#[case::elsewhere(502, Answer::Bytes(ok(r#"{"data": "http://example.com/"}"#)))]
#[tokio::test]
async fn an_upload_without_an_upload_url_is_not_sent(#[case] status: u16, #[case] answer: Answer) {
    let upstream = Keeper::start(move |_, _| Turn::End(answer.clone())).await;
    let gateway = Gateway::at(&upstream.url, &["--upstream-timeout", "300ms"]).await;
    let request = gateway
        .post("/api/v1/files")
        .header("content-type", MULTIPART);
    let reply = send(request.body(Form::of(100_000).body(false))).await;
    is_well_formed(&reply);
    assert_eq!(reply.status, status, "{}", reply.text());
    assert!(
        reply.detail().contains("nothing was sent"),
        "{}",
        reply.detail()
    );
    assert_eq!(upstream.count("POST"), 0);
}

#[rstest]
#[case::end(502, Answer::Bytes(Vec::new()))]
#[case::silence(504, Answer::Silence(Vec::new()))]
#[tokio::test]
async fn a_large_upload_without_an_answer_may_have_been_carried_out(
    #[case] status: u16,
    #[case] answer: Answer,
) {
    let upstream = Keeper::start(move |call, _| {
        if call.method == "POST" {
            return Turn::End(answer.clone());
        }
        let host = call.header("host").unwrap();
        Turn::Keep(kept(format!(r#"{{"data": "http://{host}/one/time"}}"#)))
    })
    .await;
    let gateway = Gateway::at(&upstream.url, &["--upstream-timeout", "300ms"]).await;
    let request = gateway
        .post("/api/v1/files")
        .header("content-type", MULTIPART);
    let reply = send(request.body(Form::of(100_000).body(false))).await;
    assert_eq!(reply.status, status, "{}", reply.text());
    is_uncertain(&reply);
    assert_eq!(upstream.count("POST"), 1);
}

#[rstest]
#[case(400, "BadRequestError")]
#[case(403, "ForbiddenError")]
#[case(404, "NotFoundError")]
#[case(409, "AlreadyExistsError")]
#[case(429, "QuotaExceededError")]
#[tokio::test]
async fn a_refused_write_was_not_carried_out(#[case] status: u16, #[case] code: &'static str) {
    let upstream =
        Keeper::start(move |_, _| Turn::End(Answer::Bytes(failure(status, code, "Its own words"))))
            .await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    for it in &WRITES[..5] {
        let reply = write(&gateway, *it).await;
        assert_eq!(reply.status, status, "{it:?}");
        assert!(
            !reply.detail().contains("carried out"),
            "{}",
            reply.detail()
        );
    }
}

#[tokio::test]
async fn a_read_without_an_answer_reports_no_uncertainty() {
    let upstream = Keeper::start(|_, _| Turn::End(Answer::Reset(Vec::new()))).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let reply = gateway.get(&file(TROJAN)).await;
    assert_eq!(reply.status, 502);
    assert!(
        !reply.detail().contains("carried out"),
        "{}",
        reply.detail()
    );
}
