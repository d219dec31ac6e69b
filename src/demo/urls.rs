//! URLs submitted for scanning.

use axum::extract::State;

use super::{
    analyses,
    answer::{DemoError, JsonAnswer, ShortBody},
    caller::KeyHolder,
    digest::sha256,
    object::{Collection, Reference},
    parameters::parameter,
    stand_in::{StandIn, now},
    unseen, url_id,
};

/// Accepts a URL and starts its analysis.
pub(super) async fn submit_url(
    _: KeyHolder,
    State(site): State<StandIn>,
    ShortBody(form): ShortBody,
) -> Result<JsonAnswer, DemoError> {
    let url = parameter(&form, "url").unwrap_or_default();
    let url = url.trim();
    if url.is_empty() {
        let message = "Missing URL: send it as the field \"url\"";
        return Err(DemoError::bad_request(message));
    }
    let Some(canonical) = url_id::canonical(url) else {
        let message = format!("Unable to canonicalize URL \"{url}\"");
        return Err(DemoError::invalid_argument(message));
    };
    let id = url_id::encode(&canonical);
    if let Some(of) = site.world().find(Collection::URLS, &id) {
        return Ok(analyses::start(&site, &of));
    }
    let id = sha256(&canonical);
    site.live().submit(unseen::url(&id, &canonical, now()));
    Ok(analyses::start(&site, &Reference::new("url", id)))
}
