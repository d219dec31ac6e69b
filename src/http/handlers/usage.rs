//! The usage of the caller, or of all callers, by day.

use std::collections::BTreeMap;

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use serde::{Serialize, Serializer};
use time::Date;
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::{
        USAGE_DAYS, UsageCaller, UsageCounts, UsageTable,
        clients::{Client, Scope},
        days_between, first_day,
    },
    clock::Now,
    http::{
        error::ApiError,
        extract::{
            MayRead, Parameters, StrictQuery, caller::identified, metrics::check_usage_of_all,
            query::FromQuery,
        },
        headers::NO_STORE,
        openapi::errors::ReadErrors,
        state::AppState,
    },
    render::format::Format,
    usage::{KeptIn, UsageQuery},
};

/// The number of callers from which an answer is written on another thread.
const MANY: usize = 100;

/// The days and the callers that a request asks for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsageRange {
    /// The number of days, in UTC, the last of which is today.
    #[param(required = false, minimum = 1, maximum = 31, default = 31)]
    days: u8,
    /// The caller's own usage, or that of all callers, which takes the scope `metrics`. The default
    /// is `all` for a client with this scope, and `own` for others.
    #[param(inline)]
    clients: Option<UsageOf>,
}

/// The callers whose usage is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum UsageOf {
    /// The caller itself.
    Own,
    /// All callers.
    All,
}

/// The usage that a request asks for, which its caller may see.
#[derive(Debug)]
pub struct AskedUsage(UsageQuery);

/// The usage of callers by day.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
pub struct UsageAnswer {
    data: UsageReport,
    format: Format,
}

/// The usage of some days.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageReport {
    /// The first day, in UTC.
    #[serde(serialize_with = "write_day")]
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// The last day, which is today.
    #[serde(serialize_with = "write_day")]
    #[schema(value_type = String, format = Date)]
    to: Date,
    /// The place where usage is kept: `redis`, the usage of all replicas; `disk`, across restarts;
    /// `memory`, of this process since its start, also while the other two can't be read.
    kept_in: &'static str,
    /// The callers with any usage in these days: clients by name, then the others. The caller itself
    /// where only its own usage is asked for.
    clients: Vec<UsageOfCaller>,
}

/// The usage of one caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageOfCaller {
    /// `client`; `server`: requests without a credential, or with the server's own key; `key`: a
    /// VirusTotal key that a caller sends; `others`: callers beyond the number that is counted apart.
    kind: &'static str,
    /// The name of the client, or a digest that tells keys apart.
    name: Option<String>,
    /// The sums of all days.
    total: UsageSums,
    /// Each day, the first one first.
    days: Vec<UsageOfDay>,
}

/// The usage of one day.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageOfDay {
    /// The day, in UTC.
    #[serde(serialize_with = "write_day")]
    #[schema(value_type = String, format = Date)]
    date: Date,
    #[serde(flatten)]
    sums: UsageSums,
}

/// The usage of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UsageSums {
    /// The requests that were answered, whatever their status, this one not yet.
    requests: u64,
    /// The units of quota that they spent.
    units: u64,
    /// The lookups that the cache or another caller's call answered.
    saved_units: u64,
    /// The tokens of the answers, approximately.
    tokens: u64,
}

impl FromQuery for UsageRange {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        ["days", "clients"].into_iter()
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let days = parameters.read("days", "a number from 1 to 31", |text| {
            let days = text.parse().ok()?;
            (1..=USAGE_DAYS).contains(&days).then_some(days)
        })?;
        let clients = parameters.read("clients", "`own` or `all`", |text| match text {
            "own" => Some(UsageOf::Own),
            "all" => Some(UsageOf::All),
            _ => None,
        })?;
        Ok(Self {
            days: days.unwrap_or(USAGE_DAYS),
            clients,
        })
    }
}

impl FromRequestParts<AppState> for AskedUsage {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        let client = identified(parts)?.client();
        let range = StrictQuery::<UsageRange>::of(parts);
        let wanted = range.as_ref().ok().and_then(|range| range.0.clients);
        let usual = match &client {
            Some(client) if client.may(Scope::Metrics) => UsageOf::All,
            _ => UsageOf::Own,
        };
        // As on other routes, what the caller may not do is told before a mistake in the query.
        let caller = match wanted.unwrap_or(usual) {
            UsageOf::All => {
                check_usage_of_all(parts, gateway).await?;
                None
            }
            UsageOf::Own => Some(own(parts, gateway, client).await?),
        };
        let to = Now::read().day();
        let StrictQuery(range) = range?;
        Ok(Self(UsageQuery {
            caller,
            from: first_day(to, range.days),
            to,
        }))
    }
}

