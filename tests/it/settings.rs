//! Flags, variables, `.env` and the templates' folder.

use rstest::rstest;
use vt4ai::config::{Command, Keyless, QuotaLimit, QuotaLimits, Rejected};

use self::documents::declared;
use crate::harness::{
    EICAR, Folder, Gateway, Process, Upstream, client, config, file, refusing, run, send, vt4ai,
};

mod documents;

/// Every setting that can be wrong, with a value that is.
const WRONG: [(&str, &str); 34] = [
    ("VT4AI_MAX_CONNECTIONS", "0"),
    ("VT4AI_MAX_IN_FLIGHT", "-1"),
    ("VT4AI_SHUTDOWN_DELAY", "later"),
    ("VT4AI_SHUTDOWN_TIMEOUT", "5"),
    ("VT4AI_REDIS_TIMEOUT", "x"),
    ("VT4AI_REDIS_URL", "http://:very-secret@localhost"),
    ("VT4AI_API_KEY", "a b"),
    ("VT4AI_API_KEY_FILE", "/not/there"),
    ("VT4AI_HOST", "example.com"),
    ("VT4AI_PORT", "65536"),
    ("VT4AI_ADMIN_PORT", "metrics"),
    ("VT4AI_DEFAULT_FORMAT", "pdf"),
    ("VT4AI_MAX_WORKERS", "0"),
    ("VT4AI_LOG_LEVEL", "warning"),
    ("VT4AI_LOG_FORMAT", "xml"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "very-secret"),
    ("VT4AI_UPSTREAM_URL", "ftp://x"),
    ("VT4AI_UPSTREAM_TIMEOUT", "soon"),
    ("VT4AI_UPSTREAM_MAX_BODY", "0"),
    ("VT4AI_CACHE_TTL", "101y"),
    ("VT4AI_CACHE_MAX_STALE", "18446744073709551615s"),
    ("VT4AI_RATE_LIMIT_PER_MINUTE", "-1"),
    ("VT4AI_RATE_LIMIT_PER_DAY", "many"),
    ("VT4AI_RATE_LIMIT_PER_MONTH", "1.5"),
    ("VT4AI_MAX_WAITING", "-1"),
    ("VT4AI_CLIENT_RATE_PER_MINUTE", "x"),
    ("VT4AI_ALLOW_ANONYMOUS", "maybe"),
    ("VT4AI_KEYLESS", "remote"),
    ("VT4AI_ALLOW_SUBMISSIONS", "perhaps"),
    ("VT4AI_ALLOW_OWN_KEYS", "some"),
    ("VT4AI_CORS_ORIGINS", "https://soc.example/path"),
    ("VT4AI_TRUSTED_PROXIES", "10.0.0.0/33"),
    ("VT4AI_DEMO", "2"),
];

fn flag(variable: &str) -> String {
    let name = variable.trim_start_matches("VT4AI_").to_ascii_lowercase();
    format!("--{}", name.replace('_', "-"))
}

