use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::render::{format::json::lexer::Lexer, format::sink::DocumentText, untrusted::Untrusted};

mod markdown;
mod others;

/// Makes a brief from the text of the attributes.
fn brief<'a>(object: &BriefObject<'a>, context: &BriefContext<'_>) -> Brief<'a> {
    let mut lexer = Lexer::new(object.attributes.unwrap_or_default());
    let members = RawMember::read_all(&mut lexer).unwrap_or_default();
    super::brief(object, &members, context)
}

/// 2026-11-27.
const NOW: i64 = 1_795_737_600;

const SHA256: &str = "9f2c1d0e8b7a69584736251403f2e1d0c9b8a7968574635241302f1e0d9c8b7a";

/// Returns the brief of an object and the attributes that it leaves out.
fn brief_of(object_type: &str, id: &str, attributes: &Value) -> (Value, Vec<String>) {
    let text = serde_json::to_string_pretty(attributes).unwrap();
    let object = BriefObject {
        object_type,
        id: Some(id),
        attributes: Some(&text),
        context_attributes: None,
        error: None,
    };
    let brief = brief(&object, &context(&UntrustedTexts::new(Untrusted::Show)));
    let paths = brief.omitted.iter().map(|omitted| omitted.path.to_string());
    let paths = paths.collect();
    (serde_json::from_str(&brief.json).unwrap(), paths)
}

fn context(texts: &UntrustedTexts) -> BriefContext<'_> {
    const RULES: &VerdictRules = &VerdictRules {
        min_engines: 10,
        malicious: 5,
        malicious_with_label: 3,
        popular_rank: 10_000,
        popular_malicious: 2,
        stale_days: 90,
    };
    BriefContext {
        given: None,
        now: NOW,
        rules: RULES,
        domain_rank: None,
        is_compact: false,
        texts,
    }
}

fn file(attributes: &Value) -> Value {
    brief_of("file", SHA256, attributes).0
}

fn results(labels: &[(&str, &str, &str)]) -> Value {
    let mut results = serde_json::Map::new();
    for (engine, category, label) in labels {
        let result = json!({"method": "blacklist", "engine_name": engine, "category": category, "result": label});
        results.insert((*engine).to_owned(), result);
    }
    results.into()
}

fn trojan() -> Value {
    json!({
        "sha256": SHA256,
        "last_analysis_stats": {"malicious": 61, "suspicious": 1, "undetected": 10, "harmless": 0, "timeout": 3, "type-unsupported": 4},
        "last_analysis_results": results(&[
            ("Bkav", "malicious", "W32.Quill"),
            ("Avira", "suspicious", "Heur"),
            ("Microsoft", "malicious", "Trojan:Win32/Quill.A"),
            ("Google", "malicious", "Detected"),
            ("ALYac", "undetected", ""),
        ]),
        "last_analysis_date": NOW - 7 * 86_400 - 10,
        "popular_threat_classification": {
            "suggested_threat_label": "trojan.quill/stealer",
            "popular_threat_name": [{"value": "quill", "count": 40}, {"value": "Quill", "count": 4}, {"value": "stealer", "count": 9}],
        },
        "type_description": "Win32 EXE",
        "type_tag": "peexe",
        "size": 1_843_712,
        "first_submission_date": 1_790_000_000,
        "last_submission_date": 1_795_000_000,
        "times_submitted": 41,
        "signature_info": {"verified": "Signed", "signers": "Example Software Ltd; Example CA; Example Root"},
        "sandbox_verdicts": {
            "Alpha": {"category": "harmless", "sandbox_name": "Alpha"},
            "Beta": {"category": "malicious", "sandbox_name": "Beta", "malware_names": ["Quill", "Stealer"]},
        },
        "crowdsourced_yara_results": [{"rule_name": "quill_strings"}, {"rule_name": "packer"}],
        "sigma_analysis_stats": {"critical": 1, "high": 2, "medium": 0, "low": 1},
        "sigma_analysis_results": [{"rule_level": "low", "rule_title": "Low One"}, {"rule_level": "critical", "rule_title": "Shadow Copies Gone"}],
        "crowdsourced_ids_stats": {"high": 1, "low": 2},
        "crowdsourced_ids_results": [{"alert_severity": "high", "rule_msg": "Quill check-in"}],
        "reputation": -87,
        "total_votes": {"harmless": 1, "malicious": 23},
        "tags": ["peexe", "signed"],
        "meaningful_name": "Rechnung.pdf.exe",
        "names": ["Rechnung.pdf.exe", "a.exe", "b.exe"],
        "pe_info": {"imphash": "x".repeat(500)},
        "vhash": "0",
    })
}

