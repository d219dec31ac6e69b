//! Tests of the parameters of views: contradictions, spellings, bounds and defaults.

use rstest::rstest;

use super::{PORTAL, REPORTS, STRANGER, demo, reads, with};
use crate::{
    cache::keeping,
    harness::{Folder, Process, TROJAN, Upstream, client, send, vt4ai},
};

#[rstest]
#[case("format=raw&view=brief", ["format=raw", "view=brief"])]
#[case("view=Brief&format=RAW", ["format=raw", "view=brief"])]
#[case("format=raw&fields=size", ["format=raw", "fields"])]
#[case("view=brief&fields=size", ["view=brief", "fields"])]
#[case("view=brief&template_name=vt4ai_file_basics", ["view=brief", "template_name"])]
#[case("view=full&template_name=vt4ai_file_basics", ["view=full", "template_name"])]
#[tokio::test]
async fn a_contradiction_names_both_parameters_and_costs_nothing(
    #[case] query: &str,
    #[case] names: [&str; 2],
) {
    let (upstream, gateway) = demo().await;
    let list = format!("/api/v1/files/{TROJAN}/relationships/contacted_domains");
    let mut paths = vec![STRANGER.to_owned(), list];
    if !query.contains("template_name") {
        for part in ["comments", "votes", "behaviour_summary"] {
            paths.push(format!("/api/v1/files/{TROJAN}/{part}"));
        }
        paths.push("/api/v1/analyses/x".to_owned());
        paths.push("/api/v1/search?query=example.com".to_owned());
    }
    for path in paths {
        let reply = gateway.get(&with(&path, query)).await;
        assert_eq!(reply.status, 400, "{path}: {}", reply.text());
        assert_eq!(reply.code(), "BadRequestError");
        for name in names {
            let detail = reply.detail();
            assert!(detail.contains(name), "{path}: {detail}");
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[rstest]
#[case("view=brief", &["view=BRIEF", "view=Brief"])]
#[case("view=full", &["view=FuLL"])]
#[case("view=standard", &["view=Standard"])]
#[case("untrusted=mark", &["untrusted=MARK"])]
#[case("untrusted=withhold", &["untrusted=WithHold"])]
#[case("defang=true&format=xml", &["defang=TRUE&format=XML", "defang=1&format=xml"])]
#[case("defang=false&format=xml", &["defang=FALSE&format=xml", "defang=0&format=xml"])]
#[tokio::test]
async fn values_are_read_in_any_case(#[case] plain: &str, #[case] spellings: &[&str]) {
    let (_upstream, gateway) = demo().await;
    let expected = gateway.get(&with(STRANGER, plain)).await;
    assert_eq!(expected.status, 200, "{}", expected.text());
    for spelling in spellings {
        let reply = gateway.get(&with(STRANGER, spelling)).await;
        assert_eq!(reply.text(), expected.text(), "{spelling}");
    }
}

#[rstest]
#[case("view=breif", "view")]
#[case("view=", "view")]
#[case("view=brief&view=brief", "view")]
#[case("untrusted=hide", "untrusted")]
#[case("untrusted=", "untrusted")]
#[case("defang=yes", "defang")]
#[case("max_tokens=49", "max_tokens")]
#[case("max_tokens=100001", "max_tokens")]
#[case("max_tokens=0", "max_tokens")]
#[case("max_tokens=-50", "max_tokens")]
#[case("max_tokens=1e3", "max_tokens")]
#[case("max_tokens=99999999999999999999", "max_tokens")]
#[case("max_tokens=", "max_tokens")]
#[case("max_tokens=60&max_tokens=60", "max_tokens")]
#[case("fields=a..b", "fields")]
#[case("fields=.size", "fields")]
#[case("fields=na*", "fields")]
#[case("fields=size&fields=names", "fields")]
#[case("veiw=brief", "view")]
#[case("max_token=60", "max_tokens")]
#[case("field=size", "fields")]
#[tokio::test]
async fn an_invalid_value_is_named_and_costs_nothing(#[case] query: &str, #[case] name: &str) {
    let (upstream, gateway) = demo().await;
    for path in [
        STRANGER,
        "/api/v1/files/44d88612fea8a8f36de82e1278abb02f/comments",
        "/api/v1/search?query=example.com",
        "/api/v1/analyses/x",
    ] {
        let reply = gateway.get(&with(path, query)).await;
        assert_eq!(reply.status, 400, "{path}: {}", reply.text());
        let detail = reply.detail();
        assert!(detail.contains(&format!("`{name}`")), "{path}: {detail}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_default_view_applies_where_nothing_else_is_asked_for() {
    let upstream = Upstream::demo().await;
    let brief = keeping(&upstream, &["--default-view", "brief"]).await;
    let full = keeping(&upstream, &["--default-view", "full"]).await;
    let standard = keeping(&upstream, &[]).await;
    for path in reads(&standard).await {
        let asked = standard.get(&with(&path, "view=brief")).await;
        assert_eq!(brief.get(&path).await.text(), asked.text(), "{path}");
        let asked = standard.get(&with(&path, "view=full")).await;
        assert_eq!(full.get(&path).await.text(), asked.text(), "{path}");
    }
    // These ask for another view, so they do not contradict the default.
    for query in [
        "view=standard",
        "format=raw",
        "fields=size",
        "template_name=vt4ai_file_basics",
    ] {
        let path = with(STRANGER, query);
        let expected = standard.get(&path).await;
        assert_eq!(expected.status, 200, "{query}: {}", expected.text());
        for gateway in [&brief, &full] {
            assert_eq!(gateway.get(&path).await.text(), expected.text(), "{query}");
        }
    }
}

#[tokio::test]
async fn variables_set_the_default_view_and_the_thresholds() {
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &["--demo"]);
    let process = Process::start(command.envs([
        ("VT4AI_DEFAULT_VIEW", "brief"),
        ("VT4AI_VERDICT_MIN_ENGINES", "1"),
        ("VT4AI_VERDICT_MALICIOUS", "58"),
        ("VT4AI_VERDICT_MALICIOUS_WITH_LABEL", "58"),
        ("VT4AI_VERDICT_POPULAR_RANK", "1"),
        ("VT4AI_VERDICT_POPULAR_MALICIOUS", "0"),
        ("VT4AI_VERDICT_STALE_DAYS", "100000"),
    ]));
    for path in [REPORTS[0].0, PORTAL] {
        let url = format!("http://{}{path}", process.address);
        let data = send(client().get(url)).await.data();
        assert_eq!(data["verdict"]["level"], "suspicious", "{data}");
        assert_eq!(data["verdict"]["stale"], false, "{data}");
    }
}
