//! Tests of forwarded addresses: only a trusted proxy's claims count.

use rstest::rstest;

use crate::harness::{EICAR, Gateway, Upstream, file};

const ONE_EACH: [&str; 2] = ["--client-rate-per-minute", "1"];

/// Sends these requests one after the other to a gateway that allows each caller one; returns the
/// statuses.
async fn knock(flags: &[&str], headers: &[&[(&str, &str)]]) -> Vec<u16> {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[&ONE_EACH, flags].concat()).await;
    let mut all = Vec::new();
    for headers in headers {
        all.push(gateway.get_with("/livez", headers).await.status);
    }
    all
}

const CALLERS: [&[(&str, &str)]; 3] = [
    &[("x-forwarded-for", "192.0.2.1")],
    &[("x-forwarded-for", "192.0.2.2")],
    &[("x-forwarded-for", "198.51.100.9, 192.0.2.1")],
];

#[rstest]
#[case("127.0.0.1")]
#[case("10.0.0.0/8, 127.0.0.0/8")]
#[tokio::test]
async fn behind_a_trusted_proxy_each_caller_has_its_own_rate_limit(#[case] trusted: &str) {
    let flags = ["--trusted-proxies", trusted];
    assert_eq!(knock(&flags, &CALLERS).await, [200, 200, 429]);
    let standard: [&[_]; 3] = [
        &[("forwarded", "for=192.0.2.1")],
        &[("forwarded", "for=192.0.2.2;proto=https")],
        &[("forwarded", "for=192.0.2.9, for=192.0.2.1")],
    ];
    assert_eq!(knock(&flags, &standard).await, [200, 200, 429]);
}

#[rstest]
#[case(&[])]
#[case(&["--trusted-proxies", "192.0.2.1"])]
#[tokio::test]
async fn a_forwarded_address_from_an_untrusted_peer_is_ignored(#[case] flags: &[&str]) {
    assert_eq!(knock(flags, &CALLERS).await, [200, 429, 429]);
}

#[tokio::test]
async fn a_trusted_proxy_does_not_make_a_request_local() {
    let upstream = Upstream::demo().await;
    let flags = ["--trusted-proxies", "127.0.0.1", "--api-key", "the-servers"];
    let gateway = Gateway::before(&upstream, &flags).await;
    let claim = [("x-forwarded-for", "127.0.0.1")];
    assert_eq!(gateway.get_with(&file(EICAR), &claim).await.status, 401);
    assert_eq!(upstream.count(), 0);
}
