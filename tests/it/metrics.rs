//! Tests of the metrics and of the request log.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::{Command, Stdio},
};

use rstest::rstest;
use tokio::sync::watch;
use vt4ai::access::TokenDigest;

use crate::harness::{
    EICAR, Folder, Gateway, KEY, Process, Redis, TROJAN, UNKNOWN, Upstream, client, config,
    failure, file, ok, refusing, send, vt4ai,
};

const CACHED: [&str; 2] = ["--cache-max-bytes", "10000000"];
const ROUTE: &str = r#"route="/api/v1/files/{file_hash}",method="GET""#;

/// The content of `/metrics`: each series with its labels, and its value.
struct Numbers {
    text: String,
    series: BTreeMap<String, f64>,
}

impl Numbers {
    async fn of(gateway: &Gateway) -> Self {
        let reply = gateway.get_with("/metrics", &[]).await;
        assert_eq!(reply.status, 200);
        let media = "text/plain; version=0.0.4; charset=utf-8";
        assert_eq!(reply.header("content-type"), Some(media));
        Self::read(reply.text())
    }

    fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.filter_map(|line| line.rsplit_once(' '));
        Self {
            text: text.to_owned(),
            series: series
                .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
                .collect(),
        }
    }

    /// Returns the value of a series, or 0 if it does not exist yet.
    #[track_caller]
    fn get(&self, series: &str) -> f64 {
        self.series.get(series).copied().unwrap_or_default()
    }

    fn requests(&self, status: u16) -> f64 {
        self.get(&format!(
            "vt4ai_http_requests_total{{{ROUTE},status=\"{status}\"}}"
        ))
    }

    fn cache(&self, outcome: &str) -> f64 {
        self.get(&format!(
            "vt4ai_cache_answers_total{{outcome=\"{outcome}\"}}"
        ))
    }

    fn calls(&self, endpoint: &str, outcome: &str) -> f64 {
        let labels = format!("endpoint=\"{endpoint}\",outcome=\"{outcome}\"");
        self.get(&format!("vt4ai_upstream_requests_total{{{labels}}}"))
    }

    fn quota(&self, what: &str, window: &str) -> f64 {
        let name = format!("vt4ai_quota_{what}_units{{");
        let window = format!("window=\"{window}\"}}");
        let mut found = self.series.iter();
        let found =
            found.find(|(series, _)| series.starts_with(&name) && series.ends_with(&window));
        *found.unwrap_or_else(|| panic!("{}", self.text)).1
    }

    /// Returns all values of a label.
    fn labels(&self, name: &str) -> BTreeSet<&str> {
        let start = format!("{name}=\"");
        let values = self.series.keys().filter_map(|series| {
            let (_, rest) = series.split_once(&start)?;
            rest.split('"').next()
        });
        values.collect()
    }
}

#[track_caller]
fn same(left: f64, right: u32) {
    assert!((left - f64::from(right)).abs() < 1e-9, "{left} for {right}");
}

#[tokio::test]
async fn requests_are_counted_by_route_method_and_status() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for (path, status) in [
        (file(EICAR), 200),
        (file(TROJAN), 200),
        (file(UNKNOWN), 404),
        (file("nonsense"), 400),
    ] {
        assert_eq!(gateway.get(&path).await.status, status);
    }
    let numbers = Numbers::of(&gateway).await;
    for (status, count) in [(200, 2), (404, 1), (400, 1), (500, 0)] {
        same(numbers.requests(status), count);
    }
    same(numbers.get("vt4ai_quota_spent_units_total"), 3);
    same(numbers.get("vt4ai_http_requests_in_flight"), 1);
    same(numbers.get("vt4ai_http_connections"), 1);
    same(numbers.get("vt4ai_http_panics_total"), 0);
    let version = env!("CARGO_PKG_VERSION");
    same(
        numbers.get(&format!("vt4ai_build_info{{version=\"{version}\"}}")),
        1,
    );
    assert!(numbers.get("process_resident_memory_bytes") > 1e6);
}

