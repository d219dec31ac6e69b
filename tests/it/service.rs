//! What the gateway says of itself, and its documentation (CONTRACT 1).

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::harness::{Gateway, Reply, Upstream};

async fn ask(path: &str) -> Reply {
    let upstream = Upstream::demo().await;
    let reply = Gateway::before(&upstream, &[]).await.get_with(path, &[]).await;
    assert_eq!(upstream.count(), 0, "{path} is free");
    reply
}

#[tokio::test]
async fn the_root_says_who_answers() {
    let version = env!("CARGO_PKG_VERSION");
    let root = json!({"message": "VT4AI API Server", "version": version, "docs": "/docs"});
    assert_eq!(ask("/").await.json(), root);
}

#[tokio::test]
async fn it_lives_and_is_ready() {
    for path in ["/livez", "/readyz"] {
        let reply = ask(path).await;
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("ok")));
    }
}

#[tokio::test]
async fn templates_are_listed_by_type() {
    let list = ask("/templates").await.json();
    assert_eq!(list.as_object().unwrap().keys().collect::<Vec<_>>(), ["file", "url", "domain", "ip"]);
    for (kind, templates) in list.as_object().unwrap() {
        for template in templates.as_array().unwrap() {
            let keys: Vec<_> = template.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["name", "description", "default"], "{kind}");
        }
        let defaults = templates.as_array().unwrap().iter();
        assert_eq!(defaults.filter(|it| it["default"] == true).count(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_template_is_shown_by_name() {
    let shown = ask("/templates/vt4ai_file_basics").await.json();
    let shipped = include_str!("../../templates/files/vt4ai_file_basics.json");
    assert_eq!(shown, serde_json::from_str::<Value>(shipped).unwrap());
    for name in ["nonsense", "..%2FCargo.toml", "%ff"] {
        let reply = ask(&format!("/templates/{name}")).await;
        assert!(matches!(reply.status, 400 | 404), "{}", reply.text());
        assert!(!reply.code().is_empty());
    }
}

#[tokio::test]
async fn the_documentation_comes_from_inside() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let to_page = gateway.get_with("/docs", &[]).await;
    assert!(matches!(to_page.status, 200 | 301..=308));
    let page = gateway.get_with("/docs/", &[]).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let assets = page.text().split('"').filter(|it| it.ends_with(".js") || it.ends_with(".css"));
    let assets: HashSet<_> = assets.collect();
    assert!(assets.len() >= 3, "{}", page.text());
    for asset in assets {
        assert!(!asset.contains("//"), "{asset} is from elsewhere");
        let reply = gateway.get_with(&format!("/docs/{}", asset.trim_start_matches("./")), &[]).await;
        assert!(reply.status == 200 && !reply.body.is_empty(), "{asset}");
    }
}

#[tokio::test]
async fn the_openapi_document_is_as_reviewed() {
    let document = ask("/openapi.json").await.json();
    insta::assert_json_snapshot!("openapi", document);
}

/// Every operation with its path and method.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

#[tokio::test]
async fn every_operation_is_documented() {
    let document = ask("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = HashSet::new();
    for (name, operation) in operations(&document) {
        for member in ["summary", "description", "operationId"] {
            let text = operation[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name} has no {member}");
        }
        assert!(ids.insert(operation["operationId"].clone()), "{name}: its id is another's");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("200") && responses.contains_key("429"), "{name}");
        for (status, response) in responses {
            let content = response["content"].as_object();
            assert!(content.is_some_and(|it| !it.is_empty()), "{name}: {status} has no body");
        }
    }
}

#[tokio::test]
async fn every_documented_path_is_there() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let document = gateway.get("/openapi.json").await.json();
    for (name, operation) in operations(&document) {
        let mut path = name.split_once(' ').unwrap().1.to_owned();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (name, example) = (parameter["name"].as_str().unwrap(), &parameter["example"]);
            if parameter["in"] == "path" {
                path = path.replace(&format!("{{{name}}}"), example.as_str().unwrap());
            } else if parameter["required"] == true {
                path = format!("{path}?{name}={}", example.as_str().unwrap());
            }
        }
        let reply = gateway.get(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
}
