//! The endpoint: what HTTP says before a message of JSON-RPC is read.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::Value;

use super::{
    access::McpCaller,
    era::{Era, meta},
    message::Message,
    methods::{self, Finished},
    rpc::RpcError,
    stream,
    tools::SearchRights,
    visit::{CallProgress, Visit},
};
use crate::http::{
    self, AppState,
    error::ApiError,
    extract::{
        body::{self, JSON},
        caller::Identified,
        format::media_ranges,
    },
    middleware::{audit::Audited, route_group::RouteGroup},
};

/// The path of the endpoint.
const PATH: &str = "/mcp";

/// The media type of a stream of events.
const EVENT_STREAM: &str = "text/event-stream";

/// Builds the endpoint, with the layers of the public port.
pub fn router(gateway: &AppState) -> Router {
    let rights = Arc::new(SearchRights::new(gateway.accepted.clone()));
    let route = post(serve).fallback(method_not_allowed);
    let routes = Router::new().route(PATH, route).layer(Extension(rights));
    http::entrance(routes, gateway, RouteGroup::Mcp)
}

/// Answers a method that the endpoint does not take. There are no streams to open with GET and no
/// sessions to end with DELETE.
async fn method_not_allowed() -> Response {
    let mut response = ApiError::method_not_allowed(&["POST"]).into_response();
    let allow = HeaderValue::from_static("POST");
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

async fn serve(
    State(gateway): State<AppState>,
    Extension(rights): Extension<Arc<SearchRights>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let access = McpCaller::of(&parts, &gateway).await?;
    body::require(&parts.headers, &[JSON])?;
    let body = body::read(body).await?;
    let identified = parts.extensions.get::<Identified>();
    let record = identified.map(|identified| identified.record.clone());
    let visit = Visit {
        gateway,
        access,
        era: Era::of_headers(&parts.headers),
        record: record.unwrap_or_default(),
        audited: parts.extensions.get::<Audited>().cloned(),
        rights,
        progress: CallProgress::start(),
    };
    Ok(match Message::parse(&body) {
        Ok(message) => answer(visit, message, &parts).await,
        Err(bad) => Finished::error(bad.id, &bad.error, visit.era).into_response(),
    })
}

async fn answer(mut visit: Visit, message: Message, parts: &Parts) -> Response {
    let request = match message {
        Message::Request(request) => request,
        // Over HTTP a client cancels by hanging up, so no notification has an effect.
        Message::Notification(..) => return StatusCode::ACCEPTED.into_response(),
        Message::Response if visit.era == Era::Initialize => {
            return StatusCode::ACCEPTED.into_response();
        }
        Message::Response => {
            let error = RpcError::invalid_request("responses are not taken: nothing was asked");
            return Finished::error(None, &error, visit.era).into_response();
        }
    };
    visit.era = Era::of(&request.params, &parts.headers);
    if let Err(error) = visit.era.check(&request, &parts.headers) {
        return Finished::error(Some(request.id), &error, visit.era).into_response();
    }
    let token = progress_token(&request.params).filter(|_| accepts_events(&parts.headers));
    let progress = visit.progress.clone();
    let work = methods::answer(visit, request);
    match token {
        Some(token) => stream::respond(Box::pin(work), progress, token).await,
        None => work.await.into_response(),
    }
}

/// Returns the token by which the client wants to hear of progress.
fn progress_token(params: &serde_json::Map<String, Value>) -> Option<Value> {
    let token = meta(params)?.get("progressToken")?;
    (token.is_string() || token.is_i64() || token.is_u64()).then(|| token.clone())
}

/// Returns whether the client takes a stream of events.
fn accepts_events(headers: &HeaderMap) -> bool {
    media_ranges(headers).any(|(media, quality)| {
        quality > 0 && (media.eq_ignore_ascii_case(EVENT_STREAM) || media == "*/*")
    })
}
