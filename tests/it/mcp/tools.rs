//! The other tools, and the schemas of all.

use serde_json::{Map, Value, json};

use super::{Message, call, demo, keeping};
use crate::harness::{Answer, EICAR, EICAR_MD5, KEY, TROJAN, Upstream, http, ok};

const URL: &str = "https://login.bank-secure.example/verify?id=1&session=abc";

#[tokio::test]
async fn every_tool_is_described_bounded_and_annotated() {
    let (_upstream, gateway) = demo(&[]).await;
    let result = Message::modern("tools/list", json!({}))
        .result(&gateway)
        .await;
    let tools = result["tools"].as_array().unwrap();
    let names: Vec<_> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    let expected = [
        "lookup",
        "get_report",
        "get_related",
        "get_behaviour",
        "search",
        "get_quota",
        "submit",
        "get_analysis",
    ];
    assert_eq!(names, expected);
    for tool in tools {
        assert!(!tool["title"].as_str().unwrap().is_empty());
        assert!(tool["description"].as_str().unwrap().len() < 600);
        assert_eq!(tool["inputSchema"]["type"], "object");
        assert_eq!(tool["outputSchema"]["type"], "object");
        assert_eq!(tool["annotations"]["destructiveHint"], false);
        let is_read = tool["name"] != "submit";
        assert_eq!(tool["annotations"]["readOnlyHint"], is_read);
        for hint in ["idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean());
        }
    }
    let properties = &tools[0]["inputSchema"]["properties"];
    assert_eq!(properties["indicators"]["maxItems"], 50);
    assert!(properties["indicators"]["examples"].is_array());
    assert_eq!(properties["max_tokens"]["maximum"], 8000);
}

