//! Tests of one door for any indicator, and of many at once (`docs/bulk.md`).

use std::collections::HashSet;

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, EICAR, Folder, Gateway, Reply, TROJAN, Upstream, failure, run, send, vt4ai},
    relationships::demo,
};

const PATH: &str = "/api/v1/lookup";

async fn keeping(upstream: &Upstream, flags: &[&str]) -> Gateway {
    Gateway::before(
        upstream,
        &[&["--cache-max-bytes", "16000000"][..], flags].concat(),
    )
    .await
}

/// Posts a body of this type and accepts that type.
async fn post(gateway: &Gateway, media: &str, accept: &str, query: &str, body: &str) -> Reply {
    let request = gateway.post(&format!("{PATH}{query}"));
    let request = request
        .header("content-type", media)
        .header("accept", accept);
    send(request.body(body.to_owned())).await
}

/// Posts JSON and returns the lines of the answer.
async fn lines(gateway: &Gateway, body: &Value) -> Vec<Value> {
    let reply = post(gateway, "application/json", "*/*", "", &body.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.text();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn summary(lines: &[Value]) -> &Value {
    let last = lines.last().unwrap();
    assert!(last.get("summary").is_some(), "{last}");
    &last["summary"]
}

#[rstest]
#[case("44d88612fea8a8f36de82e1278abb02f", "file")]
#[case("  \"bank-secure[.]example\". ", "domain")]
#[case("<203.0.113.7:443>", "ip_address")]
#[tokio::test]
async fn one_door_takes_any_indicator(#[case] text: &str, #[case] kind: &str) {
    let (upstream, gateway) = demo().await;
    let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    let reply = gateway.get(&format!("{PATH}?indicator={text}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer: Value = serde_json::from_str(reply.text()).unwrap();
    assert_eq!(answer["meta"]["indicator"]["type"], kind, "{answer}");
    assert_eq!(upstream.count(), 1);
}

#[rstest]
#[case("someone@bank-secure.example", "bank-secure.example")]
#[case("192.0.2.0/24", "192.0.2.0")]
#[case("CVE-2026-1234", "CVE")]
#[case("two words", "one word")]
#[tokio::test]
async fn what_is_no_indicator_is_told_what_could_be_asked(#[case] text: &str, #[case] says: &str) {
    let (upstream, gateway) = demo().await;
    let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    let reply = gateway.get(&format!("{PATH}?indicator={text}")).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains(says), "{}", reply.text());
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn equal_rows_are_looked_up_once_and_kept_ones_come_first() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    gateway.get("/api/v1/domains/bank-secure.example").await;
    let rows = [
        EICAR,
        "203.0.113.7",
        EICAR,
        "bank-secure[.]example",
        "203.0.113.7",
    ];
    let lines = lines(&gateway, &json!({"indicators": rows})).await;
    assert_eq!(lines[0]["row"], 4, "{lines:?}");
    assert_eq!(lines[0]["source"], "cache");
    assert_eq!(lines[0]["verdict"]["level"], "malicious");
    let numbers: HashSet<_> = lines
        .iter()
        .filter_map(|line| line["row"].as_u64())
        .collect();
    assert_eq!(numbers, HashSet::from([1, 2, 3, 4, 5]));
    let summary = summary(&lines);
    assert_eq!(summary["rows"], 5);
    assert_eq!(summary["unique"], 3);
    assert_eq!(summary["units"], 2);
    assert_eq!(summary["complete"], true);
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_cost_and_costs_nothing() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--rate-limit-per-minute", "4"]).await;
    gateway.get("/api/v1/domains/bank-secure.example").await;
    let mut rows = vec!["bank-secure.example".to_owned(), "10.0.0.1".to_owned()];
    rows.extend((1..=9).map(|last| format!("203.0.113.{last}")));
    let body = json!({"indicators": rows, "dry_run": true}).to_string();
    let reply = post(&gateway, "application/json", "*/*", "", &body).await;
    let answer: Value = serde_json::from_str(reply.text()).unwrap();
    let forecast = &answer["summary"];
    assert_eq!(forecast["by_type"], json!({"domain": 1, "ip": 10}));
    assert_eq!(forecast["kept"], 1);
    assert_eq!(forecast["local"], 1);
    assert_eq!(forecast["units"], 9);
    assert!(forecast["seconds"].as_u64().unwrap() >= 120, "{forecast}");
    // Nothing was served, so nothing was saved.
    let quota: Value = serde_json::from_str(gateway.get("/api/v1/quota").await.text()).unwrap();
    assert_eq!(quota["data"]["saved_today"], 0);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_job_leaves_a_unit_of_the_minute_to_others_and_lists_what_remains() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--rate-limit-per-minute", "4"]).await;
    let rows: Vec<_> = (1..=6).map(|last| format!("203.0.113.{last}")).collect();
    let first = lines(&gateway, &json!({"indicators": rows})).await;
    let told = summary(&first);
    assert_eq!(told["units"], 3);
    assert_eq!(told["complete"], false);
    assert_eq!(told["ended"], "quota");
    assert_eq!(told["remaining"].as_array().unwrap().len(), 3);
    // The unit that was left serves another request at once.
    let other = gateway.get("/api/v1/domains/bank-secure.example").await;
    assert_eq!(other.status, 200);
    // What is kept costs nothing the second time.
    let again = lines(&gateway, &json!({"indicators": rows})).await;
    assert_eq!(summary(&again)["cached"], 3);
    assert_eq!(summary(&again)["units"], 0);
}

#[tokio::test]
async fn max_units_bounds_what_a_job_spends() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    let rows: Vec<_> = (1..=6).map(|last| format!("203.0.113.{last}")).collect();
    let lines = lines(&gateway, &json!({"indicators": rows, "max_units": 2})).await;
    assert_eq!(summary(&lines)["units"], 2);
    assert_eq!(summary(&lines)["ended"], "max_units");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn units_go_to_rows_in_the_order_given() {
    for _ in 0..5 {
        let upstream = Upstream::demo().await;
        let gateway = keeping(&upstream, &["--rate-limit-per-day", "5"]).await;
        let rows: Vec<_> = (1..=30).map(|last| format!("203.0.113.{last}")).collect();
        let lines = lines(&gateway, &json!({"indicators": rows})).await;
        let mut asked = upstream.targets();
        asked.retain(|target| target.contains("/ip_addresses/"));
        let expected = |last| format!("/api/v3/ip_addresses/203.0.113.{last}");
        asked.sort_unstable();
        assert_eq!(asked, (1..=asked.len()).map(expected).collect::<Vec<_>>());
        assert_eq!(summary(&lines)["remaining"][0], rows[asked.len()]);
    }
}

#[tokio::test]
async fn max_units_bounds_retries_as_well() {
    let failing = Upstream::faulty(|call| {
        let is_quota = call.is_about_quota();
        let transient = failure(503, "TransientError", "try again");
        Answer::Bytes(if is_quota {
            failure(404, "NotFoundError", "no")
        } else {
            transient
        })
    });
    let failing = failing.await;
    let gateway = keeping(&failing, &[]).await;
    let rows: Vec<_> = (1..=6).map(|last| format!("203.0.113.{last}")).collect();
    let lines = lines(&gateway, &json!({"indicators": rows, "max_units": 4})).await;
    assert_eq!(failing.count(), 4);
    assert_eq!(summary(&lines)["units"], 4);
    let again = post(&gateway, "text/plain", "*/*", "?max_units=1", "8.8.8.8").await;
    assert!(again.text().contains("TransientError"), "{}", again.text());
    assert_eq!(failing.count(), 5);
}

#[tokio::test]
async fn indicators_are_found_in_a_text() {
    let (_upstream, gateway) = demo().await;
    let text = "Dear team, please check hxxps://login[.]bank-secure[.]example/verify and setup.exe \
                (44d88612fea8a8f36de82e1278abb02f), version 1.2.3.4, seen at 203.0.113.7.";
    let reply = post(&gateway, "text/plain", "*/*", "?only=file,ip", text).await;
    let rows: Vec<Value> = reply
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let given: HashSet<_> = rows
        .iter()
        .filter_map(|row| row["given"].as_str())
        .collect();
    assert_eq!(
        given,
        HashSet::from(["44d88612fea8a8f36de82e1278abb02f", "203.0.113.7"])
    );
}

#[rstest]
#[case("", "indicator,note\nbank-secure.example,x\n,\nnot an indicator,\"a,b\"\n", &[1, 3])]
#[case("?column=NOTE", "indicator,note\nx,bank-secure.example\ny,not an indicator\n", &[1, 2])]
#[case("?column=2", "x,bank-secure.example\ny,not an indicator\n", &[1, 2])]
#[tokio::test]
async fn csv_is_read_by_column_and_written_with_a_header(
    #[case] query: &str,
    #[case] body: &str,
    #[case] numbers: &[u64],
) {
    let (_upstream, gateway) = demo().await;
    let reply = post(&gateway, "text/csv", "text/csv", query, body).await;
    let text = reply.text();
    assert!(text.starts_with("row,given,type,id,level,"), "{text}");
    let mut found: Vec<u64> = Vec::new();
    for line in text.lines().skip(1) {
        found.push(line.split(',').next().unwrap().parse().unwrap());
    }
    found.sort_unstable();
    assert_eq!(found, numbers, "{text}");
    assert!(text.contains("bank-secure.example,malicious"), "{text}");
    assert!(text.contains("InvalidArgumentError"), "{text}");
}

#[tokio::test]
async fn a_cell_of_csv_is_no_formula() {
    let (_upstream, gateway) = demo().await;
    let body = json!({"indicators": ["=HYPERLINK(\"http://x\")", "@x"]}).to_string();
    let text = post(&gateway, "application/json", "text/csv", "", &body)
        .await
        .text()
        .to_owned();
    for line in text.lines().skip(1) {
        let given = line.split_once(',').unwrap().1;
        assert!(
            given.starts_with('\'') || given.starts_with("\"'"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_table_keeps_its_budget_and_says_what_is_missing() {
    let (_upstream, gateway) = demo().await;
    let rows: Vec<_> = (1..=60).map(|last| format!("203.0.113.{last}")).collect();
    let body = json!({"indicators": rows, "max_tokens": 300}).to_string();
    let text = post(&gateway, "application/json", "text/markdown", "", &body)
        .await
        .text()
        .to_owned();
    assert!(text.starts_with("| row | given |"), "{text}");
    assert!(text.contains("left out for size"), "{text}");
    assert!(bpe_openai::o200k_base().count(&text) <= 300, "{text}");
}

#[tokio::test]
async fn one_document_of_json_has_the_rows_and_the_summary() {
    let (_upstream, gateway) = demo().await;
    let body = json!({"indicators": ["bank-secure.example", "203.0.113.7"], "fields": "country"});
    let reply = post(
        &gateway,
        "application/json",
        "application/json",
        "",
        &body.to_string(),
    )
    .await;
    let answer: Value = serde_json::from_str(reply.text()).unwrap();
    assert_eq!(answer["data"].as_array().unwrap().len(), 2);
    assert_eq!(answer["meta"]["summary"]["complete"], true);
    for row in answer["data"].as_array().unwrap() {
        if row["type"] == "ip" {
            assert_eq!(row["data"], json!({"country": "NL"}));
        }
    }
}

#[rstest]
#[case("application/json", r#"{"indicators": []}"#, 400)]
#[case(
    "application/json",
    r#"{"indicators": ["a.example"], "text": "x"}"#,
    400
)]
#[case(
    "application/json",
    r#"{"indicators": ["a.example"], "colour": "red"}"#,
    400
)]
#[case("application/json", "[]", 400)]
#[case("text/plain", "", 400)]
#[case("text/csv", "a,b\nc,d\n", 400)]
#[case("image/png", "x", 415)]
#[tokio::test]
async fn a_body_that_asks_nothing_is_refused(
    #[case] media: &str,
    #[case] body: &str,
    #[case] status: u16,
) {
    let (upstream, gateway) = demo().await;
    let reply = post(&gateway, media, "*/*", "", body).await;
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn rows_and_bytes_are_bounded() {
    let (upstream, gateway) = demo().await;
    let names: Vec<_> = (0..10_001).map(|at| format!("a{at}.example")).collect();
    let rows = names.join("\n");
    let reply = post(&gateway, "text/plain", "*/*", "", &rows).await;
    assert_eq!(reply.status, 400);
    let reply = post(
        &gateway,
        "text/plain",
        "*/*",
        "",
        &"a".repeat(2 * 1024 * 1024 + 1),
    )
    .await;
    assert_eq!(reply.status, 413);
    assert_eq!(upstream.count(), 0);
}

/// Reads of private objects, on every entrance that names one.
fn private_reads() -> Vec<String> {
    let mut paths = Vec::new();
    for id in [
        "10.1.2.3",
        "127.0.0.1",
        "169.254.0.1",
        "100.64.0.1",
        "224.0.0.1",
        "fe80::1",
        "fd00::1",
    ] {
        paths.push(format!("/api/v1/ips/{id}"));
        paths.push(format!("/api/v1/ips/{id}/comments"));
        paths.push(format!("/api/v1/ips/{id}/votes"));
        paths.push(format!("/api/v1/ips/{id}/relationships/resolutions"));
        paths.push(format!("{PATH}?indicator={id}"));
        paths.push(format!("/api/v1/search?query={id}"));
    }
    for name in [
        "intranet.local",
        "db.internal",
        "a.home.arpa",
        "host.corp.example",
    ] {
        paths.push(format!("/api/v1/domains/{name}"));
        paths.push(format!("/api/v1/domains/{name}/relationships/subdomains"));
        paths.push(format!("/api/v1/urls/analyze?url=http%3A%2F%2F{name}%2Fx"));
        paths.push(format!(
            "/api/v1/intelligence/search?query=entity%3Adomain%20{name}"
        ));
    }
    paths.push(format!("/api/v1/files/{TROJAN}"));
    paths.push(format!("/api/v1/files/{TROJAN}/behaviour_summary"));
    paths.push("/api/v1/urls/analyze?url=http%3A%2F%2F2130706433%2F".to_owned());
    paths
}

#[tokio::test]
async fn private_indicators_never_leave() {
    let upstream = Upstream::demo().await;
    let list = format!("# ours\ncorp.example\n198.51.100.0/24\n{TROJAN}\n");
    let folder = Folder::new().with("private", &list);
    let file = folder.file("private");
    let gateway = keeping(
        &upstream,
        &["--private-file", &file, "--allow-submissions", "true"],
    )
    .await;
    for path in private_reads() {
        let reply = gateway.get(&path).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
        assert!(
            reply.text().contains("PrivateIndicatorError"),
            "{path}: {}",
            reply.text()
        );
    }
    let form = "application/x-www-form-urlencoded";
    for (path, media, body) in [
        (
            "/api/v1/ips/198.51.100.9/comments",
            "application/json",
            r#"{"text": "x"}"#,
        ),
        (
            "/api/v1/domains/a.corp.example/votes",
            "application/json",
            r#"{"verdict": "harmless"}"#,
        ),
        ("/api/v1/ips/10.0.0.1/analyse", "application/json", ""),
        (
            "/api/v1/urls",
            form,
            "url=http%3A%2F%2Fwiki.corp.example%2F",
        ),
    ] {
        let request = gateway.post(path).header("content-type", media);
        let reply = send(request.body(body)).await;
        let is_told = reply.text().contains("PrivateIndicatorError");
        assert!(reply.status == 403 && is_told, "{path}: {}", reply.text());
    }
    let rows = ["10.0.0.1", "wiki.corp.example", "198.51.100.77", TROJAN];
    let lines = lines(&gateway, &json!({"indicators": rows})).await;
    assert_eq!(summary(&lines)["local"], 4);
    assert_eq!(lines[0]["verdict"]["level"], "unknown");
    assert_eq!(lines[0]["cost"], 0);
    assert_eq!(upstream.count(), 0);
    // Documentation ranges and reserved names are public.
    gateway.get("/api/v1/ips/203.0.113.7").await;
    gateway.get("/api/v1/domains/bank-secure.example").await;
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_mistake_in_the_file_of_private_indicators_stops_the_start() {
    let folder = Folder::new().with("private", "corp.example\nnot a line\n");
    let file = folder.file("private");
    let (status, out, err) = run(&mut vt4ai(&folder, &["check", "--private-file", &file]));
    assert_ne!(status, 0);
    let said = out + &err;
    assert!(
        said.contains("VT4AI_PRIVATE_FILE") && said.contains("line 2"),
        "{said}"
    );
}
