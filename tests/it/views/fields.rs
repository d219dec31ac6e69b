//! Tests of `fields`, and of `include_fields` in templates.

use rstest::rstest;
use serde_json::{Value, json};

use super::{FORMATS, REPORTS, demo, keys, shown, with};
use crate::{
    cache::keeping,
    harness::{EICAR, Folder, Gateway, TROJAN, Upstream, file, ok},
    relationships::related,
};

async fn fields(gateway: &Gateway, path: &str, fields: &str) -> Value {
    let path = with(path, &format!("fields={fields}"));
    gateway.get(&path).await.data()
}

/// Starts a gateway before an upstream that has one report on a file, with these attributes.
async fn answering(attributes: &Value) -> (Upstream, Gateway) {
    let data = json!({"id": EICAR, "type": "file", "attributes": attributes});
    let upstream = Upstream::always(ok(json!({"data": data}).to_string())).await;
    let gateway = Gateway::before(&upstream, &[]).await;
    (upstream, gateway)
}

#[tokio::test]
async fn fields_show_only_what_they_name() {
    let (_upstream, gateway) = demo().await;
    let full = gateway.get(&with(&file(EICAR), "view=full")).await.data();
    let data = fields(&gateway, &file(EICAR), "names,size,last_analysis_stats").await;
    // The order is VirusTotal's.
    assert_eq!(keys(&data), ["size", "names", "last_analysis_stats"]);
    for key in keys(&data) {
        assert_eq!(data[key], full[key]);
    }
    let data = fields(
        &gateway,
        &file(EICAR),
        "last_analysis_stats.malicious,trid.*.file_type",
    )
    .await;
    assert_eq!(
        data,
        json!({"trid": [{"file_type": "EICAR antivirus test file"}], "last_analysis_stats": {"malicious": 50}})
    );
}

#[tokio::test]
async fn the_default_template_does_not_apply_to_fields() {
    let (_upstream, gateway) = demo().await;
    let standard = gateway.get(&file(EICAR)).await.data();
    assert!(standard.get("sha1").is_none());
    let data = fields(
        &gateway,
        &file(EICAR),
        "sha1,last_analysis_results.*.category",
    )
    .await;
    assert!(data["sha1"].is_string());
    for (engine, result) in data["last_analysis_results"].as_object().unwrap() {
        assert_eq!(keys(result), ["category"], "{engine}");
    }
}

#[tokio::test]
async fn a_named_template_applies_beside_fields() {
    let (_upstream, gateway) = demo().await;
    let path = with(&file(EICAR), "template_name=vt4ai_file_basics");
    let data = fields(&gateway, &path, "size,sha1,last_analysis_results.Microsoft").await;
    assert_eq!(
        data,
        json!({"size": 68, "last_analysis_results": {"Microsoft": {"result": "Virus:DOS/EICAR_Test_File"}}})
    );
}

#[tokio::test]
async fn full_with_fields_means_fields() {
    let (_upstream, gateway) = demo().await;
    for format in FORMATS {
        let path = with(&file(EICAR), &format!("format={format}&fields=sha1,names"));
        let plain = gateway.get(&path).await;
        let full = gateway.get(&with(&path, "view=full")).await;
        assert_eq!(full.text(), plain.text());
    }
}

#[tokio::test]
async fn a_parent_without_a_match_does_not_appear() {
    let (_upstream, gateway) = answering(&json!({
        "a": {"b": {"c": 1}, "d": {}}, "l": [{"x": 1}, {"y": 2}, 3], "e": {}, "n": null, "s": "t",
    }))
    .await;
    for (asked, expected) in [
        ("a.b.nothing,s", json!({"s": "t"})),
        ("a.d.nothing,n", json!({"n": null})),
        ("a.d", json!({"a": {"d": {}}})),
        ("e,a.*.c", json!({"a": {"b": {"c": 1}}, "e": {}})),
        ("l.*.z,s", json!({"s": "t"})),
        ("s.deeper", json!({})),
        ("nothing", json!({})),
    ] {
        assert_eq!(
            fields(&gateway, &file(EICAR), asked).await,
            expected,
            "{asked}"
        );
    }
}

