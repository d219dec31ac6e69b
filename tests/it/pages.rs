//! Tests of lists longer than one page of VirusTotal, and of every collection's relationships.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Gateway, TROJAN, Upstream, failure, file, ok},
    relationships::{demo, related},
};

/// Starts an upstream with a list of this many objects; its cursor is the start of a page.
async fn holding(count: usize) -> Upstream {
    Upstream::faulty(move |call| {
        let value = |name: &str| {
            let query = call.target.split('?').nth(1).unwrap_or_default();
            let pair = query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            pair.and_then(|value| value.parse::<usize>().ok())
        };
        let (from, limit) = (value("cursor").unwrap_or(0), value("limit").unwrap());
        assert!(limit <= 40, "VirusTotal refuses more than 40 a page");
        let to = (from + limit).min(count);
        let data: Vec<_> = (from..to)
            .map(|at| json!({"id": at.to_string(), "type": "file"}))
            .collect();
        let cursor = (to < count).then(|| to.to_string());
        let page = json!({"data": data, "meta": {"count": count, "cursor": cursor}});
        Answer::Bytes(ok(page.to_string()))
    })
    .await
}

fn ids(data: &Value) -> Vec<usize> {
    let items = data.as_array().unwrap().iter();
    items
        .map(|item| item["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// The cases combine limits, lengths of the list and quotas.
#[rstest]
#[tokio::test]
async fn pages_are_gathered_until_limit_end_or_quota(
    #[values(1, 40, 41, 80, 81, 100)] limit: usize,
    #[values(0, 39, 40, 41, 95, 200)] count: usize,
    #[values(1, 2, 3)] quota: usize,
) {
    let upstream = holding(count).await;
    let gateway =
        Gateway::before(&upstream, &["--rate-limit-per-minute", &quota.to_string()]).await;
    let reply = gateway
        .get(&format!("{}?limit={limit}", related(TROJAN, "x")))
        .await;
    let body = reply.json();
    let wanted = limit.min(count);
    let pages = wanted.div_ceil(40).max(1);
    let spent = pages.min(quota);
    let got = wanted.min(spent * 40);
    assert_eq!(reply.status, 200);
    assert_eq!(ids(&body["data"]), (0..got).collect::<Vec<_>>());
    assert_eq!(upstream.count(), spent);
    let truncated = (spent < pages).then_some("quota");
    assert_eq!(body["meta"]["truncated"].as_str(), truncated);
    let cursor = (got < count).then(|| got.to_string());
    assert_eq!(body["meta"]["cursor"].as_str().map(str::to_owned), cursor);
    assert_eq!(body["meta"]["count"], count);
}

#[tokio::test]
async fn continuing_from_the_cursor_skips_nothing() {
    let upstream = holding(130).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let first = gateway
        .get(&format!("{}?limit=95", related(TROJAN, "x")))
        .await
        .json();
    let cursor = first["meta"]["cursor"].as_str().unwrap();
    let second = gateway
        .get(&format!(
            "{}?limit=95&cursor={cursor}",
            related(TROJAN, "x")
        ))
        .await
        .json();
    let seen = [ids(&first["data"]), ids(&second["data"])].concat();
    assert_eq!(seen, (0..130).collect::<Vec<_>>());
    assert_eq!(second["meta"].get("cursor"), None);
    let limits: Vec<_> = upstream
        .targets()
        .iter()
        .map(|it| it.split("limit=").nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(
        limits,
        ["40", "40&cursor=40", "15&cursor=80", "40&cursor=95"]
    );
}

#[rstest]
#[case("json")]
#[case("raw")]
#[case("markdown")]
#[case("xml")]
#[tokio::test]
async fn a_gathered_list_is_one_list_in_every_format(#[case] format: &str) {
    let (upstream, gateway) = demo().await;
    let path = format!(
        "{}?limit=45&format={format}",
        related(TROJAN, "dropped_files")
    );
    let data = gateway.get(&path).await.data();
    let count = match format {
        "markdown" => data.as_str().unwrap().matches("\n## file: ").count(),
        "xml" => data.as_str().unwrap().matches("\n  <item index=").count(),
        _ => data.as_array().unwrap().len(),
    };
    assert_eq!(count, 45);
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_429_ends_a_list_early_but_no_other_error_does() {
    for (status, code, expected) in [
        (429, "QuotaExceededError", 200),
        (500, "InternalError", 502),
    ] {
        let upstream = Upstream::faulty(move |call| {
            let page = json!({"data": [{"id": "1", "type": "file"}], "meta": {"cursor": "next"}});
            let next = call.target.contains("cursor=");
            Answer::Bytes(if next {
                failure(status, code, "x")
            } else {
                ok(page.to_string())
            })
        })
        .await;
        let gateway = Gateway::before(&upstream, &[]).await;
        let reply = gateway
            .get(&format!("{}?limit=50", related(TROJAN, "x")))
            .await;
        assert_eq!(reply.status, expected);
        if expected == 200 {
            assert_eq!(
                reply.json()["meta"],
                json!({"cursor": "next", "truncated": "quota"})
            );
        }
    }
}

#[tokio::test]
async fn a_limit_up_to_forty_costs_one_lookup() {
    let page = json!({"data": [{"id": "1", "type": "file"}], "meta": {"cursor": "next"}});
    let upstream = Upstream::always(ok(page.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let body = gateway
        .get(&format!("{}?limit=40", related(TROJAN, "x")))
        .await
        .json();
    assert_eq!(body["meta"], json!({"cursor": "next"}));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn empty_pages_do_not_prolong_a_list_forever() {
    let page = json!({"data": [], "meta": {"cursor": "again"}});
    let upstream = Upstream::always(ok(page.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let body = gateway
        .get(&format!("{}?limit=100", related(TROJAN, "x")))
        .await
        .json();
    assert_eq!(body["data"], json!([]));
    assert_eq!(upstream.count(), 1);
}

#[rstest]
#[case(
    "/api/v1/domains/bank-secure.example/relationships/subdomains",
    "domains/bank-secure.example/subdomains",
    5
)]
#[case(
    "/api/v1/ips/203.0.113.7/relationships/resolutions?limit=40",
    "ip_addresses/203.0.113.7/resolutions",
    14
)]
#[case(
    "/api/v1/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8=/relationships/redirecting_urls",
    "urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8/redirecting_urls",
    1
)]
#[tokio::test]
async fn every_collection_has_relationships(
    #[case] path: &str,
    #[case] target: &str,
    #[case] count: usize,
) {
    let (upstream, gateway) = demo().await;
    assert_eq!(
        gateway.get(path).await.data().as_array().unwrap().len(),
        count
    );
    let reached = &upstream.targets()[0];
    assert!(
        reached.starts_with(&format!("/api/v3/{target}?limit=")),
        "{reached}"
    );
}

#[tokio::test]
async fn a_single_object_or_null_is_not_a_list() {
    let (_upstream, gateway) = demo().await;
    let parent = |domain: &str| format!("/api/v1/domains/{domain}/relationships/parent");
    let body = gateway
        .get(&parent("login.bank-secure.example"))
        .await
        .json();
    assert_eq!(
        (&body["data"]["type"], body.get("meta")),
        (&json!("domain"), None)
    );
    let body = gateway.get(&parent("bank-secure.example")).await.json();
    assert_eq!(body, json!({"data": null, "format": "json"}));
}

/// VirusTotal's answer to each cursor: the ids on that page, and the next cursor.
type Script = &'static [[&'static str; 3]];

/// Starts an upstream with these pages.
async fn scripted(script: Script) -> Upstream {
    Upstream::faulty(move |call| {
        let cursor = call.target.split("cursor=").nth(1).unwrap_or_default();
        let cursor = cursor.split('&').next().unwrap();
        let [_, ids, next] = script.iter().find(|[at, ..]| *at == cursor).unwrap();
        let object = |id: &str| {
            let (kind, id) = id.split_once('/').unwrap_or(("file", id));
            json!({"id": id, "type": kind, "attributes": {"size": 1}})
        };
        let data: Vec<_> = ids.split(' ').map(object).collect();
        let page = json!({"data": data, "meta": {"count": 9, "cursor": next}});
        Answer::Bytes(ok(page.to_string()))
    })
    .await
}

/// A cursor that was followed before ends the list, at any position.
#[rstest]
#[case::to_itself("limit=10&cursor=a", &[["a", "1 2", "a"]], &["1", "2"])]
#[case::to_itself_of_many("limit=100&cursor=a", &[["a", "1 2", "a"]], &["1", "2"])]
#[case::within_one_answer("limit=100", &[["", "1 2", "a"], ["a", "3", "a"]], &["1", "2", "3"])]
#[case::in_a_circle(
    "limit=100",
    &[["", "1", "a"], ["a", "2", "b"], ["b", "3", "a"]],
    &["1", "2", "3"]
)]
#[case::back_to_the_beginning(
    "limit=100&cursor=a",
    &[["a", "1", "b"], ["b", "2", "c"], ["c", "1", "a"]],
    &["1", "2"]
)]
#[tokio::test]
async fn a_repeated_cursor_ends_the_list(
    #[case] query: &str,
    #[case] script: Script,
    #[case] expected: &[&str],
    #[values("relationships/x", "comments", "votes")] list: &str,
) {
    let upstream = scripted(script).await;
    let gateway = Gateway::before(&upstream, &["--cache-max-bytes", "1000000"]).await;
    // The first answer comes from VirusTotal, the second from the cache.
    for _ in 0..2 {
        let reply = gateway
            .get(&format!("{}/{list}?{query}", file(TROJAN)))
            .await;
        let body = reply.json();
        let ids: Vec<_> = body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["id"])
            .collect();
        assert_eq!(ids, expected, "{body}");
        assert_eq!(
            (&body["meta"], reply.header("link")),
            (&json!({"count": 9}), None)
        );
    }
    assert_eq!(upstream.count(), script.len());
}

