//! Tests of uploads that end early: half of one is never taken for the whole.

use rstest::rstest;

use super::*;
use crate::{
    errors::is_well_formed,
    harness::{EICAR, End, Wire, file},
};

const HASTE: [&str; 2] = ["--upstream-timeout", "200ms"];

/// The most that the gateway may hold back: a piece, until the next one has come.
const HELD: usize = 64 * 1024;

#[derive(Clone, Copy, Debug)]
enum Death {
    Close,
    Reset,
}

/// Sends the beginning of a form, waits until VirusTotal has it, and returns the connection.
async fn begin(gateway: &Gateway, upstream: &Recorder, sent: usize, says_length: bool) -> Wire {
    let form = Form::of(2 * MIB).bytes();
    let mut wire = Wire::to(gateway).await;
    wire.send(&head_of(says_length.then_some(form.len()))).await;
    wire.send(&framed(&form[..sent], !says_length)).await;
    if sent > HELD {
        upstream.has_heard(sent - HELD).await;
    }
    wire
}

/// Returns the positions at which a form of 2 MiB is cut: every tenth, and right before its end.
fn cuts() -> impl Iterator<Item = usize> {
    let length = Form::of(2 * MIB).bytes().len();
    let tenths = (0..10).map(move |tenth| length * tenth / 10);
    tenths.chain([length - 3, length - 1])
}

#[rstest]
#[tokio::test]
async fn a_truncated_form_is_never_complete_at_virustotal(
    #[values(Death::Close, Death::Reset)] death: Death,
    #[values(true, false)] says_length: bool,
) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let mut begun = 0;
    for cut in cuts() {
        let wire = begin(&gateway, &upstream, cut, says_length).await;
        match death {
            Death::Close => drop(wire),
            Death::Reset => wire.reset(),
        }
        begun += usize::from(cut > HELD);
        let posts = upstream.posts(begun).await;
        assert!(posts.iter().all(|it| it.end == Some(End::BrokenOff)));
        assert_eq!(gateway.get(&file(EICAR)).await.status, 200);
    }
    upstream.posts(begun).await;
}

#[rstest]
#[tokio::test]
async fn a_client_that_half_closes_early_gets_a_400(
    #[values(10, 1_000_000)] sent: usize,
    #[values(true, false)] says_length: bool,
) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &[]).await;
    let mut wire = begin(&gateway, &upstream, sent, says_length).await;
    wire.half_close().await;
    let reply = wire.answer().await;
    is_well_formed(&reply);
    assert_eq!(reply.status, 400);
    assert!(reply.detail().contains("breaks off"), "{}", reply.detail());
    let posts = upstream.posts(usize::from(sent > HELD)).await;
    assert!(posts.iter().all(|it| it.end == Some(End::BrokenOff)));
}

#[rstest]
#[tokio::test]
async fn a_stalled_upload_is_a_400(
    #[values(0, 10, 1_000_000)] sent: usize,
    #[values(true, false)] says_length: bool,
) {
    let upstream = Recorder::start(virustotal).await;
    let gateway = Gateway::at(&upstream.url, &HASTE).await;
    let mut wire = begin(&gateway, &upstream, sent, says_length).await;
    let reply = wire.answer().await;
    is_well_formed(&reply);
    assert_eq!(reply.status, 400);
    assert!(
        reply.detail().contains("came to a halt"),
        "{}",
        reply.detail()
    );
    let posts = upstream.posts(usize::from(sent > HELD)).await;
    assert!(posts.iter().all(|it| it.end == Some(End::BrokenOff)));
}

#[rstest]
#[case::silent(Reaction::Late(Answer::Silence(Vec::new())))]
#[case::silent_in_its_answer(Reaction::Late(Answer::Silence(ok("{\"data\"")[..60].to_vec())))]
#[case::deaf(Reaction::Deaf)]
#[tokio::test]
async fn an_upload_that_virustotal_does_not_answer_is_a_504(
    #[case] reaction: Reaction,
    #[values(9, 12 * MIB)] size: u64,
    #[values(true, false)] says_length: bool,
) {
    let upstream = dealing(move || reaction.clone()).await;
    let gateway = Gateway::at(&upstream.url, &HASTE).await;
    let reply = upload(&gateway, Form::of(size).body(says_length)).await;
    is_well_formed(&reply);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (504, "DeadlineExceededError")
    );
}
