//! Tests of `vt4ai lookup` and its short forms (`docs/command-line.md`).

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::harness::{
    Answer, EICAR, EICAR_MD5, Folder, Gateway, KEY, UNKNOWN, Upstream, failure, http, ok, run,
    vt4ai,
};

/// The outcome of a command.
struct Done {
    status: i32,
    out: String,
    err: String,
}

impl Done {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{} {}", self.out, self.err))
    }
}

/// Runs a command, beside servers of the test.
async fn done(mut command: Command) -> Done {
    let (status, out, err) = spawn_blocking(move || run(&mut command)).await.unwrap();
    Done { status, out, err }
}

async fn demo(arguments: &[&str]) -> Done {
    let folder = Folder::new();
    let mut command = vt4ai(&folder, arguments);
    command.env("VT4AI_DEMO", "true");
    done(command).await
}

/// Runs a command that asks an upstream by itself.
async fn before(upstream: &Upstream, folder: &Folder, arguments: &[&str]) -> Done {
    let mut command = vt4ai(folder, arguments);
    command
        .env("VT4AI_UPSTREAM_URL", &upstream.url)
        .env("VT4AI_API_KEY", KEY);
    done(command).await
}

/// Runs a command with a text on its standard input.
async fn fed(mut command: Command, text: &'static str) -> Done {
    spawn_blocking(move || {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        Done {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    })
    .await
    .unwrap()
}

#[rstest]
#[case::no_detections(&["8.8.8.8"], 0)]
#[case::suspicious(&["parcel-customs-fee.example"], 1)]
#[case::malicious(&["bank-secure[.]example"], 2)]
#[case::unknown(&[UNKNOWN], 3)]
#[case::private(&["10.0.0.1"], 3)]
#[case::the_worst_counts(&["8.8.8.8", "bank-secure.example", UNKNOWN, "parcel-customs-fee.example"], 2)]
#[case::unknown_is_worse_than_none(&["8.8.8.8", "10.0.0.1"], 3)]
#[case::no_indicator(&["CVE-2026-1234"], 64)]
#[case::a_mistake_hides_nothing(&["CVE-2026-1234", "bank-secure.example"], 2)]
#[case::nothing(&[], 64)]
#[case::unknown_flag(&["--nonsense", "8.8.8.8"], 64)]
#[case::unknown_format(&["--format", "yaml", "8.8.8.8"], 64)]
#[case::unknown_view(&["--view", "nonsense", "8.8.8.8"], 64)]
#[case::malformed_wait(&["--wait", "ages", "8.8.8.8"], 64)]
#[case::fields_of_a_table(&["--format", "table", "--fields", "asn", "8.8.8.8"], 64)]
#[case::url(&["--url", "hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc"], 2)]
#[case::no_url(&["--url", "not a url"], 64)]
#[case::template_of_rows(&["8.8.8.8", "1.1.1.1", "--template-name", "x", "--format", "json"], 64)]
#[case::table_of_related(&["8.8.8.8", "--relationship", "resolutions", "--format", "csv"], 64)]
#[case::wait_for_related(&["8.8.8.8", "--relationship", "resolutions", "--wait", "ages"], 64)]
#[case::related_to_two(&["8.8.8.8", "1.1.1.1", "--relationship", "resolutions"], 64)]
#[case::limit_without_related(&["8.8.8.8", "--limit", "3"], 64)]
#[case::missing_file(&["--file", "does-not-exist"], 64)]
#[case::dry_run(&["--dry-run", "bank-secure.example"], 0)]
#[tokio::test]
async fn the_exit_status_is_that_of_the_worst_row(#[case] arguments: &[&str], #[case] status: i32) {
    let done = demo(&[&["lookup"], arguments].concat()).await;
    assert_eq!(done.status, status, "{} {}", done.out, done.err);
}

#[tokio::test]
async fn without_a_key_the_status_is_77_and_the_settings_are_named() {
    let folder = Folder::new();
    let done = done(vt4ai(&folder, &["lookup", "8.8.8.8"])).await;
    assert_eq!(done.status, 77);
    assert!(done.err.contains("VT4AI_API_KEY"), "{}", done.err);
}

#[rstest]
#[case::refused(401, "WrongCredentialsError", 77)]
#[case::forbidden(403, "ForbiddenError", 77)]
#[case::quota(429, "QuotaExceededError", 75)]
#[case::unavailable(503, "TransientError", 69)]
#[tokio::test]
async fn failures_of_virustotal_have_their_status(
    #[case] answer: u16,
    #[case] code: &'static str,
    #[case] status: i32,
) {
    let upstream =
        Upstream::faulty(move |_| Answer::Bytes(failure(answer, code, "a message"))).await;
    let done = before(&upstream, &Folder::new(), &["lookup", "8.8.8.8"]).await;
    assert_eq!(done.status, status, "{} {}", done.out, done.err);
    assert!(!done.err.contains(KEY) && !done.out.contains(KEY));
}

#[tokio::test]
async fn an_unreachable_gateway_is_unavailable() {
    let (_socket, url) = crate::harness::refusing();
    let done = demo(&["lookup", "--gateway", &url, "8.8.8.8"]).await;
    assert_eq!(done.status, 69, "{}", done.err);
}

#[tokio::test]
async fn rows_are_in_the_order_given() {
    let given = [
        "10.0.0.1",
        "203.0.113.7",
        "nonsense!",
        "8.8.8.8",
        "10.0.0.1",
    ];
    let done = demo(&[&["lookup", "--format", "csv"], &given[..]].concat()).await;
    let rows: Vec<_> = done.out.lines().skip(1).collect();
    for (at, (row, given)) in rows.iter().zip(given).enumerate() {
        assert!(row.starts_with(&format!("{},{given},", at + 1)), "{row}");
    }
    assert_eq!(rows.len(), given.len());
}

#[tokio::test]
async fn a_text_is_read_from_standard_input() {
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &["lookup", "-", "--format", "json"]);
    command.env("VT4AI_DEMO", "true");
    let text = "Look at hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc, from \
                203.0.113.7 (not setup.exe 1.2.3), and again 203[.]0.113.7.";
    let done = fed(command, text).await;
    assert_eq!(done.status, 2, "{}", done.err);
    let rows = done.json();
    let given: Vec<_> = rows["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["given"])
        .collect();
    let url = "hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc";
    assert_eq!(json!(given), json!([url, "203.0.113.7"]));
    assert_eq!(rows["meta"]["summary"]["complete"], true);
}

#[tokio::test]
async fn a_file_is_hashed_here_and_not_sent() {
    let upstream = Upstream::demo().await;
    let eicar = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
    let folder = Folder::new().with("sample.bin", eicar);
    let arguments = ["file", "--file", "sample.bin", "--format", "json"];
    let done = before(&upstream, &folder, &arguments).await;
    assert_eq!(done.status, 2, "{}", done.err);
    assert_eq!(upstream.targets(), [format!("/api/v3/files/{EICAR}")]);
}

#[rstest]
#[case::after_lookup(&["lookup", "--hash", EICAR_MD5])]
#[case::without_lookup(&["--hash", EICAR_MD5])]
#[case::as_one_word(&["--format=json", &format!("--hash={EICAR_MD5}")])]
#[case::of_a_kind(&["file", "--hash", EICAR_MD5])]
#[case::short(&["file", EICAR_MD5])]
#[tokio::test]
async fn the_flags_of_the_first_version_are_taken(#[case] arguments: &[&str]) {
    let folder = Folder::new();
    let mut command = vt4ai(&folder, arguments);
    command
        .arg("--template-name=vt4ai_file_basics")
        .env("VT4AI_DEMO", "true");
    let done = done(command).await;
    assert_eq!(done.status, 2, "{}", done.err);
    let answer = done.json();
    assert_eq!(answer["data"]["sha256"], EICAR, "{answer}");
}

#[rstest]
#[case::before(&["--demo", "lookup", "8.8.8.8"])]
#[case::behind(&["lookup", "--demo", "8.8.8.8"])]
#[case::without_lookup(&["--demo", "--ip", "8.8.8.8"])]
#[case::with_a_value(&["--demo=true", "lookup", "8.8.8.8"])]
#[tokio::test]
async fn a_switch_takes_no_indicator_for_its_value(#[case] arguments: &[&str]) {
    let folder = Folder::new();
    let done = done(vt4ai(&folder, arguments)).await;
    assert_eq!(done.status, 0, "{} {}", done.out, done.err);
}

#[tokio::test]
async fn a_short_form_takes_its_own_kind_only() {
    let done = demo(&["ip", "bank-secure.example"]).await;
    assert_eq!(done.status, 64);
    // The name of a file, were it not for the kind.
    assert_eq!(demo(&["domain", "payload.zip"]).await.status, 3);
}

#[tokio::test]
async fn related_objects_are_listed() {
    let arguments = [
        "domain",
        "bank-secure.example",
        "--relationship",
        "subdomains",
        "--limit",
        "1",
    ];
    let done = demo(&arguments).await;
    assert_eq!(done.status, 0, "{}", done.err);
    let page = done.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1, "{page}");
    let ids = demo(&[&arguments[..], &["-I"]].concat()).await;
    assert_eq!(
        ids.out,
        format!("{}\n", page["data"][0]["id"].as_str().unwrap())
    );
    let cursor = page["meta"]["cursor"].as_str().unwrap();
    let next = demo(&[&arguments[..], &["--cursor", cursor]].concat()).await;
    assert_ne!(next.json()["data"][0]["id"], page["data"][0]["id"]);
}