#[tokio::test]
async fn an_unknown_field_leaves_an_empty_answer() {
    let (upstream, gateway) = demo().await;
    for (path, root) in REPORTS {
        assert_eq!(
            fields(&gateway, path, "nothing,last_analysis_stats.nothing").await,
            json!({})
        );
        let markdown = gateway
            .get(&with(path, "fields=nothing&format=markdown"))
            .await;
        assert_eq!(
            markdown.document().trim_end().lines().count(),
            1,
            "{}",
            markdown.text()
        );
        assert!(markdown.document().starts_with("# "));
        let xml = gateway.get(&with(path, "fields=nothing&format=xml")).await;
        let xml = xml.document();
        let xml = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(xml.root_element().tag_name().name(), root);
        assert!(!xml.root_element().children().any(|it| it.is_element()));
    }
    assert_eq!(upstream.count(), REPORTS.len());
}

#[tokio::test]
async fn a_key_with_dots_matches_only_a_star() {
    let (_upstream, gateway) = answering(&json!({
        "a.b": 1, "a": {"b": 2, "c.d": {"e": 3}}, "engines": {"SCUMWARE.org": {"result": "r", "x": 0}},
    }))
    .await;
    for (asked, expected) in [
        ("a.b", json!({"a": {"b": 2}})),
        ("a.c.d", json!({})),
        ("engines.SCUMWARE.org", json!({})),
        (
            "engines.*.result",
            json!({"engines": {"SCUMWARE.org": {"result": "r"}}}),
        ),
        ("a.*.e", json!({"a": {"c.d": {"e": 3}}})),
    ] {
        assert_eq!(
            fields(&gateway, &file(EICAR), asked).await,
            expected,
            "{asked}"
        );
    }
    let all = fields(&gateway, &file(EICAR), "*").await;
    assert_eq!(keys(&all), ["a.b", "a", "engines"]);
}

#[tokio::test]
async fn fields_are_the_same_in_all_formats() {
    let (_upstream, gateway) = demo().await;
    for (path, _) in REPORTS {
        let path = with(path, "fields=last_analysis_stats.malicious,reputation,tags");
        let data = gateway.get(&path).await.data();
        let xml = gateway.get(&with(&path, "format=xml")).await.document();
        let xml = roxmltree::Document::parse(&xml).unwrap();
        let elements = xml
            .root_element()
            .children()
            .filter(roxmltree::Node::is_element);
        let elements: Vec<_> = elements.map(|it| it.tag_name().name()).collect();
        assert_eq!(elements, keys(&data));
        let markdown = gateway
            .get(&with(&path, "format=markdown"))
            .await
            .document();
        let headings = markdown
            .lines()
            .filter(|line| line.starts_with("# "))
            .count();
        assert_eq!(headings, 1 + elements.len(), "{markdown}");
    }
}

#[tokio::test]
async fn fields_apply_to_the_attributes_of_every_object_in_a_list() {
    let (_upstream, gateway) = demo().await;
    let path = with(
        &related(TROJAN, "contacted_ips"),
        "limit=14&fields=asn,nothing.x",
    );
    let data = gateway.get(&path).await.data();
    assert_eq!(data.as_array().unwrap().len(), 14);
    for item in data.as_array().unwrap() {
        assert_eq!(keys(item)[..2], ["id", "type"]);
        let attributes = item.get("attributes").cloned().unwrap_or(json!({}));
        assert!(keys(&attributes).iter().all(|key| *key == "asn"), "{item}");
    }
    assert!(data.to_string().contains("\"asn\""));
}

