//! The routes and the layers around them.

use std::{any::Any, iter, sync::Arc};

use axum::{
    Extension, Router,
    extract::MatchedPath,
    handler::Handler,
    http::{Method, Uri, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use tower::{ServiceBuilder, util::MapResponseLayer};
use tower_http::{
    CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer,
    sensitive_headers::SetSensitiveRequestHeadersLayer,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::collections::{in_collection, method_of};
use super::{
    error::{self, ApiError},
    extract::credential::KEY_HEADERS,
    handlers::{
        analyses, behaviours, community, fallback::KnownRoutes, health, prometheus, quota,
        relationships, reports, root, search, submissions, templates,
    },
    headers,
    middleware::{admission, cors, observe},
    openapi::{self, errors::say_doing},
    state::Shared,
};
use crate::{indicator::Kind, metrics::Metrics, render::template::Templates, virustotal};

mod collections;

/// One documented operation whose errors begin with what was being done.
///
/// The layer is put around the handler itself rather than its route: around a route it would cost
/// two allocations for each request.
macro_rules! operation {
    ($doing:literal, $handler:path) => {{
        let (schemas, mut paths, _) = routes!($handler);
        say_doing(&mut paths, $doing);
        let during =
            MapResponseLayer::new(|response| error::during(response, || $doing.to_owned()));
        let handler = Handler::layer($handler, during);
        let route = MethodRouter::new().on(method_of(&paths), handler);
        (schemas, paths, route)
    }};
}

/// The same for an operation that is written once for all collections; `{}` is the kind's noun.
macro_rules! operation_of {
    ($kind:expr, $doing:literal, $handler:path) => {{
        let kind: Kind = $kind;
        let (schemas, mut paths, _) = routes!($handler);
        say_doing(&mut paths, &$doing.replace("{}", kind.noun()));
        let during = MapResponseLayer::new(move |response| {
            error::during(response, || $doing.replace("{}", kind.noun()))
        });
        let handler = Handler::layer(Handler::layer($handler, during), Extension(kind));
        let route = MethodRouter::new().on(method_of(&paths), handler);
        in_collection(kind, (schemas, paths, route))
    }};
}

/// Returns all routes but the metrics, with their documentation.
fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(operation!(
            "retrieving file report",
            reports::get_file_report
        ))
        .routes(operation!("retrieving URL report", reports::analyze_url))
        .routes(operation!("retrieving URL report", reports::get_url_report))
        .routes(operation!(
            "retrieving domain report",
            reports::get_domain_report
        ))
        .routes(operation!(
            "retrieving IP address report",
            reports::get_ip_report
        ))
        .routes(operation!(
            "retrieving file behaviour_summary",
            behaviours::get_behaviour_summary
        ))
        .routes(operation!(
            "retrieving file behaviour_mitre_trees",
            behaviours::get_behaviour_mitre_trees
        ))
        .merge(each(virustotal::relationships::kinds(), relationships_of))
        .merge(each(Kind::ALL, community_of))
        .routes(operation!("uploading file", submissions::upload_file))
        .routes(operation!("submitting URL", submissions::scan_url))
        .merge(each(Kind::ALL, analyses_of))
        .routes(operation!("retrieving analysis", analyses::get_analysis))
        .routes(operation!("retrieving search results", search::search))
        .routes(operation!(
            "retrieving search results",
            search::search_intelligence
        ))
        .routes(operation!("retrieving quota", quota::get_quota))
        .routes(routes!(templates::list_templates))
        .routes(routes!(templates::get_template))
        .routes(routes!(root::get_root))
        .merge(health())
}

fn relationships_of(kind: Kind) -> OpenApiRouter<Shared> {
    let (schemas, paths, types) = routes!(relationships::list_relationship_types);
    let types = types.layer(Extension(kind));
    OpenApiRouter::new()
        .routes(in_collection(kind, (schemas, paths, types)))
        .routes(operation_of!(
            kind,
            "retrieving {} relationships",
            relationships::get_relationship
        ))
}

fn community_of(kind: Kind) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(operation_of!(
            kind,
            "retrieving {} comments",
            community::list_comments
        ))
        .routes(operation_of!(
            kind,
            "adding {} comment",
            community::add_comment
        ))
        .routes(operation_of!(
            kind,
            "retrieving {} votes",
            community::list_votes
        ))
        .routes(operation_of!(kind, "adding {} vote", community::add_vote))
}

fn analyses_of(kind: Kind) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(operation_of!(
        kind,
        "requesting {} analysis",
        submissions::analyse_again
    ))
}

