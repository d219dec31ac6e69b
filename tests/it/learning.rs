//! Tests of the quota that VirusTotal reports for a key, and of waiting for a unit of it.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;

use crate::harness::{EICAR, Gateway, Reply, TROJAN, UNKNOWN, Upstream, config, file, in_parallel};

/// Starts a gateway without limits of its own.
async fn learning(upstream: &Upstream, flags: &[&str]) -> Gateway {
    let own = ["--upstream-url", &upstream.url];
    Gateway::start(config(&[&own, flags].concat())).await
}

async fn ask_as(gateway: &Gateway, key: &str, path: &str) -> Reply {
    gateway.get_with(path, &[("x-api-key", key)]).await
}

#[rstest]
#[case::public("public-key", [4, 500, 15_500])]
#[case::premium("some-premium-key", [1000, 1_000_000, 30_000_000])]
#[tokio::test]
async fn a_keys_limits_come_from_virustotal(#[case] key: &str, #[case] allowed: [u64; 3]) {
    let upstream = Upstream::demo().await;
    let gateway = learning(&upstream, &[]).await;
    let reply = ask_as(&gateway, key, &file(EICAR)).await;
    assert_eq!(reply.number("x-ratelimit-limit"), Some(allowed[0]));
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(allowed[0] - 1));
    let quota = ask_as(&gateway, key, "/api/v1/quota").await.data();
    for (window, allowed) in ["minute", "day", "month"].into_iter().zip(allowed) {
        let tally = &quota[window];
        assert_eq!(tally["allowed"], allowed, "{window}");
        assert_eq!(
            (&tally["used"], &tally["remaining"]),
            (&json!(1), &json!(allowed - 1))
        );
        assert!(tally["reset"].as_i64().unwrap() > 1_700_000_000);
    }
}

#[tokio::test]
async fn units_spent_elsewhere_count() {
    let upstream = Upstream::demo().await;
    let (first, second) = (
        learning(&upstream, &[]).await,
        learning(&upstream, &[]).await,
    );
    for hash in [EICAR, TROJAN, UNKNOWN] {
        ask_as(&first, "public-key", &file(hash)).await;
    }
    let quota = ask_as(&second, "public-key", "/api/v1/quota").await.data();
    assert_eq!(
        (&quota["day"]["used"], &quota["month"]["used"]),
        (&json!(3), &json!(3))
    );
    // VirusTotal reports nothing about the minute.
    assert_eq!(quota["minute"]["used"], 0);
}

#[rstest]
#[case::a_ceiling(&["--rate-limit-per-minute", "2"], json!(2))]
#[case::a_ceiling_above(&["--rate-limit-per-minute", "9"], json!(4))]
#[case::off(&["--rate-limit-per-minute", "0"], json!(null))]
#[tokio::test]
async fn a_setting_is_a_ceiling_or_turns_a_window_off(
    #[case] flags: &[&str],
    #[case] allowed: serde_json::Value,
) {
    let upstream = Upstream::demo().await;
    let gateway = learning(&upstream, flags).await;
    let quota = ask_as(&gateway, "public-key", "/api/v1/quota").await.data();
    assert_eq!(quota["minute"]["allowed"], allowed);
    assert_eq!(quota["day"]["allowed"], 500);
}

#[tokio::test]
async fn without_virustotals_figures_the_public_limits_apply() {
    let upstream = Upstream::always(crate::harness::ok(r#"{"data": {"attributes": {}}}"#)).await;
    let gateway = learning(&upstream, &[]).await;
    let reply = ask_as(&gateway, "mine", &file(EICAR)).await;
    assert_eq!(
        (reply.status, reply.number("x-ratelimit-limit")),
        (200, Some(4))
    );
}

#[tokio::test]
async fn units_saved_by_the_cache_are_counted() {
    let upstream = Upstream::demo().await;
    let gateway = learning(&upstream, &[]).await;
    for _ in 0..4 {
        ask_as(&gateway, "public-key", &file(EICAR)).await;
    }
    let quota = ask_as(&gateway, "public-key", "/api/v1/quota").await.data();
    assert_eq!(
        (&quota["saved_today"], &quota["day"]["used"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn the_quota_endpoint_needs_a_key() {
    let upstream = Upstream::demo().await;
    let gateway = learning(&upstream, &[]).await;
    let reply = gateway.get_with("/api/v1/quota", &[]).await;
    assert_eq!(reply.status, 401);
    assert!(reply.detail().starts_with("Error retrieving quota: "));
}

#[tokio::test]
async fn a_wait_that_cannot_succeed_ends_at_once() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "1"]).await;
    ask_as(&gateway, "mine", &file(EICAR)).await;
    let start = Instant::now();
    let reply = ask_as(&gateway, "mine", &format!("{}?wait=30s", file(TROJAN))).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (429, "QuotaExceededError")
    );
    assert!((55..=61).contains(&reply.number("retry-after").unwrap()));
    assert!(start.elapsed() < Duration::from_secs(5));
    for wait in ["x", "6m", "-1s", "1s&wait=2s"] {
        let reply = ask_as(&gateway, "mine", &format!("{}?wait={wait}", file(TROJAN))).await;
        assert_eq!(reply.status, 400, "{wait}");
    }
}

/// A caller that waits does not delay one that does not.
#[tokio::test]
async fn a_request_without_a_wait_is_refused_at_once() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "1"]).await;
    ask_as(&gateway, "mine", &file(EICAR)).await;
    let patient = format!("{}?wait=5m", file(TROJAN));
    let replies = in_parallel([true, false].into_iter().map(|is_patient| {
        let (gateway, patient) = (&gateway, &patient);
        async move {
            if is_patient {
                let asked = ask_as(gateway, "mine", patient);
                let limit = Duration::from_millis(500);
                return tokio::time::timeout(limit, asked)
                    .await
                    .map_or(0, |it| it.status);
            }
            ask_as(gateway, "mine", &file(TROJAN)).await.status
        }
    }));
    let mut statuses = replies.await;
    statuses.sort_unstable();
    assert_eq!(statuses, [0, 429]);
    assert_eq!(upstream.count(), 1);
}
