//! Tests of the usage of callers by day (`docs/clients.md`).

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use rstest::rstest;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use time::{Date, OffsetDateTime};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::watch};
use vt4ai::access::TokenDigest;

use crate::{
    harness::{
        Answer, EICAR, Folder, Gateway, KEY, Process, Redis, Reply, UNKNOWN, Upstream, client,
        failure, file, http, ok, send, until, vt4ai,
    },
    mcp::Message,
};

const PATH: &str = "/api/v1/usage";
const SERVERS: &str = "the-key-of-the-server";

/// The counts of a caller: requests, units, saved units.
type Counts = [u64; 3];

fn token(name: &str) -> String {
    format!("vt4ai_token-of-{name}")
}

/// Returns the table of a client with these scopes, in TOML.
fn table(name: &str, scopes: &str) -> String {
    let digest = TokenDigest::of(token(name).as_bytes()).hex();
    format!("[[client]]\nname = \"{name}\"\ntoken_sha256 = \"{digest}\"\nscopes = [{scopes}]\n\n")
}

/// Returns the clients of most tests: two readers, and one that sees all.
fn clients() -> String {
    [
        table("alice", "\"read\", \"search\", \"all\""),
        table("bob", "\"read\""),
        table("grafana", "\"metrics\""),
    ]
    .concat()
}

/// Starts a gateway with clients, and with a cache in memory. The folder has the file of clients.
async fn with_clients(upstream: &Upstream, flags: &[&str]) -> (Folder, Gateway) {
    let folder = Folder::new().with("clients.toml", &clients());
    let path = folder.file("clients.toml");
    let own = ["--api-key", SERVERS, "--clients-file", &path];
    let kept = [
        "--cache-max-bytes",
        "100000000",
        "--client-rate-per-minute",
        "0",
    ];
    let gateway = Gateway::before(upstream, &[&own, &kept, flags].concat()).await;
    (folder, gateway)
}

async fn get(gateway: &Gateway, path: &str, name: &str) -> Reply {
    let token = token(name);
    gateway.get_with(path, &[("x-api-key", &token)]).await
}

/// Returns the usage in an answer, by kind and name.
fn callers(reply: &Reply) -> Vec<(String, Counts)> {
    let data = reply.data();
    let clients = data["clients"].as_array().unwrap();
    let of = |client: &Value| {
        let name = match &client["name"] {
            Value::Null => client["kind"].as_str().unwrap().to_owned(),
            name => name.as_str().unwrap().to_owned(),
        };
        (name, counts(&client["total"]))
    };
    clients.iter().map(of).collect()
}

fn counts(sums: &Value) -> Counts {
    ["requests", "units", "saved_units"].map(|name| sums[name].as_u64().unwrap())
}

/// Returns a client's own usage.
async fn own(gateway: &Gateway, name: &str) -> Counts {
    let reply = get(gateway, PATH, name).await;
    let callers = callers(&reply);
    let [(seen, counts)] = callers.as_slice() else {
        panic!("{callers:?}");
    };
    assert_eq!(seen, name);
    *counts
}

async fn tokens_of(gateway: &Gateway, name: &str) -> u64 {
    let data = get(gateway, PATH, name).await.data();
    data["clients"][0]["total"]["tokens"].as_u64().unwrap()
}

fn today() -> Date {
    OffsetDateTime::now_utc().date()
}

