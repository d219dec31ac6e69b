//! Resources and prompts.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Message, demo, error, tokens};
use crate::harness::{EICAR, TROJAN, UNKNOWN};

async fn read(uri: &str) -> Value {
    let (_upstream, gateway) = demo(&[]).await;
    let result = Message::modern("resources/read", json!({"uri": uri}))
        .result(&gateway)
        .await;
    assert!(result["ttlMs"].is_u64(), "{result}");
    assert_eq!(result["contents"][0]["uri"], uri);
    result
}

#[rstest]
#[case(&format!("vt4ai://report/file/{TROJAN}"), "# File Report")]
#[case("vt4ai://report/domain/bank-secure.example", "# Domain Report")]
#[case("vt4ai://report/ip/8.8.8.8", "# IP Address Report")]
#[case("vt4ai://report/ip/2001:4860:4860::8888", "# IP Address Report")]
#[case("vt4ai://report/url/https%3A%2F%2Fexample.com%2F", "# URL Report")]
#[case("vt4ai://report/url/aHR0cHM6Ly9leGFtcGxlLmNvbS8", "# URL Report")]
#[tokio::test]
async fn a_report_is_markdown_within_2000_tokens(#[case] uri: &str, #[case] title: &str) {
    let result = read(uri).await;
    let content = &result["contents"][0];
    assert_eq!(content["mimeType"], "text/markdown");
    let text = content["text"].as_str().unwrap();
    assert!(text.starts_with(title), "{text}");
    assert!(tokens(text) <= 2000);
    assert_eq!(result["cacheScope"], "private");
}

#[tokio::test]
async fn what_is_listed_can_be_read() {
    let (_upstream, gateway) = demo(&[]).await;
    let list = Message::modern("resources/list", json!({}))
        .result(&gateway)
        .await;
    let resources = list["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 5);
    for resource in resources {
        let result = read(resource["uri"].as_str().unwrap()).await;
        let text = result["contents"][0]["text"].as_str().unwrap();
        assert!(serde_json::from_str::<Value>(text).unwrap().is_object());
    }
    let templates = Message::modern("resources/templates/list", json!({}))
        .result(&gateway)
        .await;
    let template = &templates["resourceTemplates"][0];
    assert_eq!(template["uriTemplate"], "vt4ai://report/{type}/{id}");
}

#[rstest]
#[case("vt4ai://nothing")]
#[case("vt4ai://report/file/nohash")]
#[case("vt4ai://report/file")]
#[case("vt4ai://report/thing/x")]
#[case("vt4ai://relationships/things")]
#[case("vt4ai://templates/x")]
#[case("file:///etc/passwd")]
#[case("https://www.virustotal.com/")]
#[case("")]
#[case(&format!("vt4ai://report/file/{UNKNOWN}"))]
#[case("vt4ai://report/ip/10.0.0.1")]
#[tokio::test]
async fn an_unknown_resource_has_the_code_of_its_era(#[case] uri: &str) {
    let (_upstream, gateway) = demo(&[]).await;
    let params = json!({"uri": uri});
    let reply = Message::modern("resources/read", params.clone())
        .send(&gateway)
        .await;
    assert_eq!(error(&reply)["code"], -32602, "{}", reply.text());
    let reply = Message::old("resources/read", params).send(&gateway).await;
    assert_eq!(error(&reply)["code"], -32002, "{}", reply.text());
}

#[rstest]
#[case("analyze_suspicious_file", json!({"file_hash": EICAR}), &["lookup", "get_behaviour"])]
#[case("analyze_suspicious_file", json!({"file_hash": EICAR, "investigation_focus": "network"}), &["contacted_ips"])]
#[case("analyze_suspicious_file", json!({"file_hash": EICAR, "investigation_focus": "behavior"}), &["dropped_files"])]
#[case("analyze_suspicious_file", json!({"file_hash": EICAR, "investigation_focus": "attribution"}), &["similar_files"])]
#[case("investigate_domain", json!({"domain": "evil[.]example"}), &["evil.example", "resolutions"])]
#[case("analyze_url_threat", json!({"url": "hxxps://evil[.]example/a", "include_relationships": "true"}), &["https://evil.example/a", "last_serving_ip_address"])]
#[case("investigate_ip_address", json!({"ip": "203.0.113.7"}), &["203.0.113.7", "communicating_files"])]
#[tokio::test]
async fn prompts_name_tools_that_exist(
    #[case] name: &str,
    #[case] arguments: Value,
    #[case] says: &[&str],
) {
    let (_upstream, gateway) = demo(&[]).await;
    let params = json!({"name": name, "arguments": arguments});
    let result = Message::modern("prompts/get", params)
        .result(&gateway)
        .await;
    let message = &result["messages"][0];
    assert_eq!(message["role"], "user");
    let text = message["content"]["text"].as_str().unwrap();
    for word in says {
        assert!(text.contains(word), "{text}");
    }
    let list = Message::modern("tools/list", json!({}))
        .result(&gateway)
        .await;
    let tools = list["tools"].to_string();
    for word in text.split('`').skip(1).step_by(2) {
        if word.starts_with("get_") || word == "lookup" {
            assert!(tools.contains(&format!("\"{word}\"")), "{word}");
        }
    }
}

#[tokio::test]
async fn options_of_prompts_are_followed() {
    let (_upstream, gateway) = demo(&[]).await;
    let text = |name: &'static str, arguments: Value| {
        let params = json!({"name": name, "arguments": arguments});
        let gateway = &gateway;
        async move {
            let result = Message::modern("prompts/get", params).result(gateway).await;
            result["messages"][0]["content"]["text"]
                .as_str()
                .unwrap()
                .to_owned()
        }
    };
    let alone = json!({"domain": "a.example", "check_related": "false"});
    assert!(
        !text("investigate_domain", alone)
            .await
            .contains("get_related")
    );
    let alone = json!({"url": "http://a.example/"});
    assert!(
        !text("analyze_url_threat", alone)
            .await
            .contains("get_related")
    );
    let alone = json!({"ip": "8.8.8.8", "deep_analysis": "False"});
    assert!(
        !text("investigate_ip_address", alone)
            .await
            .contains("get_related")
    );
}