#[tokio::test]
async fn requests_with_a_token_are_counted_by_client() {
    let gateway = exposed(&["--allow-own-keys"]).await;
    for token in ["vt4ai_read", "vt4ai_read", "vt4ai_unknown", KEY] {
        let headers = [("x-api-key", token)];
        gateway.get_with(&file(EICAR), &headers).await;
    }
    let numbers = Numbers::of(&gateway).await;
    let name = format!("vt4ai_http_requests_total{{{ROUTE},status=\"200\",client=\"read\"}}");
    same(numbers.get(&name), 2);
    same(numbers.requests(200), 1);
    same(numbers.requests(401), 1);
    assert_eq!(numbers.labels("client"), BTreeSet::from(["read"]));
}

#[tokio::test]
async fn each_gateway_in_a_process_has_its_own_metrics() {
    let upstream = Upstream::demo().await;
    let one = Gateway::before(&upstream, &[]).await;
    let other = Gateway::before(&upstream, &[]).await;
    assert_eq!(one.get(&file(EICAR)).await.status, 200);
    same(Numbers::of(&one).await.requests(200), 1);
    same(Numbers::of(&other).await.requests(200), 0);
}

#[tokio::test]
async fn request_durations_separate_the_gateways_time_from_virustotals() {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::held(going, r#"{"data": {"attributes": {"size": 68}}}"#).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let path = file(EICAR);
    let held = async {
        upstream.until_asked(1).await;
        // Waits until the upstream's time is measurable, whatever else the machine does.
        tokio::time::timeout(
            std::time::Duration::from_millis(300),
            std::future::pending::<()>(),
        )
        .await
        .unwrap_err();
        go.send_replace(true);
    };
    // Two callers that share a call wait for it alike.
    let (first, second, ()) = tokio::join!(gateway.get(&path), gateway.get(&path), held);
    assert_eq!((first.status, second.status), (200, 200));
    let numbers = Numbers::of(&gateway).await;
    let all = numbers.get(&format!(
        "vt4ai_http_request_duration_seconds_sum{{{ROUTE}}}"
    ));
    let route = ROUTE.split(',').next().unwrap();
    let own = numbers.get(&format!(
        "vt4ai_http_request_overhead_seconds_sum{{{route}}}"
    ));
    let calls = r#"endpoint="GET /files/{}""#;
    let theirs = numbers.get(&format!(
        "vt4ai_upstream_request_duration_seconds_sum{{{calls}}}"
    ));
    assert!(all >= 0.5 && theirs >= 0.29, "{all} {theirs}");
    assert!(own > 0.0 && own < all - 0.5, "{own} of {all}");
    same(
        numbers.get(&format!(
            "vt4ai_http_request_duration_seconds_bucket{{{ROUTE},le=\"+Inf\"}}"
        )),
        2,
    );
    same(
        numbers.get(&format!(
            "vt4ai_http_request_duration_seconds_bucket{{{ROUTE},le=\"0.1\"}}"
        )),
        0,
    );
}

#[tokio::test]
async fn cache_requests_are_counted_by_result() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &CACHED).await;
    for _ in 0..3 {
        assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    }
    assert_eq!(gateway.get(&file("nonsense")).await.status, 400);
    let numbers = Numbers::of(&gateway).await;
    let count = ["miss", "hit", "stale"].map(|outcome| numbers.cache(outcome));
    same(count[0], 1);
    same(count[1], 2);
    same(count[2], 0);
    same(numbers.get("vt4ai_quota_spent_units_total"), 1);
    same(numbers.get("vt4ai_cache_max_bytes"), 10_000_000);
    let bytes = numbers.get("vt4ai_cache_bytes");
    assert!(bytes > 1000.0 && bytes < 1e7, "{bytes}");
    assert!(numbers.get("vt4ai_cache_entries") >= 2.0);
}

