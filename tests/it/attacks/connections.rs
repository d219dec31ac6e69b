//! Tests of addresses that try to take all connections.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rstest::rstest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

use crate::harness::{
    EICAR, Event, Folder, Gateway, Http2, KEY, Process, Upstream, connect_from, file, vt4ai,
};

const ASK: &[u8] = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const HALF: &[u8] = b"GET /livez HTTP/1.1\r\nHost: loc";
const REPORT: &str = r#"{"data": {"attributes": {"size": 68}}}"#;
const PATIENCE: Duration = Duration::from_secs(20);
const ONE: [u8; 4] = [127, 0, 0, 1];
const OTHER: [u8; 4] = [127, 0, 0, 2];

/// Sends a request over a new connection and returns all that comes until it ends.
async fn ask(from: [u8; 4], to: std::net::SocketAddr, request: &[u8]) -> String {
    let mut stream = connect_from(from, to).await;
    stream.write_all(request).await.unwrap();
    rest(stream).await
}

/// Reads until the connection ends, by a close or by a reset.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("nothing comes, and no end").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn is_served(from: [u8; 4], to: std::net::SocketAddr) -> bool {
    ask(from, to, ASK).await.starts_with("HTTP/1.1 200")
}

/// Returns the number of open connections, without the one that asks.
async fn open(gateway: &Gateway) -> usize {
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let metrics = ask([127, 0, 0, 9], gateway.address, request).await;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("vt4ai_http_connections "));
    line.unwrap().parse::<usize>().unwrap() - 1
}

async fn until_open(gateway: &Gateway, count: usize) {
    let started = Instant::now();
    while open(gateway).await != count {
        assert!(started.elapsed() < PATIENCE);
    }
}

async fn gateway(flags: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, flags).await;
    (upstream, gateway)
}

#[tokio::test]
async fn half_heads_of_one_address_take_at_most_a_quarter() {
    let (_upstream, gateway) = gateway(&["--max-connections", "16"]).await;
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut stream = connect_from(ONE, gateway.address).await;
        let _ = stream.write_all(HALF).await;
        held.push(stream);
        assert!(is_served(OTHER, gateway.address).await);
    }
    until_open(&gateway, 4).await;
}

/// The streams are HTTP/2, with an empty window and an answer that is never read.
#[tokio::test]
async fn stalled_streams_of_one_address_take_at_most_a_quarter() {
    let (_upstream, gateway) = gateway(&["--max-connections", "32"]).await;
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut client = Http2::connect(ONE, gateway.address, 0).await;
        client.ask("/livez", &[]).await;
        held.push(client);
        assert!(is_served(OTHER, gateway.address).await);
    }
    assert!(open(&gateway).await <= 8);
}

#[tokio::test]
async fn one_address_with_all_its_requests_in_flight_does_not_delay_others() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::held(going, REPORT).await;
    let flags = ["--max-connections", "16", "--client-rate-per-minute", "0"];
    let gateway = Gateway::before(&upstream, &flags).await;
    let path = file(EICAR);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nConnection: close\r\n\r\n"
    );
    let mut busy = Vec::new();
    for _ in 0..4 {
        let mut stream = connect_from(ONE, gateway.address).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        busy.push(stream);
    }
    upstream.until_asked(1).await;
    until_open(&gateway, 4).await;
    // More connections from this address wait or are closed; another address is not affected.
    let mut more = Vec::new();
    for _ in 0..20 {
        let mut stream = connect_from(ONE, gateway.address).await;
        let _ = stream.write_all(ASK).await;
        more.push(stream);
        let started = Instant::now();
        assert!(is_served(OTHER, gateway.address).await);
        assert!(started.elapsed() < Duration::from_secs(1));
    }
    assert_eq!(open(&gateway).await, 4);
    go.send_replace(true);
    for stream in busy {
        assert!(rest(stream).await.starts_with("HTTP/1.1 200"));
    }
    // One connection waited for a place and has it now.
    let first = more.swap_remove(0);
    assert!(rest(first).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_trusted_proxy_may_have_all_connections() {
    let flags = ["--max-connections", "8", "--trusted-proxies", "127.0.0.1"];
    let (_upstream, gateway) = gateway(&flags).await;
    let mut held = Vec::new();
    for _ in 0..7 {
        held.push(connect_from(ONE, gateway.address).await);
    }
    until_open(&gateway, 7).await;
}

/// Four addresses fill all places with answers that they do not read.
#[tokio::test]
async fn at_the_cap_connections_without_progress_are_closed_first() {
    let (_upstream, gateway) = gateway(&["--max-connections", "8"]).await;
    let mut held = Vec::new();
    for address in 1..=4 {
        for _ in 0..2 {
            let mut client = Http2::connect([127, 0, 0, address], gateway.address, 0).await;
            client.ask("/livez", &[]).await;
            let first = timeout(PATIENCE, client.event()).await.unwrap();
            assert!(matches!(first, Event::Head { .. }), "{first:?}");
            held.push(client);
        }
    }
    // Each has been idle for the second that shows no progress, so they are closed one after
    // another.
    for _ in 0..4 {
        let started = Instant::now();
        assert!(is_served([127, 0, 0, 5], gateway.address).await);
        assert!(started.elapsed() < Duration::from_secs(3));
    }
    let (oldest, _) = held.split_first_mut().unwrap();
    assert_eq!(
        timeout(PATIENCE, oldest.event()).await.unwrap(),
        Event::Closed
    );
}

/// Returns a command that runs the binary with this limit of descriptors.
fn limited(folder: &Folder, limit: &str, arguments: &[&str]) -> Command {
    let plain = vt4ai(folder, arguments);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit {limit}; exec \"$0\" \"$@\"")])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null());
    command
}

#[test]
fn the_descriptor_limit_is_raised_to_its_maximum() {
    let folder = Folder::new();
    let process = Process::start(&mut limited(&folder, "-Sn 64", &["--demo"]));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.id()));
    let limits = limits.unwrap();
    let line = limits.lines().find(|it| it.starts_with("Max open files"));
    let numbers: Vec<_> = line.unwrap().split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "{limits}");
}

#[tokio::test]
async fn a_low_descriptor_limit_lowers_the_connection_cap_with_a_warning() {
    let folder = Folder::new();
    let process = Process::start(&mut limited(&folder, "-n 256", &["--demo"]));
    process.wait_for("VT4AI_MAX_CONNECTIONS lowered", 1);
    let address = process.address.parse().unwrap();
    let mut held = Vec::new();
    for _ in 0..400 {
        let mut stream = connect_from(ONE, address).await;
        let _ = stream.write_all(HALF).await;
        held.push(stream);
    }
    for _ in 0..20 {
        assert!(is_served(OTHER, address).await);
    }
    let log = process.stop();
    assert!(!log.contains("could not be accepted"), "{log}");
}

/// The HTTP/2 client answers nothing, pings included, after it has an answer or before it has
/// asked.
#[rstest]
#[case::after_an_answer(true)]
#[case::before_a_request(false)]
#[tokio::test]
async fn an_idle_http2_connection_does_not_delay_the_stop(#[case] asks: bool) {
    let folder = Folder::new();
    let process = Process::start(&mut vt4ai(&folder, &["--demo"]));
    let address = process.address.parse().unwrap();
    let mut client = Http2::connect(ONE, address, 1 << 16).await;
    if asks {
        client.ask("/livez", &[]).await;
        while !matches!(client.event().await, Event::Data { is_last: true, .. }) {}
    } else {
        assert!(is_served(OTHER, address).await);
    }
    let started = Instant::now();
    process.signal("-TERM");
    assert_eq!(process.end(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(10));
}
