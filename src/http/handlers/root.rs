//! The root: the name of the gateway for programs, the console or a page of links for browsers.

use std::fmt::Write as _;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{Html, IntoResponse as _, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{console::escape, extract::format, openapi::errors::OpenErrors, state::AppState};

/// The headers of the page: it runs nothing and loads nothing.
const PAGE_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
];

/// The page up to its examples.
const PAGE: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>VT4AI</title>\n",
    "<h1>VT4AI ",
    env!("CARGO_PKG_VERSION"),
    "</h1>\n<p>A gateway in front of VirusTotal API v3 for language models and SOC tools.</p>\n",
    "<ul>\n",
    "<li><a href=\"/docs/\">Documentation</a>, with every operation to try</li>\n",
    "<li><a href=\"/openapi.json\">OpenAPI document</a></li>\n",
    "<li><a href=\"/templates\">Templates</a></li>\n",
    "<li><a href=\"/readyz\">Health</a></li>\n",
    "</ul>\n",
);

/// The name and version of the gateway.
#[derive(Serialize, ToSchema)]
pub struct Root {
    #[schema(example = "VT4AI API Server")]
    message: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    #[schema(example = "/docs")]
    docs: &'static str,
}

/// Name and version
///
/// For a first look, and for clients that want to know what answers here. Browsers get the console,
/// or a page with links where that is off.
#[utoipa::path(get, path = "/", tag = "Service", security(()), responses(
    (status = 200, description = "The name of the gateway, and where its documentation is",
     content((Root = "application/json"), (String = "text/html"))),
    OpenErrors,
))]
pub async fn get_root(State(gateway): State<AppState>, headers: HeaderMap) -> Response {
    let mut response = if format::accepts_html(&headers) {
        match &gateway.console {
            Some(console) => console.respond(&headers),
            None => (PAGE_HEADERS, Html(page(&gateway.examples))).into_response(),
        }
    } else {
        let root = Root {
            message: "VT4AI API Server",
            version: env!("CARGO_PKG_VERSION"),
            docs: "/docs",
        };
        Json(root).into_response()
    };
    let vary = HeaderValue::from_static("accept");
    response.headers_mut().append(header::VARY, vary);
    response
}

/// Returns the page, with links to those of the demo's examples that a browser can open.
fn page(examples: &str) -> String {
    let mut page = String::from(PAGE);
    if !examples.is_empty() {
        page.push_str("<h2>Examples</h2>\n<ul>\n");
    }
    for path in examples.lines().filter_map(link_of) {
        let path = escape(path);
        // Writing to a `String` does not fail.
        let _ = writeln!(page, "<li><a href=\"{path}\">{path}</a></li>");
    }
    if !examples.is_empty() {
        page.push_str("</ul>\n");
    }
    page.push_str("</html>\n");
    page
}

/// Returns the path of a command that only gets it.
fn link_of(line: &str) -> Option<&str> {
    let target = line.trim().strip_prefix("curl -s ")?;
    let path = target.trim_matches('\'');
    let is_plain = path.starts_with('/') && !path.contains([' ', '\'']);
    is_plain.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_only_get_a_path_become_links() {
        let examples = "Reports:\n  curl -s '/a?b=\"c\"&d'\n  curl -s -X POST /e\n  curl -s /f\n";
        let page = page(examples);
        assert!(
            page.contains("<a href=\"/a?b=&quot;c&quot;&amp;d\">"),
            "{page}"
        );
        assert!(page.contains("<a href=\"/f\">"), "{page}");
        assert!(!page.contains("POST"), "{page}");
    }
}
