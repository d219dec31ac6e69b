//! The caller of a request: whose VirusTotal key it spends, and what it may do.
//!
//! A request spends its own key, its client's or, where `docs/clients.md` lets it, the server's.
//! The admission middleware identifies the caller; the extractors here decide what it may do.

use std::borrow::Cow;

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, header, request::Parts},
};

use super::{
    authority,
    credential::{CredentialError, Sender, misplaced, takes_own_keys},
    locality::{self, OwnRequest},
    parameters::Parameters,
};
use crate::{
    access::{
        ApiKey, CallerId, Place, RedisBudget, RequestContext,
        clients::{Client, Scope},
    },
    config::Keyless,
    http::{
        error::ApiError,
        outcome::{RequestRecord, Subject},
        state::{AppState, Gateway},
    },
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The identity of a request: an extension that the admission middleware adds.
#[derive(Clone, Debug)]
pub struct Identified {
    /// The sender, or the reason why its credential is rejected.
    pub sender: Result<Sender, CredentialError>,
    /// The caller that the request counts for in every limit.
    pub caller: CallerId,
    /// The place that the request holds, where it needs one.
    pub place: Option<Place>,
    /// The record to which the extractors add what they find.
    pub record: RequestRecord,
}

/// A caller that may read reports and lists.
#[derive(Debug)]
pub struct MayRead(pub RequestContext);

/// A caller that may search.
#[derive(Debug)]
pub struct MaySearch(pub RequestContext);

/// A caller that may submit: an upload publishes a file to the world.
///
/// Callers with a key of their own decide for themselves. With the server's key its operator
/// decides, for all or for a client.
#[derive(Debug)]
pub struct MaySubmit(pub RequestContext);

impl Identified {
    /// Whether the request carries a VirusTotal key of its own.
    pub fn has_own_key(&self) -> bool {
        matches!(self.sender, Ok(Sender::Key(_)))
    }

    /// Returns the client that sent the request, if one did.
    pub fn client(&self) -> Option<Client> {
        match &self.sender {
            Ok(Sender::Client(client)) => Some(client.clone()),
            _ => None,
        }
    }
}

impl FromRequestParts<AppState> for MayRead {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        context(parts, gateway, Scope::Read).await.map(Self)
    }
}

impl FromRequestParts<AppState> for MaySearch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        context(parts, gateway, Scope::Search).await.map(Self)
    }
}

impl FromRequestParts<AppState> for MaySubmit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        context(parts, gateway, Scope::Submit).await.map(Self)
    }
}

/// The caller of an entrance whose operations need several scopes.
///
/// The extractors of single scopes are made of it.
#[derive(Clone, Debug)]
pub struct Caller<'a> {
    key: Cow<'a, ApiKey>,
    identified: Cow<'a, Identified>,
    /// The advice for a caller that may only read with the server's key.
    read_only: Option<&'static str>,
}

impl<'a> Caller<'a> {
    /// Finds the key that a request may spend, whatever its operation is.
    pub async fn of(parts: &'a Parts, gateway: &'a Gateway) -> Result<Self, ApiError> {
        let identified = identified(parts)?;
        let mut read_only = None;
        let key = match sender(parts)? {
            Sender::Key(key) => key,
            Sender::Client(client) => &client.key,
            Sender::Anonymous => {
                if !gateway.access.allow_submissions {
                    read_only = Some(what_to_send(gateway));
                }
                server_key_for_reading(parts, gateway).await?
            }
        };
        Ok(Self {
            key: Cow::Borrowed(key),
            identified: Cow::Borrowed(identified),
            read_only,
        })
    }

    /// Returns the caller for work that outlives the request's head.
    pub fn into_owned(self) -> Caller<'static> {
        Caller {
            key: Cow::Owned(self.key.into_owned()),
            identified: Cow::Owned(self.identified.into_owned()),
            read_only: self.read_only,
        }
    }

    /// Returns the client, if it is one.
    pub fn client(&self) -> Option<Client> {
        self.identified.client()
    }

    /// Returns the record of the request.
    pub fn record(&self) -> &RequestRecord {
        &self.identified.record
    }

    /// Fails with a 403 that says what to do if the caller does not have a scope.
    pub fn check(&self, scope: Scope) -> Result<(), ApiError> {
        if let Ok(Sender::Client(client)) = &self.identified.sender
            && !client.may(scope)
        {
            return Err(lacks_scope(client, scope));
        }
        match &self.read_only {
            Some(own) if matches!(scope, Scope::Submit | Scope::All) => {
                Err(refused_with_servers_key(scope, own))
            }
            _ => Ok(()),
        }
    }

    /// Returns the key that the request spends and the caller that it counts for, if it has this
    /// scope.
    ///
    /// Sets the key in the request's [`RequestRecord`] as well: the response reports its quota.
    pub fn context(&self, scope: Scope) -> Result<RequestContext, ApiError> {
        self.check(scope)?;
        let Identified {
            caller,
            place,
            record,
            ..
        } = &*self.identified;
        // Set only by the first operation that is allowed, and there is one in each request.
        record.set_key(self.key.hash());
        let place = place.clone();
        let place = place.unwrap_or_else(|| Place::unbounded(*caller));
        Ok(RequestContext {
            key: self.key.clone().into_owned(),
            caller: *caller,
            place,
            cost: record.cost().clone(),
            redis_budget: RedisBudget::default(),
        })
    }
}

/// Returns the key that a request spends and the caller that it counts for, if it has this scope.
async fn context(
    parts: &Parts,
    gateway: &Gateway,
    scope: Scope,
) -> Result<RequestContext, ApiError> {
    Caller::of(parts, gateway).await?.context(scope)
}

