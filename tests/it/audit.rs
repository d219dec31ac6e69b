//! Tests of the audit log.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::watch};
use vt4ai::access::TokenDigest;

use crate::harness::{
    EICAR, Folder, KEY, Process, UNKNOWN, Upstream, client, file, run, send, until, vt4ai,
};

/// Returns the records of a file without their times.
fn records(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let mut records = Vec::new();
    for line in text.lines() {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let time = record.as_object_mut().unwrap().remove("timestamp");
        assert_eq!(time.unwrap().as_str().unwrap().len(), 27);
        records.push(record);
    }
    records
}

async fn ask(process: &Process, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = client().get(format!("http://{}{path}", process.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request).await.status
}

/// Ends a process in order, which writes the last records.
fn end(process: Process) {
    process.signal("-TERM");
    assert_eq!(process.end(), Some(0));
}

#[tokio::test]
async fn who_asked_about_what_is_recorded() {
    let digest = TokenDigest::of(b"vt4ai_alice").hex();
    let table =
        format!("[[client]]\nname = \"alice\"\ntoken_sha256 = \"{digest}\"\nscopes = [\"read\"]\n");
    let folder = Folder::new().with("clients.toml", &table);
    let log = folder.file("audit.jsonl");
    let clients = folder.file("clients.toml");
    let flags = ["--demo", "--clients-file", &clients, "--audit-log", &log];
    let flags = [&flags[..], &["--trusted-proxies", "127.0.0.1"]].concat();
    let process = Process::start(&mut vt4ai(&folder, &flags));
    let alice = [
        ("x-api-key", "vt4ai_alice"),
        ("x-request-id", "the-id"),
        ("x-forwarded-for", "192.0.2.7"),
    ];
    let upper = file(&EICAR.to_ascii_uppercase());
    assert_eq!(ask(&process, &upper, &alice).await, 200);
    assert_eq!(ask(&process, &upper, &alice).await, 200);
    let unknown = [("x-api-key", "vt4ai_alice"), ("x-request-id", "other")];
    assert_eq!(ask(&process, &file(UNKNOWN), &unknown).await, 404);
    assert_eq!(ask(&process, "/livez", &alice).await, 200);
    end(process);
    let record = |units: u64, cache: &str| {
        json!({
            "client.name": "alice",
            "client.address": "192.0.2.7",
            "http.request.id": "the-id",
            "http.request.method": "GET",
            "http.route": "/api/v1/files/{file_hash}",
            "indicator.type": "file",
            "indicator.value": EICAR,
            "http.response.status_code": 200,
            "cache": cache,
            "quota.units": units,
        })
    };
    let not_found = json!({
        "client.name": "alice",
        "client.address": "127.0.0.1",
        "http.request.id": "other",
        "http.request.method": "GET",
        "http.route": "/api/v1/files/{file_hash}",
        "indicator.type": "file",
        "indicator.value": UNKNOWN,
        "http.response.status_code": 404,
        "error.type": "NotFoundError",
        "cache": "miss",
        "quota.units": 1,
    });
    assert_eq!(
        records(&log),
        [record(1, "miss"), record(0, "hit"), not_found]
    );
    let mode = fs::metadata(&log).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_request_whose_caller_hangs_up_is_recorded() {
    let (_go, going) = watch::channel(false);
    let upstream = Upstream::held(going, "{}").await;
    let folder = Folder::new();
    let log = folder.file("audit.jsonl");
    let mut command = vt4ai(&folder, &["--audit-log", &log]);
    let process = Process::start(command.env("VT4AI_UPSTREAM_URL", &upstream.url));
    let mut stream = TcpStream::connect(&process.address).await.unwrap();
    let head = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\nx-api-key: {KEY}\r\nx-request-id: {KEY}\r\n\r\n",
        file(EICAR),
        process.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    upstream.until_asked(1).await;
    drop(stream);
    process.wait_for("request abandoned", 1);
    until(async || !records(&log).is_empty()).await;
    let text = process.stop();
    assert!(!text.contains(KEY), "{text}");
    let records = records(&log);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["http.response.status_code"], 499);
    assert_eq!(records[0]["indicator.value"], EICAR);
    assert_eq!(records[0]["quota.units"], 1);
}

#[tokio::test]
async fn a_lookup_of_a_job_whose_caller_hangs_up_is_recorded() {
    let (_go, going) = watch::channel(false);
    let upstream = Upstream::held(going, "{}").await;
    let folder = Folder::new();
    let log = folder.file("audit.jsonl");
    let mut command = vt4ai(&folder, &["--audit-log", &log]);
    let process = Process::start(command.env("VT4AI_UPSTREAM_URL", &upstream.url));
    let mut stream = TcpStream::connect(&process.address).await.unwrap();
    let body = json!({"indicators": [EICAR]}).to_string();
    let head = format!(
        "POST /api/v1/lookup HTTP/1.1\r\nhost: {}\r\nx-api-key: {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        process.address,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    upstream.until_asked(1).await;
    drop(stream);
    let row = |record: &Value| record["indicator.value"] == EICAR;
    until(async || records(&log).iter().any(row)).await;
    let record = records(&log).into_iter().find(row).unwrap();
    assert_eq!(record["http.response.status_code"], 499);
    assert_eq!(record["quota.units"], 1);
    process.stop();
}

/// Starts a call that is answered as a stream, lets the stand-in answer once the stream has begun, and
/// returns the record and the log.
async fn streamed(body: &'static str) -> (Value, String) {
    let (go, going) = watch::channel(false);
    let upstream = Upstream::held(going, body).await;
    let folder = Folder::new();
    let log = folder.file("audit.jsonl");
    let mut command = vt4ai(&folder, &["--audit-log", &log]);
    let process = Process::start(command.env("VT4AI_UPSTREAM_URL", &upstream.url));
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "get_report", "arguments": {"indicator": EICAR}, "_meta": {"progressToken": 1},
    }});
    let mut response = client()
        .post(format!("http://{}/mcp", process.address))
        .header("x-api-key", KEY)
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(message.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    go.send(true).unwrap();
    while response.chunk().await.unwrap().is_some() {}
    until(async || !records(&log).is_empty()).await;
    let text = process.stop();
    let records = records(&log);
    assert_eq!(records.len(), 1, "{records:?}");
    (records[0].clone(), text)
}

