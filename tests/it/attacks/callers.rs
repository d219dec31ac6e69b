//! Tests of callers that exhaust what they can: places, waits, made-up keys (`docs/quota-and-caching.md`).

use std::{
    collections::BTreeMap,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::IntoResponse as _,
};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use reqwest::{Client, RequestBuilder};
use rstest::rstest;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Interval, interval, timeout},
};
use tokio_util::task::TaskTracker;
use vt4ai::access::TokenDigest;

use crate::{
    errors::is_well_formed,
    harness::{
        Answer, EICAR, Folder, Gateway, KEY, Redis, Reply, TROJAN, UNKNOWN, Upstream,
        client_builder, failure, file, in_parallel, ok, send, until,
    },
};

const REPORT: &str = r#"{"data": {"attributes": {"size": 68}}}"#;
const QUEUED: &str =
    r#"{"data": {"type": "analysis", "id": "x", "attributes": {"status": "queued"}}}"#;
const SERVERS: &str = "the-key-of-the-server";

/// The time within which an undisturbed caller is served; long enough for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

/// An address that counts as a caller other than the usual one.
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];

/// The protocol that a client talks.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    Http1,
    Http2,
}

/// Returns a client at an address.
fn client(protocol: Protocol, address: [u8; 4]) -> Client {
    builder(protocol, address).build().unwrap()
}

fn builder(protocol: Protocol, address: [u8; 4]) -> reqwest::ClientBuilder {
    let builder = client_builder().local_address(std::net::IpAddr::from(address));
    match protocol {
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_prior_knowledge(),
    }
}

fn get(client: &Client, gateway: &Gateway, path: &str, key: &str) -> RequestBuilder {
    let url = format!("http://{}{path}", gateway.address);
    client.get(url).header("x-api-key", key)
}

/// Sends a request from another address and asserts that it is answered promptly.
async fn get_elsewhere(gateway: &Gateway, path: &str) -> Reply {
    let client = client(Protocol::Http1, ELSEWHERE);
    let asked = send(get(&client, gateway, path, "key-elsewhere"));
    timeout(AT_ONCE, asked)
        .await
        .expect("it had to be answered at once")
}

/// Counts the answers of each status.
fn tally(statuses: impl IntoIterator<Item = u16>) -> BTreeMap<u16, usize> {
    let mut tally = BTreeMap::new();
    for status in statuses {
        *tally.entry(status).or_default() += 1;
    }
    tally
}

/// Writes a clients file with these names; the token of `alice` is `vt4ai_token-of-alice`.
fn clients(names: &[(&str, &str)]) -> Folder {
    let table = |(name, more): &(&str, &str)| {
        let digest = TokenDigest::of(format!("vt4ai_token-of-{name}").as_bytes()).hex();
        format!(
            "[[client]]\nname = \"{name}\"\ntoken_sha256 = \"{digest}\"\n\
             scopes = [\"read\", \"submit\"]\n{more}\n"
        )
    };
    let text: String = names.iter().map(table).collect();
    Folder::new().with("clients.toml", &text)
}

/// Starts a server that holds every answer back until told to proceed.
async fn held() -> (watch::Sender<bool>, Upstream) {
    let (go, going) = watch::channel(false);
    (go, Upstream::held(going, REPORT).await)
}

#[rstest]
#[case::with_made_up_keys(false)]
#[case::with_an_accepted_key(true)]
#[tokio::test]
async fn analysis_waits_do_not_starve_other_callers(#[case] is_accepted: bool) {
    let upstream = Upstream::always(ok(QUEUED)).await;
    let gateway = Gateway::before(&upstream, &["--client-rate-per-minute", "0"]).await;
    if is_accepted {
        assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    }
    let tasks = TaskTracker::new();
    let mut waits = Vec::new();
    for connection in 0..6 {
        let client = client(Protocol::Http2, [127, 0, 0, 1]);
        for stream in 0..90 {
            let made_up = format!("made-up-{connection}-{stream}");
            let key = if is_accepted { KEY } else { &made_up };
            let path = "/api/v1/analyses/eDox?wait=5m";
            waits.push(tasks.spawn(get(&client, &gateway, path, key).send()));
        }
    }
    // Requests beyond the caller's places do not wait.
    until(async || waits.iter().filter(|wait| wait.is_finished()).count() >= 200).await;
    for path in [file(TROJAN), "/api/v1/quota".to_owned()] {
        assert_eq!(get_elsewhere(&gateway, &path).await.status, 200, "{path}");
    }
    for wait in waits {
        if wait.is_finished() {
            // Without a place to wait in, the answer is the one of a request without a wait.
            let status = wait.await.unwrap().unwrap().status().as_u16();
            assert!(matches!(status, 200 | 429), "{status}");
        } else {
            wait.abort();
        }
    }
}

