//! Tests of the form of answers about related objects (`docs/http-api.md`).

use serde_json::{Value, json};

use crate::{
    harness::{EICAR, Gateway, TROJAN, Upstream, ok},
    mcp,
    relationships::{demo, related},
};

/// Starts a gateway before an upstream that gives every request the same answer.
async fn answering(body: &Value) -> (Upstream, Gateway) {
    let upstream = Upstream::always(ok(body.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

#[tokio::test]
async fn an_envelope_of_a_list_has_meta() {
    let (_upstream, gateway) = demo().await;
    let body = gateway
        .get(&format!("{}?limit=1", related(EICAR, "comments")))
        .await
        .json();
    assert_eq!(
        body.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["data", "format", "meta"]
    );
    assert_eq!(body["meta"]["count"], 2);
}

fn mixed() -> Value {
    let result = json!({"category": "malicious", "method": "blacklist", "result": "bad"});
    let attributes = json!({"md5": "m", "size": 7, "jarm": "j", "network": "n",
        "last_analysis_results": {"Dr.Web": result}});
    json!({"data": [
        {"id": "f", "type": "file", "links": {"self": "x"}, "attributes": attributes},
        {"id": "d", "type": "domain", "attributes": attributes, "context_attributes": {"url": "u"}},
        {"id": "i", "type": "ip_address", "attributes": attributes, "relationships": {"a": 1}},
        {"id": "c", "type": "comment", "attributes": attributes},
        {"id": "gone", "type": "file", "error": {"code": "NotFoundError", "message": "gone"}},
        {"id": "bare", "type": "url"},
        {"id": 7, "type": "graph", "attributes": {}},
    ], "meta": {"count": 7, "cursor": null}, "links": {"self": "x", "next": null}})
}

#[tokio::test]
async fn each_item_is_filtered_by_its_own_type() {
    let (_upstream, gateway) = answering(&mixed()).await;
    let data = gateway.get(&related(EICAR, "brand_new")).await.data();
    let keys = |at: usize| {
        let attributes = data[at]["attributes"].as_object().unwrap();
        attributes.keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys(0), "size jarm network last_analysis_results");
    assert_eq!(keys(1), "md5 size network last_analysis_results");
    assert_eq!(keys(2), "md5 size last_analysis_results");
    assert_eq!(keys(3), "md5 size jarm network last_analysis_results");
    for at in [0, 1, 2] {
        let result = &data[at]["attributes"]["last_analysis_results"]["Dr.Web"];
        assert_eq!(
            result.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["result"]
        );
    }
}

#[tokio::test]
async fn a_null_in_place_of_an_item_is_skipped() {
    let item = json!({"id": "evil.example", "type": "domain", "attributes": {"size": 1}});
    let body = json!({"data": [null, item, null]});
    let (_upstream, gateway) = answering(&body).await;
    let list = related(EICAR, "contacted_domains");
    for query in ["format=json", "view=brief", "max_tokens=500", "view=full"] {
        let data = gateway.get(&format!("{list}?{query}")).await.data();
        assert_eq!(data.as_array().unwrap().len(), 1, "{query}: {data}");
    }
    for format in ["markdown", "xml", "ecs", "stix", "misp"] {
        let reply = gateway.get(&format!("{list}?format={format}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.text().contains("evil.example"), "{}", reply.text());
        assert!(
            reply.json()["meta"].get("shown").is_none(),
            "{}",
            reply.text()
        );
    }
    let arguments = json!({"indicator": EICAR, "relationship": "contacted_domains"});
    let result = mcp::call(&gateway, "get_related", arguments).await;
    assert_eq!(result.data["objects"].as_array().unwrap().len(), 1);
    // It is VirusTotal's own array.
    let raw = gateway.get(&format!("{list}?format=raw")).await.data();
    assert_eq!(raw, body["data"]);
    for element in [json!(7), json!("text"), json!([])] {
        let (_upstream, gateway) = answering(&json!({"data": [element]})).await;
        assert_eq!(gateway.get(&list).await.status, 502);
    }
}

#[tokio::test]
async fn an_item_keeps_only_known_members() {
    let (_upstream, gateway) = answering(&mixed()).await;
    let data = gateway.get(&related(EICAR, "brand_new")).await.data();
    assert_eq!(data[1]["context_attributes"], json!({"url": "u"}));
    assert_eq!(data[4], mixed()["data"][4]);
    assert_eq!(data[5], json!({"id": "bare", "type": "url"}));
    assert_eq!(data[6]["id"], 7);
    for item in data.as_array().unwrap() {
        let known = ["id", "type", "attributes", "context_attributes", "error"];
        assert!(
            item.as_object()
                .unwrap()
                .keys()
                .all(|key| known.contains(&key.as_str())),
            "{item}"
        );
    }
}

#[tokio::test]
async fn a_template_applies_to_items_of_its_type_only() {
    let (_upstream, gateway) = answering(&mixed()).await;
    let path = format!(
        "{}?template_name=vt4ai_domain_basics",
        related(EICAR, "brand_new")
    );
    let named = gateway.get(&path).await.data();
    assert_eq!(
        named,
        gateway.get(&related(EICAR, "brand_new")).await.data()
    );
}

#[tokio::test]
async fn raw_returns_virustotals_array() {
    let (_upstream, gateway) = answering(&mixed()).await;
    let raw = gateway
        .get(&format!("{}?format=raw", related(EICAR, "brand_new")))
        .await
        .json();
    assert_eq!(raw["data"].to_string(), mixed()["data"].to_string());
    assert_eq!(
        (&raw["format"], &raw["meta"]["count"]),
        (&json!("raw"), &json!(7))
    );
}

#[tokio::test]
async fn an_item_without_an_object_keeps_its_error() {
    let (_upstream, gateway) = demo().await;
    let data = gateway
        .get(&related(EICAR, "execution_parents"))
        .await
        .data();
    let items = data.as_array().unwrap();
    let lost: Vec<_> = items
        .iter()
        .filter(|item| item.get("error").is_some())
        .collect();
    assert_eq!((items.len(), lost.len()), (4, 1));
    assert_eq!(lost[0]["error"]["code"], "NotFoundError");
    assert!(lost[0].get("attributes").is_none());
}

#[tokio::test]
async fn descriptors_are_types_and_ids() {
    let (_upstream, gateway) = demo().await;
    let path = format!("{}?descriptors_only=true", related(TROJAN, "contacted_ips"));
    for item in gateway.get(&path).await.data().as_array().unwrap() {
        let mut keys: Vec<_> = item.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["id", "type"]);
    }
}

#[tokio::test]
async fn a_list_is_a_markdown_document() {
    let (_upstream, gateway) = answering(&mixed()).await;
    let path = format!("{}?format=markdown", related(EICAR, "contacted_domains"));
    let markdown = gateway.get(&path).await.document();
    assert!(markdown.starts_with(&format!(
        "# File contacted_domains: {EICAR}\n\n## file: f\n\n### Size\n"
    )));
    for heading in [
        "## domain: d\n",
        "## ip_address: i\n",
        "### Context Attributes\n",
        "### Error\n",
    ] {
        assert!(
            markdown.contains(&format!("\n{heading}")),
            "{heading}: {markdown}"
        );
    }
    assert_eq!(markdown.matches("\n## ").count(), 7);
}

#[tokio::test]
async fn a_list_is_an_xml_document() {
    let (_upstream, gateway) = answering(&mixed()).await;
    let path = format!("{}?format=xml", related(EICAR, "contacted_domains"));
    let xml = gateway.get(&path).await.document();
    let xml = roxmltree::Document::parse(&xml).unwrap();
    let root = xml.root_element();
    assert_eq!(root.tag_name().name(), "contacted_domains");
    let items: Vec<_> = root
        .children()
        .filter(roxmltree::Node::is_element)
        .collect();
    let indices: Vec<_> = items
        .iter()
        .filter_map(|it| it.attribute("index"))
        .collect();
    assert_eq!(indices, ["0", "1", "2", "3", "4", "5", "6"]);
    assert!(items.iter().all(|it| it.has_tag_name("item")));
}

#[tokio::test]
async fn an_empty_list_is_valid_in_every_format() {
    let (_upstream, gateway) = demo().await;
    let path = related(EICAR, "bundled_files");
    let reply = gateway.get(&path).await;
    assert_eq!((reply.data(), reply.header("link")), (json!([]), None));
    let markdown = gateway
        .get(&format!("{path}?format=markdown"))
        .await
        .document();
    assert_eq!(
        markdown.trim_end(),
        format!("# File bundled_files: {EICAR}")
    );
    let xml = gateway.get(&format!("{path}?format=xml")).await.document();
    assert!(xml.trim_end().ends_with("<bundled_files/>"), "{xml}");
}

#[tokio::test]
async fn a_relationship_to_one_object_returns_an_object() {
    let one = json!({"data": {"id": "d", "type": "domain", "links": {}, "attributes": {"jarm": "j", "tld": "test"}}});
    let (_upstream, gateway) = answering(&one).await;
    let path = related(EICAR, "parent");
    let body = gateway.get(&path).await.json();
    assert_eq!(
        body,
        json!({"data": {"id": "d", "type": "domain", "attributes": {"tld": "test"}}, "format": "json"})
    );
    let raw = gateway.get(&format!("{path}?format=raw")).await.data();
    assert_eq!(raw, one["data"]["attributes"]);
    let markdown = gateway
        .get(&format!("{path}?format=markdown"))
        .await
        .document();
    assert!(
        markdown.contains("\n## domain: d\n\n### Tld\n\ntest"),
        "{markdown}"
    );
}

#[tokio::test]
async fn a_relationship_to_nothing_returns_null() {
    let (_upstream, gateway) = answering(&json!({"data": null})).await;
    for format in ["json", "raw"] {
        let body = gateway
            .get(&format!("{}?format={format}", related(EICAR, "parent")))
            .await
            .json();
        assert_eq!(body, json!({"data": null, "format": format}));
    }
    for format in ["markdown", "xml"] {
        let path = format!("{}?format={format}", related(EICAR, "parent"));
        assert!(!gateway.get(&path).await.document().is_empty());
    }
}
