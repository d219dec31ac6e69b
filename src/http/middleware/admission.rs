//! Admission: identifies the caller of a request and applies its limits before any handler runs.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{Request, State},
    http::HeaderName,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{drain_body, limits, observe::ClientName};
use crate::{
    access::{CallerId, CostCounter, Hold, KeyHash},
    clock::Now,
    http::{
        error::ApiError,
        extract::{
            caller::Identified,
            credential::{self, Caller},
            forwarded, is_under_api, peer,
        },
        headers::insert_number,
        state::{Gateway, Shared},
    },
};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Admits a request within the limits of its caller, and reports the quota of the key it spends.
pub async fn admit(State(gateway): State<Shared>, mut request: Request, next: Next) -> Response {
    let identified = credential::identify(request.headers(), &gateway);
    // A rejected credential is refused where a key is needed; here it counts for its address.
    let caller = identified.as_ref().unwrap_or(&Caller::Anonymous);
    let id = caller_id(&gateway, caller, &request);
    let client = match caller {
        Caller::Client(client) => Some(ClientName(Arc::clone(&client.name))),
        Caller::Anonymous | Caller::Key(_) => None,
    };
    let concerns_key = is_under_api(request.uri());
    let (mut response, key) = match let_in(&gateway, caller, id, &request) {
        Ok(hold) => {
            let spends = Arc::new(OnceLock::new());
            let cost = CostCounter::default();
            request.extensions_mut().insert(Identified {
                caller: identified,
                id,
                place: hold.as_ref().map(Hold::place),
                cost: cost.clone(),
                spends: Arc::clone(&spends),
            });
            // After the rate limit: the body of a request beyond that is not read to its end.
            let request = drain_body::drain_body(request, &gateway.tasks);
            let mut response = limits::run(&gateway.limits, request, next, hold).await;
            response.extensions_mut().insert(cost.cost());
            (response, spends.get().copied())
        }
        Err(error) => (error.into_response(), caller.key().filter(|_| concerns_key)),
    };
    if let Some(key) = key {
        report_quota(&mut response, &gateway, key);
    }
    if let Some(client) = client {
        response.extensions_mut().insert(client);
    }
    response
}

/// Decides which caller a request counts for in every limit.
///
/// A key that VirusTotal has not accepted yet counts for its address, since keys can be made up.
fn caller_id(gateway: &Gateway, caller: &Caller, request: &Request) -> CallerId {
    match caller {
        Caller::Client(client) => CallerId::Client(client.hash()),
        Caller::Key(key) if gateway.accepted.contains(key.hash()) => CallerId::Key(key.hash()),
        Caller::Key(_) | Caller::Anonymous => {
            let peer = peer::address(request.extensions().get());
            let trusted = &gateway.access.trusted_proxies;
            CallerId::at(forwarded::caller_address(peer, request.headers(), trusted))
        }
    }
}

/// Applies the rate limit, the limit of concurrent requests and a client's allowance.
///
/// The allowance comes last, so that a request without a place costs none of it.
fn let_in(
    gateway: &Gateway,
    caller: &Caller,
    id: CallerId,
    request: &Request,
) -> Result<Option<Hold>, ApiError> {
    let door = gateway.door.check(&id);
    door.map_err(ApiError::too_many_requests)?;
    // Counted for the key, too, so that its allowance does not start anew once it is accepted.
    if let (Caller::Key(key), CallerId::Address(_)) = (caller, id) {
        let door = gateway.door.check(&CallerId::Key(key.hash()));
        door.map_err(ApiError::too_many_requests)?;
    }
    let hold = limits::admit(&gateway.limits, request, id)?;
    let Caller::Client(client) = caller else {
        return Ok(hold);
    };
    // Here, since a reload brings new clients at any time.
    gateway.accepted.configure(client.key.hash());
    if let (Some(clients), Some(_)) = (&gateway.clients, &hold) {
        clients.spend(client, Now::read())?;
    }
    Ok(hold)
}

/// Sets `X-RateLimit-*` to the key's quota of the minute, if that is limited.
fn report_quota(response: &mut Response, gateway: &Gateway, key: KeyHash) {
    if let Some(standing) = gateway.quota.standing(key) {
        insert_number(response, LIMIT, standing.limit);
        insert_number(response, REMAINING, standing.remaining);
        insert_number(response, RESET, standing.reset);
    }
}