#[tokio::test]
async fn an_unknown_relationship_is_a_mistake() {
    let done = demo(&["ip", "8.8.8.8", "--relationship", "nonsense"]).await;
    assert_ne!(done.status, 0, "{}", done.out);
    assert!(done.err.contains("nonsense"), "{}", done.err);
}

#[rstest]
#[case::json("json", "{\"data\":{")]
#[case::markdown("markdown", "# Domain Report: `bank-secure.example`")]
#[case::xml("xml", "<?xml")]
#[case::raw("raw", "{")]
#[case::ecs("ecs", "{\"@timestamp\":")]
#[case::stix("stix", "{\"type\":\"bundle\",")]
#[case::misp("misp", "{\"info\":\"VirusTotal report on bank-secure.example\",")]
#[tokio::test]
async fn one_indicator_is_reported_in_full(#[case] format: &str, #[case] start: &str) {
    let done = demo(&["domain", "bank-secure.example", "--format", format]).await;
    assert_eq!(done.status, 2);
    assert!(done.out.starts_with(start), "{}", done.out);
}

#[tokio::test]
async fn documents_for_platforms_are_a_line_each() {
    let done = demo(&["lookup", "203.0.113.7", "8.8.8.8", "--format", "ecs"]).await;
    let lines: Vec<Value> = done
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let address = |document: &Value| document["threat"]["indicator"]["ip"].clone();
    let addresses: Vec<_> = lines.iter().map(address).collect();
    assert_eq!(addresses, ["203.0.113.7", "8.8.8.8"]);
    let done = demo(&["lookup", "8.8.8.8", "--format", "stix", "--fields", "asn"]).await;
    assert!(done.err.contains("no attributes to choose"), "{}", done.err);
}

