//! Tests of clients that do not read their answers.

use std::time::Duration;

use rstest::rstest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{interval, sleep, timeout},
};
use vt4ai::server::ClientPace;

use crate::harness::{EICAR, Event, Gateway, Http2, Upstream, config, file};

const BUNDLE: &str = "/docs/swagger-ui-bundle.js";
const HERE: [u8; 4] = [127, 0, 0, 1];
const GZIP: (&str, &str) = ("accept-encoding", "gzip");

/// A time long enough for every expected event.
const PATIENCE: Duration = Duration::from_secs(20);

/// A pace with a tenth of a second in place of 30, and the rate to match.
const PACE: ClientPace = ClientPace {
    stall: Duration::from_millis(300),
    rate: 100 * 1024,
};

async fn gateway(flags: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let flags = [&["--upstream-url", &upstream.url], flags].concat();
    let gateway = Gateway::at_pace(config(&flags), PACE).await;
    (upstream, gateway)
}

/// Collects events up to the wanted one.
async fn until(client: &mut Http2, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    let read = async {
        loop {
            let event = client.event().await;
            let is_end = wanted(&event) || event == Event::Closed;
            events.push(event);
            if is_end {
                return;
            }
        }
    };
    let in_time = timeout(PATIENCE, read).await.is_ok();
    assert!(in_time, "{events:?}");
    assert!(events.last().is_some_and(wanted), "{events:?}");
    events
}

fn bytes(events: &[Event]) -> usize {
    let bytes = events.iter().map(|event| match event {
        Event::Data { bytes, .. } => *bytes,
        _ => 0,
    });
    bytes.sum()
}

/// The cases are small and large answers, compressed or not, errors and files.
#[rstest]
#[case("/livez", &[])]
#[case("/", &[GZIP])]
#[case("/nowhere", &[])]
#[case("/api/v1/files/nonsense", &[])]
#[case("/openapi.json", &[])]
#[case("/openapi.json", &[GZIP])]
#[case("/metrics", &[GZIP])]
#[case(BUNDLE, &[])]
#[case(BUNDLE, &[GZIP])]
#[case(&file(EICAR), &[GZIP, ("x-api-key", "k")])]
#[tokio::test]
async fn a_connection_whose_windows_stay_closed_is_ended(
    #[case] path: &str,
    #[case] headers: &[(&str, &str)],
    #[values(0, 1)] window: u32,
) {
    let (_upstream, gateway) = gateway(&[]).await;
    let mut client = Http2::connect(HERE, gateway.address, window).await;
    client.ask(path, headers).await;
    let events = until(&mut client, |it| *it == Event::Closed).await;
    assert_eq!(bytes(&events), window as usize, "{events:?}");
    assert!(
        !events
            .iter()
            .any(|it| matches!(it, Event::Data { is_last: true, .. })),
        "{events:?}"
    );
}

#[tokio::test]
async fn many_stalled_streams_end_with_their_connection() {
    let (_upstream, gateway) = gateway(&[]).await;
    let mut client = Http2::connect(HERE, gateway.address, 0).await;
    for _ in 0..100 {
        client.ask("/livez", &[]).await;
    }
    until(&mut client, |it| *it == Event::Closed).await;
}

#[tokio::test]
async fn only_the_unread_stream_is_reset() {
    let (_upstream, gateway) = gateway(&[]).await;
    let mut client = Http2::connect(HERE, gateway.address, 0).await;
    let stalled = client.ask(BUNDLE, &[]).await;
    let taken = client.ask(BUNDLE, &[]).await;
    let mut pace = interval(Duration::from_millis(20));
    let mut got = Vec::new();
    let reset = Event::Reset {
        stream: stalled,
        code: 8,
    };
    timeout(PATIENCE, async {
        while got.last() != Some(&reset) {
            tokio::select! {
                event = client.event() => got.push(event),
                _ = pace.tick() => client.open(taken, 8 * 1024).await,
            }
            assert_ne!(got.last(), Some(&Event::Closed), "{got:?}");
        }
    })
    .await
    .unwrap();
    // The other stream and later ones still work.
    client.open(taken, 1 << 24).await;
    until(
        &mut client,
        |it| matches!(it, Event::Data { stream, is_last: true, .. } if *stream == taken),
    )
    .await;
    let next = client.ask("/livez", &[]).await;
    client.open(next, 1 << 10).await;
    until(
        &mut client,
        |it| matches!(it, Event::Data { stream, is_last: true, .. } if *stream == next),
    )
    .await;
}

