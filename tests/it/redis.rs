//! Tests of replicas that share one Redis, and of a gateway whose Redis fails.

use std::{
    collections::HashSet,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rstest::rstest;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::harness::{
    Answer, EICAR, EICAR_MD5, Folder, Gateway, Identity, KEY, Process, Redis, Reply, TROJAN,
    UNKNOWN, Upstream, failure, file, free_address, http, in_parallel, ok, send, url_of, vt4ai,
};

/// The time that a test waits for an expected state; only a broken gateway takes long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Flags that turn the cache on, and lift the rate limit for tests that poll.
const KEPT: [&str; 4] = [
    "--cache-max-bytes",
    "100000000",
    "--client-rate-per-minute",
    "0",
];

/// Starts a replica whose Redis timeout allows for a busy machine.
async fn replica(upstream: &Upstream, redis: &Redis, flags: &[&str]) -> Gateway {
    hasty_replica(
        upstream,
        redis,
        &[&["--redis-timeout", "20s"], flags].concat(),
    )
    .await
}

/// Starts a replica with the default Redis timeout.
async fn hasty_replica(upstream: &Upstream, redis: &Redis, flags: &[&str]) -> Gateway {
    let url = redis.url();
    let own = ["--redis-url", &url];
    let gateway = Gateway::before(upstream, &[&own[..], &KEPT, flags].concat()).await;
    until_redis_is(&gateway, true).await;
    gateway
}

/// Polls until there is a result; `what` is named if it never comes.
async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
}

/// Waits until `/readyz` reports that Redis is up, or down.
async fn until_redis_is(gateway: &Gateway, up: bool) {
    let look = async || {
        let reply = gateway.get("/readyz").await;
        assert_eq!(reply.status, 200);
        let health = reply.json();
        let check = health["checks"].as_array().unwrap();
        let check = check.iter().find(|check| check["name"] == "redis").unwrap();
        let status = if up { "ok" } else { "degraded" };
        ((&health["status"], &check["ok"]) == (&json!(status), &json!(up))).then_some(())
    };
    eventually(if up { "up" } else { "away" }, look).await;
}

/// Waits until Redis has this many keys that match the pattern, and returns them.
async fn until_there_are(redis: &Redis, count: usize, pattern: &str) -> Vec<String> {
    let look = async || {
        let names: Vec<String> = redis.order(&format!("KEYS {pattern}"));
        (names.len() >= count).then_some(names)
    };
    eventually(pattern, look).await
}

async fn ask_as(gateway: &Gateway, key: &str, path: &str) -> Reply {
    gateway.get_with(path, &[("x-api-key", key)]).await
}

