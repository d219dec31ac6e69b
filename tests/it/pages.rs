//! Lists longer than a page of VirusTotal's, and what every collection relates to.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Gateway, TROJAN, Upstream, failure, ok},
    relationships::{demo, related},
};

/// An upstream with a list of this many objects; its cursor is where a page begins.
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

/// Every limit meets every length of list and every quota.
#[rstest]
#[tokio::test]
async fn pages_are_gathered_up_to_the_limit_the_end_or_the_quota(
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
async fn going_on_from_the_cursor_skips_nothing() {
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
async fn virustotals_own_429_ends_a_list_too_but_nothing_else_does() {
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
async fn up_to_forty_objects_cost_one_lookup_however_few_come() {
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
async fn an_upstream_whose_pages_never_fill_is_not_asked_for_ever() {
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
async fn one_object_or_none_is_no_list() {
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
