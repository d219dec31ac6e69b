//! Tests of the limits on concurrency and time, and of the graceful stop.

use std::{fs, process::Command};

use rstest::rstest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
};
use tokio_util::task::TaskTracker;

use crate::{
    errors::is_well_formed,
    harness::{
        EICAR, Folder, Gateway, KEY, Process, TROJAN, Upstream, Wire, client, failure, file, vt4ai,
    },
};

const ASK: &[u8] = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
const REPORT: &str = r#"{"data": {"attributes": {"size": 68}}}"#;

#[tokio::test]
async fn requests_above_the_in_flight_limit_are_a_503() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::held(going, REPORT).await;
    let gateway = Gateway::before(&upstream, &["--max-in-flight", "1"]).await;
    let first = file(EICAR);
    let (first, ()) = tokio::join!(gateway.get(&first), async {
        upstream.until_asked(1).await;
        let second = gateway.get(&file(TROJAN)).await;
        is_well_formed(&second);
        assert_eq!(
            (second.status, second.number("retry-after")),
            (503, Some(1))
        );
        // Health checks and static answers need no place.
        for path in ["/livez", "/readyz", "/templates"] {
            assert_eq!(gateway.get(path).await.status, 200, "{path}");
        }
        go.send_replace(true);
    });
    assert_eq!(first.data()["size"], 68);
    assert_eq!(gateway.get(&file(TROJAN)).await.status, 200);
}

#[rstest]
#[case(8 * 1024 - "/api/v1/search?query=".len(), 200)]
#[case(8 * 1024, 414)]
#[tokio::test]
async fn path_and_query_are_at_most_8_kb(#[case] length: usize, #[case] status: u16) {
    let upstream = Upstream::always(crate::harness::ok(r#"{"data": []}"#)).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let path = format!("/api/v1/search?query={}", "a".repeat(length));
    let reply = gateway.get(&path).await;
    assert_eq!(reply.status, status);
    if status == 414 {
        is_well_formed(&reply);
    }
}

#[tokio::test]
async fn at_the_cap_the_oldest_connection_without_a_request_makes_room() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--max-connections", "2"]).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(b"GET /livez HTT").await.unwrap();
        idle.push(stream);
    }
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    // A closed and a reset connection both mean that nothing more comes.
    let mut rest = Vec::new();
    let read = idle[0].read_to_end(&mut rest).await;
    assert!(read.is_err() || rest.is_empty());
    idle[1]
        .write_all(b"P/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    idle[1].read_to_end(&mut rest).await.unwrap();
    assert!(
        rest.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&rest)
    );
}

#[tokio::test]
async fn a_stopping_gateway_reports_it_and_still_serves() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--shutdown-delay", "1h"]).await;
    assert_eq!(gateway.get("/readyz").await.status, 200);
    gateway.stop().cancel();
    let reply = gateway.get("/readyz").await;
    assert_eq!(
        (reply.status, &reply.json()["status"]),
        (503, &"stopping".into())
    );
    assert_eq!(gateway.get("/livez").await.status, 200);
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
}

/// A proxy keeps connections open for a while, and must not find them closed when it forwards a
/// POST.
#[tokio::test]
async fn a_stopping_gateway_closes_each_connection_after_its_answer() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--shutdown-delay", "1h"]).await;
    let mut kept = Wire::to(&gateway).await;
    kept.send(ASK).await;
    assert_eq!(kept.answer().await.header("connection"), None);
    gateway.stop().cancel();
    let mut new = Wire::to(&gateway).await;
    for wire in [&mut kept, &mut new] {
        wire.send(ASK).await;
        let reply = wire.answer().await;
        assert_eq!(
            (reply.status, reply.header("connection")),
            (200, Some("close"))
        );
        assert_eq!(wire.rest().await, "");
    }
}

