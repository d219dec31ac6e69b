//! Tests of the reports on a file's behaviour in sandboxes (`docs/http-api.md`).

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    errors::is_well_formed,
    harness::{EICAR, EICAR_MD5, Gateway, KEY, TROJAN, UNKNOWN, Upstream, failure, file, ok},
    relationships::demo,
};

const PARTS: [&str; 2] = ["behaviour_summary", "behaviour_mitre_trees"];
/// A file that the stand-in has, without a behaviour report.
const UNSEEN: &str = "32a610e32f63be8ee10ad2324081b51b390a4efd3acef685acb36d25ab358ed9";

fn behaviour(hash: &str, part: &str) -> String {
    format!("{}/{part}", file(hash))
}

async fn answering(data: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::always(ok(format!("{{\n    \"data\": {data}\n}}"))).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

#[rstest]
#[case(PARTS[0], "processes_created")]
#[case(PARTS[1], "CAPE Sandbox")]
#[tokio::test]
async fn a_behaviour_comes_in_every_format(#[case] part: &str, #[case] member: &str) {
    let (upstream, gateway) = demo().await;
    let path = behaviour(TROJAN, part);
    let json = gateway.get(&path).await.data();
    assert!(json.as_object().unwrap().contains_key(member), "{json}");
    let raw = gateway.get(&format!("{path}?format=raw")).await.json();
    assert_eq!(raw["data"].to_string(), json.to_string());
    assert_eq!(raw["format"], "raw");
    let markdown = gateway.get(&format!("{path}?format=markdown")).await;
    let markdown = markdown.document();
    assert!(markdown.starts_with(&format!("# File {part}: {TROJAN}\n\n# ")));
    let xml = gateway.get(&format!("{path}?format=xml")).await.document();
    let parsed = roxmltree::Document::parse(&xml).unwrap();
    let root = parsed.root_element();
    assert_eq!(root.tag_name().name(), part);
    assert_eq!(
        root.children().filter(roxmltree::Node::is_element).count(),
        json.as_object().unwrap().len()
    );
    for (media, document) in [("text/markdown", &markdown), ("application/xml", &xml)] {
        let headers = [("x-api-key", KEY), ("accept", media)];
        let reply = gateway.get_with(&path, &headers).await;
        assert_eq!((reply.status, reply.text()), (200, &**document));
    }
    let target = format!("/api/v3/files/{TROJAN}/{part}");
    assert_eq!(upstream.targets(), [&*target; 6]);
}

#[rstest]
#[tokio::test]
async fn json_keeps_virustotals_members_and_order(#[values(0, 1)] part: usize) {
    let data = r#"{
        "z": [],
        "a": {"Dr.Web": 18446744073709551615, "": -0.1, "10": null, "9": 1e-7},
        "type": "not a type",
        "id": 7,
        "links": {"self": "kept"},
        "error": "kept"
    }"#;
    let expected = r#"{"z":[],"a":{"Dr.Web":18446744073709551615,"":-0.1,"10":null,"9":1e-7},"type":"not a type","id":7,"links":{"self":"kept"},"error":"kept"}"#;
    let (_upstream, gateway) = answering(data).await;
    for format in ["json", "raw"] {
        let path = format!("{}?format={format}", behaviour(EICAR, PARTS[part]));
        let reply = gateway.get(&path).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let body = format!(r#"{{"data":{expected},"format":"{format}"}}"#);
        assert_eq!(reply.text(), body);
    }
}

#[rstest]
#[case::null("null")]
#[case::list(r#"[{"a":1}]"#)]
#[case::text(r#""x""#)]
#[case::empty("{}")]
#[tokio::test]
async fn data_of_every_json_type_is_passed_on(#[case] data: &str) {
    let (_upstream, gateway) = answering(data).await;
    for part in PARTS {
        let path = behaviour(EICAR, part);
        let reply = gateway.get(&path).await;
        assert_eq!(
            reply.text(),
            format!(r#"{{"data":{data},"format":"json"}}"#)
        );
        let markdown = gateway.get(&format!("{path}?format=markdown")).await;
        let start = format!("# File {part}: {EICAR}\n");
        assert!(format!("{}\n", markdown.document()).starts_with(&start));
        let xml = gateway.get(&format!("{path}?format=xml")).await.document();
        assert!(roxmltree::Document::parse(&xml).is_ok(), "{xml}");
    }
}

#[tokio::test]
async fn a_large_behaviour_passes_in_every_format() {
    const COUNT: usize = 6_000;
    let command = "cmd.exe /c \"echo <b> & é\" > C:\\x\r\n`\u{202e}";
    let files = (0..COUNT).map(|n| format!("C:\\Windows\\{n:05}.dll {command}"));
    let files: Vec<_> = files.collect();
    let deep = (0..40).fold(json!("deep"), |inner, _| json!({"children": [inner]}));
    let text = "x".repeat(700_000);
    let data = json!({"files_written": files, "processes_tree": deep, "text": text});
    let text = serde_json::to_string_pretty(&data).unwrap();
    assert!(text.len() > 1024 * 1024);
    let (_upstream, gateway) = answering(&text).await;
    for format in ["json", "raw", "markdown", "xml"] {
        let path = format!("{}?format={format}", behaviour(EICAR, PARTS[0]));
        let given = gateway.get(&path).await.data();
        match format {
            "json" | "raw" => assert!(given == data),
            "markdown" => assert!(given.as_str().unwrap().matches("\n- ").count() >= COUNT),
            _ => {
                let parsed = roxmltree::Document::parse(given.as_str().unwrap()).unwrap();
                let mut all = parsed.descendants();
                let written = all.find(|it| it.has_tag_name("files_written")).unwrap();
                let items = written.children().filter(roxmltree::Node::is_element);
                assert_eq!(items.count(), COUNT);
            }
        }
    }
}

#[tokio::test]
async fn every_hash_type_is_accepted_in_any_case() {
    let (upstream, gateway) = demo().await;
    let sha1 = "3395856ce81f2b7382dee72602f798b642f14140";
    for part in PARTS {
        let mut answers: Vec<Value> = Vec::new();
        for hash in [EICAR, EICAR_MD5, sha1] {
            let path = behaviour(&hash.to_uppercase(), part);
            answers.push(gateway.get(&path).await.data());
            let target = format!("/api/v3/files/{hash}/{part}");
            assert_eq!(upstream.targets().last(), Some(&target));
            let markdown = gateway.get(&format!("{path}?format=markdown")).await;
            let start = format!("# File {part}: {hash}\n");
            assert!(markdown.document().starts_with(&start));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    }
}

#[rstest]
#[case::unknown(UNKNOWN)]
#[case::unseen(UNSEEN)]
#[tokio::test]
async fn a_file_without_behaviour_is_not_found(#[case] hash: &str) {
    let (_upstream, gateway) = demo().await;
    for part in PARTS {
        for query in ["", "?format=markdown"] {
            let reply = gateway
                .get(&format!("{}{query}", behaviour(hash, part)))
                .await;
            is_well_formed(&reply);
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (404, "NotFoundError")
            );
            let start = format!("Error retrieving file {part}: ");
            assert!(reply.detail().starts_with(&start), "{}", reply.detail());
        }
    }
}

#[tokio::test]
async fn an_invalid_behaviour_request_spends_nothing() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    for (path, status) in [
        ("xyz/behaviour_summary", 400),
        (
            "275a021bbfb6489e54d471899f7db9d1/behaviour_summary?format=pdf",
            400,
        ),
        (
            "275a021bbfb6489e54d471899f7db9d1/behaviour_mitre_trees?format=json&format=json",
            400,
        ),
        ("275a021bbfb6489e54d471899f7db9d1/behaviours", 404),
        ("275a021bbfb6489e54d471899f7db9d1/behaviour_summary/", 404),
        ("275a021bbfb6489e54d471899f7db9d1/behaviour_summary/x", 404),
        ("275a021bbfb6489e54d471899f7db9d1/behavior_summary", 404),
        ("275a021bbfb6489e54d471899f7db9d1/Behaviour_Summary", 404),
        ("275a021bbfb6489e54d471899f7db9d1/contacted_ips", 404),
        ("behaviour_summary", 400),
        ("../domains/example.com/behaviour_summary", 404),
    ] {
        let reply = gateway.get(&format!("/api/v1/files/{path}")).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        is_well_formed(&reply);
        let left = (status == 400).then_some(4);
        assert_eq!(reply.number("x-ratelimit-remaining"), left);
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_behaviour_costs_one_lookup_and_takes_no_template() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "2"]).await;
    for (part, left) in PARTS.into_iter().zip([1, 0]) {
        let path = behaviour(EICAR, part);
        assert_eq!(gateway.get_with(&path, &[]).await.status, 401);
        let reply = gateway.get(&format!("{path}?template_name=nonsense")).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
        let reply = gateway.get(&path).await;
        assert_eq!(
            (reply.status, reply.number("x-ratelimit-remaining")),
            (200, Some(left))
        );
    }
    assert_eq!(gateway.get(&behaviour(EICAR, PARTS[0])).await.status, 429);
    assert_eq!(upstream.count(), 2);
}

#[rstest]
#[case(failure(403, "ForbiddenError", "x"), 403, 1)]
#[case(ok("<html>"), 502, 1)]
#[case(ok("{}"), 502, 1)]
#[case(ok(r#"{"data": {"a": "#), 502, 1)]
#[tokio::test]
async fn virustotals_errors_are_passed_on(
    #[case] answer: Vec<u8>,
    #[case] status: u16,
    #[case] calls: usize,
) {
    let upstream = Upstream::always(answer).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get(&behaviour(EICAR, PARTS[0])).await;
    is_well_formed(&reply);
    assert_eq!((reply.status, upstream.count()), (status, calls));
    let start = "Error retrieving file behaviour_summary: ";
    assert!(reply.detail().starts_with(start), "{}", reply.detail());
}
