//! Tests of the same rules for replicas that share one Redis, within two seconds.

use std::time::{Duration, Instant};

use super::{World, Write, hit, missed, origin_of, post, readings, write};
use crate::harness::{EICAR, EICAR_MD5, Gateway, Redis, Upstream, file, in_parallel};

/// The time within which the other replicas learn of a write.
const SOON: Duration = Duration::from_secs(2);

async fn replica(upstream: &Upstream, redis: &Redis) -> Gateway {
    let url = redis.url();
    let flags = [
        "--redis-url",
        &url,
        "--redis-timeout",
        "20s",
        "--cache-max-bytes",
        "100000000",
        "--client-rate-per-minute",
        "0",
    ];
    Gateway::before(upstream, &flags).await
}

/// Waits until the answer is no longer the cached one.
async fn until_missed(gateway: &Gateway, path: &str) {
    let began = Instant::now();
    while origin_of(gateway, path).await != missed() {
        // A busy machine gets more time.
        assert!(began.elapsed() < 5 * SOON, "{path}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_write_at_one_replica_makes_answers_of_the_others_stale() {
    let redis = Redis::start();
    let world = World::default();
    let upstream = world.upstream().await;
    let (first, second) = (
        replica(&upstream, &redis).await,
        replica(&upstream, &redis).await,
    );
    for kind in [
        Write::Rescan(EICAR_MD5),
        Write::Upload,
        Write::Comment(EICAR),
    ] {
        for path in readings() {
            second.get(&path).await;
            assert_eq!(origin_of(&second, &path).await, hit(), "{path}");
        }
        assert!(write(&first, kind).await.status < 300);
        let version = world.version();
        for path in readings() {
            until_missed(&second, &path).await;
        }
        assert_eq!(second.get(&file(EICAR)).await.data()["version"], version);
    }
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn an_answer_from_before_a_write_is_not_taken_from_redis() {
    let redis = Redis::start();
    let world = World::default();
    let upstream = world.upstream().await;
    let first = replica(&upstream, &redis).await;
    for path in readings() {
        first.get(&path).await;
    }
    assert!(write(&first, Write::Rescan(EICAR_MD5)).await.status < 300);
    let version = world.version();
    // The second replica knows only what Redis holds, including the names that others learned.
    let second = replica(&upstream, &redis).await;
    for path in [file(EICAR_MD5), file(EICAR)] {
        let report = second.get(&path).await;
        assert_eq!(report.data()["version"], version, "{path}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn replicas_receive_every_change_of_a_burst() {
    const OBJECTS: usize = 1100;
    let redis = Redis::start();
    let world = World::default();
    let upstream = world.upstream().await;
    let (first, second) = (
        replica(&upstream, &redis).await,
        replica(&upstream, &redis).await,
    );
    let path = |number: usize| format!("/api/v1/domains/d{number}.example");
    // The second replica caches the last objects.
    let last = OBJECTS - 5..OBJECTS;
    for number in last.clone() {
        second.get(&path(number)).await;
    }
    let numbers: Vec<_> = (0..OBJECTS).collect();
    // One caller may have this many requests in flight.
    for some in numbers.chunks(50) {
        let writes = some.iter().map(|number| {
            let path = format!("{}/analyse", path(*number));
            let first = &first;
            async move { post(first, &path, "").await.status }
        });
        assert!(
            in_parallel(writes)
                .await
                .iter()
                .all(|status| *status == 202)
        );
    }
    for number in last {
        until_missed(&second, &path(number)).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn a_change_is_published_once_redis_is_back() {
    let mut redis = Redis::start();
    let world = World::default();
    let upstream = world.upstream().await;
    let (first, second) = (
        replica(&upstream, &redis).await,
        replica(&upstream, &redis).await,
    );
    second.get(&file(EICAR)).await;
    redis.kill();
    assert!(write(&first, Write::Rescan(EICAR)).await.status < 300);
    redis.start_again();
    until_missed(&second, &file(EICAR)).await;
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn redis_holds_no_indicator_in_plain_text() {
    let redis = Redis::start();
    let world = World::default();
    let upstream = world.upstream().await;
    let gateway = replica(&upstream, &redis).await;
    for path in readings() {
        gateway.get(&path).await;
    }
    for kind in [
        Write::Rescan(EICAR_MD5),
        Write::Comment(EICAR),
        Write::Upload,
    ] {
        assert!(write(&gateway, kind).await.status < 300);
    }
    assert_eq!(
        post(&gateway, "/api/v1/domains/secret.example/analyse", "")
            .await
            .status,
        202
    );
    let began = Instant::now();
    while redis.order::<i64>("ZCARD vt4ai:1:news") < 4 {
        assert!(began.elapsed() < 5 * SOON);
        tokio::task::yield_now().await;
    }
    for name in redis.order::<Vec<String>>("KEYS *") {
        let dump: Vec<u8> = redis.order(&format!("DUMP {name}"));
        // Answers are compressed and hold the text of VirusTotal, which may name the indicator.
        let text = format!("{name} {}", String::from_utf8_lossy(&dump)).to_lowercase();
        for secret in [EICAR, EICAR_MD5, "secret.example"] {
            assert!(!text.contains(secret), "{name}");
        }
    }
}
