//! Writes, after which nothing older is served by any entrance.

use crate::harness::{Gateway, Upstream, ok, send};

async fn gateway() -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--cache-max-bytes", "10000000"]).await;
    (upstream, gateway)
}

async fn origin(gateway: &Gateway, path: &str) -> String {
    let reply = gateway.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.header("x-cache").unwrap().to_owned()
}

#[tokio::test]
async fn after_a_write_no_older_answer_is_served_by_either_entrance() {
    let (upstream, gateway) = gateway().await;
    let paths = [
        "/api/v1/domains/example.com",
        "/api/v3/domains/example.com",
        "/api/v3/domains/example.com/comments",
        "/api/v1/domains/example.com/votes",
    ];
    let comment = "{\"data\": {\"type\": \"comment\", \"attributes\": {\"text\": \"fine #safe\"}}}";
    let vote = "{\"data\": {\"type\": \"vote\", \"attributes\": {\"verdict\": \"harmless\"}}}";
    for (target, body) in [("comments", comment), ("votes", vote), ("analyse", "")] {
        for path in paths {
            origin(&gateway, path).await;
            assert_eq!(origin(&gateway, path).await, "HIT");
        }
        let post = gateway.post(&format!("/api/v3/domains/example.com/{target}"));
        let reply = send(post.header("content-type", "application/json").body(body)).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        // The two reports share an entry.
        for path in [paths[0], paths[2], paths[3]] {
            assert_eq!(
                origin(&gateway, path).await,
                "MISS",
                "{path} after {target}"
            );
        }
    }
    let posts = upstream.calls();
    let posted = posts.iter().find(|call| call.method == "POST").unwrap();
    assert_eq!(posted.body, comment.as_bytes());
}

#[tokio::test]
async fn a_comment_outdates_its_object_and_the_latest_comments_and_nothing_else() {
    let answer =
        "{\"data\": {\"id\": \"d-example.com-1a\", \"type\": \"comment\", \"attributes\": {}}}";
    let upstream = Upstream::always(ok(answer)).await;
    let gateway = Gateway::before(&upstream, &["--cache-max-bytes", "1000000"]).await;
    let (own, other) = ("/api/v3/domains/example.com", "/api/v3/domains/example.org");
    for path in [own, other, "/api/v3/comments"] {
        origin(&gateway, path).await;
    }
    for _ in 0..2 {
        let post = gateway.post("/api/v3/domains/example.com/comments");
        assert_eq!(send(post.body("{}")).await.status, 200);
        assert_eq!(origin(&gateway, own).await, "MISS");
        assert_eq!(origin(&gateway, "/api/v3/comments").await, "MISS");
        assert_eq!(origin(&gateway, other).await, "HIT");
    }
    // The two are no names of one object.
    let post = gateway.post("/api/v3/domains/example.com/votes");
    assert_eq!(send(post.body("{}")).await.status, 200);
    assert_eq!(origin(&gateway, "/api/v3/comments").await, "HIT");
}

#[tokio::test]
async fn a_write_by_rest_counts_here() {
    let (_upstream, gateway) = gateway().await;
    let path = "/api/v3/domains/example.com/comments";
    origin(&gateway, path).await;
    let post = gateway.post("/api/v1/domains/example.com/comments");
    let post = post.header("content-type", "application/json");
    assert_eq!(send(post.body("{\"text\": \"x\"}")).await.status, 200);
    assert_eq!(origin(&gateway, path).await, "MISS");
}

#[tokio::test]
async fn an_answer_read_here_first_is_outdated_by_a_write_under_another_name() {
    const SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    const MD5: &str = "44d88612fea8a8f36de82e1278abb02f";
    let (_upstream, gateway) = gateway().await;
    let path = format!("/api/v3/files/{MD5}");
    origin(&gateway, &path).await;
    assert_eq!(origin(&gateway, &path).await, "HIT");
    let reply = send(gateway.post(&format!("/api/v3/files/{SHA256}/analyse"))).await;
    assert_eq!(reply.status, 200);
    assert_eq!(origin(&gateway, &path).await, "MISS");
}

#[tokio::test]
async fn a_scan_makes_a_url_known() {
    let (_upstream, gateway) = gateway().await;
    let id = "aHR0cHM6Ly9uZXcuZXhhbXBsZS5vcmcv";
    assert_eq!(gateway.get(&format!("/api/v3/urls/{id}")).await.status, 404);
    let post = gateway.post("/api/v3/urls");
    let post = post.header("content-type", "application/x-www-form-urlencoded");
    let reply = send(post.body("url=https%3A%2F%2Fnew.example.org%2F")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(gateway.get(&format!("/api/v3/urls/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_comment_that_was_deleted_is_asked_for_again() {
    let upstream = Upstream::always(ok("{\"data\": {\"attributes\": {}}}")).await;
    let gateway = Gateway::before(&upstream, &["--cache-max-bytes", "1000000"]).await;
    let (comment, list) = (
        "/api/v3/comments/d-example.com-1a2b",
        "/api/v3/domains/example.com/comments",
    );
    for path in [comment, list] {
        origin(&gateway, path).await;
        assert_eq!(origin(&gateway, path).await, "HIT");
    }
    assert_eq!(gateway.ask("DELETE", comment).await.status, 200);
    for path in [comment, list] {
        assert_eq!(origin(&gateway, path).await, "MISS", "{path}");
    }
}
