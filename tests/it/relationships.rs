//! What is related to an indicator, a page at a time (CONTRACT 2, 4).

use std::collections::HashSet;

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{EICAR, Gateway, TROJAN, Upstream, file, ok};

fn related(hash: &str, relationship: &str) -> String {
    format!("{}/relationships/{relationship}", file(hash))
}

async fn demo() -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

/// A gateway before an upstream that has one answer for all.
async fn answering(body: &Value) -> (Upstream, Gateway) {
    let upstream = Upstream::always(ok(body.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

fn ids(items: &Value) -> Vec<String> {
    let items = items.as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[rstest]
#[case::default("votes", "", "votes?limit=10")]
#[case::limit("votes", "?limit=40", "votes?limit=40")]
#[case::objects("votes", "?descriptors_only=false&limit=1", "votes?limit=1")]
#[case::descriptors("votes", "?descriptors_only=true", "relationships/votes?limit=10")]
#[case::cursor("votes", "?cursor=a%26limit%3D9%2B%2F%20%3D", "votes?limit=10&cursor=a%26limit%3D9%2B%2F%20%3D")]
#[case::plus_is_a_space("votes", "?cursor=a+b", "votes?limit=10&cursor=a%20b")]
#[case::no_cursor("votes", "?cursor=", "votes?limit=10")]
#[case::unknown_name("brand_new_2", "", "brand_new_2?limit=10")]
#[case::other_parameters("votes", "?format=raw&x=y", "votes?limit=10")]
#[tokio::test]
async fn parameters_reach_virustotal(
    #[case] relationship: &str,
    #[case] query: &str,
    #[case] target: &str,
) {
    let (upstream, gateway) = demo().await;
    gateway.get(&format!("{}{query}", related(EICAR, relationship))).await;
    assert_eq!(upstream.targets(), [format!("/api/v3/files/{EICAR}/{target}")]);
}

#[rstest]
#[case("limit=0", "limit")]
#[case("limit=41", "limit")]
#[case("limit=abc", "limit")]
#[case("limit=-1", "limit")]
#[case("limit=", "limit")]
#[case("limit=1.5", "limit")]
#[case("limit=99999999999999999999", "limit")]
#[case("limit=5&limit=5", "limit")]
#[case("cursor=a&cursor=b", "cursor")]
#[case("cursor=%ff", "cursor")]
#[case("descriptors_only=maybe", "descriptors_only")]
#[case("descriptors_only=true&descriptors_only=true", "descriptors_only")]
#[case("format=html", "format")]
#[case("template_name=nonsense", "template_name")]
#[tokio::test]
async fn a_parameter_that_cannot_be_used_is_named(#[case] query: &str, #[case] name: &str) {
    let (upstream, gateway) = demo().await;
    let reply = gateway.get(&format!("{}?{query}", related(EICAR, "votes"))).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    let detail = reply.detail();
    assert!(detail.starts_with("Error retrieving file relationships: "), "{detail}");
    assert!(detail.contains(&format!("`{name}`")), "{detail}");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_name_that_can_be_none_gets_the_closest_ones() {
    let (upstream, gateway) = demo().await;
    for (name, close) in [
        ("Contacted-Domains", "contacted_domains"),
        ("VOTES", "votes"),
        ("contacted%2Fips", "contacted_ips"),
    ] {
        let reply = gateway.get(&related(EICAR, name)).await;
        assert_eq!(reply.status, 400);
        assert!(reply.detail().contains(&format!("`{close}`")), "{}", reply.detail());
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_name_that_virustotal_does_not_know_is_its_404() {
    let (upstream, gateway) = demo().await;
    let reply = gateway.get(&related(EICAR, "brand_new")).await;
    assert_eq!((reply.status, reply.code().as_str()), (404, "NotFoundError"));
    assert_eq!(upstream.count(), 1);
}

#[rstest]
#[case::objects("dropped_files", "limit=7", 48)]
#[case::largest_pages("dropped_files", "limit=40", 48)]
#[case::descriptors("contacted_domains", "limit=10&descriptors_only=true", 29)]
#[case::ends_with_a_page("contacted_ips", "limit=14", 14)]
#[tokio::test]
async fn cursors_lead_through_the_whole_list(
    #[case] relationship: &str,
    #[case] query: &str,
    #[case] count: usize,
) {
    let (upstream, gateway) = demo().await;
    let first = format!("{}?{query}", related(TROJAN, relationship));
    let (mut path, mut seen) = (first.clone(), Vec::new());
    loop {
        let page = gateway.get(&path).await.json();
        seen.extend(ids(&page["data"]));
        assert_eq!(page["meta"]["count"], count);
        let Some(cursor) = page["meta"]["cursor"].as_str() else {
            break;
        };
        assert!([' ', '/', '&', '=', '+', '%'].iter().all(|it| cursor.contains(*it)));
        let encoded =
            percent_encoding::utf8_percent_encode(cursor, percent_encoding::NON_ALPHANUMERIC);
        path = format!("{first}&cursor={encoded}");
    }
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), count);
    assert_eq!(seen.len(), count);
    assert!(upstream.targets().iter().all(|target| target.matches("limit=").count() == 1));
}

#[tokio::test]
async fn links_lead_through_the_whole_list() {
    let (_upstream, gateway) = demo().await;
    let query = "?limit=10&format=raw&template_name=vt4ai_file_basics";
    let mut path = format!("{}{query}", related(TROJAN, "dropped_files"));
    let mut seen = Vec::new();
    loop {
        let reply = gateway.get(&path).await;
        seen.extend(ids(&reply.data()));
        let Some(link) = reply.header("link") else {
            assert!(reply.json()["meta"]["cursor"].is_null());
            break;
        };
        let target = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        assert!(target.starts_with(&related(TROJAN, "dropped_files")), "{target}");
        assert!(target.contains("format=raw") && target.matches("cursor=").count() == 1);
        target.clone_into(&mut path);
    }
    assert_eq!(seen.len(), 48);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 48);
}

#[tokio::test]
async fn an_envelope_of_a_list_has_meta() {
    let (_upstream, gateway) = demo().await;
    let body = gateway.get(&format!("{}?limit=1", related(EICAR, "comments"))).await.json();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["data", "format", "meta"]);
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
    assert_eq!(keys(2), "md5 size jarm last_analysis_results");
    assert_eq!(keys(3), "md5 size jarm network last_analysis_results");
    for at in [0, 1, 2] {
        let result = &data[at]["attributes"]["last_analysis_results"]["Dr.Web"];
        assert_eq!(result.as_object().unwrap().keys().collect::<Vec<_>>(), ["result"]);
    }
}

#[tokio::test]
async fn an_item_keeps_its_members_and_nothing_else() {
    let (_upstream, gateway) = answering(&mixed()).await;
    let data = gateway.get(&related(EICAR, "brand_new")).await.data();
    assert_eq!(data[1]["context_attributes"], json!({"url": "u"}));
    assert_eq!(data[4], mixed()["data"][4]);
    assert_eq!(data[5], json!({"id": "bare", "type": "url"}));
    assert_eq!(data[6]["id"], 7);
    for item in data.as_array().unwrap() {
        let known = ["id", "type", "attributes", "context_attributes", "error"];
        assert!(item.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{item}");
    }
}

#[tokio::test]
async fn a_template_applies_to_items_of_its_type_only() {
    let (_upstream, gateway) = answering(&mixed()).await;
    let path = format!("{}?template_name=vt4ai_domain_basics", related(EICAR, "brand_new"));
    let named = gateway.get(&path).await.data();
    assert_eq!(named, gateway.get(&related(EICAR, "brand_new")).await.data());
}

#[tokio::test]
async fn raw_is_virustotals_array() {
    let (_upstream, gateway) = answering(&mixed()).await;
    let raw = gateway.get(&format!("{}?format=raw", related(EICAR, "brand_new"))).await.json();
    assert_eq!(raw["data"].to_string(), mixed()["data"].to_string());
    assert_eq!((&raw["format"], &raw["meta"]["count"]), (&json!("raw"), &json!(7)));
}

#[tokio::test]
async fn an_item_without_an_object_keeps_its_error() {
    let (_upstream, gateway) = demo().await;
    let data = gateway.get(&related(EICAR, "execution_parents")).await.data();
    let items = data.as_array().unwrap();
    let lost: Vec<_> = items.iter().filter(|item| item.get("error").is_some()).collect();
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
    assert!(markdown.starts_with(&format!("# File contacted_domains: {EICAR}\n\n## file: f\n\n### Size\n")));
    for heading in ["## domain: d\n", "## ip_address: i\n", "### Context Attributes\n", "### Error\n"] {
        assert!(markdown.contains(&format!("\n{heading}")), "{heading}: {markdown}");
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
    let items: Vec<_> = root.children().filter(roxmltree::Node::is_element).collect();
    let indices: Vec<_> = items.iter().filter_map(|it| it.attribute("index")).collect();
    assert_eq!(indices, ["0", "1", "2", "3", "4", "5", "6"]);
    assert!(items.iter().all(|it| it.has_tag_name("item")));
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let (_upstream, gateway) = demo().await;
    let path = related(EICAR, "bundled_files");
    let reply = gateway.get(&path).await;
    assert_eq!((reply.data(), reply.header("link")), (json!([]), None));
    let markdown = gateway.get(&format!("{path}?format=markdown")).await.document();
    assert_eq!(markdown.trim_end(), format!("# File bundled_files: {EICAR}"));
    let xml = gateway.get(&format!("{path}?format=xml")).await.document();
    assert!(xml.trim_end().ends_with("<bundled_files/>"), "{xml}");
}

#[tokio::test]
async fn one_object_is_an_object() {
    let one = json!({"data": {"id": "d", "type": "domain", "links": {}, "attributes": {"jarm": "j", "tld": "test"}}});
    let (_upstream, gateway) = answering(&one).await;
    let path = related(EICAR, "parent");
    let body = gateway.get(&path).await.json();
    assert_eq!(body, json!({"data": {"id": "d", "type": "domain", "attributes": {"tld": "test"}}, "format": "json"}));
    let raw = gateway.get(&format!("{path}?format=raw")).await.data();
    assert_eq!(raw, one["data"]["attributes"]);
    let markdown = gateway.get(&format!("{path}?format=markdown")).await.document();
    assert!(markdown.contains("\n## domain: d\n\n### Tld\n\ntest"), "{markdown}");
}

#[tokio::test]
async fn nothing_is_null() {
    let (_upstream, gateway) = answering(&json!({"data": null})).await;
    for format in ["json", "raw"] {
        let body = gateway.get(&format!("{}?format={format}", related(EICAR, "parent"))).await.json();
        assert_eq!(body, json!({"data": null, "format": format}));
    }
    for format in ["markdown", "xml"] {
        let path = format!("{}?format={format}", related(EICAR, "parent"));
        assert!(!gateway.get(&path).await.document().is_empty());
    }
}

#[tokio::test]
async fn the_types_are_listed() {
    let (upstream, gateway) = demo().await;
    let body = gateway.get_with("/api/v1/files/relationships/types", &[]).await.json();
    let types = body["relationships"].as_array().unwrap();
    assert_eq!(types.len(), 55);
    for row in types {
        let keys: Vec<_> = row.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["value", "description", "tier", "object"]);
        assert!(row.as_object().unwrap().values().all(|it| !it.as_str().unwrap().is_empty()));
    }
    assert_eq!(upstream.count(), 0);
}