#[rstest]
#[case("/livez")]
#[case("/openapi.json")]
#[tokio::test]
async fn a_stream_that_is_read_byte_by_byte_is_ended(#[case] path: &str) {
    let (_upstream, gateway) = gateway(&[]).await;
    let mut client = Http2::connect(HERE, gateway.address, 0).await;
    let stream = client.ask(path, &[]).await;
    let mut pace = interval(Duration::from_millis(100));
    let mut got = 0;
    timeout(PATIENCE, async {
        loop {
            tokio::select! {
                event = client.event() => match event {
                    Event::Data { bytes, is_last, .. } => {
                        assert!(!is_last);
                        got += bytes;
                    }
                    Event::Reset { .. } | Event::Closed => return,
                    Event::Head { .. } => {}
                },
                _ = pace.tick() => client.open(stream, 1).await,
            }
        }
    })
    .await
    .unwrap();
    assert!(got <= 15, "{got} bytes");
}

#[rstest]
#[case("/livez", 1)]
#[case("/openapi.json", 8 * 1024)]
#[case(BUNDLE, 64 * 1024)]
#[tokio::test]
async fn a_stream_that_is_read_slowly_but_steadily_completes(
    #[case] path: &str,
    #[case] at_once: u32,
) {
    let (_upstream, gateway) = gateway(&[]).await;
    let whole = gateway.get(path).await.body.len();
    let mut client = Http2::connect(HERE, gateway.address, 0).await;
    let stream = client.ask(path, &[]).await;
    let mut pace = interval(Duration::from_millis(10));
    let mut got = 0;
    timeout(PATIENCE, async {
        loop {
            tokio::select! {
                event = client.event() => match event {
                    Event::Head { status, .. } => assert_eq!(status, Some(200)),
                    Event::Data { bytes, is_last, .. } => {
                        got += bytes;
                        if is_last {
                            return;
                        }
                    }
                    other => panic!("{other:?} after {got} bytes"),
                },
                _ = pace.tick() => client.open(stream, at_once).await,
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(got, whole);
}

/// Connects with a minimal receive buffer.
async fn narrow(gateway: &Gateway) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(gateway.address).await.unwrap()
}

fn request(path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n").into_bytes()
}

/// Reads `at_once` bytes at a time with a pause before each read, and returns the total.
async fn read_slowly(stream: &mut TcpStream, at_once: usize, pause: Duration) -> usize {
    let (mut all, mut buffer) = (0, vec![0; at_once]);
    timeout(PATIENCE, async {
        loop {
            sleep(pause).await;
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return all,
                Ok(bytes) => all += bytes,
            }
        }
    })
    .await
    .expect("the connection is not ended")
}

#[tokio::test]
async fn a_connection_that_reads_nothing_is_ended() {
    let (_upstream, gateway) = gateway(&[]).await;
    let whole = gateway.get(BUNDLE).await.body.len();
    let mut stream = narrow(&gateway).await;
    stream.write_all(&request(BUNDLE, "")).await.unwrap();
    sleep(PACE.stall * 3).await;
    let got = read_slowly(&mut stream, 1 << 20, Duration::ZERO).await;
    assert!(got < whole / 2, "{got} of {whole} bytes");
}

#[tokio::test]
async fn a_connection_that_pipelines_and_reads_too_slowly_is_ended() {
    let (_upstream, gateway) = gateway(&[]).await;
    let mut stream = narrow(&gateway).await;
    let more = "Accept-Encoding: gzip\r\n";
    let all = request(BUNDLE, more).repeat(30);
    stream.write_all(&all).await.unwrap();
    let got = read_slowly(&mut stream, 200, Duration::from_millis(20)).await;
    assert!(got < 200 * 1024, "{got} bytes");
}

#[tokio::test]
async fn a_connection_that_reads_slowly_but_steadily_completes() {
    let (_upstream, gateway) = gateway(&[]).await;
    let whole = gateway.get("/openapi.json").await.body.len();
    let mut stream = narrow(&gateway).await;
    let close = "Connection: close\r\n";
    stream
        .write_all(&request("/openapi.json", close))
        .await
        .unwrap();
    let got = read_slowly(&mut stream, 4096, Duration::from_millis(5)).await;
    assert!(got > whole, "{got} of {whole} bytes and a head");
}

#[tokio::test]
async fn the_admin_port_has_the_same_bounds() {
    let (_upstream, gateway) = gateway(&["--admin-port", "0"]).await;
    let mut client = Http2::connect(HERE, gateway.admin.unwrap(), 0).await;
    client.ask("/metrics", &[]).await;
    until(&mut client, |it| *it == Event::Closed).await;
}
