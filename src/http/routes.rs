//! The routes and the layers around them.

use std::{
    any::Any,
    iter,
    sync::{Arc, LazyLock},
};

use axum::{
    Extension, Router,
    extract::MatchedPath,
    handler::Handler,
    http::{Extensions, HeaderMap, Method, StatusCode, Uri, Version, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, get},
};
use tower::{ServiceBuilder, util::MapResponseLayer};
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, NotForContentType, Predicate as _},
    },
    sensitive_headers::SetSensitiveRequestHeadersLayer,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    collections::{in_collection, method_of},
    document::document_route,
};

pub use self::document::document;
use super::{
    console,
    error::{self, ApiError},
    extract::credential::KEY_HEADERS,
    handlers::{
        analyses, behaviours, community, fallback::KnownRoutes, health, lookup, prometheus, quota,
        relationships, reports, root, search, submissions, templates, usage,
    },
    headers,
    middleware::{
        admission, cors, observe,
        route_group::{GroupState, RouteGroup},
    },
    openapi::{self, errors::say_doing},
    state::AppState,
};
use crate::{indicator::Kind, metrics::Metrics, virustotal};

mod collections;
mod document;

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

/// The routes of the public port by their limits, each group with the answers to requests that no
/// route takes.
///
/// They are built once in a process: to describe them costs more than everything else at the start.
struct PublicRoutes {
    api: Router<AppState>,
    uploads: Router<AppState>,
    /// The paths below the API's that no route takes.
    unknown: Router<AppState>,
    service: Router<AppState>,
    known: KnownRoutes,
}

static WITH_METRICS: LazyLock<PublicRoutes> =
    LazyLock::new(|| PublicRoutes::new(service().merge(metrics())));

static WITHOUT_METRICS: LazyLock<PublicRoutes> = LazyLock::new(|| PublicRoutes::new(service()));

impl PublicRoutes {
    fn new(service: OpenApiRouter<AppState>) -> Self {
        let (api, uploads) = (api(), uploads());
        let documents = [&api, &uploads, &service].map(OpenApiRouter::get_openapi);
        let known = KnownRoutes::of(&documents);
        let unknown = not_found(&known);
        let service = Router::from(service).merge(openapi::swagger_ui());
        Self {
            api: with_known_methods(api.into(), &known),
            uploads: with_known_methods(uploads.into(), &known),
            unknown: Router::new()
                .route("/api/v1/", unknown.clone())
                .route("/api/v1/{*path}", unknown),
            service: with_fallbacks(service, &known),
            known,
        }
    }
}

/// Returns the routes of the API except uploads, with their documentation.
fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
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
        .routes(operation!("submitting URL", submissions::scan_url))
        .merge(each(Kind::ALL, analyses_of))
        .routes(operation!("retrieving analysis", analyses::get_analysis))
        .routes(operation!("retrieving search results", search::search))
        .routes(operation!(
            "retrieving search results",
            search::search_intelligence
        ))
        .routes(operation!("retrieving quota", quota::get_quota))
        .routes(operation!("retrieving usage", usage::get_usage))
        .routes(operation!("looking up", lookup::look_up))
        .routes(operation!("looking up", lookup::look_up_many))
}

/// Returns the routes of uploads.
fn uploads() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(operation!("uploading file", submissions::upload_file))
}

/// Returns the routes that concern no key, except the metrics.
fn service() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(templates::list_templates))
        .routes(routes!(templates::get_template))
        .routes(routes!(root::get_root))
        .merge(health())
}

fn relationships_of(kind: Kind) -> OpenApiRouter<AppState> {
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

fn community_of(kind: Kind) -> OpenApiRouter<AppState> {
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

fn analyses_of(kind: Kind) -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(operation_of!(
        kind,
        "requesting {} analysis",
        submissions::analyse_again
    ))
}

/// Merges the routes of each of these collections.
fn each(
    kinds: impl IntoIterator<Item = Kind>,
    routes: fn(Kind) -> OpenApiRouter<AppState>,
) -> OpenApiRouter<AppState> {
    let kinds = kinds.into_iter();
    kinds.fold(OpenApiRouter::new(), |all, kind| all.merge(routes(kind)))
}

/// Returns the health checks, which every port has.
fn health() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(health::get_livez))
        .routes(routes!(health::get_readyz))
}

/// Returns the metrics, which are on the admin port if there is one.
fn metrics() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(prometheus::get_metrics))
}

