//! Analyses, and waiting for them.

use axum::{
    RequestPartsExt as _,
    extract::{FromRequestParts, State},
    http::{header, request::Parts},
    response::Response,
};
use utoipa::IntoParams;

use crate::{
    clock::whole_seconds,
    http::{
        error::ApiError,
        extract::{
            MayRead, Wanted, caller::note_subject, format::FormatQuery, freshness::WaitQuery,
            path::Segments, view::ViewQuery,
        },
        headers::insert_number,
        openapi::{answers::AnalysisAnswer, errors::ReadErrors},
        state::AppState,
    },
    lookup::AnalysisId,
};

/// The path of an analysis.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AnalysisPath {
    /// The id that the submission returned; percent-encode its `=`, `+` and `/`
    #[param(
        value_type = String,
        pattern = r#"^([!-"$&-,0->@-~-][!-"$&-.0->@-~]{0,255}|[A-Za-z0-9+/]{1,254}={0,2})$"#,
        example = "NDRkODg2MTJmZWE4YThmMzZkZTgyZTEyNzhhYmIwMmY6MTc2MDAwMDAwMA=="
    )]
    analysis_id: AnalysisId,
}

impl FromRequestParts<AppState> for AnalysisPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        let segments: Segments = parts.extract().await?;
        let analysis_id = segments.at(0).parse()?;
        note_subject(parts, gateway, "analysis", segments.at(0));
        Ok(Self { analysis_id })
    }
}

/// Analysis
///
/// The state of an analysis and, once its `status` is `completed`, its results. With `wait`
/// VirusTotal is asked again, at growing intervals, until then or until the time is up. An
/// answer with another status says in `Retry-After` when to ask again. Costs one lookup each
/// time VirusTotal is asked.
#[utoipa::path(
    get,
    path = "/api/v1/analyses/{analysis_id}",
    tag = "Analyses",
    params(AnalysisPath, FormatQuery, ViewQuery, WaitQuery),
    responses(AnalysisAnswer, ReadErrors)
)]
pub async fn get_analysis(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<()>,
    AnalysisPath { analysis_id: id }: AnalysisPath,
) -> Result<Response, ApiError> {
    let templates = gateway.templates.current();
    let view = wanted.view.of(&templates, &[], None)?;
    let freshness = &wanted.freshness;
    let analysis = gateway
        .lookup
        .analysis(&context, &id, &view, freshness)
        .await?;
    let mut response = wanted.respond(analysis.reply);
    if let Some(wait) = analysis.retry_after {
        let seconds = whole_seconds(wait).max(1);
        insert_number(&mut response, header::RETRY_AFTER, seconds);
    }
    Ok(response)
}
