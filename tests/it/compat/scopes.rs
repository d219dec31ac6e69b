//! Scopes: nothing is allowed here that REST refuses.

use super::{WithClients, error_of, table, token};
use crate::harness::{EICAR, Gateway, Upstream, client, ok, send};

const FORM: &str = "application/x-www-form-urlencoded";

/// The scopes that a request needs, all of them.
type Needed = &'static [&'static str];

/// Methods and paths with the scopes that they need.
const TABLE: [(&str, &str, Needed); 55] = [
    ("GET", "/files/44d88612fea8a8f36de82e1278abb02f", &["read"]),
    ("HEAD", "/files/44d88612fea8a8f36de82e1278abb02f", &["read"]),
    (
        "GET",
        "/files/44d88612fea8a8f36de82e1278abb02f/comments",
        &["read"],
    ),
    (
        "GET",
        "/files/44d88612fea8a8f36de82e1278abb02f/brand_new_names",
        &["read"],
    ),
    (
        "GET",
        "/files/44d88612fea8a8f36de82e1278abb02f/relationships/contacted_ips",
        &["read"],
    ),
    (
        "GET",
        "/files/44d88612fea8a8f36de82e1278abb02f/behaviour_summary",
        &["read"],
    ),
    ("GET", "/files/odd", &["read"]),
    ("GET", "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8", &["read"]),
    ("GET", "/domains/example.com", &["read"]),
    ("GET", "/domains/example.com/votes", &["read"]),
    ("GET", "/ip_addresses/8.8.8.8", &["read"]),
    ("GET", "/analyses/NDRkOA==", &["read"]),
    ("GET", "/analyses/NDRkOA==/item", &["read"]),
    ("GET", "/comments", &["read"]),
    ("GET", "/comments/d-example.com-1a", &["read"]),
    ("GET", "/comments/d-example.com-1a/author", &["read"]),
    ("GET", "/votes/d-example.com-1a", &["read"]),
    ("GET", "/metadata", &["read"]),
    ("GET", "/search?query=x", &["search"]),
    ("GET", "/intelligence/search?query=x", &["search"]),
    ("GET", "/files/upload_url", &["submit"]),
    ("GET", "/files%2Fupload_url", &["submit"]),
    ("GET", "//files//upload_url/", &["submit"]),
    ("GET", "/private%5cfiles/upload_url", &["submit", "all"]),
    ("POST", "/files", &["submit"]),
    ("POST", "/urls", &["submit"]),
    (
        "POST",
        "/files/44d88612fea8a8f36de82e1278abb02f/analyse",
        &["submit"],
    ),
    ("POST", "/domains/example.com/comments", &["submit"]),
    ("POST", "/domains/example.com/votes", &["submit"]),
    (
        "GET",
        "/files/44d88612fea8a8f36de82e1278abb02f/download",
        &["all"],
    ),
    (
        "GET",
        "/files/44d88612fea8a8f36de82e1278abb02f/download_url",
        &["all"],
    ),
    (
        "GET",
        "/files/44d88612fea8a8f36de82e1278abb02f/relationships/download_url",
        &["all"],
    ),
    (
        "GET",
        "/files/44d88612fea8a8f36de82e1278abb02f%2Fdownload",
        &["all"],
    ),
    (
        "GET",
        "/files/44d88612fea8a8f36de82e1278abb02f/comments/1",
        &["all"],
    ),
    ("GET", "/files/", &["all"]),
    ("GET", "/files", &["all"]),
    ("GET", "/Files/44d88612fea8a8f36de82e1278abb02f", &["all"]),
    ("GET", "//files/44d88612fea8a8f36de82e1278abb02f", &["all"]),
    (
        "GET",
        "/private/files/44d88612fea8a8f36de82e1278abb02f",
        &["all"],
    ),
    ("GET", "/private/analyses/1", &["all"]),
    ("GET", "/graphs/1", &["all"]),
    ("GET", "/intelligence/hunting_rulesets", &["all"]),
    ("GET", "/intelligence/search/snippets/1", &["all"]),
    ("GET", "/feeds/files/202611280200", &["all"]),
    (
        "GET",
        "/file_behaviours/44d88612fea8a8f36de82e1278abb02f_Sandbox/pcap",
        &["all"],
    ),
    ("GET", "/comments/d-example.com-1a/download", &["all"]),
    ("GET", "/groups/mine", &["all"]),
    ("GET", "", &["all"]),
    ("GET", "/private/files/upload_url", &["submit", "all"]),
    ("POST", "/private/urls", &["submit", "all"]),
    ("POST", "/graphs", &["submit", "all"]),
    ("POST", "/intelligence/zip_files", &["submit", "all"]),
    ("DELETE", "/comments/d-example.com-1a", &["all"]),
    ("PATCH", "/graphs/1", &["all"]),
    ("PUT", "/files/44d88612fea8a8f36de82e1278abb02f", &["all"]),
];

