//! Tests of connections to VirusTotal that end: a GET is sent once more if its connection was
//! reused (`docs/quota-and-caching.md`).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rstest::rstest;
use serde_json::json;
use tokio::time::interval;

use crate::{
    harness::{
        Answer, Call, EICAR, Folder, Gateway, Identity, Keeper, Multiplexed, TROJAN, Turn, file,
        http, in_parallel, kept, send,
    },
    uploads::Form,
};

const REPORT: &str = r#"{"data": {"id": "x", "type": "file", "attributes": {"size": 68}}}"#;
const LIST: &str = r#"{"data": []}"#;
const ANALYSIS: &str = r#"{"data": {"type": "analysis", "id": "MTIzOjQ1Ng=="}}"#;
const COMPLETED: &str =
    r#"{"data": {"type": "analysis", "id": "x", "attributes": {"status": "completed"}}}"#;
const MULTIPART: &str = "multipart/form-data; boundary=----a-form-of-the-tests";

/// Returns the answer to a request if nothing goes wrong.
fn sound(call: &Call) -> Vec<u8> {
    let target = call.target.split('?').next().unwrap();
    kept(match (call.method.as_str(), target) {
        ("POST", _) => ANALYSIS.to_owned(),
        (_, "/api/v3/files/upload_url") => {
            let host = call.header("host").unwrap();
            json!({"data": format!("http://{host}/one/time")}).to_string()
        }
        (_, target) if target.contains("/users/") => json!({"data": {}}).to_string(),
        (_, target) if target.contains("search") || target.ends_with("votes") => LIST.to_owned(),
        (_, target) if target.contains("/analyses/") => COMPLETED.to_owned(),
        _ => REPORT.to_owned(),
    })
}

/// Starts an upstream that ends a connection this way when a second request comes on it.
async fn ending(end: Answer) -> Keeper {
    Keeper::start(move |call, place| match place {
        0 => Turn::Keep(sound(call)),
        _ => Turn::End(end.clone()),
    })
    .await
}

#[rstest]
#[case::end(Answer::Bytes(Vec::new()))]
#[case::reset(Answer::Reset(Vec::new()))]
#[tokio::test]
async fn a_get_on_a_failed_reused_connection_is_repeated_at_no_cost(#[case] end: Answer) {
    let upstream = ending(end).await;
    let flags = ["--rate-limit-per-minute", "100"];
    let gateway = Gateway::at(&upstream.url, &flags).await;
    // The first connection is opened to fetch the key's quota.
    let paths = [
        file(EICAR),
        format!("{}/relationships/votes", file(EICAR)),
        "/api/v1/domains/example.com".to_owned(),
        "/api/v1/ips/192.0.2.1/comments".to_owned(),
        "/api/v1/search?query=x".to_owned(),
        "/api/v1/analyses/MTIzOjQ1Ng==".to_owned(),
        format!("{}/behaviour_summary", file(EICAR)),
    ];
    for (paid, path) in (1..).zip(&paths) {
        // One request opens a connection, the next one reuses it and has it closed.
        let reply = gateway.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(100 - paid));
    }
    let again = upstream.asked().len() - 1 - paths.len();
    assert!(again > 0, "{:?}", upstream.asked());
}

#[tokio::test]
async fn a_get_is_sent_twice_at_most() {
    let asked = AtomicUsize::new(0);
    let upstream = Keeper::start(move |call, _| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Turn::Keep(sound(call)),
        _ => Turn::End(Answer::Reset(Vec::new())),
    })
    .await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    let reply = gateway.get(&file(TROJAN)).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (502, "BadGatewayError")
    );
    let connections: Vec<_> = upstream.asked().into_iter().map(|it| it.0).collect();
    assert_eq!(connections, [0, 0, 1]);
    // That connection was new, so the request is not repeated.
    assert_eq!(gateway.get(&file(TROJAN)).await.status, 502);
    assert_eq!(upstream.asked().len(), 4);
}

#[tokio::test]
async fn both_attempts_share_one_timeout() {
    let upstream = Keeper::start(|call, place| match (call.target.contains(TROJAN), place) {
        (false, _) => Turn::Keep(sound(call)),
        (true, 0) => Turn::End(Answer::Silence(Vec::new())),
        (true, _) => Turn::End(Answer::Reset(Vec::new())),
    })
    .await;
    let gateway = Gateway::at(&upstream.url, &["--upstream-timeout", "1s"]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    let started = Instant::now();
    let reply = gateway.get(&file(TROJAN)).await;
    assert_eq!((reply.status, upstream.count("GET")), (504, 3));
    assert!(started.elapsed() < Duration::from_millis(1900));
}

#[rstest]
#[case::no_http(b"NONSENSE\r\n\r\n".to_vec())]
#[case::half_a_body(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec())]
#[case::a_fault(http(500, &[], "Traceback"))]
#[tokio::test]
async fn a_request_that_got_any_answer_is_not_repeated(#[case] answer: Vec<u8>) {
    let upstream = ending(Answer::Bytes(answer)).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    assert_eq!(gateway.get(&file(TROJAN)).await.status, 502);
    assert_eq!(upstream.asked().len(), 2);
}

/// This is the whole case: a server that closes idle connections is asked exactly when it closes
/// them.
#[tokio::test]
async fn no_lookup_is_lost_to_a_server_that_closes_idle_connections() {
    const IDLE: Duration = Duration::from_millis(5);
    let upstream = Keeper::with_idle_limit(IDLE, |call, _| Turn::Keep(sound(call))).await;
    let flags = ["--rate-limit-per-minute", "1000"];
    let gateway = Gateway::at(&upstream.url, &flags).await;
    let mut pace = interval(IDLE);
    for paid in 1..=300 {
        pace.tick().await;
        let reply = gateway.get(&file(EICAR)).await;
        assert_eq!(reply.status, 200, "{paid}: {}", reply.text());
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(1000 - paid));
    }
}

