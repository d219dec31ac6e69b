//! Tests of client tokens: what each client may do, and that no key or token is disclosed.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rstest::rstest;
use vt4ai::access::TokenDigest;

use crate::harness::{
    EICAR, Folder, Gateway, KEY, Process, Reply, Upstream, client, file, run, send, vt4ai,
};

const SERVERS: &str = "the-key-of-the-server";
const ALICE: &str = "vt4ai_token-of-alice";
const BOB: &str = "vt4ai_token-of-bob";
const SEARCH: &str = "/api/v1/search?query=%23phishing";

/// Returns the TOML table of a client; its token is `vt4ai_token-of-` and its name.
fn table(name: &str, fields: &str) -> String {
    let digest = TokenDigest::of(format!("vt4ai_token-of-{name}").as_bytes()).hex();
    format!("[[client]]\nname = \"{name}\"\ntoken_sha256 = \"{digest}\"\n{fields}\n\n")
}

fn reader(name: &str) -> String {
    table(name, "scopes = [\"read\"]")
}

/// Starts a gateway with the server's key and these clients.
async fn with_clients(clients: &str, flags: &[&str]) -> (Upstream, Gateway) {
    let folder = Folder::new().with("clients.toml", clients);
    let upstream = Upstream::demo().await;
    let path = folder.file("clients.toml");
    let settings = ["--api-key", SERVERS, "--clients-file", &path];
    let gateway = Gateway::before(&upstream, &[&settings, flags].concat()).await;
    (upstream, gateway)
}

async fn get(gateway: &Gateway, path: &str, token: &str) -> Reply {
    gateway.get_with(path, &[("x-api-key", token)]).await
}

