//! One door for any indicator, and for many at once.

use std::{iter, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use utoipa::IntoParams;

use super::reports::{self, Asked};
use crate::{
    http::{
        bulk::{
            BulkQuery, BulkRequest, Job, JobCaller, MEDIA_TYPES, MOST_BYTES, RowAudit, forecast,
        },
        error::ApiError,
        extract::{
            MayRead, Parameters, Wanted, body,
            caller::Identified,
            format::ReportFormatQuery,
            freshness::WaitQuery,
            query::{FromQuery, StrictQuery},
            view::ViewQuery,
        },
        middleware::audit::Audited,
        openapi::{
            answers::AnyReport,
            bulk::{BulkAnswer, BulkBody},
            errors::ReadErrors,
        },
        outcome::{RequestRecord, Subject},
        state::AppState,
    },
    indicator::classify,
};

/// The time within which a body must arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The indicator that a query asks for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AnyQuery {
    /// A hash, URL, domain or IP address, defanged or not, percent-encoded. Quotes, brackets and a full stop around it do not
    /// matter, nor does a port behind a host.
    #[param(pattern = r"\S", example = "bank-secure[.]example")]
    indicator: String,
}

impl FromQuery for AnyQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        iter::once("indicator")
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        match parameters
            .pasted("indicator")?
            .filter(|text| !text.trim().is_empty())
        {
            Some(text) => Ok(Self {
                indicator: text.into_owned(),
            }),
            None => Err(ApiError::bad_request(
                "parameter `indicator`: the hash, URL, domain or IP address to look up is missing",
            )),
        }
    }
}

/// Report on any indicator
///
/// VirusTotal's report on a hash, URL, domain or IP address, whichever the text is. `meta.indicator` says what it was
/// taken for. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/lookup",
    tag = "Lookup",
    params(
        AnyQuery,
        ReportFormatQuery,
        ViewQuery,
        reports::ReportQuery,
        WaitQuery
    ),
    responses(AnyReport, ReadErrors)
)]
pub async fn look_up(
    State(gateway): State<AppState>,
    Extension(record): Extension<RequestRecord>,
    MayRead(context): MayRead,
    wanted: Wanted<(AnyQuery, reports::ReportQuery), ReportFormatQuery>,
) -> Result<Response, ApiError> {
    let (AnyQuery { indicator }, wanted) = wanted.split_first();
    let classified = match classify(&indicator) {
        Ok(classified) => classified,
        Err(error) => return Err(ApiError::invalid_argument(error.to_string())),
    };
    if gateway.audit.is_some() {
        record.set_subject(Subject::of(&classified.indicator));
    }
    let asked = Asked {
        indicator: classified.indicator,
        is_named: true,
    };
    reports::answer_as(&gateway, &context, &wanted, asked).await
}

/// Many indicators
///
/// Looks up a list or the indicators in a free text, at most 10,000. Equal ones are looked up once, kept answers come first, and
/// one unit of each minute is left to others. `Accept` chooses lines of JSON (the default), CSV, a Markdown table, one JSON
/// document or one bundle of STIX; `format` a document of ECS, STIX or MISP for each row. Sending the same again goes on where it ended. Costs one lookup for each indicator whose answer is not kept.
#[utoipa::path(
    post,
    path = "/api/v1/lookup",
    tag = "Lookup",
    params(BulkQuery, ViewQuery),
    request_body(
        content(
            (BulkBody = "application/json"),
            (String = "text/plain", example = "44d88612fea8a8f36de82e1278abb02f\nbank-secure[.]example"),
            (String = "text/csv", example = "indicator,seen\nbank-secure.example,2026-01-01")
        )
    ),
    responses(BulkAnswer, ReadErrors)
)]
pub async fn look_up_many(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let identified = parts.extensions.get::<Identified>();
    let client = identified.and_then(Identified::client);
    let audited = parts.extensions.get::<Audited>().cloned();
    let audit = identified.zip(audited).map(|(identified, audited)| {
        let client = client.as_ref().map(|client| Arc::clone(&client.name));
        RowAudit::new(audited, identified.record.clone(), client)
    });
    let query = parts.uri.query().unwrap_or_default();
    // Before the body: a mistake in the address is told first, as on other routes.
    StrictQuery::<(BulkQuery, ViewQuery)>::of_text(query)?;
    body::require(&parts.headers, &MEDIA_TYPES)?;
    let bytes = body::read_up_to(body, MOST_BYTES, BODY_TIME).await?;
    let read = BulkRequest::read(&gateway, query, &parts.headers, &bytes)?;
    let (dry_run, format, max_tokens) = (read.dry_run, read.format, read.max_tokens);
    let caller = JobCaller {
        context,
        client,
        audit,
    };
    let job = Job::new(gateway, caller, read);
    if dry_run {
        return forecast(&job).await;
    }
    Ok(format.respond(job, max_tokens))
}
