//! The console: one page for browsers, with its scripts and its style, from inside the binary.
//!
//! The files stand below a path that holds a digest of all of them, so a browser may keep them for
//! good and never mixes those of two versions. The page itself is revalidated each time. Neither
//! needs a credential: the page sends one to the API only.

use std::{
    fmt::Write as _,
    sync::{LazyLock, OnceLock},
};

use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
    routing::get,
};
use sha2::{Digest as _, Sha256};

use super::{error::ApiError, openapi::files::File, state::AppState};

/// The page, with places for what differs between gateways.
const PAGE: &str = include_str!("console/index.html");

/// The files that the page loads.
const SOURCES: [Source; 7] = [
    Source::script("api.js", include_str!("console/api.js")),
    Source::script("app.js", include_str!("console/app.js")),
    Source::script("card.js", include_str!("console/card.js")),
    Source::script("dom.js", include_str!("console/dom.js")),
    Source::script("job.js", include_str!("console/job.js")),
    Source::script("list.js", include_str!("console/list.js")),
    Source {
        name: "console.css",
        content_type: "text/css; charset=utf-8",
        text: include_str!("console/console.css"),
    },
];

/// The policy of the page: it runs and loads the gateway's own files only, calls the gateway only,
/// stands in no frame, and no script may turn text into HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// The headers of the page and its files, beside those of every answer.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// The files as they are served, made on the first request of the process.
static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::new);

/// A file of the console in the binary.
struct Source {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

impl Source {
    const fn script(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            content_type: "text/javascript; charset=utf-8",
            text,
        }
    }
}

/// The files that the page loads, below a path of their own version.
struct Assets {
    version: String,
    files: Vec<Asset>,
}

/// A file that the page loads.
struct Asset {
    name: &'static str,
    file: File,
}

impl Assets {
    fn new() -> Self {
        let mut digest = Sha256::new();
        let mut files = Vec::new();
        for source in SOURCES.iter().chain([&ICON]) {
            digest.update(source.text);
            let bytes = Bytes::from_static(source.text.as_bytes());
            files.push(Asset {
                name: source.name,
                file: File::plain(source.content_type, bytes),
            });
        }
        let version = hex::encode(digest.finalize());
        Self {
            version: version.chars().take(8).collect(),
            files,
        }
    }

    fn find(&self, name: &str) -> Option<&File> {
        let found = self.files.iter().find(|asset| asset.name == name);
        found.map(|asset| &asset.file)
    }
}

const ICON: Source = Source {
    name: "icon.svg",
    content_type: "image/svg+xml",
    text: include_str!("console/icon.svg"),
};

/// An indicator that the page offers to look up.
#[derive(Debug)]
pub struct Example {
    /// The words on its button.
    pub label: &'static str,
    /// The text that the button looks up.
    pub text: &'static str,
}

/// The page of one gateway.
#[derive(Debug, Default)]
pub struct Console {
    /// The indicators that the page offers: those that the demo knows.
    pub examples: Vec<Example>,
    page: OnceLock<File>,
}

impl Console {
    /// Answers a browser's request for the page.
    pub(super) fn respond(&self, headers: &HeaderMap) -> Response {
        let page = self.page.get_or_init(|| {
            let page = Bytes::from(page(&self.examples));
            File::plain("text/html; charset=utf-8", page)
        });
        protect(page.respond(headers))
    }
}

/// Returns the routes of the files that the page loads.
pub(super) fn routes() -> Router<AppState> {
    let route = get(get_asset).fallback(async || ApiError::method_not_allowed(&["GET", "HEAD"]));
    Router::new().route("/console/{version}/{name}", route)
}

/// Answers a request for a file. The files of another version are not kept: replicas may differ
/// while they are updated.
async fn get_asset(
    Path([version, name]): Path<[String; 2]>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let assets = &*ASSETS;
    let Some(file) = assets.find(&name) else {
        return Err(ApiError::not_found("the console has no such file"));
    };
    let mut response = protect(file.respond(&headers));
    if version == assets.version {
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, forever);
    }
    Ok(response)
}

fn protect(mut response: Response) -> Response {
    response.headers_mut().extend(HEADERS);
    response
}

/// Returns the page with these examples.
fn page(examples: &[Example]) -> String {
    let assets = format!("/console/{}/", ASSETS.version);
    PAGE.replace("{assets}", &assets)
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{examples}", &buttons(examples))
}

fn buttons(examples: &[Example]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    let mut list = String::from("<h2>Examples of the demo</h2>\n<ul class=\"examples\">\n");
    for Example { label, text } in examples {
        let (label, text) = (escape(label), escape(text));
        // Writing to a `String` does not fail.
        let _ = writeln!(
            list,
            "<li><button data-indicator=\"{text}\">{label}</button></li>"
        );
    }
    list.push_str("</ul>\n");
    list
}

/// Writes a text for HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use super::*;
    use crate::{
        access::{
            Full,
            clients::{AllowanceWindow, OverAllowance},
        },
        quota::accounts::{Exhausted, Window},
    };

    #[test]
    fn page_and_files_stay_under_60_kb() {
        let files = SOURCES.iter().chain([&ICON]).map(|it| it.text.len());
        let all = files.sum::<usize>() + page(&[]).len();
        assert!(all < 60_000, "{all} bytes");
    }

    #[test]
    fn page_has_no_script_or_style_of_its_own() {
        let page = page(&[]);
        assert!(
            !page.contains("style=") && !page.contains("<style"),
            "{page}"
        );
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert!(!page.contains("{assets}") && !page.contains("{examples}"));
        assert!(!page.contains("http://") && !page.contains("https://"));
    }

    #[test]
    fn scripts_never_parse_html() {
        for source in &SOURCES {
            for sink in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
                "DOMParser",
                "createContextualFragment",
                "localStorage",
                "setAttribute('style'",
            ] {
                assert!(!source.text.contains(sink), "{}: {sink}", source.name);
            }
        }
    }

    /// The codes of these errors are equal, so the page tells them apart by their details.
    #[test]
    fn page_knows_the_details_of_a_429() {
        let retry_after = Duration::from_secs(1);
        let queue_full = Exhausted {
            window: Window::Minute,
            limit: 4,
            retry_after,
            is_kept_back: false,
            full: Some(Full::Caller),
        };
        let over = OverAllowance {
            name: "alice".to_owned(),
            window: AllowanceWindow::Day,
            limit: NonZeroU32::MIN,
            retry_after,
        };
        let page = include_str!("console/app.js");
        for (error, words) in [
            (ApiError::from(queue_full), "waiting places"),
            (ApiError::from(over), "own allowance"),
        ] {
            assert!(error.detail().contains(words), "{}", error.detail());
            assert_eq!(error.code(), "QuotaExceededError");
            assert!(page.contains(&format!("message.includes('{words}')")));
        }
    }

    #[test]
    fn examples_are_escaped() {
        let list = buttons(&[Example {
            label: "<b>",
            text: "\"&",
        }]);
        assert!(
            list.contains("data-indicator=\"&quot;&amp;\">&lt;b>"),
            "{list}"
        );
    }

    #[test]
    fn every_file_is_named_by_the_page_or_a_script() {
        let texts: String = SOURCES.iter().map(|it| it.text).collect();
        for source in SOURCES.iter().chain([&ICON]) {
            let by_page = PAGE.contains(&format!("{{assets}}{}", source.name));
            assert!(by_page || texts.contains(source.name), "{}", source.name);
        }
    }
}