/// A body that begins normally and then yields a byte at long intervals.
struct Trickle(Option<Bytes>, Interval);

impl Trickle {
    fn new(beginning: &'static str) -> Self {
        let mut pace = interval(Duration::from_secs(15));
        pace.reset();
        Self(Some(beginning.into()), pace)
    }
}

impl Body for Trickle {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(beginning) = self.0.take() {
            return Poll::Ready(Some(Ok(Frame::data(beginning))));
        }
        let ticked = self.1.poll_tick(context);
        ticked.map(|_| Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

const BEGINNING: &str =
    "--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";

fn upload(client: &Client, gateway: &Gateway, key: &str, body: reqwest::Body) -> RequestBuilder {
    let url = format!("http://{}/api/v1/files", gateway.address);
    let request = client.post(url).header("x-api-key", key);
    let media = "multipart/form-data; boundary=limit";
    request.header("content-type", media).body(body)
}

#[tokio::test]
async fn slow_uploads_do_not_starve_other_callers() {
    let upstream = Upstream::always(ok(REPORT)).await;
    let flags = ["--client-rate-per-minute", "0"];
    let gateway = Gateway::before(&upstream, &flags).await;
    let tasks = TaskTracker::new();
    let mut uploads = Vec::new();
    for connection in 0..6 {
        let client = client(Protocol::Http2, [127, 0, 0, 1]);
        for stream in 0..86 {
            let key = format!("made-up-{connection}-{stream}");
            let body = reqwest::Body::wrap(Trickle::new(BEGINNING));
            uploads.push(tasks.spawn(upload(&client, &gateway, &key, body).send()));
        }
    }
    until(async || uploads.iter().filter(|it| it.is_finished()).count() >= 300).await;
    for path in [file(TROJAN), file(EICAR)] {
        assert_eq!(get_elsewhere(&gateway, &path).await.status, 200, "{path}");
    }
    assert_eq!(upstream.count(), 2, "no upload has come so far");
    for upload in uploads {
        upload.abort();
    }
}

/// The cases run at the same time, since each takes as long as the limit that it is about.
#[tokio::test]
async fn an_upload_has_ten_seconds_to_begin_and_thirty_to_keep_to_a_pace() {
    let cases = [
        (Protocol::Http1, ""),
        (Protocol::Http1, BEGINNING),
        (Protocol::Http2, ""),
        (Protocol::Http2, BEGINNING),
    ];
    let cases = cases.into_iter();
    in_parallel(cases.map(|(protocol, beginning)| trickle(protocol, beginning))).await;
}

/// Asserts that an upload which begins like this and then trickles is ended in time.
async fn trickle(protocol: Protocol, beginning: &'static str) {
    let upstream = Upstream::always(ok(REPORT)).await;
    // A long upstream timeout must not extend the time that a caller gets.
    let gateway = Gateway::before(&upstream, &["--upstream-timeout", "2m"]).await;
    let body = reqwest::Body::wrap(Trickle::new(beginning));
    let client = client(protocol, [127, 0, 0, 1]);
    let began = Instant::now();
    let reply = send(upload(&client, &gateway, KEY, body)).await;
    is_well_formed(&reply);
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(
        reply.detail().contains("came to a halt"),
        "{}",
        reply.detail()
    );
    let least = if beginning.is_empty() { 10 } else { 30 };
    let took = began.elapsed().as_secs();
    assert!((least..least + 8).contains(&took), "{took} s");
    assert_eq!(upstream.count(), 0);
}

/// The cases are callers beside one whose places are all taken; `is_other` tells whether they have
/// places of their own.
#[rstest]
#[case::an_address(&[("x-forwarded-for", "192.0.2.2")], true)]
#[case::its_own_address(&[("x-forwarded-for", "192.0.2.1")], false)]
#[case::a_made_up_key(&[("x-forwarded-for", "192.0.2.1"), ("x-api-key", "made-up")], false)]
#[case::an_accepted_key(&[("x-forwarded-for", "192.0.2.1"), ("x-api-key", KEY)], true)]
#[case::a_token(&[("x-forwarded-for", "192.0.2.1"), ("x-api-key", "vt4ai_token-of-alice")], true)]
#[case::a_bad_token(&[("x-forwarded-for", "192.0.2.1"), ("x-api-key", "vt4ai_nobody")], false)]
#[tokio::test]
async fn no_caller_holds_more_than_a_quarter_of_the_places(
    #[case] headers: &[(&str, &str)],
    #[case] is_other: bool,
) {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |call| {
        if call.target.contains(EICAR) {
            return Answer::Bytes(ok(REPORT));
        }
        Answer::Held(going.clone(), ok(REPORT))
    })
    .await;
    let folder = clients(&[("alice", "")]);
    let path = folder.file("clients.toml");
    let flags = [
        "--api-key",
        SERVERS,
        "--allow-anonymous",
        "--allow-own-keys",
        "true",
        "--clients-file",
        &path,
        "--max-in-flight",
        "8",
        "--trusted-proxies",
        "127.0.0.1",
    ];
    let gateway = Gateway::before(&upstream, &flags).await;
    let accepted = [("x-forwarded-for", "192.0.2.9"), ("x-api-key", KEY)];
    assert_eq!(gateway.get_with(&file(EICAR), &accepted).await.status, 200);
    let paths: Vec<_> = (0..2).map(|it| file(&format!("{it:040x}"))).collect();
    let own = [("x-forwarded-for", "192.0.2.1")];
    let taken = in_parallel(paths.iter().map(|path| gateway.get_with(path, &own)));
    let asked = async {
        upstream.until_asked(3).await;
        let reply = gateway.get_with(&file(EICAR), headers).await;
        go.send_replace(true);
        reply
    };
    let (taken, reply) = tokio::join!(taken, asked);
    assert!(taken.iter().all(|reply| reply.status == 200));
    if is_other {
        // The answer to a bad token is checked later.
        assert_eq!(reply.status, 200, "{}", reply.text());
    } else {
        is_well_formed(&reply);
        assert_eq!((reply.status, reply.number("retry-after")), (429, Some(1)));
        assert!(reply.detail().contains("quarter"), "{}", reply.detail());
    }
    // The places are free again.
    assert_eq!(gateway.get_with(&file(EICAR), &own).await.status, 200);
}

#[rstest]
#[case("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", 429)]
#[case("2001:db8:1:2::1", "2001:db8:1:3::1", 200)]
#[case("192.0.2.1", "::ffff:192.0.2.1", 429)]
#[tokio::test]
async fn addresses_of_one_ipv6_prefix_are_one_caller(
    #[case] one: &str,
    #[case] other: &str,
    #[case] status: u16,
) {
    let (go, upstream) = held().await;
    let flags = ["--max-in-flight", "4", "--trusted-proxies", "127.0.0.1"];
    let gateway = Gateway::before(&upstream, &flags).await;
    let ask = async |address, path| {
        let headers = [("x-forwarded-for", address), ("x-api-key", address)];
        gateway.get_with(path, &headers).await.status
    };
    let (eicar, trojan) = (file(EICAR), file(TROJAN));
    let second = async {
        upstream.until_asked(1).await;
        let asks = ask(other, &trojan);
        let goes_on = async {
            if status == 200 {
                upstream.until_asked(2).await;
                go.send_replace(true);
            }
        };
        let (second, ()) = tokio::join!(asks, goes_on);
        go.send_replace(true);
        second
    };
    assert_eq!(tokio::join!(ask(one, &eicar), second), (200, status));
}

#[tokio::test]
async fn a_request_holds_its_place_until_its_answer_is_read() {
    let upstream = Upstream::always(ok(REPORT)).await;
    let gateway = Gateway::before(&upstream, &["--max-in-flight", "4"]).await;
    let deaf = builder(Protocol::Http2, [127, 0, 0, 1]);
    let deaf = deaf.http2_initial_stream_window_size(0).build().unwrap();
    let answer = get(&deaf, &gateway, &file(EICAR), KEY)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let refused = gateway.get(&file(EICAR)).await;
    // The key is accepted by now: it counts as a caller of its own, while the first request counted
    // for its address.
    assert_eq!(refused.status, 200, "the first counted for its address");
    let refused = gateway
        .get_with(&file(EICAR), &[("x-api-key", "new")])
        .await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(get_elsewhere(&gateway, &file(EICAR)).await.status, 200);
    drop(answer);
    until(async || {
        let reply = gateway
            .get_with(&file(EICAR), &[("x-api-key", "new")])
            .await;
        reply.status == 200
    })
    .await;
}

#[tokio::test]
async fn a_request_in_the_quota_queue_holds_no_place() {
    let upstream = Upstream::demo().await;
    // One place for each caller, and one place to wait in.
    let flags = ["--rate-limit-per-minute", "1", "--max-in-flight", "4"];
    let gateway = Gateway::before(&upstream, &flags).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    let (first, second) = (
        format!("{}?wait=4m", file(TROJAN)),
        format!("{}?wait=4m", file(UNKNOWN)),
    );
    let mut waits = Box::pin(gateway.get(&first));
    let working = async {
        until(async || gateway.waiting_requests().await == 1).await;
        assert_eq!(gateway.get("/api/v1/quota").await.status, 200);
        assert_eq!(gateway.get(&file(EICAR)).await.code(), "QuotaExceededError");
        let refused = gateway.get(&second).await;
        assert_eq!(refused.code(), "QuotaExceededError");
        let detail = refused.detail();
        assert!(
            detail.contains("this caller already holds its share of the waiting places"),
            "{detail}"
        );
        assert!(refused.number("retry-after").unwrap() > 100);
    };
    tokio::select! {
        reply = &mut waits => panic!("it did not wait: {reply:?}"),
        () = working => {}
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn one_clients_waits_do_not_fill_the_queue_of_a_shared_key() {
    let upstream = Upstream::demo().await;
    let folder = clients(&[("alice", ""), ("bob", "")]);
    let path = folder.file("clients.toml");
    let flags = [
        "--api-key",
        SERVERS,
        "--clients-file",
        &path,
        "--rate-limit-per-minute",
        "1",
        "--max-waiting",
        "8",
    ];
    let gateway = Gateway::before(&upstream, &flags).await;
    let ask = async |name: &str, hash: &str| {
        let token = format!("vt4ai_token-of-{name}");
        let path = format!("{}?wait=5m", file(hash));
        gateway.get_with(&path, &[("x-api-key", &token)]).await
    };
    assert_eq!(ask("alice", EICAR).await.status, 200);
    let hashes: Vec<_> = (1..=8).map(|it| format!("{it:040x}")).collect();
    let mut alices = pin!(in_parallel(
        hashes[..2].iter().map(|hash| ask("alice", hash))
    ));
    let mut bobs = pin!(in_parallel(
        hashes[2..3].iter().map(|hash| ask("bob", hash))
    ));
    let others = async {
        until(async || gateway.waiting_requests().await == 3).await;
        let refused = ask("alice", &hashes[5]).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (429, "QuotaExceededError")
        );
        let detail = refused.detail();
        assert!(
            detail.contains("this caller already holds its share of the waiting places"),
            "{detail}"
        );
        // Each of the three is given a unit first.
        let wait = refused.number("retry-after").unwrap();
        assert!((3 * 61..=4 * 61).contains(&wait), "{wait}");
    };
    tokio::select! {
        replies = &mut alices => panic!("they did not wait: {replies:?}"),
        replies = &mut bobs => panic!("they did not wait: {replies:?}"),
        () = others => {}
    }
}

#[tokio::test]
async fn one_clients_waits_do_not_lengthen_the_forecast_of_another() {
    let upstream = Upstream::demo().await;
    let folder = clients(&[("alice", ""), ("bob", "")]);
    let path = folder.file("clients.toml");
    let limit = [
        "--rate-limit-per-minute",
        "1",
        "--client-rate-per-minute",
        "0",
    ];
    let flags = ["--api-key", SERVERS, "--clients-file", &path];
    let gateway = Gateway::before(&upstream, &[&flags[..], &limit].concat()).await;
    let ask = async |name: &str, number: u8, wait: &str| {
        let token = format!("vt4ai_token-of-{name}");
        let path = format!("{}?wait={wait}", file(&format!("{number:040x}")));
        gateway.get_with(&path, &[("x-api-key", &token)]).await
    };
    assert_eq!(ask("alice", 0, "5m").await.status, 404);
    let mut alices = pin!(in_parallel((1..=3).map(|it| ask("alice", it, "5m"))));
    let others = async {
        until(async || gateway.waiting_requests().await == 3).await;
        // Bob's turn is after one request of Alice's, in about two minutes.
        tokio::select! {
            reply = ask("bob", 5, "150s") => panic!("it did not wait: {reply:?}"),
            () = until(async || gateway.waiting_requests().await == 4) => {}
        }
    };
    tokio::select! {
        replies = &mut alices => panic!("they did not wait: {replies:?}"),
        () = others => {}
    }
}

#[tokio::test]
async fn a_request_that_finds_no_place_costs_its_client_nothing() {
    let (go, upstream) = held().await;
    let folder = clients(&[("alice", "per_minute = 2"), ("bob", "")]);
    let path = folder.file("clients.toml");
    let flags = [
        "--api-key",
        SERVERS,
        "--clients-file",
        &path,
        "--max-in-flight",
        "1",
    ];
    let gateway = Gateway::before(&upstream, &flags).await;
    let ask = async |name: &str, path: &str| {
        let token = format!("vt4ai_token-of-{name}");
        gateway.get_with(path, &[("x-api-key", &token)]).await
    };
    let path = file(EICAR);
    let crowded = async {
        upstream.until_asked(1).await;
        for _ in 0..5 {
            let refused = ask("alice", &file(TROJAN)).await;
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (503, "OverloadedError")
            );
        }
        go.send_replace(true);
    };
    let (bob, ()) = tokio::join!(ask("bob", &path), crowded);
    assert_eq!(bob.status, 200);
    for status in [200, 200, 429] {
        assert_eq!(ask("alice", &file(TROJAN)).await.status, status);
    }
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_hang_up_while_redis_counts_the_unit_spends_nothing() {
    let redis = Redis::start();
    let upstream = Upstream::always(ok(r#"{"data": {"type": "analysis", "id": "x"}}"#)).await;
    let url = redis.url();
    let flags = [
        "--redis-url",
        &url,
        "--redis-timeout",
        "20s",
        "--rate-limit-per-minute",
        "1",
    ];
    let gateway = Gateway::before(&upstream, &flags).await;
    let scan = || {
        let request = gateway.post("/api/v1/urls");
        let request = request.header("content-type", "application/json");
        request.body(r#"{"url": "https://example.com/"}"#)
    };
    // The quota of the key is known from here on.
    assert_eq!(gateway.get("/api/v1/quota").await.status, 200);
    redis.signal("-STOP");
    let hung_up = scan().timeout(Duration::from_millis(500)).send().await;
    assert!(hung_up.is_err());
    redis.signal("-CONT");
    // Redis has counted the unit and has taken it back.
    until(async || {
        let said: String = redis.order("INFO commandstats");
        said.contains("cmdstat_zrem:")
    })
    .await;
    assert_eq!(upstream.count(), 0);
    assert_eq!(send(scan()).await.status, 202);
    assert_eq!(upstream.count(), 1);
}

/// Starts a server that accepts only keys that begin with `real`, and reports their quota.
async fn taking_real_keys() -> Upstream {
    Upstream::faulty(|call| {
        let is_real = call.header("x-apikey").unwrap().starts_with("real");
        Answer::Bytes(if is_real {
            ok(REPORT)
        } else {
            failure(401, "WrongCredentialsError", "Wrong API key")
        })
    })
    .await
}

/// Returns the statuses of requests with `count` made-up keys, several at once.
async fn flood(gateway: &Gateway, path: &str, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    let numbers: Vec<_> = (0..count).collect();
    for some in numbers.chunks(40) {
        let asks = some.iter().map(async |number| {
            let key = format!("made-up-{number}");
            gateway.get_with(path, &[("x-api-key", &key)]).await.status
        });
        statuses.extend(in_parallel(asks).await);
    }
    statuses
}

#[tokio::test]
async fn made_up_keys_do_not_evict_the_quota_of_a_real_key() {
    let upstream = taking_real_keys().await;
    let flags = [
        "--rate-limit-per-minute",
        "4",
        "--client-rate-per-minute",
        "0",
        "--api-key",
        "real-servers",
    ];
    let gateway = Gateway::before(&upstream, &flags).await;
    let ask = async |headers: &[(&str, &str)]| gateway.get_with(&file(EICAR), headers).await.status;
    let (own, servers) = ([("x-api-key", "real")], []);
    for _ in 0..4 {
        assert_eq!([ask(&own).await, ask(&servers).await], [200, 200]);
    }
    let refused = flood(&gateway, &file(EICAR), 1_100).await;
    assert_eq!(tally(refused), BTreeMap::from([(401, 1_100)]));
    assert_eq!([ask(&own).await, ask(&servers).await], [429, 429]);
}

#[tokio::test]
async fn made_up_keys_do_not_raise_the_rate_limit() {
    let upstream = taking_real_keys().await;
    let mut passed = Vec::new();
    for has_keys in [true, false] {
        let gateway = Gateway::before(&upstream, &["--client-rate-per-minute", "60"]).await;
        let began = Instant::now();
        let statuses = if has_keys {
            flood(&gateway, "/livez", 1_600).await
        } else {
            let mut statuses = Vec::new();
            for _ in 0..1_600 {
                statuses.push(gateway.get_with("/livez", &[]).await.status);
            }
            statuses
        };
        let most = 60 + began.elapsed().as_secs() + 1;
        let tally = tally(statuses);
        let count = tally[&200];
        assert!((60..=most).contains(&(count as u64)), "{count} of {most}");
        assert_eq!(count + tally[&429], 1_600);
        passed.push(count);
    }
    assert!(passed[0].abs_diff(passed[1]) < 30, "{passed:?}");
}

/// Starts a server that gives this answer about quotas, and answers everything else normally.
async fn saying_of_keys(status: u16, body: serde_json::Value) -> String {
    let answer = (StatusCode::from_u16(status).unwrap(), body.to_string());
    let say = async |State((status, body)): State<(StatusCode, String)>, request: Request| {
        let media = [("content-type", "application/json")];
        if request.uri().path().starts_with("/api/v3/users/") {
            (status, media, body).into_response()
        } else {
            (media, REPORT).into_response()
        }
    };
    let router = Router::new().fallback(say).with_state(answer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    TaskTracker::new().spawn(axum::serve(listener, router).into_future());
    url
}

#[rstest]
#[case::wrong("WrongCredentialsError", &[])]
#[case::wrong_without_limits("WrongCredentialsError", &["--rate-limit-per-minute", "0"])]
#[case::inactive("UserNotActiveError", &["--rate-limit-per-minute", "9"])]
#[case::required("AuthenticationRequiredError", &["--rate-limit-per-day", "9"])]
#[tokio::test]
async fn the_quota_of_a_refused_key_is_a_401(#[case] code: &str, #[case] flags: &[&str]) {
    let error = json!({"error": {"code": code, "message": "x"}});
    let url = saying_of_keys(401, error).await;
    let gateway = Gateway::at(&url, flags).await;
    for _ in 0..3 {
        let reply = gateway.get("/api/v1/quota").await;
        is_well_formed(&reply);
        assert_eq!((reply.status, reply.code().as_str()), (401, code));
        assert!(reply.detail().starts_with("Error retrieving quota: "));
        assert_eq!(reply.header("www-authenticate"), Some("ApiKey"));
    }
}

#[tokio::test]
async fn the_quota_of_a_key_that_a_lookup_found_invalid_is_a_401() {
    let upstream = taking_real_keys().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    let made_up = [("x-api-key", "made-up")];
    assert_eq!(gateway.get_with(&file(EICAR), &made_up).await.status, 401);
    assert_eq!(
        gateway.get_with("/api/v1/quota", &made_up).await.status,
        401
    );
    let real = [("x-api-key", "real")];
    assert_eq!(gateway.get_with("/api/v1/quota", &real).await.status, 200);
}

#[rstest]
#[case::unknown(404, "NotFoundError")]
#[case::forbidden(403, "ForbiddenError")]
#[case::busy(429, "QuotaExceededError")]
#[case::down(503, "TransientError")]
#[tokio::test]
async fn without_virustotals_figures_the_known_quota_is_reported(
    #[case] status: u16,
    #[case] code: &str,
) {
    let error = json!({"error": {"code": code, "message": "x"}});
    let url = saying_of_keys(status, error).await;
    let gateway = Gateway::at(&url, &["--rate-limit-per-minute", "9"]).await;
    for used in [0, 1] {
        let quota = gateway.get("/api/v1/quota").await.data();
        assert_eq!(
            quota["minute"],
            json!({
                "allowed": 9, "used": used, "remaining": 9 - used, "reset": quota["minute"]["reset"],
            })
        );
        assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    }
}
