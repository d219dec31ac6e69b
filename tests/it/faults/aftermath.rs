//! Tests of each fault for every kind of call: the call ends in time, is reported, and leaves no
//! trace.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::timeout;

use super::*;
use crate::{
    harness::{Reaction, Recorder, send},
    uploads::{Form, upload},
};

/// The time that an answer may take: a large upload waits four times the limit below.
const BOUND: Duration = Duration::from_secs(15);

/// A timeout that is long enough never to expire.
const AMPLE: &str = "10s";
/// A timeout that is short enough to wait for.
const SHORT: &str = "500ms";

fn flags(timeout: &str) -> [&str; 6] {
    [
        "--upstream-timeout",
        timeout,
        "--upstream-max-body",
        "100000",
        // A cached fault would show in the next answer.
        "--cache-max-bytes",
        "10000000",
    ]
}

/// A request that makes the gateway call VirusTotal.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    Report,
    List,
    /// A list that is gathered page by page.
    Pages,
    Scan,
    Upload,
    /// A large upload that has to ask for its URL.
    Place,
    /// A large upload whose URL is known.
    OneTime,
}

impl Ask {
    const ALL: [Self; 7] = [
        Self::Report,
        Self::List,
        Self::Pages,
        Self::Scan,
        Self::Upload,
        Self::Place,
        Self::OneTime,
    ];

    async fn of(self, gateway: &Gateway) -> Reply {
        let list = format!("{}/relationships/votes", file(EICAR));
        let asked = async {
            match self {
                Self::Report => gateway.get(&file(EICAR)).await,
                Self::List => gateway.get(&list).await,
                Self::Pages => gateway.get(&format!("{list}?limit=60")).await,
                Self::Scan => {
                    let form = [("content-type", "application/x-www-form-urlencoded")];
                    let request = gateway.post("/api/v1/urls").header(form[0].0, form[0].1);
                    send(request.body("url=http%3A%2F%2Fexample.com%2F")).await
                }
                Self::Upload => upload(gateway, Form::of(9).body(true)).await,
                Self::Place | Self::OneTime => upload(gateway, Form::of(200_000).body(false)).await,
            }
        };
        let in_time = timeout(BOUND, asked).await;
        in_time.unwrap_or_else(|_| panic!("{self:?} does not end"))
    }

    /// Returns whether this is the call in which the fault shows.
    fn meets(self, call: &Call) -> bool {
        self != Self::OneTime || call.method == "POST"
    }

    fn success(self) -> u16 {
        match self {
            Self::Report | Self::List | Self::Pages => 200,
            Self::Scan | Self::Upload | Self::Place | Self::OneTime => 202,
        }
    }
}

