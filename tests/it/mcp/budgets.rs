//! Tokens: of the list of tools, of instructions, and of results.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Message, call, demo, keeping, tokens};
use crate::harness::{Answer, Call, EICAR, TROJAN, Upstream, ok};

async fn tools() -> Vec<Value> {
    let (_upstream, gateway) = demo(&[]).await;
    let result = Message::modern("tools/list", json!({}))
        .result(&gateway)
        .await;
    result["tools"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_list_of_tools_takes_1200_tokens_and_2400_with_output_schemas() {
    let tools = tools().await;
    assert!(tools.len() <= 8);
    let mut short = Vec::new();
    for tool in &tools {
        short.push(json!({
            "name": tool["name"],
            "description": tool["description"],
            "inputSchema": tool["inputSchema"],
        }));
    }
    let short = tokens(&json!(short).to_string());
    let whole = tokens(&json!(tools).to_string());
    assert!(short <= 1200, "{short}");
    assert!(whole <= 2400, "{whole}");
}

#[tokio::test]
async fn a_lookup_of_one_file_takes_300_tokens_of_text() {
    let (_upstream, gateway) = demo(&[]).await;
    for hash in [TROJAN, EICAR, "44d88612fea8a8f36de82e1278abb02f"] {
        let result = call(&gateway, "lookup", json!({"indicators": [hash]})).await;
        let count = tokens(&result.text);
        assert!(count <= 300, "{count}: {}", result.text);
        assert!(
            result.text.contains("verdict: malicious"),
            "{}",
            result.text
        );
    }
}

/// Indicators of all kinds that the stand-in knows, and some that it does not.
fn twenty() -> Vec<String> {
    let mut all: Vec<_> = [
        TROJAN,
        EICAR,
        "cae276ab12897283230cb8236a6f346c966d1f8179a4a48bd175c54548b6f784",
        "2eb46aaf315d17b234f150a1863341d4372935ef18fdb94e3a6d5016819e1364",
        "4a46cfcb266ac524a90647741a5cc9c4af9ad5e7e8705c9890df2090db59e7eb",
        "b9452114f9a8291b4134a0f3119880fd5d08bfae4743863c8eaafe3418ebc101",
        "https://login.bank-secure.example/verify?id=1&session=abc",
        "https://login.helpful-notes.test/reset?step=2",
        "https://portal.example/downloads/",
        "bank-secure.example",
        "gate.bank-secure.example",
        "parcel-customs-fee.example",
        "portal.example",
        "helpful-notes.test",
        "8.8.8.8",
        "2001:4860:4860::8888",
        "10.0.0.1",
        "no indicator",
    ]
    .map(str::to_owned)
    .into();
    all.extend((1..=2).map(|last| format!("203.0.113.{last}")));
    all
}

#[tokio::test]
async fn a_lookup_of_20_takes_700_tokens_of_text() {
    let (_upstream, gateway) = demo(&[]).await;
    let hashes: Vec<_> = (0..20).map(|n| format!("{n:064x}")).collect();
    for indicators in [twenty(), hashes] {
        assert_eq!(indicators.len(), 20);
        let result = call(&gateway, "lookup", json!({"indicators": indicators})).await;
        let count = tokens(&result.text);
        assert!(count <= 700, "{count}: {}", result.text);
        for number in 1..=20 {
            assert!(
                result.text.contains(&format!("| {number} |")),
                "{}",
                result.text
            );
        }
        assert_eq!(result.data["rows"].as_array().unwrap().len(), 20);
    }
}

#[rstest]
#[case(None)]
#[case(Some(200))]
#[case(Some(400))]
#[case(Some(1000))]
#[case(Some(8000))]
#[tokio::test]
async fn text_and_structured_content_keep_max_tokens_together(#[case] most: Option<usize>) {
    let (_upstream, gateway) = demo(&[]).await;
    let all = ["contacted_domains", "contacted_ips", "dropped_files"];
    let calls = [
        ("lookup", json!({"indicators": [TROJAN]})),
        ("lookup", json!({"indicators": twenty()})),
        ("get_report", json!({"indicator": TROJAN})),
        ("get_report", json!({"indicator": TROJAN, "view": "full"})),
        (
            "get_report",
            json!({"indicator": TROJAN, "view": "standard"}),
        ),
        (
            "get_report",
            json!({"indicator": TROJAN, "relationships": all}),
        ),
        (
            "get_report",
            json!({"indicator": TROJAN, "fields": ["last_analysis_results"]}),
        ),
        (
            "get_report",
            json!({"indicator": twenty()[6], "view": "full"}),
        ),
        (
            "get_related",
            json!({"indicator": TROJAN, "relationship": "contacted_domains"}),
        ),
        (
            "get_related",
            json!({"indicator": TROJAN, "relationship": "contacted_ips", "limit": 40}),
        ),
        (
            "get_related",
            json!({"indicator": TROJAN, "relationship": "comments"}),
        ),
        ("get_behaviour", json!({"file": TROJAN})),
        ("search", json!({"query": "bank-secure.example"})),
        ("search", json!({"query": "entity:file p:5+", "limit": 20})),
    ];
    for (tool, mut arguments) in calls {
        if let Some(most) = most {
            arguments["max_tokens"] = most.into();
        }
        let result = call(&gateway, tool, arguments.clone()).await;
        assert!(!result.is_error, "{}", result.text);
        let (count, most) = (result.tokens(), most.unwrap_or(2000));
        assert!(
            count <= most,
            "{tool} {arguments}: {count} of {most}\n{}\n{}",
            result.text,
            result.data
        );
        assert!(!result.text.is_empty(), "{tool} {arguments}");
    }
}

#[tokio::test]
async fn blanks_of_clients_keep_the_budget() {
    let answer = |call: &Call| {
        let attributes = json!({
            "numbers": (0..2000).map(|n| n % 10).collect::<Vec<_>>(),
            "letters": vec!["a"; 2000],
            "objects": vec![json!({"a": 1, "b": 2}); 1000],
        });
        let object = json!({"type": "file", "id": EICAR, "attributes": attributes});
        if call.target.contains("/graphs") {
            return Answer::Bytes(ok(json!({"data": vec![object; 20]}).to_string()));
        }
        Answer::Bytes(ok(json!({"data": object}).to_string()))
    };
    let upstream = Upstream::faulty(answer).await;
    let gateway = keeping(&upstream, &[]).await;
    for most in [200, 500, 2000, 8000] {
        for fields in ["numbers", "letters", "objects"] {
            let arguments = json!({"indicator": EICAR, "fields": [fields], "max_tokens": most});
            let result = call(&gateway, "get_report", arguments).await;
            let count = result.tokens();
            assert!(count <= most, "{fields}: {count} of {most}");
        }
        let arguments = json!({"indicator": EICAR, "relationship": "graphs", "max_tokens": most});
        let count = call(&gateway, "get_related", arguments).await.tokens();
        assert!(count <= most, "{count} of {most}");
    }
}

#[tokio::test]
async fn long_urls_and_names_keep_the_budget() {
    let path: String = (0_u32..500)
        .filter_map(|n| char::from_digit(n * 7 % 36, 36))
        .collect();
    let answer = move |call: &Call| {
        let text = format!("https://long.example/{}", "ä%20<b>".repeat(200));
        let attributes = json!({
            "url": text,
            "title": "word ".repeat(400),
            "last_analysis_stats": {"malicious": 7, "suspicious": 0, "harmless": 60, "undetected": 3},
        });
        let object = json!({"type": "url", "id": "a".repeat(64), "attributes": attributes});
        let mut data = json!({"data": object});
        if call.target.contains("search") {
            data = json!({"data": vec![object; 10], "meta": {"cursor": "C".repeat(600)}});
        }
        Answer::Bytes(ok(data.to_string()))
    };
    let upstream = Upstream::faulty(answer).await;
    let gateway = keeping(&upstream, &[]).await;
    let url = format!("https://long.example/{path}?q={}", "x".repeat(1500));
    for most in [200, 600, 2000] {
        for (tool, arguments) in [
            ("lookup", json!({"indicators": [url], "max_tokens": most})),
            (
                "lookup",
                json!({"indicators": [url, "8.8.8.8"], "max_tokens": most}),
            ),
            ("get_report", json!({"indicator": url, "max_tokens": most})),
            (
                "get_report",
                json!({"indicator": url, "view": "full", "max_tokens": most}),
            ),
            ("search", json!({"query": "#long", "max_tokens": most})),
        ] {
            let result = call(&gateway, tool, arguments).await;
            assert!(!result.is_error, "{}", result.text);
            let count = result.tokens();
            assert!(
                count <= most,
                "{tool}: {count} of {most}\n{}\n{}",
                result.text,
                result.data
            );
        }
    }
}

#[tokio::test]
async fn fifty_rows_keep_the_budget_and_are_all_there_in_the_text() {
    let (_upstream, gateway) = demo(&[]).await;
    let hosts: Vec<_> = (1..=50).map(|last| format!("203.0.113.{last}")).collect();
    let result = call(&gateway, "lookup", json!({"indicators": hosts})).await;
    assert!(result.tokens() <= 2000, "{}", result.tokens());
    for number in 1..=50 {
        assert!(
            result.text.contains(&format!("| {number} |")),
            "{}",
            result.text
        );
    }
}

#[rstest]
#[case("get_related", json!({"indicator": EICAR, "relationship": "contacted_domains", "limit": 40}))]
#[case("search", json!({"query": "entity:domain p:1+", "limit": 40}))]
#[tokio::test]
async fn a_long_list_fills_its_budget(#[case] tool: &str, #[case] mut arguments: Value) {
    let answer = |_: &Call| {
        let object = |n| {
            let stats =
                json!({"malicious": n % 9, "suspicious": 0, "harmless": 60, "undetected": 3});
            let attributes = json!({
                "last_analysis_stats": stats,
                "last_analysis_date": 1_760_000_000,
                "creation_date": 1_700_000_000,
                "registrar": "A Registrar of Domains, Inc.",
                "tags": ["dga", "phishing"],
            });
            let id = format!("host-{n}.rather-long-name.example");
            json!({"type": "domain", "id": id, "attributes": attributes})
        };
        let objects: Vec<_> = (0..40).map(object).collect();
        Answer::Bytes(ok(
            json!({"data": objects, "meta": {"cursor": "next"}}).to_string()
        ))
    };
    let upstream = Upstream::faulty(answer).await;
    let gateway = keeping(&upstream, &[]).await;
    for most in [500, 1000, 2000, 3000] {
        arguments["max_tokens"] = most.into();
        let result = call(&gateway, tool, arguments.clone()).await;
        let count = result.tokens();
        assert!(count <= most, "{count} of {most}");
        // The estimate is never below the real count, so some of the budget is always left.
        assert!(most < 1000 || count * 100 >= most * 65, "{count} of {most}");
        assert_eq!(result.data["complete"], false);
    }
}

/// An agent that goes from a hash to the reports on what the file contacted.
#[tokio::test]
async fn an_investigation_takes_4000_tokens() {
    let (_upstream, gateway) = demo(&[]).await;
    let verdict = call(&gateway, "lookup", json!({"indicators": [TROJAN]})).await;
    assert_eq!(verdict.data["rows"][0]["verdict"]["level"], "malicious");
    let arguments = json!({"indicator": TROJAN, "relationship": "contacted_domains"});
    let related = call(&gateway, "get_related", arguments).await;
    let objects = related.data["objects"].as_array().unwrap();
    let domains: Vec<_> = objects
        .iter()
        .map(|object| object["indicator"]["value"].as_str().unwrap())
        .collect();
    assert_eq!(domains.len(), 10);
    let rows = call(&gateway, "lookup", json!({"indicators": domains})).await;
    let mut all = verdict.tokens() + related.tokens() + rows.tokens();
    for domain in &domains[..3] {
        let report = call(&gateway, "get_report", json!({"indicator": domain})).await;
        assert_eq!(report.data["report"]["verdict"]["level"], "malicious");
        all += report.tokens();
    }
    assert!(all <= 4000, "{all}");
}
