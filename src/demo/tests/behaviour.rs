//! The combined sandbox results.

use super::*;

#[tokio::test]
async fn a_summary_joins_every_report() {
    let summary = ask(&format!("/files/{}/behaviour_summary", crowd::TROJAN)).await;
    let data = summary["data"].as_object().unwrap();
    for name in ["id", "type", "sandbox_name", "analysis_date"] {
        assert!(!data.contains_key(name), "{name}");
    }
    assert!(data.values().all(Value::is_array));
    let count = |name: &str| data[name].as_array().unwrap().len();
    assert_eq!(
        count("processes_created"),
        2,
        "one of them is in two reports"
    );
    assert_eq!(count("mitre_attack_techniques"), 4);
    assert_eq!(count("ip_traffic"), 3);
    assert_eq!(count("verdicts"), 3);
    for name in [
        "processes_tree",
        "command_executions",
        "dns_lookups",
        "files_dropped",
    ] {
        assert_ne!(count(name), 0, "{name}");
    }
}

#[tokio::test]
async fn techniques_are_grouped_by_sandbox_and_tactic() {
    let trees = ask(&format!("/files/{}/behaviour_mitre_trees", crowd::TROJAN)).await;
    let data = trees["data"].as_object().unwrap();
    let names: Vec<_> = data.keys().collect();
    assert_eq!(names, ["CAPE Sandbox", "VirusTotal Jujubox", "Zenbox"]);
    let mut severities = HashSet::new();
    let list = |it: &Value, name: &str| it[name].as_array().unwrap().clone();
    for tactic in data.values().flat_map(|it| list(it, "tactics")) {
        let link = format!(
            "https://attack.mitre.org/tactics/{}/",
            tactic["id"].as_str().unwrap()
        );
        assert_eq!(tactic["link"], *link);
        for technique in list(&tactic, "techniques") {
            assert!(technique["id"].as_str().unwrap().starts_with('T'));
            let signatures = list(&technique, "signatures").into_iter();
            severities.extend(signatures.map(|it| it["severity"].to_string()));
        }
    }
    assert_eq!(severities.len(), 4);
}

#[tokio::test]
async fn a_file_without_sandbox_reports_has_no_behaviour() {
    for name in ["behaviour_summary", "behaviour_mitre_trees"] {
        for id in [
            "524ae521081da386b0573371ecfa967791a2066af7c14215f7af055a69af4899",
            "0000",
        ] {
            let (status, code, _) = refusal(KEY, &format!("/files/{id}/{name}")).await;
            assert_eq!((status, &*code), (404, "NotFoundError"));
        }
        let path = format!("/domains/example.com/{name}");
        assert_eq!(refusal(KEY, &path).await.0, 404);
    }
}
