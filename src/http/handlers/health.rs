//! The health checks of the gateway.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::clients::Clients,
    http::{
        openapi::errors::OpenErrors,
        state::{AppState, Gateway},
    },
    lookup::DiskStats,
    redis,
    render::template::ReloadableTemplates,
};

/// The result of a check.
#[derive(Serialize, ToSchema)]
struct Check {
    #[schema(example = "templates")]
    name: &'static str,
    ok: bool,
    detail: String,
}

/// The health of the gateway.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
struct HealthReport {
    #[schema(example = "ok")]
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    checks: Vec<Check>,
}

/// Liveness
///
/// Answers as long as the process runs; restart it when this fails.
#[utoipa::path(get, path = "/livez", tag = "Service", security(()), responses(
    (status = 200, description = "The process is alive", body = HealthReport),
    OpenErrors,
))]
pub async fn get_livez() -> impl IntoResponse {
    Json(HealthReport {
        status: "ok",
        checks: Vec::new(),
    })
}

/// Readiness
///
/// Lists the checks; send requests elsewhere while this fails.
#[utoipa::path(get, path = "/readyz", tag = "Service", security(()), responses(
    (status = 200, description = "The gateway can serve; `checks` lists the parts", body = HealthReport),
    (status = 503, description = "The gateway is stopping", body = HealthReport),
    OpenErrors,
))]
pub async fn get_readyz(State(gateway): State<AppState>) -> impl IntoResponse {
    if gateway.stopping.is_cancelled() {
        let (status, checks) = ("stopping", Vec::new());
        let health = Json(HealthReport { status, checks });
        return (StatusCode::SERVICE_UNAVAILABLE, health);
    }
    let checks = checks(&gateway);
    let is_well = checks.iter().all(|check| check.ok);
    let status = if is_well { "ok" } else { "degraded" };
    (StatusCode::OK, Json(HealthReport { status, checks }))
}

fn checks(gateway: &Gateway) -> Vec<Check> {
    let mut checks = vec![check_templates(&gateway.templates), check_key(gateway)];
    checks.extend(gateway.clients.as_ref().map(check_clients));
    checks.push(check_upstream(gateway.virustotal.failures()));
    checks.extend(gateway.redis.health().map(check_redis));
    checks.extend(gateway.lookup.disk_stats().map(check_disk));
    checks
}

/// Checks the templates. The previous ones stay in effect, so a mistake is no reason to take a
/// replica out of service.
fn check_templates(templates: &ReloadableTemplates) -> Check {
    let count = templates.current().count();
    let detail = match templates.mistakes() {
        0 => format!("{count} loaded"),
        mistakes => format!(
            "the last reload failed (mistakes: {mistakes}, see the log); the previous {count} stay \
             in effect"
        ),
    };
    Check {
        name: "templates",
        ok: templates.mistakes() == 0,
        detail,
    }
}

fn check_key(gateway: &Gateway) -> Check {
    let detail = match gateway.access.key {
        Some(_) => "the server holds a VirusTotal key",
        None => "the server holds no VirusTotal key; callers send theirs",
    };
    Check {
        name: "key",
        ok: true,
        detail: detail.to_owned(),
    }
}

/// Checks the clients' file. The previous clients stay, so a mistake is no reason to take a replica
/// out of service.
fn check_clients(clients: &Clients) -> Check {
    let count = clients.count();
    let detail = match clients.mistakes() {
        0 => format!("{count} may call with a token"),
        mistakes => format!(
            "their file can't be used (mistakes: {mistakes}, see the log); the previous {count} may \
             call"
        ),
    };
    Check {
        name: "clients",
        ok: clients.mistakes() == 0,
        detail,
    }
}

/// Checks the upstream. Cached answers are still served, so a failure is no reason to take a replica
/// out of service.
fn check_upstream(failures: u32) -> Check {
    let detail = match failures {
        0 => "the last upstream request succeeded, or there was none".to_owned(),
        1 => "VirusTotal's last answer was a failure".to_owned(),
        count => format!("VirusTotal's last {count} answers were failures"),
    };
    Check {
        name: "upstream",
        ok: failures == 0,
        detail,
    }
}

/// Checks Redis. Without it a replica uses its own state, so that is no reason to take it out of
/// service.
fn check_redis(health: redis::Availability) -> Check {
    let (ok, detail) = match health {
        redis::Availability::Up => (true, "replicas share answers and quota".to_owned()),
        redis::Availability::Away(why) => (false, format!("away: {why}")),
    };
    Check {
        name: "redis",
        ok,
        detail,
    }
}

/// Checks the cache on disk. Requests are served without it, so a failure is no reason to take a
/// replica out of service.
fn check_disk(stats: DiskStats) -> Check {
    Check {
        name: "disk",
        ok: stats.trouble.is_none(),
        detail: match stats.trouble {
            None => "answers are kept on disk".to_owned(),
            Some(why) => format!("answers are not kept on disk: {why}"),
        },
    }
}
