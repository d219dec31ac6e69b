//! Tests of which key a request spends, and that no key is disclosed (`docs/http-api.md`).

use rstest::rstest;
use vt4ai::config::{Command, Rejected};

use crate::harness::{
    Answer, Call, EICAR, Folder, Gateway, Keeper, Process, Reply, Turn, Upstream, client, failure,
    file, http, kept, ok, run, send, vt4ai,
};

const SERVERS: &str = "the-key-of-the-server";
const ANONYMOUS: [&str; 3] = ["--api-key", SERVERS, "--allow-anonymous"];

/// Asks a gateway that has a server's key; returns the answer and the key that reached upstream.
async fn ask(flags: &[&str], headers: &[(&str, &str)]) -> (Reply, Option<String>) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, flags).await;
    let reply = gateway.get_with(&file(EICAR), headers).await;
    let calls = upstream.calls();
    let key = calls.first().and_then(|call| call.header("x-apikey"));
    (reply, key.map(str::to_owned))
}

#[rstest]
#[case(&[("x-api-key", "mine")])]
#[case(&[("X-API-KEY", "mine")])]
#[case(&[("x-apikey", "mine")])]
#[case::the_same_twice(&[("x-apikey", "mine"), ("x-api-key", "mine")])]
#[case::from_anywhere(&[("x-api-key", "mine"), ("host", "evil.test"), ("forwarded", "for=1.2.3.4")])]
#[case::from_a_page(&[("x-api-key", "mine"), ("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")])]
#[tokio::test]
async fn the_callers_key_takes_precedence(#[case] headers: &[(&str, &str)]) {
    for flags in [&["--api-key", SERVERS][..], &[]] {
        let (reply, key) = ask(flags, headers).await;
        assert_eq!((reply.status, key.as_deref()), (200, Some("mine")));
    }
}

#[rstest]
#[case::malformed(&[("x-api-key", "a b")])]
#[case::empty(&[("x-api-key", "")])]
#[case::token(&[("x-api-key", "vt4ai_token")])]
#[case::quoted_token(&[("x-api-key", "\"vt4ai_token\"")])]
#[case::assigned_token(&[("x-apikey", "token=vt4ai_token")])]
#[case::token_in_other_case(&[("x-api-key", "Vt4ai_token")])]
#[case::token_with_its_scheme(&[("x-api-key", "Bearer vt4ai_token")])]
#[case::encoded_token(&[("x-api-key", "vt4ai%5Ftoken")])]
#[case::token_encoded_twice(&[("x-api-key", "%2576t4ai_token")])]
#[case::key_and_token(&[("x-api-key", "key-vt4ai_token")])]
#[case::quoted_bearer(&[("authorization", "Bearer \"vt4ai_token\"")])]
#[case::bearer_in_other_case(&[("authorization", "Bearer VT4AI_token")])]
#[case::token_without_a_scheme(&[("authorization", "vt4ai_token")])]
#[case::two(&[("x-api-key", "a"), ("x-apikey", "b")])]
#[case::a_dot(&[("x-api-key", ".")])]
#[case::two_dots(&[("x-api-key", "..")])]
#[case::two_dots_under_the_other_name(&[("x-apikey", "..")])]
#[case::no_letter_and_no_digit(&[("x-api-key", "../../~%")])]
#[tokio::test]
async fn a_bad_key_does_not_fall_back_on_the_servers(#[case] headers: &[(&str, &str)]) {
    let (reply, key) = ask(&["--api-key", SERVERS], headers).await;
    assert_eq!((reply.status, key), (401, None));
}

#[rstest]
#[case::as_it_is(&[])]
#[case::localhost(&[("host", "localhost")])]
#[case::port_and_case(&[("host", "LocalHost:8000")])]
#[case::ipv6(&[("host", "[::1]:8000")])]
#[case::own_page(&[("host", "localhost:8000"), ("origin", "http://localhost:8000")])]
#[case::own_script(&[("sec-fetch-site", "same-origin")])]
#[case::address_bar(&[("sec-fetch-site", "none")])]
#[tokio::test]
async fn the_servers_key_is_for_local_callers(#[case] headers: &[(&str, &str)]) {
    let (reply, key) = ask(&["--api-key", SERVERS], headers).await;
    assert_eq!(
        (reply.status, key.as_deref()),
        (200, Some(SERVERS)),
        "{}",
        reply.text()
    );
    let (reply, key) = ask(&[], headers).await;
    assert_eq!((reply.status, key), (401, None));
}

