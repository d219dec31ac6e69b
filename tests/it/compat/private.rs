//! Private indicators, which never leave on any route.

use super::error_of;
use crate::harness::{Folder, Gateway, Upstream, ok, send};

const LISTED: &str = "44d88612fea8a8f36de82e1278abb02f";

async fn gateway(upstream: &Upstream) -> (Gateway, Folder) {
    let list = format!("corp.example\n198.51.100.0/24\n{LISTED}\n");
    let folder = Folder::new().with("private.txt", &list);
    let path = folder.file("private.txt");
    let gateway = Gateway::before(upstream, &["--private-file", &path]).await;
    (gateway, folder)
}

#[tokio::test]
async fn a_read_of_a_private_indicator_is_a_404() {
    let upstream = Upstream::always(ok("{\"data\": {\"attributes\": {}}}")).await;
    let (gateway, _folder) = gateway(&upstream).await;
    for path in [
        "/ip_addresses/10.0.0.1",
        "/ip_addresses/::ffff:127.0.0.1/comments",
        "/ip_addresses/198.51.100.7/relationships/resolutions",
        "/domains/wiki.corp.example",
        "/domains/WIKI.corp.example/votes?limit=4",
        "/domains/printer.local",
        "/domains/intranet",
        "/ip_addresses/10.0.0.1%20",
        "/ip_addresses/10.0.0.1;a=b",
        "/ip_addresses/10.0.0.0%2F8",
        "/domains/wiki.corp.example:80",
        "/domains%2Fwiki.corp.example",
        "/domains/wiki.corp%252Eexample",
        "/domains/wiki.corp.example%00",
        "/urls/http%3A%2F%2Fwiki.corp.example%2F",
        "/urls/ZnRwOi8vd2lraS5jb3JwLmV4YW1wbGUv",
        "/analyses/NDRkODg2MTJmZWE4YThmMzZkZTgyZTEyNzhhYmIwMmY6MTcwMDAwMDAwMA==",
        "/file_behaviours/44d88612fea8a8f36de82e1278abb02f_CAPE",
        "/resolutions/192.0.2.1wiki.corp.example",
        "/resolutions/10.0.0.1a.example",
        "/search?Query=wiki.corp.example",
        "/search?limit=1;query=wiki.corp.example",
        "/search?query=wiki.corp.exa%0ample",
        "/ip_addresses/167772161",
        "/urls/aHR0cDovLzEwLjAuMC4xL2E",
        "/urls/aHR0cDovLzEwLjAuMC4xL3g==",
        "/urls/aHR0cDovLzEwLjAuMC4xL3g%3D%3D/comments",
        "/urls/aHR0cDovLzEwLjAuMC4xL2E/last_serving_ip_address",
        "/files/44d88612fea8a8f36de82e1278abb02f",
        "/files/44D88612FEA8A8F36DE82E1278ABB02F/download",
        "/private/files/44d88612fea8a8f36de82e1278abb02f",
        "/search?query=wiki.corp.example",
        "/search?query=10.0.0.1",
        "/intelligence/search?query=entity:domain%20wiki.corp.example",
        "/comments/d-wiki.corp.example-1a2b",
        "/comments?filter=domain:wiki.corp.example",
        "/graphs/10.0.0.1",
    ] {
        let reply = gateway.get(&format!("/api/v3{path}")).await;
        assert_eq!(reply.status, 404, "{path}");
        let (code, message) = error_of(&reply);
        assert_eq!(
            (reply.status, &*code),
            (404, "NotFoundError"),
            "{path}: {message}"
        );
        assert!(!message.contains("corp.example"), "{message}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_write_about_one_is_a_403() {
    let upstream =
        Upstream::always(ok("{\"data\": {\"id\": \"x\", \"type\": \"analysis\"}}")).await;
    let (gateway, _folder) = gateway(&upstream).await;
    let form = "application/x-www-form-urlencoded";
    let multipart = "multipart/form-data; boundary=B";
    let part = "--B\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\nhttp://wiki.corp.example/\r\n--B--\r\n";
    for (path, content_type, body) in [
        ("/urls", form, "url=http%3A%2F%2F10.0.0.1%2F"),
        ("/urls", form, "url=wiki.corp.example"),
        (
            "/urls",
            form,
            "url=http%3A%2F%2Fa.example%2F&url=http%3A%2F%2F10.0.0.1%2F",
        ),
        ("/urls", multipart, part),
        ("/urls/", form, "url=http://10.0.0.1/"),
        ("//urls", form, "url=http://10.0.0.1/"),
        ("/URLs", form, "url=http://10.0.0.1/"),
        ("/private%2Furls", form, "url=http://10.0.0.1/"),
        ("/private/urls/", form, "url=http://10.0.0.1/"),
        ("/monitor/urls", form, "x=1&url=http%3A%2F%2F10.0.0.1%2F"),
        ("/private/urls", form, "url=http://[::1]/"),
        ("/ip_addresses/10.0.0.1/comments", "application/json", "{}"),
        ("/domains/printer.local/votes", "application/json", "{}"),
        ("/files/44d88612fea8a8f36de82e1278abb02f/analyse", form, ""),
        ("/collections/wiki.corp.example", form, ""),
    ] {
        let post = gateway
            .post(&format!("/api/v3{path}"))
            .header("content-type", content_type);
        let reply = send(post.body(body)).await;
        assert_eq!(
            (reply.status, &*error_of(&reply).0),
            (403, "ForbiddenError"),
            "{path} {body}"
        );
    }
    for method in ["DELETE", "PATCH"] {
        let reply = gateway
            .ask(method, "/api/v3/comments/d-wiki.corp.example-1a2b")
            .await;
        assert_eq!(
            (reply.status, &*error_of(&reply).0),
            (403, "ForbiddenError")
        );
    }
    for body in ["", "x=1", "url=", "url=http%3A%2F%2F."] {
        let post = gateway.post("/api/v3/urls").header("content-type", form);
        assert_eq!(send(post.body(body)).await.status, 400, "{body}");
    }
    assert_eq!(upstream.count(), 0);
    let post = gateway.post("/api/v3/urls").header("content-type", form);
    assert_eq!(
        send(post.body("url=http%3A%2F%2Fa.example%2F"))
            .await
            .status,
        200
    );
    assert_eq!(upstream.calls()[0].body, b"url=http%3A%2F%2Fa.example%2F");
}

#[tokio::test]
async fn a_json_body_that_names_one_is_a_403() {
    let upstream = Upstream::always(ok("{\"data\": {}}")).await;
    let (gateway, _folder) = gateway(&upstream).await;
    for (path, body) in [
        (
            "/collections",
            "{\"data\": {\"raw_items\": \"http://10.0.0.1/a\"}}",
        ),
        (
            "/collections/x/urls",
            "{\"data\": [{\"type\": \"url\", \"url\": \"http://wiki.corp.example/\"}]}",
        ),
        (
            "/collections/x/domains",
            "{\"data\": [{\"type\": \"domain\", \"id\": \"intranet\"}]}",
        ),
        (
            "/graphs",
            "{\"data\": {\"nodes\": [{\"entity_id\": \"198.51.100.7\"}]}}",
        ),
    ] {
        let post = gateway
            .post(&format!("/api/v3{path}"))
            .header("content-type", "application/json");
        let reply = send(post.body(body)).await;
        assert_eq!(
            (reply.status, &*error_of(&reply).0),
            (403, "ForbiddenError"),
            "{path} {body}"
        );
    }
    assert_eq!(upstream.count(), 0);
    // Other bodies are passed on as they came, and so is a comment, whose text names no object.
    for (path, body) in [
        (
            "/collections",
            "{\"data\": {\"raw_items\": \"a.example\", \"name\": \"intranet\"}}",
        ),
        ("/collections", "no JSON: 10.0.0.1"),
        (
            "/domains/a.example/comments",
            "{\"data\": {\"attributes\": {\"text\": \"10.0.0.1\"}}}",
        ),
    ] {
        let post = gateway
            .post(&format!("/api/v3{path}"))
            .header("content-type", "application/json");
        assert_eq!(send(post.body(body)).await.status, 200, "{path} {body}");
        assert_eq!(upstream.calls().last().unwrap().body, body.as_bytes());
    }
}