/// Builds the router of the public port.
///
/// `has_metrics` tells whether the metrics are here rather than on the admin port.
pub fn router(gateway: &AppState, has_metrics: bool) -> Router {
    let routes = if has_metrics {
        &*WITH_METRICS
    } else {
        &*WITHOUT_METRICS
    };
    let state = |group| GroupState {
        gateway: Arc::clone(gateway),
        group,
    };
    let mut service = document_route(&routes.known).merge(routes.service.clone());
    if gateway.console.is_some() {
        service = service.merge(console::routes());
    }
    Router::new()
        .merge(admitted(routes.api.clone(), state(RouteGroup::Api)))
        .merge(admitted(routes.uploads.clone(), state(RouteGroup::Upload)))
        .merge(admitted(
            routes.unknown.clone(),
            state(RouteGroup::UnknownApi),
        ))
        .merge(admitted(service, state(RouteGroup::Service)))
        .with_state(Arc::clone(gateway))
}

/// Adds the layers of the public port to the routes of another entrance.
pub fn entrance(routes: Router<AppState>, gateway: &AppState, group: RouteGroup) -> Router {
    let state = GroupState {
        gateway: Arc::clone(gateway),
        group,
    };
    admitted(routes, state).with_state(Arc::clone(gateway))
}

/// Builds the router of the admin port.
pub fn admin_router(gateway: &AppState) -> Router {
    let known = KnownRoutes::of(&[health().merge(metrics()).get_openapi()]);
    let router =
        Router::from(health()).route("/metrics", get(prometheus::get_metrics_of_admin_port));
    let state = GroupState {
        gateway: Arc::clone(gateway),
        group: RouteGroup::Service,
    };
    layered(with_fallbacks(router, &known), state, false).with_state(Arc::clone(gateway))
}

/// Adds the answers to requests that no route takes.
fn with_fallbacks(router: Router<AppState>, known: &KnownRoutes) -> Router<AppState> {
    let router = with_known_methods(router, known);
    router.fallback(not_found(known))
}

fn not_found(known: &KnownRoutes) -> MethodRouter<AppState> {
    let known = known.clone();
    any(async move |method: Method, uri: Uri| known.not_found(&method, &uri))
}

/// Adds the answer to methods that a route does not take.
fn with_known_methods(router: Router<AppState>, known: &KnownRoutes) -> Router<AppState> {
    let known = known.clone();
    router.method_not_allowed_fallback(async move |route: Option<MatchedPath>| {
        known.method_not_allowed(route.as_ref().map(MatchedPath::as_str))
    })
}

/// Adds the layers of the public port to a group of routes.
pub fn admitted(router: Router<AppState>, state: GroupState) -> Router<AppState> {
    layered(router, state, true)
}

/// Adds the layers that every port has and, if `is_public`, CORS and admission, outermost first.
///
/// They are one stack, since a router boxes each layer that it is given.
fn layered(router: Router<AppState>, state: GroupState, is_public: bool) -> Router<AppState> {
    let panic_layer = CatchPanicLayer::custom(after_panic(&state.gateway.metrics));
    let cors = is_public.then(|| cors::layer(&state.gateway.access.origins));
    let admission = is_public.then(|| from_fn_with_state(state.clone(), admission::admit));
    router.layer(
        ServiceBuilder::new()
            // Hides keys from any debug print of a request further in.
            .layer(SetSensitiveRequestHeadersLayer::new(
                KEY_HEADERS
                    .iter()
                    .cloned()
                    .chain(iter::once(header::AUTHORIZATION)),
            ))
            .layer(from_fn_with_state(state, observe::observe))
            // Around everything that could panic, inside the request log.
            .layer(panic_layer)
            // Level 1: the default level costs more than the rest of the request.
            .layer(
                CompressionLayer::new()
                    .quality(CompressionLevel::Fastest)
                    // Compression would hold back the rows of a job.
                    .compress_when(
                        DefaultPredicate::new()
                            .and(NotForContentType::const_new("application/x-ndjson"))
                            .and(is_to_compress),
                    ),
            )
            // Inside compression, which hides the size of its body.
            .layer(MapResponseLayer::new(headers::weigh))
            // Around admission: a page may read its rejections, too.
            .option_layer(cors)
            // One layer for rate limit, other limits and the rest of the body: each costs a box.
            .option_layer(admission),
    )
}

/// Returns whether a response may be compressed: one that is passed on goes as it came.
fn is_to_compress(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<headers::AsItCame>().is_none()
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
    use axum::body::to_bytes;
    use tower::ServiceExt as _;

    use super::*;
    use crate::http::outcome::Outcome;

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
        let outcome = response.extensions().get::<Outcome>().unwrap();
        let failure = outcome.failure.as_ref().unwrap();
        assert_eq!(failure.cause.as_deref(), Some("panic: the inside story"));
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "InternalError");
        assert!(!body.to_string().contains("inside story"));
        let counted = metrics.render(crate::metrics::Snapshot::default());
        assert!(counted.contains("vt4ai_http_panics_total 1"), "{counted}");
    }
}