#[rstest]
#[case::rebound(&[("host", "evil.test")])]
#[case::alike(&[("host", "localhost.evil.test")])]
#[case::user(&[("host", "localhost@evil.test")])]
#[case::forwarded(&[("forwarded", "for=127.0.0.1")])]
#[case::forwarded_for(&[("x-forwarded-for", "127.0.0.1")])]
#[case::forwarded_host(&[("X-Forwarded-Host", "localhost")])]
#[case::forwarded_anything(&[("x-forwarded-anything", "")])]
#[tokio::test]
async fn remote_callers_need_a_key_unless_anonymous_ones_are_allowed(
    #[case] headers: &[(&str, &str)],
) {
    let (reply, key) = ask(&["--api-key", SERVERS], headers).await;
    assert_eq!((reply.status, key), (401, None));
    assert!(reply.detail().contains("X-API-Key"), "{}", reply.detail());
    assert_eq!(reply.header("www-authenticate"), Some("ApiKey"));
    let (reply, key) = ask(&ANONYMOUS, headers).await;
    assert_eq!((reply.status, key.as_deref()), (200, Some(SERVERS)));
}

#[rstest]
#[case::foreign(&[("origin", "https://evil.test")])]
#[case::null(&[("origin", "null")])]
#[case::other_port(&[("host", "localhost:8000"), ("origin", "http://localhost:9000")])]
#[case::image(&[("sec-fetch-site", "cross-site")])]
#[case::subdomain(&[("sec-fetch-site", "same-site")])]
#[case::image_that_says_two_things(&[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")])]
#[case::two_origins(&[("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://evil.test")])]
#[tokio::test]
async fn a_foreign_page_never_spends_the_servers_key(#[case] headers: &[(&str, &str)]) {
    for flags in [&["--api-key", SERVERS][..], &ANONYMOUS] {
        let (reply, key) = ask(flags, headers).await;
        assert_eq!((reply.status, key), (401, None));
    }
}

#[tokio::test]
async fn a_request_without_a_host_is_not_local() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--api-key", SERVERS]).await;
    let request = format!("GET {} HTTP/1.0\r\n\r\n", file(EICAR));
    let answer = gateway.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.0 401"), "{answer}");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn allowed_hosts_are_a_setting() {
    let flags = [
        "--api-key",
        SERVERS,
        "--allowed-hosts",
        "gateway.test, Other.test",
    ];
    for (host, status) in [
        ("gateway.test:80", 200),
        ("OTHER.TEST", 200),
        ("localhost", 401),
    ] {
        assert_eq!(
            ask(&flags, &[("host", host)]).await.0.status,
            status,
            "{host}"
        );
    }
}

