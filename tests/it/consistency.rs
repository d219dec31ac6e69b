//! Tests that no answer is older than the last write to its object (`docs/quota-and-caching.md`).

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rstest::rstest;
use serde_json::json;

use crate::{
    cache::keeping,
    harness::{Answer, Call, EICAR, EICAR_MD5, Gateway, Reply, Upstream, failure, file, ok, send},
};

mod replicas;
mod sharing;

/// The SHA-1 of the EICAR test file.
const EICAR_SHA1: &str = "3395856ce81f2b7382dee72602f798b642f14140";

/// The content of the EICAR test file.
const EICAR_TEXT: &str = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

/// VirusTotal's id of `http://www.example.com/`: the SHA-256 of that text.
const URL_ID: &str = "14b570acce51451285fa2340e01f97344efe518c8770f5bbc0a794d9bcd55f01";

/// A VirusTotal with one file and one URL, whose version every write increments.
#[derive(Clone, Default)]
struct World(Arc<Inner>);

#[derive(Default)]
struct Inner {
    version: AtomicUsize,
    /// Whether the analysis is completed and a caller has seen that.
    is_completed: AtomicBool,
    was_told: AtomicBool,
    /// The bytes that answer all POSTs and, if set, all other calls.
    refusal: Mutex<Option<Vec<u8>>>,
    outage: Mutex<Option<Vec<u8>>>,
}

impl World {
    async fn upstream(&self) -> Upstream {
        let world = self.clone();
        Upstream::faulty(move |call| Answer::Bytes(world.answer(call))).await
    }

    fn version(&self) -> usize {
        self.0.version.load(Ordering::SeqCst)
    }

    fn refuse(&self, answer: Option<Vec<u8>>) {
        *self.0.refusal.lock().unwrap() = answer;
    }

    fn fail(&self, answer: Option<Vec<u8>>) {
        *self.0.outage.lock().unwrap() = answer;
    }

    fn answer(&self, call: &Call) -> Vec<u8> {
        if call.method == "POST" {
            if let Some(refusal) = self.0.refusal.lock().unwrap().clone() {
                return refusal;
            }
            self.0.version.fetch_add(1, Ordering::SeqCst);
            return ok(Self::begun(&call.target));
        }
        if let Some(outage) = self.0.outage.lock().unwrap().clone() {
            return outage;
        }
        ok(self.read(&call.target))
    }

    /// Returns the descriptor of the object that a POST creates.
    fn begun(target: &str) -> String {
        let id = match target {
            url if url.contains("/urls") => format!("u-{URL_ID}-1"),
            // The id is the base64 of the MD5 and a time.
            _ => "NDRkODg2MTJmZWE4YThmMzZkZTgyZTEyNzhhYmIwMmY6MQ==".to_owned(),
        };
        json!({"data": {"type": "analysis", "id": id}}).to_string()
    }

    fn read(&self, target: &str) -> String {
        if target.contains("/analyses/") {
            return self.analysis();
        }
        let version = self.version();
        let is_list = [
            "/comments",
            "/votes",
            "/relationships/",
            "/contacted_ips",
            "/search",
        ];
        if is_list.iter().any(|part| target.contains(part)) {
            let item = json!({"type": "x", "id": "x", "attributes": {"version": version}});
            return json!({"data": [item], "meta": {}}).to_string();
        }
        let data = if target.contains("/urls/") {
            json!({"type": "url", "id": URL_ID, "attributes": {"version": version}})
        } else {
            let attributes = json!({
                "md5": EICAR_MD5, "sha1": EICAR_SHA1, "sha256": EICAR, "version": version,
            });
            json!({"type": "file", "id": EICAR, "attributes": attributes})
        };
        json!({"data": data}).to_string()
    }

    fn analysis(&self) -> String {
        let is_completed = self.0.is_completed.load(Ordering::SeqCst);
        if is_completed && !self.0.was_told.swap(true, Ordering::SeqCst) {
            self.0.version.fetch_add(1, Ordering::SeqCst);
        }
        let status = if is_completed { "completed" } else { "queued" };
        let attributes = json!({"status": status});
        let data = json!({"type": "analysis", "id": "x", "attributes": attributes});
        json!({"data": data, "meta": {"file_info": {"sha256": EICAR}}}).to_string()
    }
}