/// Returns the normal answer of VirusTotal.
fn sound(call: &Call) -> Answer {
    let place = format!("http://{}/one/time", call.header("host").unwrap());
    let data = match (call.method.as_str(), call.target.as_str()) {
        ("POST", _) => r#"{"data": {"type": "analysis", "id": "MTIzOjQ1Ng=="}}"#.to_owned(),
        (_, "/api/v3/files/upload_url") => format!(r#"{{"data": "{place}"}}"#),
        (_, target) if target.contains("votes") => r#"{"data": []}"#.to_owned(),
        _ => REPORT.to_owned(),
    };
    Answer::Bytes(ok(data))
}

/// Sends a request while the server has this fault, and again once the fault is gone.
async fn ask(what: Ask, fault: Answer, timeout: &str) -> Reply {
    let is_broken = Arc::new(AtomicBool::new(true));
    let broken = Arc::clone(&is_broken);
    let upstream = Recorder::start(move |call| {
        let fails = broken.load(Ordering::SeqCst) && what.meets(call);
        Reaction::Late(if fails { fault.clone() } else { sound(call) })
    });
    let upstream = upstream.await;
    let gateway = Gateway::at(&upstream.url, &flags(timeout)).await;
    let reply = what.of(&gateway).await;
    is_well_formed(&reply);
    assert!(reply.detail().starts_with("Error "), "{}", reply.text());
    assert!(!reply.text().contains(KEY), "{}", reply.text());
    is_broken.store(false, Ordering::SeqCst);
    let next = what.of(&gateway).await;
    assert_eq!(next.status, what.success(), "next: {}", next.text());
    reply
}

/// Returns a success with these header lines, valid or not.
fn headed(lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{lines}\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

fn chunked(body: &str) -> Vec<u8> {
    headed("Transfer-Encoding: chunked\r\n", body)
}

fn packed(gzip: impl AsRef<[u8]>) -> Answer {
    let lines = ["Content-Type: application/json", "Content-Encoding: gzip"];
    Answer::Bytes(http(200, &lines, gzip))
}

/// Returns a gzip body under these content codings, a header line each.
fn coded(names: &[&str]) -> Answer {
    let lines = names.iter().map(|name| format!("Content-Encoding: {name}"));
    let lines: Vec<_> = lines.collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    Answer::Bytes(http(200, &lines, gzip(REPORT.as_bytes())))
}

/// Returns a success with a gzip member for each of these texts.
fn in_members(parts: &[&str]) -> Vec<u8> {
    let members: Vec<_> = parts
        .iter()
        .flat_map(|part| gzip(part.as_bytes()))
        .collect();
    http(200, &["Content-Encoding: gzip"], members)
}

/// Returns a gzip file with one byte changed; a negative position counts from the end.
fn spoilt(at: isize) -> Vec<u8> {
    let mut bytes = gzip(REPORT.as_bytes());
    let length = bytes.len();
    let at = at.rem_euclid(isize::try_from(length).unwrap());
    bytes[usize::try_from(at).unwrap()] ^= 0x55;
    bytes
}

fn lines(count: usize) -> String {
    "X: y\r\n".repeat(count)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nConte";
const GOES_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const IS_LONG: &str = "Content-Length: 99999\r\n";
const DIFFERS: &str = "Content-Length: 9\r\nContent-Length: 10\r\n";
const CHUNK: &[u8] = b"8\r\n        \r\n";

#[rstest]
#[case::reset_at_once(Answer::Reset(Vec::new()))]
#[case::reset_in_the_head(Answer::Reset(HEAD.into()))]
#[case::reset_in_the_body(Answer::Reset(headed(IS_LONG, "{")))]
#[case::reset_in_a_chunk(Answer::Reset(chunked("9\r\n{")))]
#[case::end_at_once(Answer::Bytes(Vec::new()))]
#[case::end_in_the_head(Answer::Bytes([HEAD, b"Connection: close"].concat()))]
#[case::end_in_a_chunk(Answer::Bytes(chunked("9\r\n{")))]
#[case::end_before_the_last_chunk(Answer::Bytes(chunked("2\r\n{}\r\n")))]
#[case::length_too_long(Answer::Bytes(headed(IS_LONG, REPORT)))]
#[case::length_too_short(Answer::Bytes(headed("Content-Length: 20\r\n", REPORT)))]
#[case::length_of_nothing(Answer::Bytes(headed("Content-Length: 0\r\n", REPORT)))]
#[case::length_below_zero(Answer::Bytes(headed("Content-Length: -1\r\n", REPORT)))]
#[case::length_in_words(Answer::Bytes(headed("Content-Length: ten\r\n", REPORT)))]
#[case::length_of_64_bits(Answer::Bytes(headed(
    "Content-Length: 18446744073709551615\r\n",
    REPORT
)))]
#[case::length_of_more(Answer::Bytes(headed("Content-Length: 99999999999999999999\r\n", REPORT)))]
#[case::lengths_that_differ(Answer::Bytes(headed(DIFFERS, REPORT)))]
#[case::chunk_of_no_length(Answer::Bytes(chunked("zz\r\n{}\r\n0\r\n\r\n")))]
#[case::chunk_of_more_than_64_bits(Answer::Bytes(chunked("fffffffffffffffff\r\n{}\r\n")))]
#[case::chunks_without_end(Answer::Flood(chunked(""), CHUNK.repeat(999)))]
#[case::bytes_without_end(Answer::Flood(headed("", "{"), b" ".repeat(9999)))]
#[case::chunk_extension_without_end(Answer::Flood(chunked("1;"), b"x".repeat(9999)))]
#[case::trailers_without_end(Answer::Flood(chunked("0\r\n"), b"X: y\r\n".repeat(999)))]
#[case::head_without_end(Answer::Flood(HEAD.into(), b"x".repeat(9999)))]
#[case::lines_without_end(Answer::Flood(headed("", "")[..20].into(), b"\r\nX: y".repeat(999)))]
#[case::ten_thousand_lines(Answer::Bytes(headed(&lines(10_000), REPORT)))]
#[case::html(Answer::Bytes(ok(HTML)))]
#[case::half_a_json(Answer::Bytes(ok(&REPORT[..40])))]
#[case::list_of_no_objects(Answer::Bytes(ok(r#"{"data": [1]}"#)))]
#[case::not_utf8(Answer::Bytes(ok(b"{\"data\": {\"attributes\": {\"a\": \"\xff\"}}}")))]
#[case::utf_16(Answer::Bytes(ok(utf16(REPORT))))]
#[case::zero_bytes(Answer::Bytes(ok([0; 999])))]
#[case::gzip_that_is_none(packed(REPORT))]
#[case::gzip_of_another_method(packed(spoilt(2)))]
#[case::gzip_that_breaks(packed(spoilt(20)))]
#[case::gzip_of_another_sum(packed(spoilt(-8)))]
#[case::gzip_of_another_length(packed(spoilt(-4)))]
#[case::gzip_cut_short(packed(&gzip(REPORT.as_bytes())[..30]))]
#[case::gzip_of_nothing(packed(""))]
#[case::gzip_twice(packed(gzip(&gzip(REPORT.as_bytes()))))]
#[case::gzip_bomb(packed(gzip(&b" ".repeat(5_000_000))))]
#[case::gzip_with_more_behind_it(packed([gzip(REPORT.as_bytes()), b"x".to_vec()].concat()))]
#[case::gzip_with_half_a_member_behind_it(packed([gzip(REPORT.as_bytes()), gzip(b"")[..12].to_vec()].concat()))]
#[case::gzip_of_members_and_a_bomb(packed([gzip(REPORT.as_bytes()), gzip(&b" ".repeat(5_000_000))].concat()))]
#[case::gzip_named_twice(coded(&["gzip, gzip"]))]
#[case::gzip_named_in_two_lines(coded(&["gzip", "gzip"]))]
#[case::gzip_within_another(coded(&["br, gzip"]))]
#[case::gzip_around_another(coded(&["gzip, br"]))]
#[case::deflate(coded(&["deflate"]))]
#[case::a_coding_there_is_not(coded(&["gzipped"]))]
#[case::packing_nobody_asked_for(Answer::Bytes(http(200, &["Content-Encoding: br"], [7; 99])))]
#[case::switching_protocols(Answer::Bytes(http(101, &["Upgrade: x"], REPORT)))]
#[case::no_content(Answer::Bytes(http(204, &[], "")))]
#[case::reset_content(Answer::Bytes(http(205, &[], "")))]
#[case::half_of_the_content(Answer::Bytes(http(206, &[], &REPORT[..40])))]
#[case::not_modified(Answer::Bytes(http(304, &[], "")))]
#[case::no_status_there_is(Answer::Bytes(http(999, &[], REPORT)))]
#[case::no_status_at_all(Answer::Bytes(b"HTTP/1.1 OK\r\n\r\n".to_vec()))]
#[case::end_after_going_on(Answer::Bytes([GOES_ON, b"Connection: close"].concat()))]
#[case::http_2(Answer::Bytes(b"\0\0\0\x04\0\0\0\0\0Connection: close".to_vec()))]
#[case::tls(Answer::Bytes(b"\x15\x03\x03\0\x02\x02\x28Connection: close".to_vec()))]
#[tokio::test]
async fn a_malformed_answer_to_any_call_is_a_502(#[case] fault: Answer) {
    let ask = |what| ask(what, fault.clone(), AMPLE);
    for reply in in_parallel(Ask::ALL.into_iter().map(ask)).await {
        let told = (reply.status, reply.code());
        assert_eq!(
            told,
            (502, "BadGatewayError".to_owned()),
            "{}",
            reply.text()
        );
    }
}

