//! Tests of `deploy/nginx.conf` in a real nginx: TLS, forwarding, balancing and errors.

use std::{net::IpAddr, process::Command};

use reqwest::{Version, tls};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use vt4ai::access::TokenDigest;

use crate::harness::{
    Answer, EICAR, Folder, Gateway, KEY, Nginx, TROJAN, Upstream, client, file, free_address, ok,
    refusing, send,
};

const AS_CALLER: [(&str, &str); 1] = [("x-api-key", KEY)];

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn nginx_forwards_host_request_id_and_client_address() {
    let gateway = Upstream::always(ok("{}")).await;
    let nginx = Nginx::before(&[&gateway.url]);
    let headers = [
        ("x-request-id", "the-callers-own"),
        ("x-forwarded-for", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("x-api-key", KEY),
    ];
    nginx.get("/api/v1/urls/a%2Fb?cursor=x%26y", &headers).await;
    let old = nginx.client().http1_only().build().unwrap();
    send(old.get(nginx.url("/livez"))).await;
    let calls = gateway.calls();
    let host = nginx.address.to_string();
    assert_eq!(calls[0].target, "/api/v1/urls/a%2Fb?cursor=x%26y");
    assert_eq!(calls[0].header("x-request-id"), Some("the-callers-own"));
    assert_eq!(calls[0].header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(calls[0].header("forwarded"), None);
    assert_eq!(calls[0].header("x-api-key"), Some(KEY));
    assert_eq!(calls[1].header("x-request-id").map(str::len), Some(32));
    for call in calls {
        assert_eq!(call.header("host"), Some(host.as_str()));
        assert_eq!(call.header("x-forwarded-proto"), Some("https"));
    }
}

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn a_proxied_caller_spends_its_own_key_only() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--api-key", "the-servers"]).await;
    let nginx = Nginx::before(&[&gateway.address.to_string()]);
    assert_eq!(nginx.get(&file(EICAR), &[]).await.status, 401);
    let headers = [("x-api-key", KEY), ("x-request-id", "mine")];
    let reply = nginx.get(&file(EICAR), &headers).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-request-id"), Some("mine"));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn nginx_serves_both_http_versions_over_tls_with_hsts() {
    let gateway = Gateway::before(&Upstream::demo().await, &[]).await;
    let nginx = Nginx::before(&[&gateway.address.to_string()]);
    let new = nginx.client().build().unwrap();
    let old = nginx.client().http1_only().build().unwrap();
    let middle = nginx.client().tls_version_max(tls::Version::TLS_1_2);
    let middle = middle.build().unwrap();
    for (client, version) in [
        (new, Version::HTTP_2),
        (old, Version::HTTP_11),
        (middle, Version::HTTP_2),
    ] {
        let response = client.get(nginx.url("/livez")).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, version)
        );
        let hsts = &response.headers()["strict-transport-security"];
        assert_eq!(hsts, "max-age=31536000");
    }
    // The header also comes with nginx's own errors. A client that does not trust the certificate
    // fails.
    assert!(client().get(nginx.url("/livez")).send().await.is_err());
}

