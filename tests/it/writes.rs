//! Tests of writes and the answers that they make stale, under any name, also if callers hang up or
//! ask meanwhile.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{body::Body, extract::Request};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};

use crate::{
    cache::keeping,
    harness::{
        Answer, Call, EICAR, EICAR_MD5, Gateway, KEY, Keeper, Redis, Reply, Turn, Upstream,
        failure, file, http, ok, send, until,
    },
    submissions::{JSON, post},
};

const COMMENT: &str = r#"{"text": "seen"}"#;
const KEPT: [&str; 2] = ["--cache-max-bytes", "100000000"];

fn origin(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status, reply.header("x-cache"))
}

fn report() -> Value {
    json!({"data": {"id": EICAR, "type": "file", "attributes": {"md5": EICAR_MD5, "size": 68}}})
}

/// Returns a comment whose id does not name the object that it is about.
fn comment() -> Vec<u8> {
    ok(json!({"data": {"id": "c-1", "type": "comment", "attributes": {}}}).to_string())
}

fn is_write(call: &Call) -> bool {
    call.method == "POST"
}

async fn add_comment(gateway: &Gateway, hash: &str) {
    let path = format!("{}/comments", file(hash));
    let added = post(gateway, &path, JSON, COMMENT).await;
    assert_eq!(added.status, 200, "{}", added.text());
}

/// Polls a request until the upstream was asked this often, then hangs up.
async fn hang_up(upstream: &Upstream, count: usize, request: impl Future<Output = Reply>) {
    let is_over = tokio::select! {
        _ = request => true,
        () = upstream.until_asked(count) => false,
    };
    assert!(!is_over, "it has to wait");
}

async fn until_kept(gateway: &Gateway) {
    let is_empty = "\nvt4ai_cache_entries 0\n";
    until(async || {
        !gateway
            .get_with("/metrics", &[])
            .await
            .text()
            .contains(is_empty)
    })
    .await;
}

#[tokio::test]
async fn an_answer_still_teaches_names_after_its_caller_hung_up() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |call| {
        if is_write(call) {
            Answer::Bytes(comment())
        } else {
            Answer::Held(going.clone(), ok(report().to_string()))
        }
    })
    .await;
    let gateway = keeping(&upstream, &["--client-rate-per-minute", "0"]).await;
    hang_up(&upstream, 1, gateway.get_directly(&file(EICAR_MD5))).await;
    go.send_replace(true);
    until_kept(&gateway).await;
    add_comment(&gateway, EICAR).await;
    let reply = gateway.get(&file(EICAR_MD5)).await;
    assert_eq!(origin(&reply), (200, Some("MISS")));
}

#[tokio::test]
async fn a_coalesced_caller_gets_no_answer_older_than_its_own_request() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |call| {
        if is_write(call) {
            Answer::Bytes(comment())
        } else {
            Answer::Held(going.clone(), ok(report().to_string()))
        }
    })
    .await;
    let gateway = keeping(&upstream, &[]).await;
    let path = file(EICAR_MD5);
    let second = async {
        upstream.until_asked(1).await;
        add_comment(&gateway, EICAR).await;
        let asked = gateway.get_directly(&path);
        let (reply, _) = tokio::join!(biased; asked, async { go.send_replace(true) });
        reply
    };
    let (first, second) = tokio::join!(gateway.get(&path), second);
    assert_eq!((first.status, second.status), (200, 200));
    // There were two reports and a comment: the second caller's report is from after the comment.
    assert_eq!(upstream.count(), 3);
}

