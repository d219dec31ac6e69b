//! Uploads: addresses of the gateway's own, each for one upload of its caller.

use super::{SERVERS, WithClients, error_of, table, token};
use crate::harness::{Answer, Gateway, KEY, Reply, Upstream, client, ok, send};

const FORM: &str = "multipart/form-data; boundary=B";

fn form(text: &str) -> String {
    format!(
        "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b\"\r\n\r\n{text}\r\n--B--\r\n"
    )
}

async fn upload(address: &str, key: &str, body: String) -> Reply {
    let post = client().post(address).header("content-type", FORM);
    send(post.header("x-apikey", key).body(body)).await
}

#[tokio::test]
async fn an_upload_url_is_one_of_the_gateway_and_the_rest_of_the_answer_stays() {
    let upstream = Upstream::faulty(|call| {
        let host = call.header("host").unwrap();
        Answer::Bytes(if call.method == "GET" {
            ok(format!("{{\n  \"x\": \"http://{host}/_ah/1\",\n  \"data\" : \"http:\\/\\/{host}/_ah/1?a='b\", \"y\": 1e40 }}\n"))
        } else {
            ok("{\"data\": {\"type\": \"analysis\", \"id\": \"NDRkOA==\", \"links\": {\"self\": \"https://www.virustotal.com/api/v3/analyses/NDRkOA==\"}}}")
        })
    })
    .await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    let reply = gateway.get("/api/v3/files/upload_url").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let address = reply.json()["data"].as_str().unwrap().to_owned();
    let start = format!("http://{}/api/v3/_upload/", gateway.address);
    assert!(address.starts_with(&start), "{address}");
    let host = upstream.url.trim_start_matches("http://");
    let expected = format!(
        "{{\n  \"x\": \"http://{host}/_ah/1\",\n  \"data\" : \"{address}\", \"y\": 1e40 }}\n"
    );
    assert_eq!(reply.text(), expected);
    let text = form("hello");
    let reply = upload(&address, KEY, text.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let link = format!("http://{}/api/v3/analyses/NDRkOA==", gateway.address);
    assert_eq!(reply.json()["data"]["links"]["self"], link);
    let call = &upstream.calls()[1];
    assert_eq!((&*call.method, &*call.target), ("POST", "/_ah/1?a='b"));
    assert_eq!(call.body, text.as_bytes());
    assert_eq!(call.header("content-type"), Some(FORM));
    // The address cost the unit.
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(3));
    let again = upload(&address, KEY, form("hello")).await;
    assert_eq!((again.status, &*error_of(&again).0), (404, "NotFoundError"));
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn an_address_is_held_for_its_caller() {
    let clients = ["alice", "bob"]
        .map(|name| table(name, "scopes = [\"submit\"]"))
        .concat()
        + &table("carol", "scopes = [\"read\"]");
    let with = WithClients::before(Upstream::demo().await, &clients, &[]).await;
    assert_eq!(
        with.get("/api/v3/files/upload_url", "carol").await.status,
        403
    );
    let reply = with.get("/api/v3/files/upload_url", "alice").await;
    let address = reply.json()["data"].as_str().unwrap().to_owned();
    for (key, status) in [
        (token("bob"), 404),
        (token("carol"), 403),
        (token("eve"), 401),
    ] {
        assert_eq!(
            upload(&address, &key, form("x")).await.status,
            status,
            "{key}"
        );
    }
    let reply = upload(&address, &token("alice"), form("x")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let posts = with.upstream.calls();
    let post = posts.last().unwrap();
    assert_eq!(post.header("x-apikey"), Some(SERVERS));
    assert_eq!(
        with.gateway
            .ask("GET", &address[address.find("/api").unwrap()..])
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn an_upload_url_on_a_foreign_host_is_a_502() {
    for data in [
        "\"https://evil.example/x\"",
        "7",
        "null",
        "\"\"",
        "{\"a\": 1}",
    ] {
        let upstream = Upstream::always(ok(format!("{{\"data\": {data}}}"))).await;
        let gateway = Gateway::before(&upstream, &[]).await;
        for path in [
            "/api/v3/files/upload_url",
            "/api/v3/private/files/upload_url",
        ] {
            let reply = gateway.get(path).await;
            assert_eq!(
                (reply.status, &*error_of(&reply).0),
                (502, "BadGatewayError"),
                "{data}"
            );
            assert!(!reply.text().contains("evil"));
        }
    }
}

#[tokio::test]
async fn a_file_that_was_uploaded_is_no_longer_unknown() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--cache-max-bytes", "1000000"]).await;
    // The SHA-256 of `hello, upload`.
    let hash = {
        use sha2::{Digest as _, Sha256};
        hex::encode(Sha256::digest("hello, upload"))
    };
    for path in [
        format!("/api/v1/files/{hash}"),
        format!("/api/v3/files/{hash}"),
    ] {
        assert_eq!(gateway.get(&path).await.status, 404);
    }
    let reply = gateway.get("/api/v3/files/upload_url").await;
    let address = reply.json()["data"].as_str().unwrap().to_owned();
    let reply = upload(&address, KEY, form("hello, upload")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        gateway.get(&format!("/api/v1/files/{hash}")).await.status,
        200
    );
    // And directly.
    let post = gateway.post("/api/v3/files").header("content-type", FORM);
    let reply = send(post.body(form("hello, upload"))).await;
    assert_eq!(
        (reply.status, &reply.json()["data"]["type"]),
        (200, &"analysis".into())
    );
}

#[tokio::test]
async fn what_looks_like_an_address_for_an_upload_never_leaves() {
    let upstream = Upstream::always(ok("{}")).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for path in [
        "_upload/abc/",
        "/_upload/abc",
        "_upload",
        "_upload;x/abc",
        "_upload%2Fabc",
    ] {
        let address = format!("http://{}/api/v3/{path}", gateway.address);
        let reply = upload(&address, KEY, form("hello")).await;
        assert_eq!(
            (reply.status, &*error_of(&reply).0),
            (404, "NotFoundError"),
            "{path}"
        );
    }
    assert_eq!(upstream.count(), 0);
}