#[rstest]
#[case::silence(Answer::Silence(Vec::new()))]
#[case::silence_in_the_head(Answer::Silence(HEAD.into()))]
#[case::silence_in_the_body(Answer::Silence(headed(IS_LONG, REPORT)))]
#[case::silence_in_a_chunk(Answer::Silence(chunked("9\r\n{")))]
#[case::silence_in_gzip(Answer::Silence(headed("Content-Encoding: gzip\r\n", b"\x1f\x8b")))]
#[case::silence_after_going_on(Answer::Silence(GOES_ON.into()))]
#[case::status_line_byte_by_byte(Answer::Drip(HEAD[..9].into(), b"0".into()))]
#[case::head_byte_by_byte(Answer::Drip(HEAD.into(), b"x".into()))]
#[case::head_line_by_line(Answer::Drip(HEAD[..17].into(), b"X: y\r\n".into()))]
#[case::body_byte_by_byte(Answer::Drip(headed(IS_LONG, "{"), b" ".into()))]
#[case::body_chunk_by_chunk(Answer::Drip(chunked(""), CHUNK.into()))]
#[case::going_on_and_on(Answer::Drip(Vec::new(), GOES_ON.into()))]
#[case::going_on_without_end(Answer::Flood(Vec::new(), GOES_ON.repeat(9)))]
#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_504(#[case] fault: Answer) {
    let ask = |what| ask(what, fault.clone(), SHORT);
    for reply in in_parallel(Ask::ALL.into_iter().map(ask)).await {
        let told = (reply.status, reply.code());
        assert_eq!(
            told,
            (504, "DeadlineExceededError".to_owned()),
            "{}",
            reply.text()
        );
    }
}

