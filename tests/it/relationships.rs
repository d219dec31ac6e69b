//! Tests of reading related objects, a page at a time (`docs/http-api.md`).

use std::collections::HashSet;

use rstest::rstest;
use serde_json::Value;

use crate::harness::{EICAR, Gateway, KEY, TROJAN, Upstream, file};

pub(crate) fn related(hash: &str, relationship: &str) -> String {
    format!("{}/relationships/{relationship}", file(hash))
}

pub(crate) async fn demo() -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

fn ids(items: &Value) -> Vec<String> {
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

#[rstest]
#[case::default("votes", "", "votes?limit=10")]
#[case::limit("votes", "?limit=40", "votes?limit=40")]
#[case::objects("votes", "?descriptors_only=false&limit=1", "votes?limit=1")]
#[case::descriptors("votes", "?descriptors_only=true", "relationships/votes?limit=10")]
#[case::cursor(
    "votes",
    "?cursor=a%26limit%3D9%2B%2F%20%3D",
    "votes?limit=10&cursor=a%26limit%3D9%2B%2F%20%3D"
)]
#[case::plus_of_base64("votes", "?cursor=a+b/c=", "votes?limit=10&cursor=a%2Bb%2Fc%3D")]
#[case::lost_plus("votes", "?cursor=a%20b%3D", "votes?limit=10&cursor=a%2Bb%3D")]
#[case::blank("votes", "?cursor=a+%26b", "votes?limit=10&cursor=a%20%26b")]
#[case::no_cursor("votes", "?cursor=", "votes?limit=10")]
#[case::unknown_name("brand_new_2", "", "brand_new_2?limit=10")]
#[case::descriptors_in_short("votes", "?descriptors_only=1", "relationships/votes?limit=10")]
#[case::objects_in_any_case("votes", "?descriptors_only=FALSE", "votes?limit=10")]
#[case::other_parameters("votes", "?format=Raw&&wait=1", "votes?limit=10")]
#[tokio::test]
async fn parameters_reach_virustotal(
    #[case] relationship: &str,
    #[case] query: &str,
    #[case] target: &str,
) {
    let (upstream, gateway) = demo().await;
    gateway
        .get(&format!("{}{query}", related(EICAR, relationship)))
        .await;
    assert_eq!(
        upstream.targets(),
        [format!("/api/v3/files/{EICAR}/{target}")]
    );
}

