use rstest::rstest;
use serde_json::{Value, json};

use super::brief_of;

#[rstest]
#[case("comment",
    json!({"date": 1_790_000_000, "text": "Seen in mails", "html": "x", "tags": ["a"], "votes": {"positive": 2, "abuse": 0}}),
    json!({"date": "2026-09-21", "votes": {"positive": 2}, "untrusted": {"tags": ["a"], "text": "Seen in mails"}}))]
#[case("vote",
    json!({"date": 1_790_000_000, "value": -1, "verdict": "malicious"}),
    json!({"verdict": "malicious", "value": -1, "date": "2026-09-21"}))]
#[case("resolution",
    json!({"date": 1_790_000_000, "host_name": "a.example", "ip_address": "192.0.2.1", "resolver": "VirusTotal"}),
    json!({"host_name": "a.example", "ip_address": "192.0.2.1", "date": "2026-09-21", "resolver": "VirusTotal"}))]
#[case("analysis",
    json!({"status": "completed", "stats": {"harmless": 64, "malicious": 0}, "date": 1_790_000_000, "results": {}}),
    json!({"status": "completed", "stats": {"harmless": 64}, "date": "2026-09-21"}))]
#[case("whois",
    json!({"first_seen_date": 1_790_000_000, "registrar_name": "R", "registrant_country": "PA", "whois_map": {"Domain Name": "A.EXAMPLE"}}),
    json!({"first_seen": "2026-09-21", "registrar": "R", "country": "PA", "untrusted": {"domain": "A.EXAMPLE"}}))]
#[case("ssl_cert",
    json!({"subject": {"CN": "a.example"}, "issuer": {"O": "CA"}, "validity": {"not_after": "2027-01-01 00:00:00"},
        "extensions": {"subject_alternative_name": ["a.example", "*.a.example"]}}),
    json!({"subject": "a.example", "issuer": "CA", "not_after": "2027-01-01 00:00:00", "untrusted": {"names": ["a.example", "*.a.example"]}}))]
#[case("file_behaviour",
    json!({"sandbox_name": "Alpha", "analysis_date": 1_790_000_000, "verdicts": ["STEALER"], "verdict_confidence": 95,
        "mitre_attack_techniques": [{"id": "T1497"}, {"id": "T1497"}], "files_written": ["a", "b"],
        "dns_lookups": [{"hostname": "a.example"}], "command_executions": ["1", "2", "3", "4", "5", "6"]}),
    json!({"sandbox": "Alpha", "date": "2026-09-21", "verdicts": ["STEALER"], "confidence": 95, "techniques": ["T1497"], "files_written": 2,
        "untrusted": {"hosts": ["a.example"], "commands": ["1", "2", "3", "4", "5"], "commands_total": 6}}))]
#[case("behaviour_summary", json!({"processes_created": ["x"]}), json!({"processes_created": 1, "untrusted": {"processes": ["x"]}}))]
#[case("behaviour_mitre_trees",
    json!({"Alpha": {"tactics": [{"name": "Execution", "techniques": [{"id": "T1204"}]}]},
        "Beta": {"tactics": [{"name": "Execution", "techniques": [{"id": "T1204"}, {"id": "T1059"}]}]}}),
    json!({"tactics": {"Execution": ["T1204", "T1059"]}}))]
#[case("collection",
    json!({"name": "Wave", "creation_date": 1_790_000_000, "files_count": 4, "tags": ["x"]}),
    json!({"created": "2026-09-21", "files": 4, "untrusted": {"name": "Wave", "tags": ["x"]}}))]
#[case("graph",
    json!({"graph_data": {"description": "Map"}, "private": true, "views_count": 12}),
    json!({"private": true, "views": 12, "untrusted": {"description": "Map"}}))]
#[case("reference", json!({"title": "T", "url": "https://a.example/"}), json!({"untrusted": {"title": "T", "url": "https://a.example/"}}))]
#[case("user", json!({"status": "active", "reputation": 3}), json!({"status": "active", "reputation": 3}))]
#[case("submission", json!({"date": 1_790_000_000, "country": "DE", "name": "a.exe"}), json!({"date": "2026-09-21", "country": "DE", "untrusted": {"name": "a.exe"}}))]
#[case("novelty",
    json!({"count": 3, "creation_date": 1_790_000_000, "name": "N", "deep": {"a": 1}, "text": "x".repeat(200)}),
    json!({"count": 3, "creation_date": "2026-09-21", "untrusted": {"name": "N"}}))]
fn other_objects_say_what_they_are(
    #[case] object_type: &str,
    #[case] attributes: Value,
    #[case] facts: Value,
) {
    let found = brief_of(object_type, "i1", &attributes).0;
    let mut expected = json!({"id": "i1", "type": object_type});
    for (name, value) in facts.as_object().unwrap() {
        expected[name] = value.clone();
    }
    assert_eq!(found.to_string(), expected.to_string());
}

#[test]
fn an_unknown_object_shows_its_first_short_attributes() {
    let mut attributes = json!({});
    for number in 0..20 {
        attributes[format!("a{number}")] = number.into();
    }
    let found = brief_of("novelty", "i1", &attributes).0;
    assert_eq!(found.as_object().unwrap().len(), 2 + 6);
}