/// The answers name the SHA-256 beside the file's MD5.
#[rstest]
#[case::search(
    &format!("/api/v1/search?query={EICAR_MD5}"),
    json!({"data": [{"id": EICAR, "type": "file", "attributes": {"md5": EICAR_MD5}}]})
)]
#[case::comments(
    &format!("{}/comments", file(EICAR_MD5)),
    json!({"data": [{"id": format!("f-{EICAR}-0a1b"), "type": "comment", "attributes": {}}]})
)]
#[case::votes(
    &format!("{}/relationships/votes", file(EICAR_MD5)),
    json!({"data": [{"id": format!("f-{EICAR}-0a1b"), "type": "vote", "attributes": {}}]})
)]
#[tokio::test]
async fn a_list_that_names_an_alias_is_stale_after_a_write_to_the_alias(
    #[case] path: &str,
    #[case] list: Value,
) {
    let upstream = Upstream::faulty(move |call| {
        if is_write(call) {
            Answer::Bytes(comment())
        } else {
            Answer::Bytes(ok(list.to_string()))
        }
    })
    .await;
    let gateway = keeping(&upstream, &[]).await;
    for seen in ["MISS", "HIT"] {
        assert_eq!(origin(&gateway.get(path).await), (200, Some(seen)));
    }
    add_comment(&gateway, EICAR).await;
    assert_eq!(origin(&gateway.get(path).await), (200, Some("MISS")));
}

/// VirusTotal has the URL under an id that is not computed from its text.
#[tokio::test]
async fn the_url_text_in_a_report_is_a_name_of_its_object() {
    let id = "ab".repeat(32);
    let report =
        json!({"data": {"id": id, "type": "url", "attributes": {"url": "http://a.test/x"}}});
    let upstream = Upstream::faulty(move |call| {
        if is_write(call) {
            Answer::Bytes(comment())
        } else {
            Answer::Bytes(ok(report.to_string()))
        }
    })
    .await;
    let gateway = keeping(&upstream, &[]).await;
    let path = format!("/api/v1/urls/{id}");
    for seen in ["MISS", "HIT"] {
        assert_eq!(origin(&gateway.get(&path).await), (200, Some(seen)));
    }
    // The id is that of `http://a.test/x`.
    let added = post(
        &gateway,
        "/api/v1/urls/aHR0cDovL2EudGVzdC94/comments",
        JSON,
        COMMENT,
    )
    .await;
    assert_eq!(added.status, 200);
    assert_eq!(origin(&gateway.get(&path).await), (200, Some("MISS")));
}

#[tokio::test]
async fn no_stale_answer_is_served_after_a_write_during_a_failed_call() {
    let (go, going) = watch::channel(false);
    let reads = AtomicUsize::new(0);
    let upstream = Upstream::faulty(move |call| {
        if is_write(call) {
            return Answer::Bytes(comment());
        }
        match reads.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::Bytes(ok(report().to_string())),
            _ => Answer::Held(going.clone(), http(500, &[], "")),
        }
    })
    .await;
    let gateway = keeping(&upstream, &["--cache-ttl", "0s"]).await;
    let path = file(EICAR);
    gateway.get(&path).await;
    let write = async {
        upstream.until_asked(2).await;
        add_comment(&gateway, EICAR).await;
        go.send_replace(true);
    };
    let (reply, ()) = tokio::join!(gateway.get(&path), write);
    assert_eq!(origin(&reply), (502, None));
}

#[tokio::test]
async fn a_hang_up_while_a_write_waits_for_a_place_writes_nothing() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |call| {
        if is_write(call) {
            Answer::Bytes(comment())
        } else {
            Answer::Held(going.clone(), ok(report().to_string()))
        }
    })
    .await;
    // One place for each caller.
    let flags = ["--max-in-flight", "4", "--rate-limit-per-minute", "9"];
    let gateway = keeping(&upstream, &flags).await;
    hang_up(&upstream, 1, gateway.get_directly(&file(EICAR))).await;
    for (path, media, body) in [
        (
            format!("{}/comments", file(EICAR)),
            JSON.to_owned(),
            COMMENT.to_owned(),
        ),
        upload(),
    ] {
        let request = Request::post(path)
            .header("x-api-key", KEY)
            .header("content-type", media);
        let request = request.body(Body::from(body)).unwrap();
        // The request can only wait for its place.
        let asked = gateway.ask_directly(request);
        assert!(timeout(Duration::from_millis(300), asked).await.is_err());
    }
    go.send_replace(true);
    let path = "/api/v1/domains/a.test";
    let reply = gateway.get(path).await;
    let writes = upstream
        .calls()
        .iter()
        .filter(|call| is_write(call))
        .count();
    assert_eq!((reply.status, writes), (200, 0));
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(7));
}

