//! The spellings and ids of URLs.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use super::digest::sha256;

/// Returns one spelling for all spellings of an `http` or `https` URL, or `None` for other schemes.
///
/// A URL that the parser rejects is returned unchanged, since VirusTotal knows such URLs, too.
pub(super) fn canonical(url: &str) -> Option<String> {
    let (scheme, _) = url.split_once("://")?;
    if !matches!(&*scheme.to_ascii_lowercase(), "http" | "https") {
        return None;
    }
    match Url::parse(url) {
        Ok(url) => Some(url.into()),
        Err(_) => Some(url.to_owned()),
    }
}

/// Returns the spelling under which the table lists a URL.
pub(super) fn plain(url: &str) -> String {
    let url = match canonical(url) {
        Some(url) => url,
        None => url.to_owned(),
    };
    match url.strip_suffix('/') {
        Some(url) => url.to_owned(),
        None => url,
    }
}

/// Returns the id of a URL that the table lacks.
pub(super) fn id_of(url: &str) -> Option<String> {
    Some(sha256(&canonical(url)?))
}

/// Returns the id that encodes a URL in base64.
pub(super) fn encode(url: &str) -> String {
    URL_SAFE_NO_PAD.encode(url)
}

/// Returns the URL that an id encodes in base64. A SHA-256 encodes none.
pub(super) fn decode(id: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
    let url = String::from_utf8(bytes).ok()?;
    url.contains("://").then_some(url)
}
