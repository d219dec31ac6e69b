//! What VirusTotal has closed to a key: nothing is sent there until it opens.

use crate::harness::{Answer, EICAR, Gateway, Reply, TROJAN, Upstream, failure, file, http, ok};

const REPORT: &str = r#"{"data": {"attributes": {"size": 68}}}"#;

async fn ask_as(gateway: &Gateway, key: &str, path: &str) -> Reply {
    gateway.get_with(path, &[("x-api-key", key)]).await
}

/// Refuses reports on files so, and answers everything else.
async fn refusing_files(refusal: Vec<u8>) -> Upstream {
    Upstream::faulty(move |call| {
        let is_file = call.target.starts_with("/api/v3/files/") && !call.target.contains("votes");
        let is_other = call.header("x-apikey") == Some("other");
        Answer::Bytes(if is_file && !is_other {
            refusal.clone()
        } else {
            ok(if call.target.contains("votes") {
                r#"{"data": []}"#
            } else {
                REPORT
            })
        })
    })
    .await
}

#[tokio::test]
async fn a_429_closes_its_endpoint_to_its_key_only() {
    let upstream = refusing_files(http(429, &["Retry-After: 30"], "<html>")).await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "9"]).await;
    for hash in [EICAR, TROJAN] {
        let reply = ask_as(&gateway, "mine", &file(hash)).await;
        let wait = reply.number("retry-after").unwrap();
        assert!(reply.status == 429 && (29..=30).contains(&wait), "{wait}");
        // What is not sent costs nothing.
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(8));
    }
    assert_eq!(upstream.count(), 1);
    let votes = format!("{}/relationships/votes", file(EICAR));
    for (key, path) in [
        ("mine", votes.as_str()),
        ("mine", "/api/v1/domains/example.com"),
        ("other", &file(EICAR)),
    ] {
        assert_eq!(ask_as(&gateway, key, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_wrong_key_in_a_loop_reaches_virustotal_once() {
    let refusal = failure(401, "WrongCredentialsError", "Wrong API key");
    let upstream = refusing_files(refusal).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for path in [
        file(EICAR),
        file(TROJAN),
        "/api/v1/domains/example.com".to_owned(),
    ] {
        let reply = ask_as(&gateway, "mine", &path).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (401, "WrongCredentialsError")
        );
    }
    assert_eq!(upstream.count(), 1);
    assert_eq!(ask_as(&gateway, "other", &file(EICAR)).await.status, 200);
}

#[tokio::test]
async fn what_is_kept_goes_on_where_virustotal_has_closed() {
    let upstream = refusing_files(http(429, &["Retry-After: 30"], "<html>")).await;
    let kept = ["--cache-max-bytes", "9999999"];
    let gateway = Gateway::before(&upstream, &kept).await;
    let domain = "/api/v1/domains/example.com";
    ask_as(&gateway, "mine", domain).await;
    ask_as(&gateway, "mine", &file(EICAR)).await;
    let reply = ask_as(&gateway, "mine", domain).await;
    assert_eq!((reply.status, reply.header("x-cache")), (200, Some("HIT")));
    assert_eq!(upstream.count(), 2);
}