async fn scan(gateway: &Gateway, token: &str) -> Reply {
    let request = gateway
        .post_keyless("/api/v1/urls")
        .header("x-api-key", token);
    let request = request.header("content-type", "application/json");
    send(request.body(r#"{"url": "https://example.com/"}"#)).await
}

#[rstest]
#[case(&[("x-api-key", ALICE)])]
#[case(&[("x-apikey", ALICE)])]
#[case(&[("authorization", "Bearer vt4ai_token-of-alice")])]
#[case(&[("authorization", "bearer   vt4ai_token-of-alice")])]
#[case::twice(&[("authorization", "Bearer vt4ai_token-of-alice"), ("x-api-key", ALICE)])]
#[case::from_anywhere(&[("x-api-key", ALICE), ("host", "evil.test"), ("forwarded", "for=1.2.3.4")])]
#[tokio::test]
async fn a_token_spends_the_servers_key_and_is_not_forwarded(#[case] headers: &[(&str, &str)]) {
    let (upstream, gateway) = with_clients(&reader("alice"), &[]).await;
    let reply = gateway.get_with(&file(EICAR), headers).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let calls = upstream.calls();
    assert_eq!(calls[0].header("x-apikey"), Some(SERVERS));
    assert!(!format!("{calls:?}").contains("vt4ai_"), "{calls:?}");
}

#[rstest]
#[case::unknown(&[("x-api-key", "vt4ai_nobody")], "not known")]
#[case::bearer(&[("authorization", "Bearer vt4ai_nobody")], "not known")]
#[case::cut(&[("x-api-key", "vt4ai_token-of-alic")], "not known")]
#[case::expired(&[("x-api-key", BOB)], "expired")]
#[case::two(&[("x-api-key", ALICE), ("authorization", "Bearer vt4ai_token-of-bob")], "two different")]
#[case::bare_key(&[("x-api-key", KEY)], "client token")]
#[case::bare_key_beside(&[("x-api-key", KEY), ("authorization", "Bearer vt4ai_token-of-alice")], "two different")]
#[case::nothing(&[("host", "evil.test")], "client token")]
#[tokio::test]
async fn an_invalid_credential_is_refused(#[case] headers: &[(&str, &str)], #[case] why: &str) {
    let bob = table("bob", "scopes = [\"read\"]\nexpires = 2020-01-01");
    let (upstream, gateway) = with_clients(&(reader("alice") + &bob), &[]).await;
    let reply = gateway.get_with(&file(EICAR), headers).await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.header("www-authenticate"), Some("ApiKey"));
    assert!(reply.detail().contains(why), "{}", reply.detail());
    assert!(!reply.text().contains("token-of"), "{}", reply.text());
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn without_clients_a_token_is_refused() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--api-key", SERVERS]).await;
    for (name, value) in [("x-api-key", ALICE), ("authorization", "Bearer vt4ai_x")] {
        let reply = gateway.get_with(&file(EICAR), &[(name, value)]).await;
        assert_eq!(reply.status, 401);
        assert!(reply.detail().contains("no clients"), "{}", reply.detail());
    }
    // Other schemes are ignored: they may be meant for a proxy in between.
    for value in ["Basic dXNlcjpwYXNz", "Bearer of-somebody-else"] {
        let reply = gateway
            .get_with(&file(EICAR), &[("authorization", value)])
            .await;
        assert_eq!(reply.status, 200);
    }
}

#[tokio::test]
async fn keys_of_callers_own_can_be_allowed() {
    let (upstream, gateway) = with_clients(&reader("alice"), &["--allow-own-keys"]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    assert_eq!(upstream.calls()[0].header("x-apikey"), Some(KEY));
    assert_eq!(get(&gateway, &file(EICAR), ALICE).await.status, 200);
}

#[tokio::test]
async fn a_client_can_have_a_key_of_its_own() {
    let folder = Folder::new().with("key", "key-of-alice\n");
    let fields = format!("scopes = [\"read\"]\nkey_file = \"{}\"", folder.file("key"));
    let (upstream, gateway) = with_clients(&(table("alice", &fields) + &reader("bob")), &[]).await;
    for (token, key) in [(ALICE, "key-of-alice"), (BOB, SERVERS)] {
        assert_eq!(get(&gateway, &file(EICAR), token).await.status, 200);
        assert_eq!(
            upstream.calls().last().unwrap().header("x-apikey"),
            Some(key)
        );
    }
}

#[tokio::test]
async fn a_client_may_do_only_what_its_scopes_allow() {
    let all = ["read", "submit", "search", "metrics"].map(|scope| {
        let fields = format!("scopes = [\"{scope}\"]");
        table(scope, &fields)
    });
    let (upstream, gateway) = with_clients(&all.concat(), &[]).await;
    for scope in ["read", "submit", "search", "metrics"] {
        let token = format!("vt4ai_token-of-{scope}");
        for (needed, good, reply) in [
            ("read", 200, get(&gateway, &file(EICAR), &token).await),
            ("read", 200, get(&gateway, "/api/v1/quota", &token).await),
            ("search", 200, get(&gateway, SEARCH, &token).await),
            ("submit", 202, scan(&gateway, &token).await),
        ] {
            if needed == scope {
                assert_eq!(reply.status, good, "{}", reply.text());
            } else {
                assert_eq!(
                    (reply.status, reply.code().as_str()),
                    (403, "ForbiddenError")
                );
                let detail = reply.detail();
                assert!(detail.contains(&format!("no scope `{needed}`")), "{detail}");
            }
        }
    }
    assert_eq!(upstream.count(), 3, "what is refused costs nothing");
}

#[rstest]
#[case("per_minute", "minute", 60)]
#[case("per_day", "day", 86_400)]
#[tokio::test]
async fn each_client_has_an_allowance_of_its_own(
    #[case] field: &str,
    #[case] window: &str,
    #[case] most: u64,
) {
    let alice = table("alice", &format!("scopes = [\"read\"]\n{field} = 2"));
    let (upstream, gateway) = with_clients(&(alice + &reader("bob")), &[]).await;
    for _ in 0..2 {
        assert_eq!(get(&gateway, &file(EICAR), ALICE).await.status, 200);
        for free in ["/livez", "/api/v1/quota", "/api/v1/usage"] {
            assert_eq!(get(&gateway, free, ALICE).await.status, 200, "{free}");
        }
    }
    let reply = get(&gateway, &file(EICAR), ALICE).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (429, "QuotaExceededError")
    );
    let detail = reply.detail();
    assert!(
        detail.contains("`alice`") && detail.contains(&format!("2 requests a {window}")),
        "{detail}"
    );
    assert!((1..=most).contains(&reply.number("retry-after").unwrap()));
    assert_eq!(get(&gateway, &file(EICAR), BOB).await.status, 200);
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn a_job_costs_its_client_one_request_and_one_for_each_unit_spent() {
    let alice = table("alice", "scopes = [\"read\"]\nper_day = 6");
    let flags = [
        "--rate-limit-per-minute",
        "3",
        "--cache-max-bytes",
        "1000000",
    ];
    let (upstream, gateway) = with_clients(&alice, &flags).await;
    let job = gateway
        .post_keyless("/api/v1/lookup")
        .header("x-api-key", ALICE)
        .header("content-type", "application/json")
        .body(r#"{"indicators": ["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4", "8.8.8.5"]}"#);
    let reply = send(job).await;
    assert!(
        reply.text().contains("\"ended\":\"quota\""),
        "{}",
        reply.text()
    );
    // Those for which there was no unit cost nothing.
    assert_eq!(upstream.count(), 2);
    for left in (0..3).rev() {
        let reply = get(&gateway, "/api/v1/ips/8.8.8.1", ALICE).await;
        let is_not_over = !reply.text().contains("requests a day");
        assert!(is_not_over, "{left} left: {}", reply.text());
    }
    assert_eq!(
        get(&gateway, "/api/v1/ips/8.8.8.1", ALICE).await.status,
        429
    );
}

#[tokio::test]
async fn an_allowance_that_is_used_up_ends_a_job() {
    let alice = table("alice", "scopes = [\"read\"]\nper_day = 4");
    let (upstream, gateway) = with_clients(&alice, &[]).await;
    let rows: Vec<_> = (1..=100).map(|last| format!("8.8.4.{last}")).collect();
    let job = gateway
        .post_keyless("/api/v1/lookup")
        .header("x-api-key", ALICE)
        .header("content-type", "text/plain")
        .body(rows.join("\n"));
    let reply = send(job).await;
    assert!(
        reply.text().contains("\"ended\":\"allowance\""),
        "{}",
        reply.text()
    );
    // Those under way are finished.
    assert!(upstream.count() < 15, "{}", upstream.count());
}

#[tokio::test]
async fn clients_share_the_quota_of_their_key() {
    let flags = ["--rate-limit-per-minute", "1"];
    let (upstream, gateway) = with_clients(&(reader("alice") + &reader("bob")), &flags).await;
    assert_eq!(get(&gateway, &file(EICAR), ALICE).await.status, 200);
    let reply = get(&gateway, &file(EICAR), BOB).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.number("x-ratelimit-limit"), Some(1));
    assert!(!reply.detail().contains("bob"), "{}", reply.detail());
    assert_eq!(upstream.count(), 1);
}

/// Runs the binary with these clients in a file that the test can change.
fn serve(folder: &Folder, upstream: &Upstream, flags: &[&str]) -> Process {
    let settings = [
        "--upstream-url",
        &upstream.url,
        "--clients-file",
        "clients.toml",
    ];
    let mut command = vt4ai(folder, &[&settings, flags].concat());
    let command = command
        .env("VT4AI_API_KEY", SERVERS)
        .env("VT4AI_RATE_LIMIT_PER_MINUTE", "0")
        .env("VT4AI_CACHE_MAX_BYTES", "0")
        .env("KEY_OF_CAROL", "key-of-carol");
    Process::start(command)
}

async fn ask(process: &Process, name: &str) -> u16 {
    let url = format!("http://{}{}", process.address, file(EICAR));
    let token = format!("vt4ai_token-of-{name}");
    send(client().get(url).header("x-api-key", token))
        .await
        .status
}

#[tokio::test]
async fn a_changed_file_is_loaded_and_an_invalid_one_is_not() {
    let folder = Folder::new().with("clients.toml", &reader("alice"));
    let upstream = Upstream::demo().await;
    let process = serve(&folder, &upstream, &[]);
    assert_eq!(
        (ask(&process, "alice").await, ask(&process, "carol").await),
        (200, 401)
    );
    let carol = table("carol", "scopes = [\"read\"]\nkey_env = \"KEY_OF_CAROL\"");
    folder.put("clients.toml", &carol);
    process.wait_for("clients reloaded", 1);
    assert_eq!(
        (ask(&process, "alice").await, ask(&process, "carol").await),
        (401, 200)
    );
    let key = upstream
        .calls()
        .last()
        .unwrap()
        .header("x-apikey")
        .map(str::to_owned);
    assert_eq!(key.as_deref(), Some("key-of-carol"));
    folder.put(
        "clients.toml",
        &(reader("alice") + "[[client]]\nname = \"bob\"\n"),
    );
    process.wait_for("clients not reloaded", 2);
    assert_eq!(
        (ask(&process, "alice").await, ask(&process, "carol").await),
        (401, 200)
    );
    folder.put("clients.toml", &(reader("alice") + &carol));
    process.wait_for("clients reloaded", 2);
    assert_eq!(
        (ask(&process, "alice").await, ask(&process, "carol").await),
        (200, 200)
    );
    let log = process.stop();
    let why = log.lines().find(|line| line.contains("client `bob`"));
    assert!(why.is_some_and(|line| line.contains("WARN")), "{log}");
}

#[rstest]
#[case::no_clients(Some("client = []"), "clients reloaded")]
#[case::emptied(Some(""), "clients reloaded")]
#[case::comments(Some("# nothing\n"), "clients reloaded")]
#[case::deleted(None, "clients' file deleted")]
#[tokio::test]
async fn without_a_client_table_no_caller_is_admitted(
    #[case] text: Option<&str>,
    #[case] message: &str,
) {
    let folder = Folder::new().with("clients.toml", &reader("alice"));
    let upstream = Upstream::demo().await;
    let process = serve(&folder, &upstream, &[]);
    assert_eq!(ask(&process, "alice").await, 200);
    match text {
        Some(text) => folder.put("clients.toml", text),
        None => fs::remove_file(folder.file("clients.toml")).unwrap(),
    }
    process.wait_for(message, 1);
    assert_eq!(ask(&process, "alice").await, 401);
    let keyless = format!("http://{}{}", process.address, file(EICAR));
    assert_eq!(send(client().get(&keyless)).await.status, 401);
    assert_eq!(upstream.count(), 1);
    folder.put("clients.toml", &reader("alice"));
    process.wait_for("clients reloaded", if text.is_some() { 2 } else { 1 });
    assert_eq!(ask(&process, "alice").await, 200);
}

async fn readiness(process: &Process) -> (bool, bool) {
    let get =
        async |path: &str| send(client().get(format!("http://{}{path}", process.address))).await;
    let (health, metrics) = (get("/readyz").await.json(), get("/metrics").await);
    let is_reloaded = "\nvt4ai_clients_last_reload_successful 1\n";
    (
        health["status"] == "ok",
        metrics.text().contains(is_reloaded),
    )
}

fn make_fifo(path: &str) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[tokio::test]
async fn a_pipe_in_place_of_the_file_is_reported_and_blocks_nothing() {
    let folder = Folder::new().with("clients.toml", &reader("alice"));
    let upstream = Upstream::demo().await;
    let process = serve(&folder, &upstream, &[]);
    assert_eq!(readiness(&process).await, (true, true));
    let replace = |by: &str| fs::rename(folder.file(by), folder.file("clients.toml")).unwrap();
    make_fifo(&folder.file("pipe"));
    replace("pipe");
    process.wait_for("no regular file", 1);
    assert_eq!(readiness(&process).await, (false, false));
    assert_eq!(ask(&process, "alice").await, 200);
    process.signal("-HUP");
    process.wait_for("no regular file", 2);
    folder.put("clients.toml", &reader("bob"));
    process.wait_for("clients reloaded", 1);
    assert_eq!(
        (ask(&process, "alice").await, ask(&process, "bob").await),
        (401, 200)
    );
    assert_eq!(readiness(&process).await, (true, true));
    make_fifo(&folder.file("pipe"));
    replace("pipe");
    process.wait_for("no regular file", 3);
    process.signal("-TERM");
    assert_eq!(process.end(), Some(0));
}

#[rstest]
#[case::of_clients("pipe", "")]
#[case::of_a_key("clients.toml", "scopes = [\"read\"]\nkey_file = \"pipe\"")]
fn a_pipe_stops_the_start(#[case] clients: &str, #[case] fields: &str) {
    let folder = Folder::new().with("clients.toml", &table("alice", fields));
    make_fifo(&folder.file("pipe"));
    let flags = [
        "--port",
        "0",
        "--api-key",
        SERVERS,
        "--clients-file",
        clients,
    ];
    let (status, _, log) = run(&mut vt4ai(&folder, &flags));
    assert_eq!(status, 64);
    assert!(log.contains("no regular file"), "{log}");
}

#[test]
fn a_file_with_an_empty_client_list_starts() {
    let folder = Folder::new().with("clients.toml", "client = []");
    drop(Process::start(&mut vt4ai(
        &folder,
        &["--clients-file", "clients.toml"],
    )));
}

/// A lease on a file: a process that opens the file hangs.
struct Lease(Child);

impl Lease {
    fn on(path: &str) -> Self {
        let script = "import fcntl, os, signal, sys\n\
                      signal.signal(signal.SIGIO, signal.SIG_IGN)\n\
                      file = os.open(sys.argv[1], os.O_RDWR)\n\
                      fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
                      print('held', flush=True)\n\
                      signal.pause()\n";
        let python = Command::new("python3")
            .args(["-c", script, path])
            .stdout(Stdio::piped())
            .spawn();
        let mut lease = Self(python.expect("this test needs python3 on the PATH"));
        let mut line = String::new();
        let output = lease.0.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n", "python3 can't take a lease on {path}");
        lease
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
#[ignore = "needs python3: run with --include-ignored"]
async fn a_hanging_file_blocks_neither_the_next_one_nor_the_stop() {
    let folder = Folder::new().with("clients.toml", &reader("alice"));
    let upstream = Upstream::demo().await;
    let process = serve(&folder, &upstream, &[]);
    fs::write(folder.file("hanging"), reader("carol")).unwrap();
    let _lease = Lease::on(&folder.file("hanging"));
    let hang = || {
        fs::remove_file(folder.file("clients.toml")).unwrap();
        fs::hard_link(folder.file("hanging"), folder.file("clients.toml")).unwrap();
    };
    hang();
    process.wait_for("could not be read within", 1);
    assert_eq!(readiness(&process).await, (false, false));
    assert_eq!(ask(&process, "alice").await, 200);
    folder.put("clients.toml", &reader("bob"));
    process.wait_for("clients reloaded", 1);
    assert_eq!(
        (ask(&process, "alice").await, ask(&process, "bob").await),
        (401, 200)
    );
    assert_eq!(readiness(&process).await, (true, true));
    hang();
    process.signal("-HUP");
    process.wait_for("could not be read within", 2);
    let started = Instant::now();
    process.signal("-TERM");
    assert_eq!(process.end(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn readiness_and_metrics_report_reloads_of_the_file() {
    let carol = table("carol", "scopes = [\"read\"]\nkey_env = \"KEY_OF_CAROL\"");
    let all = reader("alice") + &reader("bob") + &carol;
    let folder = Folder::new().with("clients.toml", &all);
    let upstream = Upstream::demo().await;
    let process = serve(&folder, &upstream, &[]);
    let get = async |path: &str| {
        let url = format!("http://{}{path}", process.address);
        send(client().get(url)).await
    };
    // Returns the check's `ok`, the number of keys with gauges, and the detail.
    let look = async || {
        let (health, metrics) = (get("/readyz").await, get("/metrics").await);
        assert_eq!(health.status, 200);
        let health = health.json();
        let checks = health["checks"].as_array().unwrap().clone();
        let check = checks.into_iter().find(|check| check["name"] == "clients");
        let used = "vt4ai_quota_used_units{";
        let metrics = metrics.text();
        let used = metrics.lines().filter(|line| line.starts_with(used));
        let keys = used.filter(|line| line.contains("minute")).count();
        let is_reloaded = metrics.contains("\nvt4ai_clients_last_reload_successful 1\n");
        let check = check.unwrap();
        assert_eq!(health["status"] == "ok", is_reloaded);
        assert_eq!(check["ok"], is_reloaded);
        (
            is_reloaded,
            keys,
            check["detail"].as_str().unwrap().to_owned(),
        )
    };
    let (is_well, keys, detail) = look().await;
    assert_eq!((is_well, keys), (true, 2), "{detail}");
    assert!(detail.starts_with("3 may"), "{detail}");
    folder.put("clients.toml", "[[client]]\nname = \"bob\"\n");
    process.wait_for("clients not reloaded", 2);
    let (is_well, keys, detail) = look().await;
    assert_eq!((is_well, keys), (false, 2), "{detail}");
    assert!(
        detail.contains("mistakes: 2") && detail.contains("the previous 3"),
        "{detail}"
    );
    folder.put("clients.toml", &reader("alice"));
    process.wait_for("clients reloaded", 1);
    let (is_well, keys, detail) = look().await;
    // The series of a key that no client has any more are gone.
    assert_eq!((is_well, keys), (true, 1), "{detail}");
}

#[tokio::test]
async fn sighup_reloads_everything() {
    let fields = "scopes = [\"read\"]\nkey_file = \"key\"";
    let folder = Folder::new()
        .with("clients.toml", &table("alice", fields))
        .with("key", "first-key");
    let upstream = Upstream::demo().await;
    let process = serve(&folder, &upstream, &[]);
    assert_eq!(ask(&process, "alice").await, 200);
    folder.put("key", "second-key");
    process.signal("-HUP");
    process.wait_for("clients reloaded", 1);
    assert_eq!(ask(&process, "alice").await, 200);
    let calls = upstream.calls();
    let keys: Vec<_> = calls
        .iter()
        .map(|call| call.header("x-apikey").unwrap())
        .collect();
    assert_eq!(keys, ["first-key", "second-key"]);
}

/// `systemctl reload` sends the signal whatever is set up.
#[tokio::test]
async fn sighup_does_not_end_a_gateway_without_clients() {
    let process = Process::start(&mut vt4ai(&Folder::new(), &["--demo"]));
    for times in 1..=2 {
        process.signal("-HUP");
        process.wait_for("nothing to reload", times);
    }
    let url = format!("http://{}/livez", process.address);
    assert_eq!(send(client().get(url)).await.status, 200);
}

#[tokio::test]
async fn the_log_has_the_clients_name_and_never_its_token() {
    let folder = Folder::new().with("clients.toml", &reader("alice"));
    let upstream = Upstream::demo().await;
    let process = serve(&folder, &upstream, &["--log-level", "trace"]);
    let url = format!("http://{}{}", process.address, file(EICAR));
    for (name, value) in [
        ("x-api-key", ALICE.to_owned()),
        ("x-apikey", ALICE.to_owned()),
        ("authorization", format!("Bearer {ALICE}")),
        ("authorization", format!("Bearer {BOB}")),
    ] {
        let reply = send(client().get(&url).header(name, value)).await;
        assert!(matches!(reply.status, 200 | 401));
        let seen = format!("{:?}{}", reply.headers, reply.text());
        assert!(!seen.contains("token-of"), "{seen}");
    }
    let log = process.stop();
    assert_eq!(log.matches("client.name=\"alice\"").count(), 3, "{log}");
    let leaked = log.lines().find(|line| line.contains("token-of"));
    assert_eq!(leaked, None);
}

#[test]
fn an_invalid_clients_file_stops_the_start() {
    let folder = Folder::new()
        .with("empty.toml", "")
        .with("twice.toml", &reader("alice").repeat(2));
    for (file, mistakes) in [("empty.toml", 1), ("twice.toml", 2), ("not-there.toml", 1)] {
        let flags = ["--port", "0", "--api-key", SERVERS, "--clients-file", file];
        let (status, out, log) = run(&mut vt4ai(&folder, &flags));
        assert_eq!((status, out.as_str()), (64, ""));
        assert_eq!(
            log.matches("VT4AI_CLIENTS_FILE: ").count(),
            mistakes,
            "{log}"
        );
        assert!(log.contains(file), "{log}");
    }
}

#[tokio::test]
async fn a_new_token_works_with_its_printed_table() {
    let folder = Folder::new();
    let (status, out, log) = run(&mut vt4ai(&folder, &["token", "new", "--name", "alice"]));
    assert_eq!((status, log.as_str()), (0, ""));
    let is_token = |line: &&str| line.starts_with("vt4ai_");
    let token = out.lines().find(is_token).unwrap();
    assert_eq!(token.len(), "vt4ai_".len() + 43);
    assert_eq!(out.matches(token).count(), 1);
    let lines = &out[out.find("[[client]]").unwrap()..];
    let (_upstream, gateway) = with_clients(lines, &[]).await;
    assert_eq!(get(&gateway, &file(EICAR), token).await.status, 200);
    assert_eq!(get(&gateway, SEARCH, token).await.status, 200);
    assert_eq!(scan(&gateway, token).await.status, 403);
}

#[test]
fn a_token_needs_a_valid_name() {
    let folder = Folder::new();
    let (status, out, log) = run(&mut vt4ai(&folder, &["token", "new", "--name", "a b"]));
    assert_eq!((status, out.as_str()), (64, ""));
    assert!(log.contains("--name"), "{log}");
    assert_eq!(run(&mut vt4ai(&folder, &["token", "new"])).0, 64);
}

#[test]
fn a_variable_that_holds_a_clients_key_is_not_warned_of() {
    let fields = "scopes = [\"read\"]\nkey_env = \"VT4AI_KEY_OF_ALICE\"";
    let folder = Folder::new().with("clients.toml", &table("alice", fields));
    let mut command = vt4ai(&folder, &["--clients-file", "clients.toml"]);
    let command = command
        .env("VT4AI_KEY_OF_ALICE", "key-of-alice")
        .env("VT4AI_KEY_OF_BOB", "key-of-bob");
    let log = Process::start(command).stop();
    assert!(!log.contains("VT4AI_KEY_OF_ALICE"), "{log}");
    assert!(log.contains("VT4AI_KEY_OF_BOB is not a setting"), "{log}");
}

#[tokio::test]
async fn the_demo_serves_clients_and_refuses_wrong_keys() {
    let own_key = "scopes = [\"read\"]\nkey_file = ";
    let folder = Folder::new()
        .with("any.key", "any-key-will-do\n")
        .with("wrong.key", "Bad-key-of-carol\n");
    let clients = [
        reader("alice"),
        table("bob", &format!("{own_key}\"any.key\"")),
        table("carol", &format!("{own_key}\"wrong.key\"")),
    ];
    let folder = folder.with("clients.toml", &clients.concat());
    let settings = ["--demo", "--clients-file", "clients.toml"];
    let (status, _, log) = run(&mut vt4ai(&folder, &[&["check"], &settings[..]].concat()));
    assert_eq!(status, 0, "{log}");
    let process = Process::start(&mut vt4ai(&folder, &settings));
    for (name, status) in [("alice", 200), ("bob", 200), ("carol", 401)] {
        assert_eq!(ask(&process, name).await, status, "{name}");
    }
    let url = format!("http://{}{}", process.address, file(EICAR));
    let reply = send(client().get(url)).await;
    assert_eq!(reply.status, 401);
    assert!(
        reply.detail().contains("client token"),
        "{}",
        reply.detail()
    );

    let process = Process::start(&mut vt4ai(&folder, &["--demo"]));
    let url = format!("http://{}{}", process.address, file(EICAR));
    assert_eq!(send(client().get(&url)).await.status, 200);
    for (key, status) in [("bad-key", 401), ("BADKEY", 401), ("good-key", 200)] {
        let reply = send(client().get(&url).header("x-api-key", key)).await;
        assert_eq!(reply.status, status, "{key}: {}", reply.text());
        if status == 401 {
            assert_eq!(reply.code(), "WrongCredentialsError");
            assert!(!reply.text().contains(key), "{}", reply.text());
        }
    }
}