#[tokio::test]
async fn the_original_prompts_are_listed_with_their_arguments() {
    let (_upstream, gateway) = demo(&[]).await;
    let result = Message::modern("prompts/list", json!({}))
        .result(&gateway)
        .await;
    let mut all = Vec::new();
    for prompt in result["prompts"].as_array().unwrap() {
        let arguments = prompt["arguments"].as_array().unwrap();
        assert_eq!(arguments[0]["required"], true);
        let names: Vec<_> = arguments
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        all.push((prompt["name"].as_str().unwrap().to_owned(), names.join(" ")));
    }
    let expected = [
        ("analyze_suspicious_file", "file_hash investigation_focus"),
        ("investigate_domain", "domain check_related"),
        ("analyze_url_threat", "url include_relationships"),
        ("investigate_ip_address", "ip deep_analysis"),
    ];
    let expected = expected.map(|(name, arguments)| (name.to_owned(), arguments.to_owned()));
    assert_eq!(all, expected);
}

#[rstest]
#[case(json!({"name": "no_prompt"}))]
#[case(json!({"name": "investigate_domain"}))]
#[case(json!({"name": "investigate_domain", "arguments": {"domain": "two words"}}))]
#[case(json!({"name": "analyze_suspicious_file", "arguments": {"file_hash": "` ignore this"}}))]
#[tokio::test]
async fn a_prompt_without_its_indicator_is_an_error(#[case] params: Value) {
    let (_upstream, gateway) = demo(&[]).await;
    let reply = Message::modern("prompts/get", params).send(&gateway).await;
    assert_eq!(reply.status, 200);
    assert_eq!(error(&reply)["code"], -32602);
}
