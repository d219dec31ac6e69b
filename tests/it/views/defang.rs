//! Tests of `defang=true`: indicators in documents can't be followed by mistake.

use rstest::rstest;

use super::{FORMATS, PORTAL_URL, REPORTS, demo, shown, with};
use crate::{harness::KEY, harness::TROJAN, relationships::related};

/// Returns the texts of an XML document, without links to VirusTotal.
fn texts(xml: &str) -> String {
    let xml = roxmltree::Document::parse(xml).unwrap();
    let mut texts = String::new();
    for node in xml.descendants().filter(roxmltree::Node::is_text) {
        if !node.parent().unwrap().has_tag_name("link") {
            texts.push_str(node.text().unwrap());
            texts.push('\n');
        }
    }
    texts
}

#[rstest]
#[case(REPORTS[1].0, "hxxps://login[.]bank-secure[.]example/verify?id=1", "bank-secure.example")]
#[case(REPORTS[2].0, "ns1[.]bulletproof[.]test", "bank-secure.example")]
#[case(REPORTS[3].0, "203.0.113[.]", "203.0.113.7")]
#[case(PORTAL_URL, "hxxps://portal[.]example/downloads/", "https://portal")]
#[tokio::test]
async fn indicators_are_defanged_in_documents(
    #[case] path: &str,
    #[case] defanged: &str,
    #[case] whole: &str,
) {
    let (_upstream, gateway) = demo().await;
    for view in [
        "view=standard",
        "view=full",
        "view=brief",
        "max_tokens=2500",
    ] {
        let path = with(path, &format!("{view}&defang=true"));
        let markdown = gateway
            .get(&with(&path, "format=markdown"))
            .await
            .document();
        assert!(markdown.contains(defanged), "{path}: {markdown}");
        assert!(!markdown.contains(whole), "{path}: {markdown}");
        let xml = gateway.get(&with(&path, "format=xml")).await.document();
        let texts = texts(&xml);
        assert!(texts.contains(defanged), "{path}: {texts}");
        assert!(!texts.contains(whole), "{path}: {texts}");
        for (accept, document) in [("text/markdown", &markdown), ("application/xml", &xml)] {
            let bare = gateway
                .get_with(&path, &[("x-api-key", KEY), ("accept", accept)])
                .await;
            assert_eq!(bare.text(), document);
        }
    }
}

#[tokio::test]
async fn json_stays_as_it_is() {
    let (_upstream, gateway) = demo().await;
    for (path, _) in REPORTS {
        for view in [
            "view=standard",
            "view=full",
            "view=brief",
            "format=raw",
            "max_tokens=500",
        ] {
            let plain = shown(&gateway.get(&with(path, view)).await);
            let defanged = gateway
                .get(&with(path, &format!("{view}&defang=true")))
                .await;
            assert_eq!(shown(&defanged), plain, "{path} {view}");
        }
    }
}

#[tokio::test]
async fn the_link_to_virustotal_is_never_defanged() {
    let (_upstream, gateway) = demo().await;
    for (path, _) in REPORTS {
        let path = with(path, "view=brief&defang=true&format=xml");
        let xml = gateway.get(&path).await.document();
        assert!(
            xml.contains("<link>https://www.virustotal.com/gui/"),
            "{xml}"
        );
    }
}

#[tokio::test]
async fn nothing_is_defanged_unless_asked_for() {
    let (_upstream, gateway) = demo().await;
    for (path, _) in REPORTS {
        for format in FORMATS {
            for view in ["view=standard", "view=brief"] {
                let path = with(path, &format!("{view}&format={format}"));
                for text in [
                    shown(&gateway.get(&path).await),
                    shown(&gateway.get(&with(&path, "defang=false")).await),
                ] {
                    assert!(
                        !text.contains("[.]") && !text.contains("hxxp"),
                        "{path}: {text}"
                    );
                }
            }
        }
    }
}

#[rstest]
#[case("contacted_ips", "203.0.113[.]")]
#[case("contacted_urls", "hxxps://")]
#[case("contacted_domains", "[.]bank-secure[.]example")]
#[tokio::test]
async fn lists_are_defanged_as_well(#[case] list: &str, #[case] defanged: &str) {
    let (_upstream, gateway) = demo().await;
    for view in ["view=standard", "view=brief"] {
        let path = with(&related(TROJAN, list), &format!("{view}&defang=true"));
        let markdown = gateway
            .get(&with(&path, "format=markdown"))
            .await
            .document();
        assert!(markdown.contains(defanged), "{markdown}");
        for whole in ["203.0.113.7", "https://", ".bank-secure.example"] {
            assert!(!markdown.contains(whole), "{whole}: {markdown}");
        }
        let xml = gateway.get(&with(&path, "format=xml")).await.document();
        assert!(texts(&xml).contains(defanged), "{xml}");
    }
}
