//! Admission: identifies the caller of a request and applies its limits before any handler runs.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderName, Uri},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{drain_body, limits, route_group::GroupState};
use crate::{
    access::{CallerId, Hold, KeyHash},
    clock::Now,
    http::{
        error::ApiError,
        extract::{
            caller::Identified,
            credential::{self, Sender},
        },
        headers::insert_number,
        outcome::RequestRecord,
        state::Gateway,
    },
};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The paths that do not count against a client's allowance, so that the quota and the usage can still
/// be read once it is used up.
const FREE: [&str; 2] = ["/api/v1/quota", "/api/v1/usage"];

/// Admits a request within the limits of its caller, and reports the quota of the key it spends.
pub async fn admit(State(state): State<GroupState>, mut request: Request, next: Next) -> Response {
    let GroupState { gateway, group } = &state;
    let identified = credential::identify(request.headers(), gateway);
    // A rejected credential is refused where a key is needed; here it counts for its address.
    let sender = identified.as_ref().unwrap_or(&Sender::Anonymous);
    let record = request.extensions().get::<RequestRecord>();
    let record = record.cloned().unwrap_or_default();
    let caller = caller_id(gateway, sender, record.address());
    if let Sender::Client(client) = sender {
        record.set_client(&client.name);
    }
    match let_in(&state, sender, caller, request.uri()) {
        Ok(hold) => {
            request.extensions_mut().insert(Identified {
                sender: identified,
                caller,
                place: hold.as_ref().map(Hold::place),
                record: record.clone(),
            });
            let time = limits::time_of(&gateway.limits, *group, request.uri());
            // After the rate limit: the body of a request beyond that is not read to its end.
            let request = drain_body::drain_body(request, &gateway.tasks);
            let mut response = match hold {
                Some(hold) => limits::run(request, next, hold, time).await,
                None => next.run(request).await,
            };
            if let Some(key) = record.key() {
                report_quota(&mut response, gateway, key);
            }
            response
        }
        Err(error) => {
            let mut response = error.into_response();
            if let Some(key) = sender.key()
                && group.concerns_key()
            {
                report_quota(&mut response, gateway, key);
            }
            response
        }
    }
}

/// Decides which caller a request counts for in every limit.
///
/// A key that VirusTotal has not accepted yet counts for its address, since keys can be made up.
fn caller_id(gateway: &Gateway, sender: &Sender, address: IpAddr) -> CallerId {
    match sender {
        Sender::Client(client) => CallerId::Client(client.hash()),
        Sender::Key(key) if gateway.accepted.contains(key.hash()) => CallerId::Key(key.hash()),
        Sender::Key(_) | Sender::Anonymous => CallerId::at(address),
    }
}

/// Applies the rate limit, the limit of concurrent requests and a client's allowance.
///
/// The allowance comes last, so that a request without a place costs none of it.
fn let_in(
    state: &GroupState,
    sender: &Sender,
    caller: CallerId,
    uri: &Uri,
) -> Result<Option<Hold>, ApiError> {
    let GroupState { gateway, group } = state;
    check_rate(gateway, caller)?;
    // Counted for the key, too, so that its allowance does not start anew once it is accepted.
    if let (Sender::Key(key), CallerId::Address(_)) = (sender, caller) {
        check_rate(gateway, CallerId::Key(key.hash()))?;
    }
    limits::check_length(uri)?;
    let hold = limits::enter(&gateway.limits, *group, caller)?;
    let Sender::Client(client) = sender else {
        return Ok(hold);
    };
    // Here, since a reload brings new clients at any time.
    gateway.accepted.configure(client.key.hash());
    if let Some(clients) = &gateway.clients
        && group.spends_allowance()
        && !FREE.contains(&uri.path())
    {
        clients.spend(client, Now::read())?;
    }
    Ok(hold)
}

fn check_rate(gateway: &Gateway, caller: CallerId) -> Result<(), ApiError> {
    match gateway.rate_limit.check(&caller) {
        Ok(()) => Ok(()),
        Err(wait) => Err(ApiError::too_many_requests(wait)),
    }
}

/// Sets `X-RateLimit-*` to the key's quota of the minute, if that is limited.
fn report_quota(response: &mut Response, gateway: &Gateway, key: KeyHash) {
    if let Some(standing) = gateway.quota.standing(key) {
        insert_number(response, LIMIT, standing.limit);
        insert_number(response, REMAINING, standing.remaining);
        insert_number(response, RESET, standing.reset);
    }
}
