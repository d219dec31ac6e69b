//! The callers that may read about all callers: the metrics, and the usage of each.

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{
    caller::{from_foreign_page, identified, lacks_scope, sender},
    credential::Sender,
    locality,
};
use crate::{
    access::clients::Scope,
    config::Keyless,
    http::{
        error::ApiError,
        state::{AppState, Gateway},
    },
};

const WHAT_TO_SEND: &str = "a client token with the scope `metrics`";

const HOW_TO_SEND: &str = "send one in the header `X-API-Key` or as `Authorization: Bearer`";

/// A caller that may read the metrics on the public port.
///
/// Beyond loopback that takes a client token with the scope `metrics`; on loopback any local request
/// may that is not a page's of another site.
#[derive(Debug)]
pub struct MayReadMetrics;

impl FromRequestParts<AppState> for MayReadMetrics {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        check_metrics(parts, gateway).await?;
        Ok(Self)
    }
}

/// Fails unless a caller may read the metrics: by its scope, or because it is local.
async fn check_metrics(parts: &Parts, gateway: &Gateway) -> Result<(), ApiError> {
    if let Ok(Sender::Client(client)) = &identified(parts)?.sender
        && client.may(Scope::Metrics)
    {
        return Ok(());
    }
    let Err(why) = check_local(parts, gateway).await else {
        return Ok(());
    };
    if let Sender::Client(client) = sender(parts)? {
        return Err(lacks_scope(client, Scope::Metrics));
    }
    Err(ApiError::unauthorized(format!(
        "metrics need {WHAT_TO_SEND}: {why}; {HOW_TO_SEND}, or have the operator set VT4AI_ADMIN_PORT"
    )))
}

/// Fails unless a caller may read the usage of all callers.
///
/// That takes the scope `metrics`. Where the operator is the only one to ask, that is without
/// clients, its own requests without a credential may, too.
pub async fn check_usage_of_all(parts: &Parts, gateway: &Gateway) -> Result<(), ApiError> {
    let why = match sender(parts)? {
        Sender::Client(client) if client.may(Scope::Metrics) => return Ok(()),
        Sender::Client(client) => return Err(lacks_scope(client, Scope::Metrics)),
        Sender::Key(_) => "a VirusTotal key shows its own usage only".to_owned(),
        Sender::Anonymous if gateway.clients.is_some() => "this server has clients".to_owned(),
        Sender::Anonymous if gateway.access.keyless == Keyless::Off => {
            "this server trusts no request without a credential (VT4AI_KEYLESS=off)".to_owned()
        }
        Sender::Anonymous => match check_local(parts, gateway).await {
            Ok(()) => return Ok(()),
            Err(why) => why,
        },
    };
    Err(ApiError::unauthorized(format!(
        "the usage of all callers needs {WHAT_TO_SEND}: {why}; {HOW_TO_SEND}"
    )))
}

/// Fails with the reason unless only the gateway's own user can have sent a request.
async fn check_local(parts: &Parts, gateway: &Gateway) -> Result<(), String> {
    if gateway.is_exposed {
        return Err("this server listens beyond its own machine".to_owned());
    }
    if from_foreign_page(parts, &gateway.access.origins) {
        return Err("a page of another site may not read this".to_owned());
    }
    locality::check(parts, gateway).await.map_err(|why| {
        format!("without a token only the server's own user may read this, and this request {why}")
    })
}