#[tokio::test]
async fn a_report_costs_one_lookup() {
    let upstream = Upstream::demo().await;
    let arguments = ["lookup", EICAR, "--format", "markdown", "--view", "brief"];
    let done = before(&upstream, &Folder::new(), &arguments).await;
    assert_eq!(done.status, 2, "{}", done.err);
    assert!(done.out.contains("verdict: malicious"), "{}", done.out);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn attributes_are_included_and_excluded() {
    let choose = async |arguments: &[&str]| {
        let done = demo(&[&["domain", "bank-secure.example"], arguments].concat()).await;
        done.json()["data"].clone()
    };
    let only = choose(&["-i", "tld,registrar", "-i", "categories", "-x", "registrar"]).await;
    let keys: Vec<_> = only.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["tld", "categories"]);
    let others = choose(&["-x", "tld,whois"]).await;
    assert!(others.get("tld").is_none() && others.get("registrar").is_some());
    assert_eq!(
        choose(&["--fields", "tld"]).await,
        json!({"tld": "example"})
    );
}

#[tokio::test]
async fn ids_alone_are_a_line_each() {
    let done = demo(&[
        "lookup",
        "-I",
        "203[.]0.113.7",
        "bank-secure[.]example",
        "two words",
    ])
    .await;
    assert_eq!(done.out, "203.0.113.7\nbank-secure.example\n");
    assert!(done.err.contains("two words"), "{}", done.err);
}