/// No byte goes to another host, so no key does either, whatever the answer names.
#[rstest]
#[tokio::test]
async fn no_call_follows_an_answer_to_another_host(
    #[values(200, 201, 300, 301, 302, 303, 305, 307, 308)] status: u16,
) {
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let place = format!("http://{}/", elsewhere.local_addr().unwrap());
    let refresh = format!("Refresh: 0; url={place}");
    let location = format!("Location: {place}");
    let linked = format!("Link: <{place}>; rel=\"next preload\"");
    let served = format!("Alt-Svc: h2=\"{}\"", elsewhere.local_addr().unwrap());
    let body = format!("<meta http-equiv=refresh content='0; url={place}'>");
    let answer = http(status, &[&refresh, &location, &linked, &served], body);
    let ask = |what| ask(what, Answer::Bytes(answer.clone()), AMPLE);
    for reply in in_parallel(Ask::ALL.into_iter().map(ask)).await {
        assert_eq!(reply.status, 502, "{}", reply.text());
        assert!(!reply.text().contains(&place), "{}", reply.text());
    }
    assert!(elsewhere.accept().is_err(), "there was a connection");
}

#[tokio::test]
async fn a_large_file_is_sent_to_no_other_host() {
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let place = format!("http://{}/one/time", elsewhere.local_addr().unwrap());
    let answer = ok(format!(r#"{{"data": "{place}"}}"#));
    let reply = ask(Ask::Place, Answer::Bytes(answer), AMPLE).await;
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert!(elsewhere.accept().is_err(), "there was a connection");
}

/// Bytes behind an answer on an open connection are not used as the answer to the next request.
#[tokio::test]
async fn bytes_behind_an_answer_are_never_the_next_answer() {
    let poison = ok(REPORT.replace("68", "666"));
    for first in [ok("{}"), ok(REPORT), chunked("2\r\n{}\r\n0\r\n\r\n")] {
        let first = String::from_utf8(first).unwrap();
        let first = first.replace("Connection: close\r\n", "").into_bytes();
        let left_over = [first, poison.clone()].concat();
        let fault = move |call: &Call| {
            if call.target.contains(UNKNOWN) {
                Answer::Silence(left_over.clone())
            } else {
                Answer::Bytes(ok(REPORT))
            }
        };
        let upstream = Upstream::faulty(fault).await;
        let gateway = Gateway::before(&upstream, &flags(AMPLE)).await;
        assert!(matches!(
            gateway.get(&file(UNKNOWN)).await.status,
            200 | 502
        ));
        assert_eq!(gateway.get(&file(EICAR)).await.data()["size"], 68);
    }
}

#[rstest]
#[case::going_on_first([GOES_ON, &ok(REPORT)].concat())]
#[case::hints_first([b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", &*ok(REPORT)].concat())]
#[case::no_length(headed("", REPORT))]
#[case::old_http(format!("HTTP/1.0 200 OK\r\n\r\n{REPORT}").into_bytes())]
#[case::chunks(chunked(&format!("{:x};a=b\r\n{REPORT}\r\n0\r\nX-Sum: y\r\n\r\n", REPORT.len())))]
#[case::ninety_lines(headed(&lines(90), REPORT))]
#[case::other_type(http(200, &["Content-Type: text/html"], REPORT))]
#[case::gzip_in_capitals(http(200, &["Content-Encoding: GZIP"], gzip(REPORT.as_bytes())))]
#[case::gzip_of_old(http(200, &["Content-Encoding: x-gzip"], gzip(REPORT.as_bytes())))]
#[case::not_packed(http(200, &["Content-Encoding: identity"], REPORT))]
#[case::not_packed_in_so_many_words(http(200, &["Content-Encoding: , Identity ,"], REPORT))]
#[case::gzip_and_no_more(http(200, &["Content-Encoding: identity", "Content-Encoding: gzip"], gzip(REPORT.as_bytes())))]
#[case::gzip_in_two_members(in_members(&[&REPORT[..20], &REPORT[20..]]))]
#[case::gzip_in_many_members(in_members(&["", &REPORT[..1], "", "", &REPORT[1..], " ", " ", ""]))]
#[case::gzip_with_padding(http(200, &["Content-Encoding: gzip"], [gzip(REPORT.as_bytes()), vec![0; 512]].concat()))]
#[tokio::test]
async fn an_unusual_but_valid_answer_is_read(#[case] answer: Vec<u8>) {
    let upstream = Upstream::always(answer).await;
    let gateway = Gateway::before(&upstream, &flags(AMPLE)).await;
    assert_eq!(gateway.get(&file(EICAR)).await.data()["size"], 68);
}

#[tokio::test]
async fn an_answer_of_several_gzip_members_is_served_from_the_cache() {
    let answer = in_members(&[&REPORT[..20], &REPORT[20..], ""]);
    let upstream = Upstream::always(answer).await;
    let flags = ["--cache-max-bytes", "1000000"];
    let gateway = Gateway::before(&upstream, &flags).await;
    for (origin, format) in [
        ("MISS", "json"),
        ("HIT", "json"),
        ("HIT", "raw"),
        ("HIT", "xml"),
    ] {
        let reply = gateway
            .get(&format!("{}?format={format}", file(EICAR)))
            .await;
        assert_eq!((reply.status, reply.header("x-cache")), (200, Some(origin)));
        assert!(reply.text().contains("68"), "{}", reply.text());
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn an_upstream_that_refused_connections_is_tried_again() {
    for what in Ask::ALL {
        let (socket, url) = refusing();
        let gateway = Gateway::at(&url, &flags(SHORT)).await;
        let reply = what.of(&gateway).await;
        is_well_formed(&reply);
        assert_eq!(reply.status, 502, "{}", reply.text());
        let listener = socket.listen(16).unwrap();
        let _upstream = Recorder::on(listener, |call| Reaction::Late(sound(call)));
        assert_eq!(what.of(&gateway).await.status, what.success());
    }
}

/// The head of an error holds what the caller needs, whatever becomes of its body.
#[tokio::test]
async fn an_error_with_an_endless_body_is_a_502() {
    let fault = http(500, &[], "x".repeat(999));
    let fault = Answer::Drip(fault[..90].into(), b"x".into());
    let ask = |what| ask(what, fault.clone(), SHORT);
    for reply in in_parallel(Ask::ALL.into_iter().map(ask)).await {
        assert_eq!(reply.status, 502, "{}", reply.text());
    }
}

/// The back-off of a 429 starts whatever becomes of its body.
#[rstest]
#[case::silence(Answer::Silence(http(429, &["Retry-After: 33"], HTML)[..90].into()))]
#[case::drip(Answer::Drip(http(429, &["Retry-After: 33"], "x".repeat(999))[..90].into(), b"x".into()))]
#[case::flood(Answer::Flood(b"HTTP/1.1 429 X\r\nRetry-After: 33\r\n\r\n".into(), b"x".into()))]
#[case::reset(Answer::Reset(http(429, &["Retry-After: 33"], HTML)[..90].into()))]
#[tokio::test]
async fn a_429_with_an_incomplete_body_is_a_429(#[case] fault: Answer) {
    let upstream = Upstream::faulty(move |_| fault.clone()).await;
    let gateway = Gateway::before(&upstream, &flags(SHORT)).await;
    for _ in 0..2 {
        let reply = gateway.get(&file(EICAR)).await;
        is_well_formed(&reply);
        assert_eq!(reply.status, 429, "{}", reply.text());
        assert!(
            reply
                .number("retry-after")
                .is_some_and(|wait| (30..=33).contains(&wait))
        );
    }
    assert_eq!(upstream.count(), 1);
}
