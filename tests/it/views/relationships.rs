//! Tests of `relationships` on a report: the ids of related objects from the same lookup.

use rstest::rstest;
use serde_json::{Value, json};

use super::{FORMATS, REPORTS, demo, meta, shown, with};
use crate::{
    cache::keeping,
    errors::is_well_formed,
    harness::{EICAR, KEY, TROJAN, Upstream, file},
    relationships::related,
};

/// Returns `meta.relationships` of a report.
async fn relationships(path: &str, names: &str) -> Value {
    let (_upstream, gateway) = demo().await;
    let reply = gateway
        .get(&with(path, &format!("relationships={names}")))
        .await;
    meta(&reply)["relationships"].take()
}

#[tokio::test]
async fn relationships_cost_one_unit_together() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &["--rate-limit-per-minute", "9"]).await;
    let path = with(REPORTS[2].0, "relationships=urls,subdomains,resolutions");
    let reply = gateway.get(&path).await;
    assert_eq!(reply.number("x-ratelimit-remaining"), Some(8));
    let found = meta(&reply)["relationships"].take();
    assert_eq!(found["subdomains"]["count"], 5);
    assert_eq!(found["subdomains"]["ids"][0], "login.bank-secure.example");
    assert_eq!(found["urls"]["count"], 4);
    assert_eq!(found["resolutions"]["ids"].as_array().unwrap().len(), 3);
    assert_eq!(super::keys(&found).len(), 3);
    // The order of the names and the view do not matter.
    for query in [
        "relationships=subdomains,resolutions,urls",
        "relationships=subdomains,resolutions,urls,urls&view=brief",
        "relationships=resolutions,urls,subdomains&fields=reputation",
    ] {
        let again = gateway.get(&with(REPORTS[2].0, query)).await;
        assert_eq!(again.header("x-cache"), Some("HIT"), "{query}");
        assert_eq!(again.number("x-ratelimit-remaining"), Some(8));
        assert_eq!(meta(&again)["relationships"], found, "{query}");
    }
    assert_eq!(upstream.count(), 1);
    let target = &upstream.targets()[0];
    let expected = "/api/v3/domains/bank-secure.example?relationships=resolutions";
    assert!(target.starts_with(expected), "{target}");
}

