//! Tests of quotas and of the rate limit (`docs/http-api.md`).

use std::time::{SystemTime, UNIX_EPOCH};

use rstest::rstest;

use crate::harness::{EICAR, Gateway, Reply, UNKNOWN, Upstream, file, in_parallel};

const HEADERS: [&str; 3] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

fn standing(reply: &Reply) -> (Option<u64>, Option<u64>) {
    (reply.number(HEADERS[0]), reply.number(HEADERS[1]))
}

async fn demo(flags: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, flags).await;
    (upstream, gateway)
}

#[tokio::test]
async fn a_lookup_beyond_the_quota_is_refused() {
    let (upstream, gateway) = demo(&["--rate-limit-per-minute", "3"]).await;
    for left in [2, 1, 0] {
        let reply = gateway.get(&file(EICAR)).await;
        assert_eq!(
            (reply.status, standing(&reply)),
            (200, (Some(3), Some(left)))
        );
    }
    let refused = gateway.get(&file(EICAR)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "QuotaExceededError")
    );
    assert_eq!(standing(&refused), (Some(3), Some(0)));
    let wait = refused.number("retry-after").unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    assert!(
        refused
            .detail()
            .starts_with("Error retrieving file report: ")
    );
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn reset_is_when_all_lookups_are_back() {
    let (_upstream, gateway) = demo(&["--rate-limit-per-minute", "3"]).await;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let full = gateway
        .get(&file("nonsense"))
        .await
        .number(HEADERS[2])
        .unwrap();
    assert!((now..=now + 2).contains(&full));
    let spent = gateway.get(&file(EICAR)).await.number(HEADERS[2]).unwrap();
    assert!((now + 59..=now + 63).contains(&spent));
}

#[tokio::test]
async fn every_answer_for_a_key_reports_its_quota() {
    let (_upstream, gateway) = demo(&["--rate-limit-per-minute", "2"]).await;
    for (path, status, left) in [
        (file("nonsense"), 400, 2),
        (format!("{}?format=x", file(EICAR)), 400, 2),
        (file(UNKNOWN), 404, 1),
        (format!("{}/relationships/Votes", file(EICAR)), 400, 1),
        (format!("{}/relationships/votes", file(EICAR)), 200, 0),
        (file(EICAR), 429, 0),
    ] {
        let reply = gateway.get(&path).await;
        assert_eq!(
            (reply.status, standing(&reply)),
            (status, (Some(2), Some(left))),
            "{path}"
        );
        assert!(reply.number(HEADERS[2]).is_some());
    }
}

