//! Tests that a request which names two hosts is refused before either of them is used.

use rstest::rstest;

use crate::harness::{EICAR, Gateway, Upstream, client, file, send};

const ROUTES: [&str; 6] = [
    "/",
    "/livez",
    "/metrics",
    "/docs/",
    "/no/such/path",
    "/api/v1/quota",
];

async fn with_key(flags: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let flags = [&["--api-key", "the-servers"], flags].concat();
    let gateway = Gateway::before(&upstream, &flags).await;
    (upstream, gateway)
}

fn head(target: &str, hosts: &[&str]) -> String {
    let hosts = hosts.iter().map(|it| format!("Host: {it}\r\n"));
    let hosts = hosts.collect::<Vec<_>>().concat();
    format!("GET {target} HTTP/1.1\r\n{hosts}X-API-Key: mine\r\nConnection: close\r\n\r\n")
}

#[rstest]
#[case::differing("", &["localhost", "evil.test"])]
#[case::the_same_twice("", &["localhost", "localhost"])]
#[case::absolute_target("http://localhost", &["evil.test"])]
#[case::absolute_target_elsewhere("http://evil.test", &["localhost"])]
#[case::other_port("http://localhost:8000", &["localhost:8001"])]
#[case::empty("http://localhost", &[""])]
#[tokio::test]
async fn two_hosts_are_a_400_on_every_route(#[case] target: &str, #[case] hosts: &[&str]) {
    let (upstream, gateway) = with_key(&["--allow-anonymous"]).await;
    for route in ROUTES.into_iter().chain([file(EICAR).as_str()]) {
        let answer = gateway
            .raw(head(&format!("{target}{route}"), hosts).as_bytes())
            .await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{route}: {answer}");
        assert!(
            answer.contains(r#""code":"BadRequestError""#),
            "{route}: {answer}"
        );
        assert!(answer.contains("x-request-id: "), "{route}: {answer}");
    }
    assert_eq!(upstream.count(), 0);
}

#[rstest]
#[case("", &["localhost"])]
#[case("http://localhost", &["localhost"])]
#[case("http://LOCALHOST:80", &["localhost"])]
#[tokio::test]
async fn one_host_may_be_named_in_both_places(#[case] target: &str, #[case] hosts: &[&str]) {
    let (_upstream, gateway) = with_key(&[]).await;
    let target = format!("{target}{}", file(EICAR));
    let answer = gateway.raw(head(&target, hosts).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn an_authority_that_differs_from_the_host_is_a_400() {
    let (upstream, gateway) = with_key(&[]).await;
    for route in ROUTES.into_iter().chain([file(EICAR).as_str()]) {
        for host in ["localhost", "evil.test"] {
            let reply = gateway.get_over_http2(route, &[("host", host)]).await;
            assert_eq!(reply.status, 400, "{route}");
            assert_eq!(reply.code(), "BadRequestError", "{route}");
        }
    }
    let same = gateway.address.to_string();
    let reply = gateway
        .get_over_http2(&file(EICAR), &[("host", &same)])
        .await;
    assert_eq!(
        (reply.status, upstream.count()),
        (200, 1),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn two_hosts_are_a_400_on_the_admin_port() {
    let (_upstream, gateway) = with_key(&["--admin-port", "0"]).await;
    for route in ["/metrics", "/livez", "/nowhere"] {
        let url = format!("http://{}{route}", gateway.admin.unwrap());
        let request = client().get(url).header("host", "localhost");
        let reply = send(request.header("host", "evil.test")).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, "BadRequestError")
        );
    }
}