#[tokio::test]
async fn a_client_sees_its_own_usage_and_one_with_the_scope_sees_all() {
    let upstream = Upstream::demo().await;
    let (_folder, gateway) = with_clients(&upstream, &[]).await;
    assert_eq!(get(&gateway, &file(EICAR), "alice").await.status, 200);
    assert_eq!(get(&gateway, &file(EICAR), "alice").await.status, 200);
    assert_eq!(get(&gateway, &file(UNKNOWN), "alice").await.status, 404);
    assert_eq!(get(&gateway, &file(EICAR), "bob").await.status, 200);
    assert_eq!(own(&gateway, "alice").await, [3, 2, 1]);
    let reply = get(&gateway, PATH, "bob").await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(callers(&reply), [("bob".to_owned(), [1, 0, 1])]);
    let data = reply.data();
    assert_eq!(reply.json()["format"], "json");
    assert_eq!(data["to"], today().to_string());
    assert_eq!(data["kept_in"], "memory");
    assert_eq!(data["clients"][0]["kind"], "client");
    let days = data["clients"][0]["days"].as_array().unwrap();
    assert_eq!(days.len(), 31);
    assert_eq!(days[30]["date"], data["to"]);
    assert_eq!(counts(&days[30]), [1, 0, 1]);
    assert_eq!(counts(&days[29]), [0; 3]);
    let all = callers(&get(&gateway, PATH, "grafana").await);
    let of = |name: &str, counts| (name.to_owned(), counts);
    // Each request for usage before counts, too.
    assert_eq!(all, [of("alice", [4, 2, 1]), of("bob", [2, 0, 1])]);
    let own = callers(&get(&gateway, &format!("{PATH}?clients=own"), "alice").await);
    assert_eq!(own, [of("alice", [4, 2, 1])]);
    let metrics = get(&gateway, "/metrics", "grafana").await;
    for line in [
        "vt4ai_client_spent_units_total{client=\"alice\"} 2",
        "vt4ai_client_spent_units_total{client=\"bob\"} 0",
        "vt4ai_client_saved_units_total{client=\"bob\"} 1",
    ] {
        assert!(metrics.text().lines().any(|it| it == line), "{line}");
    }
    assert!(
        metrics
            .text()
            .contains("vt4ai_client_tokens_total{client=\"alice\"}")
    );
}

#[rstest]
#[case::scope("?clients=all", &token("bob"), 403, "no scope `metrics`")]
#[case::own("?clients=own", &token("grafana"), 403, "no scope `read`")]
#[case::unknown("", "vt4ai_token-of-mallory", 401, "not known")]
#[case::unknown_all("?clients=all", "vt4ai_token-of-mallory", 401, "not known")]
#[case::key("", KEY, 401, "client token")]
#[case::no_day("?days=0", &token("bob"), 400, "from 1 to 31")]
#[case::days("?days=32", &token("bob"), 400, "from 1 to 31")]
#[case::text("?days=a", &token("bob"), 400, "from 1 to 31")]
#[case::twice("?days=1&days=2", &token("bob"), 400, "days")]
#[case::others("?clients=alice", &token("bob"), 400, "`own` or `all`")]
#[case::parameter("?client=alice", &token("bob"), 400, "client")]
#[tokio::test]
async fn other_requests_are_refused(
    #[case] query: &str,
    #[case] token: &str,
    #[case] status: u16,
    #[case] says: &str,
) {
    let upstream = Upstream::demo().await;
    let (_folder, gateway) = with_clients(&upstream, &["--keyless", "off"]).await;
    // The gateway's own user is no exception where there are clients.
    let (own, through_a_proxy) = (("x-api-key", token), ("x-real-ip", "192.0.2.1"));
    for headers in [&[own] as &[_], &[own, through_a_proxy]] {
        let reply = gateway.get_with(&format!("{PATH}{query}"), headers).await;
        assert_eq!(reply.status, status, "{}", reply.text());
        assert!(reply.detail().contains(says), "{}", reply.detail());
        assert!(reply.detail().starts_with("Error retrieving usage: "));
    }
    assert_eq!(upstream.count(), 0);
}