/// Returns the caller that a request is counted for.
async fn own(
    parts: &mut Parts,
    gateway: &AppState,
    client: Option<Client>,
) -> Result<UsageCaller, ApiError> {
    let MayRead(context) = MayRead::from_request_parts(parts, gateway).await?;
    if let Some(client) = client {
        return Ok(UsageCaller::Client(client.name.clone()));
    }
    let key = context.key.hash();
    let owner = gateway.usage.book().owner_of(key);
    // Without an owner nothing was counted here, but it may have been elsewhere.
    Ok(owner.unwrap_or_else(|| UsageCaller::of_key(key)))
}

/// Usage
///
/// The requests, the units of quota, the lookups that the cache saved and the tokens served, of the
/// caller by day; of all callers for a client with the scope `metrics`. Costs nothing.
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    tag = "Service",
    params(UsageRange),
    responses((status = 200, description = "The usage by day", body = UsageAnswer), ReadErrors),
)]
pub async fn get_usage(
    State(gateway): State<AppState>,
    AskedUsage(query): AskedUsage,
) -> Result<Response, ApiError> {
    let (table, kept_in) = gateway.usage.read(&query).await;
    let many = table.callers().len() >= MANY;
    let write = move || {
        let answer = UsageAnswer {
            data: report(&query, &table, kept_in),
            format: Format::Json,
        };
        serde_json::to_vec(&answer)
    };
    let written = if many {
        let task = gateway.tasks.spawn_blocking(write).await;
        task.map_err(|error| ApiError::internal(error.to_string()))?
    } else {
        write()
    };
    let body = written.map_err(|error| ApiError::internal(error.to_string()))?;
    let json = HeaderValue::from_static("application/json");
    let headers = [
        (header::CONTENT_TYPE, json),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    Ok((headers, body).into_response())
}

fn report(query: &UsageQuery, table: &UsageTable, kept_in: KeptIn) -> UsageReport {
    let UsageQuery { caller, from, to } = query;
    let none = BTreeMap::new();
    let mut clients = Vec::with_capacity(table.callers().len());
    match caller {
        Some(caller) => {
            let days = table.callers().get(caller).unwrap_or(&none);
            clients.push(of_caller(caller, days, [*from, *to]));
        }
        None => {
            for (caller, days) in table.callers() {
                clients.push(of_caller(caller, days, [*from, *to]));
            }
        }
    }
    UsageReport {
        from: *from,
        to: *to,
        kept_in: match kept_in {
            KeptIn::Redis => "redis",
            KeptIn::Disk => "disk",
            KeptIn::Memory => "memory",
        },
        clients,
    }
}

fn of_caller(
    caller: &UsageCaller,
    counted: &BTreeMap<Date, UsageCounts>,
    [from, to]: [Date; 2],
) -> UsageOfCaller {
    let (kind, name) = match caller {
        UsageCaller::Client(name) => ("client", Some(name.to_string())),
        UsageCaller::Server => ("server", None),
        UsageCaller::Key(digest) => ("key", Some(format!("{digest:016x}"))),
        UsageCaller::Others => ("others", None),
    };
    let (mut total, mut days) = (UsageCounts::default(), Vec::new());
    for date in days_between(from, to) {
        let counts = counted.get(&date).copied().unwrap_or_default();
        total.add(counts);
        days.push(UsageOfDay {
            date,
            sums: counts.into(),
        });
    }
    UsageOfCaller {
        kind,
        name,
        total: total.into(),
        days,
    }
}

/// Writes a day as ISO 8601 does.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn write_day<S: Serializer>(day: &Date, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(day)
}

/// A day on which more units were released than spent shows none.
impl From<UsageCounts> for UsageSums {
    fn from(counts: UsageCounts) -> Self {
        let shown = |count| u64::try_from(count).unwrap_or_default();
        Self {
            requests: shown(counts.requests),
            units: shown(counts.units),
            saved_units: shown(counts.saved_units),
            tokens: shown(counts.tokens),
        }
    }
}