#[tokio::test]
async fn what_units_suffice_for_is_looked_up_and_the_rest_remains() {
    let upstream = Upstream::demo().await;
    let arguments = [
        "lookup",
        "--max-units",
        "1",
        "8.8.8.8",
        "1.1.1.1",
        "--format",
        "json",
    ];
    let done = before(&upstream, &Folder::new(), &arguments).await;
    assert_eq!(done.status, 75, "{}", done.err);
    assert_eq!(
        done.json()["meta"]["summary"]["remaining"],
        json!(["1.1.1.1"])
    );
    assert!(done.err.contains("1 remain"), "{}", done.err);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_dry_run_spends_nothing() {
    let upstream = Upstream::demo().await;
    let folder = Folder::new();
    let arguments = ["lookup", "--dry-run", "8.8.8.8", "10.0.0.1", "8.8.8.8"];
    let done = before(&upstream, &folder, &arguments).await;
    assert_eq!(done.status, 0, "{}", done.err);
    assert!(
        done.out
            .starts_with("3 rows, 2 different: 0 kept, 1 not asked, 1 lookups")
    );
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_server_and_the_command_line_share_what_is_kept() {
    let (upstream, folder) = (Upstream::demo().await, Folder::new());
    let dir = folder.file("cache");
    let arguments = ["lookup", "--cache-dir", &dir, "8.8.8.8"];
    assert_eq!(before(&upstream, &folder, &arguments).await.status, 0);
    assert_eq!(before(&upstream, &folder, &arguments).await.status, 0);
    assert_eq!(upstream.count(), 1);
    let flags = ["--cache-max-bytes", "100000000", "--cache-dir", &dir];
    let gateway = Gateway::before(&upstream, &flags).await;
    let kept = gateway.get("/api/v1/ips/8.8.8.8").await;
    assert_eq!(kept.header("x-cache"), Some("HIT"));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_gateway_elsewhere_is_asked_with_its_token() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let url = format!("http://{}", gateway.address);
    let folder = Folder::new();
    let mut command = vt4ai(
        &folder,
        &["lookup", "--gateway", &url, "203.0.113.7", "10.0.0.1"],
    );
    command.env("VT4AI_TOKEN", "a-key-for-the-gateway");
    let answer = done(command).await;
    assert_eq!(answer.status, 2, "{}", answer.err);
    let calls = upstream.calls();
    let keys = calls.iter().filter_map(|call| call.header("x-apikey"));
    assert!(keys.clone().all(|key| key == "a-key-for-the-gateway") && keys.count() > 0);
    // The key for VirusTotal never goes to a gateway.
    let mut command = vt4ai(&folder, &["lookup", "203.0.113.7"]);
    command.env("VT4AI_GATEWAY", &url).env("VT4AI_API_KEY", KEY);
    let answer = done(command).await;
    assert_eq!(answer.status, 77, "{}", answer.err);
    assert!(answer.err.contains("VT4AI_TOKEN"), "{}", answer.err);
}

#[tokio::test]
async fn a_gateway_may_be_served_under_a_path() {
    let answer = r#"{"summary":{"rows":1,"unique":1,"units":0,"cached":0,"local":1,"failed":0,"remaining":[],"complete":true}}"#;
    let row = r#"{"row":1,"given":"x","type":"ip","id":"10.0.0.1","verdict":{"level":"unknown","reason":"r","stale":false},"source":"local","cost":0}"#;
    let media = ["content-type: application/x-ndjson"];
    let body = format!("{row}\n{{\"progress\":{{\"waiting\":3}}}}\n{answer}\n");
    let upstream = Upstream::always(http(200, &media, body)).await;
    let url = format!("{}/vt/", upstream.url);
    let done = demo(&["lookup", "--gateway", &url, "8.8.8.8"]).await;
    assert_eq!(done.status, 3, "{}", done.err);
    assert_eq!(upstream.targets(), ["/vt/api/v1/lookup"]);
    let host = upstream.url.trim_start_matches("http://");
    assert_eq!(upstream.calls()[0].header("host"), Some(host));
}

/// A gateway that breaks off after its second row, or sends what no gateway sends.
#[rstest]
#[case::without_an_end("", 2)]
#[case::nonsense("nonsense\n", 2)]
#[case::a_row_too_many(
    r#"{"row":9,"source":"cache","cost":0}
"#,
    2
)]
#[tokio::test]
async fn a_job_that_breaks_off_hides_no_row(#[case] end: &str, #[case] status: i32) {
    let row = r#"{"row":2,"type":"ip","id":"203.0.113.7","verdict":{"level":"malicious","reason":"r","stale":false},"source":"cache","cost":0}"#;
    let media = ["content-type: application/x-ndjson"];
    let upstream = Upstream::always(http(200, &media, format!("{row}\n{end}"))).await;
    let arguments = [
        "lookup",
        "--gateway",
        &upstream.url,
        "8.8.8.8",
        "203.0.113.7",
        "--format",
        "json",
    ];
    let done = demo(&arguments).await;
    assert_eq!(done.status, status, "{}", done.err);
    let document = done.json();
    assert_eq!(document["data"][0]["given"], "203.0.113.7");
    assert_eq!(document["meta"]["summary"]["remaining"], json!(["8.8.8.8"]));
    assert!(done.err.contains("error"), "{}", done.err);
}