#[rstest]
#[case::clients(true, "on", "this server has clients")]
#[case::clients_and_off(true, "off", "this server has clients")]
#[case::off(false, "off", "VT4AI_KEYLESS=off")]
#[tokio::test]
async fn the_usage_of_all_is_not_for_local_requests_without_a_token(
    #[case] has_clients: bool,
    #[case] keyless: &str,
    #[case] says: &str,
) {
    let upstream = Upstream::demo().await;
    let folder = Folder::new().with("clients.toml", &clients());
    let path = folder.file("clients.toml");
    let mut flags = vec!["--api-key", SERVERS];
    if keyless == "off" {
        flags.extend(["--keyless", "off"]);
    }
    if has_clients {
        flags.extend(["--clients-file", &path, "--allow-own-keys", "true"]);
    }
    let gateway = Gateway::before(&upstream, &flags).await;
    let all = format!("{PATH}?clients=all");
    let reply = gateway.get_with(&all, &[]).await;
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert!(reply.detail().contains(says), "{}", reply.detail());
    let reply = gateway.get_with(&all, &[("x-api-key", KEY)]).await;
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert!(
        reply.detail().contains("its own usage"),
        "{}",
        reply.detail()
    );
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn unknown_credentials_leave_no_entry() {
    let upstream = Upstream::demo().await;
    let (_folder, gateway) = with_clients(&upstream, &[]).await;
    for credential in ["vt4ai_mallory", "vt4ai_token-of-alic", "a-bare-key"] {
        for path in [&file(EICAR), PATH, "/api/v3/domains/example.com"] {
            let reply = gateway.get_with(path, &[("x-api-key", credential)]).await;
            assert_eq!(reply.status, 401);
        }
    }
    let all = callers(&get(&gateway, PATH, "grafana").await);
    assert!(all.is_empty(), "{all:?}");
    // Requests that concern no key count for no caller.
    for path in ["/livez", "/templates", "/"] {
        get(&gateway, path, "alice").await;
    }
    assert_eq!(own(&gateway, "alice").await, [0; 3]);
}

#[tokio::test]
async fn without_clients_a_key_is_a_caller_and_the_servers_key_another() {
    let upstream = Upstream::faulty(|call| {
        Answer::Bytes(match call.header("x-apikey") {
            Some("made-up") => failure(401, "WrongCredentialsError", "wrong"),
            _ => ok(json!({"data": {"type": "file", "id": EICAR, "attributes": {}}}).to_string()),
        })
    })
    .await;
    let gateway = Gateway::before(&upstream, &["--api-key", SERVERS]).await;
    let ask = async |key: Option<&str>, path: &str| {
        let header = key.map(|key| ("x-api-key", key));
        gateway.get_with(path, header.as_slice()).await
    };
    assert_eq!(ask(None, &file(EICAR)).await.status, 200);
    assert_eq!(ask(None, &file(EICAR)).await.status, 200);
    assert_eq!(ask(Some(KEY), &file(EICAR)).await.status, 200);
    assert_eq!(ask(Some("made-up"), &file(EICAR)).await.status, 401);
    assert_eq!(
        callers(&ask(None, PATH).await),
        [("server".to_owned(), [2, 2, 0])]
    );
    let of_servers = callers(&ask(Some(SERVERS), PATH).await);
    assert_eq!(of_servers, [("server".to_owned(), [3, 2, 0])]);
    let of_key = ask(Some(KEY), PATH).await;
    assert_eq!(of_key.data()["clients"][0]["kind"], "key");
    assert_eq!(callers(&of_key)[0].1, [1, 1, 0]);
    let made_up = callers(&ask(Some("made-up"), PATH).await);
    assert_eq!(made_up[0].1, [0; 3]);
    // The server's own user sees all, as it sees the metrics.
    let all = ask(None, &format!("{PATH}?clients=all")).await;
    let names: Vec<_> = callers(&all).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(names[0], "server");
    assert!(!all.text().contains(KEY), "{}", all.text());
    for foreign in [
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        for path in [&*format!("{PATH}?clients=all"), "/metrics"] {
            let refused = gateway.get_with(path, &[foreign]).await;
            assert_eq!(refused.status, 401, "{path}");
            assert!(
                refused.detail().contains("another site"),
                "{}",
                refused.detail()
            );
        }
    }
    let remote = [("x-api-key", KEY), ("x-forwarded-for", "192.0.2.1")];
    let remote = gateway
        .get_with(&format!("{PATH}?clients=all"), &remote)
        .await;
    assert_eq!(remote.status, 401);
    assert!(
        remote.detail().contains("the scope `metrics`"),
        "{}",
        remote.detail()
    );
}

/// Returns `count` addresses from a network for documentation.
fn addresses(count: u8) -> Vec<String> {
    (1..=count)
        .map(|last| format!("203.0.113.{last}"))
        .collect()
}

async fn post_rows(gateway: &Gateway, name: &str, rows: &[String], accept: &str) -> Reply {
    let request = gateway
        .post_keyless("/api/v1/lookup")
        .header("x-api-key", token(name))
        .header("content-type", "application/json")
        .header("accept", accept);
    send(request.body(json!({"indicators": rows}).to_string())).await
}

#[rstest]
#[case("application/x-ndjson")]
#[case("text/csv")]
#[case("text/markdown")]
#[case("application/json")]
#[tokio::test]
async fn a_job_counts_once_with_the_units_it_spends_and_saves(#[case] accept: &str) {
    let upstream = Upstream::demo().await;
    let (_folder, gateway) = with_clients(&upstream, &[]).await;
    let rows = addresses(100);
    for row in &rows[..40] {
        get(&gateway, &format!("/api/v1/ips/{row}"), "bob").await;
    }
    assert_eq!(own(&gateway, "bob").await, [40, 40, 0]);
    let reply = post_rows(&gateway, "alice", &rows, accept).await;
    assert_eq!(reply.status, 200);
    assert_eq!(own(&gateway, "alice").await, [1, 60, 40]);
    let tokens = usize::try_from(tokens_of(&gateway, "alice").await).unwrap();
    let exact = bpe_openai::o200k_base().count(reply.text());
    assert!((exact..exact * 2).contains(&tokens), "{tokens} for {exact}");
    assert_eq!(upstream.count(), 100);
}

#[tokio::test]
async fn each_entrance_counts_a_request_once() {
    let upstream = Upstream::demo().await;
    let (_folder, gateway) = with_clients(&upstream, &[]).await;
    let alice = token("alice");
    let headers = [("x-api-key", &*alice)];
    let mut requests = 0;
    let mut expect = async |units: u64, saved: u64| {
        requests += 1;
        assert_eq!(own(&gateway, "alice").await, [requests, units, saved]);
        requests += 1;
    };
    get(&gateway, &file(EICAR), "alice").await;
    expect(1, 0).await;
    // A drop-in client shares the answer.
    let passed = gateway
        .get_with(&format!("/api/v3/files/{EICAR}"), &headers)
        .await;
    assert_eq!(passed.header("x-cache"), Some("HIT"));
    expect(1, 1).await;
    // This one is passed on and streamed.
    let before = tokens_of(&gateway, "alice").await;
    let users = gateway
        .get_with("/api/v3/popular_threat_categories", &headers)
        .await;
    assert!(users.status < 500, "{}", users.text());
    let call = Message::call("get_report", json!({"indicator": "203.0.113.9"}));
    let result = call.send_with(&gateway, &headers).await;
    assert_eq!(result.status, 200, "{}", result.text());
    let list = Message::modern("tools/list", json!({}));
    assert_eq!(list.send_with(&gateway, &headers).await.status, 200);
    let rows = Message::call("lookup", json!({"indicators": [EICAR, "203.0.113.10"]}));
    assert_eq!(rows.send_with(&gateway, &headers).await.status, 200);
    let units = u64::try_from(upstream.count()).unwrap();
    // Of two reads of the usage and four requests.
    assert_eq!(own(&gateway, "alice").await, [9, units, 2]);
    let tokens = tokens_of(&gateway, "alice").await - before;
    assert!((200..6_000).contains(&tokens), "{tokens}");
    let none = gateway.get_with("/api/v1/nowhere", &headers).await;
    assert_eq!(none.status, 404);
    assert_eq!(own(&gateway, "alice").await, [12, units, 2]);
}

#[tokio::test]
async fn tokens_are_those_of_what_is_sent() {
    let upstream = Upstream::demo().await;
    let (_folder, gateway) = with_clients(&upstream, &[]).await;
    let path = format!("{}?view=brief&format=markdown&max_tokens=400", file(EICAR));
    let reply = get(&gateway, &path, "alice").await;
    let sent = reply.json()["meta"]["tokens"].as_u64().unwrap();
    assert!(sent > 20);
    assert_eq!(tokens_of(&gateway, "alice").await, sent);
    // Neither a 304 nor an error nor the answer to HEAD is one.
    let (alice, etag) = (token("alice"), reply.header("etag").unwrap());
    let known = [("x-api-key", &*alice), ("if-none-match", etag)];
    assert_eq!(gateway.get_with(&path, &known).await.status, 304);
    assert_eq!(get(&gateway, &file("x"), "alice").await.status, 400);
    let url = format!("http://{}{path}", gateway.address);
    let head = send(client().head(url).header("x-api-key", &alice)).await;
    assert_eq!(head.status, 200);
    assert_eq!(tokens_of(&gateway, "alice").await, sent);
    get(&gateway, &path, "alice").await;
    assert_eq!(tokens_of(&gateway, "alice").await, 2 * sent);
}

#[tokio::test]
async fn callers_that_share_a_call_have_saved_a_unit() {
    let (go, going) = watch::channel(false);
    let report = r#"{"data": {"type": "file", "id": "x", "attributes": {}}}"#;
    let upstream = Upstream::held(going, report).await;
    let (_folder, gateway) = with_clients(&upstream, &[]).await;
    let path = file(EICAR);
    let release = async {
        upstream.until_asked(1).await;
        // Both are in flight once the second is counted among them.
        until(async || {
            let metrics = gateway
                .get_with("/metrics", &[("x-api-key", &token("grafana"))])
                .await;
            metrics.text().contains("vt4ai_http_requests_in_flight 3")
        })
        .await;
        go.send(true).unwrap();
    };
    let (first, second, ()) = tokio::join!(
        get(&gateway, &path, "alice"),
        get(&gateway, &path, "bob"),
        release
    );
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(upstream.count(), 1);
    let both = [own(&gateway, "alice").await, own(&gateway, "bob").await];
    assert!(
        both.contains(&[1, 1, 0]) && both.contains(&[1, 0, 1]),
        "{both:?}"
    );
}

#[tokio::test]
async fn a_call_that_goes_on_without_its_caller_counts_for_it() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::faulty(move |_| {
        let busy = http(503, &["Content-Type: application/json"], "{}");
        Answer::Held(going.clone(), busy)
    })
    .await;
    let (_folder, gateway) = with_clients(&upstream, &[]).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = format!(
        "GET {} HTTP/1.1\r\nhost: a\r\nx-api-key: {}\r\n\r\n",
        file(EICAR),
        token("alice")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    upstream.until_asked(1).await;
    drop(stream);
    until(async || own(&gateway, "bob").await[0] > 3).await;
    go.send(true).unwrap();
    // The retries of the call are counted, too.
    until(async || {
        let [_, units, _] = own(&gateway, "alice").await;
        let calls = u64::try_from(upstream.count()).unwrap();
        calls > 1 && units == calls
    })
    .await;
}

/// Starts the binary with clients and a directory for the cache.
fn start(folder: &Folder) -> Process {
    let (dir, clients) = (folder.file("cache"), folder.file("clients.toml"));
    let flags = ["--demo", "--clients-file", &clients, "--cache-dir", &dir];
    Process::start(&mut vt4ai(folder, &flags))
}

async fn ask(process: &Process, path: &str, name: &str) -> Reply {
    let url = format!("http://{}{path}", process.address);
    send(client().get(url).header("x-api-key", token(name))).await
}

/// Returns the requests that are on disk.
fn on_disk(folder: &Folder) -> i64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let Ok(file) = Connection::open_with_flags(folder.file("cache/usage.db"), flags) else {
        return 0;
    };
    let all = file.query_row("SELECT sum(requests) FROM usage", [], |row| row.get(0));
    all.unwrap_or_default()
}

