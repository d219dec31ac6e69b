//! The console (`docs/console.md`): its page, its files, their headers, and turning it off.

use crate::harness::{Gateway, Reply, Upstream};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn open(gateway: &Gateway) -> Reply {
    gateway.get_with("/", &[("accept", BROWSER)]).await
}

/// Returns the paths that the page loads.
fn loaded(page: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for part in page.split('"') {
        if part.starts_with("/console/") {
            paths.push(part.to_owned());
        }
    }
    paths
}

#[tokio::test]
async fn page_loads_its_own_files_only() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let page = open(&gateway).await;
    let media = page.header("content-type");
    assert_eq!(
        (page.status, media),
        (200, Some("text/html; charset=utf-8"))
    );
    let paths = loaded(page.text());
    assert_eq!(paths.len(), 3, "{paths:?}");
    let base = paths[0].rsplit_once('/').unwrap().0;
    let imported =
        ["api.js", "card.js", "dom.js", "job.js", "list.js"].map(|it| format!("{base}/{it}"));
    let mut bytes = page.text().len();
    for path in paths.iter().chain(&imported) {
        let file = gateway.get_with(path, &[]).await;
        assert_eq!(file.status, 200, "{path}");
        let kept = file.header("cache-control").unwrap();
        assert!(kept.contains("immutable"), "{path}: {kept}");
        bytes += file.text().len();
    }
    assert!(bytes < 60_000, "{bytes} bytes");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn policy_permits_the_gateways_own_files_and_nothing_inline() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let page = open(&gateway).await;
    let policy = page.header("content-security-policy").unwrap();
    for rule in [
        "default-src 'none'",
        "script-src 'self';",
        "style-src 'self';",
        "connect-src 'self';",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-cache"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn page_and_files_are_revalidated_by_their_tags() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let page = open(&gateway).await;
    let script = loaded(page.text()).pop().unwrap();
    for path in ["/", &script] {
        let full = gateway.get_with(path, &[("accept", BROWSER)]).await;
        let tag = full.header("etag").unwrap();
        let again = [("accept", BROWSER), ("if-none-match", tag)];
        let known = gateway.get_with(path, &again).await;
        assert_eq!((known.status, known.text().len()), (304, 0), "{path}");
        let policy = known.header("content-security-policy");
        assert!(policy.is_some(), "{path}");
    }
}

#[tokio::test]
async fn files_of_another_version_are_served_but_not_kept() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    let file = gateway.get_with("/console/0123/app.js", &[]).await;
    assert_eq!(
        (file.status, file.header("cache-control")),
        (200, Some("no-cache"))
    );
    let media = file.header("content-type");
    assert_eq!(media, Some("text/javascript; charset=utf-8"));
    for path in [
        "/console/0123/secret.js",
        "/console/",
        "/console/0123/..%2fapp.js",
    ] {
        let missing = gateway.get_with(path, &[]).await;
        assert_eq!(missing.status, 404, "{path}");
        assert!(!missing.detail().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn programs_get_json_at_the_root() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &[]).await;
    for accept in ["*/*", "application/json", "text/plain"] {
        let reply = gateway.get_with("/", &[("accept", accept)]).await;
        assert_eq!(reply.json()["docs"], "/docs", "{accept}");
    }
}

#[tokio::test]
async fn page_needs_no_credential_and_the_api_does() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--keyless", "off"]).await;
    let page = open(&gateway).await;
    assert_eq!(page.status, 200);
    for path in loaded(page.text()) {
        assert_eq!(gateway.get_with(&path, &[]).await.status, 200, "{path}");
    }
    let report = gateway.get_with("/api/v1/domains/example.com", &[]).await;
    assert_eq!(report.status, 401);
    // A credential that is refused keeps out of the API, not of the page.
    let refused = [("accept", BROWSER), ("x-api-key", "vt4ai_unknown")];
    assert_eq!(gateway.get_with("/", &refused).await.status, 200);
}

#[tokio::test]
async fn turned_off_nothing_of_it_is_left() {
    let upstream = Upstream::demo().await;
    let on = Gateway::before(&upstream, &[]).await;
    let off = Gateway::before(&upstream, &["--console", "off"]).await;
    for path in loaded(open(&on).await.text()) {
        let missing = off.get_with(&path, &[]).await;
        assert_eq!(missing.status, 404, "{path}");
    }
    let page = open(&off).await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("script"), "{}", page.text());
    assert!(page.text().contains("<a href=\"/docs/\">"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(!policy.contains("script-src"), "{policy}");
}
