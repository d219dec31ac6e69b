//! URLs submitted for scanning.

use std::sync::Arc;

use axum::extract::State;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::{Url, form_urlencoded};

use super::{
    analyses,
    answer::{Answer, Caller, Refusal, Sent},
    digest::sha256,
    object::{Collection, Reference},
    stand_in::{StandIn, now},
    unseen,
};

/// Accepts a URL and starts its analysis.
pub(super) async fn submit_url(
    _: Caller,
    State(site): State<Arc<StandIn>>,
    Sent(form): Sent,
) -> Result<Answer, Refusal> {
    let sent = form_urlencoded::parse(&form).find(|(name, _)| name == "url");
    let url = sent.map(|(_, url)| url.trim().to_owned());
    let url = url.filter(|url| !url.is_empty());
    let url =
        url.ok_or_else(|| Refusal::bad_request("Missing URL: send it as the field \"url\""))?;
    let unreadable = || Refusal::invalid_argument(&format!("Unable to canonicalize URL \"{url}\""));
    let canonical = canonical(&url).ok_or_else(unreadable)?;
    let embedded = site
        .world
        .find(Collection::at("urls")?, &by_base64(&canonical));
    let of = embedded.unwrap_or_else(|_| {
        let id = sha256(&canonical);
        let object = unseen::url(&id, &canonical, now());
        site.live().submit(object);
        Reference::new("url", id)
    });
    Ok(analyses::start(&site, &of))
}

/// Returns the object of a URL, if it exists.
pub(super) fn find(site: &StandIn, url: &str) -> Option<Reference> {
    let urls = Collection::at("urls").ok()?;
    site.find(urls, &by_base64(url)).ok()
}

/// Returns the id of a URL that the table lacks.
pub(super) fn id_of(url: &str) -> Option<String> {
    canonical(url).map(|url| sha256(&url))
}

/// Returns one spelling for all spellings of an `http` or `https` URL.
///
/// A URL that the parser rejects is returned unchanged, since VirusTotal knows such URLs, too.
pub(super) fn canonical(url: &str) -> Option<String> {
    let scheme = url.split_once("://")?.0.to_ascii_lowercase();
    let is_web = matches!(&*scheme, "http" | "https");
    is_web.then(|| Url::parse(url).map_or_else(|_| url.to_owned(), Into::into))
}

fn by_base64(url: &str) -> String {
    URL_SAFE_NO_PAD.encode(url)
}
