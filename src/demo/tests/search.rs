//! The two searches.

use serde_json::json;

use super::*;

fn path(which: &str, query: &str) -> String {
    format!(
        "/{which}?query={}",
        utf8_percent_encode(query, NON_ALPHANUMERIC)
    )
}

async fn found(query: &str) -> Vec<String> {
    let list = ask(&path("search", query)).await;
    ids(&list["data"]).into_iter().map(str::to_owned).collect()
}

/// Returns all results of an intelligence query.
async fn hits(query: &str) -> Vec<Value> {
    let list = ask(&format!("{}&limit=300", path("intelligence/search", query))).await;
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_search_finds_the_object_that_its_text_names() {
    let safe = "0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7";
    for (query, expected) in [
        ("44d88612fea8a8f36de82e1278abb02f", Some(EICAR)),
        (" 3395856CE81F2B7382DEE72602F798B642F14140 ", Some(EICAR)),
        (safe, Some(safe)),
        ("https://example.com/", Some(safe)),
        ("HTTPS://EXAMPLE.com", Some(safe)),
        ("example.com", Some("example.com")),
        ("2001:4860:4860:0::8888", Some("2001:4860:4860::8888")),
        ("00000000000000000000000000000000", None),
        ("https://nowhere.test/", None),
        ("nowhere.test", None),
        ("192.0.2.1", None),
    ] {
        assert_eq!(found(query).await, expected.as_slice(), "{query}");
    }
    assert_eq!(found("EICAR newline").await.len(), 1);
    assert_eq!(found("#Phishing").await.len(), 2);
    assert_eq!(found("#троян").await.len(), 1);
    assert!(found("#phish").await.is_empty());
    assert_eq!(ask_as("public-key", &path("search", "eicar")).await.0, 200);
}

#[tokio::test]
async fn a_search_finds_submitted_objects() {
    let site = Site::new();
    site.post("/urls", "url=http://lately.example/sent").await;
    let comment = json!({ "data": { "type": "comment", "attributes": { "text": "#lately" } } });
    site.post("/domains/example.com/comments", comment.to_string())
        .await;
    for query in ["http://lately.example/sent", "lately sent", "#lately"] {
        let list = site.get(&path("search", query)).await;
        assert_eq!(list["meta"]["count"], 1, "{query}");
    }
    let list = site
        .get(&path("intelligence/search", "entity:url lately"))
        .await;
    assert_eq!(list["meta"]["count"], 1);
}

#[tokio::test]
async fn pages_of_hits_hold_every_item_once() {
    let site = Site::new();
    for (path, limit) in [
        (path("search", "example"), 7),
        (path("intelligence/search", "entity:file"), 10),
        (
            format!("{}&order=size-", path("intelligence/search", "entity:file")),
            13,
        ),
        (
            format!(
                "{}&descriptors_only=true",
                path("intelligence/search", "entity:ip")
            ),
            3,
        ),
    ] {
        let items = site.gather(&path, limit).await;
        let ids: HashSet<_> = items.iter().map(|it| it["id"].as_str().unwrap()).collect();
        let count = site.get(&path).await["meta"]["count"].clone();
        assert_eq!(
            (json!(items.len()), json!(ids.len())),
            (count.clone(), count),
            "{path}"
        );
        assert!(items.len() > 2 * limit, "{path}: {}", items.len());
    }
}

#[tokio::test]
async fn a_cursor_is_valid_for_its_own_query_only() {
    let page = ask(&path("intelligence/search", "entity:file")).await;
    let next = page["links"]["next"].as_str().unwrap();
    let next = next
        .strip_prefix("https://www.virustotal.com/api/v3")
        .unwrap();
    let second = ask(next).await;
    assert_eq!(ids(&second["data"]).len(), 10);
    assert_ne!(second["data"][0], page["data"][0]);
    let cursor = page["meta"]["cursor"].as_str().unwrap();
    assert!("&=+/% ".chars().all(|it| cursor.contains(it)), "{cursor}");
    let cursor = utf8_percent_encode(cursor, NON_ALPHANUMERIC);
    for other in [
        "intelligence/search?query=p:0%2B",
        "search?query=example",
        "intelligence/search?query=entity:file&order=size-",
    ] {
        let page = ask(&format!("/{other}&cursor={cursor}")).await;
        assert_eq!(page["data"], json!([]), "{other}");
    }
}

#[tokio::test]
async fn all_conditions_must_hold() {
    let positives = |it: &Value| {
        it["attributes"]["last_analysis_stats"]["malicious"]
            .as_u64()
            .unwrap()
    };
    for (query, count) in [
        ("name:nwpdf_", 8),
        ("name:nwpdf_ p:44+", 8),
        ("name:nwpdf_ and positives:43-", 0),
        ("name:nwpdf_ p:44", 8),
        ("type:exe name:nwpdf_0", 2),
        ("type:sqlite", 8),
        ("tag:known-distributor", 2),
        ("engines:quillback.17 type:ps1", 8),
        ("entity:domain tag:dga", 4),
        ("entity:domain C2-0", 6),
        ("entity:url \"bestätigen Sie\"", 1),
        ("entity:url https://example.com/", 1),
        ("entity:ip 2001:4860", 2),
        ("nothing-of-the-kind", 0),
    ] {
        let hits = hits(query).await;
        assert_eq!(hits.len(), count, "{query}");
        let ids: Vec<_> = hits.iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert!(ids.is_sorted(), "{query}");
    }
    assert!(hits("p:40+").await.iter().all(|it| positives(it) >= 40));
    assert!(hits("p:40-").await.iter().all(|it| positives(it) <= 40));
}

#[tokio::test]
async fn content_is_shown_where_it_was_found() {
    let found = hits("content:\"Harmless\" name:Eicar").await;
    assert!(found.is_empty());
    let found = hits("content:\"68 BYTES of\"").await;
    let context = &found[0]["context_attributes"];
    assert_eq!((found.len(), &context["confidence"]), (1, &json!(1.0)));
    assert_eq!(context["match_in_subfile"], false);
    assert!(context["snippet"].as_str().unwrap().contains("68 bytes of"));
    let named = path("intelligence/search", "content:\"68 bytes of\"");
    let named = ask(&format!("{named}&descriptors_only=true")).await;
    let keys: Vec<_> = named["data"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["type", "id", "context_attributes"]);
    assert!(
        hits("name:eicar").await[0]
            .get("context_attributes")
            .is_none()
    );
}

#[tokio::test]
async fn results_can_be_sorted() {
    for (order, name, is_falling) in [
        ("size%2B", "size", false),
        ("size+", "size", false),
        ("size-", "size", true),
        ("times_submitted-", "times_submitted", true),
    ] {
        let path = path("intelligence/search", "entity:file");
        let list = ask(&format!("{path}&limit=300&order={order}")).await;
        let items = list["data"].as_array().unwrap().iter();
        let mut numbers: Vec<_> = items.map(|it| it["attributes"][name].as_i64()).collect();
        if is_falling {
            numbers.reverse();
        }
        assert!(numbers.is_sorted(), "{order}");
    }
}

#[tokio::test]
async fn an_invalid_search_is_a_400() {
    let intelligence = "/intelligence/search?query=";
    for (path, expected) in [
        ("/search".to_owned(), "BadRequestError"),
        ("/search?query=+".to_owned(), "BadRequestError"),
        ("/search?query=a&limit=41".to_owned(), "BadRequestError"),
        ("/intelligence/search".to_owned(), "BadRequestError"),
        (format!("{intelligence}a&limit=301"), "BadRequestError"),
        (
            format!("{intelligence}a&order=colour-"),
            "InvalidArgumentError",
        ),
        (
            format!("{intelligence}a&order=size--"),
            "InvalidArgumentError",
        ),
    ] {
        let (status, code, message) = refusal(KEY, &path).await;
        assert_eq!((status, &*code), (400, expected), "{path}");
        if path.contains("limit=301") {
            assert_eq!(message, "Limit can't be larger than 300");
        }
    }
    let (status, code, _) = refusal("public-key", &format!("{intelligence}eicar")).await;
    assert_eq!((status, &*code), (403, "ForbiddenError"));
}

#[tokio::test]
async fn an_unknown_term_is_a_word() {
    for query in [
        "size:5",
        "entity:house",
        "p:many",
        "p:5%2B-",
        "name:",
        "%22no such",
    ] {
        let path = format!("/intelligence/search?query={}", query.replace(' ', "%20"));
        assert_eq!(ask(&path).await["data"], json!([]), "{query}");
    }
}