fn upload() -> (String, String, String) {
    let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhello\r\n--x--\r\n";
    (
        "/api/v1/files".to_owned(),
        "multipart/form-data; boundary=x".to_owned(),
        form.to_owned(),
    )
}

/// The MD5 of `hello`.
const HELLO: &str = "5d41402abc4b2a76b9719d911017c592";

#[tokio::test]
async fn an_upload_accepted_after_its_sender_hung_up_is_a_write() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |call| {
        if is_write(call) {
            let started = json!({"data": {"type": "analysis", "id": "opaque"}});
            Answer::Held(going.clone(), ok(started.to_string()))
        } else {
            Answer::Bytes(failure(404, "NotFoundError", "x"))
        }
    })
    .await;
    let gateway = keeping(&upstream, &[]).await;
    let (path, media, form) = upload();
    let request = Request::post(path)
        .header("x-api-key", KEY)
        .header("content-type", media);
    let request = request.body(Body::from(form)).unwrap();
    hang_up(&upstream, 1, gateway.ask_directly(request)).await;
    for seen in ["MISS", "HIT"] {
        assert_eq!(origin(&gateway.get(&file(HELLO)).await), (404, Some(seen)));
    }
    go.send_replace(true);
    // A "not found" would still be cached, for ten seconds.
    let accepted = async {
        until(async || origin(&gateway.get(&file(HELLO)).await) == (404, Some("MISS"))).await;
    };
    timeout(Duration::from_secs(5), accepted)
        .await
        .expect("it was not noticed that VirusTotal accepted the upload");
}

fn analysis(id: &str, status: &str, date: u64) -> Vec<u8> {
    let attributes = json!({"status": status, "date": date});
    ok(json!({"data": {"type": "analysis", "id": id, "attributes": attributes}}).to_string())
}

/// The analysis was neither begun here nor, by its text, within the last day.
#[tokio::test]
async fn an_analysis_seen_queued_makes_its_object_stale_once_completed() {
    let id = format!("f-{EICAR}-1760000000");
    let polls = AtomicUsize::new(0);
    let upstream = Upstream::faulty(move |call| {
        if !call.target.contains("/analyses/") {
            return Answer::Bytes(ok(report().to_string()));
        }
        let status = match polls.fetch_add(1, Ordering::Relaxed) {
            0 => "queued",
            _ => "completed",
        };
        Answer::Bytes(analysis(&call.target[17..], status, 1_760_000_000))
    })
    .await;
    let gateway = keeping(&upstream, &[]).await;
    let poll = format!("/api/v1/analyses/{id}");
    assert_eq!(gateway.get(&poll).await.data()["status"], "queued");
    gateway.get(&file(EICAR)).await;
    assert_eq!(origin(&gateway.get(&file(EICAR)).await), (200, Some("HIT")));
    assert_eq!(gateway.get(&poll).await.data()["status"], "completed");
    assert_eq!(
        origin(&gateway.get(&file(EICAR)).await),
        (200, Some("MISS"))
    );
}

/// VirusTotal may give a further analysis the id of the one before.
#[tokio::test]
async fn a_repeated_analysis_is_fetched_again() {
    let polls = AtomicUsize::new(0);
    let upstream = Upstream::faulty(move |call| {
        if is_write(call) {
            return Answer::Bytes(ok(
                json!({"data": {"type": "analysis", "id": "one"}}).to_string()
            ));
        }
        if !call.target.contains("/analyses/") {
            return Answer::Bytes(ok(report().to_string()));
        }
        let status = match polls.fetch_add(1, Ordering::Relaxed) {
            1 => "queued",
            _ => "completed",
        };
        Answer::Bytes(analysis("one", status, 1_760_000_000))
    })
    .await;
    let gateway = keeping(&upstream, &[]).await;
    let begin = async || {
        let begun = send(gateway.post(&format!("{}/analyse", file(EICAR)))).await;
        assert_eq!(begun.status, 202);
    };
    let status = async || gateway.get("/api/v1/analyses/one").await.data()["status"].take();
    begin().await;
    assert_eq!(status().await, "completed");
    begin().await;
    assert_eq!(status().await, "queued");
    gateway.get(&file(EICAR)).await;
    assert_eq!(status().await, "completed");
    assert_eq!(
        origin(&gateway.get(&file(EICAR)).await),
        (200, Some("MISS"))
    );
}

