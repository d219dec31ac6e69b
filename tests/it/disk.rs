//! Tests of the cache on disk (`VT4AI_CACHE_DIR`): what survives a restart, and what must not.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{
    Answer, Call, EICAR, EICAR_MD5, Folder, Gateway, KEY, Process, Reply, UNKNOWN, Upstream,
    failure, file, ok, send, until, vt4ai,
};

/// A VirusTotal with one file, whose version every write increments.
#[derive(Clone, Default)]
struct World {
    version: Arc<AtomicUsize>,
    refuses: Arc<AtomicUsize>,
}

impl World {
    async fn upstream(&self) -> Upstream {
        let world = self.clone();
        Upstream::faulty(move |call| Answer::Bytes(world.answer(call))).await
    }

    fn answer(&self, call: &Call) -> Vec<u8> {
        if self.refuses.load(Ordering::SeqCst) > 0 {
            return failure(401, "WrongCredentialsError", "refused");
        }
        if call.method == "POST" {
            self.version.fetch_add(1, Ordering::SeqCst);
            return ok(json!({"data": {"type": "comment", "id": "f-x-1"}}).to_string());
        }
        if call.target.contains(UNKNOWN) {
            return failure(404, "NotFoundError", "unknown");
        }
        let version = self.version.load(Ordering::SeqCst);
        let attributes = json!({"md5": EICAR_MD5, "sha256": EICAR, "size": version});
        let object = json!({"type": "file", "id": EICAR, "attributes": attributes});
        if call.target.contains("/comments") {
            let text = format!("version {version}");
            let comment = json!({"type": "comment", "id": "x", "attributes": {"text": text}});
            return ok(json!({"data": [comment], "meta": {}}).to_string());
        }
        ok(json!({"data": object}).to_string())
    }
}

/// Starts a gateway that keeps answers in this folder.
async fn keeping(upstream: &Upstream, folder: &Folder, flags: &[&str]) -> Gateway {
    let dir = folder.file("cache");
    let kept = ["--cache-max-bytes", "100000000", "--cache-dir", &dir];
    // The tests ask again and again until something is on disk.
    let patient = ["--client-rate-per-minute", "0"];
    Gateway::before(upstream, &[&kept, &patient[..], flags].concat()).await
}

/// Returns one of the metrics of the cache on disk; 0 while its file is being opened.
async fn metric(gateway: &Gateway, name: &str) -> u64 {
    let metrics = gateway.get_with("/metrics", &[]).await;
    let name = format!("vt4ai_cache_disk_{name} ");
    let value = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(&name).map(str::to_owned));
    value.map_or(0, |value| value.parse().unwrap())
}

/// Waits until so many answers are on disk.
async fn until_kept(gateway: &Gateway, entries: u64) {
    until(async || metric(gateway, "entries").await == entries).await;
}

fn cache(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status, reply.header("x-cache"))
}

