//! Tests of files of every length, with and without a known length, and of the way each of them
//! takes.

use rstest::rstest;
use serde_json::Value;

use super::*;
use crate::{
    harness::{Upstream, client_builder, file},
    relationships::demo,
};

const SMALL: u64 = 31 * MIB;
/// The number of bytes that are read before VirusTotal is asked.
const BEGINNING: u64 = 64 * KIB;

/// Uploads a form through the gateway to the stand-in, which counts and hashes what arrives.
async fn arrives(form: Form, says_length: bool) {
    let (upstream, gateway) = demo().await;
    has_begun(&upload(&gateway, form.body(says_length)).await);
    assert_eq!(size_of(&gateway, &form).await, form.size);
    let most = if says_length { SMALL } else { BEGINNING };
    went(&upstream, form.length() <= most);
}

/// Returns the size in the report on a form's file, which exists only if every byte is right.
async fn size_of(gateway: &Gateway, form: &Form) -> Value {
    let report = format!("{}?format=raw", file(&form.sha256()));
    gateway.get(&report).await.data()["size"].take()
}

/// Asserts that the first calls were those of the short or of the long way.
fn went(upstream: &Upstream, short: bool) {
    let targets = upstream.targets();
    if short {
        assert_eq!(targets[0], "/api/v3/files");
    } else {
        assert_eq!(targets[0], "/api/v3/files/upload_url");
        assert!(targets[1].starts_with("/_ah/upload/"), "{targets:?}");
    }
}

#[rstest]
#[tokio::test]
async fn every_byte_of_a_small_file_arrives(
    #[values(1, BEGINNING - 1, BEGINNING, BEGINNING + 1)] size: u64,
    #[values(true, false)] says_length: bool,
) {
    arrives(Form::of(size), says_length).await;
    arrives(Form::of(size).with_password(), says_length).await;
}

#[rstest]
#[case::below_the_border(SMALL - 1, true)]
#[case::at_the_border(SMALL, true)]
#[case::above_the_border(SMALL + 1, false)]
#[case::far_above_it(200 * MIB, false)]
#[tokio::test]
async fn every_byte_of_a_large_file_arrives(#[case] size: u64, #[case] has_password: bool) {
    let form = Form::of(size);
    let form = if has_password {
        form.with_password()
    } else {
        form
    };
    arrives(form, true).await;
}

#[tokio::test]
async fn every_byte_of_a_file_of_unknown_length_arrives() {
    arrives(Form::of(SMALL + 1).with_password(), false).await;
}

#[rstest]
#[case::length(true, SMALL)]
#[case::no_length(false, BEGINNING)]
#[tokio::test]
async fn the_length_of_the_whole_form_decides_its_way(
    #[case] says_length: bool,
    #[case] most: u64,
) {
    for (length, short) in [(most, true), (most + 1, false)] {
        let (upstream, gateway) = demo().await;
        let form = Form::of(length - 200).padded_to(length);
        assert_eq!(form.length(), length);
        has_begun(&upload(&gateway, form.body(says_length)).await);
        went(&upstream, short);
    }
}

#[tokio::test]
async fn a_file_arrives_over_http2() {
    let (_upstream, gateway) = demo().await;
    let client = client_builder().http2_prior_knowledge().build().unwrap();
    for (says_length, size) in [(true, 1), (false, 1), (true, 3 * MIB), (false, 3 * MIB)] {
        let form = Form::of(size);
        let request = client.post(format!("http://{}{PATH}", gateway.address));
        let request = request
            .header("x-api-key", crate::harness::KEY)
            .header("content-type", MULTIPART);
        has_begun(&send(request.body(form.body(says_length))).await);
        assert_eq!(size_of(&gateway, &form).await, size);
    }
}

#[tokio::test]
async fn the_analysis_of_a_file_can_be_polled() {
    let (_upstream, gateway) = demo().await;
    let reply = upload(&gateway, Form::of(9).body(true)).await;
    let analysis = gateway.get(reply.header("location").unwrap()).await;
    assert_eq!(analysis.data()["status"], "queued");
}