#[tokio::test]
async fn evictions_are_counted() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--cache-max-bytes", "20000"]).await;
    for number in 0..60 {
        gateway
            .get(&format!("/api/v1/ips/203.0.113.{number}"))
            .await;
    }
    let numbers = Numbers::of(&gateway).await;
    assert!(
        numbers.get("vt4ai_cache_evictions_total") > 0.0,
        "{}",
        numbers.text
    );
    assert!(numbers.get("vt4ai_cache_bytes") <= 20_000.0);
}

#[tokio::test]
async fn stale_answers_are_counted_by_reason() {
    let upstream = Upstream::demo().await;
    let flags = [
        &CACHED[..],
        &["--cache-ttl", "0s", "--rate-limit-per-minute", "1"],
    ]
    .concat();
    let gateway = Gateway::before(&upstream, &flags).await;
    let path = "/api/v1/domains/example.com";
    assert_eq!(gateway.get(path).await.header("x-cache"), Some("MISS"));
    assert_eq!(gateway.get(path).await.header("x-cache"), Some("STALE"));
    let headers = [("x-api-key", KEY), ("cache-control", "max-stale")];
    assert_eq!(
        gateway.get_with(path, &headers).await.header("x-cache"),
        Some("STALE")
    );
    let numbers = Numbers::of(&gateway).await;
    same(numbers.cache("stale_quota"), 1);
    same(numbers.cache("stale"), 1);
}

#[rstest]
#[case::refused(failure(403, "ForbiddenError", "x"), "forbidden")]
#[case::too_many(failure(429, "QuotaExceededError", "x"), "too_many_requests")]
#[case::unknown(failure(404, "NotFoundError", "x"), "not_found")]
#[case::odd(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_vec(), "unexpected")]
#[case::garbage(b"garbage".to_vec(), "broken")]
#[case::success(ok(r#"{"data": {"attributes": {}}}"#), "ok")]
#[tokio::test]
async fn calls_are_counted_by_endpoint_and_outcome(#[case] answer: Vec<u8>, #[case] outcome: &str) {
    let upstream = Upstream::always(answer).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    gateway.get(&file(EICAR)).await;
    let numbers = Numbers::of(&gateway).await;
    same(numbers.calls("GET /files/{}", outcome), 1);
    let all = numbers.series.keys();
    let all = all.filter(|it| it.starts_with("vt4ai_upstream_requests_total"));
    assert_eq!(all.count(), 1, "{}", numbers.text);
}

#[tokio::test]
async fn a_call_without_a_connection_costs_nothing() {
    let (_socket, url) = refusing();
    let gateway = Gateway::at(&url, &[]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 502);
    let numbers = Numbers::of(&gateway).await;
    same(numbers.calls("GET /files/{}", "unreachable"), 3);
    same(numbers.get("vt4ai_quota_spent_units_total"), 0);
    same(numbers.requests(502), 1);
}

#[tokio::test]
async fn the_remaining_quota_of_the_servers_key_is_exported() {
    let upstream = Upstream::demo().await;
    let flags = [
        "--api-key",
        "key-of-the-server",
        "--rate-limit-per-minute",
        "3",
    ];
    let gateway = Gateway::before(&upstream, &flags).await;
    assert_eq!(gateway.get_with(&file(EICAR), &[]).await.status, 200);
    // The quota of a caller's own key is not exported.
    assert_eq!(gateway.get(&file(TROJAN)).await.status, 200);
    let numbers = Numbers::of(&gateway).await;
    same(numbers.quota("allowed", "minute"), 3);
    same(numbers.quota("used", "minute"), 1);
    same(numbers.quota("remaining", "minute"), 2);
    assert!(numbers.quota("allowed", "day").is_infinite());
    let keys = numbers.labels("key");
    let is_short = |key: &&str| key.len() == 8 && key.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(keys.len() == 1 && keys.iter().all(is_short), "{keys:?}");
    assert!(!numbers.text.contains("key-of-"), "{}", numbers.text);
}