async fn comment(gateway: &Gateway, hash: &str) {
    let path = format!("{}/comments", file(hash));
    let post = gateway
        .post(&path)
        .header("content-type", "application/json");
    let sent = send(post.body(r#"{"text": "a comment"}"#)).await;
    assert!(sent.status < 300, "{}", sent.text());
}

#[tokio::test]
async fn answers_survive_a_restart() {
    let (upstream, folder) = (World::default().upstream().await, Folder::new());
    let first = keeping(&upstream, &folder, &[]).await;
    let asked = first.get(&file(EICAR)).await;
    assert_eq!(cache(&asked), (200, Some("MISS")));
    assert_eq!(first.get(&file(UNKNOWN)).await.status, 404);
    until_kept(&first, 2).await;
    drop(first);
    let second = keeping(&upstream, &folder, &[]).await;
    let calls = upstream.calls().len();
    let kept = second.get(&file(EICAR)).await;
    assert_eq!(cache(&kept), (200, Some("HIT")));
    assert_eq!(kept.body, asked.body);
    assert_eq!(kept.header("etag"), asked.header("etag"));
    assert!(kept.number("age").is_some());
    assert_eq!(second.get(&file(UNKNOWN)).await.status, 404);
    assert_eq!(upstream.calls().len(), calls);
    assert_eq!(metric(&second, "hits_total").await, 2);
    // From now on it is in memory.
    second.get(&file(EICAR)).await;
    assert_eq!(metric(&second, "hits_total").await, 2);
    // Another key does not see it.
    let other = second
        .get_with(&file(EICAR), &[("x-api-key", "another-key")])
        .await;
    assert_eq!(cache(&other), (200, Some("MISS")));
}

#[tokio::test]
async fn age_and_freshness_go_on_across_a_restart() {
    let (upstream, folder) = (World::default().upstream().await, Folder::new());
    let short = ["--cache-ttl", "1s"];
    let first = keeping(&upstream, &folder, &short).await;
    first.get(&file(EICAR)).await;
    until_kept(&first, 1).await;
    drop(first);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let second = keeping(&upstream, &folder, &short).await;
    let stale = [("x-api-key", KEY), ("cache-control", "max-stale=60")];
    let kept = second.get_with(&file(EICAR), &stale).await;
    assert_eq!(cache(&kept), (200, Some("STALE")));
    assert!(kept.number("age").unwrap() >= 1);
    assert_eq!(cache(&second.get(&file(EICAR)).await), (200, Some("MISS")));
}

#[tokio::test]
async fn no_answer_from_before_a_write_comes_back() {
    let (world, folder) = (World::default(), Folder::new());
    let upstream = world.upstream().await;
    let comments = format!("{}/comments", file(EICAR_MD5));
    let first = keeping(&upstream, &folder, &[]).await;
    // The report tells that both hashes are of one file.
    for path in [&file(EICAR_MD5), &file(EICAR), &comments] {
        first.get(path).await;
    }
    until_kept(&first, 3).await;
    // The names follow the answers by a moment.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    drop(first);
    // The second gateway has not seen the report: it learns the names from disk.
    let second = keeping(&upstream, &folder, &[]).await;
    assert_eq!(cache(&second.get(&comments).await), (200, Some("HIT")));
    comment(&second, EICAR).await;
    assert!(second.get(&comments).await.text().contains("version 1"));
    drop(second);
    let third = keeping(&upstream, &folder, &[]).await;
    for path in [&file(EICAR_MD5), &file(EICAR)] {
        let report = third.get(path).await;
        assert!(report.text().contains("\"size\":1"), "{}", report.text());
    }
}

#[tokio::test]
async fn gateways_share_a_directory() {
    let (world, folder) = (World::default(), Folder::new());
    let upstream = world.upstream().await;
    let one = keeping(&upstream, &folder, &[]).await;
    let two = keeping(&upstream, &folder, &[]).await;
    one.get(&file(EICAR)).await;
    until_kept(&two, 1).await;
    assert_eq!(cache(&two.get(&file(EICAR)).await), (200, Some("HIT")));
    assert_eq!(upstream.calls().len(), 1);
    comment(&one, EICAR).await;
    // The other one has it in memory, and hears of the write soon.
    until(async || two.get(&file(EICAR)).await.text().contains("\"size\":1")).await;
}

#[tokio::test]
async fn a_refused_key_finds_nothing_after_a_restart() {
    let (world, folder) = (World::default(), Folder::new());
    let upstream = world.upstream().await;
    let first = keeping(&upstream, &folder, &[]).await;
    first.get(&file(EICAR)).await;
    until_kept(&first, 1).await;
    drop(first);
    let second = keeping(&upstream, &folder, &[]).await;
    assert_eq!(second.get(&file(EICAR)).await.status, 200);
    world.refuses.store(1, Ordering::SeqCst);
    assert_eq!(second.get(&file(EICAR_MD5)).await.status, 401);
    assert_eq!(second.get(&file(EICAR)).await.status, 401);
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(second);
    let third = keeping(&upstream, &folder, &[]).await;
    assert_eq!(third.get(&file(EICAR)).await.status, 401);
}

#[tokio::test]
async fn neither_key_nor_its_hash_stands_in_the_files() {
    let (upstream, folder) = (World::default().upstream().await, Folder::new());
    let gateway = keeping(&upstream, &folder, &[]).await;
    gateway.get(&file(EICAR)).await;
    comment(&gateway, EICAR).await;
    gateway.get(&file(EICAR)).await;
    until_kept(&gateway, 1).await;
    let hash = Sha256::digest(KEY);
    let hidden = [
        KEY.as_bytes().to_vec(),
        hash[..8].to_vec(),
        hex::encode(&hash[..8]).into_bytes(),
    ];
    for entry in fs::read_dir(folder.file("cache")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for text in &hidden {
            assert!(!bytes.windows(text.len()).any(|part| part == text));
        }
    }
}

#[tokio::test]
async fn an_unusable_directory_is_reported_and_served_without() {
    let folder = Folder::new().with("cache", "a file");
    let upstream = World::default().upstream().await;
    let gateway = keeping(&upstream, &folder, &[]).await;
    assert_eq!(cache(&gateway.get(&file(EICAR)).await), (200, Some("MISS")));
    assert_eq!(cache(&gateway.get(&file(EICAR)).await), (200, Some("HIT")));
    comment(&gateway, EICAR).await;
    let ready = gateway.get("/readyz").await;
    let health: Value = serde_json::from_slice(&ready.body).unwrap();
    assert_eq!((ready.status, &health["status"]), (200, &json!("degraded")));
    let checks = health["checks"].as_array().unwrap();
    let disk = checks.iter().find(|check| check["name"] == "disk").unwrap();
    assert_eq!(disk["ok"], false);
    assert!(!ready.text().contains("vt4ai-it-"), "{}", ready.text());
    assert_eq!(metric(&gateway, "up").await, 0);
    assert!(metric(&gateway, "errors_total").await > 0);
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_with_a_warning() {
    let folder = Folder::new();
    let dir = folder.file("cache");
    fs::create_dir(&dir).unwrap();
    fs::write(format!("{dir}/answers.db"), "damaged".repeat(1000)).unwrap();
    let mut command = vt4ai(&folder, &["--demo", "--cache-dir", &dir]);
    let process = Process::start(&mut command);
    process.wait_for("disk cache set aside as `answers.db.damaged-", 1);
    process.signal("-TERM");
    assert_eq!(process.end(), Some(0));
    let names = fs::read_dir(&dir).unwrap();
    let names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[tokio::test]
async fn an_orderly_stop_writes_what_waits() {
    let folder = Folder::new();
    let dir = folder.file("cache");
    let start = || {
        let mut command = vt4ai(&folder, &["--demo", "--cache-dir", &dir]);
        Process::start(&mut command)
    };
    let path = file(EICAR);
    let ask = async |process: &Process| {
        let url = format!("http://{}{path}", process.address);
        send(crate::harness::client().get(url)).await
    };
    let process = start();
    assert_eq!(cache(&ask(&process).await), (200, Some("MISS")));
    process.signal("-TERM");
    assert_eq!(process.end(), Some(0));
    let process = start();
    assert_eq!(cache(&ask(&process).await), (200, Some("HIT")));
}
