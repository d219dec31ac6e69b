//! The stand-in with its embedded data, asked by single requests. Tests of what is sent have
//! modules of their own.

use std::collections::HashSet;

use axum::{
    body::{Body, to_bytes},
    http::{Method, StatusCode, header::HeaderMap, request::Builder},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;
use tower::ServiceExt;

use super::{object::Collection, world::World, *};

mod analyses;
mod behaviour;
mod community;
mod included;
mod models;
mod quotas;
mod search;
mod uploads;

const EICAR: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

fn request(path: &str) -> Builder {
    Request::builder().uri(format!("/api/v3{path}"))
}

async fn send(request: Builder) -> (StatusCode, HeaderMap, Vec<u8>) {
    let request = request.body(Body::empty()).unwrap();
    let (head, body) = router().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (head.status, head.headers, body.to_vec())
}

/// One stand-in that keeps what it is sent.
struct Site(Router);

impl Site {
    fn new() -> Self {
        Self(router())
    }

    async fn send(&self, request: Builder, body: impl Into<Body>) -> (u16, Value) {
        let request = request.body(body.into()).unwrap();
        let (head, body) = self.0.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (head.status.as_u16(), json)
    }

    async fn get_as(&self, key: &str, path: &str) -> (u16, Value) {
        let request = request(path).header("x-apikey", key);
        self.send(request, Body::empty()).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.get_as(KEY, path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post_as(&self, key: &str, path: &str, body: impl Into<Body>) -> (u16, Value) {
        let request = request(path).header("x-apikey", key).method(Method::POST);
        self.send(request, body).await
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Value {
        let (status, body) = self.post_as(KEY, path, body).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Returns the items of every page of a list.
    async fn gather(&self, path: &str, limit: usize) -> Vec<Value> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{mark}limit={limit}");
        let (mut items, mut next) = (Vec::new(), path.clone());
        loop {
            let page = self.get(&next).await;
            items.extend(page["data"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["meta"]["cursor"].as_str() else {
                return items;
            };
            let encoded = utf8_percent_encode(cursor, NON_ALPHANUMERIC);
            next = format!("{path}&cursor={encoded}");
        }
    }
}

/// Returns the ids of items, in their order.
fn ids(items: &Value) -> Vec<&str> {
    let items = items.as_array().unwrap().iter();
    items.map(|it| it["id"].as_str().unwrap()).collect()
}

/// Returns the code of an error.
fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap()
}

async fn ask_as(key: &str, path: &str) -> (StatusCode, Value) {
    let (status, _, body) = send(request(path).header("x-apikey", key)).await;
    (status, serde_json::from_slice(&body).unwrap())
}

async fn ask(path: &str) -> Value {
    let (status, body) = ask_as(KEY, path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

async fn refusal(key: &str, path: &str) -> (u16, String, String) {
    let (status, body) = ask_as(key, path).await;
    let text = |name: &str| body["error"][name].as_str().unwrap().to_owned();
    (status.as_u16(), text("code"), text("message"))
}

/// Returns every item of a list, and the cursors on the way.
async fn gather(path: &str, limit: usize) -> (Vec<Value>, Vec<String>) {
    let (mut items, mut cursors) = (Vec::new(), Vec::new());
    let mut next = format!("{path}?limit={limit}");
    loop {
        let page = ask(&next).await;
        items.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["meta"]["cursor"].as_str() else {
            break;
        };
        let encoded = utf8_percent_encode(cursor, NON_ALPHANUMERIC);
        next = format!("{path}?limit={limit}&cursor={encoded}");
        cursors.push(cursor.to_owned());
    }
    (items, cursors)
}

#[tokio::test]
async fn an_object_is_found_under_each_of_its_names() {
    let trojan = crowd::TROJAN;
    let phishing = "https://login.bank-secure.example/verify?id=1&session=abc";
    let by_url = |url: &str| format!("/urls/{}", URL_SAFE_NO_PAD.encode(url));
    let safe = "0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7";
    let phished = "d62eb9dc395f1df408ed521744ff3492ecc85382c12c5ca3284eb0d1b7dcc721";
    let behaviour = format!("{trojan}_CAPE Sandbox");
    let upper = |id: &str| format!("/files/{}", id.to_ascii_uppercase());
    for (path, id) in [
        ("/files/44d88612fea8a8f36de82e1278abb02f".to_owned(), EICAR),
        (
            "/files/3395856ce81f2b7382dee72602f798b642f14140".to_owned(),
            EICAR,
        ),
        (upper("3395856ce81f2b7382dee72602f798b642f14140"), EICAR),
        (upper(EICAR), EICAR),
        (upper(trojan), trojan),
        (by_url(phishing), phished),
        (by_url("https://example.com/"), safe),
        (by_url("https://example.com"), safe),
        (format!("/urls/{safe}"), safe),
        ("/domains/example.com".to_owned(), "example.com"),
        (
            "/domains/bank-secure.example".to_owned(),
            "bank-secure.example",
        ),
        ("/ip_addresses/8.8.8.8".to_owned(), "8.8.8.8"),
        ("/ip_addresses/203.0.113.7".to_owned(), "203.0.113.7"),
        (
            "/ip_addresses/2001:4860:4860::8888".to_owned(),
            "2001:4860:4860::8888",
        ),
        (
            "/ip_addresses/2001%3A4860%3A4860%3A0%3A%3A8888".to_owned(),
            "2001:4860:4860::8888",
        ),
        (
            format!("/file_behaviours/{trojan}_CAPE%20Sandbox"),
            &behaviour,
        ),
    ] {
        let data = &ask(&path).await["data"];
        assert_eq!(data["id"], id, "{path}");
        let keys: Vec<_> = data.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["id", "type", "links", "attributes"], "{path}");
    }
}

#[tokio::test]
async fn an_object_links_to_itself() {
    let world = World::load(1_760_000_000);
    for path in ["/domains/example.com", "/ip_addresses/2001:4860:4860::8888"] {
        let link = ask(path).await["data"]["links"]["self"].clone();
        assert_eq!(link, format!("https://www.virustotal.com/api/v3{path}"));
    }
    for (of, _) in world.objects() {
        let link = of.link();
        let tail = link
            .strip_prefix("https://www.virustotal.com/api/v3/")
            .unwrap();
        let (collection, id) = tail.split_once('/').unwrap();
        let id = percent_decode_str(id).decode_utf8().unwrap();
        let collection = Collection::at(collection).ok().unwrap();
        assert_eq!(world.find(collection, &id).as_ref(), Some(of));
    }
}

#[tokio::test]
async fn analysis_statistics_count_the_results() {
    let trojan = format!("/files/{}", crowd::TROJAN);
    let paths = [&*trojan, "/files/44d88612fea8a8f36de82e1278abb02f"];
    let others = [
        "/domains/example.com",
        "/ip_addresses/8.8.8.8",
        "/ip_addresses/203.0.113.7",
    ];
    for path in paths.into_iter().chain(others) {
        let attributes = ask(path).await["data"]["attributes"].clone();
        let results = attributes["last_analysis_results"].as_object().unwrap();
        for (category, count) in attributes["last_analysis_stats"].as_object().unwrap() {
            let counted = results
                .values()
                .filter(|it| it["category"] == **category)
                .count();
            assert_eq!(*count, counted, "{path}: {category}");
        }
    }
}

#[tokio::test]
async fn pages_hold_every_item_once() {
    let trojan = format!("/files/{}", crowd::TROJAN);
    for (relationship, count, limit) in [
        ("dropped_files", 48, 10),
        ("dropped_files", 48, 40),
        ("contacted_domains", 29, 7),
        ("contacted_ips", 14, 14),
        ("votes", 14, 13),
        ("comments", 12, 1),
        ("relationships/dropped_files", 48, 9),
    ] {
        let (items, cursors) = gather(&format!("{trojan}/{relationship}"), limit).await;
        let ids: HashSet<_> = items.iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!(
            (items.len(), ids.len()),
            (count, count),
            "{relationship} by {limit}"
        );
        assert_eq!(
            cursors.len(),
            count.div_ceil(limit) - 1,
            "{relationship} by {limit}"
        );
    }
}

#[tokio::test]
async fn a_cursor_needs_encoding_and_belongs_to_its_list() {
    let path = format!("/files/{}/dropped_files", crowd::TROJAN);
    let page = ask(&path).await;
    let cursor = page["meta"]["cursor"].as_str().unwrap();
    assert!("&=+/% ".chars().all(|it| cursor.contains(it)), "{cursor}");
    assert_eq!(page["meta"]["count"], 48);
    let next = page["links"]["next"].as_str().unwrap();
    let next = ask(next
        .strip_prefix("https://www.virustotal.com/api/v3")
        .unwrap())
    .await;
    assert_ne!(next["data"][0]["id"], page["data"][0]["id"]);
    let encoded = utf8_percent_encode(cursor, NON_ALPHANUMERIC).to_string();
    let twice = utf8_percent_encode(&encoded, NON_ALPHANUMERIC);
    let elsewhere = format!(
        "/files/{}/contacted_domains?cursor={encoded}",
        crowd::TROJAN
    );
    let bare = cursor.replace(' ', "%20");
    for path in [
        elsewhere,
        format!("{path}?cursor={twice}"),
        format!("{path}?cursor={bare}"),
    ] {
        let page = ask(&path).await;
        assert_eq!(page["data"].as_array().unwrap().len(), 0, "{path}");
        assert!(page["meta"].get("cursor").is_none() && page["links"].get("next").is_none());
    }
}

#[tokio::test]
async fn a_limit_is_1_to_40() {
    let path = format!("/files/{EICAR}/comments?limit=");
    ask(&format!("{path}40")).await;
    let (status, code, message) = refusal(KEY, &format!("{path}41")).await;
    assert_eq!((status, &*code), (400, "BadRequestError"));
    assert_eq!(message, "Limit can't be larger than 40");
    for bad in ["0", "-1", "ten", ""] {
        assert_eq!(refusal(KEY, &format!("{path}{bad}")).await.0, 400);
    }
}

#[tokio::test]
async fn a_list_shows_objects_descriptors_and_missing_objects() {
    let parents = ask(&format!("/files/{EICAR}/execution_parents")).await;
    let keys = |item: &Value| {
        item.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        keys(&parents["data"][0]),
        ["id", "type", "links", "attributes"]
    );
    assert_eq!(keys(&parents["data"][2]), ["type", "id", "error"]);
    assert_eq!(parents["data"][2]["error"]["code"], "NotFoundError");
    let named = ask(&format!("/files/{EICAR}/relationships/execution_parents")).await;
    assert_eq!(keys(&named["data"][0]), ["type", "id"]);
    let urls = ask("/domains/bank-secure.example/relationships/urls").await;
    assert_eq!(keys(&urls["data"][0]), ["type", "id", "context_attributes"]);
}

#[tokio::test]
async fn a_relationship_can_be_to_one_or_empty() {
    let ip = ask("/urls/d62eb9dc395f1df408ed521744ff3492ecc85382c12c5ca3284eb0d1b7dcc721/last_serving_ip_address").await;
    assert_eq!(ip["data"]["id"], "203.0.113.7");
    assert!(ip.get("meta").is_none());
    for path in [
        "/domains/bank-secure.example/parent",
        "/domains/example.com/parent",
    ] {
        assert!(ask(path).await["data"].is_null(), "{path}");
    }
    let empty = ask("/domains/example.com/siblings").await;
    assert_eq!(empty["data"], serde_json::json!([]));
    assert_eq!(empty["meta"], serde_json::json!({ "count": 0 }));
    let link = "https://www.virustotal.com/api/v3/domains/example.com/siblings?limit=10";
    assert_eq!(empty["links"], serde_json::json!({ "self": link }));
}

#[tokio::test]
async fn the_key_decides_about_the_answer() {
    let path = format!("/files/{EICAR}");
    let (status, _, body) = send(request(&path)).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(body["error"]["code"], "AuthenticationRequiredError");
    assert_eq!(body["error"]["message"], "X-Apikey header is missing");
    for key in ["wrong-key", "bad", "bad-key", "BadKey", "BAD0"] {
        let (status, code, message) = refusal(key, &path).await;
        assert_eq!((status, &*code), (401, "WrongCredentialsError"));
        assert_eq!(message, format!("Wrong API key: {key}"));
    }
    assert_eq!(ask_as("ba", &path).await.0, StatusCode::OK);
    let premium = format!("{path}/similar_files");
    assert_eq!(ask_as("public-key", &path).await.0, StatusCode::OK);
    assert_eq!(
        ask_as("public-key", &format!("{path}/votes")).await.0,
        StatusCode::OK
    );
    assert_eq!(ask_as("any-key", &premium).await.0, StatusCode::OK);
    let (status, code, _) = refusal("public-key", &premium).await;
    assert_eq!((status, &*code), (403, "ForbiddenError"));
}

#[tokio::test]
async fn an_unknown_object_is_a_404_that_names_its_kind() {
    for (path, expected) in [
        ("/files/0000", "File \"0000\" not found"),
        ("/urls/aHR0cDovL3gvCg", "URL \"aHR0cDovL3gvCg\" not found"),
        ("/domains/nowhere.test", "Domain \"nowhere.test\" not found"),
        (
            "/ip_addresses/192.0.2.1",
            "IP address \"192.0.2.1\" not found",
        ),
        (
            "/domains/example.com/friends",
            "Relationship \"friends\" not found",
        ),
        (
            "/domains/nowhere.test/urls",
            "Domain \"nowhere.test\" not found",
        ),
        ("/houses/1", "Resource not found."),
    ] {
        let (status, code, message) = refusal(KEY, path).await;
        assert_eq!(
            (status, &*code, &*message),
            (404, "NotFoundError", expected)
        );
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_405() {
    let delete = request("/domains/example.com").method(Method::DELETE);
    let (status, headers, body) = send(delete).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(body["error"]["code"].is_string());
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
}

#[tokio::test]
async fn answers_look_like_those_of_virustotal() {
    let ask = request("/domains/example.com").header("x-apikey", KEY);
    let (_, headers, body) = send(ask.header("accept-encoding", "gzip")).await;
    let text = String::from_utf8(body).unwrap();
    assert!(text.starts_with("{\n    \"data\": {\n        \"id\": \"example.com\",\n"));
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(headers["cache-control"], "no-cache");
    assert_eq!(headers["server"], "Google Frontend");
    assert!(headers.contains_key("x-cloud-trace-context"));
}

#[tokio::test]
async fn gzip_needs_a_user_agent_that_names_it() {
    for (agent, accept, gzipped) in [
        ("vt4ai (gzip)", "gzip", true),
        ("vt4ai", "gzip", false),
        ("vt4ai (gzip)", "identity", false),
    ] {
        let ask = request("/domains/example.com").header("x-apikey", KEY);
        let ask = ask
            .header("user-agent", agent)
            .header("accept-encoding", accept);
        let (_, headers, body) = send(ask).await;
        assert_eq!(
            headers
                .get("content-encoding")
                .is_some_and(|it| it == "gzip"),
            gzipped
        );
        assert_eq!(body.starts_with(&[0x1f, 0x8b]), gzipped);
    }
}

#[tokio::test]
async fn examples_ask_for_existing_objects() {
    let text = examples("http://127.0.0.1:8000");
    assert!(
        !text.contains("{base}") && !text.contains("{trojan}"),
        "{text}"
    );
    let site = Site::new();
    for line in text.lines().filter(|line| line.contains("curl ")) {
        let url = line.rsplit(' ').next().unwrap();
        assert_eq!(url.contains(['?', '&']), url.ends_with('\''), "{line}");
        let path = url
            .trim_matches('\'')
            .strip_prefix("http://127.0.0.1:8000")
            .unwrap();
        let Some(path) = path.strip_prefix("/api/v1") else {
            continue;
        };
        if path == "/lookup" {
            // The gateway's own path, which asks for these objects.
            let url = "https://login.bank-secure.example/verify?id=1&session=abc";
            site.get(&format!("/urls/{}", URL_SAFE_NO_PAD.encode(url)))
                .await;
            site.get("/domains/bank-secure.example").await;
            site.get("/ip_addresses/203.0.113.7").await;
            continue;
        }
        if path.ends_with("/types") || path.contains("/00000000") || line.contains(" -F ") {
            continue;
        }
        let path = path
            .replace("/ips/", "/ip_addresses/")
            .replace("/relationships/", "/");
        let (_, query) = path.split_once('?').unwrap_or_default();
        let url = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "url");
        if let Some((_, url)) = url {
            site.get(&format!("/urls/{}", URL_SAFE_NO_PAD.encode(&*url)))
                .await;
        } else if let Some(body) = example_body(line) {
            site.post(&path, body).await;
        } else {
            let answer = site.get(&path.replace("limit=45", "limit=40")).await;
            assert_ne!(answer["data"], serde_json::json!([]), "{line}");
        }
    }
}

/// Returns the body that the gateway makes of the one that a line sends.
fn example_body(line: &str) -> Option<String> {
    if line.contains(" -X POST ") {
        return Some(String::new());
    }
    if let Some((_, form)) = line.split_once(" -d ") {
        return form.split(' ').next().map(str::to_owned);
    }
    let (_, json) = line.split_once(" --json '")?;
    let attributes: Value = serde_json::from_str(json.split_once('\'')?.0).unwrap();
    let kind = if line.ends_with("/votes") {
        "vote"
    } else {
        "comment"
    };
    let data = serde_json::json!({ "type": kind, "attributes": attributes });
    Some(serde_json::json!({ "data": data }).to_string())
}
