//! The callers that may read about all callers: the metrics, and the usage of each.

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{
    caller::{identified, lacks_scope, sender},
    credential::Sender,
    locality,
};
use crate::{
    access::clients::Scope,
    http::{
        error::ApiError,
        state::{AppState, Gateway},
    },
};

/// A caller that may read the metrics on the public port.
///
/// Beyond loopback that takes a client token with the scope `metrics`; on loopback any local request
/// may.
#[derive(Debug)]
pub struct MayReadMetrics;

impl FromRequestParts<AppState> for MayReadMetrics {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        check_metrics(
            parts,
            gateway,
            "metrics need",
            ", or have the operator set VT4AI_ADMIN_PORT",
        )
        .await?;
        Ok(Self)
    }
}

/// Fails unless a caller may read about all callers: by its scope, or because it is local.
///
/// The error begins with `what` needs it, and ends with further `advice`.
pub async fn check_metrics(
    parts: &Parts,
    gateway: &Gateway,
    what: &str,
    advice: &str,
) -> Result<(), ApiError> {
    if let Ok(Sender::Client(client)) = &identified(parts)?.sender
        && client.may(Scope::Metrics)
    {
        return Ok(());
    }
    let why = if gateway.is_exposed {
        "this server listens beyond its own machine".to_owned()
    } else {
        match locality::check(parts, gateway).await {
            Ok(()) => return Ok(()),
            Err(why) => format!(
                "without a token only the server's own user may read them, and this request {why}"
            ),
        }
    };
    if let Sender::Client(client) = sender(parts)? {
        return Err(lacks_scope(client, Scope::Metrics));
    }
    Err(ApiError::unauthorized(format!(
        "{what} a client token with the scope `metrics`: {why}; send one in the header \
         `X-API-Key` or as `Authorization: Bearer`{advice}"
    )))
}