#[tokio::test]
async fn every_view_and_format_has_the_relationships_in_meta() {
    let (upstream, gateway) = demo().await;
    for view in [
        "view=standard",
        "view=full",
        "view=brief",
        "fields=size",
        "max_tokens=90",
    ] {
        for format in FORMATS.into_iter().chain(["raw"]) {
            if format == "raw" && view != "view=standard" {
                continue;
            }
            let path = with(&file(TROJAN), &format!("{view}&format={format}"));
            let plain = gateway.get(&path).await;
            let reply = gateway
                .get(&with(&path, "relationships=contacted_ips,itw_urls"))
                .await;
            assert_eq!(shown(&reply), shown(&plain), "{path}");
            let meta = meta(&reply);
            assert_eq!(
                meta["relationships"]["contacted_ips"]["count"], 14,
                "{path}: {meta}"
            );
            assert_eq!(
                meta["relationships"]["itw_urls"]["count"], 2,
                "{path}: {meta}"
            );
        }
    }
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn relationships_alone_do_not_ask_for_sizes() {
    let (_upstream, gateway) = demo().await;
    for format in FORMATS {
        let path = with(
            &file(TROJAN),
            &format!("relationships=itw_urls&format={format}"),
        );
        let meta = meta(&gateway.get(&path).await);
        for size in ["tokens", "complete", "omitted", "shown"] {
            assert!(meta.get(size).is_none(), "{format}: {meta}");
        }
    }
    let plain = meta(&gateway.get(&with(&file(TROJAN), "view=brief")).await);
    assert!(plain.get("relationships").is_none());
}

#[tokio::test]
async fn a_bare_document_is_the_same_with_relationships() {
    let (_upstream, gateway) = demo().await;
    for accept in ["text/markdown", "application/xml"] {
        for view in ["view=standard", "view=brief"] {
            let headers = [("x-api-key", KEY), ("accept", accept)];
            let path = with(&file(TROJAN), view);
            let plain = gateway.get_with(&path, &headers).await;
            let path = with(&path, "relationships=itw_urls");
            let reply = gateway.get_with(&path, &headers).await;
            assert_eq!((reply.status, reply.text()), (200, plain.text()));
        }
    }
}

#[tokio::test]
async fn at_most_twenty_ids_stand_beside_the_number_of_all() {
    let found = relationships(&file(TROJAN), "dropped_files,votes").await;
    let dropped = &found["dropped_files"];
    assert_eq!(dropped["ids"].as_array().unwrap().len(), 20);
    assert_eq!(dropped["count"], 48);
}

#[rstest]
#[case(&file(EICAR), "bundled_files", json!({"ids": [], "count": 0}))]
#[case(REPORTS[1].0, "last_serving_ip_address", json!({"ids": ["203.0.113.7"], "count": 1}))]
#[case("/api/v1/domains/login.bank-secure.example", "parent", json!({"ids": ["bank-secure.example"], "count": 1}))]
#[case("/api/v1/domains/portal.example", "parent", json!({"ids": [], "count": 0}))]
#[tokio::test]
async fn one_object_or_none_is_listed_like_several(
    #[case] path: &str,
    #[case] name: &str,
    #[case] expected: Value,
) {
    assert_eq!(relationships(path, name).await, json!({name: expected}));
}

#[tokio::test]
async fn an_unknown_relationship_is_a_400() {
    let (upstream, gateway) = demo().await;
    for (path, _) in REPORTS {
        let reply = gateway
            .get(&with(path, "relationships=brand_new_thing"))
            .await;
        is_well_formed(&reply);
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(
            reply.detail().contains("brand_new_thing"),
            "{}",
            reply.detail()
        );
    }
    assert!(upstream.count() <= REPORTS.len());
}

#[rstest]
#[case("relationships=a,b,c,d,e,f,g,h,i,j,k")]
#[case("relationships=urls&relationships=urls")]
#[case("relationships=../comments")]
#[case("relationships=urls%26limit%3D1")]
#[case("relationships=urls%20comments")]
#[case("relationships=analyse")]
#[case("relationship=urls")]
#[tokio::test]
async fn a_wrong_list_is_refused_and_costs_nothing(#[case] query: &str) {
    let (upstream, gateway) = demo().await;
    let reply = gateway.get(&with(REPORTS[2].0, query)).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(
        reply.detail().contains("`relationships`"),
        "{}",
        reply.detail()
    );
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn ten_relationships_are_allowed() {
    let found = relationships(
        &file(TROJAN),
        "contacted_domains,contacted_ips,contacted_urls,itw_urls,itw_domains,execution_parents,\
         dropped_files,embedded_domains,embedded_urls,behaviours",
    )
    .await;
    assert_eq!(super::keys(&found).len(), 10);
}

#[tokio::test]
async fn a_premium_relationship_is_a_403_for_a_public_key() {
    let (_upstream, gateway) = demo().await;
    let path = with(&file(TROJAN), "relationships=similar_files");
    let reply = gateway
        .get_with(&path, &[("x-api-key", "public-key")])
        .await;
    is_well_formed(&reply);
    assert_eq!((reply.status, &*reply.code()), (403, "ForbiddenError"));
    assert_eq!(gateway.get(&path).await.status, 200);
}

#[tokio::test]
async fn only_reports_take_relationships() {
    let (upstream, gateway) = demo().await;
    for path in [
        related(EICAR, "comments"),
        format!("{}/behaviour_summary", file(EICAR)),
        "/api/v1/search?query=example.com".to_owned(),
        "/api/v1/analyses/x".to_owned(),
    ] {
        let reply = gateway.get(&with(&path, "relationships=urls")).await;
        assert_eq!(reply.status, 400, "{path}: {}", reply.text());
    }
    assert_eq!(upstream.count(), 0);
}
