//! Large and binary bodies, streamed both ways.

use std::{fs, time::Duration};

use crate::harness::{Answer, End, Gateway, Reaction, Recorder, Upstream, client, http, ok, send};

/// Returns the memory of this process in bytes.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn a_binary_answer_comes_as_it_is_with_its_headers() {
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let lines = [
        "Content-Type: application/octet-stream",
        "Content-Disposition: attachment; filename=\"a\"",
        "Set-Cookie: a=b",
        "X-Cloud-Trace-Context: 1",
    ];
    let upstream = Upstream::always(http(200, &lines, &bytes)).await;
    let gateway = Gateway::before(&upstream, &["--cache-max-bytes", "100000000"]).await;
    for _ in 0..2 {
        let headers = [("x-apikey", "a-key"), ("accept-encoding", "gzip")];
        let reply = gateway
            .get_with("/api/v3/feeds/files/202611280200", &headers)
            .await;
        assert_eq!(reply.body, bytes);
        assert_eq!(
            reply.header("content-type"),
            Some("application/octet-stream")
        );
        assert_eq!(reply.number("content-length"), Some(300_000));
        assert!(reply.header("content-disposition").is_some());
        assert_eq!(reply.header("content-security-policy"), Some("sandbox"));
        assert_eq!(
            (reply.header("set-cookie"), reply.header("content-encoding")),
            (None, None)
        );
    }
    assert_eq!(upstream.count(), 2, "nothing of it is kept");
}

#[tokio::test]
async fn a_download_larger_than_the_bound_of_answers_streams() {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 1600;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        PIECE * PIECES
    );
    let upstream =
        Upstream::faulty(move |_| Answer::Flood(head.clone().into_bytes(), vec![7; PIECE])).await;
    let gateway = Gateway::before(&upstream, &["--upstream-max-body", "1000"]).await;
    let url = format!("http://{}/api/v3/files/a/download", gateway.address);
    let mut response = client()
        .get(url)
        .header("x-apikey", "k")
        .send()
        .await
        .unwrap();
    let (mut length, mut most, before) = (0, 0, resident());
    while let Some(piece) = response.chunk().await.unwrap() {
        length += piece.len();
        most = most.max(resident().saturating_sub(before));
    }
    assert_eq!(length, PIECE * PIECES);
    // Client, gateway and server are one process here.
    assert!(most < 20_000_000, "{most}");
}

#[tokio::test]
async fn a_body_without_a_bound_goes_upstream_piece_by_piece() {
    const LENGTH: usize = 5_000_000;
    let upstream = Recorder::start(|_| Reaction::Late(Answer::Bytes(ok("{\"data\": 1}")))).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let body = vec![b'x'; LENGTH];
    let reply = send(
        gateway
            .post("/api/v3/intelligence/hunting_rulesets")
            .body(body),
    )
    .await;
    assert_eq!(reply.status, 200);
    let posts = upstream.posts(1).await;
    assert_eq!(
        (posts[0].call.body.len(), posts[0].end),
        (LENGTH, Some(End::Whole))
    );
    assert_eq!(posts[0].call.header("content-length"), Some("5000000"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    let upstream = Recorder::start(|_| Reaction::Late(Answer::Bytes(ok("{}")))).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let head = "POST /api/v3/graphs HTTP/1.1\r\nHost: a\r\nx-apikey: k\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let hangs_up = async {
        use tokio::io::AsyncWriteExt as _;
        let mut stream = tokio::net::TcpStream::connect(gateway.address)
            .await
            .unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        upstream.has_heard(5).await;
    };
    hangs_up.await;
    let posts = upstream.posts(1).await;
    assert_eq!(posts[0].end, Some(End::BrokenOff));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_taken_for_a_whole_one() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"data\"".to_vec();
    for end in [Answer::Reset(head.clone()), Answer::Silence(head)] {
        let upstream = Upstream::faulty(move |_| end.clone()).await;
        let gateway = Gateway::before(&upstream, &["--upstream-timeout", "200ms"]).await;
        let url = format!("http://{}/api/v3/graphs/1", gateway.address);
        let response = client()
            .get(url)
            .header("x-apikey", "k")
            .send()
            .await
            .unwrap();
        let read = tokio::time::timeout(Duration::from_secs(10), response.bytes()).await;
        assert!(read.unwrap().is_err());
    }
}

#[tokio::test]
async fn the_first_piece_of_json_does_not_wait_for_the_last() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"data\": [1, 2, 3";
    let upstream = Upstream::faulty(move |_| Answer::Silence(head.into())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let url = format!("http://{}/api/v3/graphs/1", gateway.address);
    let request = client().get(url).header("x-apikey", "k");
    let mut response = request.send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"{\"data\": [1"), "{first:?}");
}
