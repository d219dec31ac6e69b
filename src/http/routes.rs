//! The routes and the layers around them.

use std::{any::Any, iter, sync::Arc};

use axum::{
    Router,
    extract::MatchedPath,
    http::{Method, Uri, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use tower::{ServiceBuilder, util::MapResponseLayer};
use tower_http::{
    CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer,
    sensitive_headers::SetSensitiveRequestHeadersLayer,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    error::ApiError,
    extract::caller::KEY_HEADERS,
    handlers::{
        analyses, behaviours, community, fallback::KnownRoutes, health,
        metrics as metrics_handlers, quota, relationships, reports, search, submissions, templates,
    },
    headers,
    middleware::{admission, cors, observe},
    openapi,
    state::Shared,
};
use crate::{meter::Meter, template::Templates};

pub(super) mod collections;

/// Every route, with its documentation.
fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(reports::get_file_report))
        .routes(routes!(reports::analyze_url))
        .routes(routes!(reports::get_url_report))
        .routes(routes!(reports::get_domain_report))
        .routes(routes!(reports::get_ip_report))
        .routes(routes!(behaviours::get_behaviour_summary))
        .routes(routes!(behaviours::get_behaviour_mitre_trees))
        .merge(relationships::routes())
        .merge(community::routes())
        .merge(submissions::routes())
        .routes(routes!(analyses::get_analysis))
        .routes(routes!(search::search))
        .routes(routes!(search::search_intelligence))
        .routes(routes!(quota::get_quota))
        .routes(routes!(templates::list_templates))
        .routes(routes!(templates::get_template))
        .routes(routes!(health::get_root))
        .merge(health())
}

/// Whether it lives and can serve: on every port.
fn health() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(health::get_livez))
        .routes(routes!(health::get_readyz))
}

/// What it counts: on the port for that, if there is one.
fn metrics() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(metrics_handlers::get_metrics))
}

/// The OpenAPI document of a gateway with these templates.
pub fn document(templates: &Templates) -> OpenApi {
    let mut document = routes().merge(metrics()).into_openapi();
    openapi::complete(&mut document, templates);
    document
}

/// The whole HTTP side of a gateway, with its OpenAPI document as JSON.
///
/// `has_metrics`: whether they are here and not on a port of their own.
pub fn router(gateway: &Shared, document: impl Into<Bytes>, has_metrics: bool) -> Router {
    let all = if has_metrics {
        routes().merge(metrics())
    } else {
        routes()
    };
    let known = KnownRoutes::of(all.get_openapi());
    let router = with_fallbacks(Router::from(all).merge(openapi::ui(document.into())), known)
        // Within what every port has: who may not even knock is not heard out either.
        .layer(
            ServiceBuilder::new()
                // Around the door: a page may read that it was refused, too.
                .layer(cors::layer(&gateway.access.origins))
                // One for the door, the bounds and the body that is left: each costs a box.
                .layer(from_fn_with_state(Arc::clone(gateway), admission::admit)),
        );
    watched(router, gateway)
}

/// What is served on a port for whoever watches the gateway.
pub fn admin_router(gateway: &Shared) -> Router {
    let known = KnownRoutes::of(health().merge(metrics()).get_openapi());
    let router =
        Router::from(health()).route("/metrics", get(metrics_handlers::get_metrics_of_admin_port));
    watched(with_fallbacks(router, known), gateway)
}

/// Adds what answers where no route fits.
fn with_fallbacks(router: Router<Shared>, known: Arc<KnownRoutes>) -> Router<Shared> {
    let paths = Arc::clone(&known);
    router
        .fallback(async move |method: Method, uri: Uri| paths.not_found(&method, &uri))
        .method_not_allowed_fallback(async move |route: Option<MatchedPath>| {
            known.method_not_allowed(route.as_ref().map(MatchedPath::as_str))
        })
}

/// The layers that every port has.
///
/// One stack, since a router boxes what it is given: what comes first sees a request first.
fn watched(router: Router<Shared>, gateway: &Shared) -> Router {
    router
        .layer(
            ServiceBuilder::new()
                // So that no print of a request below shows a key.
                .layer(SetSensitiveRequestHeadersLayer::new(
                    KEY_HEADERS
                        .iter()
                        .cloned()
                        .chain(iter::once(header::AUTHORIZATION)),
                ))
                .layer(from_fn_with_state(Arc::clone(gateway), observe::observe))
                // Around all that could panic, within what writes the log line.
                .layer(CatchPanicLayer::custom(after_panic(&gateway.meter)))
                // Level 1: the default level costs more than all the rest of a request.
                .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
                // Within compression, which hides the size of what it holds.
                .layer(MapResponseLayer::new(headers::weigh)),
        )
        .with_state(Arc::clone(gateway))
}

/// Counts a panic, and answers in place of the handler.
fn after_panic(meter: &Arc<Meter>) -> impl Fn(Box<dyn Any + Send>) -> Response + Clone + use<> {
    let meter = Arc::clone(meter);
    move |panic| {
        meter.panicked();
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        ApiError::internal(format!("panic: {message}")).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, http::StatusCode};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_counted_500_that_says_nothing_of_it() {
        async fn fail() {
            panic!("the inside story");
        }
        let meter = Arc::new(Meter::new());
        let router = Router::new()
            .route("/", get(fail))
            .layer(CatchPanicLayer::custom(after_panic(&meter)));
        let request: axum::extract::Request = axum::extract::Request::default();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let failure = response
            .extensions()
            .get::<crate::http::error::Failure>()
            .unwrap();
        assert_eq!(failure.cause.as_deref(), Some("panic: the inside story"));
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "InternalError");
        assert!(!body.to_string().contains("inside story"));
        let counted = meter.render(crate::meter::State::default());
        assert!(counted.contains("vt4ai_http_panics_total 1"), "{counted}");
    }
}
