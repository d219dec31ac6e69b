//! Analyses, and waiting for them.

use axum::{extract::State, http::header, response::Response};

use crate::http::{
    extract::Ask,
    extract::caller,
    extract::format::{self, FormatQuery},
    extract::freshness::{self, WaitQuery},
    headers::insert_number,
    middleware::admission::with_context,
    openapi::answers::{Analysis, ReadErrors},
    state::Shared,
};
use crate::{clients::Scope, clock::whole_seconds};

/// Analysis
///
/// How far an analysis is and, once its `status` is `completed`, what came of it. With `wait`
/// VirusTotal is asked again, at growing intervals, until then or until the time is up. An
/// answer with another status says in `Retry-After` when to ask again. Costs one lookup each
/// time VirusTotal is asked.
#[utoipa::path(
    get,
    path = "/api/v1/analyses/{analysis_id}",
    tag = "Analyses",
    params(
        ("analysis_id" = String, Path, description = "As whatever started the analysis gave it; \
          percent-encode its `=`, `+` and `/`",
         pattern = r#"^([!-"$&-,0->@-~-][!-"$&-.0->@-~]{0,255}|[A-Za-z0-9+/]{1,254}={0,2})$"#, example = "NDRkODg2MTJmZWE4YThmMzZkZTgyZTEyNzhhYmIwMmY6MTc2MDAwMDAwMA=="),
        FormatQuery,
        WaitQuery,
    ),
    responses(Analysis, ReadErrors),
)]
pub async fn get_analysis(State(gateway): State<Shared>, ask: Ask) -> Response {
    let context = caller::context_for(&ask, &gateway, Scope::Read).await;
    with_context(&gateway, context, "retrieving analysis", async |context| {
        let query = ask.query(&[FormatQuery::NAMES, WaitQuery::NAMES])?;
        let id = ask.segment(0)?.parse()?;
        let (wanted, view) = format::read(&gateway, &ask.headers, &query, &[])?;
        let wish = freshness::read_wish(&ask, &query)?;
        let lookup = &gateway.lookup;
        let analysis = lookup.analysis(context, &id, &view, &wish).await?;
        let mut response = freshness::respond(&ask, wanted, analysis.reply);
        if let Some(wait) = analysis.retry_after {
            let seconds = whole_seconds(wait).max(1);
            insert_number(&mut response, header::RETRY_AFTER, seconds);
        }
        Ok(response)
    })
    .await
}