/// Returns the path of every kind of read about the file.
fn readings() -> Vec<String> {
    let of_file = |part: &str| format!("{}{part}", file(EICAR));
    let mut all: Vec<_> = [EICAR_MD5, EICAR_SHA1, EICAR].map(file).into();
    all.extend([
        of_file("/comments"),
        of_file("/votes"),
        of_file("/relationships/contacted_ips"),
        of_file("/relationships/contacted_ips?limit=45"),
        of_file("/relationships/contacted_ips?descriptors_only=true"),
        of_file("/behaviour_summary"),
        format!("{}/comments", file(EICAR_MD5)),
        format!("/api/v1/search?query={EICAR_SHA1}"),
    ]);
    all
}

fn origin(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status, reply.header("x-cache"))
}

async fn origin_of(gateway: &Gateway, path: &str) -> (u16, Option<String>) {
    let reply = gateway.get(path).await;
    (reply.status, reply.header("x-cache").map(str::to_owned))
}

fn missed() -> (u16, Option<String>) {
    (200, Some("MISS".to_owned()))
}

fn hit() -> (u16, Option<String>) {
    (200, Some("HIT".to_owned()))
}

async fn post(gateway: &Gateway, path: &str, body: &str) -> Reply {
    let request = gateway
        .post(path)
        .header("content-type", "application/json");
    send(request.body(body.to_owned())).await
}

async fn upload(gateway: &Gateway, content: &str) -> Reply {
    let form = format!(
        "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n{content}\r\n--B--\r\n"
    );
    let request = gateway.post("/api/v1/files");
    let request = request.header("content-type", "multipart/form-data; boundary=B");
    send(request.body(form)).await
}