#[tokio::test]
async fn a_closed_output_hides_no_verdict() {
    let folder = Folder::new();
    let binary = vt4ai(&folder, &[]).get_program().to_owned();
    let mut shell = Command::new("sh");
    let line = "{ \"$1\" lookup --demo bank-secure.example 8.8.8.8; echo $? >&2; } | true";
    shell
        .args(["-c", line, "sh"])
        .arg(binary)
        .current_dir(folder.path());
    let done = done(shell).await;
    // The output may be gone before the first row, or after the last.
    assert!(
        ["141", "2"].contains(&done.err.lines().last().unwrap()),
        "{}",
        done.err
    );
}

#[tokio::test]
async fn a_report_costs_no_second_lookup_where_units_are_bounded() {
    let upstream = Upstream::demo().await;
    let arguments = [
        "lookup",
        "8.8.8.8",
        "--cache-max-bytes",
        "0",
        "--max-units",
        "1",
        "--format",
        "xml",
    ];
    let done = before(&upstream, &Folder::new(), &arguments).await;
    assert_eq!(upstream.count(), 1, "{}", done.err);
    assert!(done.err.contains("kept"), "{}", done.err);
    let done = before(&upstream, &Folder::new(), &arguments[..4]).await;
    assert_eq!(done.status, 0, "{}", done.err);
}

#[tokio::test]
async fn a_text_for_a_short_form_gives_that_kind_only() {
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &["ip", "-", "-I"]);
    command.env("VT4AI_DEMO", "true");
    let done = fed(
        command,
        "bank-secure.example and http://a.example/ from 203.0.113.7",
    )
    .await;
    assert_eq!(done.out, "203.0.113.7\n");
}

#[rstest]
#[case::of_a_server(&["serve", "--domain", "gw.corp.example"])]
#[case::of_the_document(&["openapi", "--file", "x"])]
#[tokio::test]
async fn no_other_command_becomes_a_lookup(#[case] arguments: &[&str]) {
    let done = demo(arguments).await;
    assert_eq!(done.status, 64, "{}", done.out);
}

#[tokio::test]
async fn a_mistake_beside_flags_of_lookup_is_named() {
    let done = demo(&["--hash", EICAR_MD5, "--nonsense"]).await;
    assert!(done.err.contains("--nonsense"), "{}", done.err);
}

#[tokio::test]
async fn an_interrupted_command_keeps_what_it_found() {
    let upstream = Upstream::faulty(|call| {
        if call.target.contains("8.8.8.8") {
            let attributes = json!({"last_analysis_stats": {"malicious": 0, "harmless": 90}});
            let object = json!({"type": "ip_address", "id": "8.8.8.8", "attributes": attributes});
            Answer::Bytes(ok(json!({"data": object}).to_string()))
        } else {
            Answer::Silence(Vec::new())
        }
    });
    let (upstream, folder) = (upstream.await, Folder::new());
    let dir = folder.file("cache");
    let mut command = vt4ai(
        &folder,
        &["lookup", "--cache-dir", &dir, "8.8.8.8", "1.1.1.1"],
    );
    command
        .env("VT4AI_UPSTREAM_URL", &upstream.url)
        .env("VT4AI_API_KEY", KEY)
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let status = spawn_blocking(move || {
        let mut line = String::new();
        while !line.contains("8.8.8.8") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0);
        }
        let pid = child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().unwrap();
        child.wait().unwrap()
    });
    assert_eq!(status.await.unwrap().code(), Some(130));
    let arguments = ["lookup", "--cache-dir", &dir, "8.8.8.8", "--format", "json"];
    let calls = upstream.count();
    assert_eq!(before(&upstream, &folder, &arguments).await.status, 0);
    assert_eq!(upstream.count(), calls);
}