#[rstest]
#[case(&["--host", "0.0.0.0", "--api-key", SERVERS], false)]
#[case(&["--host", "::", "--api-key", SERVERS], false)]
#[case(&["--host", "192.0.2.1", "--api-key", SERVERS], false)]
#[case(&["--host", "0.0.0.0", "--api-key", SERVERS, "--allow-anonymous", "true"], true)]
#[case(&["--host", "0.0.0.0", "--api-key", SERVERS, "--clients-file", "clients.toml"], true)]
#[case(&["--host", "0.0.0.0"], true)]
#[case(&["--host", "::1", "--api-key", SERVERS], true)]
#[case(&["--host", "127.0.0.2", "--api-key", SERVERS], true)]
fn a_server_with_a_key_listens_beyond_loopback_only_if_allowed(
    #[case] flags: &[&str],
    #[case] starts: bool,
) {
    match Command::parse(["vt4ai"].iter().chain(flags)) {
        Ok(_) => assert!(starts),
        Err(Rejected::Mistakes(mistakes)) => {
            assert!(!starts && mistakes.len() == 1, "{mistakes:?}");
            assert!(
                mistakes[0].contains("VT4AI_HOST") && mistakes[0].contains("VT4AI_ALLOW_ANONYMOUS")
            );
            assert!(!mistakes[0].contains(SERVERS));
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Returns answers of every kind that repeat the key they were asked with.
fn echoes(key: &str) -> Vec<Vec<u8>> {
    let html = format!("<html>{key}</html>");
    let leak = format!("X-Leak: {key}");
    let (location, wait) = (
        format!("Location: http://{key}/"),
        format!("Retry-After: {key}"),
    );
    let kind = format!("Content-Type: {key}");
    let mut all = Vec::new();
    for status in [
        302, 400, 401, 403, 404, 409, 413, 418, 424, 429, 500, 503, 504,
    ] {
        all.push(failure(
            status,
            "WrongCredentialsError",
            &format!("Wrong API key: {key}"),
        ));
        all.push(failure(
            status,
            "NotFoundError",
            &format!("File \"{key}\" not found"),
        ));
        all.push(failure(status, key, "refused"));
        all.push(http(status, &[&leak, &location, &wait, &kind], &html));
    }
    all.extend([
        ok(&html),
        ok(format!("\"{key}\"")),
        ok(format!("{{\"{key}\": ")),
        ok(format!("{{\"data\": {{\"attributes\": {key}}}}}")),
        ok(format!("{{\"data\": \"{key}\"}}")),
        format!("HTTP/1.1 500 {key}\r\n\r\n").into_bytes(),
        format!("{key}\r\n\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\n{key}\r\n\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{key}\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n{key}").into_bytes(),
    ]);
    all
}

async fn echoing() -> Upstream {
    let answer = |call: &Call| {
        let number = &call.target["/api/v3/files/".len()..][..40];
        let number = usize::from_str_radix(number, 16).unwrap();
        let key = call.header("x-apikey").unwrap();
        Answer::Bytes(echoes(key)[number].clone())
    };
    Upstream::faulty(answer).await
}

#[tokio::test]
async fn no_key_is_in_any_error_header_or_log() {
    const OWN: &str = "the-key-of-the-caller";
    let (upstream, folder) = (echoing().await, Folder::new());
    let mut command = vt4ai(
        &folder,
        &[
            "--upstream-url",
            &upstream.url,
            "--upstream-timeout",
            "100ms",
        ],
    );
    let command = command
        .env("VT4AI_API_KEY", SERVERS)
        .env("VT4AI_LOG_LEVEL", "trace")
        .env("VT4AI_CLIENT_RATE_PER_MINUTE", "0")
        .env("VT4AI_RATE_LIMIT_PER_MINUTE", "0");
    let process = Process::start(command);
    let (client, token) = (client(), format!("vt4ai_{OWN}"));
    let spaced = format!("{OWN} x");
    let mut asked = 0;
    for number in 0..echoes("").len() {
        let hash = format!("{number:040x}");
        let keys = [("x-other", "x"), ("x-api-key", OWN), ("x-apikey", OWN)];
        for (name, key) in keys
            .into_iter()
            .chain([("x-api-key", &*token), ("x-apikey", &*spaced)])
        {
            for path in [
                file(&hash),
                format!("{}/relationships/votes", file(&hash)),
                format!("{}/relationships/votes?apikey={OWN}", file(&hash)),
            ] {
                let url = format!("http://{}{path}", process.address);
                // Each request has its own key: VirusTotal's refusal starts a back-off.
                let key = key.replace(OWN, &format!("{OWN}-{asked}"));
                let reply = send(client.get(url).header(name, key)).await;
                assert_ne!(reply.status, 200);
                let seen = format!("{:?}\n{}", reply.headers, reply.text());
                assert!(
                    !seen.contains(SERVERS) && !seen.contains(OWN),
                    "{number}: {seen}"
                );
                asked += 1;
            }
        }
    }
    assert!(upstream.count() >= asked / 4, "the faults were not met");
    let log = process.stop();
    assert!(
        log.contains("TRACE") && log.matches("http.response.status_code").count() >= asked,
        "{log}"
    );
    let leaked = log
        .lines()
        .find(|line| line.contains(SERVERS) || line.contains(OWN));
    assert_eq!(leaked, None);
}

#[test]
fn an_invalid_key_setting_is_not_repeated() {
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &[]);
    let (status, out, log) = run(command.env("VT4AI_API_KEY", "secret with spaces"));
    assert_eq!(status, 64);
    assert!(
        log.contains("VT4AI_API_KEY") && !format!("{out}{log}").contains("secret"),
        "{log}"
    );
    let mut command = vt4ai(&folder, &["--help"]);
    let (status, out, log) = run(command.env("VT4AI_API_KEY", "secret"));
    assert!(
        status == 0 && !format!("{out}{log}").contains("secret"),
        "{out}"
    );
}

#[test]
fn a_broken_env_file_is_not_repeated() {
    let folder = Folder::new().with(".env", "VT4AI_API_KEY 'secret\n");
    let (status, out, log) = run(&mut vt4ai(&folder, &[]));
    assert_eq!(status, 64);
    assert!(
        log.contains(".env") && !format!("{out}{log}").contains("secret"),
        "{log}"
    );
}

#[tokio::test]
async fn no_value_traverses_the_upstream_path() {
    // `faulty` would leave out the requests for a key's quota.
    let upstream = Keeper::start(|_, _| Turn::Keep(kept(r#"{"data": {}}"#))).await;
    let gateway = Gateway::at(&upstream.url, &["--rate-limit-per-minute", "1000"]).await;
    let ids = [
        ".",
        "..",
        "%2e",
        "%2E%2e",
        ".%2e",
        "%252e%252e",
        "..%2f..",
        "..%5c..",
    ];
    for id in ids {
        for path in [
            format!("/api/v1/analyses/{id}"),
            format!("/api/v1/files/{id}"),
            format!("/api/v1/urls/{id}"),
            format!("/api/v1/domains/{id}"),
            format!("/api/v1/ips/{id}"),
            format!("/api/v1/files/{id}/comments"),
            format!("{}/relationships/{id}", file(EICAR)),
            format!("{}/relationships/{id}?descriptors_only=true", file(EICAR)),
        ] {
            for key in ["..", ".", "%2e%2e", "a-key"] {
                // An HTTP client would normalise the path itself.
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n"
                );
                let reply = gateway.raw(request.as_bytes()).await;
                assert!(reply.starts_with("HTTP/1.1 "), "{reply}");
            }
        }
    }
    for (_, asked) in upstream.asked() {
        let (_, target) = asked.split_once(' ').unwrap();
        let path = target.split('?').next().unwrap();
        let segments: Vec<_> = path.split('/').skip(1).collect();
        let is_whole = match segments[..] {
            ["api", "v3", "users", _, "overall_quotas"] => true,
            ["api", "v3", "files", id, _] | ["api", "v3", "files", id, "relationships", _] => {
                id == EICAR
            }
            ["api", "v3", "analyses", id] => !id.is_empty(),
            _ => false,
        };
        assert!(is_whole && !segments.contains(&".."), "{target}");
    }
}

#[test]
fn a_key_setting_needs_a_letter_or_digit() {
    let clients = "[[client]]\nname = \"a\"\ntoken_sha256 = \"{}\"\nscopes = [\"read\"]\n";
    let clients = clients.replace("{}", &"0".repeat(64)) + "key_file = \"dots\"\n";
    let folder = Folder::new()
        .with("dots", "..\n")
        .with("clients.toml", &clients);
    for (name, value) in [
        ("VT4AI_API_KEY", ".."),
        ("VT4AI_API_KEY_FILE", "dots"),
        ("VT4AI_CLIENTS_FILE", "clients.toml"),
    ] {
        let (status, _, error) = run(vt4ai(&folder, &["--port", "0"]).env(name, value));
        assert_eq!(status, 64, "{error}");
        assert!(
            error.contains(name) && error.contains("letter or digit"),
            "{error}"
        );
    }
}