#[test]
fn a_file_has_the_facts_of_the_contract_in_their_order() {
    let (found, omitted) = brief_of("file", SHA256, &trojan());
    let expected = json!({
        "indicator": {"type": "file", "value": SHA256},
        "verdict": {"level": "malicious", "reason": "61 of 72 engines; label trojan.quill/stealer", "stale": false},
        "detections": {"malicious": 61, "suspicious": 1, "engines": 72, "top": {
            "Microsoft": "Trojan:Win32/Quill.A",
            "Google": "Detected",
            "Bkav": "W32.Quill", "Avira": "Heur",
        }},
        "analysed": {"date": "2026-11-19", "age_days": 7},
        "label": "trojan.quill/stealer",
        "families": ["quill", "stealer"],
        "type": "Win32 EXE",
        "size": 1_843_712,
        "first_seen": "2026-09-21",
        "last_seen": "2026-11-18",
        "submissions": 41,
        "signature": {"status": "Signed", "signer": "Example Software Ltd"},
        "sandboxes": [
            {"name": "Beta", "category": "malicious", "families": ["Quill", "Stealer"]},
            {"name": "Alpha", "category": "harmless"},
        ],
        "rules": {
            "yara": {"number": 2, "names": ["quill_strings", "packer"]},
            "sigma": {"number": 2, "names": ["Shadow Copies Gone", "Low One"]},
            "ids": {"number": 1, "names": ["Quill check-in"]},
        },
        "reputation": -87,
        "votes": {"harmless": 1, "malicious": 23},
        "tags": ["peexe", "signed"],
        "link": format!("https://www.virustotal.com/gui/file/{SHA256}"),
        "untrusted": {"names": ["Rechnung.pdf.exe", "a.exe", "b.exe"]},
    });
    assert_eq!(found.to_string(), expected.to_string());
    assert_eq!(omitted[0], "pe_info");
    assert!(omitted.contains(&"vhash".to_owned()));
    assert!(!omitted.contains(&"size".to_owned()));
}

#[test]
fn a_file_of_known_distributors_is_likely_benign() {
    let found = file(&json!({
        "last_analysis_stats": {"malicious": 1, "undetected": 69},
        "known_distributors": {"distributors": ["Example Corp", "Example Linux"]},
    }));
    assert_eq!(found["verdict"]["level"], "likely_benign");
    assert_eq!(
        found["verdict"]["reason"],
        "1 of 70 engines, known distributor Example Corp"
    );
    assert_eq!(
        found["distributors"],
        json!(["Example Corp", "Example Linux"])
    );
}

#[rstest]
#[case(json!({"sigma_analysis_stats": {"critical": 1}}), "suspicious")]
#[case(json!({"sigma_analysis_stats": {"medium": 9, "low": 2}}), "no_detections")]
#[case(json!({"sigma_analysis_results": [{"rule_level": "high", "rule_title": "A"}]}), "suspicious")]
#[case(json!({"crowdsourced_ids_stats": {"high": 1}}), "suspicious")]
#[case(json!({"crowdsourced_ids_stats": {"info": 1}}), "no_detections")]
#[case(json!({"sandbox_verdicts": {"Alpha": {"category": "malicious"}}}), "suspicious")]
#[case(json!({"sandbox_verdicts": {"Alpha": {"category": "suspicious"}}}), "no_detections")]
#[case(json!({"crowdsourced_yara_results": [{"rule_name": "a"}]}), "no_detections")]
#[case(json!({"gti_assessment": {"verdict": {"value": "VERDICT_MALICIOUS"}}}), "malicious")]
#[case(json!({"gti_assessment": {"verdict": "verdict_benign"}}), "likely_benign")]
#[case(json!({"gti_assessment": {"verdict": {"value": "VERDICT_UNKNOWN"}}}), "no_detections")]
#[case(json!({"gti_assessment": {"verdict": 7}}), "no_detections")]
fn evidence_is_read_from_its_attributes(#[case] mut attributes: Value, #[case] level: &str) {
    attributes["last_analysis_stats"] = json!({"malicious": 0, "undetected": 70});
    assert_eq!(file(&attributes)["verdict"]["level"], level);
}

