//! The handler of this entrance.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode, request::Parts, uri::Authority},
    response::Response,
};
use tokio::time::timeout;

use super::{
    Entrance,
    indicators::texts_in,
    route::{Action, Route},
    target::{API, Target},
};
use crate::{
    access::{RequestContext, clients::Scope, holds_token},
    http::{
        AppState,
        error::ApiError,
        extract::{
            authority,
            caller::{Caller, Identified, identified, note_subject},
            forwarded, peer,
        },
    },
    indicator::{Indicator, PrivateReason},
    render::links::LinkRules,
};

/// VirusTotal's own address of its API, which links lead to whatever the upstream's address is.
const VIRUSTOTAL: &str = "https://www.virustotal.com/api/v3";

/// A request with everything that is known of it before it is answered.
pub(super) struct Passing<'a> {
    pub(super) entrance: &'a Entrance,
    /// The head of the request.
    pub(super) parts: &'a Parts,
    pub(super) target: Target<'a>,
    pub(super) identified: &'a Identified,
    /// The rules by which links lead to the gateway.
    pub(super) links: LinkRules,
    /// The time for which it waits for a unit.
    pub(super) wait: Duration,
}

/// Answers a request of one of VirusTotal's own clients.
pub(super) async fn pass_on(
    State(entrance): State<Entrance>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let gateway = &entrance.gateway;
    let identified = identified(&parts)?;
    let client = identified.client();
    let own_wait = client.and_then(|client| client.wait);
    let passing = Passing {
        target: Target::parse(&parts.uri)?,
        identified,
        links: links(gateway, &parts),
        wait: own_wait.unwrap_or(gateway.compat_wait),
        entrance: &entrance,
        parts: &parts,
    };
    let route = Route::of(&parts.method, &passing.target)?;
    // Boxed: the future is large, and the layers around wrap it several times.
    let answer = Box::pin(passing.answer(route, body));
    if matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) {
        // What arrives slowly is ended by its pace.
        return answer.await;
    }
    let time = gateway.limits.longest() + passing.wait;
    match timeout(time, answer).await {
        Ok(answer) => answer,
        Err(_) if parts.method == Method::DELETE => Err(ApiError::too_slow_to_write(time)),
        Err(_) => Err(ApiError::too_slow(time)),
    }
}

impl Passing<'_> {
    async fn answer(&self, route: Route, body: Body) -> Result<Response, ApiError> {
        let Route {
            scopes,
            indicators,
            action,
        } = route;
        let context = match &action {
            Action::User(id, asks_for_quotas) => {
                let id = id.as_deref();
                return Box::pin(self.answer_about_user(id, *asks_for_quotas, body)).await;
            }
            _ => self.context(scopes).await?,
        };
        self.refuse_credential()?;
        self.refuse_private(&indicators)?;
        self.refuse_private_texts(&self.target.query_texts())?;
        if !action.is_about_object() {
            self.refuse_private_texts(&texts_in(&self.target.words()))?;
        }
        if let Some(indicator) = indicators.first() {
            self.note(indicator.kind().name(), indicator.id());
        }
        match action {
            Action::Read(query) => self.read(&context, query).await,
            // Boxed, so that a read from the cache does not carry what the others need.
            Action::Forward(forward) => Box::pin(self.forward(&context, forward, body)).await,
            Action::GiveAddress {
                endpoint,
                is_private,
            } => Box::pin(self.give_address(&context, endpoint, is_private)).await,
            Action::Upload(token) => Box::pin(self.upload(&context, &token, body)).await,
            Action::User(..) => Err(ApiError::not_found("no such user")),
        }
    }

    /// Returns the key that the request spends and the caller that it counts for, if it has all of
    /// these scopes; at least one is named.
    pub(super) async fn context(&self, scopes: &[Scope]) -> Result<RequestContext, ApiError> {
        let caller = Caller::of(self.parts, &self.entrance.gateway).await?;
        for scope in scopes {
            caller.check(*scope)?;
        }
        match scopes {
            [first, ..] => caller.context(*first),
            [] => Err(ApiError::internal("a route without a scope".to_owned())),
        }
    }

    /// Notes the object that the request is about, for the audit log.
    pub(super) fn note(&self, kind: &'static str, value: &str) {
        note_subject(self.parts, &self.entrance.gateway, kind, value);
    }

    /// Rejects a target that holds a client token, which must not leave.
    pub(super) fn refuse_credential(&self) -> Result<(), ApiError> {
        if holds_token(self.target.raw.as_bytes()) {
            return Err(ApiError::bad_request(
                "a client token stands in the path or the query: send it in the header `x-apikey`",
            ));
        }
        Ok(())
    }

    /// Rejects indicators of which one is private.
    pub(super) fn refuse_private(&self, indicators: &[Indicator]) -> Result<(), ApiError> {
        let submit = &self.entrance.gateway.submit;
        self.refuse_if(indicators.iter().find_map(|it| submit.private_reason(it)))
    }

    /// Rejects texts that hold something private, in whatever form.
    pub(super) fn refuse_private_texts(&self, texts: &[String]) -> Result<(), ApiError> {
        let submit = &self.entrance.gateway.submit;
        self.refuse_if(
            texts
                .iter()
                .find_map(|it| submit.private_reason_in_query(it)),
        )
    }

    fn refuse_if(&self, reason: Option<PrivateReason>) -> Result<(), ApiError> {
        match reason {
            Some(reason) => Err(ApiError::private(self.private_status(), reason)),
            None => Ok(()),
        }
    }

    /// Returns the status for something private: "not found" for a read, else "forbidden".
    fn private_status(&self) -> StatusCode {
        match self.parts.method {
            Method::GET | Method::HEAD => StatusCode::NOT_FOUND,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

/// Returns the rules by which links lead to the gateway, as the request names it.
fn links(gateway: &AppState, parts: &Parts) -> LinkRules {
    let host = authority::of(&parts.headers, &parts.uri).filter(|host| is_host(host));
    let peer = peer::address(&parts.extensions);
    let trusted = &gateway.access.trusted_proxies;
    let scheme = if forwarded::is_secure(peer, &parts.headers, trusted) {
        "https"
    } else {
        "http"
    };
    let upstream = gateway.virustotal.api_address().to_owned();
    let from = [upstream, VIRUSTOTAL.to_owned()];
    // Where a request names no host, links are paths: none may lead past the gateway.
    let origin = host.map_or(String::new(), |host| format!("{scheme}://{host}"));
    LinkRules::new(from, format!("{origin}{API}"))
}

/// Whether a text is a host that can stand in an address and in JSON as it is.
fn is_host(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    (1..=255).contains(&text.len()) && text.bytes().all(is_fit) && text.parse::<Authority>().is_ok()
}