#[rstest]
#[case::wrong("bad-key-of-the-server", 1)]
#[case::right("key-of-the-server", 0)]
#[tokio::test]
async fn a_refused_key_of_the_server_is_exported_and_no_other(
    #[case] key: &str,
    #[case] flag: i32,
) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--api-key", key]).await;
    gateway.get_with(&file(EICAR), &[]).await;
    let wrong = [("x-api-key", "bad-key-of-a-caller")];
    assert_eq!(gateway.get_with(&file(TROJAN), &wrong).await.status, 401);
    let numbers = Numbers::of(&gateway).await;
    let series = numbers.series.iter();
    let series = series.filter(|(name, _)| name.starts_with("vt4ai_upstream_key_refused{"));
    let flags: Vec<f64> = series.map(|(_, value)| *value).collect();
    assert_eq!(flags, [f64::from(flag)], "{}", numbers.text);
}

#[tokio::test]
async fn requests_waiting_for_quota_are_counted() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "1"]).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    let path = format!("{}?wait=2m", file(TROJAN));
    let waits = gateway.get(&path);
    let watch = async {
        loop {
            let numbers = Numbers::of(&gateway).await;
            if numbers.get("vt4ai_quota_waiting_requests") > 0.0 {
                return numbers;
            }
        }
    };
    let numbers = tokio::select! {
        _ = waits => panic!("it did not wait"),
        numbers = watch => numbers,
    };
    same(numbers.get("vt4ai_quota_waiting_requests"), 1);
    same(numbers.get("vt4ai_http_requests_in_flight"), 2);
    same(numbers.get("vt4ai_http_connections"), 2);
}