/// Merges the routes of each of these collections.
fn each(
    kinds: impl IntoIterator<Item = Kind>,
    routes: fn(Kind) -> OpenApiRouter<Shared>,
) -> OpenApiRouter<Shared> {
    let kinds = kinds.into_iter();
    kinds.fold(OpenApiRouter::new(), |all, kind| all.merge(routes(kind)))
}

/// Returns the health checks, which every port has.
fn health() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(health::get_livez))
        .routes(routes!(health::get_readyz))
}

/// Returns the metrics, which are on the admin port if there is one.
fn metrics() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(prometheus::get_metrics))
}

/// Builds the OpenAPI document of a gateway with these templates.
pub fn document(templates: &Templates) -> OpenApi {
    let mut document = routes().merge(metrics()).into_openapi();
    openapi::complete(&mut document, templates);
    document
}

/// Builds the router of the public port, with the OpenAPI document as JSON.
///
/// `has_metrics` tells whether the metrics are here rather than on the admin port.
pub fn router(gateway: &Shared, document: impl Into<Bytes>, has_metrics: bool) -> Router {
    let all = if has_metrics {
        routes().merge(metrics())
    } else {
        routes()
    };
    let known = KnownRoutes::of(all.get_openapi());
    let router = with_fallbacks(Router::from(all).merge(openapi::ui(document.into())), known)
        // Inside the layers of every port.
        .layer(
            ServiceBuilder::new()
                // Around admission: a page may read its rejections, too.
                .layer(cors::layer(&gateway.access.origins))
                // One layer for rate limit, other limits and the rest of the body: each costs a box.
                .layer(from_fn_with_state(Arc::clone(gateway), admission::admit)),
        );
    watched(router, gateway)
}

/// Builds the router of the admin port.
pub fn admin_router(gateway: &Shared) -> Router {
    let known = KnownRoutes::of(health().merge(metrics()).get_openapi());
    let router =
        Router::from(health()).route("/metrics", get(prometheus::get_metrics_of_admin_port));
    watched(with_fallbacks(router, known), gateway)
}

/// Adds the answers to requests that no route takes.
fn with_fallbacks(router: Router<Shared>, known: Arc<KnownRoutes>) -> Router<Shared> {
    let paths = Arc::clone(&known);
    router
        .fallback(async move |method: Method, uri: Uri| paths.not_found(&method, &uri))
        .method_not_allowed_fallback(async move |route: Option<MatchedPath>| {
            known.method_not_allowed(route.as_ref().map(MatchedPath::as_str))
        })
}

/// Adds the layers that every port has, outermost first.
///
/// They are one stack, since a router boxes each layer that it is given.
fn watched(router: Router<Shared>, gateway: &Shared) -> Router {
    router
        .layer(
            ServiceBuilder::new()
                // Hides keys from any debug print of a request further in.
                .layer(SetSensitiveRequestHeadersLayer::new(
                    KEY_HEADERS
                        .iter()
                        .cloned()
                        .chain(iter::once(header::AUTHORIZATION)),
                ))
                .layer(from_fn_with_state(Arc::clone(gateway), observe::observe))
                // Around everything that could panic, inside the request log.
                .layer(CatchPanicLayer::custom(after_panic(&gateway.metrics)))
                // Level 1: the default level costs more than the rest of the request.
                .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
                // Inside compression, which hides the size of its body.
                .layer(MapResponseLayer::new(headers::weigh)),
        )
        .with_state(Arc::clone(gateway))
}

/// Returns a function that counts a panic and answers in place of the handler.
fn after_panic(metrics: &Arc<Metrics>) -> impl Fn(Box<dyn Any + Send>) -> Response + Clone + use<> {
    let metrics = Arc::clone(metrics);
    move |panic| {
        metrics.panicked();
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
        let metrics = Arc::new(Metrics::new());
        let router = Router::new()
            .route("/", get(fail))
            .layer(CatchPanicLayer::custom(after_panic(&metrics)));
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
        let counted = metrics.render(crate::metrics::Snapshot::default());
        assert!(counted.contains("vt4ai_http_panics_total 1"), "{counted}");
    }
}
