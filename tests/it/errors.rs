//! Tests of the errors that the gateway itself returns (`docs/http-api.md`).

use rstest::rstest;

use crate::harness::{EICAR, Gateway, Reply, Upstream, client, file, send};

/// Asserts the properties of every error, and those of its status.
pub(crate) fn is_well_formed(reply: &Reply) {
    let body = reply.json();
    let keys: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["detail", "code"]);
    assert!(!reply.detail().is_empty() && !reply.code().is_empty());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.header("x-request-id").is_some());
    let waits = reply.number("retry-after");
    let must_wait = matches!(reply.status, 429 | 503);
    assert_eq!(waits.is_some(), must_wait, "{reply:?}");
    assert!(waits.is_none_or(|seconds| seconds >= 1));
    let scheme = (reply.status == 401).then_some("ApiKey");
    assert_eq!(reply.header("www-authenticate"), scheme);
    assert!(!reply.text().contains("<h1>") && !reply.text().contains("insides"));
}

#[rstest]
#[case::hash(
    "/files/xyz",
    400,
    "InvalidArgumentError",
    "Error retrieving file report: "
)]
#[case::url_id(
    "/urls/_",
    400,
    "InvalidArgumentError",
    "Error retrieving URL report: "
)]
#[case::url(
    "/urls/analyze?url=ftp://x",
    400,
    "InvalidArgumentError",
    "Error retrieving URL report: "
)]
#[case::no_url(
    "/urls/analyze",
    400,
    "BadRequestError",
    "Error retrieving URL report: "
)]
#[case::empty_url(
    "/urls/analyze?url=",
    400,
    "BadRequestError",
    "Error retrieving URL report: "
)]
#[case::domain(
    "/domains/a..b",
    400,
    "InvalidArgumentError",
    "Error retrieving domain report: "
)]
#[case::ip_as_domain(
    "/domains/8.8.8.8",
    400,
    "InvalidArgumentError",
    "Error retrieving domain report: "
)]
#[case::ip(
    "/ips/8.8.8",
    400,
    "InvalidArgumentError",
    "Error retrieving IP address report: "
)]
#[case::not_utf8(
    "/domains/%ff",
    400,
    "BadRequestError",
    "Error retrieving domain report: "
)]
#[case::format(
    "/ips/8.8.8.8?format=pdf",
    400,
    "BadRequestError",
    "Error retrieving IP address report: "
)]
#[case::template(
    "/ips/8.8.8.8?template_name=x",
    400,
    "BadRequestError",
    "Error retrieving IP address report: "
)]
#[case::not_percent_encoded(
    "/files/%zz",
    400,
    "InvalidArgumentError",
    "Error retrieving file report: "
)]
#[case::unknown(
    "/domains/never.seen",
    404,
    "NotFoundError",
    "Error retrieving domain report: "
)]
#[case::list_of_a_bad_hash(
    "/files/x/relationships/votes",
    400,
    "InvalidArgumentError",
    "Error retrieving file relationships: "
)]
#[case::no_path("/nonsense", 404, "NotFoundError", "")]
#[case::trailing_slash("/ips/8.8.8.8/", 404, "NotFoundError", "")]
#[tokio::test]
async fn a_failed_lookup_names_its_reason(
    #[case] path: &str,
    #[case] status: u16,
    #[case] code: &str,
    #[case] begins: &str,
) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get(&format!("/api/v1{path}")).await;
    is_well_formed(&reply);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (status, code),
        "{}",
        reply.text()
    );
    assert!(reply.detail().starts_with(begins), "{}", reply.detail());
    assert_eq!(
        upstream.count(),
        usize::from(code == "NotFoundError" && !begins.is_empty())
    );
}

#[rstest]
#[case::none(&[], 0)]
#[case::empty(&[("x-api-key", "")], 0)]
#[case::with_space(&[("x-api-key", "a b")], 0)]
#[case::client_token(&[("x-api-key", "vt4ai_x")], 0)]
#[case::virustotals_header_with_token(&[("x-apikey", "vt4ai_x")], 0)]
#[case::two(&[("x-api-key", "a"), ("x-apikey", "b")], 0)]
#[case::refused(&[("x-api-key", "wrong-key")], 1)]
#[tokio::test]
async fn a_missing_or_invalid_key_is_a_401(#[case] headers: &[(&str, &str)], #[case] calls: usize) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get_with(&file(EICAR), headers).await;
    is_well_formed(&reply);
    assert_eq!(
        (reply.status, upstream.count()),
        (401, calls),
        "{}",
        reply.text()
    );
    assert!(reply.detail().starts_with("Error retrieving file report: "));
    assert!(!reply.text().contains("wrong-key"));
}