#[tokio::test]
async fn labels_hold_no_part_of_a_request() {
    let upstream = Upstream::demo().await;
    let flags = [&CACHED[..], &["--client-rate-per-minute", "0"]].concat();
    let gateway = Gateway::before(&upstream, &flags).await;
    let ask = async |number: usize| {
        for path in [
            format!("/nowhere/{number}"),
            format!("/api/v1/files/{number:032x}"),
            format!("/api/v1/files/{EICAR}/relationships/made_up_{number}"),
            format!("/api/v1/urls/analyze?url=http%3A%2F%2Fa{number}.example%2F"),
            format!(
                "/api/v1/domains/d{number}.example/relationships/no_{number}?descriptors_only=true"
            ),
            format!("/api/v1/search?query=q{number}"),
        ] {
            gateway.get(&path).await;
        }
        gateway.ask(&format!("METHOD{number}"), "/livez").await;
    };
    ask(0).await;
    // The second scrape contains what the first one counted of itself.
    Numbers::of(&gateway).await;
    let before = Numbers::of(&gateway).await;
    for number in 1..30 {
        ask(number).await;
    }
    let after = Numbers::of(&gateway).await;
    let names = |numbers: &Numbers| numbers.series.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after));
    same(after.calls("GET /files/{}/{}", "not_found"), 30);
    same(
        after.get(r#"vt4ai_http_requests_total{route="-",method="GET",status="404"}"#),
        30,
    );
    same(
        after.get(r#"vt4ai_http_requests_total{route="/livez",method="other",status="405"}"#),
        30,
    );
    for word in [
        EICAR,
        "made_up",
        "example",
        "METHOD",
        KEY,
        "nowhere",
        "127.0.0.1",
        "q1",
    ] {
        assert!(!after.text.contains(word), "{word}: {}", after.text);
    }
}

/// Starts a gateway with a client for each of two scopes, whose token is `vt4ai_` and the scope.
async fn exposed(flags: &[&str]) -> Gateway {
    let table = |scope: &str| {
        let digest = TokenDigest::of(format!("vt4ai_{scope}").as_bytes()).hex();
        format!(
            "[[client]]\nname = \"{scope}\"\ntoken_sha256 = \"{digest}\"\nscopes = [\"{scope}\"]\n"
        )
    };
    let folder = Folder::new().with("clients.toml", &(table("read") + &table("metrics")));
    let path = folder.file("clients.toml");
    let settings = ["--demo", "--clients-file", &path];
    Gateway::start(config(&[&settings, flags].concat())).await
}

#[rstest]
#[case::beyond_loopback(&["--host", "0.0.0.0"], &[])]
#[case::ipv6(&["--host", "::"], &[])]
#[case::by_a_proxy(&[], &[("x-real-ip", "192.0.2.1")])]
#[case::by_another_name(&[], &[("host", "evil.test")])]
#[tokio::test]
async fn remote_scrapes_need_a_token_with_the_metrics_scope(
    #[case] flags: &[&str],
    #[case] headers: &[(&str, &str)],
) {
    let gateway = exposed(flags).await;
    let get = async |more: &[(&str, &str)]| {
        let reply = gateway
            .get_with("/metrics", &[headers, more].concat())
            .await;
        (reply.status, reply)
    };
    for (credential, status) in [
        (&[][..], 401),
        (&[("x-api-key", KEY)], 401),
        (&[("x-api-key", "vt4ai_nobody")], 401),
        (&[("authorization", "Basic dXNlcjpwYXNz")], 401),
        (&[("x-api-key", "vt4ai_read")], 403),
        (&[("x-api-key", "vt4ai_metrics")], 200),
        (&[("authorization", "Bearer vt4ai_metrics")], 200),
    ] {
        let (got, reply) = get(credential).await;
        assert_eq!(got, status, "{credential:?}: {}", reply.text());
        let has_numbers = reply.text().contains("vt4ai_build_info");
        assert_eq!(has_numbers, status == 200, "{credential:?}");
    }
}

#[tokio::test]
async fn metrics_on_loopback_are_open_to_the_own_user() {
    let gateway = exposed(&[]).await;
    for headers in [
        &[][..],
        &[("x-api-key", "vt4ai_read")],
        &[("x-api-key", KEY)],
    ] {
        assert_eq!(gateway.get_with("/metrics", headers).await.status, 200);
    }
}

#[tokio::test]
async fn beyond_loopback_the_admin_port_needs_no_token() {
    let gateway = exposed(&["--host", "0.0.0.0", "--admin-port", "0"]).await;
    let port = gateway.admin.unwrap().port();
    let reply = send(client().get(format!("http://127.0.0.1:{port}/metrics"))).await;
    assert_eq!(reply.status, 200);
    let token = [("x-api-key", "vt4ai_metrics")];
    assert_eq!(gateway.get_with("/metrics", &token).await.status, 404);
}

#[tokio::test]
async fn admin_port_serves_metrics_only_there() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--admin-port", "0"]).await;
    let admin = gateway.admin.unwrap();
    let at = async |path: &str| send(client().get(format!("http://{admin}{path}"))).await;
    assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    let public = gateway.get_with("/metrics", &[]).await;
    assert_eq!(
        (public.status, public.code().as_str()),
        (404, "NotFoundError")
    );
    let numbers = at("/metrics").await;
    assert_eq!(numbers.status, 200);
    same(Numbers::read(numbers.text()).requests(200), 1);
    for path in ["/livez", "/readyz"] {
        assert_eq!(at(path).await.status, 200, "{path}");
        assert_eq!(gateway.get(path).await.status, 200, "{path}");
    }
    for path in ["/", "/docs", "/openapi.json", &file(EICAR)] {
        let reply = at(path).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (404, "NotFoundError"),
            "{path}"
        );
    }
    assert!(Gateway::before(&upstream, &[]).await.admin.is_none());
}

#[tokio::test]
#[ignore = "needs redis-server: run with --include-ignored"]
async fn the_state_of_redis_is_exported_if_configured() {
    let upstream = Upstream::demo().await;
    let name = "vt4ai_redis_up";
    let without = Gateway::before(&upstream, &[]).await;
    assert!(!Numbers::of(&without).await.text.contains(name));
    let away = Gateway::before(&upstream, &["--redis-url", "redis://127.0.0.1:1"]).await;
    let numbers = Numbers::of(&away).await;
    assert!(numbers.series.contains_key(name));
    same(numbers.get(name), 0);
    let redis = Redis::start();
    let with = Gateway::before(&upstream, &["--redis-url", &redis.url()]).await;
    same(Numbers::of(&with).await.get(name), 1);
}

