//! Whose VirusTotal key a request spends: its own or, where it may, the server's.
//!
//! CONTRACT 6 says how a caller names its key, section 8 who may do without one.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri::Authority};

use super::{error::ApiError, extract::Ask};
use crate::{config::Access, key::ApiKey};

/// The headers that carry a key, the gateway's own first, then VirusTotal's.
pub static KEY_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-apikey"),
];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The key that this request spends, or a 401 that says what to do.
pub fn key_for(ask: &Ask, access: &Access) -> Result<ApiKey, ApiError> {
    match own_key(&ask.headers)? {
        Some(key) => Ok(key),
        None => servers_key(ask, access).cloned(),
    }
}

/// The key for a request that writes: an upload publishes a file to the world.
///
/// Who brings a key of its own decides for itself; with the server's, its operator does.
pub fn writing_key_for(ask: &Ask, access: &Access) -> Result<ApiKey, ApiError> {
    if let Some(key) = own_key(&ask.headers)? {
        return Ok(key);
    }
    let key = servers_key(ask, access)?;
    if !access.allow_submissions {
        return Err(ApiError::forbidden(
            "this server's API key is for reading only, since what is submitted can be seen by \
             others: send your VirusTotal key in the header `X-API-Key`, or have the operator \
             set VT4AI_ALLOW_SUBMISSIONS",
        ));
    }
    Ok(key.clone())
}

/// The key that a request carries, if any.
pub fn own_key(headers: &HeaderMap) -> Result<Option<ApiKey>, ApiError> {
    let mut values = KEY_HEADERS.iter().flat_map(|name| headers.get_all(name));
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.any(|other| other != value) {
        return Err(ApiError::unauthorized(
            "two different API keys were sent; send one",
        ));
    }
    Ok(Some(ApiKey::parse(value.as_bytes())?))
}

fn servers_key<'a>(ask: &Ask, access: &'a Access) -> Result<&'a ApiKey, ApiError> {
    let refused = |why| Err(ApiError::unauthorized(why));
    let Some(key) = &access.key else {
        return refused("no API key: send your VirusTotal key in the header `X-API-Key`");
    };
    if from_foreign_page(&ask.headers, &ask.uri) {
        return refused(
            "a page of another site may not spend this server's API key: \
             send your VirusTotal key in the header `X-API-Key`",
        );
    }
    if !access.allow_anonymous && !is_local(ask, access) {
        return refused(
            "this server's API key is for requests from its own machine, under a name that \
             VT4AI_ALLOWED_HOSTS lists: send your VirusTotal key in the header `X-API-Key`",
        );
    }
    Ok(key)
}

/// Over loopback, not by way of a proxy, and under a name that is this machine's.
fn is_local(ask: &Ask, access: &Access) -> bool {
    let forwarded = |name: &HeaderName| {
        let name = name.as_str();
        name == "forwarded" || name.starts_with("x-forwarded-")
    };
    let host = authority(&ask.headers, &ask.uri).map(without_port);
    ask.peer.to_canonical().is_loopback()
        && !ask.headers.keys().any(forwarded)
        && host.is_some_and(|host| {
            access
                .allowed_hosts
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(host))
        })
}

/// Whether a browser says that a page of another origin sends this.
///
/// A request that needs no permission, such as an image's, carries no `Origin`; browsers
/// tell of those by `Sec-Fetch-Site`.
fn from_foreign_page(headers: &HeaderMap, uri: &Uri) -> bool {
    let foreign_site = headers
        .get(SEC_FETCH_SITE)
        .is_some_and(|site| site != "same-origin" && site != "none");
    let own = |origin: &HeaderValue| {
        let origin = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"));
        origin.is_some_and(|(_, host)| {
            authority(headers, uri).is_some_and(|own| own.eq_ignore_ascii_case(host))
        })
    };
    foreign_site || !headers.get_all(header::ORIGIN).iter().all(own)
}

/// Host and port as the client wrote them; in HTTP/2 they stand in the URI.
fn authority<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(Authority::as_str))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}