fn origin(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status, reply.header("x-cache"))
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn an_answer_fetched_by_one_replica_is_served_by_all() {
    let redis = Redis::start();
    let upstream = Upstream::demo().await;
    let (first, second) = (
        replica(&upstream, &redis, &[]).await,
        replica(&upstream, &redis, &[]).await,
    );
    let mut count = 0;
    for (hash, status) in [(EICAR, 200), (UNKNOWN, 404)] {
        assert_eq!(
            origin(&first.get(&file(hash)).await),
            (status, Some("MISS"))
        );
        count += 1;
        until_there_are(&redis, count, "*:answer:*").await;
        let reply = second.get(&file(hash)).await;
        assert_eq!(origin(&reply), (status, Some("HIT")));
        assert!(reply.number("age").is_some());
    }
    assert_eq!(
        first.get(&file(EICAR)).await.body,
        second.get(&file(EICAR)).await.body
    );
    assert_eq!(upstream.count(), 2);
    // Another key's answer is not shared, wherever it is cached.
    let other = ask_as(&second, "other", &file(EICAR)).await;
    assert_eq!(origin(&other), (200, Some("MISS")));
    let anew = [("x-api-key", KEY), ("cache-control", "no-cache")];
    let anew = second.get_with(&file(EICAR), &anew).await;
    assert_eq!(origin(&anew), (200, Some("MISS")));
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_replica_serves_anothers_stale_answer_while_virustotal_fails() {
    let redis = Redis::start();
    let asked = AtomicUsize::new(0);
    let upstream = Upstream::faulty(move |_| {
        Answer::Bytes(match asked.fetch_add(1, Ordering::Relaxed) {
            0 => ok(r#"{"data": {"attributes": {"size": 68}}}"#),
            _ => failure(503, "TransientError", "later"),
        })
    })
    .await;
    let stale = ["--cache-ttl", "0s", "--upstream-timeout", "50ms"];
    let first = replica(&upstream, &redis, &stale).await;
    assert_eq!(first.get(&file(EICAR)).await.status, 200);
    until_there_are(&redis, 1, "*:answer:*").await;
    let second = replica(&upstream, &redis, &stale).await;
    let reply = second.get(&file(EICAR)).await;
    assert_eq!(origin(&reply), (200, Some("STALE")));
    assert_eq!(reply.header("x-cache-reason"), Some("upstream"));
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn replicas_share_one_call_for_concurrent_requests() {
    let redis = Redis::start();
    let (go, going) = watch::channel(false);
    let upstream = Upstream::held(going, r#"{"data": {"attributes": {"size": 68}}}"#).await;
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(replica(&upstream, &redis, &[]).await);
    }
    let path = file(EICAR);
    let all = replicas
        .iter()
        .flat_map(|replica| (0..20).map(|_| replica.get(&path)));
    let (replies, ()) = tokio::join!(in_parallel(all), async {
        upstream.until_asked(1).await;
        // Every replica has had the time to find the lease.
        for replica in &replicas {
            replica.get("/livez").await;
        }
        go.send_replace(true);
    });
    assert_eq!(upstream.count(), 1);
    for reply in replies {
        assert_eq!(reply.data()["size"], 68);
    }
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_replica_that_dies_during_a_call_is_replaced() {
    let redis = Redis::start();
    let (go, going) = watch::channel(false);
    let upstream = Upstream::held(going, r#"{"data": {"attributes": {"size": 68}}}"#).await;
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &["--redis-url", &redis.url()]);
    let doomed = Process::start(command.env("VT4AI_UPSTREAM_URL", &upstream.url));
    let survivor = replica(&upstream, &redis, &[]).await;
    let client = crate::harness::client();
    let request = client.get(format!("http://{}{}", doomed.address, file(EICAR)));
    let asking = TaskTracker::new().spawn(request.header("x-api-key", KEY).send());
    upstream.until_asked(1).await;
    let path = file(EICAR);
    let (reply, ()) = tokio::join!(survivor.get(&path), async {
        doomed.stop();
        upstream.until_asked(2).await;
        go.send_replace(true);
    });
    assert_eq!(reply.data()["size"], 68);
    assert!(asking.await.unwrap().is_err());
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn replicas_share_the_minute_quota() {
    let redis = Redis::start();
    let upstream = Upstream::demo().await;
    let three = ["--rate-limit-per-minute", "3", "--rate-limit-per-day", "9"];
    let (first, second) = (
        replica(&upstream, &redis, &three).await,
        replica(&upstream, &redis, &three).await,
    );
    for (gateway, path, left) in [
        (&first, file(EICAR), 2),
        (&second, file(TROJAN), 1),
        (&first, file(UNKNOWN), 0),
    ] {
        let reply = gateway.get(&path).await;
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(left), "{path}");
    }
    for gateway in [&second, &first] {
        let reply = gateway.get("/api/v1/domains/example.com").await;
        let wait = reply.number("retry-after").unwrap();
        assert_eq!(reply.status, 429);
        assert!(reply.detail().contains("3 lookups a minute"));
        assert!((50..=61).contains(&wait), "{wait}");
        let quota = gateway.get("/api/v1/quota").await.data();
        assert_eq!(
            (&quota["minute"]["used"], &quota["day"]["used"]),
            (&json!(3), &json!(3))
        );
    }
    assert_eq!(upstream.count(), 3);
}

#[rstest]
#[case("day", "--rate-limit-per-day")]
#[case("month", "--rate-limit-per-month")]
#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn replicas_share_the_day_and_month_quota(#[case] window: &str, #[case] flag: &str) {
    let redis = Redis::start();
    let upstream = Upstream::demo().await;
    let (first, second) = (
        replica(&upstream, &redis, &[flag, "2"]).await,
        replica(&upstream, &redis, &[flag, "2"]).await,
    );
    assert_eq!(first.get(&file(EICAR)).await.status, 200);
    assert_eq!(second.get(&file(TROJAN)).await.status, 200);
    let reply = first.get("/api/v1/domains/example.com").await;
    assert_eq!(reply.status, 429);
    assert!(
        reply.detail().contains(&format!("2 lookups a {window}")),
        "{}",
        reply.detail()
    );
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn redis_over_tls_is_verified_by_the_configured_authorities() {
    let (right, other) = (
        Identity::of("127.0.0.1", 2099),
        Identity::of("127.0.0.1", 2099),
    );
    let redis = Redis::secure(&right);
    let upstream = Upstream::demo().await;
    let folder = Folder::new().with("right.pem", right.pem());
    let folder = folder.with("other.pem", other.pem());
    for (name, is_known) in [("right.pem", true), ("other.pem", false)] {
        let (url, authorities) = (redis.url(), folder.file(name));
        let own = ["--redis-url", &url, "--redis-ca-file", &authorities];
        let gateway = Gateway::before(&upstream, &[&own[..], &KEPT].concat()).await;
        until_redis_is(&gateway, is_known).await;
        assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    }
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_unit_without_a_connection_is_returned_to_all_replicas() {
    let redis = Redis::start();
    let nowhere = format!("http://{}", free_address());
    let (url, nine) = (redis.url(), ["--rate-limit-per-minute", "9"]);
    let own = ["--redis-url", &url];
    let gateway = Gateway::at(&nowhere, &[&own, &KEPT[..], &nine].concat()).await;
    until_redis_is(&gateway, true).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 502);
    eventually("it is given back", async || {
        let units: Vec<String> = redis.order("KEYS *:minute:*");
        units.is_empty().then_some(())
    })
    .await;
    let spent = &until_there_are(&redis, 1, "*:spent:*").await[0];
    assert_eq!(redis.order::<u64>(&format!("HGET {spent} day_own")), 0);
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_back_off_at_one_replica_applies_to_all() {
    let redis = Redis::start();
    let upstream = Upstream::always(http(429, &["Retry-After: 30"], "<html>")).await;
    let (first, second) = (
        replica(&upstream, &redis, &[]).await,
        replica(&upstream, &redis, &[]).await,
    );
    assert_eq!(first.get(&file(EICAR)).await.status, 429);
    until_there_are(&redis, 1, "*:closed:*").await;
    let reply = second.get(&file(TROJAN)).await;
    let wait = reply.number("retry-after").unwrap();
    assert!(reply.status == 429 && (25..=30).contains(&wait), "{wait}");
    assert_eq!(upstream.count(), 1);
}

/// Puts digits before the time at which the back-off of an endpoint ends.
fn prolong(redis: &Redis, name: &str, digits: &str) {
    let script = format!("return(redis.call('SET',KEYS[1],'{digits}'..redis.call('GET',KEYS[1])))");
    redis.order::<String>(&format!("EVAL {script} 1 {name}"));
}

#[rstest]
#[case::centuries("9")]
#[case::beyond_64_bits("99999999")]
#[case::beyond_floats(&"9".repeat(400))]
#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_back_off_in_redis_lasts_a_day_at_most(#[case] digits: &str) {
    let redis = Redis::start();
    let upstream = Upstream::always(http(429, &["Retry-After: 30"], "<html>")).await;
    let first = replica(&upstream, &redis, &[]).await;
    assert_eq!(first.get(&file(EICAR)).await.status, 429);
    let name = &until_there_are(&redis, 1, "*:closed:*").await[0];
    prolong(&redis, name, digits);
    for _ in 0..2 {
        let other = replica(&upstream, &redis, &[]).await;
        for _ in 0..2 {
            let reply = other.get(&file(TROJAN)).await;
            let wait = reply.number("retry-after").unwrap();
            assert!(
                reply.status == 429 && (86_000..=86_400).contains(&wait),
                "{wait}"
            );
        }
        // The time to live is not renewed by each replica that reads it.
        let life: u64 = redis.order(&format!("PTTL {name}"));
        assert!(life <= 25 * 60 * 60 * 1000, "{life}");
    }
    assert_eq!(upstream.count(), 1);
    // The first replica uses its own value, which Redis neither shortens nor prolongs.
    let own = first.get(&file(EICAR)).await.number("retry-after").unwrap();
    assert!(own <= 30, "{own}");
}

#[rstest]
#[case::word("SET", "nonsense")]
#[case::negative("SET", "-1")]
#[case::other_type("RPUSH", "x")]
#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn an_invalid_back_off_in_redis_is_ignored(#[case] order: &str, #[case] value: &str) {
    let redis = Redis::start();
    let upstream = Upstream::always(http(429, &["Retry-After: 30"], "<html>")).await;
    let first = replica(&upstream, &redis, &[]).await;
    assert_eq!(first.get(&file(EICAR)).await.status, 429);
    let name = &until_there_are(&redis, 1, "*:closed:*").await[0];
    redis.order::<u64>(&format!("DEL {name}"));
    redis.order::<redis::Value>(&format!("{order} {name} {value}"));
    let second = replica(&upstream, &redis, &[]).await;
    assert_eq!(second.get(&file(TROJAN)).await.status, 429);
    assert_eq!(upstream.count(), 2);
    let units: Vec<String> = redis.order("KEYS *:minute:*");
    assert_eq!(units.len(), 1);
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn the_longer_of_two_back_offs_applies_to_all() {
    let redis = Redis::start();
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |call| {
        if call.target.contains(EICAR) {
            Answer::Bytes(http(429, &["Retry-After: 3000"], "<html>"))
        } else if call.target.contains(TROJAN) {
            Answer::Held(going.clone(), http(429, &["Retry-After: 3"], "<html>"))
        } else {
            Answer::Held(
                going.clone(),
                ok(r#"{"data": {"attributes": {"size": 68}}}"#),
            )
        }
    })
    .await;
    let first = replica(&upstream, &redis, &[]).await;
    let second = replica(&upstream, &redis, &[]).await;
    let (shorter, success) = (file(TROJAN), file(UNKNOWN));
    let early = async {
        upstream.until_asked(2).await;
        assert_eq!(first.get(&file(EICAR)).await.status, 429);
        until_there_are(&redis, 1, "*:closed:*").await;
        go.send_replace(true);
    };
    let (shorter, success, ()) = tokio::join!(second.get(&shorter), second.get(&success), early);
    assert_eq!((shorter.status, success.status), (429, 200));
    // The second replica's report has arrived once its next command has.
    assert_eq!(second.get("/api/v1/domains/example.com").await.status, 200);
    let third = replica(&upstream, &redis, &[]).await;
    for replica in [&first, &third] {
        let reply = replica.get(&file(EICAR_MD5)).await;
        let wait = reply.number("retry-after").unwrap();
        assert!(reply.status == 429 && wait > 2900, "{wait}");
    }
    assert_eq!(upstream.count(), 4);
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_write_at_one_replica_evicts_answers_at_all() {
    let redis = Redis::start();
    let upstream = Upstream::demo().await;
    let (first, second) = (
        replica(&upstream, &redis, &[]).await,
        replica(&upstream, &redis, &[]).await,
    );
    assert_eq!(origin(&second.get(&file(EICAR)).await), (200, Some("MISS")));
    assert_eq!(origin(&second.get(&file(EICAR)).await), (200, Some("HIT")));
    let analyse = first.post(&format!("{}/analyse", file(EICAR)));
    assert_eq!(send(analyse).await.status, 202);
    eventually("the other has heard", async || {
        let again = second.get(&file(EICAR)).await;
        (origin(&again) == (200, Some("MISS"))).then_some(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_key_verified_at_one_replica_is_verified_at_all() {
    let redis = Redis::start();
    let upstream = Upstream::demo().await;
    let shared = ["--cache-scope", "shared"];
    let (first, second) = (
        replica(&upstream, &redis, &shared).await,
        replica(&upstream, &redis, &shared).await,
    );
    ask_as(&first, "one", &file(EICAR)).await;
    ask_as(&first, "other", &file(TROJAN)).await;
    until_there_are(&redis, 2, "*:accepted:*").await;
    let reply = ask_as(&second, "other", &file(EICAR)).await;
    assert_eq!(origin(&reply), (200, Some("HIT")));
    let reply = ask_as(&second, "stranger", &file(EICAR)).await;
    assert_eq!(origin(&reply), (200, Some("MISS")));
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn redis_holds_api_keys_only_as_hashes() {
    let redis = Redis::start();
    let upstream = Upstream::demo().await;
    let gateway = replica(&upstream, &redis, &["--rate-limit-per-day", "9"]).await;
    gateway.get(&file(EICAR)).await;
    until_there_are(&redis, 1, "*:answer:*").await;
    for name in redis.order::<Vec<String>>("KEYS *") {
        assert!(
            name.starts_with("vt4ai:1:") && !name.contains(KEY),
            "{name}"
        );
        // Every key expires.
        assert!(redis.order::<i64>(&format!("PTTL {name}")) > 0, "{name}");
        let dump: Vec<u8> = redis.order(&format!("DUMP {name}"));
        assert!(
            !dump.windows(KEY.len()).any(|part| part == KEY.as_bytes()),
            "{name}"
        );
    }
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_gateway_starts_without_redis_and_uses_it_once_available() {
    let address = free_address();
    let upstream = Upstream::demo().await;
    let url = url_of(address);
    let flags = ["--redis-url", &url, "--rate-limit-per-minute", "2"];
    let gateway = Gateway::before(&upstream, &[&flags, &KEPT[..]].concat()).await;
    until_redis_is(&gateway, false).await;
    assert_eq!(
        origin(&gateway.get(&file(EICAR)).await),
        (200, Some("MISS"))
    );
    assert_eq!(origin(&gateway.get(&file(EICAR)).await), (200, Some("HIT")));
    // The gateway's own limit applies.
    assert_eq!(gateway.get(&file(TROJAN)).await.status, 200);
    assert_eq!(gateway.get(&file(UNKNOWN)).await.status, 429);
    let redis = Redis::at(address);
    until_redis_is(&gateway, true).await;
    assert_eq!(gateway.get(&file(UNKNOWN)).await.status, 429);
    assert!(redis.order::<u64>("DBSIZE") > 0);
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_gateway_survives_the_death_of_redis_and_reconnects() {
    let mut redis = Redis::start();
    let upstream = Upstream::demo().await;
    let gateway = replica(&upstream, &redis, &["--rate-limit-per-minute", "9"]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    redis.kill();
    assert_eq!(origin(&gateway.get(&file(EICAR)).await), (200, Some("HIT")));
    assert_eq!(
        origin(&gateway.get(&file(TROJAN)).await),
        (200, Some("MISS"))
    );
    until_redis_is(&gateway, false).await;
    redis.start_again();
    until_redis_is(&gateway, true).await;
    assert_eq!(gateway.get("/api/v1/domains/example.com").await.status, 200);
    let quota = gateway.get("/api/v1/quota").await.data();
    assert_eq!(quota["minute"]["used"], 3);
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_hanging_redis_delays_no_request() {
    let redis = Redis::start();
    let upstream = Upstream::demo().await;
    let gateway = hasty_replica(&upstream, &redis, &["--rate-limit-per-minute", "9"]).await;
    redis.signal("-STOP");
    for hash in [EICAR, TROJAN] {
        assert_eq!(origin(&gateway.get(&file(hash)).await), (200, Some("MISS")));
    }
    until_redis_is(&gateway, false).await;
    redis.signal("-CONT");
    until_redis_is(&gateway, true).await;
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_full_redis_is_bypassed() {
    let redis = Redis::start();
    let upstream = Upstream::demo().await;
    let gateway = replica(&upstream, &redis, &["--rate-limit-per-minute", "9"]).await;
    redis.order::<String>("CONFIG SET maxmemory 1");
    for hash in [EICAR, TROJAN] {
        assert_eq!(origin(&gateway.get(&file(hash)).await), (200, Some("MISS")));
    }
    until_redis_is(&gateway, false).await;
    redis.order::<String>("CONFIG SET maxmemory 0");
    until_redis_is(&gateway, true).await;
}

#[tokio::test]
async fn a_redis_with_invalid_replies_is_bypassed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let (mut stream, mut heard) = (stream, [0; 1000]);
                while stream.read(&mut heard).is_ok_and(|length| length > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                }
            });
        }
    });
    let upstream = Upstream::demo().await;
    let url = url_of(address);
    let gateway = Gateway::before(&upstream, &[&KEPT, &["--redis-url", &url][..]].concat()).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    until_redis_is(&gateway, false).await;
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn an_invalid_answer_in_redis_is_ignored() {
    let redis = Redis::start();
    let upstream = Upstream::demo().await;
    let first = replica(&upstream, &redis, &["--rate-limit-per-minute", "9"]).await;
    assert_eq!(first.get(&file(EICAR)).await.status, 200);
    let name = &until_there_are(&redis, 1, "*:answer:*").await[0];
    for value in [
        "nonsense",
        "{\"stamp\":1,\"fresh_ms\":9999,\"said\":{\"found\":9}}\nxyz",
    ] {
        redis.order::<String>(&format!("SET {name} {value}"));
        let other = replica(&upstream, &redis, &["--rate-limit-per-minute", "9"]).await;
        let reply = other.get(&file(EICAR)).await;
        assert_eq!(origin(&reply), (200, Some("MISS")), "{value}");
    }
}

#[rstest]
#[case::report(
    "",
    r#"{"data": {"attributes": {"#,
    r#"{"data": {"attributes": {"size": 1}}}"#
)]
#[case::list("/votes", r#"{"data": [{"#, r#"{"data": []}"#)]
#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_malformed_answer_is_never_served_from_redis(
    #[case] what: &str,
    #[case] malformed: &'static str,
    #[case] sound: &'static str,
) {
    let redis = Redis::start();
    let asked = Mutex::new(HashSet::new());
    let upstream = Upstream::faulty(move |call| {
        let is_first = asked.lock().unwrap().insert(call.target.clone());
        Answer::Bytes(ok(if is_first { malformed } else { sound }))
    })
    .await;
    let gateway = replica(&upstream, &redis, &["--rate-limit-per-minute", "0"]).await;
    // Redis evicts the malformed answer after the response, so each of many requests may find it
    // there.
    for number in 0..40 {
        let path = format!("{}{what}", file(&format!("{number:064x}")));
        let statuses = [gateway.get(&path).await, gateway.get(&path).await];
        assert_eq!(statuses.map(|reply| reply.status), [502, 200], "{path}");
    }
}
