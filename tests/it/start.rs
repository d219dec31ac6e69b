//! Tests of the log at start, and of its warnings about an upstream that cannot be reached.

use rstest::rstest;

use crate::harness::{
    EICAR, Folder, Identity, KEY, Process, Secure, Upstream, client, file, ok, refusing, send,
    vt4ai,
};

/// Starts a gateway with these settings and returns its log up to the time when it listens.
fn log_of(folder: &Folder, settings: &[(&str, &str)]) -> String {
    let mut command = vt4ai(folder, &[]);
    command.envs(settings.iter().copied());
    Process::start(&mut command).stop()
}

#[tokio::test]
async fn the_env_file_and_its_upstream_are_logged() {
    let upstream = Upstream::demo().await;
    let setting = format!("VT4AI_UPSTREAM_URL={}\n", upstream.url);
    let folder = Folder::new().with(".env", &setting);
    let log = log_of(&folder, &[]);
    assert!(log.contains(&folder.file(".env")), "{log}");
    assert!(
        log.contains(&format!("{}/, not VirusTotal", upstream.url)),
        "{log}"
    );
    // On the same machine no other party can read along.
    assert!(!log.contains("plain HTTP"), "{log}");
}

#[rstest]
#[case::elsewhere("http://192.0.2.1:8080", true, true)]
#[case::elsewhere_by_name("http://mirror.example", true, true)]
#[case::virustotal("http://www.virustotal.com", false, true)]
#[case::with_tls("https://mirror.example", true, false)]
#[case::much_alike("https://www.virustotal.com.evil.example", true, false)]
#[case::this_machine("http://127.0.0.2:1", true, false)]
#[case::this_machine_by_name("http://localhost:1", true, false)]
#[case::this_machine_v6("http://[::1]:1", true, false)]
#[case::mapped("http://[::ffff:127.0.0.1]:1", true, false)]
#[test]
fn another_upstream_is_logged_with_a_warning_for_plain_http(
    #[case] url: &str,
    #[case] is_named: bool,
    #[case] is_warned_of: bool,
) {
    let log = log_of(&Folder::new(), &[("VT4AI_UPSTREAM_URL", url)]);
    assert_eq!(log.contains("not VirusTotal"), is_named, "{log}");
    let warned = log
        .lines()
        .any(|line| line.contains("WARN") && line.contains("plain HTTP"));
    assert_eq!(warned, is_warned_of, "{log}");
}

#[rstest]
#[case::nothing_set(&[])]
#[case::virustotal(&[("VT4AI_UPSTREAM_URL", "https://www.virustotal.com/")])]
#[case::demo(&[("VT4AI_DEMO", "true")])]
#[test]
fn a_default_start_logs_nothing_about_the_upstream(#[case] settings: &[(&str, &str)]) {
    let log = log_of(&Folder::new(), settings);
    // The warning about the missing key names callers, not the upstream.
    let lines = log.lines().filter(|line| !line.contains("VT4AI_API_KEY"));
    let log = lines.collect::<Vec<_>>().join("\n");
    for word in ["upstream", "VirusTotal", ".env", "WARN"] {
        assert!(!log.contains(word), "{word}: {log}");
    }
}

#[test]
fn additional_authorities_are_logged() {
    let folder = Folder::new().with("ca.pem", Identity::of("mirror.example", 2099).pem());
    let file = folder.file("ca.pem");
    let log = log_of(&folder, &[("VT4AI_UPSTREAM_CA_FILE", &file)]);
    assert!(log.contains(&file), "{log}");
}

/// Asks twice; returns the log, which warns once about the upstream and has no key or URL beside it.
async fn log_after_failing(upstream: &str) -> String {
    let folder = Folder::new();
    let flags = ["--upstream-url", upstream, "--upstream-timeout", "5s"];
    let level = ["--log-level", "info,vt4ai=debug", "--cache-max-bytes", "0"];
    let process = Process::start(&mut vt4ai(&folder, &[flags, level].concat()));
    for _ in 0..2 {
        let url = format!("http://{}{}", process.address, file(EICAR));
        let reply = send(client().get(url).header("x-api-key", KEY)).await;
        assert_eq!(reply.status, 502, "{}", reply.text());
    }
    let log = process.stop();
    assert!(!log.contains(KEY), "{log}");
    let mut causes = log.lines().filter(|line| line.contains("error.message"));
    assert!(causes.all(|line| !line.contains(EICAR)), "{log}");
    let warnings = log.lines().filter(|line| line.contains("WARN"));
    let reasons = warnings.filter(|line| line.contains("upstream unreachable error.message"));
    assert_eq!(reasons.count(), 1, "{log}");
    assert!(
        log.contains("DEBUG") && log.contains("upstream request failed"),
        "{log}"
    );
    log
}

#[tokio::test]
async fn a_refused_connection_is_logged_as_such() {
    let (_socket, gone) = refusing();
    let log = log_after_failing(&gone).await;
    assert!(log.contains("Connection refused"), "{log}");
}

#[tokio::test]
async fn an_unresolvable_name_is_logged_as_such() {
    let log = log_after_failing("http://no-such-host.invalid").await;
    assert!(log.contains("dns error"), "{log}");
}

#[tokio::test]
async fn an_untrusted_certificate_is_logged_with_the_setting_that_helps() {
    let upstream = Secure::start(&Identity::of("127.0.0.1", 2099), ok("{}")).await;
    let log = log_after_failing(&upstream.url).await;
    assert!(log.contains("invalid peer certificate"), "{log}");
    assert!(log.contains("VT4AI_UPSTREAM_CA_FILE"), "{log}");
}