/// Notes the object that a request is about, where an audit log is set up.
///
/// An extractor calls this once it has parsed the text. The audit log records a text that no
/// extractor accepted as it was sent.
pub fn note_subject(parts: &Parts, gateway: &Gateway, kind: &'static str, value: &str) {
    if gateway.audit.is_none() {
        return;
    }
    if let Some(identified) = parts.extensions.get::<Identified>() {
        let value = Some(value.to_owned());
        identified.record.set_subject(Subject { kind, value });
    }
}

/// Returns the identity that the admission middleware has added.
pub fn identified(parts: &Parts) -> Result<&Identified, ApiError> {
    let identified = parts.extensions.get();
    identified.ok_or_else(|| ApiError::internal("a route without admission".to_owned()))
}

/// Returns the sender of a request, or a 401 that says why its credential is rejected.
///
/// A key in the query is a 400 already here: else the answer would be that there is no key.
pub(super) fn sender(parts: &Parts) -> Result<&Sender, ApiError> {
    let sender = identified(parts)?.sender.as_ref().map_err(ApiError::from)?;
    if matches!(sender, Sender::Anonymous) {
        let query = parts.uri.query().unwrap_or_default();
        Parameters::parse(query).refuse_credentials()?;
    }
    Ok(sender)
}

/// Returns the 403 of a client without a scope.
pub(super) fn lacks_scope(client: &Client, scope: Scope) -> ApiError {
    ApiError::forbidden(format!(
        "the client `{}` has no scope `{}`; have the operator add it",
        client.name,
        scope.name()
    ))
}

fn what_to_send(gateway: &Gateway) -> &'static str {
    if takes_own_keys(gateway) {
        "send your VirusTotal key in the header `X-API-Key`"
    } else {
        "send your client token in the header `X-API-Key`"
    }
}

/// Returns the 403 of what the server's key is not for; `own` says what else to send.
fn refused_with_servers_key(scope: Scope, own: &str) -> ApiError {
    let why = match scope {
        Scope::All => {
            "this server's API key is for lookups only, since this can show private data of its \
             owner"
        }
        _ => {
            "this server's API key is for reading only, since what is submitted can be seen by \
             others"
        }
    };
    ApiError::forbidden(format!(
        "{why}: {own}, or have the operator set VT4AI_ALLOW_SUBMISSIONS"
    ))
}

/// Returns the server's key, where a request without a credential may read with it.
async fn server_key_for_reading<'a>(
    parts: &Parts,
    gateway: &'a Gateway,
) -> Result<&'a ApiKey, ApiError> {
    let access = &gateway.access;
    let refused = |why: &str| {
        let seen = misplaced(&parts.headers).map(|it| format!("; {it}"));
        let detail = format!("{why}{}", seen.unwrap_or_default());
        Err(ApiError::unauthorized(detail))
    };
    let own = what_to_send(gateway);
    let Some(key) = &access.key else {
        let detail = if gateway.clients.is_none() {
            format!("no API key: {own}, or have the operator set the server's (VT4AI_API_KEY)")
        } else {
            format!("no API key: {own}")
        };
        return refused(&detail);
    };
    if parts.extensions.get::<OwnRequest>().is_some() {
        return Ok(key);
    }
    if from_foreign_page(parts, &access.origins) {
        return refused(&format!(
            "a page of another site may not spend this server's API key: {own}"
        ));
    }
    if access.allow_anonymous {
        return Ok(key);
    }
    if gateway.clients.is_some() {
        return refused(&format!("this server's API key is for its clients: {own}"));
    }
    if access.keyless == Keyless::Off {
        return refused(&format!(
            "this server's API key is not for requests without a key (VT4AI_KEYLESS=off): {own}"
        ));
    }
    if let Err(why) = locality::check(parts, gateway).await {
        return refused(&format!(
            "this server's API key is for requests that its own user sends from its own machine, \
             but this request {why}: {own}, or have the operator set up client tokens (VT4AI_CLIENTS_FILE) or \
             set VT4AI_ALLOW_ANONYMOUS=true"
        ));
    }
    Ok(key)
}

/// Returns whether a page of an origin that may not call here sent a request.
///
/// A request that needs no permission, such as an image's, carries no `Origin`; browsers
/// mark it with `Sec-Fetch-Site`.
pub(super) fn from_foreign_page(parts: &Parts, may_call: &[String]) -> bool {
    let headers = &parts.headers;
    let origins = headers.get_all(header::ORIGIN);
    let is_listed = |origin: &HeaderValue| may_call.iter().any(|it| it.as_bytes() == origin);
    if headers.contains_key(header::ORIGIN) && origins.iter().all(is_listed) {
        return false;
    }
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    let is_foreign = sites.any(|site| site != "same-origin" && site != "none");
    is_foreign || !origins.iter().all(|origin| is_own(origin, parts))
}

/// Returns whether every `Origin` of a request is the gateway's own or one that may call here.
pub fn has_known_origin(parts: &Parts, may_call: &[String]) -> bool {
    let mut origins = parts.headers.get_all(header::ORIGIN).iter();
    origins.all(|origin| may_call.iter().any(|it| it.as_bytes() == origin) || is_own(origin, parts))
}

/// Returns whether an origin is the gateway's own, as the request names it.
fn is_own(origin: &HeaderValue, parts: &Parts) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    match (
        origin.split_once("://"),
        authority::of(&parts.headers, &parts.uri),
    ) {
        (Some((_, host)), Some(own)) => own.eq_ignore_ascii_case(host),
        _ => false,
    }
}
