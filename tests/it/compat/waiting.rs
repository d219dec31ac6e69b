//! Waiting for a unit of quota, which is the default here.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{WithClients, error_of, table};
use crate::harness::{Gateway, Upstream, in_parallel, until};

/// One lookup a minute.
const ONE: [&str; 2] = ["--rate-limit-per-minute", "1"];

#[tokio::test]
async fn a_request_waits_by_default_and_ends_when_the_client_hangs_up() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &ONE).await;
    assert_eq!(gateway.get("/api/v3/domains/example.com").await.status, 200);
    for path in ["/api/v3/ip_addresses/8.8.8.8", "/api/v3/graphs/1"] {
        let waits = gateway.get_directly(path);
        assert!(
            timeout(Duration::from_millis(300), waits).await.is_err(),
            "{path} does not wait"
        );
        until(async || gateway.waiting_requests().await == 0).await;
    }
    // REST does not wait.
    assert_eq!(gateway.get("/api/v1/ips/8.8.8.8").await.status, 429);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn one_that_can_get_no_unit_in_its_time_is_a_429_at_once() {
    let upstream = Upstream::demo().await;
    let flags = [&ONE[..], &["--compat-wait", "5s"]].concat();
    let gateway = Gateway::before(&upstream, &flags).await;
    gateway.get("/api/v3/domains/example.com").await;
    let began = Instant::now();
    for path in ["/api/v3/ip_addresses/8.8.8.8", "/api/v3/graphs/1"] {
        let reply = gateway.get(path).await;
        assert_eq!(
            (reply.status, &*error_of(&reply).0),
            (429, "QuotaExceededError")
        );
        assert!(reply.number("retry-after").unwrap() > 30);
    }
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_clients_own_wait_goes_first() {
    let upstream = Upstream::demo().await;
    let clients = table("hasty", "scopes = [\"read\"]\nwait = 0")
        + &table("brief", "scopes = [\"read\"]\nwait = \"2s\"")
        + &table("usual", "scopes = [\"read\"]");
    let with = WithClients::before(upstream, &clients, &ONE).await;
    assert_eq!(
        with.get("/api/v3/domains/example.com", "usual")
            .await
            .status,
        200
    );
    for name in ["hasty", "brief"] {
        assert_eq!(
            with.get("/api/v3/ip_addresses/8.8.8.8", name).await.status,
            429,
            "{name}"
        );
    }
    let waits = with.get("/api/v3/ip_addresses/8.8.8.8", "usual");
    assert!(timeout(Duration::from_millis(300), waits).await.is_err());
}

#[tokio::test]
async fn more_requests_than_a_caller_may_queue_wait_for_a_place() {
    let upstream = Upstream::demo().await;
    let flags = [&ONE[..], &["--max-waiting", "4"]].concat();
    let gateway = Gateway::before(&upstream, &flags).await;
    gateway.get("/api/v3/domains/example.com").await;
    let asks = (0..6).map(|at| {
        let path = format!("/api/v3/ip_addresses/8.8.4.{at}");
        let gateway = &gateway;
        async move {
            timeout(Duration::from_millis(500), gateway.get_directly(&path))
                .await
                .is_err()
        }
    });
    let waited = in_parallel(asks).await;
    // The first is served by the unit that is back in 61 s; the forecast refuses who comes later.
    assert!(waited.iter().any(|waits| *waits), "{waited:?}");
}
