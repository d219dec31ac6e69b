//! What the gateway says of itself: the root, its templates, its health.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Shared, error::ApiError, extract::Ask, openapi::answers::OpenErrors};
use crate::{
    clock::Now,
    indicator::Kind,
    key::ApiKey,
    meter::{Standing, State as Standings},
    quota::{Report, Tally, Window},
    redis,
    template::Template,
};

/// The text format's own name.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What `/` says.
#[derive(Serialize, ToSchema)]
struct Root {
    #[schema(example = "VT4AI API Server")]
    message: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    #[schema(example = "/docs")]
    docs: &'static str,
}

/// A template in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedFilter)]
struct TemplateSummary {
    #[schema(example = "vt4ai_file_basics")]
    name: String,
    description: String,
    /// Whether it applies where a request names none.
    default: bool,
}

/// The templates there are, by the type of object they are for.
#[derive(Serialize, ToSchema)]
#[schema(as = FiltersByType)]
struct TemplateList {
    file: Vec<TemplateSummary>,
    url: Vec<TemplateSummary>,
    domain: Vec<TemplateSummary>,
    ip: Vec<TemplateSummary>,
}

/// How a check turned out.
#[derive(Serialize, ToSchema)]
struct Check {
    #[schema(example = "templates")]
    name: &'static str,
    ok: bool,
    detail: String,
}

/// Whether the gateway can serve.
#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    checks: Vec<Check>,
}

/// Name and version
///
/// For a first look, and for clients that want to know what answers here.
#[utoipa::path(get, path = "/", tag = "Service", security(()), responses(
    (status = 200, description = "Who answers here, and where its documentation is", body = Root),
    OpenErrors,
))]
pub async fn get_root() -> impl IntoResponse {
    Json(Root {
        message: "VT4AI API Server",
        version: env!("CARGO_PKG_VERSION"),
        docs: "/docs",
    })
}

/// Is the process alive?
///
/// Answers as long as the process runs; restart it when this fails.
#[utoipa::path(get, path = "/livez", tag = "Service", security(()), responses(
    (status = 200, description = "It is", body = Health),
    OpenErrors,
))]
pub async fn get_livez() -> impl IntoResponse {
    Json(Health {
        status: "ok",
        checks: Vec::new(),
    })
}

/// Can it serve?
///
/// Says what was checked; send requests elsewhere while this fails.
#[utoipa::path(get, path = "/readyz", tag = "Service", security(()), responses(
    (status = 200, description = "It can, with what was checked", body = Health),
    (status = 503, description = "It is stopping", body = Health),
    OpenErrors,
))]
pub async fn get_readyz(State(gateway): State<Shared>) -> impl IntoResponse {
    if gateway.stopping.is_cancelled() {
        let (status, checks) = ("stopping", Vec::new());
        let health = Json(Health { status, checks });
        return (StatusCode::SERVICE_UNAVAILABLE, health);
    }
    let count: usize = Kind::ALL
        .iter()
        .map(|kind| gateway.templates.of(*kind).count())
        .sum();
    let key = match gateway.access.key {
        Some(_) => "the server holds a VirusTotal key",
        None => "the server holds no VirusTotal key; callers send theirs",
    };
    let mut checks = vec![
        Check {
            name: "templates",
            ok: true,
            detail: format!("{count} loaded"),
        },
        Check {
            name: "key",
            ok: true,
            detail: key.to_owned(),
        },
    ];
    checks.push(check_upstream(gateway.vt.failures()));
    checks.extend(gateway.redis.health().map(check_redis));
    let is_well = checks.iter().all(|check| check.ok);
    let status = if is_well { "ok" } else { "degraded" };
    (StatusCode::OK, Json(Health { status, checks }))
}

/// What is kept is still given: that is no reason to take a replica away either.
fn check_upstream(failures: u32) -> Check {
    let detail = match failures {
        0 => "VirusTotal's last answer, if it was asked, was one".to_owned(),
        1 => "VirusTotal's last answer was a failure".to_owned(),
        count => format!("VirusTotal's last {count} answers were failures"),
    };
    Check {
        name: "upstream",
        ok: failures == 0,
        detail,
    }
}

/// Metrics
///
/// Counts, times and states in Prometheus' text format. With `VT4AI_ADMIN_PORT` they are on
/// that port instead.
#[utoipa::path(get, path = "/metrics", tag = "Service", security(()), responses(
    (status = 200, description = "What is counted", body = String, content_type = "text/plain"),
    OpenErrors,
))]
pub async fn get_metrics(State(gateway): State<Shared>) -> impl IntoResponse {
    let held = gateway.lookup.extent();
    let key = gateway.access.key.as_ref().map(ApiKey::hash);
    let quota = key.map(|key| {
        (
            key.short(),
            standings(&gateway.quota.report(key, Now::read())),
        )
    });
    let health = gateway.redis.health();
    let text = gateway.meter.render(&Standings {
        cache_bytes: held.bytes,
        cache_max_bytes: held.max_bytes,
        cache_entries: held.entries,
        cache_evictions: held.evictions,
        quota: quota
            .as_ref()
            .map(|(key, windows)| (key.as_str(), *windows)),
        waiting: gateway.quota.waiting(),
        is_redis_up: health.map(|it| it == redis::Health::Up),
    });
    ([(header::CONTENT_TYPE, PROMETHEUS)], text)
}

fn standings(report: &Report) -> [Standing; 3] {
    let of = |window: Window, tally: &Tally| Standing {
        window: window.name(),
        allowed: tally.allowed,
        used: tally.used,
        remaining: tally.remaining,
    };
    [
        of(Window::Minute, &report.minute),
        of(Window::Day, &report.day),
        of(Window::Month, &report.month),
    ]
}

/// Without it a replica goes by what it knows itself: that is no reason to take it away.
fn check_redis(health: redis::Health) -> Check {
    let (ok, detail) = match health {
        redis::Health::Up => (true, "replicas share answers and quota".to_owned()),
        redis::Health::Away(why) => (false, format!("away: {why}")),
    };
    Check {
        name: "redis",
        ok,
        detail,
    }
}

/// Templates by type of object
///
/// The names that `template_name` takes.
#[utoipa::path(get, path = "/templates", tag = "Templates", security(()), responses(
    (status = 200, description = "For `file`, `url`, `domain` and `ip`, the templates there are",
     body = TemplateList),
    OpenErrors,
))]
pub async fn list_templates(State(gateway): State<Shared>) -> impl IntoResponse {
    let summary = |template: &Template| TemplateSummary {
        name: template.name.clone(),
        description: template.description.clone(),
        default: template.default,
    };
    let of = |kind| gateway.templates.of(kind).map(summary).collect();
    Json(TemplateList {
        file: of(Kind::File),
        url: of(Kind::Url),
        domain: of(Kind::Domain),
        ip: of(Kind::Ip),
    })
}

/// One template
///
/// What a template leaves out, as dotted paths in which `*` is any one key or array element.
#[utoipa::path(get, path = "/templates/{name}", tag = "Templates", security(()),
    params(("name" = String, Path, description = "The template's name", example = "vt4ai_file_basics")),
    responses(
        (status = 200, description = "The template itself", body = Template),
        (status = 404, description = "No template has this name", body = super::error::ErrorBody<'static>),
        OpenErrors,
    ),
)]
pub async fn get_template(State(gateway): State<Shared>, ask: Ask) -> Result<Response, ApiError> {
    match gateway.templates.named(ask.segment(0)?) {
        Some(template) => Ok(Json(template).into_response()),
        None => Err(ApiError::not_found(
            "no such template; `/templates` lists those there are",
        )),
    }
}
