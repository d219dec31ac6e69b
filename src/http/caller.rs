//! Whose VirusTotal key a request spends: its own, its client's or, where it may, the server's.
//!
//! CONTRACT 6 says how a caller names its key, section 8 who may do without one.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri::Authority};
use thiserror::Error;
use time::OffsetDateTime;

use super::{Gateway, error::ApiError, extract::Ask};
use crate::{
    access::{CallerId, Place, RequestContext},
    clients::{Client, Scope, Stranger},
    config::Access,
    key::{ApiKey, InvalidKey, KeyHash, TOKEN_PREFIX},
};

/// The headers that carry a key, the gateway's own first, then VirusTotal's.
pub static KEY_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-apikey"),
];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who sends a request, by what it carries.
#[derive(Clone, Debug)]
pub enum Caller {
    /// It carries nothing: it may have the server's key.
    Nobody,
    /// Whoever has this VirusTotal key.
    Key(ApiKey),
    /// The client whose token it carries.
    Client(Arc<Client>),
}

/// Why what a request carries is not taken.
#[derive(Clone, Debug, Error)]
pub enum NotTaken {
    /// It can't be both.
    #[error("two different API keys or tokens were sent; send one")]
    TwoCredentials,
    /// It is no VirusTotal key.
    #[error(transparent)]
    InvalidKey(#[from] InvalidKey),
    /// The token is no client's.
    #[error(transparent)]
    Stranger(#[from] Stranger),
    /// A token where nobody has one.
    #[error(
        "a client token was sent, and this server has no clients set up: \
         send your VirusTotal key in the header `X-API-Key`"
    )]
    NoClients,
    /// A VirusTotal key where only tokens are taken.
    #[error(
        "this server takes no VirusTotal keys of its callers': \
         send the client token that its operator gave you in the header `X-API-Key`"
    )]
    NoOwnKeys,
}

/// Who sends a request, found out once at the door and left in its extensions.
#[derive(Clone, Debug)]
pub struct Identified {
    /// The credential, or the reason why it is not taken.
    pub caller: Result<Caller, NotTaken>,
    /// The caller that it counts for.
    pub id: CallerId,
    /// The place that the request holds, where it needs one.
    pub place: Option<Place>,
}

impl Caller {
    /// The key that it spends, where it has or is given one for its own.
    pub fn key(&self) -> Option<KeyHash> {
        match self {
            Self::Nobody => None,
            Self::Key(key) => Some(key.hash()),
            Self::Client(client) => Some(client.key.hash()),
        }
    }
}

/// Returns the key that this request, which needs the scope, spends, and who it counts for; or a
/// 401 that says what to do.
pub fn context_for(ask: &Ask, gateway: &Gateway, scope: Scope) -> Result<RequestContext, ApiError> {
    let key = match ask.caller()? {
        Caller::Key(key) => key.clone(),
        Caller::Client(client) => clients_key(client, scope)?,
        Caller::Nobody => servers_key(ask, gateway)?.clone(),
    };
    let caller = ask.caller_id();
    let place = ask.place();
    Ok(RequestContext { key, caller, place })
}

/// Returns the same for a request that writes: an upload publishes a file to the world.
///
/// Who brings a key of its own decides for itself; with the server's, its operator does, for
/// all or for a client.
pub fn writing_context_for(ask: &Ask, gateway: &Gateway) -> Result<RequestContext, ApiError> {
    let context = context_for(ask, gateway, Scope::Submit)?;
    let is_servers = matches!(ask.caller()?, Caller::Nobody);
    if is_servers && !gateway.access.allow_submissions {
        return Err(ApiError::forbidden(format!(
            "this server's API key is for reading only, since what is submitted can be seen by \
             others: {}, or have the operator set VT4AI_ALLOW_SUBMISSIONS",
            what_to_send(gateway)
        )));
    }
    Ok(context)
}

/// Who sends a request, or why what it carries is not taken.
pub fn identify(headers: &HeaderMap, gateway: &Gateway) -> Result<Caller, NotTaken> {
    let Some(credential) = credential(headers)? else {
        return Ok(Caller::Nobody);
    };
    let clients = gateway.clients.as_ref();
    if credential.starts_with(TOKEN_PREFIX.as_bytes()) {
        let clients = clients.ok_or(NotTaken::NoClients)?;
        let client = clients.find(credential, OffsetDateTime::now_utc())?;
        return Ok(Caller::Client(client));
    }
    let key = ApiKey::parse(credential)?;
    if takes_own_keys(gateway) {
        Ok(Caller::Key(key))
    } else {
        Err(NotTaken::NoOwnKeys)
    }
}

/// The key or token that a request carries, if any.
///
/// A proxy in between may have its own use for `Authorization`: only a token is ours there.
fn credential(headers: &HeaderMap) -> Result<Option<&[u8]>, NotTaken> {
    let keys = KEY_HEADERS.iter().flat_map(|name| headers.get_all(name));
    let tokens = headers.get_all(header::AUTHORIZATION).iter();
    let tokens = tokens.filter_map(|value| bearer(value.as_bytes()));
    let mut all = keys.map(HeaderValue::as_bytes).chain(tokens);
    let Some(one) = all.next() else {
        return Ok(None);
    };
    if all.any(|other| other != one) {
        return Err(NotTaken::TwoCredentials);
    }
    Ok(Some(one))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    let ours =
        scheme.eq_ignore_ascii_case(b"Bearer ") && token.starts_with(TOKEN_PREFIX.as_bytes());
    ours.then_some(token)
}

fn clients_key(client: &Client, scope: Scope) -> Result<ApiKey, ApiError> {
    if client.may(scope) {
        return Ok(client.key.clone());
    }
    Err(ApiError::forbidden(format!(
        "the client `{}` has no scope `{}`; have the operator add it",
        client.name,
        scope.name()
    )))
}

fn takes_own_keys(gateway: &Gateway) -> bool {
    gateway.clients.is_none() || gateway.access.allow_own_keys
}

fn what_to_send(gateway: &Gateway) -> &'static str {
    if takes_own_keys(gateway) {
        "send your VirusTotal key in the header `X-API-Key`"
    } else {
        "send your client token in the header `X-API-Key`"
    }
}

fn servers_key<'a>(ask: &Ask, gateway: &'a Gateway) -> Result<&'a ApiKey, ApiError> {
    let access = &gateway.access;
    let refused = |why| {
        let what = what_to_send(gateway);
        Err(ApiError::unauthorized(format!("{why}: {what}")))
    };
    let Some(key) = &access.key else {
        return refused("no API key");
    };
    if from_foreign_page(ask, &access.origins) {
        return refused("a page of another site may not spend this server's API key");
    }
    if !access.allow_anonymous && !is_local(ask, access) {
        return refused(
            "this server's API key is for requests from its own machine, under a name that \
             VT4AI_ALLOWED_HOSTS lists",
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

/// Whether a browser says that a page of another origin sends this, and of none that may.
///
/// A request that needs no permission, such as an image's, carries no `Origin`; browsers
/// tell of those by `Sec-Fetch-Site`.
fn from_foreign_page(Ask { headers, uri, .. }: &Ask, may_call: &[String]) -> bool {
    let origins = headers.get_all(header::ORIGIN);
    let listed =
        |origin: &HeaderValue| may_call.iter().any(|it| it.as_bytes() == origin.as_bytes());
    if headers.contains_key(header::ORIGIN) && origins.iter().all(listed) {
        return false;
    }
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
    foreign_site || !origins.iter().all(own)
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
