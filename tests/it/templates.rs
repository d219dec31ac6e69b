//! Tests of the folder of templates: misspelt fields, and reloads by `SIGHUP`.

use serde_json::Value;

use crate::harness::{EICAR, Folder, Process, Reply, client, file, send, vt4ai};

/// Returns the default template for files, which leaves out one field.
fn without(field: &str) -> String {
    format!(
        r#"{{"name": "mine", "object": "file", "default": true, "exclude_fields": ["{field}"]}}"#
    )
}

fn serve(folder: &Folder) -> Process {
    Process::start(&mut vt4ai(folder, &["--demo", "--templates-dir", "."]))
}

async fn get(process: &Process, path: &str) -> Reply {
    send(client().get(format!("http://{}{path}", process.address))).await
}

/// Returns whether a report has its `names` and its `md5`.
async fn shown(process: &Process) -> (bool, bool) {
    let report = get(process, &file(EICAR)).await.data();
    (report.get("names").is_some(), report.get("md5").is_some())
}

/// Returns the `ok` and the detail of the check of templates, and whether the metric agrees.
async fn readiness(process: &Process) -> (bool, String, bool) {
    let health = get(process, "/readyz").await.json();
    let checks = health["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "templates");
    let Some(Value::Object(check)) = check else {
        panic!("{health}");
    };
    let is_ok = check["ok"] == true;
    let gauge = format!(
        "\nvt4ai_templates_last_reload_successful {}\n",
        u8::from(is_ok)
    );
    let metrics = get(process, "/metrics").await;
    let detail = check["detail"].as_str().unwrap().to_owned();
    (is_ok, detail, metrics.text().contains(&gauge))
}

#[test]
fn misspelt_field_is_warned_about_at_start() {
    let folder = Folder::new().with("mine.json", &without("nams"));
    let log = serve(&folder).stop();
    let warning =
        "template `mine`: VirusTotal documents no `nams` for the object `file`: is `names` meant?";
    assert!(log.contains(warning), "{log}");
    let folder = Folder::new().with("mine.json", &without("names"));
    let log = serve(&folder).stop();
    assert!(!log.contains("VirusTotal documents"), "{log}");
}

#[tokio::test]
async fn documented_template_makes_answers_as_short_as_the_page_says() {
    let page = include_str!("../../docs/http-api.md");
    let mut blocks = page.split("```json\n").skip(1);
    let template = blocks.find(|block| block.contains("domain_without_certificate"));
    let (template, after) = template.unwrap().split_once("```").unwrap();
    let folder = Folder::new().with("page.json", template);
    let process = serve(&folder);
    let report = "/api/v1/domains/bank-secure.example";
    let default = get(&process, report).await.text().len();
    let named = format!("{report}?template_name=domain_without_certificate");
    let shorter = get(&process, &named).await.text().len();
    let thousands = |length: usize| format!("{},{:03}", length / 1000, length % 1000);
    let claim = format!(
        "{} bytes of JSON by the default and {} by this template",
        thousands(default),
        thousands(shorter)
    );
    assert!(after.contains(&claim), "{claim}");
    assert!(!process.stop().contains("VirusTotal documents no"));
}

#[tokio::test]
async fn sighup_reloads_the_templates() {
    let folder = Folder::new().with("mine.json", &without("names"));
    let process = serve(&folder);
    // From the second time on, the rendered report is cached.
    for _ in 0..3 {
        assert_eq!(shown(&process).await, (false, true));
    }
    folder.put("mine.json", &without("md5"));
    process.signal("-HUP");
    process.wait_for("templates reloaded", 1);
    for _ in 0..3 {
        assert_eq!(shown(&process).await, (true, false));
    }
    let template = get(&process, "/templates/mine").await.json();
    assert_eq!(template["exclude_fields"][0], "md5");
}

#[tokio::test]
async fn broken_template_keeps_the_previous_ones() {
    let folder = Folder::new().with("mine.json", &without("names"));
    let process = serve(&folder);
    assert_eq!(
        readiness(&process).await,
        (true, "5 loaded".to_owned(), true)
    );
    folder.put("mine.json", "{");
    process.signal("-HUP");
    process.wait_for("templates not reloaded, previous ones stay in effect", 1);
    process.wait_for("mine.json", 1);
    assert_eq!(shown(&process).await, (false, true));
    let (is_ok, detail, is_counted) = readiness(&process).await;
    assert!(!is_ok && is_counted, "{detail}");
    assert!(
        detail.contains("mistakes: 1") && detail.contains("the previous 5"),
        "{detail}"
    );
    folder.put("mine.json", &without("md5"));
    process.signal("-HUP");
    process.wait_for("templates reloaded", 1);
    assert_eq!(shown(&process).await, (true, false));
    assert!(readiness(&process).await.0);
}