#[test]
fn all_mistakes_are_reported_at_once_by_the_flag() {
    let flags = WRONG
        .iter()
        .map(|(name, value)| format!("{}={value}", flag(name)));
    let all = ["vt4ai".to_owned()].into_iter().chain(flags);
    let Err(Rejected::Mistakes(mistakes)) = Command::parse(all) else {
        panic!("these settings were taken");
    };
    for (name, _) in WRONG {
        let named = mistakes
            .iter()
            .filter(|mistake| mistake.starts_with(&format!("{}: ", flag(name))));
        assert_eq!(named.count(), 1, "{name}: {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), WRONG.len(), "{mistakes:#?}");
    assert!(!mistakes.concat().contains("very-secret"), "{mistakes:#?}");
}

#[test]
fn a_mistake_in_a_variable_is_reported_by_the_variable_with_exit_status_64() {
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &[]);
    let (status, out, log) = run(command.envs(WRONG));
    assert_eq!((status, out.as_str()), (64, ""));
    for (name, _) in WRONG {
        assert!(log.contains(&format!("\n  {name}: ")), "{name}: {log}");
    }
    assert!(
        !log.contains("very-secret") && !log.contains("--port"),
        "{log}"
    );
    let (status, _, log) = run(&mut vt4ai(&folder, &["--no-such-flag"]));
    assert!(status == 64 && log.contains("--no-such-flag"), "{log}");
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let flags = WRONG.iter().map(|(name, _)| format!("{}=", flag(name)));
    assert!(Command::parse(["vt4ai".to_owned()].into_iter().chain(flags)).is_ok());
}

#[test]
fn the_defaults_are_those_documented() {
    let Ok(Command::Serve(config)) = Command::parse(["vt4ai"]) else {
        panic!("the defaults were refused");
    };
    let (server, limits) = (config.server, config.limits);
    assert_eq!(
        (server.host.to_string(), server.port),
        ("127.0.0.1".to_owned(), 8000)
    );
    assert_eq!(config.default_format.name(), "json");
    assert_eq!(
        (config.log.filter.as_str(), config.log.json),
        ("INFO", false)
    );
    assert_eq!(config.upstream.url.as_str(), "https://www.virustotal.com/");
    assert_eq!(config.upstream.timeout.as_secs(), 30);
    assert_eq!(limits, QuotaLimits::default());
    assert_eq!(limits.per_minute, QuotaLimit::Unset);
    assert_eq!(config.max_waiting, 100);
    assert_eq!(config.client_rate.unwrap().get(), 600);
    assert_eq!(
        config.access.allowed_hosts,
        ["localhost", "127.0.0.1", "[::1]"]
    );
    assert_eq!(config.access.keyless, Keyless::Local);
    assert!(config.access.key.is_none() && !config.access.allow_anonymous && !config.demo);
}

#[test]
fn a_flag_beats_a_variable_and_a_variable_beats_the_file() {
    let file = "VT4AI_DEFAULT_FORMAT=of-file\nVT4AI_LOG_FORMAT=of-file\nVT4AI_HOST=of-file\n";
    let folder = Folder::new().with(".env", file);
    let mut command = vt4ai(&folder, &["--default-format", "of-flag", "--host", "::1"]);
    let command = command
        .env("VT4AI_DEFAULT_FORMAT", "json")
        .env("VT4AI_LOG_FORMAT", "text");
    let (status, _, log) = run(command);
    assert_eq!(status, 64);
    assert!(log.contains("--default-format: "), "{log}");
    assert!(
        !log.contains("VT4AI_LOG_FORMAT") && !log.contains("VT4AI_HOST"),
        "{log}"
    );
}

#[test]
fn the_env_file_is_read() {
    let folder = Folder::new().with(".env", "# ours\nVT4AI_DEFAULT_FORMAT=pdf\n");
    let (status, _, log) = run(&mut vt4ai(&folder, &[]));
    assert!(
        status == 64 && log.contains("VT4AI_DEFAULT_FORMAT"),
        "{log}"
    );
}

#[test]
fn help_and_version_are_printed_with_exit_status_0() {
    let folder = Folder::new();
    let (status, help, _) = run(&mut vt4ai(&folder, &["--help"]));
    assert_eq!(status, 0);
    assert!(WRONG.iter().all(|(name, _)| help.contains(name)), "{help}");
    let (status, version, _) = run(&mut vt4ai(&folder, &["--version"]));
    assert_eq!(
        (status, version),
        (0, format!("vt4ai {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[rstest]
#[case::short("-h", false)]
#[case::long("--help", true)]
fn help_lists_every_setting_in_its_group(#[case] flag: &str, #[case] is_long: bool) {
    let folder = Folder::new();
    let (status, help, _) = run(vt4ai(&folder, &[flag]).env("VT4AI_HOST", "very-secret"));
    assert_eq!(status, 0);
    for setting in declared() {
        assert!(
            help.contains(&format!("[env: {}]", setting.variable)),
            "{help}"
        );
        assert!(help.contains(&format!("\n{}:\n", setting.group)), "{help}");
    }
    assert_eq!(help.contains("`ps` shows flags"), is_long);
    assert!(!help.contains("very-secret"));
}

#[rstest]
#[case(&["openapi"], &[])]
#[case(&["token"], &[])]
#[case(&["token", "new"], &[])]
#[case(&["completions"], &[])]
#[case(&["healthcheck"], &["VT4AI_HOST", "VT4AI_PORT"])]
fn a_subcommand_shows_its_own_options(#[case] command: &[&str], #[case] expected: &[&str]) {
    let (status, help, _) = run(&mut vt4ai(&Folder::new(), &[command, &["--help"]].concat()));
    let shown = declared().into_iter().map(|it| it.variable);
    let shown: Vec<_> = shown
        .filter(|it| help.contains(&format!("[env: {it}]")))
        .collect();
    assert!(status == 0 && shown == expected, "{help}");
}

#[test]
fn a_flag_may_stand_before_or_after_the_subcommand() {
    let port = |arguments: &[&str]| match Command::parse(arguments) {
        Ok(Command::Serve(config)) => config.server.port,
        other => panic!("{other:?}"),
    };
    assert_eq!(port(&["vt4ai", "--port", "1"]), 1);
    assert_eq!(port(&["vt4ai", "--port", "1", "serve"]), 1);
    assert_eq!(port(&["vt4ai", "serve", "--port", "2"]), 2);
    assert_eq!(port(&["vt4ai", "--port", "1", "serve", "--port", "2"]), 2);
}

#[test]
fn settings_of_redis_and_of_a_collector_count_only_with_its_url() {
    let flags = [
        "--redis-timeout",
        "1s",
        "--otel-exporter-otlp-headers",
        "a=b",
    ];
    let without = config(&flags);
    assert!(without.redis.is_none() && without.collector.is_none());
    let urls = [
        "--redis-url=redis://x",
        "--otel-exporter-otlp-endpoint=http://x",
    ];
    let with = config(&[&flags[..], &urls].concat());
    assert_eq!(with.redis.unwrap().timeout.as_secs(), 1);
    assert_eq!(with.collector.unwrap().headers["a"], "b");
    let defaults = config(&urls);
    assert_eq!(defaults.redis.unwrap().timeout.as_millis(), 100);
    assert!(defaults.collector.unwrap().headers.is_empty());
}

#[test]
fn the_demo_has_no_limits_but_those_set() {
    let demo = config(&["--demo"]);
    assert_eq!(
        (demo.client_rate, demo.limits.per_day),
        (None, QuotaLimit::Off)
    );
    assert!(demo.access.allow_anonymous && demo.access.allow_submissions);
    let bounded = config(&["--demo=yes", "--client-rate-per-minute", "600"]);
    assert_eq!(bounded.client_rate.unwrap().get(), 600);
}

#[test]
fn check_reports_mistakes_in_settings_and_files_with_exit_status_2() {
    let folder = Folder::new()
        .with("mine.json", "[]")
        .with("clients.toml", "[[client]]\nname = \"very secret\"\n")
        .with("empty.pem", "no certificate");
    let mut command = vt4ai(&folder, &["check", "--port", "abc"]);
    let command = command.envs([
        ("VT4AI_TEMPLATES_DIR", "."),
        ("VT4AI_CLIENTS_FILE", "clients.toml"),
        ("VT4AI_UPSTREAM_CA_FILE", "empty.pem"),
        ("VT4AI_REDIS_URL", "rediss://127.0.0.1:1"),
        ("VT4AI_REDIS_CA_FILE", "not-there.pem"),
        ("VT4AI_LOG_FORMAT", "very-secret"),
        ("VT4AI_PROT", "very-secret"),
    ]);
    let (status, out, log) = run(command);
    assert_eq!((status, out.as_str()), (2, ""), "{log}");
    for part in [
        "--port: ",
        "mine.json",
        "VT4AI_CLIENTS_FILE: ",
        "VT4AI_UPSTREAM_CA_FILE: ",
        "VT4AI_REDIS_CA_FILE: ",
        "VT4AI_LOG_FORMAT: ",
        "warning: VT4AI_PROT ",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!log.contains("very-secret"), "{log}");
}

#[test]
fn check_of_sound_settings_takes_no_port_and_exits_with_status_0() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = Folder::new().with("mine.json", TEMPLATE);
    let flags = ["check", "--port", &port, "--templates-dir", "."];
    let (status, out, log) = run(&mut vt4ai(&folder, &flags));
    assert_eq!((status, log.as_str()), (0, ""));
    assert!(!out.is_empty());
}

#[test]
fn check_of_a_broken_env_file_exits_with_status_2() {
    let folder = Folder::new().with(".env", "VT4AI_API_KEY 'secret\n");
    let (status, _, log) = run(&mut vt4ai(&folder, &["check"]));
    assert!(
        status == 2 && log.contains(".env") && !log.contains("secret"),
        "{log}"
    );
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
fn completions_are_printed(#[case] shell: &str) {
    let (status, script, _) = run(&mut vt4ai(&Folder::new(), &["completions", shell]));
    assert_eq!(status, 0);
    assert!(
        script.contains("healthcheck") && script.contains("cache-ttl"),
        "{script}"
    );
}

#[test]
fn a_variable_that_is_almost_a_setting_is_warned_of() {
    let folder = Folder::new().with(".env", "VT4AI_LOGLEVEL=very-secret\n");
    let mut command = vt4ai(&folder, &[]);
    let log = Process::start(command.env("VT4AI_PROT", "very-secret")).stop();
    for (given, meant) in [
        ("VT4AI_PROT", "VT4AI_PORT"),
        ("VT4AI_LOGLEVEL", "VT4AI_LOG_LEVEL"),
    ] {
        let is_warning = |line: &&str| line.contains("WARN") && line.contains(given);
        let warning = log.lines().find(is_warning).expect(&log);
        assert!(warning.contains(&format!("is {meant} meant?")), "{warning}");
    }
    assert!(!log.contains("very-secret"), "{log}");
}

#[test]
fn a_key_that_is_too_short_is_a_mistake_and_an_unusual_one_is_warned_of() {
    let folder = Folder::new().with("short", "12345\n");
    for (name, value) in [("VT4AI_API_KEY", "12345"), ("VT4AI_API_KEY_FILE", "short")] {
        let (status, _, log) = run(vt4ai(&folder, &[]).env(name, value));
        assert!(status == 64 && log.contains(&format!("{name}: ")), "{log}");
        assert!(!log.contains("12345"), "{log}");
    }
    for (key, is_warned_of) in [
        ("not-hexadecimal".to_owned(), true),
        ("0aF9".repeat(16), false),
    ] {
        let mut command = vt4ai(&folder, &[]);
        let log = Process::start(command.env("VT4AI_API_KEY", &key)).stop();
        assert_eq!(log.contains("64 hexadecimal digits"), is_warned_of, "{log}");
        assert!(!log.contains(&key), "{log}");
    }
}

#[test]
fn a_start_without_a_key_says_what_to_do() {
    let folder = Folder::new();
    let log = Process::start(&mut vt4ai(&folder, &[])).stop();
    let lines = log
        .lines()
        .filter(|line| line.contains("no VirusTotal key"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("VT4AI_API_KEY") && lines[0].contains("X-API-Key"));
    let log = Process::start(&mut vt4ai(&folder, &["--demo"])).stop();
    assert!(!log.contains("no VirusTotal key"), "{log}");
}

/// Returns the names of all variables that a text mentions.
fn variables(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
    let mut names: Vec<_> = words.filter(|word| word.starts_with("VT4AI_")).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn the_example_of_an_env_file_can_be_used() {
    let example = include_str!("../../.env.example");
    let folder = Folder::new().with(".env", example);
    let log = Process::start(&mut vt4ai(&folder, &[])).stop();
    assert!(!log.contains("WARN"), "{log}");
}

/// The files that are shipped beside the binary and name settings.
#[rstest]
#[case(include_str!("../../deploy/compose.yml"))]
#[case(include_str!("../../deploy/nginx.conf"))]
#[case(include_str!("../../deploy/vt4ai.service"))]
#[case(include_str!("../../Dockerfile"))]
fn only_settings_are_named(#[case] text: &str) {
    let known: Vec<_> = declared().into_iter().map(|it| it.variable).collect();
    let named = variables(text);
    let is_unknown = |name: &&&str| !known.iter().any(|known| known == *name);
    let unknown: Vec<_> = named.iter().filter(is_unknown).collect();
    assert!(!named.is_empty() && unknown.is_empty(), "{unknown:?}");
}

#[tokio::test]
async fn openapi_prints_the_document() {
    let (status, out, _) = run(&mut vt4ai(&Folder::new(), &["openapi"]));
    assert_eq!(status, 0);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let folder = Folder::new();
    let process = Process::start(&mut vt4ai(&folder, &["--demo"]));
    let url = format!("http://{}/openapi.json", process.address);
    assert_eq!(send(client().get(url)).await.json(), document);
}

#[test]
fn healthcheck_tells_by_its_exit_status() {
    let folder = Folder::new();
    let check = |port: &str| {
        let (status, ..) = run(vt4ai(&folder, &["healthcheck"]).env("VT4AI_PORT", port));
        status
    };
    let process = Process::start(&mut vt4ai(&folder, &["--demo"]));
    assert_eq!(check(process.address.rsplit_once(':').unwrap().1), 0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _within = runtime.enter();
    let (_socket, refusing) = refusing();
    assert_eq!(check(refusing.rsplit_once(':').unwrap().1), 1);
}

#[tokio::test]
async fn a_log_can_be_json() {
    let folder = Folder::new();
    let mut command = vt4ai(
        &folder,
        &["--demo", "--log-format", "json", "--log-level", "INFO"],
    );
    let process = Process::start(&mut command);
    let url = format!("http://{}{}", process.address, file(EICAR));
    let reply = send(client().get(url).header("x-request-id", "the-id")).await;
    assert_eq!(reply.status, 200);
    let log = process.stop();
    let mut lines = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let line = lines
        .rfind(|line| line.to_string().contains("the-id"))
        .unwrap();
    assert_eq!(line["http.response.status_code"], 200, "{line}");
    assert!(
        !line.to_string().contains(EICAR),
        "an indicator is in the log: {line}"
    );
}

const TEMPLATE: &str =
    r#"{"name": "size_only", "object": "file", "exclude_fields": ["names", "*.x"]}"#;

#[tokio::test]
async fn a_template_in_the_folder_is_used_by_name() {
    let folder = Folder::new()
        .with("mine.json", TEMPLATE)
        .with("notes.txt", "no template");
    let folder = folder.with(".hidden.json", "{");
    let upstream = Upstream::demo().await;
    let flags = ["--templates-dir", folder.path().to_str().unwrap()];
    let gateway = Gateway::before(&upstream, &flags).await;
    let named = gateway
        .get(&format!("{}?template_name=size_only", file(EICAR)))
        .await
        .data();
    assert!(named.get("names").is_none() && named.get("md5").is_some());
    let default = gateway.get(&file(EICAR)).await.data();
    assert!(default.get("names").is_some() && default.get("md5").is_none());
    let shown = gateway.get("/templates/size_only").await.json();
    assert_eq!(shown["object"], "file");
    let document = gateway.get("/openapi.json").await;
    assert!(document.text().contains("size_only"));
}

#[tokio::test]
async fn a_default_template_in_the_folder_replaces_the_shipped_one() {
    let text = TEMPLATE.replace("\"exclude", "\"default\": true, \"exclude");
    let folder = Folder::new().with("mine.json", &text);
    let upstream = Upstream::demo().await;
    let flags = ["--templates-dir", folder.path().to_str().unwrap()];
    let gateway = Gateway::before(&upstream, &flags).await;
    let data = gateway.get(&file(EICAR)).await.data();
    assert!(data.get("names").is_none() && data.get("md5").is_some());
    let list = gateway.get("/templates").await.json();
    let defaults: Vec<_> = list["file"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["default"])
        .collect();
    assert_eq!(defaults, [false, true]);
}

#[rstest]
#[case::no_json("{")]
#[case::no_name(r#"{"object": "file", "exclude_fields": []}"#)]
#[case::bad_name(r#"{"name": "a b", "object": "file", "exclude_fields": []}"#)]
#[case::taken_name(r#"{"name": "vt4ai_file_basics", "object": "file", "exclude_fields": []}"#)]
#[case::unknown_object(r#"{"name": "a", "object": "planet", "exclude_fields": []}"#)]
#[case::unknown_member(r#"{"name": "a", "object": "file", "exclude_fields": [], "exclude": []}"#)]
#[case::malformed_pattern(r#"{"name": "a", "object": "file", "exclude_fields": ["a..b"]}"#)]
#[case::empty_pattern(r#"{"name": "a", "object": "file", "exclude_fields": [""]}"#)]
fn a_template_that_cannot_be_used_stops_the_start(#[case] text: &str) {
    let folder = Folder::new()
        .with("broken-1.json", text)
        .with("broken-2.json", "[]");
    let path = folder.path().to_str().unwrap();
    let (status, _, log) = run(&mut vt4ai(
        &folder,
        &["--port", "0", "--templates-dir", path],
    ));
    assert_eq!(status, 64, "{log}");
    assert!(
        log.contains("broken-1.json") && log.contains("broken-2.json"),
        "{log}"
    );
}

#[test]
fn a_templates_folder_that_is_not_there_stops_the_start() {
    let folder = Folder::new();
    let (status, _, log) = run(&mut vt4ai(
        &folder,
        &["--port", "0", "--templates-dir", "nowhere"],
    ));
    assert!(status == 64 && log.contains("nowhere"), "{log}");
}

#[test]
fn a_port_that_is_taken_is_named_with_the_settings_that_help() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = |flags: &[&str]| {
        let (status, _, log) = run(&mut vt4ai(&Folder::new(), flags));
        let error = log.lines().find(|line| line.starts_with("error: "));
        assert!(
            status == 1 && error.is_some_and(|it| it.contains(&port)),
            "{log}"
        );
        error.unwrap_or_default().to_owned()
    };
    let public = error(&["--port", &port]);
    for part in ["`--port`", "`VT4AI_PORT`", "0 takes any free one"] {
        assert!(public.contains(part), "{public}");
    }
    let admin = error(&["--port", "0", "--admin-port", &port]);
    assert!(
        admin.contains("`--admin-port`") && admin.contains("`VT4AI_ADMIN_PORT`"),
        "{admin}"
    );
}

#[test]
fn keyless_is_local_or_off_in_any_case() {
    let keyless = |value| config(&["--keyless", value]).access.keyless;
    assert_eq!(
        (keyless("OFF"), keyless("Local")),
        (Keyless::Off, Keyless::Local)
    );
}

#[test]
fn a_flag_without_a_value_is_true() {
    assert!(config(&["--demo"]).demo);
    assert!(config(&["--allow-anonymous"]).access.allow_anonymous);
    assert!(!config(&["--demo=false"]).demo);
}

#[tokio::test]
async fn the_servers_key_can_be_in_a_file() {
    let folder = Folder::new()
        .with("key", "key-in-a-file\n")
        .with("bad", "two words");
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--api-key-file", &folder.file("key")]).await;
    assert_eq!(gateway.get_with(&file(EICAR), &[]).await.status, 200);
    assert_eq!(
        upstream.calls()[0].header("x-apikey"),
        Some("key-in-a-file")
    );
    for flags in [
        &["--api-key-file", &folder.file("bad")][..],
        &["--api-key-file", &folder.file("not-there")],
        &[
            "--api-key-file",
            &folder.file("key"),
            "--api-key",
            "another-key",
        ],
    ] {
        let (status, _, log) = run(&mut vt4ai(&folder, flags));
        assert_eq!(status, 64);
        assert!(log.contains("--api-key-file: "), "{log}");
        assert!(!log.contains("two words"), "{log}");
    }
}

#[test]
fn authorities_that_cannot_be_read_stop_the_start() {
    let folder = Folder::new().with("empty.pem", "no certificate");
    let port = ["--port", "0", "--redis-url", "rediss://127.0.0.1:1"];
    for file in ["not-there.pem", "empty.pem"] {
        for (flag, name) in [
            ("--upstream-ca-file", "VT4AI_UPSTREAM_CA_FILE: "),
            ("--redis-ca-file", "VT4AI_REDIS_CA_FILE: "),
        ] {
            let (status, out, log) = run(&mut vt4ai(&folder, &[&port[..], &[flag, file]].concat()));
            assert_eq!((status, out.as_str()), (64, ""));
            assert!(log.contains(name), "{log}");
        }
    }
    let clear = ["--redis-url", "redis://localhost", "--redis-ca-file", "x"];
    let (status, _, log) = run(&mut vt4ai(&folder, &clear));
    assert!(status == 64 && log.contains("--redis-ca-file: "), "{log}");
}