#[rstest]
#[case::bearer("authorization", "Bearer 0123456789", "`Authorization`")]
#[case::another_header("x-api-token", "0123456789", "`x-api-token`")]
#[tokio::test]
async fn a_401_names_the_header_in_which_a_key_was_sent(
    #[case] name: &str,
    #[case] value: &str,
    #[case] named: &str,
) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.get_with(&file(EICAR), &[(name, value)]).await;
    is_well_formed(&reply);
    let detail = reply.detail();
    assert_eq!((reply.status, upstream.count()), (401, 0), "{detail}");
    assert!(detail.contains(named), "{detail}");
    assert!(detail.contains("`X-API-Key`"), "{detail}");
    assert!(!detail.contains("0123456789"), "{detail}");
}

#[tokio::test]
async fn a_key_is_at_most_512_characters() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for (length, status) in [(512, 200), (513, 401)] {
        let key = "k".repeat(length);
        let reply = gateway.get_with(&file(EICAR), &[("x-api-key", &key)]).await;
        assert_eq!(reply.status, status);
    }
}

#[tokio::test]
async fn a_premium_relationship_is_a_403_for_a_public_key() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let path = format!("{}/relationships/similar_files", file(EICAR));
    let reply = gateway
        .get_with(&path, &[("x-api-key", "public-key")])
        .await;
    is_well_formed(&reply);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (403, "ForbiddenError")
    );
    assert!(
        reply
            .detail()
            .starts_with("Error retrieving file relationships: ")
    );
}

#[tokio::test]
async fn a_405_lists_the_allowed_methods() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let paths = [
        file(EICAR),
        "/templates".to_owned(),
        "/api/v1/files/relationships/types".to_owned(),
    ];
    for path in paths {
        let reply = gateway.ask("DELETE", &path).await;
        is_well_formed(&reply);
        assert_eq!(reply.status, 405);
        let methods = reply.header("allow").unwrap();
        assert!(methods.contains("GET"), "{reply:?}");
        for method in methods.split(',') {
            let method = format!("`{}`", method.trim());
            assert!(reply.detail().contains(&method), "{}", reply.detail());
        }
    }
    let reply = gateway.ask("GET", "/api/v1/urls").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    assert!(reply.detail().contains("`POST`"), "{}", reply.detail());
}

#[rstest]
#[case::british("POST", "/api/v1/files/{}/analyze", "`POST /api/v1/files/{}/analyse`")]
#[case::virustotals_name("GET", "/api/v1/ip_addresses/8.8.8.8", "`GET /api/v1/ips/8.8.8.8`")]
#[case::older_api("GET", "/api/v2/files/{}", "`GET /api/v1/files/{}`")]
#[case::trailing_slash("GET", "/api/v1/files/{}/", "`GET /api/v1/files/{}`")]
#[case::health("GET", "/health", "`GET /livez` or `GET /readyz`")]
#[case::relationship(
    "GET",
    "/api/v1/domains/a.example/resolutions",
    "`GET /api/v1/domains/a.example/relationships/resolutions`"
)]
#[case::american(
    "GET",
    "/api/v1/files/{}/behavior_summary",
    "`GET /api/v1/files/{}/behaviour_summary`"
)]
#[tokio::test]
async fn a_404_names_the_nearest_route(
    #[case] method: &str,
    #[case] path: &str,
    #[case] near: &str,
) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.ask(method, &path.replace("{}", EICAR)).await;
    is_well_formed(&reply);
    assert_eq!((reply.status, upstream.count()), (404, 0));
    let detail = reply.detail();
    assert!(detail.starts_with("no such path"), "{detail}");
    assert!(detail.contains(&near.replace("{}", EICAR)), "{detail}");
}

#[tokio::test]
async fn a_head_request_is_answered_like_a_get() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let reply = gateway.ask("HEAD", "/livez").await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
}

#[tokio::test]
async fn an_unparsable_request_gets_an_error_without_a_body() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let long = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n",
        "x".repeat(17 * 1024)
    );
    for (request, status) in [("nonsense\r\n\r\n", 400), (&long, 431)] {
        let answer = gateway.raw(request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_404_on_the_admin_port_names_its_routes() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--admin-port", "0"]).await;
    let url = format!("http://{}/metric/", gateway.admin.unwrap());
    let reply = send(client().get(url)).await;
    is_well_formed(&reply);
    let detail = reply.detail();
    assert!(detail.contains("`GET /metrics`"), "{detail}");
    assert!(
        detail.contains("`/livez`") && !detail.contains("/docs"),
        "{detail}"
    );
}
