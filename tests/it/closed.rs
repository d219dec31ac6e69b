//! Tests of back-off: after a refusal by VirusTotal nothing is sent to that endpoint until it ends.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rstest::rstest;

use crate::{
    errors::is_well_formed,
    harness::{
        Answer, Call, EICAR, Gateway, Reply, TROJAN, UNKNOWN, Upstream, failure, file, http,
        in_parallel, minute_with, ok, send,
    },
    uploads::{Form, upload},
};

const REPORT: &str = r#"{"data": {"attributes": {"size": 68}}}"#;

async fn ask_as(gateway: &Gateway, key: &str, path: &str) -> Reply {
    gateway.get_with(path, &[("x-api-key", key)]).await
}

/// Starts an upstream that refuses reports on files with these bytes and answers everything else.
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
async fn a_429_backs_off_its_endpoint_for_its_key_only() {
    let upstream = refusing_files(http(429, &["Retry-After: 30"], "<html>")).await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "9"]).await;
    for hash in [EICAR, TROJAN] {
        let reply = ask_as(&gateway, "mine", &file(hash)).await;
        let wait = reply.number("retry-after").unwrap();
        assert!(reply.status == 429 && (29..=30).contains(&wait), "{wait}");
        // A request that is not sent costs nothing.
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
async fn cached_answers_are_served_during_a_back_off() {
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

/// The time that a test of a back-off may take.
const SOON: Duration = Duration::from_secs(10);
const DAY: u64 = 24 * 60 * 60;

/// The next full minute, for a refusal that names no time to come.
const MINUTE: (u64, u64) = (1, 60);
const CUT: (u64, u64) = (DAY - 10, DAY);

#[rstest]
#[case::none(&[], MINUTE)]
#[case::seconds(&["Retry-After: 30"], (20, 30))]
#[case::zero(&["Retry-After: 0"], MINUTE)]
#[case::past(&["Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"], MINUTE)]
#[case::negative(&["Retry-After: -1"], MINUTE)]
#[case::words(&["Retry-After: soon"], MINUTE)]
#[case::exponent(&["Retry-After: 1e400"], MINUTE)]
#[case::empty(&["Retry-After: "], MINUTE)]
#[case::two(&["Retry-After: 30", "Retry-After: 9999999999999"], MINUTE)]
#[case::days(&["Retry-After: 86401"], CUT)]
#[case::beyond_the_calendar(&["Retry-After: 253402300799"], CUT)]
#[case::beyond_the_clock(&["Retry-After: 9999999999999"], CUT)]
#[case::beyond_64_bits(&["Retry-After: 18446744073709551616"], CUT)]
#[case::in_the_year_9999(&["Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"], CUT)]
#[tokio::test]
async fn of_twenty_further_requests_after_a_429_none_is_sent(
    #[case] lines: &[&str],
    #[case] (least, most): (u64, u64),
) {
    minute_with(SOON).await;
    let ask = async |body| {
        let upstream = Upstream::always(http(429, lines, body)).await;
        let gateway = Gateway::before(&upstream, &[]).await;
        let first = gateway.get(&file(EICAR)).await;
        is_well_formed(&first);
        let wait = first.number("retry-after").unwrap();
        assert!((least..=most).contains(&wait), "{wait}");
        let paths: Vec<_> = (0..20).map(|it| file(&format!("{it:040x}"))).collect();
        for reply in in_parallel(paths.iter().map(|path| gateway.get(path))).await {
            is_well_formed(&reply);
            let left = reply.number("retry-after").unwrap();
            assert!(
                reply.status == 429 && (1..=wait).contains(&left),
                "{wait}: {left}"
            );
        }
        assert_eq!(upstream.count(), 1);
    };
    let bodies = ["<html>", "", r#"{"error": {"code": "QuotaExceededError"}}"#];
    in_parallel(bodies.into_iter().map(ask)).await;
}

#[tokio::test]
async fn a_429_of_many_at_once_is_one_back_off() {
    minute_with(SOON).await;
    let upstream = Upstream::always(http(429, &[], "<html>")).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let hashes: Vec<_> = (0..20)
        .map(|number| file(&format!("{number:040x}")))
        .collect();
    in_parallel(hashes.iter().map(|path| gateway.get(path))).await;
    let reply = gateway.get(&file(EICAR)).await;
    assert!(
        (1..=60).contains(&reply.number("retry-after").unwrap()),
        "{reply:?}"
    );
}

/// Sends the request that leads to this kind of call to VirusTotal.
async fn ask_for(gateway: &Gateway, what: &str) -> Reply {
    let object = file(EICAR);
    let json = |path: &str, body: &'static str| {
        let request = gateway.post(&format!("{object}/{path}"));
        send(
            request
                .header("content-type", "application/json")
                .body(body),
        )
    };
    match what {
        "comment" => json("comments", r#"{"text": "x"}"#).await,
        "vote" => json("votes", r#"{"verdict": "malicious"}"#).await,
        "rescan" => send(gateway.post(&format!("{object}/analyse"))).await,
        "scan" => {
            let request = gateway.post("/api/v1/urls");
            let form = "application/x-www-form-urlencoded";
            send(
                request
                    .header("content-type", form)
                    .body("url=http%3A%2F%2Fexample.com%2F"),
            )
            .await
        }
        "upload" => upload(gateway, Form::of(9).body(true)).await,
        "large" => upload(gateway, Form::of(200_000).body(false)).await,
        "list" => {
            gateway
                .get(&format!("{object}/relationships/votes?limit=60"))
                .await
        }
        "search" => gateway.get("/api/v1/search?query=x").await,
        "analysis" => gateway.get("/api/v1/analyses/NDRkOA%3D%3D").await,
        other => panic!("{other}"),
    }
}

/// Every call is refused except the one that returns the upload URL of a large file.
#[rstest]
#[tokio::test]
async fn a_429_to_any_call_backs_off_its_endpoint(
    #[values(
        "comment", "vote", "rescan", "scan", "upload", "large", "list", "search", "analysis"
    )]
    what: &str,
) {
    minute_with(SOON).await;
    let upstream = Upstream::faulty(|call: &Call| {
        let place = format!("http://{}/one/time", call.header("host").unwrap());
        Answer::Bytes(if call.target == "/api/v3/files/upload_url" {
            ok(format!(r#"{{"data": "{place}"}}"#))
        } else {
            http(429, &[], "<html>")
        })
    })
    .await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let first = ask_for(&gateway, what).await;
    is_well_formed(&first);
    let (wait, calls) = (first.number("retry-after").unwrap(), upstream.count());
    assert!(first.status == 429 && wait <= 60, "{first:?}");
    for _ in 0..3 {
        let next = ask_for(&gateway, what).await;
        is_well_formed(&next);
        let left = next.number("retry-after").unwrap();
        assert!(next.status == 429 && left <= wait, "{wait}: {next:?}");
    }
    assert_eq!(upstream.count(), calls);
}

/// Starts an upstream that refuses the first call with these bytes and answers all others.
async fn refusing_once(refusal: Vec<u8>) -> Upstream {
    let asked = AtomicUsize::new(0);
    Upstream::faulty(move |_| {
        Answer::Bytes(match asked.fetch_add(1, Ordering::Relaxed) {
            0 => refusal.clone(),
            _ => ok(r#"{"data": {"attributes": {"status": "completed"}}}"#),
        })
    })
    .await
}

#[rstest]
#[tokio::test]
async fn a_status_without_virustotals_error_is_not_cached_and_starts_no_back_off(
    #[values(400, 401, 403, 404, 409, 413, 424, 504)] status: u16,
) {
    let bodies = [
        "<html>",
        "",
        "{}",
        r#"{"error": "WrongCredentialsError"}"#,
        r#"{"error": {"code": 401, "status": "UNAUTHENTICATED"}}"#,
        r#"{"error": {"code": "ResourceNotFound", "message": "not found"}}"#,
    ];
    let paths = ["/api/v1/files/", "/api/v1/analyses/"];
    let ask = async |(body, path): (&str, &str)| {
        let path = format!("{path}{UNKNOWN}");
        let lines = ["Content-Type: application/json", "Retry-After: 30"];
        let upstream = refusing_once(http(status, &lines, body)).await;
        let flags = ["--cache-max-bytes", "9999999", "--cache-scope", "shared"];
        let gateway = Gateway::before(&upstream, &flags).await;
        let reply = gateway.get(&path).await;
        is_well_formed(&reply);
        let told = (reply.status, reply.code());
        assert_eq!(
            told,
            (502, "BadGatewayError".to_owned()),
            "{}",
            reply.text()
        );
        assert!(!reply.detail().contains("premium"), "{}", reply.detail());
        let next = gateway.get(&path).await;
        assert_eq!((next.status, upstream.count()), (200, 2), "{}", next.text());
    };
    let all = bodies
        .into_iter()
        .flat_map(|body| paths.map(|path| (body, path)));
    in_parallel(all.map(ask)).await;
}

#[tokio::test]
async fn a_401_from_an_intermediary_leaves_a_key_verified() {
    let upstream = refusing_files(http(401, &[], "<html>")).await;
    let flags = ["--cache-max-bytes", "9999999", "--cache-scope", "shared"];
    let gateway = Gateway::before(&upstream, &flags).await;
    let domain = "/api/v1/domains/example.com";
    assert_eq!(ask_as(&gateway, "mine", domain).await.status, 200);
    assert_eq!(ask_as(&gateway, "mine", &file(EICAR)).await.status, 502);
    let reply = ask_as(&gateway, "mine", domain).await;
    assert_eq!((reply.status, reply.header("x-cache")), (200, Some("HIT")));
}

#[tokio::test]
async fn a_stale_answer_replaces_an_error_from_an_intermediary() {
    let asked = AtomicUsize::new(0);
    let upstream = Upstream::faulty(move |_| {
        Answer::Bytes(match asked.fetch_add(1, Ordering::Relaxed) {
            0 => ok(REPORT),
            _ => http(404, &["Content-Type: text/html"], "<html>"),
        })
    })
    .await;
    let flags = ["--cache-max-bytes", "9999999", "--cache-ttl", "0s"];
    let gateway = Gateway::before(&upstream, &flags).await;
    for origin in ["MISS", "STALE", "STALE"] {
        let reply = gateway.get(&file(EICAR)).await;
        assert_eq!((reply.status, reply.header("x-cache")), (200, Some(origin)));
    }
}