/// Returns a `ClientHello` of this version of TLS, for a server with an elliptic key.
fn client_hello(minor: u8) -> Vec<u8> {
    let ciphers = [0xc0, 0x2b, 0xc0, 0x09];
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let signatures = [0, 13, 0, 6, 0, 4, 4, 3, 2, 3];
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    body.extend([0, 0, 4]);
    body.extend(ciphers);
    body.extend([1, 0, 0, 18]);
    body.extend(groups);
    body.extend(signatures);
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat()
}

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn nginx_refuses_old_tls() {
    let nginx = Nginx::before(&[&free_address().to_string()]);
    let mut answers = Vec::new();
    for minor in [1, 2, 3] {
        let mut stream = TcpStream::connect(nginx.address).await.unwrap();
        stream.write_all(&client_hello(minor)).await.unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await.unwrap();
        answers.push((answer[0], answer[6]));
    }
    // The first ones get a fatal alert, `protocol_version`; from TLS 1.2 on there is a handshake.
    let handshake = answers[2].0 == 22;
    assert!(
        handshake && answers[..2] == [(21, 70), (21, 70)],
        "{answers:?}"
    );
}

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn plain_http_redirects_to_tls_and_refuses_keys() {
    let gateway = Upstream::always(ok("{}")).await;
    let nginx = Nginx::before(&[&gateway.url]);
    let plain = |path: &str| client().get(format!("http://{}{path}", nginx.plain));
    let reply = send(plain("/docs?a=b%2F").header("host", "gateway.example:8080")).await;
    assert_eq!(reply.status, 308);
    assert_eq!(
        reply.header("location"),
        Some("https://gateway.example/docs?a=b%2F")
    );
    let reply = send(plain(&file(EICAR)).header("x-api-key", KEY)).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (403, "ForbiddenError")
    );
    assert!(reply.detail().contains("https"));
    let reply = send(plain("/mcp").header("x-api-key", KEY)).await;
    assert_eq!(reply.status, 403);
    assert_eq!(send(plain("/metrics")).await.status, 308);
    assert_eq!(gateway.count(), 0);
}

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn metrics_need_a_local_address_and_a_token() {
    let digest = TokenDigest::of(b"vt4ai_prometheus").hex();
    let clients = format!(
        "[[client]]\nname = \"prometheus\"\ntoken_sha256 = \"{digest}\"\nscopes = [\"metrics\"]\n"
    );
    let folder = Folder::new().with("clients.toml", &clients);
    let flags = [
        "--api-key",
        "the-servers",
        "--clients-file",
        &folder.file("clients.toml"),
    ];
    let gateway = Gateway::before(&Upstream::demo().await, &flags).await;
    let nginx = Nginx::before(&[&gateway.address.to_string()]);
    assert_eq!(nginx.get("/metrics", &[]).await.status, 401);
    let token = [("authorization", "Bearer vt4ai_prometheus")];
    assert_eq!(nginx.get("/metrics", &token).await.status, 200);
    // The address is another one, though of this machine.
    let other = nginx.client().local_address(IpAddr::from([127, 0, 0, 2]));
    let reply = send(other.build().unwrap().get(nginx.url("/metrics"))).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (403, "ForbiddenError")
    );
    assert!(reply.header("strict-transport-security").is_some());
}

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn location_and_link_of_answers_use_https() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let nginx = Nginx::before(&[&gateway.address.to_string()]);
    let content = "x".repeat(3_000_000);
    let form = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n\
         {content}\r\n--edge--\r\n"
    );
    let upload = nginx.post("/api/v1/files").header("x-api-key", KEY);
    let upload = upload.header("content-type", "multipart/form-data; boundary=edge");
    let reply = send(upload.body(form)).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let analysis = reply.header("location").unwrap();
    let reply = nginx.get(analysis, &AS_CALLER).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let list = format!("{}/relationships/contacted_domains?limit=1", file(TROJAN));
    let reply = nginx.get(&list, &AS_CALLER).await;
    let (address, relation) = reply.header("link").unwrap().split_once(">; ").unwrap();
    assert_eq!(relation, "rel=\"next\"");
    let next = nginx.get(address.trim_start_matches('<'), &AS_CALLER).await;
    assert_eq!(next.status, 200, "{}", next.text());
    assert_ne!(next.body, reply.body);
}

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn replicas_take_turns_and_a_dead_one_is_skipped() {
    let (one, other) = (
        Upstream::always(ok("{}")).await,
        Upstream::always(ok("{}")).await,
    );
    let (_socket, gone) = refusing();
    let nginx = Nginx::before(&[&one.url, &gone, &other.url]);
    for _ in 0..12 {
        assert_eq!(nginx.get("/livez", &[]).await.status, 200);
        assert_eq!(send(nginx.post("/x").body("once")).await.status, 200);
    }
    let (first, second) = (one.count(), other.count());
    assert_eq!(first + second, 24);
    assert!(first > 4 && second > 4, "{first}, {second}");
}

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn a_failed_get_is_sent_to_another_replica_and_a_post_is_not() {
    let broken = || Upstream::faulty(|_| Answer::Reset(Vec::new()));
    let (one, other, good) = (
        broken().await,
        broken().await,
        Upstream::always(ok("{}")).await,
    );
    let nginx = Nginx::before(&[&one.url, &other.url]);
    assert_eq!(send(nginx.post("/x").body("once")).await.status, 502);
    assert_eq!(one.count() + other.count(), 1);
    assert_eq!(nginx.get("/livez", &[]).await.status, 502);
    assert_eq!(one.count() + other.count(), 3);
    let nginx = Nginx::before(&[&one.url, &good.url]);
    for _ in 0..8 {
        assert_eq!(nginx.get("/livez", &[]).await.status, 200);
    }
    assert_eq!(good.count(), 8);
}

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn nginx_errors_have_the_gateways_form() {
    let (_socket, nowhere) = refusing();
    let nginx = Nginx::before(&[&nowhere]);
    let reply = nginx.get(&file(EICAR), &[]).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (502, "BadGatewayError")
    );
    assert!(!reply.detail().is_empty());
    let head = "POST /api/v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 800000000\r\n\r\n";
    let answer = nginx.raw(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("application/json"), "{answer}");
    assert!(answer.contains("PayloadTooLargeError"), "{answer}");
}

