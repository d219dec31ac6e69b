//! Tests of the cost of an upload, of the key that pays for it, and that it is never sent twice
//! (`docs/http-api.md`).

use rstest::rstest;

use super::*;
use crate::{
    errors::is_well_formed,
    harness::{KEY, refusing},
};

const SERVERS: &str = "the-key-of-the-server";
const LIMIT: [&str; 2] = ["--rate-limit-per-minute", "5"];
/// The lengths of a file that takes either way if its length is unknown.
const WAYS: [(u64, usize); 2] = [(9, 1), (MIB, 2)];

async fn upload_keyless(gateway: &Gateway) -> Reply {
    let request = gateway.post_keyless(PATH).header("content-type", MULTIPART);
    send(request.body(Form::of(9).body(true))).await
}

#[rstest]
#[case::for_reading_only(&["--api-key", SERVERS], 403, "reading only")]
#[case::not_even_for_anyone(&["--api-key", SERVERS, "--allow-anonymous"], 403, "reading only")]
#[case::no_key(&[], 401, "X-API-Key")]
#[case::no_key_to_allow(&["--allow-submissions"], 401, "X-API-Key")]
#[tokio::test]
async fn the_servers_key_uploads_only_with_permission(
    #[case] flags: &[&str],
    #[case] status: u16,
    #[case] detail: &str,
) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, flags).await;
    let reply = upload_keyless(&gateway).await;
    is_well_formed(&reply);
    assert_eq!(reply.status, status);
    assert!(reply.detail().starts_with("Error uploading file: "));
    assert!(reply.detail().contains(detail), "{}", reply.detail());
    assert_eq!(upstream.asked(), Vec::<String>::new());
    // A caller's own key needs no permission.
    has_begun(&upload(&gateway, Form::of(9).body(true)).await);
    assert_eq!(
        upstream.posts(1).await[0].call.header("x-apikey"),
        Some(KEY)
    );
}

#[tokio::test]
async fn the_servers_key_uploads_with_permission() {
    let upstream = Recorder::start(virustotal).await;
    let flags = ["--api-key", SERVERS, "--allow-submissions"];
    let gateway = Gateway::at(&upstream.url, &flags).await;
    has_begun(&upload_keyless(&gateway).await);
    has_begun(&upload(&gateway, Form::of(9).body(true)).await);
    let posts = upstream.posts(2).await;
    let keys = posts.iter().map(|post| post.call.header("x-apikey"));
    assert_eq!(keys.collect::<Vec<_>>(), [Some(SERVERS), Some(KEY)]);
}

#[tokio::test]
async fn an_upload_costs_one_unit_on_either_way() {
    for (size, calls) in WAYS {
        let upstream = Recorder::start(virustotal).await;
        let gateway = Gateway::at(&upstream.url, &LIMIT).await;
        let reply = upload(&gateway, Form::of(size).body(false)).await;
        has_begun(&reply);
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(4));
        assert_eq!(upstream.seen().len(), calls);
    }
}

#[tokio::test]
async fn without_quota_no_upload_is_sent() {
    for (size, calls) in WAYS {
        let upstream = Recorder::start(virustotal).await;
        let gateway = Gateway::at(&upstream.url, &["--rate-limit-per-minute", "1"]).await;
        has_begun(&upload(&gateway, Form::of(size).body(false)).await);
        let reply = upload(&gateway, Form::of(size).body(false)).await;
        is_well_formed(&reply);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (429, "QuotaExceededError")
        );
        assert_eq!(upstream.seen().len(), calls);
    }
}

#[rstest]
#[case::transient(Reaction::Late(Answer::Bytes(transient())), 503)]
#[case::no_answer(Reaction::Late(Answer::Bytes(Vec::new())), 502)]
#[case::reset(Reaction::Late(Answer::Reset(Vec::new())), 502)]
#[case::reset_in_the_middle(Reaction::Leave(8, Vec::new()), 502)]
#[case::half_an_answer(Reaction::Late(Answer::Bytes(ok("{\"data\": 7}")[..70].to_vec())), 502)]
#[tokio::test]
async fn an_upload_is_never_sent_twice(#[case] reaction: Reaction, #[case] status: u16) {
    for (size, calls) in WAYS {
        let reaction = reaction.clone();
        let upstream = dealing(move || reaction.clone()).await;
        let gateway = Gateway::at(&upstream.url, &LIMIT).await;
        let reply = upload(&gateway, Form::of(size).body(false)).await;
        is_well_formed(&reply);
        assert_eq!(reply.status, status, "{}", reply.text());
        upstream.posts(1).await;
        assert_eq!(upstream.seen().len(), calls);
        // The upload may have arrived, so it may have cost a unit.
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(4));
    }
}

/// A failure on a reused connection could be mistaken for one that only went stale.
#[tokio::test]
async fn an_upload_on_a_reused_connection_is_never_sent_twice() {
    let upstream = Recorder::start(|call| {
        let Reaction::Late(Answer::Bytes(answer)) = virustotal(call) else {
            unreachable!();
        };
        let kept = String::from_utf8(answer)
            .unwrap()
            .replace("Connection: close\r\n", "");
        let is_post = call.method == "POST";
        Reaction::Late(Answer::Bytes(if is_post {
            Vec::new()
        } else {
            kept.into()
        }))
    })
    .await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    for (size, calls) in WAYS {
        let before = upstream.seen().len();
        assert_eq!(
            gateway
                .get(&crate::harness::file(crate::harness::EICAR))
                .await
                .status,
            200
        );
        let reply = upload(&gateway, Form::of(size).body(false)).await;
        assert_eq!(
            (reply.status, upstream.seen().len() - before),
            (502, calls + 1)
        );
    }
}

#[tokio::test]
async fn an_upload_without_a_connection_costs_nothing() {
    let (_socket, gone) = refusing();
    let gateway = Gateway::at(&gone, &LIMIT).await;
    for (size, _) in WAYS {
        let reply = upload(&gateway, Form::of(size).body(false)).await;
        is_well_formed(&reply);
        assert_eq!(reply.status, 502);
        assert_eq!(reply.number("x-ratelimit-remaining"), Some(5));
    }
}
