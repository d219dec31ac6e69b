//! `/users/…`: for a token its own allowances, and nothing else.

use super::{SERVERS, WithClients, error_of, table, token};
use crate::harness::{EICAR, Folder, Gateway, KEY, Process, Upstream, client, ok, send, vt4ai};

async fn with_alice() -> WithClients {
    let body = format!(
        "{{\"data\": {{\"attributes\": {{\"key\": \"{SERVERS}\"}}}}, \"x\": \"{SERVERS}\"}}"
    );
    let upstream = Upstream::always(ok(body)).await;
    let alice = "scopes = [\"read\", \"all\"]\nper_minute = 30\nper_day = 100";
    let flags = [
        "--rate-limit-per-day",
        "500",
        "--rate-limit-per-month",
        "1000",
    ];
    WithClients::before(upstream, &table("alice", alice), &flags).await
}

#[tokio::test]
async fn the_own_token_is_answered_with_its_allowances_and_what_is_left() {
    let with = with_alice().await;
    with.get(&format!("/api/v3/files/{EICAR}"), "alice").await;
    let alice = token("alice");
    let reply = with
        .get(&format!("/api/v3/users/{alice}/overall_quotas"), "alice")
        .await;
    assert_eq!(reply.status, 200);
    let data = reply.json()["data"].take();
    assert_eq!(data["api_requests_daily"]["user"]["allowed"], 100);
    assert_eq!(data["api_requests_daily"]["user"]["used"], 2);
    assert_eq!(data["api_requests_hourly"]["user"]["allowed"], 1800);
    assert_eq!(data["api_requests_monthly"]["user"]["allowed"], 1000);
    assert_eq!(data["api_requests_monthly"]["user"]["used"], 1);
    let reply = with.get(&format!("/api/v3/users/{alice}"), "alice").await;
    let body = reply.json();
    assert_eq!(
        (&body["data"]["type"], &body["data"]["id"]),
        (&"user".into(), &"alice".into())
    );
    assert_eq!(
        body["data"]["attributes"]["quotas"]["api_requests_daily"]["allowed"],
        100
    );
    assert!(!reply.text().contains("vt4ai_"), "{}", reply.text());
    assert_eq!(with.upstream.count(), 1);
}

#[tokio::test]
async fn other_users_are_a_403_for_tokens() {
    let with = with_alice().await;
    let alice = token("alice");
    for path in [
        "/users".to_owned(),
        "/users/".to_owned(),
        "/users/someone".to_owned(),
        "/users/someone/overall_quotas".to_owned(),
        format!("/users/{SERVERS}"),
        format!("/users/{SERVERS}/api_usage"),
        format!("/users/{alice}/api_usage"),
        format!("//users/{SERVERS}"),
        format!("/users;a=b/{SERVERS}"),
        format!("/users%3B/{SERVERS}"),
        format!("/users%20/{SERVERS}"),
        format!("/%75sers/{SERVERS}"),
        format!("/USERS/{SERVERS}"),
        format!("/%2Fusers%2F{SERVERS}"),
    ] {
        let reply = with.get(&format!("/api/v3{path}"), "alice").await;
        assert_eq!(
            (reply.status, &*error_of(&reply).0),
            (403, "ForbiddenError"),
            "{path}"
        );
    }
    assert_eq!(with.upstream.count(), 0);
}

#[tokio::test]
async fn no_answer_to_a_token_holds_the_servers_key() {
    let with = with_alice().await;
    for path in ["/domains/example.com", "/graphs/1"] {
        let reply = with.get(&format!("/api/v3{path}"), "alice").await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(!reply.text().contains(SERVERS), "{path}: {}", reply.text());
        assert!(reply.text().contains(&"*".repeat(SERVERS.len())));
    }
}

#[tokio::test]
async fn a_key_asks_about_its_own_user_and_quotas_cost_nothing() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    let reply = gateway
        .get(&format!("/api/v3/users/{KEY}/overall_quotas"))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.json()["data"]["api_requests_daily"]["user"]["allowed"].is_number());
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(4));
}

#[tokio::test]
async fn the_own_token_is_answered_whatever_its_scopes_and_never_goes_upstream() {
    let upstream = Upstream::always(ok("{}")).await;
    let clients = table("writer", "scopes = [\"submit\"]");
    let flags = ["--allow-own-keys", "true"];
    let with = WithClients::before(upstream, &clients, &flags).await;
    let writer = token("writer");
    let path = format!("/api/v3/users/{writer}/overall_quotas");
    assert_eq!(with.get(&path, "writer").await.status, 200);
    // Another's token in the path of a caller with a key of its own.
    assert_eq!(with.gateway.get(&path).await.status, 400);
    assert_eq!(with.upstream.count(), 0);
}

#[tokio::test]
async fn no_line_of_the_log_holds_a_key_or_a_token_from_a_path() {
    let folder = Folder::new().with("clients.toml", &table("alice", "scopes = [\"read\"]"));
    let path = folder.file("clients.toml");
    let flags = ["--port", "0", "--log-level", "trace", "--demo"];
    let clients = ["--clients-file", &path, "--allow-own-keys", "true"];
    let process = Process::start(&mut vt4ai(&folder, &[&flags[..], &clients].concat()));
    let alice = token("alice");
    for (user, key) in [(KEY, KEY), (&*alice, &*alice)] {
        for path in ["", "/overall_quotas"] {
            for start in ["/users/", "/%75sers/", "//Users/"] {
                let url = format!("http://{}/api/v3{start}{user}{path}", process.address);
                send(client().get(&url).header("x-apikey", key)).await;
            }
        }
    }
    let log = process.stop();
    assert_eq!(log.matches("client.name=\"alice\"").count(), 6, "{log}");
    let is_leak = |line: &&str| line.contains("token-of") || line.contains(KEY);
    assert_eq!(log.lines().find(is_leak), None);
}