#[tokio::test]
async fn a_streamed_call_is_recorded_at_its_end() {
    let report = r#"{"data":{"type":"file","id":"x","attributes":{}}}"#;
    let (record, log) = streamed(report).await;
    assert_eq!(record["quota.units"], 1);
    assert_eq!(record["cache"], "miss");
    assert!(log.contains("quota.units=1"), "{log}");
    let (record, _) = streamed("{").await;
    assert_eq!(record["error.type"], "BadGatewayError");
}

#[tokio::test]
async fn a_job_is_recorded_at_its_end_with_the_units_of_all() {
    let folder = Folder::new();
    let log = folder.file("audit.jsonl");
    let process = Process::start(&mut vt4ai(&folder, &["--demo", "--audit-log", &log]));
    let job = json!({"indicators": [EICAR, UNKNOWN, "8.8.8.8"]});
    let request = client()
        .post(format!("http://{}/api/v1/lookup", process.address))
        .header("content-type", "application/json")
        .body(job.to_string());
    assert_eq!(send(request).await.status, 200);
    end(process);
    let records = records(&log);
    let (whole, rows) = records.split_last().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["quota.units"] == 1), "{rows:?}");
    assert_eq!(whole["quota.units"], 3);
}

#[tokio::test]
async fn posted_urls_are_recorded() {
    let folder = Folder::new();
    let log = folder.file("audit.jsonl");
    let process = Process::start(&mut vt4ai(&folder, &["--demo", "--audit-log", &log]));
    let post = |body: &'static str, media| {
        client()
            .post(format!("http://{}/api/v1/urls", process.address))
            .header("x-api-key", KEY)
            .header("content-type", media)
            .body(body)
    };
    let json = r#"{"url": "hxxp://evil[.]example/"}"#;
    assert_eq!(send(post(json, "application/json")).await.status, 202);
    let form = "url=http%3A%2F%2Fb.example%2F";
    let media = "application/x-www-form-urlencoded";
    assert_eq!(send(post(form, media)).await.status, 202);
    end(process);
    let records = records(&log);
    let urls: Vec<_> = records.iter().map(|it| &it["indicator.value"]).collect();
    assert_eq!(urls, ["http://evil.example/", "http://b.example/"]);
}