#[tokio::test]
async fn usage_survives_an_orderly_stop_and_a_kill() {
    let folder = Folder::new().with("clients.toml", &clients());
    fs::create_dir(folder.file("cache")).unwrap();
    let process = start(&folder);
    assert_eq!(ask(&process, &file(EICAR), "alice").await.status, 200);
    assert_eq!(ask(&process, &file(EICAR), "alice").await.status, 200);
    process.signal("-TERM");
    assert_eq!(process.end(), Some(0));
    assert_eq!(on_disk(&folder), 2);
    let process = start(&folder);
    assert_eq!(ask(&process, &file(UNKNOWN), "alice").await.status, 404);
    // Kept within a second, without a request for it.
    until(async || on_disk(&folder) == 3).await;
    process.stop();
    let process = start(&folder);
    let reply = ask(&process, PATH, "alice").await;
    assert_eq!(reply.data()["kept_in"], "disk");
    assert_eq!(callers(&reply), [("alice".to_owned(), [3, 2, 1])]);
    let all = ask(&process, PATH, "grafana").await;
    assert_eq!(callers(&all), [("alice".to_owned(), [4, 2, 1])]);
    process.stop();
    let mode = fs::metadata(folder.file("cache/usage.db")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn days_are_apart_and_end_after_a_month() {
    let folder = Folder::new().with("clients.toml", &clients());
    fs::create_dir(folder.file("cache")).unwrap();
    let process = start(&folder);
    ask(&process, &file(EICAR), "alice").await;
    ask(&process, PATH, "alice").await;
    process.signal("-TERM");
    process.end();
    let day = |ago: i64| today().to_julian_day() - i32::try_from(ago).unwrap();
    let disk = Connection::open(folder.file("cache/usage.db")).unwrap();
    for (caller, ago, requests) in [
        ("client:alice", 1, 10),
        ("client:alice", 30, 100),
        ("client:alice", 31, 1000),
        ("client:alice", -1, 1000),
        ("client:bob", 6, 7),
        // Not what the gateway writes.
        ("client:a b", 1, 5),
        ("nonsense", 1, 5),
        ("server", 1, -5),
    ] {
        let row = (caller, day(ago), requests);
        let insert = "INSERT INTO usage VALUES (?1, ?2, ?3, 0, 0, 0)";
        disk.execute(insert, row).unwrap();
    }
    drop(disk);
    let process = start(&folder);
    for (days, expected) in [("31", 112), ("30", 13), ("2", 14), ("1", 5)] {
        let reply = ask(&process, &format!("{PATH}?days={days}"), "alice").await;
        let data = reply.data();
        let alice = &data["clients"][0];
        assert_eq!(alice["total"]["requests"], expected, "{days}: {data}");
        assert_eq!(alice["days"].as_array().unwrap().len().to_string(), days);
    }
    let all = callers(&ask(&process, PATH, "grafana").await);
    let names: Vec<_> = all.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["alice", "bob", "server"]);
    assert_eq!(all[2].1, [0; 3]);
    let week = callers(&ask(&process, &format!("{PATH}?days=6"), "grafana").await);
    assert!(week.iter().all(|(name, _)| name != "bob"), "{week:?}");
    process.stop();
}

#[tokio::test]
async fn a_damaged_file_of_usage_is_set_aside() {
    let folder = Folder::new().with("clients.toml", &clients());
    fs::create_dir(folder.file("cache")).unwrap();
    fs::write(folder.file("cache/usage.db"), "damaged".repeat(1000)).unwrap();
    let process = start(&folder);
    ask(&process, &file(EICAR), "alice").await;
    process.wait_for("set aside as `usage.db.damaged-", 1);
    until(async || ask(&process, PATH, "alice").await.data()["kept_in"] == "disk").await;
    let counted = callers(&ask(&process, PATH, "alice").await);
    assert_eq!(counted[0].1[1], 1);
    process.stop();
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_leaves_usage_in_memory() {
    let folder = Folder::new()
        .with("clients.toml", &clients())
        .with("cache", "a file");
    let process = start(&folder);
    ask(&process, &file(EICAR), "alice").await;
    let reply = ask(&process, PATH, "alice").await;
    assert_eq!(reply.data()["kept_in"], "memory");
    assert_eq!(callers(&reply)[0].1, [1, 1, 0]);
    process.stop();
}

#[rstest]
#[case::with_answers("16000000")]
#[case::alone("0")]
#[tokio::test]
async fn no_key_or_token_is_in_the_file(#[case] bytes: &str) {
    let folder = Folder::new();
    let upstream = Upstream::demo().await;
    let dir = folder.file("cache");
    let flags = ["--cache-dir", &dir, "--cache-max-bytes", bytes];
    let gateway = Gateway::before(&upstream, &flags).await;
    gateway.get(&file(EICAR)).await;
    assert_eq!(gateway.get(PATH).await.data()["kept_in"], "disk");
    let digest = TokenDigest::of(KEY.as_bytes()).hex();
    for entry in fs::read_dir(&dir).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for text in [KEY, &digest[..16], EICAR] {
            let text = text.as_bytes();
            assert!(!bytes.windows(text.len()).any(|part| part == text));
        }
    }
    assert!(fs::exists(format!("{dir}/usage.db")).unwrap());
}

/// Waits until a client's own usage is this.
async fn until_own(
    gateway: &Gateway,
    name: &str,
    kept_in: &str,
    expected: impl Fn(Counts) -> bool,
) {
    until(async || {
        let reply = get(gateway, PATH, name).await;
        let data = reply.data();
        data["kept_in"] == kept_in && expected(callers(&reply)[0].1)
    })
    .await;
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn replicas_add_up_to_one_total() {
    let mut redis = Redis::start();
    let (upstream, url) = (Upstream::demo().await, redis.url());
    let flags = ["--redis-url", &url, "--redis-timeout", "20s"];
    let (_folder_of_first, first) = with_clients(&upstream, &flags).await;
    let (_folder_of_second, second) = with_clients(&upstream, &flags).await;
    until_own(&first, "bob", "redis", |_| true).await;
    until_own(&second, "bob", "redis", |_| true).await;
    for (gateway, last) in [(&first, 1), (&second, 2), (&second, 3)] {
        let path = format!("/api/v1/ips/203.0.113.{last}");
        assert!(get(gateway, &path, "alice").await.status < 500);
    }
    for gateway in [&first, &second] {
        until_own(gateway, "alice", "redis", |[_, units, _]| units == 3).await;
    }
    let all = callers(&get(&first, PATH, "grafana").await);
    let of_alice = all.iter().find(|(name, _)| name == "alice").unwrap();
    assert_eq!(of_alice.1[1..], [3, 0]);
    // A new replica has it, too.
    drop(first);
    let (_folder_of_third, third) = with_clients(&upstream, &flags).await;
    until_own(&third, "alice", "redis", |[_, units, _]| units == 3).await;
    // Days of other replicas, and fields that no gateway wrote.
    let yesterday = today().previous_day().unwrap();
    let name = format!("vt4ai:1:usage:{yesterday}");
    let _: i64 = redis.order(&format!("HINCRBY {name} server|units 7"));
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    for (field, value) in [
        ("client:alice units", "40"),
        ("client:alice requests", "nonsense"),
        ("nonsense", "9"),
    ] {
        let mut order = redis::cmd("HSET");
        let order = order.arg(&name).arg(field).arg(value);
        let _: i64 = order.query(&mut connection).unwrap();
    }
    until_own(&third, "alice", "redis", |[_, units, _]| units == 43).await;
    let one = get(&third, &format!("{PATH}?days=1"), "alice").await;
    assert_eq!(callers(&one)[0].1[1], 3);
    let all = callers(&get(&third, PATH, "grafana").await);
    assert!(
        all.iter()
            .any(|(name, counts)| name == "alice" && counts[1] == 43)
    );
    // Without Redis each replica knows its own, and adds it once Redis is back.
    redis.kill();
    let path = "/api/v1/ips/203.0.113.4";
    assert!(get(&second, path, "alice").await.status < 500);
    until_own(&second, "alice", "memory", |[_, units, _]| units == 3).await;
    redis.start_again();
    until_own(&third, "alice", "redis", |[_, units, _]| units == 1).await;
    tokio::time::timeout(
        Duration::from_secs(20),
        until_own(&second, "alice", "redis", |_| true),
    )
    .await
    .unwrap();
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn the_usage_of_many_callers_is_read_from_redis_in_parts() {
    let redis = Redis::start();
    let mut connection = redis::Client::open(redis.url())
        .unwrap()
        .get_connection()
        .unwrap();
    let mut fill = redis::cmd("HSET");
    fill.arg(format!("vt4ai:1:usage:{}", today()));
    for number in 0..4_000 {
        fill.arg(format!("client:c{number} units")).arg(2);
        fill.arg(format!("client:c{number} requests")).arg(3);
    }
    let _: i64 = fill.query(&mut connection).unwrap();
    let (upstream, url) = (Upstream::demo().await, redis.url());
    let (_folder, gateway) = with_clients(&upstream, &["--redis-url", &url]).await;
    until_own(&gateway, "bob", "redis", |_| true).await;
    let all = get(&gateway, &format!("{PATH}?days=1"), "grafana").await;
    assert_eq!(all.data()["kept_in"], "redis");
    let of_filled = callers(&all)
        .into_iter()
        .filter(|(name, _)| name.starts_with('c'));
    assert_eq!(
        of_filled.filter(|(_, counts)| *counts == [3, 2, 0]).count(),
        4_000
    );
    let metrics = get(&gateway, "/metrics", "grafana").await;
    assert!(
        metrics.text().contains("vt4ai_redis_up 1"),
        "{}",
        metrics.text()
    );
}