/// Asserts that a value has the shape that a schema describes, as far as these schemas go.
fn conforms(value: &Value, schema: &Value) -> Result<(), String> {
    let types = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |name: &&str| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    if !types.is_empty() && !types.iter().any(is) {
        return Err(format!("{value} is no {types:?}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{value} is not among {words:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            return Err(format!("{value} has no {name}"));
        }
    }
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    for (name, schema) in properties {
        if let Some(value) = value.get(name) {
            conforms(value, schema)?;
        }
    }
    if let Some(items) = value.as_array()
        && schema["items"].is_object()
    {
        for item in items {
            conforms(item, &schema["items"])?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn structured_content_conforms_to_the_output_schema() {
    let (_upstream, gateway) = demo(&[]).await;
    let list = Message::modern("tools/list", json!({}))
        .result(&gateway)
        .await;
    let schema = |name: &str| {
        let tools = list["tools"].as_array().unwrap();
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        tool["outputSchema"].clone()
    };
    let started = call(&gateway, "submit", json!({"url": URL})).await;
    let id = started.data["analysis"].clone();
    for (tool, arguments) in [
        ("lookup", json!({"indicators": [TROJAN]})),
        ("lookup", json!({"indicators": [URL]})),
        (
            "lookup",
            json!({"indicators": [EICAR, URL, "8.8.8.8", "10.0.0.1", "x y"]}),
        ),
        (
            "lookup",
            json!({"indicators": [EICAR, URL, "8.8.8.8"], "max_tokens": 200}),
        ),
        ("get_report", json!({"indicator": URL})),
        (
            "get_report",
            json!({"indicator": "8.8.8.8", "max_tokens": 200}),
        ),
        (
            "get_report",
            json!({"indicator": EICAR, "relationships": ["contacted_ips"]}),
        ),
        (
            "get_related",
            json!({"indicator": TROJAN, "relationship": "contacted_domains"}),
        ),
        (
            "get_related",
            json!({"indicator": URL, "relationship": "last_serving_ip_address"}),
        ),
        (
            "get_related",
            json!({"indicator": "8.8.8.8", "relationship": "comments"}),
        ),
        ("get_behaviour", json!({"file": TROJAN})),
        ("get_behaviour", json!({"file": EICAR})),
        ("search", json!({"query": "#phishing"})),
        ("get_quota", json!({})),
        ("submit", json!({"indicator": EICAR})),
        ("get_analysis", json!({"id": id, "wait": 5})),
    ] {
        let result = call(&gateway, tool, arguments.clone()).await;
        assert!(!result.is_error, "{tool} {arguments}: {}", result.text);
        if let Err(why) = conforms(&result.data, &schema(tool)) {
            panic!("{tool} {arguments}: {why}");
        }
        // The text is not the JSON again.
        assert!(serde_json::from_str::<Value>(&result.text).is_err());
    }
}

#[tokio::test]
async fn a_report_is_brief_unless_more_is_wanted() {
    let (upstream, gateway) = demo(&[]).await;
    let brief = call(&gateway, "get_report", json!({"indicator": EICAR_MD5})).await;
    assert_eq!(brief.data["report"]["verdict"]["level"], "malicious");
    assert!(brief.text.starts_with("indicator: file"), "{}", brief.text);
    let fields = json!({"indicator": EICAR_MD5, "fields": ["last_analysis_stats"]});
    let fields = call(&gateway, "get_report", fields).await;
    assert!(fields.data["report"]["last_analysis_stats"].is_object());
    assert!(
        fields.text.contains("Last Analysis Stats"),
        "{}",
        fields.text
    );
    let as_text = json!({"indicator": EICAR_MD5, "fields": "last_analysis_stats,size"});
    let as_text = call(&gateway, "get_report", as_text).await;
    assert!(as_text.data["report"]["size"].is_number());
    let full = json!({"indicator": EICAR_MD5, "view": "full", "max_tokens": 8000});
    let full = call(&gateway, "get_report", full).await;
    assert!(full.data["report"]["sha256"] == EICAR, "{}", full.data);
    // Ten views cost one lookup.
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn relationships_come_with_the_report_in_one_call() {
    let (upstream, gateway) = demo(&[]).await;
    let arguments = json!({
        "indicator": TROJAN,
        "relationships": ["contacted_domains", "contacted_ips"],
    });
    let result = call(&gateway, "get_report", arguments).await;
    let domains = &result.data["relationships"]["contacted_domains"];
    assert_eq!(domains["ids"][0], "bank-secure.example");
    assert!(domains["count"].as_u64().unwrap() > 10);
    assert!(
        result.text.contains("contacted_domains ("),
        "{}",
        result.text
    );
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn related_objects_come_page_by_page() {
    let (_upstream, gateway) = demo(&[]).await;
    let mut arguments = json!({
        "indicator": TROJAN,
        "relationship": "contacted_domains",
        "limit": 5,
    });
    let first = call(&gateway, "get_related", arguments.clone()).await;
    assert_eq!(first.data["objects"].as_array().unwrap().len(), 5);
    let cursor = first.data["cursor"].as_str().unwrap();
    assert!(first.text.contains("`cursor`"), "{}", first.text);
    arguments["cursor"] = cursor.into();
    let second = call(&gateway, "get_related", arguments).await;
    let name = |page: &Value, at: usize| page["objects"][at]["indicator"]["value"].clone();
    assert_eq!(name(&first.data, 0), "bank-secure.example");
    assert_ne!(name(&second.data, 0), name(&first.data, 0));
}

#[tokio::test]
async fn a_cursor_of_a_search_goes_on_where_it_ended() {
    let (upstream, gateway) = demo(&[]).await;
    let mut arguments = json!({"query": "entity:file p:5+", "limit": 2});
    let first = call(&gateway, "search", arguments.clone()).await;
    arguments["cursor"] = first.data["cursor"].clone();
    let second = call(&gateway, "search", arguments).await;
    assert!(!second.is_error, "{}", second.text);
    assert_ne!(first.data["objects"][0], second.data["objects"][0]);
    for target in upstream.targets() {
        assert!(
            target.starts_with("/api/v3/intelligence/search?"),
            "{target}"
        );
    }
}

#[tokio::test]
async fn a_key_without_intelligence_searches_as_every_key_may() {
    let refused = r#"{"error": {"code": "ForbiddenError", "message": "not allowed"}}"#;
    let answers = move |call: &crate::harness::Call| {
        if call.target.contains("/intelligence/") {
            Answer::Bytes(http(403, &[], refused))
        } else {
            Answer::Bytes(ok(r#"{"data": []}"#))
        }
    };
    let upstream = Upstream::faulty(answers).await;
    let gateway = keeping(&upstream, &[]).await;
    for query in ["name:invoice", "name:order"] {
        let result = call(&gateway, "search", json!({"query": query})).await;
        assert!(!result.is_error, "{}", result.text);
        assert_eq!(result.text, "No objects.");
    }
    // The refusal is remembered.
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn an_indicator_is_searched_for_without_intelligence() {
    let (upstream, gateway) = demo(&[]).await;
    let result = call(
        &gateway,
        "search",
        json!({"query": "bank-secure[.]example"}),
    )
    .await;
    assert_eq!(
        result.data["objects"][0]["indicator"]["value"],
        "bank-secure.example"
    );
    let target = upstream.targets().remove(0);
    assert!(
        target.starts_with("/api/v3/search?query=bank-secure"),
        "{target}"
    );
}

#[tokio::test]
async fn quota_is_told_for_free() {
    let (upstream, gateway) = demo(&["--rate-limit-per-minute", "4"]).await;
    call(&gateway, "lookup", json!({"indicators": [EICAR]})).await;
    let result = call(&gateway, "get_quota", json!({})).await;
    assert_eq!(result.data["minute"]["remaining"], 3);
    assert!(
        result.text.contains("minute: 3 of 4 left"),
        "{}",
        result.text
    );
    assert_eq!(result.meta["vt4ai/lookups"], 0);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_submission_leads_to_its_analysis() {
    let (_upstream, gateway) = demo(&[]).await;
    for arguments in [
        json!({"url": "https://example.com/new"}),
        json!({"indicator": EICAR}),
    ] {
        let started = call(&gateway, "submit", arguments).await;
        assert!(started.text.contains("`get_analysis`"), "{}", started.text);
        let arguments = json!({"id": started.data["analysis"], "wait": "30s"});
        let analysis = call(&gateway, "get_analysis", arguments).await;
        assert_eq!(analysis.data["status"], "completed", "{}", analysis.text);
    }
}

#[tokio::test]
async fn text_from_strangers_stays_data() {
    let (_upstream, gateway) = demo(&[]).await;
    let hash = "cae276ab12897283230cb8236a6f346c966d1f8179a4a48bd175c54548b6f784";
    for view in ["brief", "standard", "full"] {
        let arguments = json!({"indicator": hash, "view": view, "max_tokens": 8000});
        let result = call(&gateway, "get_report", arguments).await;
        let all = format!("{}{}", result.text, result.data).to_lowercase();
        assert!(all.contains("withheld"), "{view}: {}", result.text);
        assert!(!all.contains("ignore previous instructions"), "{view}");
    }
}

#[tokio::test]
async fn the_audit_log_has_the_subject_of_a_call() {
    let folder = crate::harness::Folder::new();
    let path = folder.file("audit.log");
    let (_upstream, gateway) = demo(&["--audit-log", &path]).await;
    call(
        &gateway,
        "get_report",
        json!({"indicator": "bank-secure[.]example"}),
    )
    .await;
    let many = json!({"indicators": ["8.8.8.8", "portal[.]example"]});
    call(&gateway, "lookup", many).await;
    gateway.stop().cancel();
    let all = ["bank-secure.example", "8.8.8.8", "portal.example"];
    crate::harness::until(async || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        all.iter().all(|subject| text.contains(subject))
    })
    .await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(KEY), "{text}");
    assert!(text.contains("/mcp"), "{text}");
}
