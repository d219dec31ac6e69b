//! Tests of the root, the health checks, the templates and the documentation (`docs/http-api.md`).

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use serde_json::{Value, json};

use tokio_util::sync::CancellationToken;

use crate::harness::{Answer, EICAR, Gateway, Reply, TROJAN, Upstream, config, file, ok};

async fn ask(path: &str) -> Reply {
    let upstream = Upstream::demo().await;
    let reply = Gateway::before(&upstream, &[])
        .await
        .get_with(path, &[])
        .await;
    assert_eq!(upstream.count(), 0, "{path} is free");
    reply
}

#[tokio::test]
async fn the_root_names_the_server_and_its_version() {
    let version = env!("CARGO_PKG_VERSION");
    let root = json!({"message": "VT4AI API Server", "version": version, "docs": "/docs"});
    assert_eq!(ask("/").await.json(), root);
}

#[tokio::test]
async fn a_browser_gets_a_page_with_links() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let reply = gateway.get_with("/", &[("accept", accept)]).await;
    let media = reply.header("content-type").unwrap();
    assert_eq!((reply.status, media), (200, "text/html; charset=utf-8"));
    assert!(reply.text().contains("<a href=\"/docs/\">"));
    assert!(reply.header("vary").unwrap().contains("accept"));
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn livez_and_readyz_are_ok() {
    for path in ["/livez", "/readyz"] {
        let reply = ask(path).await;
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("ok")));
    }
}

#[tokio::test]
async fn templates_are_listed_by_type() {
    let list = ask("/templates").await.json();
    assert_eq!(
        list.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["file", "url", "domain", "ip"]
    );
    for (kind, templates) in list.as_object().unwrap() {
        for template in templates.as_array().unwrap() {
            let keys: Vec<_> = template.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["name", "description", "default"], "{kind}");
        }
        let defaults = templates.as_array().unwrap().iter();
        assert_eq!(
            defaults.filter(|it| it["default"] == true).count(),
            1,
            "{kind}"
        );
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
async fn the_documentation_loads_only_own_files() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let to_page = gateway.get_with("/docs", &[]).await;
    assert!(matches!(to_page.status, 200 | 301..=308));
    let page = gateway.get_with("/docs/", &[]).await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    let assets = page
        .text()
        .split('"')
        .filter(|it| matches!(it.rsplit_once('.'), Some((_, "js" | "css"))));
    let assets: HashSet<_> = assets.collect();
    assert!(assets.len() >= 3, "{}", page.text());
    for asset in assets {
        assert!(!asset.contains("//"), "{asset} is from elsewhere");
        let reply = gateway
            .get_with(&format!("/docs/{}", asset.trim_start_matches("./")), &[])
            .await;
        assert!(reply.status == 200 && !reply.body.is_empty(), "{asset}");
    }
}

#[tokio::test]
async fn the_openapi_document_matches_its_snapshot() {
    let document = ask("/openapi.json").await.json();
    insta::assert_json_snapshot!("openapi", document);
}

/// Returns every operation with its path and method.
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
    let (mut ids, mut missing) = (HashSet::new(), Vec::new());
    for (name, operation) in operations(&document) {
        for member in ["summary", "description", "operationId"] {
            if operation[member].as_str().is_none_or(str::is_empty) {
                missing.push(format!("{name}: {member}"));
            }
        }
        assert!(
            ids.insert(operation["operationId"].clone()),
            "{name}: its id is another's"
        );
        let responses = operation["responses"].as_object().unwrap();
        let success = ["200", "202"].map(|status| responses.contains_key(status));
        assert!(
            success != [false, false] && responses.contains_key("429"),
            "{name}"
        );
        for (status, response) in responses {
            let content = response["content"].as_object();
            if content.is_none_or(serde_json::Map::is_empty) {
                missing.push(format!("{name}: body of {status}"));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}

#[tokio::test]
async fn every_documented_path_is_routed() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let document = gateway.get("/openapi.json").await.json();
    for (name, operation) in operations(&document) {
        let (method, path) = name.split_once(' ').unwrap();
        let mut path = path.to_owned();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (name, example) = (parameter["name"].as_str().unwrap(), &parameter["example"]);
            if parameter["in"] == "path" {
                path = path.replace(&format!("{{{name}}}"), example.as_str().unwrap());
            } else if parameter["required"] == true {
                path = format!("{path}?{name}={}", example.as_str().unwrap());
            }
        }
        let reply = gateway.ask(&method.to_uppercase(), &path).await;
        let expected: &[u16] = match (method, path.rsplit('/').next().unwrap()) {
            // The analysis of the example does not exist.
            ("get", _) if path.starts_with("/api/v1/analyses/") => &[404],
            ("get", _) => &[200],
            (_, "analyse") => &[202],
            // The request has no body.
            _ => &[415],
        };
        assert!(
            expected.contains(&reply.status) && !reply.text().contains("no such path"),
            "{name}: {}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn the_demo_needs_no_key_and_no_virustotal() {
    let gateway = Gateway::start(config(&["--demo"])).await;
    let headers = [("host", "example.test"), ("x-forwarded-for", "192.0.2.1")];
    for _ in 0..10 {
        let reply = gateway.get_with(&file(EICAR), &headers).await;
        assert_eq!(
            (reply.status, reply.header("x-ratelimit-limit")),
            (200, None)
        );
    }
}

#[tokio::test]
async fn the_demo_applies_the_configured_limits() {
    let gateway = Gateway::start(config(&["--demo", "--rate-limit-per-minute", "1"])).await;
    assert_eq!(gateway.get_with(&file(EICAR), &[]).await.status, 200);
    assert_eq!(gateway.get_with(&file(TROJAN), &[]).await.status, 429);
}

#[tokio::test]
async fn a_request_in_flight_is_finished_on_stop() {
    let stop = Arc::new(OnceLock::<CancellationToken>::new());
    let told = Arc::clone(&stop);
    let answer = move |_: &_| {
        told.get().unwrap().cancel();
        Answer::Bytes(ok(r#"{"data": {"attributes": {"size": 68}}}"#))
    };
    let upstream = Upstream::faulty(answer).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    stop.set(gateway.stop()).unwrap();
    assert_eq!(gateway.get(&file(EICAR)).await.data()["size"], 68);
}