#[test]
fn opinions_are_counted_where_the_statistics_are_missing() {
    let mut labels = Vec::new();
    let names: Vec<String> = (0..12).map(|number| format!("Engine{number}")).collect();
    for name in &names {
        labels.push((name.as_str(), "malicious", "x"));
    }
    let found = file(&json!({"last_analysis_results": results(&labels)}));
    assert_eq!(found["verdict"]["reason"], "12 of 12 engines");
    assert_eq!(found["detections"]["top"].as_object().unwrap().len(), 5);
}

#[test]
fn well_known_engines_come_first_in_the_order_of_the_contract() {
    let found = file(&json!({"last_analysis_results": results(&[
        ("AAA", "malicious", "1"), ("TrendMicro", "malicious", "2"), ("Sophos", "suspicious", "3"),
        ("ESET-NOD32", "malicious", "4"), ("Kaspersky", "malicious", "5"), ("Microsoft", "malicious", ""),
        ("Symantec", "undetected", "6"),
    ])}));
    let top = found["detections"]["top"].to_string();
    let expected = r#"{"Microsoft":"malicious","Kaspersky":"5","ESET-NOD32":"4","Sophos":"3","TrendMicro":"2"}"#;
    assert_eq!(top, expected);
}

#[test]
fn zero_reputation_and_votes_are_left_out() {
    let found =
        file(&json!({"reputation": 0, "total_votes": {"harmless": 0, "malicious": 0}, "tags": []}));
    for absent in [
        "reputation",
        "votes",
        "tags",
        "untrusted",
        "label",
        "analysed",
        "rules",
    ] {
        assert!(found.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn lists_end_at_the_numbers_of_the_contract() {
    let many: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
    let found = file(&json!({
        "names": many, "tags": many,
        "known_distributors": {"distributors": many},
        "popular_threat_classification": {"popular_threat_name": many.iter().map(|name| json!({"value": name})).collect::<Vec<_>>()},
    }));
    let length = |value: &Value| value.as_array().unwrap().len();
    assert_eq!(length(&found["untrusted"]["names"]), 5);
    assert_eq!(found["untrusted"]["names_total"], 40);
    assert_eq!(length(&found["tags"]), 6);
    assert_eq!(length(&found["distributors"]), 3);
    assert_eq!(length(&found["families"]), 3);
}

#[test]
fn names_that_are_digests_give_way_to_names_that_say_something() {
    let found = file(&json!({"names": [
        "d5163751-ba0e-4922-9c11-a4245883b062", SHA256, "setup.exe",
        "C:\\Users\\somebody\\Downloads\\new folder\\setup.exe", "/very/long/path/to/some/folder/tool.exe",
    ]}));
    assert_eq!(
        found["untrusted"],
        json!({"names": ["setup.exe", "tool.exe"], "names_total": 5})
    );
    let found = file(&json!({"names": [SHA256]}));
    assert_eq!(found["untrusted"], json!({"names": [SHA256]}));
}

#[test]
fn texts_are_cut_and_lose_what_is_invisible() {
    let found =
        file(&json!({"meaningful_name": format!("a\u{200b}b\n\u{202e}c{}", "x".repeat(200))}));
    let name = found["untrusted"]["names"][0].as_str().unwrap();
    assert!(
        name.starts_with("ab cxxx") && name.ends_with("x…"),
        "{name}"
    );
    assert_eq!(name.chars().count(), 80);
    assert!(
        file(&json!({"names": ["\u{200b}", "", " "]}))
            .get("untrusted")
            .is_none()
    );
}

#[test]
fn texts_from_strangers_are_treated_and_counted() {
    let attributes =
        json!({"names": ["one two"], "signature_info": {"signers": "three four; CA"}}).to_string();
    let object = BriefObject {
        object_type: "file",
        id: Some(SHA256),
        attributes: Some(&attributes),
        context_attributes: None,
        error: None,
    };
    let texts = UntrustedTexts::new(Untrusted::Mark);
    let found: Value = serde_json::from_str(&brief(&object, &context(&texts)).json).unwrap();
    assert_eq!(found["untrusted"]["names"][0], "oneˆtwo");
    assert_eq!(found["signature"]["signer"], "threeˆfour");
    assert_eq!(texts.fields(), 2);
}

#[test]
fn a_url_has_the_facts_of_the_contract() {
    let attributes = json!({
        "url": "https://login.example/verify?id=1",
        "last_final_url": "https://login.example/step",
        "last_http_response_code": 200,
        "categories": {"A": "phishing", "B": "Phishing", "C": "fraud"},
        "threat_names": ["Mal/HTMLGen-A"],
        "first_submission_date": 1_790_000_000,
        "redirection_chain": ["https://login.example/verify?id=1", "https://login.example/step"],
        "last_analysis_stats": {"malicious": 0, "harmless": 70},
        "tags": ["iframes"],
        "title": "Log  in",
    });
    let found = brief_of("url", "abc", &attributes).0;
    let expected = json!({
        "indicator": {"type": "url", "value": "https://login.example/verify?id=1"},
        "verdict": {"level": "no_detections", "reason": "0 of 70 engines", "stale": false},
        "detections": {"malicious": 0, "suspicious": 0, "engines": 70},
        "final_url": "https://login.example/step",
        "http_status": 200,
        "categories": ["phishing", "fraud"],
        "threat_names": ["Mal/HTMLGen-A"],
        "first_seen": "2026-09-21",
        "redirects": 2,
        "tags": ["iframes"],
        "link": "https://www.virustotal.com/gui/url/abc",
        "untrusted": {"title": "Log in"},
    });
    assert_eq!(found.to_string(), expected.to_string());
}

#[test]
fn the_rank_of_a_urls_domain_counts_where_it_is_known() {
    let attributes = json!({"url": "https://shop.example/", "last_analysis_stats": {"malicious": 1, "harmless": 69}}).to_string();
    let object = BriefObject {
        object_type: "url",
        id: Some("abc"),
        attributes: Some(&attributes),
        context_attributes: None,
        error: None,
    };
    let texts = UntrustedTexts::new(Untrusted::Withhold);
    let rank = Popularity {
        rank: 35,
        list: "Tranco".to_owned(),
    };
    let context = BriefContext {
        given: Some("hxxps://shop[.]example/"),
        domain_rank: Some(&rank),
        ..context(&texts)
    };
    let found: Value = serde_json::from_str(&brief(&object, &context).json).unwrap();
    assert_eq!(found["verdict"]["level"], "likely_benign");
    assert_eq!(
        found["verdict"]["reason"],
        "1 of 70 engines, rank 35 in Tranco"
    );
    assert_eq!(found["indicator"]["given"], "hxxps://shop[.]example/");
}

#[test]
fn a_descriptor_takes_its_url_from_the_context() {
    let texts = UntrustedTexts::new(Untrusted::Withhold);
    let object = BriefObject {
        object_type: "url",
        id: Some("abc"),
        attributes: None,
        context_attributes: Some(r#"{"url": "http://192.168.0.1/x"}"#),
        error: None,
    };
    let found: Value = serde_json::from_str(&brief(&object, &context(&texts)).json).unwrap();
    assert_eq!(found["indicator"]["value"], "http://192.168.0.1/x");
    assert_eq!(
        found["verdict"],
        json!({"level": "unknown", "reason": "no report in this answer", "stale": false})
    );
}

#[test]
fn an_object_that_was_not_found_is_unknown() {
    let texts = UntrustedTexts::new(Untrusted::Withhold);
    for (error, reason) in [
        (r#"{"code": "NotFoundError", "message": "x"}"#, "not found"),
        (r#"{"code": "ForbiddenError"}"#, "no report: ForbiddenError"),
        (r#"{"code": "<b>"}"#, "no report: an error in its place"),
        ("7", "no report: an error in its place"),
    ] {
        let object = BriefObject {
            object_type: "file",
            id: Some(SHA256),
            attributes: None,
            context_attributes: None,
            error: Some(error),
        };
        let found: Value = serde_json::from_str(&brief(&object, &context(&texts)).json).unwrap();
        assert_eq!(found["verdict"]["reason"], reason);
    }
}

#[test]
fn a_domain_has_the_facts_of_the_contract() {
    let attributes = json!({
        "creation_date": NOW - 3 * 86_400,
        "registrar": "Example Names Ltd",
        "categories": {"A": "news", "B": "media"},
        "popularity_ranks": {"Majestic": {"rank": 900}, "Tranco": {"rank": 35}, "Odd": {"rank": 0}, "Bad": {"rank": -1}},
        "last_dns_records": [
            {"type": "A", "value": "192.0.2.1"}, {"type": "A", "value": "not an address"},
            {"type": "TXT", "value": "192.0.2.9"}, {"type": "AAAA", "value": "2001:db8::1"},
            {"type": "NS", "value": "ns1.example.net"}, {"type": "NS", "value": "ns2.example.net"},
            {"type": "NS", "value": "ns3.example.net"},
        ],
        "last_https_certificate": {"issuer": {"CN": "R3", "O": "Example Encrypt"}, "subject": {"CN": "news.example"}},
        "last_analysis_stats": {"malicious": 2, "harmless": 88},
        "whois": "Domain Name: NEWS.EXAMPLE\nRegistrant Name: REDACTED FOR PRIVACY\nRegistrant Organization: News Corp\n",
    });
    let (found, omitted) = brief_of("domain", "news.example", &attributes);
    let expected = json!({
        "indicator": {"type": "domain", "value": "news.example"},
        "verdict": {"level": "likely_benign", "reason": "2 of 90 engines, rank 35 in Tranco", "stale": false},
        "detections": {"malicious": 2, "suspicious": 0, "engines": 90},
        "created": "2026-11-24",
        "registrar": "Example Names Ltd",
        "categories": ["news", "media"],
        "popularity": {"rank": 35, "list": "Tranco"},
        "addresses": ["192.0.2.1", "2001:db8::1"],
        "name_servers": ["ns1.example.net", "ns2.example.net"],
        "certificate_issuer": "Example Encrypt",
        "link": "https://www.virustotal.com/gui/domain/news.example",
        "untrusted": {"registrant": "News Corp"},
    });
    assert_eq!(found.to_string(), expected.to_string());
    assert!(
        omitted.is_empty() || omitted == ["last_dns_records"],
        "{omitted:?}"
    );
}

#[rstest]
#[case(r#"Registrant Organization: A \"B\" Ltd"#, Some("A \"B\" Ltd"))]
#[case(
    r"Registrant Organization: e9cfc3ab0c85f792\nRegistrant Name: Ada",
    Some("Ada")
)]
#[case(r"Registrant Organization: \nRegistrant Name:\n", None)]
#[case("Registrant Organization:", None)]
#[case("Registrant Organization: REDACTED FOR PRIVACY", None)]
#[case(r"Registrant Organization: C:\\new", None)]
#[case("Registrar: x", None)]
fn the_owner_is_taken_from_the_whois_record(#[case] whois: &str, #[case] owner: Option<&str>) {
    let attributes = format!("{{\"whois\": \"{whois}\"}}");
    let found: Value = serde_json::from_str(&brief_text("domain", &attributes)).unwrap();
    assert_eq!(found["untrusted"]["registrant"].as_str(), owner);
}

#[test]
fn an_address_has_the_facts_of_the_contract() {
    let attributes = json!({
        "asn": 64_500, "as_owner": "Example Hosting", "network": "203.0.113.0/24", "country": "NL",
        "last_https_certificate": {"subject": {"CN": "gate.example"}},
        "last_analysis_stats": {"malicious": 10, "suspicious": 0, "harmless": 50},
        "last_analysis_date": NOW - 100 * 86_400,
    });
    let found = brief_of("ip_address", "203.0.113.7", &attributes).0;
    let expected = json!({
        "indicator": {"type": "ip", "value": "203.0.113.7"},
        "verdict": {"level": "malicious", "reason": "10 of 60 engines", "stale": true},
        "detections": {"malicious": 10, "suspicious": 0, "engines": 60},
        "analysed": {"date": "2026-08-19", "age_days": 100},
        "as": {"number": 64_500, "owner": "Example Hosting"},
        "network": "203.0.113.0/24",
        "country": "NL",
        "certificate_subject": "gate.example",
        "link": "https://www.virustotal.com/gui/ip-address/203.0.113.7",
    });
    assert_eq!(found.to_string(), expected.to_string());
    let private = brief_of("ip_address", "10.1.2.3", &attributes).0;
    assert_eq!(private["verdict"]["reason"], "private address");
}

#[test]
fn a_link_is_made_of_plain_ids_only() {
    for id in ["a/../b", "a b", "<x>", "é", ""] {
        assert!(
            brief_of("file", id, &json!({})).0.get("link").is_none(),
            "{id}"
        );
    }
}

#[test]
fn hostile_shapes_count_as_absent() {
    let Value::Object(report) = trojan() else {
        unreachable!()
    };
    let odd = [
        "null",
        "true",
        "-1",
        "1e400",
        "99999999999999999999999",
        "\"\"",
        "\"\\ud800\"",
        "[]",
        "{}",
        "[[[[]]]]",
        "[null, 1, {}, [\"x\"]]",
        r#"{"a": null, "": [], "rank": {}}"#,
        r#"{"category": 1, "value": [], "malicious": "x", "O": {}, "code": null}"#,
    ];
    for object_type in [
        "file",
        "url",
        "domain",
        "ip_address",
        "comment",
        "analysis",
        "strange",
    ] {
        for key in report
            .keys()
            .map(String::as_str)
            .chain(file::ATTRIBUTES.iter().copied())
        {
            for value in odd {
                // The value stands twice: the second one must not be read.
                let attributes = format!(r#"{{"{key}": {value}, "{key}": [1]}}"#);
                assert!(
                    is_object(&brief_text(object_type, &attributes)),
                    "{attributes}"
                );
            }
        }
        for attributes in odd {
            assert!(
                is_object(&brief_text(object_type, attributes)),
                "{attributes}"
            );
        }
    }
}

fn brief_text(object_type: &str, attributes: &str) -> String {
    let object = BriefObject {
        object_type,
        id: Some("x"),
        attributes: Some(attributes),
        context_attributes: Some(attributes),
        error: Some(attributes),
    };
    brief(&object, &context(&UntrustedTexts::new(Untrusted::Withhold))).json
}

fn is_object(json: &str) -> bool {
    matches!(serde_json::from_str(json), Ok(Value::Object(_)))
}

#[test]
fn huge_reports_have_small_briefs() {
    let names: Vec<String> = (0..20_000).map(|number| format!("name {number}")).collect();
    let text = brief_text(
        "file",
        &json!({"names": names, "meaningful_name": "x".repeat(100_000)}).to_string(),
    );
    assert!(text.len() < 800, "{}", text.len());
    let keys: Vec<String> = (0..20_000)
        .map(|number| format!(r#""k{number}": {number}"#))
        .collect();
    let attributes = format!("{{{}}}", keys.join(", "));
    let object = BriefObject {
        object_type: "file",
        id: None,
        attributes: Some(&attributes),
        context_attributes: None,
        error: None,
    };
    let found = brief(&object, &context(&UntrustedTexts::new(Untrusted::Show)));
    assert_eq!(found.omitted.len(), 20);
}

#[test]
fn omitted_attributes_are_listed_by_size_without_white_space() {
    let (_, omitted) = brief_of(
        "file",
        SHA256,
        &json!({"a": [1, 2], "pe_info": {"x": "y".repeat(90)}, "size": 1}),
    );
    assert_eq!(omitted, ["pe_info", "a"]);
    let object = BriefObject {
        object_type: "file",
        id: None,
        attributes: Some("{ \"a\" : [ 1,\n\t2 ] , \"b c\": 1 }"),
        context_attributes: None,
        error: None,
    };
    let found = brief(&object, &context(&UntrustedTexts::new(Untrusted::Show)));
    assert_eq!((found.omitted.len(), found.omitted[0].bytes), (1, 5));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,90}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let key = prop_oneof![
            proptest::sample::select(file::ATTRIBUTES),
            proptest::sample::select(domain::ATTRIBUTES),
            proptest::sample::select(
                &["category", "result", "value", "rank", "name", "", "type"][..]
            ),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8).prop_map(|members| {
                let mut object = serde_json::Map::new();
                for (key, value) in members {
                    object.insert(key.to_owned(), value);
                }
                Value::Object(object)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_report_has_a_brief_in_all_forms(attributes in any_json(), kind in 0..5_usize) {
        let object_type = ["file", "url", "domain", "ip_address", "comment"][kind];
        let text = brief_text(object_type, &attributes.to_string());
        prop_assert!(is_object(&text));
        let mut out = Vec::new();
        write_lines(&mut DocumentText::bare(&mut out, 1_000_000), &text).unwrap();
        let lines = String::from_utf8(out).unwrap();
        let Value::Object(members) = serde_json::from_str(&text).unwrap() else { unreachable!() };
        let shown = members.keys().filter(|name| *name != "link").count();
        prop_assert_eq!(lines.lines().count(), shown);
    }
}
