//! Tests of VirusTotal's certificate: a key is sent only to a server that proves its name.

use super::*;
use crate::harness::{Folder, Identity, Secure};

const HOST: &str = "127.0.0.1";
const HASTE: [&str; 2] = ["--upstream-timeout", "1s"];

/// Starts a gateway before this server that trusts these certificates.
async fn trusting(upstream: &Secure, trusted: &[&Identity]) -> Gateway {
    let pem: String = trusted.iter().map(|identity| identity.pem()).collect();
    let folder = Folder::new().with("ca.pem", &pem);
    let file = folder.path().join("ca.pem");
    let file = ["--upstream-ca-file", file.to_str().unwrap()];
    Gateway::at(&upstream.url, &[&HASTE[..], &file].concat()).await
}

#[rstest]
#[case::another_name(Identity::of("other.example", 2099), true)]
#[case::another_address(Identity::of("127.0.0.2", 2099), true)]
#[case::run_out(Identity::of(HOST, 2020), true)]
#[case::of_nobody_known(Identity::of(HOST, 2099), false)]
#[tokio::test]
async fn a_wrong_certificate_is_a_502_and_gets_no_key(
    #[case] wrong: Identity,
    #[case] is_trusted: bool,
) {
    let right = Identity::of(HOST, 2099);
    let upstream = Secure::start(&wrong, ok(REPORT)).await;
    let trusted = if is_trusted {
        &[&right, &wrong][..]
    } else {
        &[&right]
    };
    let gateway = trusting(&upstream, trusted).await;
    let reply = gateway.get(&file(EICAR)).await;
    is_well_formed(&reply);
    let told = (reply.status, reply.code());
    assert_eq!(
        told,
        (502, "BadGatewayError".to_owned()),
        "{}",
        reply.text()
    );
    assert_eq!(upstream.heard(), 0);
    upstream.become_known_as(&right);
    assert_eq!(gateway.get(&file(EICAR)).await.data()["size"], 68);
    assert_eq!(upstream.heard(), 1);
}

/// A server that is addressed by `https` but speaks no TLS gets no key in the clear.
#[rstest]
#[case::plain_http(Answer::Bytes(ok(REPORT)))]
#[case::reset(Answer::Reset(Vec::new()))]
#[case::end(Answer::Bytes(Vec::new()))]
#[tokio::test]
async fn no_request_is_sent_without_tls(#[case] answer: Answer) {
    let upstream = Upstream::faulty(move |_| answer.clone()).await;
    let url = upstream.url.replace("http://", "https://");
    let gateway = Gateway::at(&url, &HASTE).await;
    let reply = gateway.get(&file(EICAR)).await;
    is_well_formed(&reply);
    // A client that waits for a head which never comes runs into the timeout.
    assert!(matches!(reply.status, 502 | 504), "{}", reply.text());
    assert_eq!(upstream.count(), 0);
}