#[tokio::test]
async fn concurrent_requests_survive_the_end_of_all_idle_connections() {
    let ends = Arc::new(AtomicUsize::new(0));
    let noted = Arc::clone(&ends);
    let upstream = Keeper::start(move |call, place| {
        if place == 0 {
            return Turn::Keep(sound(call));
        }
        noted.fetch_add(1, Ordering::Relaxed);
        Turn::End(Answer::Reset(Vec::new()))
    })
    .await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    for round in 0..4 {
        let paths = (0..20).map(|at| format!("/api/v1/domains/d{at}.r{round}.example"));
        let ask = |path: String| {
            let gateway = &gateway;
            async move { gateway.get(&path).await.status }
        };
        let statuses = in_parallel(paths.map(ask)).await;
        assert_eq!(statuses, [200; 20]);
    }
    assert!(ends.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn a_keys_quota_is_fetched_again_if_a_reused_connection_ends() {
    let upstream = Keeper::start(
        |call, place| match (call.target.contains("/users/"), place) {
            (true, 0) => {
                let usage = json!({"user": {"used": 0, "allowed": 7}});
                let quotas = json!({"data": {"api_requests_daily": usage}});
                Turn::Keep(kept(quotas.to_string()))
            }
            (true, _) => Turn::End(Answer::Reset(Vec::new())),
            (false, _) => Turn::Keep(sound(call)),
        },
    )
    .await;
    let gateway = Gateway::at(&upstream.url, &["--rate-limit-per-day", "100"]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    // The first question about the second key comes on the connection that the first key has left.
    let quota = gateway
        .get_with("/api/v1/quota", &[("x-api-key", "another-key")])
        .await;
    assert_eq!(quota.data()["day"]["allowed"], 7);
    assert_eq!(upstream.count("GET /api/v3/users/another-key"), 2);
}

#[tokio::test]
async fn the_request_for_an_upload_url_is_repeated_once() {
    let upstream = Keeper::start(
        |call, place| match (call.target.contains("upload_url"), place) {
            (true, 1..) => Turn::End(Answer::Reset(Vec::new())),
            _ => Turn::Keep(sound(call)),
        },
    )
    .await;
    let flags = ["--rate-limit-per-minute", "100"];
    let gateway = Gateway::at(&upstream.url, &flags).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    // A body of unknown length takes the path of large uploads.
    let request = gateway
        .post("/api/v1/files")
        .header("content-type", MULTIPART);
    let reply = send(request.body(Form::of(100_000).body(false))).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    assert_eq!(upstream.count("GET /api/v3/files/upload_url"), 2);
    assert_eq!(upstream.count("POST /one/time"), 1);
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(98));
}

#[tokio::test]
async fn over_http2_a_get_is_repeated_and_a_post_is_not() {
    let identity = Identity::of("127.0.0.1", 2099);
    let folder = Folder::new().with("ca.pem", identity.pem());
    let authorities = ["--upstream-ca-file", &folder.file("ca.pem")];
    let upstream = Multiplexed::start(&identity, 3, REPORT).await;
    let gateway = Gateway::at(&upstream.url, &authorities).await;
    for at in 0..9 {
        let reply = gateway.get(&format!("/api/v1/domains/d{at}.example")).await;
        assert_eq!(reply.status, 200, "{at}: {}", reply.text());
    }
    let asked = upstream.asked();
    assert!(
        asked.iter().filter(|it| it.len() == 3).count() >= 3,
        "{asked:?}"
    );

    // There were no more POSTs than the test sent, whatever the outcome of each.
    for at in 0..6 {
        let request = gateway.post("/api/v1/domains/example.com/analyse");
        let reply = send(request).await;
        assert!(matches!(reply.status, 202 | 502), "{at}: {}", reply.text());
        let is_uncertain = reply.text().contains("may have been carried out");
        assert_eq!(is_uncertain, reply.status == 502, "{}", reply.text());
    }
    let asked = upstream.asked().concat();
    let posts = asked.iter().filter(|line| line.starts_with("POST"));
    assert_eq!(posts.count(), 6, "{asked:?}");
}