#[tokio::test]
async fn a_record_names_what_is_looked_up_or_what_was_refused() {
    let folder = Folder::new();
    let log = folder.file("audit.jsonl");
    let process = Process::start(&mut vt4ai(&folder, &["--demo", "--audit-log", &log]));
    let hash = EICAR.to_ascii_uppercase();
    let related = format!("/api/v1/files/{hash}/relationships/comments");
    let cases = [
        ("/api/v1/domains/EXAMPLE%5B.%5Dcom", "domain", "example.com"),
        ("/api/v1/ips/2001:DB8::0:1/votes", "ip", "2001:db8::1"),
        (&related, "file", EICAR),
        (
            "/api/v1/urls/analyze?url=hxxp://evil.example/a%20b",
            "url",
            "http://evil.example/a b",
        ),
        ("/api/v1/analyses/abc%3D", "analysis", "abc="),
        ("/api/v1/search?query=evil%5B.%5Dcom", "search", "evil.com"),
    ];
    let mut expected = Vec::new();
    for (path, kind, value) in cases {
        ask(&process, path, &[("x-api-key", KEY)]).await;
        expected.push([kind, value]);
    }
    // Refused for its text, for a parameter beside it, and for its key.
    let keyed = [("x-api-key", KEY)];
    assert_eq!(ask(&process, "/api/v1/files/No%20hash", &keyed).await, 400);
    assert_eq!(ask(&process, "/api/v1/ips/1.1.1.1?x=1", &keyed).await, 400);
    let no_key = [("x-api-key", "no key")];
    assert_eq!(ask(&process, cases[0].0, &no_key).await, 401);
    assert_eq!(ask(&process, cases[5].0, &no_key).await, 401);
    expected.extend([
        ["file", "No hash"],
        ["ip", "1.1.1.1"],
        ["domain", "EXAMPLE[.]com"],
        ["search", "evil[.]com"],
    ]);
    end(process);
    let records = records(&log);
    let mut subjects = Vec::new();
    for record in &records {
        let text = |name: &str| record[name].as_str().unwrap();
        subjects.push([text("indicator.type"), text("indicator.value")]);
    }
    assert_eq!(subjects, expected);
}

#[tokio::test]
async fn the_audit_log_is_reopened_at_sighup() {
    let folder = Folder::new();
    let log = folder.file("audit.jsonl");
    let process = Process::start(&mut vt4ai(&folder, &["--demo", "--audit-log", &log]));
    let headers = [("x-api-key", KEY)];
    assert_eq!(ask(&process, &file(EICAR), &headers).await, 200);
    let moved = folder.file("audit.jsonl.1");
    fs::rename(&log, &moved).unwrap();
    process.signal("-HUP");
    process.wait_for("audit log reopened", 1);
    assert_eq!(ask(&process, &file(UNKNOWN), &headers).await, 404);
    end(process);
    assert_eq!(records(&moved).len(), 1);
    assert_eq!(records(&log).len(), 1);
}