#[derive(Clone, Copy, Debug)]
enum Write {
    Upload,
    Rescan(&'static str),
    Comment(&'static str),
    Vote(&'static str),
}

async fn write(gateway: &Gateway, write: Write) -> Reply {
    let below = |hash: &str, part: &str| format!("{}/{part}", file(hash));
    match write {
        Write::Upload => upload(gateway, EICAR_TEXT).await,
        Write::Rescan(hash) => post(gateway, &below(hash, "analyse"), "").await,
        Write::Comment(hash) => post(gateway, &below(hash, "comments"), r#"{"text": "bad"}"#).await,
        Write::Vote(hash) => {
            post(
                gateway,
                &below(hash, "votes"),
                r#"{"verdict": "malicious"}"#,
            )
            .await
        }
    }
}

#[rstest]
#[case(Write::Upload)]
#[case(Write::Rescan(EICAR))]
#[case(Write::Rescan(EICAR_MD5))]
#[case(Write::Comment(EICAR_SHA1))]
#[case(Write::Vote(EICAR_MD5))]
#[tokio::test]
async fn after_a_write_no_older_answer_of_any_kind_is_served(#[case] kind: Write) {
    let world = World::default();
    let upstream = world.upstream().await;
    let gateway = keeping(&upstream, &[]).await;
    for path in readings() {
        gateway.get(&path).await;
        assert_eq!(origin_of(&gateway, &path).await, hit(), "{path}");
    }
    assert!(write(&gateway, kind).await.status < 300);
    for path in readings() {
        assert_eq!(origin_of(&gateway, &path).await, missed(), "{path}");
        assert_eq!(origin_of(&gateway, &path).await, hit(), "{path}");
    }
}

#[tokio::test]
async fn a_scan_makes_the_url_stale_under_all_its_names() {
    let world = World::default();
    let upstream = world.upstream().await;
    let gateway = keeping(&upstream, &[]).await;
    let base64 = "aHR0cDovL3d3dy5leGFtcGxlLmNvbS8";
    let paths = [
        "/api/v1/urls/analyze?url=http%3A%2F%2Fwww.example.com%2F".to_owned(),
        "/api/v1/urls/analyze?url=www.example.com".to_owned(),
        format!("/api/v1/urls/{base64}/comments"),
        format!("/api/v1/urls/{URL_ID}"),
        format!("/api/v1/urls/{URL_ID}/relationships/contacted_ips"),
    ];
    for path in &paths {
        gateway.get(path).await;
        assert_eq!(origin_of(&gateway, path).await, hit(), "{path}");
    }
    let scans = ["http://www.example.com/", "www.example.com"];
    for url in scans {
        let body = json!({"url": url}).to_string();
        assert_eq!(post(&gateway, "/api/v1/urls", &body).await.status, 202);
        for path in &paths {
            assert_eq!(
                origin_of(&gateway, path).await,
                missed(),
                "{path} after {url}"
            );
        }
    }
}

#[rstest]
#[case::sha256(EICAR)]
#[case::sha1(EICAR_SHA1)]
#[case::md5(EICAR_MD5)]
#[tokio::test]
async fn not_found_does_not_outlive_the_upload(#[case] hash: &str) {
    let world = World::default();
    world.fail(Some(failure(404, "NotFoundError", "no such file")));
    let upstream = world.upstream().await;
    let gateway = keeping(&upstream, &[]).await;
    assert_eq!(gateway.get(&file(hash)).await.status, 404);
    assert_eq!(origin(&gateway.get(&file(hash)).await), (404, Some("HIT")));
    assert_eq!(upload(&gateway, EICAR_TEXT).await.status, 202);
    world.fail(None);
    assert_eq!(origin_of(&gateway, &file(hash)).await, missed());
}

#[tokio::test]
async fn not_found_does_not_outlive_the_scan() {
    let world = World::default();
    world.fail(Some(failure(404, "NotFoundError", "no such URL")));
    let upstream = world.upstream().await;
    let gateway = keeping(&upstream, &[]).await;
    let path = "/api/v1/urls/analyze?url=http%3A%2F%2FWWW.example.com";
    assert_eq!(gateway.get(path).await.status, 404);
    let body = r#"{"url": "http://www.example.com/"}"#;
    assert_eq!(post(&gateway, "/api/v1/urls", body).await.status, 202);
    world.fail(None);
    assert_eq!(origin_of(&gateway, path).await, missed());
}

#[rstest]
#[case::a_poll("")]
#[case::a_wait("?wait=1m")]
#[tokio::test]
async fn a_completed_analysis_makes_its_object_stale(#[case] wait: &str) {
    let world = World::default();
    let upstream = world.upstream().await;
    let gateway = keeping(&upstream, &[]).await;
    let begun = write(&gateway, Write::Rescan(EICAR)).await.json();
    let id = begun["data"]["id"].as_str().unwrap();
    let analysis = format!("/api/v1/analyses/{}", id.replace('=', "%3D"));
    gateway.get(&file(EICAR)).await;
    assert_eq!(gateway.get(&analysis).await.status, 200);
    assert_eq!(
        origin_of(&gateway, &file(EICAR)).await,
        hit(),
        "it is still queued"
    );
    world.0.is_completed.store(true, Ordering::SeqCst);
    assert_eq!(gateway.get(&format!("{analysis}{wait}")).await.status, 200);
    for path in [file(EICAR_MD5), file(EICAR)] {
        let report = gateway.get(&path).await;
        assert_eq!(report.data()["version"], world.version(), "{path}");
    }
    // Reading the analysis again changes nothing more.
    let anew = [
        ("x-api-key", crate::harness::KEY),
        ("cache-control", "no-cache"),
    ];
    assert_eq!(gateway.get_with(&analysis, &anew).await.status, 200);
    assert_eq!(origin_of(&gateway, &file(EICAR)).await, hit());
}

#[rstest]
#[case::at_once("")]
#[case::with_a_wait("?wait=1m")]
#[tokio::test]
async fn an_analysis_that_is_not_found_is_fetched_again(#[case] wait: &str) {
    let world = World::default();
    world.fail(Some(failure(404, "NotFoundError", "no such analysis")));
    world.0.is_completed.store(true, Ordering::SeqCst);
    let upstream = world.upstream().await;
    let gateway = keeping(&upstream, &[]).await;
    let path = format!("/api/v1/analyses/abc{wait}");
    assert_eq!(origin(&gateway.get(&path).await), (404, Some("MISS")));
    world.fail(None);
    assert_eq!(gateway.get(&path).await.data()["status"], "completed");
}

#[rstest]
#[case::bad_request(failure(400, "BadRequestError", "x"))]
#[case::forbidden(failure(403, "ForbiddenError", "x"))]
#[case::not_found(failure(404, "NotFoundError", "x"))]
#[case::there_already(failure(409, "AlreadyExistsError", "x"))]
#[case::too_large(failure(413, "PayloadTooLargeError", "x"))]
#[case::too_many(failure(429, "QuotaExceededError", "x"))]
#[case::a_page(crate::harness::http(403, &["Content-Type: text/html"], "<html>"))]
#[tokio::test]
async fn a_refused_write_changes_nothing(#[case] refusal: Vec<u8>) {
    let world = World::default();
    let upstream = world.upstream().await;
    let gateway = keeping(&upstream, &[]).await;
    for path in readings() {
        gateway.get(&path).await;
    }
    world.refuse(Some(refusal));
    let made_up = gateway.post_keyless(&format!("{}/analyse", file(EICAR)));
    assert!(send(made_up.header("x-api-key", "another")).await.status >= 400);
    for kind in [
        Write::Upload,
        Write::Rescan(EICAR_MD5),
        Write::Comment(EICAR),
    ] {
        assert!(write(&gateway, kind).await.status >= 400);
    }
    for path in readings() {
        assert_eq!(origin_of(&gateway, &path).await, hit(), "{path}");
    }
}

#[tokio::test]
async fn a_write_with_a_refused_key_changes_nothing_for_others() {
    let world = World::default();
    let upstream = world.upstream().await;
    let gateway = keeping(&upstream, &[]).await;
    for path in readings() {
        gateway.get(&path).await;
    }
    world.refuse(Some(failure(401, "WrongCredentialsError", "x")));
    for part in ["analyse", "votes", "comments"] {
        let path = format!("{}/{part}", file(EICAR));
        let request = gateway.post_keyless(&path).header("x-api-key", "made-up");
        let request = request.header("content-type", "application/json");
        let body = r#"{"text": "x"}"#;
        assert!(send(request.body(body)).await.status >= 400);
    }
    for path in readings() {
        assert_eq!(origin_of(&gateway, &path).await, hit(), "{path}");
    }
}

#[rstest]
#[case::transient(failure(503, "TransientError", "x"))]
#[case::deadline(failure(504, "DeadlineExceededError", "x"))]
#[case::a_page(crate::harness::http(502, &[], "<html>"))]
#[case::no_answer(Vec::new())]
#[tokio::test]
async fn a_write_that_may_have_happened_makes_older_answers_stale(#[case] end: Vec<u8>) {
    let world = World::default();
    let upstream = world.upstream().await;
    let gateway = keeping(&upstream, &["--upstream-timeout", "300ms"]).await;
    for kind in [Write::Rescan(EICAR_MD5), Write::Upload] {
        world.refuse(Some(end.clone()));
        gateway.get(&file(EICAR)).await;
        assert_eq!(origin_of(&gateway, &file(EICAR)).await, hit());
        assert!(write(&gateway, kind).await.status >= 500);
        world.fail(Some(failure(503, "TransientError", "later")));
        let stale = gateway.get(&file(EICAR)).await;
        assert_eq!(origin(&stale), (200, Some("STALE")), "VirusTotal is away");
        world.fail(None);
        assert_eq!(origin_of(&gateway, &file(EICAR)).await, missed());
        assert_eq!(origin_of(&gateway, &file(EICAR)).await, hit());
    }
}