#[tokio::test]
async fn without_a_limit_no_quota_is_reported() {
    let (_upstream, gateway) = demo(&["--rate-limit-per-minute", "0"]).await;
    for path in [file(EICAR), file("nonsense"), file(UNKNOWN)] {
        let reply = gateway.get(&path).await;
        assert!(
            HEADERS.iter().all(|name| reply.header(name).is_none()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn routes_without_a_key_report_no_quota() {
    let (upstream, gateway) = demo(&["--rate-limit-per-minute", "3"]).await;
    let paths = [
        "/",
        "/templates",
        "/api/v1/files/relationships/types",
        "/livez",
        "/nowhere",
    ];
    for path in paths {
        let reply = gateway.get(path).await;
        assert!(
            HEADERS.iter().all(|name| reply.header(name).is_none()),
            "{path}"
        );
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn each_key_has_a_quota_of_its_own() {
    let (upstream, gateway) = demo(&["--rate-limit-per-minute", "1"]).await;
    for (name, key, status) in [
        ("x-api-key", "one", 200),
        ("x-api-key", "two", 200),
        ("x-api-key", "one", 429),
        ("x-apikey", "two", 429),
        ("x-apikey", "three", 200),
    ] {
        let reply = gateway.get_with(&file(EICAR), &[(name, key)]).await;
        assert_eq!(reply.status, status, "{key}");
    }
    assert_eq!(upstream.count(), 3);
}

#[rstest]
#[case("/files/nonsense")]
#[case("/domains/-.-.-%20")]
#[case("/urls/analyze?url=x&y=z")]
#[case("/ips/8.8.8.8?template_name=vt4ai_file_basics")]
#[case("/ips/8.8.8.8?format=pdf")]
#[case("/ips/8.8.8.8?format=json&format=json")]
#[case("/files/275a021bbfb6489e54d471899f7db9d1/relationships/votes?limit=0")]
#[case("/files/275a021bbfb6489e54d471899f7db9d1/relationships/Votes")]
#[tokio::test]
async fn a_refused_request_spends_nothing(#[case] path: &str) {
    let (upstream, gateway) = demo(&["--rate-limit-per-minute", "4"]).await;
    let reply = gateway.get(&format!("/api/v1{path}")).await;
    assert_eq!((reply.status, standing(&reply)), (400, (Some(4), Some(4))));
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn concurrent_requests_stay_within_the_quota() {
    let (upstream, gateway) = demo(&["--rate-limit-per-minute", "10"]).await;
    // Each request is for another file: requests for the same one would share a lookup.
    let paths: Vec<_> = (0..50).map(|it| file(&format!("{it:040x}"))).collect();
    let requests = paths.iter().map(|path| gateway.get(path));
    let mut statuses = Vec::new();
    for reply in in_parallel(requests).await {
        statuses.push(reply.status);
    }
    let passed = statuses.iter().filter(|status| **status == 404).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((passed, refused, upstream.count()), (10, 40, 10));
}

#[rstest]
#[case::day("--rate-limit-per-day", "day", 86_400)]
#[case::month("--rate-limit-per-month", "month", 31 * 86_400)]
#[tokio::test]
async fn days_and_months_have_limits(
    #[case] flag: &str,
    #[case] window: &str,
    #[case] longest: u64,
) {
    let (upstream, gateway) = demo(&[flag, "2", "--rate-limit-per-minute", "9"]).await;
    for status in [200, 200, 429, 429] {
        assert_eq!(gateway.get(&file(EICAR)).await.status, status);
    }
    let refused = gateway.get(&file(EICAR)).await;
    assert_eq!(refused.code(), "QuotaExceededError");
    assert!(refused.detail().contains(window), "{}", refused.detail());
    let wait = refused.number("retry-after").unwrap();
    assert!((1..=longest).contains(&wait), "{wait}");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn requests_above_the_rate_limit_are_a_429() {
    let (upstream, gateway) = demo(&["--client-rate-per-minute", "2"]).await;
    assert_eq!(gateway.get("/livez").await.status, 200);
    assert_eq!(gateway.get("/nowhere").await.status, 404);
    for path in [file(EICAR), "/templates".to_owned(), "/nowhere".to_owned()] {
        let refused = gateway.get(&path).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (429, "TooManyRequestsError")
        );
        let wait = refused.number("retry-after").unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_rate_limit_refusal_reports_the_quota() {
    let (_upstream, gateway) = demo(&[
        "--client-rate-per-minute",
        "1",
        "--rate-limit-per-minute",
        "4",
    ])
    .await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    let refused = gateway.get(&file(EICAR)).await;
    assert_eq!(
        (refused.status, standing(&refused)),
        (429, (Some(4), Some(3)))
    );
}

#[tokio::test]
async fn only_verified_keys_have_a_rate_limit_of_their_own() {
    let (_upstream, gateway) = demo(&["--client-rate-per-minute", "3"]).await;
    let knock = async |headers: &[(&str, &str)]| gateway.get_with("/livez", headers).await.status;
    let (one, two) = ([("x-api-key", "one")], [("x-apikey", "two")]);
    assert_eq!(gateway.get_with(&file(EICAR), &one).await.status, 200);
    assert_eq!(knock(&two).await, 200);
    assert_eq!(knock(&[("x-api-key", "made-up")]).await, 200);
    for headers in [&two[..], &[("x-api-key", "another")], &[]] {
        assert_eq!(knock(headers).await, 429, "they count for the address");
    }
    assert_eq!([knock(&one).await, knock(&one).await], [200, 200]);
    assert_eq!(knock(&one).await, 429);
    let claimed = [
        ("x-forwarded-for", "192.0.2.7"),
        ("forwarded", "for=192.0.2.8"),
    ];
    assert_eq!(knock(&claimed).await, 429, "a header is no address");
}