#[tokio::test]
async fn a_connection_accepted_before_the_stop_is_answered() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let (mut accepted, mut silent) = (Wire::to(&gateway).await, Wire::to(&gateway).await);
    assert_eq!(gateway.get("/livez").await.status, 200);
    let mut waiting = Wire::to(&gateway).await;
    gateway.stop().cancel();
    while TcpStream::connect(gateway.address).await.is_ok() {}
    for wire in [&mut accepted, &mut waiting] {
        wire.send(ASK).await;
        assert_eq!(wire.answer().await.status, 200);
    }
    // The stop does not wait for a connection without a request.
    assert_eq!(silent.rest().await, "");
}

#[tokio::test]
#[ignore = "needs ss: run with --include-ignored"]
async fn the_listen_backlog_is_4096() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let port = gateway.address.port().to_string();
    let said = Command::new("ss")
        .args(["-ltnH", "sport", "=", &port])
        .output()
        .expect("this test needs ss, of the package iproute2, on the PATH");
    let most = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let most: u32 = most.trim().parse().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let room = said.split_whitespace().nth(2).unwrap();
    assert_eq!(room.parse::<u32>().unwrap(), most.min(4096), "{said}");
}

#[tokio::test]
async fn a_failing_upstream_is_degraded_but_ready() {
    let upstream = Upstream::always(failure(504, "DeadlineExceededError", "x")).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for _ in 0..2 {
        assert_eq!(gateway.get(&file(EICAR)).await.status, 504);
    }
    let reply = gateway.get("/readyz").await;
    let health = reply.json();
    assert_eq!((reply.status, &health["status"]), (200, &"degraded".into()));
    let checks = health["checks"].as_array().unwrap();
    let check = checks.iter().find(|it| it["name"] == "upstream").unwrap();
    assert_eq!(check["ok"], false);
    assert!(check["detail"].as_str().unwrap().contains("last 2 answers"));
}

/// Runs the binary while it answers a request.
#[rstest]
#[case::once(1, Some(0))]
#[case::twice(2, Some(1))]
#[tokio::test]
async fn the_first_signal_drains_requests_and_the_second_ends_them(
    #[case] signals: usize,
    #[case] code: Option<i32>,
) {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::held(going, REPORT).await;
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &[]);
    let process = Process::start(command.env("VT4AI_UPSTREAM_URL", &upstream.url));
    let request = client().get(format!("http://{}{}", process.address, file(EICAR)));
    let asking = TaskTracker::new().spawn(request.header("x-api-key", KEY).send());
    upstream.until_asked(1).await;
    for count in 1..=signals {
        process.signal("-TERM");
        if count == 1 {
            // Waits for the log line: two signals at once would count as one.
            process.wait_for("shutdown requested", 1);
        }
    }
    if signals == 1 {
        go.send_replace(true);
        let reply = asking.await.unwrap().unwrap();
        assert_eq!(reply.status().as_u16(), 200);
    }
    assert_eq!(process.end(), code);
}

#[tokio::test]
async fn a_stopping_gateway_ends_waits_for_quota() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "1"]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    let path = format!("{}?wait=90s", file(TROJAN));
    let stop = async {
        while gateway.waiting_requests().await != 1 {}
        gateway.stop().cancel();
    };
    let (waited, ()) = tokio::join!(gateway.get(&path), stop);
    assert_eq!(waited.status, 429);
    assert!(waited.number("retry-after").is_some());
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn the_stop_abandons_requests_after_the_shutdown_timeout() {
    let (_go, going) = watch::channel(false);
    let upstream = Upstream::held(going, REPORT).await;
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &["--shutdown-timeout", "50ms"]);
    let process = Process::start(command.env("VT4AI_UPSTREAM_URL", &upstream.url));
    let request = client().get(format!("http://{}{}", process.address, file(EICAR)));
    let asking = TaskTracker::new().spawn(request.header("x-api-key", KEY).send());
    upstream.until_asked(1).await;
    process.signal("-TERM");
    process.wait_for("requests still running", 1);
    assert_eq!(process.end(), Some(0));
    assert!(asking.await.unwrap().is_err());
}