#[rstest]
#[case("/api/v1/files/x/comments", "text", "text")]
#[case("/api/v1/files/x/votes", "verdict", "verdict")]
#[case("/api/v1/search?query=example.com", "reputation", "reputation")]
#[case("/api/v1/intelligence/search?query=type:peexe", "size,nothing", "size")]
#[tokio::test]
async fn fields_apply_to_lists_of_every_kind(
    #[case] path: &str,
    #[case] asked: &str,
    #[case] key: &str,
) {
    let (_upstream, gateway) = demo().await;
    let path = path.replace("/x/", &format!("/{TROJAN}/"));
    let data = fields(&gateway, &path, asked).await;
    let items = data.as_array().unwrap();
    assert!(!items.is_empty());
    for item in items {
        assert_eq!(keys(&item["attributes"]), [key], "{item}");
    }
}

#[tokio::test]
async fn fields_apply_to_behaviour_and_analyses() {
    let (_upstream, gateway) = demo().await;
    let path = format!("{}/behaviour_summary", file(TROJAN));
    assert_eq!(
        keys(&fields(&gateway, &path, "processes_created").await),
        ["processes_created"]
    );
    let path = format!("{}/behaviour_mitre_trees", file(TROJAN));
    let data = fields(&gateway, &path, "*.tactics.*.id").await;
    assert!(
        data.to_string().contains("TA00") && !data.to_string().contains("techniques"),
        "{data}"
    );
    let path = super::analysis(&gateway).await;
    assert_eq!(
        keys(&fields(&gateway, &path, "status,stats").await),
        ["status", "stats"]
    );
}

#[tokio::test]
async fn fields_hold_within_a_budget() {
    let (_upstream, gateway) = demo().await;
    let path = with(REPORTS[0].0, "fields=names,sha1&max_tokens=60");
    let data = gateway.get(&path).await.data();
    assert!(
        keys(&data)
            .iter()
            .all(|key| ["names", "sha1"].contains(key)),
        "{data}"
    );
    let markdown = gateway.get(&with(&path, "format=markdown")).await;
    assert!(!shown(&markdown).contains("# Size"), "{}", markdown.text());
}

const INCLUDING: &str = r#"{"name": "mine", "object": "file", "default": true,
    "include_fields": ["size", "sha1", "exiftool", "last_analysis_results.*.category"],
    "exclude_fields": ["exiftool.FileType", "sha1", "last_analysis_results.Bkav"]}"#;

#[tokio::test]
async fn a_template_includes_first_and_then_excludes() {
    let folder = Folder::new().with("mine.json", INCLUDING);
    let upstream = Upstream::demo().await;
    let folder = folder.path().to_str().unwrap();
    let gateway = keeping(&upstream, &["--templates-dir", folder]).await;
    for path in [file(EICAR), with(&file(EICAR), "template_name=mine")] {
        let data = gateway.get(&path).await.data();
        assert_eq!(keys(&data), ["size", "exiftool", "last_analysis_results"]);
        assert!(data["exiftool"].get("FileType").is_none());
        assert_eq!(data["exiftool"]["MIMEType"], "text/plain");
        let results = &data["last_analysis_results"];
        assert!(results.get("Bkav").is_none());
        assert_eq!(keys(&results["Microsoft"]), ["category"]);
    }
    // Fields choose from what the named template shows.
    let path = with(&file(EICAR), "template_name=mine");
    let data = fields(&gateway, &path, "size,names,exiftool.*").await;
    assert_eq!(keys(&data), ["size", "exiftool"]);
    assert!(data["exiftool"].get("FileType").is_none());
    // Without a name it is a default, which does not apply.
    assert_eq!(
        keys(&fields(&gateway, &file(EICAR), "names").await),
        ["names"]
    );
    // Neither applies to the whole report.
    let full = gateway.get(&with(&file(EICAR), "view=full")).await.data();
    assert!(full.get("names").is_some() && full.get("sha1").is_some());
    let template = gateway.get("/templates/mine").await.json();
    assert_eq!(template["include_fields"][0], "size");
    // In a list the template applies to files.
    let list = gateway.get(&related(EICAR, "similar_files")).await.data();
    for item in list.as_array().unwrap() {
        assert!(
            keys(&item["attributes"])
                .iter()
                .all(|key| *key == "size" || *key == "last_analysis_results")
        );
    }
}