#[tokio::test]
async fn a_repeated_cursor_ends_a_search() {
    let upstream = scripted(&[["", "1", "a"], ["a", "2 2", "a"]]).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for search in ["search", "intelligence/search"] {
        let path = format!("/api/v1/{search}?query=x");
        let first = gateway.get(&path).await;
        assert_eq!(first.json()["meta"]["cursor"], "a");
        let last = gateway.get(&format!("{path}&cursor=a")).await;
        assert_eq!(last.data().as_array().unwrap().len(), 1);
        assert_eq!(
            (last.json()["meta"].get("cursor"), last.header("link")),
            (None, None)
        );
    }
    assert_eq!(upstream.count(), 4);
}

#[rstest]
#[case("json")]
#[case("raw")]
#[case("markdown")]
#[case("xml")]
#[tokio::test]
async fn an_object_is_listed_once_in_every_format(
    #[case] format: &str,
    #[values("limit=100", "limit=100&descriptors_only=true")] query: &str,
) {
    let upstream = scripted(&[["", "a b a url/a", "n"], ["n", "b c url/a d", ""]]).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let path = format!("{}?{query}&format={format}", related(TROJAN, "x"));
    let data = gateway.get(&path).await.data();
    let ids = match format {
        "markdown" => {
            let headings = data
                .as_str()
                .unwrap()
                .lines()
                .filter(|it| it.starts_with("## "));
            headings
                .map(|it| it.trim_start_matches("## ").replace(": ", "/"))
                .collect()
        }
        "xml" => {
            let document = data.as_str().unwrap();
            let xml = roxmltree::Document::parse(document).unwrap();
            let items = xml
                .root_element()
                .children()
                .filter(roxmltree::Node::is_element);
            let text = |item: roxmltree::Node<'_, '_>, name| {
                let mut children = item.children();
                children
                    .find(|it| it.has_tag_name(name))
                    .unwrap()
                    .text()
                    .unwrap()
                    .to_owned()
            };
            items
                .map(|item| format!("{}/{}", text(item, "type"), text(item, "id")))
                .collect::<Vec<_>>()
        }
        _ => {
            let items = data.as_array().unwrap().iter();
            let text = |it: &Value, name| it[name].as_str().unwrap().to_owned();
            items
                .map(|it| format!("{}/{}", text(it, "type"), text(it, "id")))
                .collect()
        }
    };
    assert_eq!(ids, ["file/a", "file/b", "url/a", "file/c", "file/d"]);
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn objects_without_an_id_are_all_listed() {
    let page = json!({"data": [{"type": "x"}, {"type": "x"}, {"id": "1"}, {"id": "1"}]});
    let upstream = Upstream::always(ok(page.to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let data = gateway.get(&related(TROJAN, "x")).await.data();
    assert_eq!(data, page["data"]);
}

#[tokio::test]
async fn one_request_reads_ten_pages_at_most() {
    let upstream = Upstream::faulty(|call| {
        let cursor = call.target.split("cursor=").nth(1);
        let at: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let data = [json!({"id": at.to_string(), "type": "file"})];
        let page = json!({"data": data, "meta": {"cursor": (at + 1).to_string()}});
        Answer::Bytes(ok(page.to_string()))
    })
    .await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let path = format!("{}?limit=100", related(TROJAN, "x"));
    let reply = gateway.get(&path).await;
    let body = reply.json();
    assert_eq!(ids(&body["data"]), (0..10).collect::<Vec<_>>());
    assert_eq!(body["meta"], json!({"cursor": "10", "truncated": "pages"}));
    assert!(reply.header("link").unwrap().contains("cursor=10"));
    assert_eq!(upstream.count(), 10);
    let next = gateway.get(&format!("{path}&cursor=10")).await.json();
    assert_eq!(ids(&next["data"]), (10..20).collect::<Vec<_>>());
}

#[rstest]
#[case("domains/a.example", "subdomains", "although every key may read it")]
#[case("domains/a.example", "urls", "for keys of the tier")]
#[case("domains/a.example", "brand_new", "send a key")]
#[tokio::test]
async fn a_forbidden_relationship_names_the_remedy(
    #[case] object: &str,
    #[case] relationship: &str,
    #[case] says: &str,
) {
    let upstream = Upstream::always(failure(
        403,
        "ForbiddenError",
        "You are not authorized to do this",
    ))
    .await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let path = format!("/api/v1/{object}/relationships/{relationship}");
    let reply = gateway.get(&path).await;
    assert_eq!(reply.status, 403);
    let detail = reply.detail();
    assert!(
        detail.contains(says) && detail.contains("`X-API-Key`"),
        "{detail}"
    );
    assert!(!detail.contains("`everyone`"), "{detail}");
}

#[tokio::test]
async fn a_premium_relationship_says_which_tier_it_needs() {
    let (_upstream, gateway) = demo().await;
    let path = related(TROJAN, "embedded_urls");
    let reply = gateway
        .get_with(&path, &[("x-api-key", "public-key")])
        .await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (403, "ForbiddenError")
    );
    assert!(
        reply
            .detail()
            .ends_with("the relationship `embedded_urls` is for keys of the tier `enterprise`")
    );
}

#[tokio::test]
async fn the_detail_names_the_collection() {
    let (_upstream, gateway) = demo().await;
    for (path, what) in [
        ("urls/zz", "URL relationships"),
        ("domains/-.-.", "domain relationships"),
        ("ips/1.2.3", "IP address relationships"),
    ] {
        let reply = gateway
            .get(&format!("/api/v1/{path}/relationships/Comments"))
            .await;
        assert_eq!(reply.status, 400);
        assert!(
            reply
                .detail()
                .starts_with(&format!("Error retrieving {what}: ")),
            "{}",
            reply.detail()
        );
    }
}
