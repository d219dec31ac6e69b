//! The OpenAPI document and its route.

use std::sync::Arc;

use axum::{Router, extract::State, http::HeaderMap, response::Response, routing::get};
use parking_lot::Mutex;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::{api, metrics, service, uploads, with_known_methods};
use crate::{
    http::{
        error::ApiError,
        handlers::fallback::KnownRoutes,
        openapi::{
            self,
            files::{DOCUMENT, File},
        },
        state::AppState,
    },
    render::template::Templates,
};

/// Builds the OpenAPI document of a gateway with these templates.
pub fn document(templates: &Templates) -> OpenApi {
    let all = OpenApiRouter::with_openapi(openapi::base())
        .merge(api())
        .merge(uploads())
        .merge(service())
        .merge(metrics());
    let mut document = all.into_openapi();
    openapi::complete(&mut document, templates);
    document
}

/// The OpenAPI document for one set of templates.
struct KeptDocument {
    generation: usize,
    file: File,
}

/// Returns the route of a gateway's OpenAPI document, which is built on its first request and on
/// the first one after templates were reloaded.
pub(super) fn document_route(known: &KnownRoutes) -> Router<AppState> {
    let kept = Arc::new(Mutex::new(None));
    let route = get(
        async move |State(gateway): State<AppState>, headers: HeaderMap| {
            respond_with_document(&kept, &gateway.templates.current(), &headers)
        },
    );
    with_known_methods(Router::new().route(DOCUMENT, route), known)
}

/// Keeps only the bytes of the document: as a value it takes megabytes.
fn respond_with_document(
    kept: &Mutex<Option<KeptDocument>>,
    templates: &Templates,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let mut kept = kept.lock();
    let generation = templates.generation();
    if let Some(document) = &*kept
        && document.generation == generation
    {
        return Ok(document.file.respond(headers));
    }
    let json = match document(templates).to_json() {
        Ok(json) => json,
        Err(error) => return Err(ApiError::internal(error.to_string())),
    };
    let file = File::plain("application/json", json.into());
    let response = file.respond(headers);
    *kept = Some(KeptDocument { generation, file });
    Ok(response)
}