#[rstest]
#[case("limit=0", "limit")]
#[case("limit=101", "limit")]
#[case("limit=abc", "limit")]
#[case("limit=-1", "limit")]
#[case("limit=", "limit")]
#[case("limit=1.5", "limit")]
#[case("limit=99999999999999999999", "limit")]
#[case("limit=5&limit=5", "limit")]
#[case("cursor=a&cursor=b", "cursor")]
#[case("cursor=%ff", "cursor")]
#[case("descriptors_only=maybe", "descriptors_only")]
#[case("descriptors_only=true&descriptors_only=true", "descriptors_only")]
#[case("format=html", "format")]
#[case("template_name=nonsense", "template_name")]
#[tokio::test]
async fn an_invalid_parameter_is_named(#[case] query: &str, #[case] name: &str) {
    let (upstream, gateway) = demo().await;
    let reply = gateway
        .get(&format!("{}?{query}", related(EICAR, "votes")))
        .await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    let detail = reply.detail();
    assert!(
        detail.starts_with("Error retrieving file relationships: "),
        "{detail}"
    );
    assert!(detail.contains(&format!("`{name}`")), "{detail}");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn an_invalid_relationship_name_gets_suggestions() {
    let (upstream, gateway) = demo().await;
    for (name, close) in [
        ("Contacted-Domains", "contacted_domains"),
        ("VOTES", "votes"),
        ("contacted%2Fips", "contacted_ips"),
    ] {
        let reply = gateway.get(&related(EICAR, name)).await;
        assert_eq!(reply.status, 400);
        assert!(
            reply.detail().contains(&format!("`{close}`")),
            "{}",
            reply.detail()
        );
    }
    assert_eq!(upstream.count(), 0);
}

#[rstest]
#[case("download_url")]
#[case("download")]
#[case("analyse")]
#[case("Download_URL")]
#[case("%64ownload")]
#[case("ANALYSE")]
#[case("analyze")]
#[case("upload_url")]
#[case("download_zip")]
#[case("behaviour_summary")]
#[case("behaviour_mitre_trees")]
#[case("relationships")]
#[case("pcap")]
#[case("memdump")]
#[tokio::test]
async fn actions_and_other_resources_are_not_relationships(#[case] name: &str) {
    let (upstream, gateway) = demo().await;
    for id in [
        "files/".to_owned() + EICAR,
        "urls/aHR0cHM6Ly94Lw".to_owned(),
        "domains/a.example".to_owned(),
        "ips/8.8.8.8".to_owned(),
    ] {
        for query in ["", "?descriptors_only=true"] {
            let path = format!("/api/v1/{id}/relationships/{name}{query}");
            for headers in [&[("x-api-key", KEY)][..], &[]] {
                let reply = gateway.get_with(&path, headers).await;
                assert_eq!(
                    (reply.status, reply.code().as_str()),
                    (404, "NotFoundError"),
                    "{path}"
                );
                assert!(
                    reply.detail().contains("no relationship"),
                    "{}",
                    reply.detail()
                );
            }
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_relationship_unknown_to_virustotal_is_a_404() {
    let (upstream, gateway) = demo().await;
    let reply = gateway.get(&related(EICAR, "brand_new")).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (404, "NotFoundError")
    );
    assert_eq!(upstream.count(), 1);
}

#[rstest]
#[case::objects("dropped_files", "limit=7", 48)]
#[case::largest_pages("dropped_files", "limit=40", 48)]
#[case::descriptors("contacted_domains", "limit=10&descriptors_only=true", 29)]
#[case::ends_with_a_page("contacted_ips", "limit=14", 14)]
#[tokio::test]
async fn cursors_traverse_the_whole_list(
    #[case] relationship: &str,
    #[case] query: &str,
    #[case] count: usize,
) {
    let (upstream, gateway) = demo().await;
    let first = format!("{}?{query}", related(TROJAN, relationship));
    let (mut path, mut seen) = (first.clone(), Vec::new());
    loop {
        let page = gateway.get(&path).await.json();
        seen.extend(ids(&page["data"]));
        assert_eq!(page["meta"]["count"], count);
        let Some(cursor) = page["meta"]["cursor"].as_str() else {
            break;
        };
        assert!(
            [' ', '/', '&', '=', '+', '%']
                .iter()
                .all(|it| cursor.contains(*it))
        );
        let encoded =
            percent_encoding::utf8_percent_encode(cursor, percent_encoding::NON_ALPHANUMERIC);
        path = format!("{first}&cursor={encoded}");
    }
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), count);
    assert_eq!(seen.len(), count);
    assert!(
        upstream
            .targets()
            .iter()
            .all(|target| target.matches("limit=").count() == 1)
    );
}

#[tokio::test]
async fn links_traverse_the_whole_list() {
    let (_upstream, gateway) = demo().await;
    let query = "?limit=10&format=raw&template_name=vt4ai_file_basics&curs%6Fr=";
    let mut path = format!("{}{query}", related(TROJAN, "dropped_files"));
    let mut seen = Vec::new();
    loop {
        let reply = gateway.get(&path).await;
        seen.extend(ids(&reply.data()));
        let Some(link) = reply.header("link") else {
            assert!(reply.json()["meta"]["cursor"].is_null());
            break;
        };
        let target = link
            .strip_prefix('<')
            .unwrap()
            .strip_suffix(">; rel=\"next\"")
            .unwrap();
        assert!(
            target.starts_with(&related(TROJAN, "dropped_files")),
            "{target}"
        );
        assert!(target.contains("format=raw") && target.matches("r=").count() == 1);
        target.clone_into(&mut path);
    }
    assert_eq!(seen.len(), 48);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 48);
}

#[rstest]
#[case("files", 55)]
#[case("urls", 35)]
#[case("domains", 34)]
#[case("ips", 25)]
#[tokio::test]
async fn the_relationship_types_are_listed(#[case] collection: &str, #[case] count: usize) {
    let (upstream, gateway) = demo().await;
    let path = format!("/api/v1/{collection}/relationships/types");
    let body = gateway.get_with(&path, &[]).await.json();
    let types = body["relationships"].as_array().unwrap();
    assert_eq!(types.len(), count);
    for row in types {
        let row = row.as_object().unwrap();
        let keys: Vec<_> = row.keys().collect();
        assert_eq!(keys, ["value", "description", "tier", "object"]);
        assert!(row.values().all(|it| !it.as_str().unwrap().is_empty()));
        assert!(!row["object"].as_str().unwrap().contains('('), "{row:?}");
    }
    assert_eq!(upstream.count(), 0);
}