#[tokio::test]
#[ignore = "needs nginx: run with --include-ignored"]
async fn nginx_logs_hold_no_key_and_no_query() {
    let (_socket, nowhere) = refusing();
    let gateway = Upstream::always(ok("{}")).await;
    let nginx = Nginx::before(&[&nowhere, &gateway.url]);
    let headers = [("x-api-key", KEY), ("authorization", "Bearer vt4ai_secret")];
    for _ in 0..2 {
        let path = "/api/v1/urls/analyze?url=https://x.example/";
        assert_eq!(nginx.get(path, &headers).await.status, 200);
    }
    let log = nginx.end();
    assert!(log.contains(" GET /api/v1/urls/analyze 200 "), "{log}");
    assert!(log.contains("Connection refused"), "{log}");
    assert!(!log.contains(KEY) && !log.contains("vt4ai_secret"), "{log}");
    let lines: Vec<_> = log.lines().filter(|it| !it.contains("[error]")).collect();
    assert!(!lines.concat().contains("x.example"), "{log}");
}

#[test]
fn compose_gives_nginx_both_replicas() {
    let compose = include_str!("../../deploy/compose.yml");
    let edit = compose.split("sed '").nth(1).unwrap();
    let edit = edit.split('\'').next().unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/nginx.conf");
    let edited = Command::new("sed").args([edit, shipped]).output().unwrap();
    let edited = String::from_utf8(edited.stdout).unwrap();
    assert!(!edited.contains("127.0.0.1:8000"));
    // Prometheus has an address as well, behind these services.
    let services = compose.split("\n  prometheus:\n").next().unwrap();
    let addresses = services.split("ipv4_address: ").skip(1);
    let addresses: Vec<_> = addresses.filter_map(|it| it.split('}').next()).collect();
    let [nginx, replicas @ ..] = &addresses[..] else {
        panic!("nginx has no address of its own")
    };
    assert!(compose.contains(&format!("VT4AI_TRUSTED_PROXIES: {nginx}\n")));
    assert_eq!(replicas.len(), 2);
    for replica in replicas {
        let server = format!("server {replica}:8000 max_fails=0;");
        assert_eq!(edited.matches(&server).count(), 2, "{edited}");
    }
}
