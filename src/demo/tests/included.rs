//! The relationships within an object.

use serde_json::json;

use super::*;

/// Returns an object's members and its relationships.
async fn with(path: &str, names: &str) -> Value {
    ask(&format!("{path}?relationships={names}")).await["data"].clone()
}

#[tokio::test]
async fn an_object_shows_the_relationships_that_the_query_names() {
    let path = format!("/files/{}", crowd::TROJAN);
    let object = with(&path, "contacted_domains,similar_files,%20collections,").await;
    let keys: Vec<_> = object.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "type", "links", "attributes", "relationships"]);
    assert_eq!(object["attributes"], ask(&path).await["data"]["attributes"]);
    let related = object["relationships"].as_object().unwrap();
    let mut names: Vec<_> = related.keys().collect();
    names.sort_unstable();
    assert_eq!(names, ["collections", "contacted_domains", "similar_files"]);

    let domains = &related["contacted_domains"];
    assert_eq!(ids(&domains["data"]).len(), 20);
    assert_eq!(
        domains["data"][0],
        json!({ "type": "domain", "id": "bank-secure.example" })
    );
    assert_eq!(domains["meta"]["count"], 29);
    let base = "https://www.virustotal.com/api/v3";
    let links = &domains["links"];
    assert_eq!(links["related"], format!("{base}{path}/contacted_domains"));
    assert_eq!(
        links["self"],
        format!("{base}{path}/relationships/contacted_domains?limit=20")
    );
    let rest = ask(links["next"].as_str().unwrap().strip_prefix(base).unwrap()).await;
    assert_eq!(ids(&rest["data"]).len(), 9);

    let similar = &related["similar_files"];
    assert_eq!(similar["meta"], json!({ "count": 3 }));
    assert!(similar["links"].get("next").is_none());
}

#[tokio::test]
async fn limit_and_cursor_do_not_apply_to_included_relationships() {
    let path = format!("/files/{}", crowd::TROJAN);
    let plain = with(&path, "dropped_files").await;
    let paged = with(&path, "dropped_files&limit=2&cursor=dropped_files%2B20").await;
    assert_eq!(plain, paged);
}

#[tokio::test]
async fn an_included_relationship_can_be_to_one_or_empty() {
    let path = "/urls/d62eb9dc395f1df408ed521744ff3492ecc85382c12c5ca3284eb0d1b7dcc721";
    let url = with(path, "last_serving_ip_address,related_comments").await;
    let related = &url["relationships"];
    assert_eq!(
        related["last_serving_ip_address"]["data"],
        json!({ "type": "ip_address", "id": "203.0.113.7" })
    );
    assert!(related["last_serving_ip_address"].get("meta").is_none());
    assert_eq!(related["related_comments"]["data"], json!([]));
    assert_eq!(related["related_comments"]["meta"], json!({ "count": 0 }));
    let domain = with("/domains/example.com", "parent").await;
    assert!(domain["relationships"]["parent"]["data"].is_null());
}

#[tokio::test]
async fn included_descriptors_keep_their_context() {
    let domain = with("/domains/bank-secure.example", "urls").await;
    let first = &domain["relationships"]["urls"]["data"][0];
    assert!(first["context_attributes"]["url"].is_string(), "{first}");
    assert!(first.get("attributes").is_none());
}

#[tokio::test]
async fn comments_sent_at_run_time_are_included() {
    let site = Site::new();
    let comment = json!({ "data": { "type": "comment", "attributes": { "text": "new" } } });
    let sent = site
        .post("/domains/example.com/comments", comment.to_string())
        .await;
    let domain = site
        .get("/domains/example.com?relationships=comments")
        .await;
    let comments = &domain["data"]["relationships"]["comments"];
    assert_eq!(comments["data"][0]["id"], sent["data"]["id"]);
    assert_eq!(comments["meta"]["count"], 2);
}

#[tokio::test]
async fn a_request_names_up_to_10_known_relationships() {
    let path = format!("/files/{EICAR}?relationships=");
    for names in ["friends", "votes,friends", "Votes", "resolutions"] {
        let (status, code, _) = refusal(KEY, &format!("{path}{names}")).await;
        assert_eq!((status, &*code), (400, "BadRequestError"), "{names}");
    }
    ask(&format!("{path}{}", ["votes"; 10].join(","))).await;
    let (status, code, _) = refusal(KEY, &format!("{path}{}", ["votes"; 11].join(","))).await;
    assert_eq!((status, &*code), (400, "BadRequestError"));
    let unknown = refusal(KEY, "/files/0000?relationships=friends").await;
    assert_eq!((unknown.0, &*unknown.1), (404, "NotFoundError"));
    let none = ask(&path).await;
    assert!(none["data"].get("relationships").is_none());
}

#[tokio::test]
async fn premium_relationships_are_not_included_for_a_public_key() {
    let path = format!("/files/{EICAR}?relationships=");
    let public = ask_as("public-key", &format!("{path}votes,comments")).await;
    assert_eq!(public.0, StatusCode::OK);
    let (status, code, _) = refusal("public-key", &format!("{path}votes,similar_files")).await;
    assert_eq!((status, &*code), (403, "ForbiddenError"));
}
