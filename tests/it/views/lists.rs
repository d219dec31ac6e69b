//! Tests of lists in brief, and of objects that are no indicators.

use rstest::rstest;
use serde_json::{Value, json};

use super::{REPORTS, demo, keys, with};
use crate::{
    harness::{EICAR, Gateway, TROJAN, Upstream, file, ok},
    relationships::related,
};

#[rstest]
#[case("contacted_ips?limit=14", 14)]
#[case("dropped_files?limit=45", 45)]
#[case("comments?limit=12", 12)]
#[case("behaviours", 3)]
#[tokio::test]
async fn a_list_in_brief_is_one_row_an_object(#[case] list: &str, #[case] count: usize) {
    let (_upstream, gateway) = demo().await;
    let path = with(&related(TROJAN, list), "view=brief");
    let json = gateway.get(&path).await.data();
    assert_eq!(json.as_array().unwrap().len(), count);
    let markdown = gateway
        .get(&with(&path, "format=markdown"))
        .await
        .document();
    let rows = markdown.lines().filter(|line| line.starts_with("| "));
    let numbers: Vec<_> = rows
        .map(|row| row[2..].split(' ').next().unwrap())
        .collect();
    let expected: Vec<_> = (1..=count).map(|number| number.to_string()).collect();
    assert_eq!(numbers[0], "#", "{markdown}");
    assert_eq!(numbers[1..], expected, "{markdown}");
    let cells = |row: &str| row.matches('|').count();
    let table: Vec<_> = markdown
        .lines()
        .filter(|line| line.starts_with('|'))
        .collect();
    assert!(
        table.iter().all(|row| cells(row) == cells(table[0])),
        "{markdown}"
    );
    let xml = gateway.get(&with(&path, "format=xml")).await.document();
    let xml = roxmltree::Document::parse(&xml).unwrap();
    let items = xml
        .root_element()
        .children()
        .filter(|it| it.has_tag_name("item"));
    assert_eq!(items.count(), count);
}

#[tokio::test]
async fn digests_stand_in_a_table_only_where_they_lead_on() {
    let (_upstream, gateway) = demo().await;
    for (list, has_digests) in [
        ("dropped_files", true),
        ("contacted_ips", false),
        ("contacted_urls", false),
        ("comments", false),
        ("votes", false),
    ] {
        let path = related(TROJAN, list);
        let markdown = gateway
            .get(&with(&path, "view=brief&format=markdown"))
            .await;
        let markdown = markdown.document();
        let words = markdown.split(|it: char| !it.is_ascii_hexdigit());
        assert_eq!(
            words.into_iter().any(|it| it.len() == 64),
            has_digests,
            "{markdown}"
        );
    }
}

/// An object of each type with the facts of its brief; `1759968000` is 2025-10-09.
fn others() -> Value {
    json!([
        [{"id": "c-1", "type": "comment", "attributes": {"text": "Looks odd", "date": 1_759_968_000,
            "html": "<b>Looks odd</b>", "votes": {"positive": 2, "negative": 0, "abuse": 0}, "tags": []}},
         {"id": "c-1", "type": "comment", "date": "2025-10-09", "votes": {"positive": 2},
            "untrusted": {"text": "Looks odd"}}],
        [{"id": "v-1", "type": "vote", "attributes": {"verdict": "malicious", "value": -1,
            "date": 1_759_968_000}},
         {"id": "v-1", "type": "vote", "verdict": "malicious", "value": -1, "date": "2025-10-09"}],
        [{"id": "r-1", "type": "resolution", "attributes": {"host_name": "a.example",
            "ip_address": "192.0.2.1", "date": 1_759_968_000, "resolver": "VirusTotal"}},
         {"id": "r-1", "type": "resolution", "host_name": "a.example", "ip_address": "192.0.2.1",
            "date": "2025-10-09", "resolver": "VirusTotal"}],
        [{"id": "a-1", "type": "analysis", "attributes": {"status": "completed",
            "date": 1_759_968_000, "stats": {"malicious": 3, "undetected": 0, "harmless": 60},
            "results": {"X": {"category": "malicious"}}}},
         {"id": "a-1", "type": "analysis", "status": "completed",
            "stats": {"malicious": 3, "harmless": 60}, "date": "2025-10-09"}],
        [{"id": "n-1", "type": "brand_new", "attributes": {"creation_date": 1_759_968_000,
            "score": 4, "note": "from somebody", "nested": {"x": 1}, "none": null}},
         {"id": "n-1", "type": "brand_new", "creation_date": "2025-10-09", "score": 4,
            "untrusted": {"note": "from somebody"}}],
        [{"id": "d-1", "type": "comment"}, {"id": "d-1", "type": "comment"}],
    ])
}

#[tokio::test]
async fn other_objects_show_the_attributes_that_say_what_they_are() {
    let pairs = others();
    let pairs = pairs.as_array().unwrap();
    let objects: Vec<_> = pairs.iter().map(|pair| &pair[0]).collect();
    let upstream = Upstream::always(ok(json!({"data": objects}).to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let path = with(&related(EICAR, "graphs"), "view=brief");
    let data = gateway.get(&path).await.data();
    for (brief, pair) in data.as_array().unwrap().iter().zip(pairs) {
        assert_eq!(*brief, pair[1]);
        assert_eq!(keys(brief)[..2], ["id", "type"]);
    }
    let xml = gateway.get(&with(&path, "format=xml")).await.document();
    let xml = roxmltree::Document::parse(&xml).unwrap();
    let items = xml
        .root_element()
        .children()
        .filter(|it| it.has_tag_name("item"));
    for (item, pair) in items.zip(pairs) {
        let elements = item.children().filter(roxmltree::Node::is_element);
        let elements: Vec<_> = elements.map(|it| it.tag_name().name()).collect();
        assert_eq!(elements, keys(&pair[1]));
    }
    let markdown = gateway
        .get(&with(&path, "format=markdown"))
        .await
        .document();
    for fact in [
        "Looks odd",
        "verdict: malicious",
        "a.example",
        "completed",
        "from somebody",
    ] {
        assert!(markdown.contains(fact), "{fact}: {markdown}");
    }
}

#[tokio::test]
async fn a_single_object_in_brief_has_the_keys_of_its_type() {
    let (_upstream, gateway) = demo().await;
    let analysis = super::analysis(&gateway).await;
    let data = gateway.get(&with(&analysis, "view=brief")).await.data();
    assert_eq!(keys(&data), ["id", "type", "status", "stats", "date"]);
    let path = format!("{}/behaviour_summary", file(TROJAN));
    let data = gateway.get(&with(&path, "view=brief")).await.data();
    assert_eq!(data["type"], "behaviour_summary");
    assert!(
        data["techniques"].is_array() && data["untrusted"]["commands"].is_array(),
        "{data}"
    );
    let path = format!("{}/behaviour_mitre_trees", file(TROJAN));
    let data = gateway.get(&with(&path, "view=brief")).await.data();
    assert_eq!(keys(&data), ["type", "tactics"]);
    // The target of a relationship to one object is shown like a report.
    let path = &format!("{}/relationships/last_serving_ip_address", REPORTS[1].0);
    let data = gateway.get(&with(path, "view=brief")).await.data();
    assert_eq!(keys(&data)[..2], ["indicator", "verdict"]);
    let markdown = gateway
        .get(&with(path, "view=brief&format=markdown"))
        .await
        .document();
    assert!(markdown.starts_with("indicator: ip, "), "{markdown}");
}