#[tokio::test]
async fn another_server_is_not_taken_for_a_gateway() {
    let upstream = Upstream::always(http(200, &["content-type: text/html"], "<html>")).await;
    let done = demo(&["lookup", "--gateway", &upstream.url, "8.8.8.8"]).await;
    assert_eq!(done.status, 69, "{}", done.err);
    assert!(done.err.contains("gateway"), "{}", done.err);
}

#[tokio::test]
async fn settings_of_a_server_beyond_this_machine_do_not_matter() {
    let upstream = Upstream::demo().await;
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &["lookup", "8.8.8.8"]);
    command
        .env("VT4AI_UPSTREAM_URL", &upstream.url)
        .env("VT4AI_API_KEY", KEY)
        .env("VT4AI_HOST", "0.0.0.0");
    assert_eq!(done(command).await.status, 0);
}

#[tokio::test]
async fn a_file_of_variables_leads_nowhere() {
    let (upstream, elsewhere) = (Upstream::demo().await, Upstream::demo().await);
    let text = format!(
        "VT4AI_UPSTREAM_URL={0}\nVT4AI_GATEWAY={0}\nVT4AI_API_KEY=anothers-key\n",
        elsewhere.url
    );
    let folder = Folder::new().with(".env", &text);
    assert_eq!(
        before(&upstream, &folder, &["lookup", "8.8.8.8"])
            .await
            .status,
        0
    );
    assert_eq!((upstream.count(), elsewhere.count()), (1, 0));
}

#[tokio::test]
async fn what_is_private_here_goes_to_no_gateway() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let url = format!("http://{}", gateway.address);
    let folder = Folder::new().with("private.txt", "bank-secure.example\n");
    let mut command = vt4ai(&folder, &["lookup", "www.bank-secure.example", "8.8.8.8"]);
    command
        .args([
            "--gateway",
            &url,
            "--private-file",
            "private.txt",
            "--format",
            "json",
        ])
        .env("VT4AI_TOKEN", KEY);
    let done = done(command).await;
    assert_eq!(done.status, 3, "{}", done.err);
    assert_eq!(done.json()["data"][0]["source"], "local");
    assert!(
        upstream
            .targets()
            .iter()
            .all(|target| !target.contains("bank-secure"))
    );
}

#[tokio::test]
async fn a_line_that_is_too_long_hides_no_other() {
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &["lookup", "-", "--format", "json"]);
    command.env("VT4AI_DEMO", "true");
    let text = format!(
        "8.8.8.8\nhttp://a.example/{}\nbank-secure.example\n",
        "A".repeat(3_000_000)
    );
    let done = fed(command, text.leak()).await;
    assert_eq!(done.status, 2, "{}", done.err);
    let rows = done.json();
    assert_eq!(rows["data"].as_array().unwrap().len(), 3);
    assert_eq!(rows["data"][1]["error"]["code"], "InvalidArgumentError");
}

#[tokio::test]
async fn the_password_in_a_gateways_url_is_not_repeated() {
    let done = demo(&["lookup", "8.8.8.8", "--gateway", "http://user:secret@host/"]).await;
    assert_eq!(done.status, 64);
    assert!(!done.err.contains("secret"), "{}", done.err);
}

#[tokio::test]
async fn texts_of_strangers_are_printed_without_control_characters() {
    let done = demo(&["lookup", "evil\u{1b}[31m.example"]).await;
    assert!(!done.out.contains('\u{1b}'), "{}", done.out);
    assert_eq!(done.out.lines().count(), 2, "{}", done.out);
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
#[tokio::test]
async fn completions_know_the_lookups(#[case] shell: &str) {
    let script = demo(&["completions", shell]).await;
    assert!(script.out.contains("max-units"));
}
