//! The caller of a request, and the checks at the door.

use axum::http::request::Parts;

use crate::{
    access::{
        RequestContext,
        clients::{Client, Scope},
    },
    http::{
        AppState, Gateway,
        error::ApiError,
        extract::{
            caller::{Caller, Identified, has_known_origin},
            credential::Sender,
            locality::{self, OwnRequest},
        },
        outcome::Subject,
    },
};

/// A caller that was let in.
#[derive(Clone, Debug)]
pub(super) enum McpCaller {
    /// A caller with a key to spend.
    Keyed(Box<Caller<'static>>),
    /// The process itself, which has no key. It may see the tools, but a call fails.
    Keyless {
        /// Whether the tools that submit are shown.
        may_submit: bool,
    },
}

impl McpCaller {
    /// Finds the caller of a request.
    ///
    /// A foreign page may not call, whatever it sends. A caller without a credential is checked for
    /// the host as well: the name could be one that an attacker pointed here.
    pub(super) async fn of(parts: &Parts, gateway: &AppState) -> Result<Self, ApiError> {
        let is_inside = parts.extensions.get::<OwnRequest>().is_some();
        if !is_inside {
            check_names(parts, gateway)?;
        }
        match Caller::of(parts, gateway).await {
            Ok(caller) => Ok(Self::Keyed(Box::new(caller.into_owned()))),
            Err(_) if is_inside && gateway.access.key.is_none() => Ok(Self::Keyless {
                may_submit: gateway.access.allow_submissions,
            }),
            Err(error) => Err(error),
        }
    }

    /// Whether the caller has a scope.
    pub(super) fn may(&self, scope: Scope) -> bool {
        match self {
            Self::Keyed(caller) => caller.check(scope).is_ok(),
            Self::Keyless { may_submit } => scope != Scope::Submit || *may_submit,
        }
    }

    /// Returns what a call with this scope spends and counts for.
    pub(super) fn context(&self, scope: Scope) -> Result<RequestContext, ApiError> {
        match self {
            Self::Keyed(caller) => caller.context(scope),
            Self::Keyless { .. } => Err(ApiError::unauthorized(
                "no VirusTotal key is set: set VT4AI_API_KEY (free at \
                 https://www.virustotal.com/gui/my-apikey) in the environment of this server and \
                 restart it, or start it with `--demo`",
            )),
        }
    }

    /// Returns the client, if the caller is one.
    pub(super) fn client(&self) -> Option<Client> {
        match self {
            Self::Keyed(caller) => caller.client(),
            Self::Keyless { .. } => None,
        }
    }

    /// Notes the object that a call is about, where an audit log is set up.
    pub(super) fn note_subject(&self, gateway: &Gateway, kind: &'static str, value: &str) {
        if let Self::Keyed(caller) = self
            && gateway.audit.is_some()
        {
            let value = Some(value.to_owned());
            caller.record().set_subject(Subject { kind, value });
        }
    }
}

/// Checks the names that a browser would put into a request.
fn check_names(parts: &Parts, gateway: &Gateway) -> Result<(), ApiError> {
    if !has_known_origin(parts, &gateway.access.origins) {
        return Err(ApiError::forbidden(
            "a page of this `Origin` may not call; have the operator add it to \
             VT4AI_CORS_ORIGINS",
        ));
    }
    let identified = parts.extensions.get::<Identified>();
    let is_anonymous = matches!(
        identified.map(|identified| &identified.sender),
        Some(Ok(Sender::Anonymous))
    );
    if is_anonymous && !locality::has_allowed_host(parts, &gateway.access.allowed_hosts) {
        return Err(ApiError::forbidden(
            "this `Host` is not one for callers without a credential: send a key or client token \
             in `X-API-Key`, or have the operator add the host to VT4AI_ALLOWED_HOSTS",
        ));
    }
    Ok(())
}
