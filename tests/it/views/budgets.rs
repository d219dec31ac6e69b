//! Tests of `max_tokens`: it is kept by the real count, and what is left out is said.

use rstest::rstest;
use serde_json::Value;

use super::{
    FORMATS, LARGE, PORTAL, REPORTS, STRANGER, demo, keys, meta, reads, shown, tokens, with,
};
use crate::{
    harness::{EICAR, Gateway, KEY, Reply, TROJAN, file},
    relationships::related,
};

/// Every combination of a view and a format.
const VIEWS: [&str; 13] = [
    "view=standard&format=json",
    "view=standard&format=markdown",
    "view=standard&format=xml",
    "view=full&format=json",
    "view=full&format=markdown",
    "view=full&format=xml",
    "format=raw",
    "view=brief&format=json",
    "view=brief&format=markdown",
    "view=brief&format=xml",
    "fields=*&format=json&untrusted=withhold",
    "fields=*&format=markdown&untrusted=mark&defang=true",
    "fields=*&format=xml&defang=true",
];

/// Checks that a view keeps its budget by the real count, and returns the answer.
async fn kept(gateway: &Gateway, path: &str, view: &str, most: usize) -> Reply {
    let path = with(path, &format!("{view}&max_tokens={most}"));
    let reply = gateway.get(&path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    let text = shown(&reply);
    if view.contains("format=xml") {
        roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
    }
    let estimate = meta(&reply)["tokens"].as_u64().unwrap();
    let (estimate, real) = (usize::try_from(estimate).unwrap(), tokens(&text));
    assert!(
        real <= estimate,
        "{path}: {real} tokens, estimated {estimate}: {text}"
    );
    assert!(estimate <= most, "{path}: {estimate}: {text}");
    reply
}

#[tokio::test]
async fn fifty_tokens_are_kept_in_every_view_and_format() {
    let (_upstream, gateway) = demo().await;
    for path in reads(&gateway).await {
        for view in VIEWS {
            kept(&gateway, &path, view, 50).await;
        }
    }
}

#[rstest]
#[case(51)]
#[case(64)]
#[case(100)]
#[case(199)]
#[case(200)]
#[case(777)]
#[case(3000)]
#[tokio::test]
async fn a_budget_is_kept_in_every_view_and_format(#[case] most: usize) {
    let (_upstream, gateway) = demo().await;
    let list = with(&related(TROJAN, "dropped_files"), "limit=40");
    for path in [STRANGER, REPORTS[1].0, REPORTS[2].0, REPORTS[3].0, &list] {
        for view in VIEWS {
            kept(&gateway, path, view, most).await;
        }
    }
}

#[rstest]
#[case(50)]
#[case(2000)]
#[case(20_000)]
#[tokio::test]
async fn a_report_of_300_kilobytes_fits_into_a_budget(#[case] most: usize) {
    let (_upstream, gateway) = demo().await;
    for format in FORMATS {
        let reply = kept(&gateway, LARGE, &format!("view=full&format={format}"), most).await;
        assert_eq!(meta(&reply)["complete"], false);
        // The room is used.
        let used = tokens(&shown(&reply));
        assert!(most < 2000 || used > most / 3, "{format}: {used} of {most}");
    }
}

#[tokio::test]
async fn a_bare_document_keeps_its_budget() {
    let (_upstream, gateway) = demo().await;
    for accept in ["text/markdown", "application/xml"] {
        for query in [
            "max_tokens=50",
            "max_tokens=300",
            "view=brief&max_tokens=90",
        ] {
            let headers = [("x-api-key", KEY), ("accept", accept)];
            let reply = gateway.get_with(&with(STRANGER, query), &headers).await;
            let most = query.rsplit('=').next().unwrap().parse().unwrap();
            assert_eq!(reply.status, 200);
            assert!(tokens(reply.text()) <= most, "{query}: {}", reply.text());
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_brief_of_fifty_tokens_keeps_the_verdict(
    #[values("json", "markdown", "xml")] format: &str,
) {
    let (_upstream, gateway) = demo().await;
    let reports = REPORTS.map(|(report, _)| report);
    for path in reports.into_iter().chain([STRANGER, LARGE, PORTAL]) {
        let whole = gateway.get(&with(path, "view=brief")).await.data();
        let reply = kept(&gateway, path, &format!("view=brief&format={format}"), 50).await;
        let text = shown(&reply);
        // The tags of XML leave no room for the reason.
        let parts = if format == "xml" {
            &["level"][..]
        } else {
            &["level", "reason"]
        };
        for part in parts {
            let part = whole["verdict"][part].as_str().unwrap();
            // A long label may be cut.
            let part = part.split("; label").next().unwrap();
            assert!(text.contains(part), "{path}: {part}: {text}");
        }
    }
}

/// Checks that a view within the largest budget is complete, and the same as without a budget.
async fn check_whole(gateway: &Gateway, path: &str, view: &str) {
    let whole = gateway.get(&with(path, view)).await;
    let within = kept(gateway, path, view, 100_000).await;
    assert_eq!(meta(&within)["complete"], true, "{path} {view}");
    let mut text = shown(&within);
    if !view.contains("brief")
        && let Some(end) = text.find("\n\nLeft out: ")
    {
        text.truncate(end);
    }
    assert_eq!(text.trim_end(), shown(&whole).trim_end(), "{path} {view}");
}

#[tokio::test]
async fn a_view_that_fits_is_complete_and_unchanged() {
    let (_upstream, gateway) = demo().await;
    for path in reads(&gateway).await {
        for view in [
            "view=standard&format=markdown",
            "view=full&format=json",
            "view=brief&format=json",
            "view=brief&format=markdown",
            "view=brief&format=xml",
            "fields=*&format=xml&defang=true",
        ] {
            check_whole(&gateway, &path, view).await;
        }
    }
}

#[tokio::test]
async fn raw_data_that_fits_is_virustotals_own() {
    let (_upstream, gateway) = demo().await;
    for path in reads(&gateway).await {
        check_whole(&gateway, &path, "format=raw").await;
    }
}

/// Checks that a value is a part of another one: members and the tails of lists may be missing, and
/// a text may end early with `…`.
fn is_part(cut: &Value, whole: &Value) -> bool {
    match (cut, whole) {
        (Value::Object(cut), Value::Object(whole)) => cut
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|whole| is_part(value, whole))),
        (Value::Array(cut), Value::Array(whole)) => {
            cut.len() <= whole.len()
                && cut
                    .iter()
                    .zip(whole)
                    .all(|(cut, whole)| is_part(cut, whole))
        }
        (Value::String(cut), Value::String(whole)) => {
            let is_start = |start: &str| whole.starts_with(start.trim_end());
            cut == whole || cut.strip_suffix('…').is_some_and(is_start)
        }
        _ => cut == whole,
    }
}

#[tokio::test]
async fn a_cut_view_holds_parts_of_the_whole_one() {
    let (_upstream, gateway) = demo().await;
    let list = with(&related(TROJAN, "dropped_files"), "limit=40");
    for path in [
        REPORTS[0].0,
        REPORTS[1].0,
        REPORTS[2].0,
        REPORTS[3].0,
        STRANGER,
        LARGE,
        &list,
    ] {
        for view in ["view=standard", "view=full", "view=brief"] {
            let whole = gateway.get(&with(path, view)).await.data();
            for most in [50, 120, 400, 1500, 6000] {
                let reply = kept(&gateway, path, view, most).await;
                let cut = reply.data();
                assert!(is_part(&cut, &whole), "{path} {view} {most}: {cut}");
                assert_eq!(
                    meta(&reply)["complete"] == true,
                    cut == whole,
                    "{path} {view} {most}"
                );
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn the_counts_the_families_and_the_dates_go_last(
    #[values("json", "markdown", "xml")] format: &str,
) {
    let (_upstream, gateway) = demo().await;
    let path = file(TROJAN);
    let reply = kept(&gateway, &path, &format!("view=full&format={format}"), 300).await;
    let text = shown(&reply).to_lowercase().replace(' ', "_");
    for part in [
        "last_analysis_stats",
        "trojan.quillback/stealer",
        "last_analysis_date",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("last_analysis_results\""), "{text}");
}

#[tokio::test]
async fn what_was_left_out_is_in_omitted() {
    let (_upstream, gateway) = demo().await;
    for (path, _) in REPORTS {
        let whole = gateway.get(&with(path, "view=full")).await.data();
        for most in [50, 500, 1500] {
            let reply = kept(&gateway, path, "view=full", most).await;
            let (cut, meta) = (reply.data(), meta(&reply));
            let omitted = meta["omitted"].as_array().unwrap();
            let sizes: Vec<_> = omitted
                .iter()
                .map(|it| it["tokens"].as_u64().unwrap())
                .collect();
            assert!(sizes.is_sorted_by(|one, next| one >= next), "{meta}");
            let missing = keys(&whole)
                .into_iter()
                .filter(|key| cut.get(key) != whole.get(key));
            let missing: Vec<_> = missing.collect();
            assert_eq!(
                omitted.len(),
                missing.len().min(20),
                "{path} {most}: {meta}"
            );
            for omitted in omitted {
                let path = omitted["path"].as_str().unwrap();
                assert!(missing.contains(&path), "{path}: {meta}");
            }
        }
    }
}

#[tokio::test]
async fn the_last_line_of_markdown_says_what_was_cut() {
    let (_upstream, gateway) = demo().await;
    for (path, _) in REPORTS {
        let reply = kept(&gateway, path, "view=full&format=markdown", 1000).await;
        let meta = meta(&reply);
        let markdown = reply.document();
        let last = markdown.lines().last().unwrap();
        assert!(last.starts_with("Left out: "), "{last}");
        for omitted in meta["omitted"].as_array().unwrap().iter().take(3) {
            let path = omitted["path"].as_str().unwrap();
            assert!(last.contains(path), "{path}: {last}");
        }
    }
    // Without a budget nothing is said.
    let whole = gateway.get(&with(REPORTS[0].0, "format=markdown")).await;
    assert!(!whole.document().contains("Left out: "));
}

#[rstest]
#[case("view=standard")]
#[case("view=full")]
#[case("view=brief")]
#[case("descriptors_only=true")]
#[tokio::test]
async fn a_list_that_is_cut_keeps_the_cursor_of_its_page(#[case] view: &str) {
    let (_upstream, gateway) = demo().await;
    let path = with(
        &related(TROJAN, "dropped_files"),
        &format!("limit=30&{view}"),
    );
    let whole = gateway.get(&path).await;
    for format in FORMATS {
        for most in [50, 300, 1000] {
            let reply = kept(&gateway, &path, &format!("format={format}"), most).await;
            let (cut, page) = (meta(&reply), meta(&whole));
            assert_eq!(cut["cursor"], page["cursor"], "{cut}");
            assert_eq!(cut["count"], page["count"], "{cut}");
            let link = reply
                .header("link")
                .unwrap()
                .replace(&format!("&format={format}"), "");
            let link = link.replace(&format!("&max_tokens={most}"), "");
            assert_eq!(Some(&*link), whole.header("link"));
            // Without it all rows are there, with less in them.
            let shown = cut.get("shown").map_or(30, |it| it.as_u64().unwrap());
            assert!(shown <= 30 && cut["complete"] == false, "{cut}");
            if format == "json" {
                assert_eq!(reply.data().as_array().unwrap().len() as u64, shown);
            }
        }
    }
    let all = kept(&gateway, &path, "format=json", 100_000).await;
    assert!(meta(&all).get("shown").is_none());
}

#[rstest]
#[case("view=standard", "id")]
#[case("view=full", "id")]
#[case("view=brief", "indicator")]
#[tokio::test]
async fn the_objects_of_a_cut_list_keep_their_ids(#[case] view: &str, #[case] id: &str) {
    let (_upstream, gateway) = demo().await;
    for list in ["dropped_files", "contacted_ips", "contacted_urls"] {
        let path = with(&related(TROJAN, list), view);
        let whole = gateway.get(&path).await.data();
        for most in [50, 100, 300, 1000] {
            let cut = kept(&gateway, &path, "format=json", most).await.data();
            for (cut, whole) in cut
                .as_array()
                .unwrap()
                .iter()
                .zip(whole.as_array().unwrap())
            {
                assert_eq!(cut[id], whole[id], "{list} {most}");
            }
        }
    }
}

#[tokio::test]
async fn the_estimate_is_near_the_real_count() {
    let (_upstream, gateway) = demo().await;
    let mut ratios = Vec::new();
    for (path, _) in REPORTS.into_iter().chain([(STRANGER, ""), (PORTAL, "")]) {
        for view in VIEWS {
            let reply = gateway
                .get(&with(path, &format!("{view}&max_tokens=100000")))
                .await;
            let estimate = meta(&reply)["tokens"].as_u64().unwrap();
            ratios.push(estimate * 100 / tokens(&shown(&reply)) as u64);
        }
    }
    ratios.sort_unstable();
    assert!(
        ratios[0] >= 100 && ratios[ratios.len() / 2] <= 135,
        "{ratios:?}"
    );
}

#[tokio::test]
async fn a_relationship_to_nothing_fits_into_any_budget() {
    let (_upstream, gateway) = demo().await;
    let path = related(EICAR, "bundled_files");
    for view in VIEWS {
        let reply = kept(&gateway, &path, view, 50).await;
        assert_eq!(meta(&reply)["complete"], true, "{view}: {}", reply.text());
    }
}
