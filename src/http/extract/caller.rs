//! Whose VirusTotal key a request spends: its own, its client's or, where it may, the server's.
//!
//! CONTRACT 6 says how a caller names its key, section 8 who may do without one.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use thiserror::Error;
use time::OffsetDateTime;

use crate::http::{
    error::ApiError, extract::Ask, extract::authority, extract::locality, state::Gateway,
};
use crate::{
    access::{CallerId, Place, RequestContext},
    clients::{Client, Scope, Stranger},
    config::Keyless,
    key::{ApiKey, InvalidKey, KeyHash, TOKEN_PREFIX, holds_token},
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

impl From<&NotTaken> for ApiError {
    fn from(error: &NotTaken) -> Self {
        Self::unauthorized(error.to_string())
    }
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
pub async fn context_for(
    ask: &Ask,
    gateway: &Gateway,
    scope: Scope,
) -> Result<RequestContext, ApiError> {
    let key = match ask.caller()? {
        Caller::Key(key) => key.clone(),
        Caller::Client(client) => clients_key(client, scope)?,
        Caller::Nobody => servers_key(ask, gateway).await?,
    };
    let caller = ask.caller_id();
    let place = ask.place();
    Ok(RequestContext { key, caller, place })
}

/// Returns the same for a request that writes: an upload publishes a file to the world.
///
/// Who brings a key of its own decides for itself; with the server's, its operator does, for
/// all or for a client.
pub async fn writing_context_for(ask: &Ask, gateway: &Gateway) -> Result<RequestContext, ApiError> {
    let context = context_for(ask, gateway, Scope::Submit).await?;
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
/// A proxy in between may have its own use for `Authorization`: only a token is ours there, and
/// one that is misspelt is refused rather than passed over.
fn credential(headers: &HeaderMap) -> Result<Option<&[u8]>, NotTaken> {
    let keys = KEY_HEADERS.iter().flat_map(|name| headers.get_all(name));
    let tokens = headers.get_all(header::AUTHORIZATION).iter();
    let tokens = tokens
        .map(HeaderValue::as_bytes)
        .filter_map(|value| bearer(value).or_else(|| holds_token(value).then_some(value)));
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
    Err(lacks_scope(client, scope))
}

fn lacks_scope(client: &Client, scope: Scope) -> ApiError {
    ApiError::forbidden(format!(
        "the client `{}` has no scope `{}`; have the operator add it",
        client.name,
        scope.name()
    ))
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

/// Returns the server's key, where a request without a credential may spend it.
async fn servers_key(ask: &Ask, gateway: &Gateway) -> Result<ApiKey, ApiError> {
    let access = &gateway.access;
    let refused = |why: &str| Err(ApiError::unauthorized(why.to_owned()));
    let own = what_to_send(gateway);
    let Some(key) = &access.key else {
        return refused(&format!("no API key: {own}"));
    };
    if from_foreign_page(ask, &access.origins) {
        return refused(&format!(
            "a page of another site may not spend this server's API key: {own}"
        ));
    }
    if access.allow_anonymous {
        return Ok(key.clone());
    }
    if gateway.clients.is_some() {
        return refused(&format!("this server's API key is for its clients: {own}"));
    }
    if access.keyless == Keyless::Off {
        return refused(&format!(
            "this server's API key is not for requests without a key (VT4AI_KEYLESS=off): {own}"
        ));
    }
    if let Err(why) = locality::check(ask, gateway).await {
        return refused(&format!(
            "this server's API key is for requests that its own user sends from its own machine, \
             but {why}: {own}, or have the operator set up client tokens (VT4AI_CLIENTS_FILE) or \
             set VT4AI_ALLOW_ANONYMOUS=true"
        ));
    }
    Ok(key.clone())
}

/// Checks that a request on the public port may read the metrics.
///
/// Beyond loopback it takes a client token with the scope for that; on loopback, anything that
/// is local does.
pub async fn admit_to_metrics(ask: &Ask, gateway: &Gateway) -> Result<(), ApiError> {
    if let Ok(Caller::Client(client)) = ask.caller()
        && client.may(Scope::Metrics)
    {
        return Ok(());
    }
    let why = if gateway.is_exposed {
        "this server listens beyond its own machine".to_owned()
    } else {
        match locality::check(ask, gateway).await {
            Ok(()) => return Ok(()),
            Err(why) => format!("without one they are for the server's own user, but {why}"),
        }
    };
    if let Caller::Client(client) = ask.caller()? {
        return Err(lacks_scope(client, Scope::Metrics));
    }
    Err(ApiError::unauthorized(format!(
        "metrics need a client token with the scope `metrics`: {why}; send one in the header \
         `X-API-Key` or as `Authorization: Bearer`, or have the operator set VT4AI_ADMIN_PORT"
    )))
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
    let sites = headers.get_all(SEC_FETCH_SITE);
    let foreign_site = sites
        .iter()
        .any(|site| site != "same-origin" && site != "none");
    let own = |origin: &HeaderValue| {
        let origin = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"));
        origin.is_some_and(|(_, host)| {
            authority::of(headers, uri).is_some_and(|own| own.eq_ignore_ascii_case(host))
        })
    };
    foreign_site || !origins.iter().all(own)
}