/// A search says "not found" with an empty list.
#[tokio::test]
async fn an_empty_search_for_a_new_submission_has_the_not_found_ttl() {
    let upstream = Upstream::faulty(|call| {
        Answer::Bytes(if is_write(call) {
            ok(r#"{"data": {"type": "analysis", "id": "one"}}"#)
        } else {
            ok(r#"{"data": []}"#)
        })
    })
    .await;
    let gateway = keeping(&upstream, &["--cache-ttl-not-found", "0s"]).await;
    let form = "application/x-www-form-urlencoded";
    let begun = post(&gateway, "/api/v1/urls", form, "url=http://a.test/").await;
    assert_eq!(begun.status, 202);
    let search = async |query: &str| {
        let path = format!("/api/v1/search?query={query}");
        gateway.get(&path).await;
        gateway
            .get(&path)
            .await
            .header("x-cache")
            .unwrap()
            .to_owned()
    };
    assert_eq!(search("http://a.test/").await, "MISS");
    assert_eq!(search("http://b.test/").await, "HIT");
}

#[tokio::test]
async fn an_analysis_wait_spends_only_the_callers_own_key() {
    let upstream = Upstream::faulty(|call| {
        Answer::Bytes(if call.target.contains("/analyses/") {
            analysis("one", "queued", 1_760_000_000)
        } else {
            ok(report().to_string())
        })
    })
    .await;
    let gateway = keeping(&upstream, &["--cache-scope", "shared"]).await;
    let ask = async |key: &str, path: &str| gateway.get_with(path, &[("x-api-key", key)]).await;
    for key in ["one", "other"] {
        assert_eq!(ask(key, &file(EICAR)).await.status, 200);
    }
    let by = |key: &str| {
        let calls = upstream.calls();
        let of_key = |call: &&Call| {
            call.target.contains("/analyses/") && call.header("x-apikey") == Some(key)
        };
        calls.iter().filter(of_key).count()
    };
    let short = async {
        until(async || by("one") == 1).await;
        ask("other", "/api/v1/analyses/one?wait=900ms").await
    };
    tokio::select! {
        _ = ask("one", "/api/v1/analyses/one?wait=1m") => panic!("it is never completed"),
        reply = short => assert_eq!(reply.data()["status"], "queued"),
    }
    assert_eq!(by("other"), 1, "its own last look is on its own account");
}

#[tokio::test]
async fn a_key_revoked_by_virustotal_reads_no_cached_answer() {
    let calls = AtomicUsize::new(0);
    let upstream = Upstream::faulty(move |_| {
        Answer::Bytes(match calls.fetch_add(1, Ordering::Relaxed) {
            0 => ok(report().to_string()),
            _ => failure(401, "WrongCredentialsError", "x"),
        })
    })
    .await;
    let gateway = keeping(&upstream, &[]).await;
    gateway.get(&file(EICAR)).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    assert_eq!(gateway.get(&file(EICAR_MD5)).await.status, 401);
    assert_eq!(gateway.get(&file(EICAR)).await.status, 401);
}

async fn replica(upstream: &Upstream, redis: &Redis, flags: &[&str]) -> Gateway {
    let url = redis.url();
    let own = [
        "--redis-url",
        &url,
        "--redis-timeout",
        "20s",
        "--client-rate-per-minute",
        "0",
    ];
    let gateway = Gateway::before(upstream, &[&own[..], &KEPT, flags].concat()).await;
    until(async || {
        let health = gateway.get("/readyz").await.json();
        health["status"] == "ok"
    })
    .await;
    gateway
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_name_learned_by_another_replica_holds_for_own_writes() {
    let redis = Redis::start();
    let upstream = reports_and_comments().await;
    let (first, second) = (
        replica(&upstream, &redis, &[]).await,
        replica(&upstream, &redis, &[]).await,
    );
    let comments = format!("{}/comments", file(EICAR_MD5));
    first.get(&file(EICAR_MD5)).await;
    until(async || !redis.order::<Vec<String>>("KEYS *:names:*").is_empty()).await;
    second.get(&comments).await;
    assert_eq!(origin(&second.get(&comments).await), (200, Some("HIT")));
    add_comment(&second, EICAR).await;
    until(async || origin(&second.get(&comments).await) == (200, Some("MISS"))).await;
}

/// Starts an upstream with a report for each file, without comments, that takes comments.
async fn reports_and_comments() -> Upstream {
    Upstream::faulty(|call| {
        Answer::Bytes(if !call.target.contains("/comments") {
            ok(report().to_string())
        } else if is_write(call) {
            comment()
        } else {
            ok(r#"{"data": []}"#)
        })
    })
    .await
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_name_learned_after_a_write_holds_for_older_cached_answers() {
    let redis = Redis::start();
    let upstream = reports_and_comments().await;
    let (first, second) = (
        replica(&upstream, &redis, &[]).await,
        replica(&upstream, &redis, &[]).await,
    );
    let comments = format!("{}/comments", file(EICAR_MD5));
    second.get(&comments).await;
    add_comment(&first, EICAR).await;
    assert_eq!(origin(&second.get(&comments).await), (200, Some("HIT")));
    // Only this answer tells that both names are the same file.
    first.get(&file(EICAR_MD5)).await;
    until(async || origin(&second.get(&comments).await) == (200, Some("MISS"))).await;
}

/// A replica that never saw a report of the file learns its names from the one that did, in time
/// for the first request after its own write.
#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn names_learned_by_another_replica_hold_for_the_next_write() {
    let redis = Redis::start();
    let upstream = reports_and_comments().await;
    let (first, second) = (
        replica(&upstream, &redis, &[]).await,
        replica(&upstream, &redis, &[]).await,
    );
    let comments = format!("{}/comments", file(EICAR_MD5));
    first.get(&comments).await;
    second.get(&file(EICAR_MD5)).await;
    until(async || !redis.order::<Vec<String>>("KEYS *:names:*").is_empty()).await;
    assert_eq!(origin(&first.get(&comments).await), (200, Some("HIT")));
    add_comment(&first, EICAR).await;
    assert_eq!(origin(&first.get(&comments).await), (200, Some("MISS")));
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_new_replica_knows_recent_submissions() {
    let redis = Redis::start();
    let upstream = Upstream::faulty(|call| {
        Answer::Bytes(if is_write(call) {
            ok(r#"{"data": {"type": "analysis", "id": "one"}}"#)
        } else {
            failure(404, "NotFoundError", "x")
        })
    })
    .await;
    let (path, media, form) = upload();
    let flags = ["--cache-max-stale", "0s"];
    let first = replica(&upstream, &redis, &flags).await;
    assert_eq!(post(&first, &path, &media, &form).await.status, 202);
    until(async || !redis.order::<Vec<String>>("KEYS *:changed:*").is_empty()).await;
    let second = replica(&upstream, &redis, &flags).await;
    assert_eq!(second.get(&file(HELLO)).await.status, 404);
    let mut names = Vec::<String>::new();
    until(async || {
        names = redis.order("KEYS *:answer:*");
        !names.is_empty()
    })
    .await;
    let left: i64 = redis.order(&format!("PTTL {}", names[0]));
    assert!((1..=10_000).contains(&left), "{left}");
}

/// An analysis that was begun at one replica is known at all, whatever its id and date tell.
#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn an_analysis_completed_at_another_replica_makes_its_object_stale() {
    let redis = Redis::start();
    let upstream = Upstream::faulty(|call| {
        Answer::Bytes(if is_write(call) {
            ok(json!({"data": {"type": "analysis", "id": "one"}}).to_string())
        } else if call.target.contains("/analyses/") {
            analysis("one", "completed", 1_760_000_000)
        } else {
            ok(report().to_string())
        })
    })
    .await;
    let (first, second) = (
        replica(&upstream, &redis, &[]).await,
        replica(&upstream, &redis, &[]).await,
    );
    second.get(&file(EICAR)).await;
    let begun = send(first.post(&format!("{}/analyse", file(EICAR)))).await;
    assert_eq!(begun.status, 202);
    until(async || origin(&second.get(&file(EICAR)).await) == (200, Some("MISS"))).await;
    // A change is delivered after all changes before it.
    add_comment(&first, EICAR).await;
    until(async || origin(&second.get(&file(EICAR)).await) == (200, Some("MISS"))).await;
    assert_eq!(origin(&second.get(&file(EICAR)).await), (200, Some("HIT")));
    assert_eq!(second.get("/api/v1/analyses/one").await.status, 200);
    assert_eq!(origin(&second.get(&file(EICAR)).await), (200, Some("MISS")));
}

#[tokio::test]
async fn a_wait_without_a_unit_for_its_last_call_returns_the_known_state() {
    let upstream = Upstream::faulty(|call| {
        Answer::Bytes(if call.target.contains("/analyses/") {
            analysis("one", "queued", 1_760_000_000)
        } else {
            ok(report().to_string())
        })
    })
    .await;
    let flags = ["--cache-scope", "shared", "--rate-limit-per-minute", "2"];
    let gateway = keeping(&upstream, &flags).await;
    let ask = async |key: &str, path: &str| gateway.get_with(path, &[("x-api-key", key)]).await;
    for (key, path) in [
        ("one", file(EICAR)),
        ("other", file(EICAR)),
        ("other", file(EICAR_MD5)),
    ] {
        assert_eq!(ask(key, &path).await.status, 200);
    }
    let short = async {
        upstream.until_asked(4).await;
        ask("other", "/api/v1/analyses/one?wait=900ms").await
    };
    tokio::select! {
        _ = ask("one", "/api/v1/analyses/one?wait=1m") => panic!("it is never completed"),
        reply = short => assert_eq!(reply.data()["status"], "queued"),
    }
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn names_lost_by_redis_are_published_again() {
    let redis = Redis::start();
    let upstream = reports_and_comments().await;
    let (first, second) = (
        replica(&upstream, &redis, &[]).await,
        replica(&upstream, &redis, &[]).await,
    );
    let comments = format!("{}/comments", file(EICAR_MD5));
    first.get(&file(EICAR_MD5)).await;
    let names = async || redis.order::<Vec<String>>("KEYS *:names:*");
    until(async || names().await.len() >= 2).await;
    for name in names().await {
        redis.order::<usize>(&format!("DEL {name}"));
    }
    second.get(&comments).await;
    assert_eq!(origin(&second.get(&comments).await), (200, Some("HIT")));
    add_comment(&second, EICAR).await;
    until(async || origin(&second.get(&comments).await) == (200, Some("MISS"))).await;
}

/// A call for a key's quota counts as any other call.
#[tokio::test]
async fn quota_calls_count_as_in_flight() {
    let upstream = Keeper::start(|_, _| Turn::End(Answer::Silence(Vec::new()))).await;
    let flags = [
        "--max-in-flight",
        "4",
        "--client-rate-per-minute",
        "0",
        "--rate-limit-per-minute",
        "4",
    ];
    let gateway = Gateway::at(&upstream.url, &flags).await;
    for number in 0..30 {
        let request = Request::get(file(EICAR)).header("x-api-key", format!("made-up-{number}"));
        let asked = gateway.ask_directly(request.body(Body::empty()).unwrap());
        assert!(timeout(Duration::from_millis(10), asked).await.is_err());
    }
    // Keys that are not verified count for their address, which has a quarter of the places.
    assert_eq!(upstream.asked().len(), 1);
}
