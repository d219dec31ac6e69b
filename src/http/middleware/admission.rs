//! The door before every handler, and the headers that say what a key may still spend.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::HeaderName,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::http::{
    error::ApiError,
    extract,
    extract::caller::{self, Caller, Identified},
    extract::forwarded,
    headers::insert_number,
    middleware::drain_body,
    middleware::observe::ClientName,
    state::Gateway,
    state::Shared,
};
use crate::{
    access::{CallerId, Hold, RequestContext},
    clock::Now,
    key::KeyHash,
};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Lets a request pass, within its bounds, as often as its caller may knock and, where it is a
/// client, ask.
pub async fn admit(State(gateway): State<Shared>, mut request: Request, next: Next) -> Response {
    let identified = caller::identify(request.headers(), &gateway);
    // What is not taken is refused where a key is needed, and counts for its address.
    let caller = identified.as_ref().unwrap_or(&Caller::Nobody);
    let id = caller_id(&gateway, caller, &request);
    let client = match caller {
        Caller::Client(client) => Some(ClientName(Arc::clone(&client.name))),
        Caller::Nobody | Caller::Key(_) => None,
    };
    let concerns_key = extract::is_under_api(request.uri());
    let mut response = match let_in(&gateway, caller, id, &request) {
        Ok(hold) => {
            request.extensions_mut().insert(Identified {
                caller: identified,
                id,
                place: hold.as_ref().map(Hold::place),
            });
            // Within the door: who may not even knock is not heard out either.
            let request = drain_body::drain_body(request, &gateway.tasks);
            gateway.bounds.run(request, next, hold).await
        }
        Err(error) => {
            let mut response = error.into_response();
            if let Some(key) = caller.key().filter(|_| concerns_key) {
                say_standing(&mut response, &gateway, key);
            }
            response
        }
    };
    if let Some(client) = client {
        response.extensions_mut().insert(client);
    }
    response
}

/// Decides which caller a request counts for, in every share and limit.
///
/// A key that VirusTotal has not accepted yet counts for its address: made-up keys are free.
fn caller_id(gateway: &Gateway, caller: &Caller, request: &Request) -> CallerId {
    match caller {
        Caller::Client(client) => CallerId::Client(client.hash()),
        Caller::Key(key) if gateway.accepted.contains(key.hash()) => CallerId::Key(key.hash()),
        Caller::Key(_) | Caller::Nobody => {
            let peer = extract::peer(request.extensions().get());
            let trusted = &gateway.access.trusted_proxies;
            CallerId::at(forwarded::caller_address(peer, request.headers(), trusted))
        }
    }
}

/// Lets a request in, with its place if it needs one.
///
/// A client's allowance is spent last: a request that finds no place because of others costs none
/// of it.
fn let_in(
    gateway: &Gateway,
    caller: &Caller,
    id: CallerId,
    request: &Request,
) -> Result<Option<Hold>, ApiError> {
    let door = gateway.door.knock(&id);
    door.map_err(ApiError::too_many_requests)?;
    // Counted for the key, too, so that its allowance does not start anew once it is accepted.
    if let (Caller::Key(key), CallerId::Address(_)) = (caller, id) {
        let door = gateway.door.knock(&CallerId::Key(key.hash()));
        door.map_err(ApiError::too_many_requests)?;
    }
    let hold = gateway.bounds.admit(request, id)?;
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

/// Every answer that concerns a key: what the work gives or else what was being done, and where
/// the key stands.
pub async fn with_context(
    gateway: &Gateway,
    context: Result<RequestContext, ApiError>,
    doing: &str,
    work: impl AsyncFnOnce(&RequestContext) -> Result<Response, ApiError>,
) -> Response {
    let hash = context.as_ref().ok().map(|context| context.key.hash());
    let answer = async { work(&context?).await }.await;
    let answer = answer.map_err(|error| error.during(doing));
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if let Some(hash) = hash {
        say_standing(&mut response, gateway, hash);
    }
    response
}

/// Adds `X-RateLimit-*`: where the key stands in the minute, if that is limited.
fn say_standing(response: &mut Response, gateway: &Gateway, key: KeyHash) {
    if let Some(standing) = gateway.quota.standing(key, Now::read()) {
        insert_number(response, LIMIT, standing.limit);
        insert_number(response, REMAINING, standing.remaining);
        insert_number(response, RESET, standing.reset);
    }
}