#[tokio::test]
#[ignore = "needs promtool: run with --include-ignored"]
async fn promtool_accepts_the_metrics() {
    let upstream = Upstream::demo().await;
    let flags = [
        &CACHED[..],
        &[
            "--api-key",
            "12345678",
            "--redis-url",
            "redis://127.0.0.1:1",
        ],
    ]
    .concat();
    let gateway = Gateway::before(&upstream, &flags).await;
    for path in [
        file(EICAR),
        file(EICAR),
        file(UNKNOWN),
        "/nowhere".to_owned(),
    ] {
        gateway.get(&path).await;
    }
    Numbers::of(&gateway).await;
    let numbers = Numbers::of(&gateway).await;
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = promtool.expect("this test needs promtool, of Prometheus, on the PATH");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(numbers.text.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        output.status.success() && said.is_empty(),
        "{said}\n{}",
        numbers.text
    );
}

#[tokio::test]
async fn the_request_log_has_the_cost_and_no_indicator() {
    let folder = Folder::new();
    let flags = ["--demo", "--log-format", "json", "--log-level", "INFO"];
    let process = Process::start(&mut vt4ai(&folder, &flags));
    let ask = async |id: &str| {
        let url = format!("http://{}{}", process.address, file(EICAR));
        let request = client()
            .get(url)
            .header("x-request-id", id)
            .header("x-api-key", KEY);
        assert_eq!(send(request).await.status, 200);
    };
    ask("the-first").await;
    ask("the-second").await;
    let log = process.stop();
    assert!(!log.contains(EICAR) && !log.contains(KEY), "{log}");
    for (id, cache, units) in [("the-first", "miss", 1), ("the-second", "hit", 0)] {
        let lines = log
            .lines()
            .filter(|line| line.contains(id))
            .collect::<Vec<_>>();
        assert_eq!(lines.len(), 1, "{log}");
        let line: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["http.request.method"], "GET");
        assert_eq!(line["http.request.id"], id);
        assert_eq!(line["client.address"], "127.0.0.1");
        assert_eq!(line["http.route"], "/api/v1/files/{file_hash}");
        assert_eq!(
            (&line["cache"], &line["quota.units"]),
            (&cache.into(), &units.into())
        );
        assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    }
}

#[tokio::test]
async fn indicators_are_in_the_log_at_debug_only_and_keys_never() {
    let folder = Folder::new();
    let flags = ["--demo", "--log-level", "debug"];
    let process = Process::start(&mut vt4ai(&folder, &flags));
    for (query, status) in [("?format=md&wait=17s", 200), ("?x=in-the-query", 400)] {
        let url = format!("http://{}{}{query}", process.address, file(EICAR));
        let request = client().get(url).header("x-api-key", KEY);
        assert_eq!(send(request).await.status, status);
    }
    let log = process.stop();
    let with: Vec<_> = log.lines().filter(|line| line.contains(EICAR)).collect();
    assert!(
        !with.is_empty() && with.iter().all(|line| line.contains("DEBUG")),
        "{log}"
    );
    assert!(!log.contains(KEY) && !log.contains("in-the-query"), "{log}");
    assert!(!log.contains("wait=17s"), "{log}");
}

#[test]
fn admin_port_and_public_port_must_differ() {
    assert_eq!(
        config(&["--admin-port", "9090"]).server.admin_port,
        Some(9090)
    );
    let same = ["vt4ai", "--port", "9090", "--admin-port", "9090"];
    let refused = vt4ai::config::Command::parse(same);
    let Err(vt4ai::config::Rejected::Mistakes(mistakes)) = refused else {
        panic!("one port was taken for both");
    };
    assert!(mistakes[0].starts_with("--admin-port: "), "{mistakes:?}");
}
