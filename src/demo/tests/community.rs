//! Comments and votes.

use serde_json::json;

use super::*;

fn comment(text: &str) -> String {
    json!({ "data": { "type": "comment", "attributes": { "text": text } } }).to_string()
}

fn vote(verdict: &str) -> String {
    json!({ "data": { "type": "vote", "attributes": { "verdict": verdict } } }).to_string()
}

#[tokio::test]
async fn a_comment_comes_first_and_stays() {
    let site = Site::new();
    let safe = "0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7";
    for (path, prefix, before) in [
        (format!("/files/{EICAR}"), format!("f-{EICAR}-"), 2),
        (format!("/urls/{safe}"), format!("u-{safe}-"), 0),
        (
            "/domains/example.com".to_owned(),
            "d-example.com-".to_owned(),
            1,
        ),
        (
            "/ip_addresses/8.8.8.8".to_owned(),
            "i-8.8.8.8-".to_owned(),
            2,
        ),
    ] {
        let path = format!("{path}/comments");
        let text = "<b> & #Один, #two #two # a#b";
        let answer = site.post(&path, comment(text)).await;
        let id = answer["data"]["id"].as_str().unwrap();
        assert_eq!(id.strip_prefix(&*prefix).map(str::len), Some(8), "{id}");
        let attributes = &answer["data"]["attributes"];
        assert_eq!(attributes["text"], text);
        assert_eq!(attributes["html"], "&lt;b&gt; &amp; #Один, #two #two # a#b");
        assert_eq!(attributes["tags"], json!(["Один", "two"]));
        assert_eq!(
            attributes["votes"],
            json!({ "positive": 0, "negative": 0, "abuse": 0 })
        );
        assert!(attributes["date"].is_u64());
        let list = site.get(&path).await;
        assert_eq!(
            (&list["data"][0], &list["meta"]["count"]),
            (&answer["data"], &json!(before + 1))
        );
        assert_eq!(site.get(&format!("/comments/{id}")).await, answer);
        let newer = site.post(&path, comment("newer")).await;
        let path = path.replace("/comments", "/relationships/comments");
        let named = site.get(&path).await;
        assert_eq!(
            ids(&named["data"])[..2],
            [newer["data"]["id"].as_str().unwrap(), id]
        );
    }
}

#[tokio::test]
async fn a_comment_is_made_once() {
    let site = Site::new();
    let path = "/domains/example.com/comments";
    site.post(path, comment("same")).await;
    let (status, answer) = site.post_as(KEY, path, comment("same")).await;
    assert_eq!((status, code(&answer)), (409, "AlreadyExistsError"));
    assert_eq!(
        site.post_as("public-key", path, comment("same")).await.0,
        200
    );
    site.post(path, comment("other")).await;
    site.post("/ip_addresses/8.8.8.8/comments", comment("same"))
        .await;
    assert_eq!(site.get(path).await["meta"]["count"], 4);
}

#[tokio::test]
async fn pages_hold_sent_and_embedded_items() {
    let site = Site::new();
    let path = format!("/files/{}/comments", crowd::TROJAN);
    for n in 0..15 {
        site.post(&path, comment(&format!("comment {n}"))).await;
    }
    let items = site.gather(&path, 4).await;
    let ids: HashSet<_> = items.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!((items.len(), ids.len()), (27, 27));
    assert_eq!(items[0]["attributes"]["text"], "comment 14");
}

#[tokio::test]
async fn a_vote_is_cast_once_and_can_change() {
    let site = Site::new();
    let path = "/domains/example.com/votes";
    let answer = site.post(path, vote("malicious")).await;
    let attributes = &answer["data"]["attributes"];
    assert_eq!(
        (&attributes["value"], &attributes["verdict"]),
        (&json!(-1), &json!("malicious"))
    );
    assert_eq!(answer["data"]["type"], "vote");
    let (status, body) = site.post_as(KEY, path, vote("malicious")).await;
    assert_eq!((status, code(&body)), (409, "AlreadyExistsError"));
    let list = site.get(path).await;
    assert_eq!(
        (&list["data"][0], &list["meta"]["count"]),
        (&answer["data"], &json!(2))
    );
    let changed = site.post(path, vote("harmless")).await;
    assert_eq!(changed["data"]["attributes"]["value"], 1);
    let list = site.get(path).await;
    assert_eq!(
        (&list["data"][0], &list["meta"]["count"]),
        (&changed["data"], &json!(2))
    );
    assert_eq!(
        site.post_as("public-key", path, vote("harmless")).await.0,
        200
    );
    assert_eq!(site.get(path).await["meta"]["count"], 3);
}

#[tokio::test]
async fn a_malformed_comment_or_vote_is_rejected() {
    let site = Site::new();
    for (what, body, expected) in [
        ("comments", "{".to_owned(), "BadRequestError"),
        ("comments", "[]".to_owned(), "BadRequestError"),
        (
            "comments",
            json!({ "data": 1 }).to_string(),
            "BadRequestError",
        ),
        ("comments", vote("harmless"), "InvalidArgumentError"),
        ("comments", comment(" \n"), "InvalidArgumentError"),
        ("comments", comment(&"a".repeat(70_000)), "BadRequestError"),
        ("votes", vote("fine"), "InvalidArgumentError"),
        ("votes", comment("fine"), "InvalidArgumentError"),
        (
            "votes",
            json!({ "data": { "type": "vote" } }).to_string(),
            "BadRequestError",
        ),
    ] {
        let path = format!("/domains/example.com/{what}");
        let (status, answer) = site.post_as(KEY, &path, body).await;
        assert_eq!((status, code(&answer)), (400, expected), "{answer}");
    }
    let path = "/domains/nowhere.test/comments";
    assert_eq!(site.post_as(KEY, path, comment("x")).await.0, 404);
    assert_eq!(site.post_as("wrong-key", path, comment("x")).await.0, 401);
    let path = format!("/comments/f-{EICAR}-fa20482d/votes");
    assert_eq!(site.post_as(KEY, &path, vote("harmless")).await.0, 405);
}