/// The scopes of the clients, as bits of the number in their name.
const SCOPES: [&str; 4] = ["read", "search", "submit", "all"];

fn scopes_of(client: usize) -> Vec<&'static str> {
    let has = |(at, _): &(usize, &&str)| client >> at & 1 == 1;
    SCOPES
        .iter()
        .enumerate()
        .filter(has)
        .map(|(_, scope)| *scope)
        .collect()
}

#[tokio::test]
async fn every_route_needs_the_scopes_of_the_table_and_no_other_gives_them() {
    let upstream = Upstream::always(ok("{\"data\": {\"attributes\": {}}}")).await;
    let clients: String = (1..16)
        .map(|client| {
            table(
                &format!("c{client}"),
                &format!("scopes = {:?}", scopes_of(client)),
            )
        })
        .collect();
    let flags = ["--client-rate-per-minute", "0"];
    let with = WithClients::before(upstream, &clients, &flags).await;
    let browser = client();
    for (method, path, needed) in TABLE {
        for client in 1..16 {
            let has = scopes_of(client);
            let is_allowed = needed.iter().all(|scope| has.contains(scope));
            let url = format!("http://{}/api/v3{path}", with.gateway.address);
            let mut request = browser.request(method.parse().unwrap(), url);
            request = request.header("x-apikey", token(&format!("c{client}")));
            if method == "POST" && path.ends_with("/urls") {
                request = request
                    .header("content-type", FORM)
                    .body("url=https%3A%2F%2Fexample.com%2F");
            }
            let before = with.upstream.count();
            let reply = send(request).await;
            let asked = with.upstream.count() - before;
            if is_allowed {
                // `upload_url` is answered with something else here.
                assert!(
                    matches!(reply.status, 200 | 502),
                    "{method} {path} {has:?}: {}",
                    reply.status
                );
                assert_eq!(asked, 1, "{method} {path} {has:?}");
            } else {
                assert_eq!(reply.status, 403, "{method} {path} {has:?}");
                assert_eq!(asked, 0, "{method} {path} {has:?}");
                if method != "HEAD" {
                    let (code, message) = error_of(&reply);
                    assert_eq!(code, "ForbiddenError");
                    assert!(message.contains("has no scope"), "{message}");
                }
            }
        }
    }
    let calls = with.upstream.calls();
    assert!(
        calls
            .iter()
            .all(|call| call.header("x-apikey") == Some(super::SERVERS))
    );
}

#[tokio::test]
async fn without_a_key_what_rest_refuses_is_refused() {
    let upstream = Upstream::always(ok("{\"data\": {\"attributes\": {}}}")).await;
    let gateway = Gateway::before(&upstream, &["--api-key", super::SERVERS]).await;
    let browser = client();
    for (method, path, needed) in TABLE {
        let url = format!("http://{}/api/v3{path}", gateway.address);
        let mut request = browser.request(method.parse().unwrap(), url);
        if method == "POST" && path.ends_with("/urls") {
            request = request
                .header("content-type", FORM)
                .body("url=https%3A%2F%2Fexample.com%2F");
        }
        let reply = send(request).await;
        let is_lookup = needed
            .iter()
            .all(|scope| matches!(*scope, "read" | "search"));
        let expected = if is_lookup { 200 } else { 403 };
        assert_eq!(reply.status, expected, "{method} {path}");
    }
    let url = format!("http://{}/api/v3/files/{EICAR}", gateway.address);
    let reply = send(browser.get(url).header("host", "evil.example")).await;
    assert_eq!(
        (reply.status, &*error_of(&reply).0),
        (401, "AuthenticationRequiredError")
    );
}