#[test]
fn a_file_that_cannot_be_opened_is_a_mistake() {
    let folder = Folder::new();
    for path in ["/nowhere/audit.jsonl", "/dev/null"] {
        let flags = ["--demo", "--port", "0", "--audit-log", path];
        let (status, _, said) = run(&mut vt4ai(&folder, &flags));
        assert_eq!(status, 64, "{said}");
        assert!(said.contains("VT4AI_AUDIT_LOG: "), "{said}");
    }
}

#[tokio::test]
async fn each_indicator_of_a_job_is_recorded() {
    let folder = Folder::new();
    let log = folder.file("audit.jsonl");
    let process = Process::start(&mut vt4ai(&folder, &["--demo", "--audit-log", &log]));
    let url = format!("http://{}/api/v1/lookup", process.address);
    let rows = json!([
        EICAR,
        "hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc",
        "10.0.0.1",
        "two words",
        EICAR,
        UNKNOWN
    ]);
    let request = client().post(&url).header("x-request-id", "the-job");
    let request = request.header("content-type", "application/json");
    let reply = send(request.body(json!({"indicators": rows}).to_string())).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let one = "/api/v1/lookup?indicator=bank-secure%5B.%5Dexample";
    assert_eq!(ask(&process, one, &[]).await, 200);
    let no_indicator = "/api/v1/lookup?indicator=CVE-2026-1234";
    assert_eq!(ask(&process, no_indicator, &[]).await, 400);
    end(process);
    let mut rows = Vec::new();
    for record in records(&log) {
        let shown = [
            "indicator.type",
            "indicator.value",
            "http.response.status_code",
        ];
        let shown = shown.map(|name| record[name].clone());
        rows.push((record["http.request.id"] == "the-job", json!(shown)));
    }
    let (mut of_job, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(is, _)| *is);
    of_job.sort_by_key(|(_, row)| row.to_string());
    let of_job: Vec<_> = of_job.into_iter().map(|(_, row)| row).collect();
    let expected = json!([
        ["file", UNKNOWN, 404],
        ["file", EICAR, 200],
        ["ip", "10.0.0.1", 404],
        [
            "url",
            "https://login.bank-secure.example/verify?id=1&session=abc",
            200
        ],
        [null, null, 200],
    ]);
    let mut expected = expected.as_array().unwrap().clone();
    expected.sort_by_key(ToString::to_string);
    assert_eq!(json!(of_job), json!(expected));
    let others: Vec<_> = others.into_iter().map(|(_, row)| row).collect();
    assert_eq!(
        json!(others),
        json!([
            ["domain", "bank-secure.example", 200],
            ["indicator", "CVE-2026-1234", 400]
        ])
    );
}

#[tokio::test]
async fn a_request_of_virustotals_own_clients_is_recorded() {
    let folder = Folder::new();
    let log = folder.file("audit.jsonl");
    let process = Process::start(&mut vt4ai(&folder, &["--demo", "--audit-log", &log]));
    let key = [("x-apikey", KEY)];
    let id = "aHR0cHM6Ly9leGFtcGxlLmNvbS8";
    for path in [
        "/api/v3/domains/example.com",
        &format!("/api/v3/urls/{id}"),
        "/api/v3/search?query=%23a+b",
        "/api/v3/files/odd/download",
    ] {
        ask(&process, path, &key).await;
    }
    end(process);
    let subjects: Vec<_> = records(&log)
        .iter()
        .map(|record| {
            assert_eq!(record["http.route"], "/api/v3/{*path}");
            let text = |name: &str| record[name].as_str().map(str::to_owned);
            (text("indicator.type"), text("indicator.value"))
        })
        .collect();
    let of = |kind: &str, value: &str| (Some(kind.to_owned()), Some(value.to_owned()));
    let expected = [
        of("domain", "example.com"),
        of("url", id),
        of("search", "#a b"),
        (None, None),
    ];
    assert_eq!(subjects, expected);
}
