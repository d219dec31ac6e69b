//! The quota of the caller's key.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::{
        error::ApiError,
        extract::{MayRead, StrictQuery},
        openapi::errors::ReadErrors,
        state::AppState,
    },
    quota::accounts::Report,
    render::format::Format,
};

/// The quota of a key.
#[derive(Serialize, ToSchema)]
#[schema(as = Quota)]
pub struct QuotaAnswer {
    data: Report,
    format: Format,
}

/// Quota
///
/// The lookups that VirusTotal allows the caller's key in a minute, a day and a month, those that are
/// spent, here or elsewhere, and the time at which they are back; and the lookups that the cache
/// saved it today. Costs nothing.
#[utoipa::path(
    get,
    path = "/api/v1/quota",
    tag = "Service",
    responses((status = 200, description = "The key's quota", body = QuotaAnswer), ReadErrors),
)]
pub async fn get_quota(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    _: StrictQuery<()>,
) -> Result<Json<QuotaAnswer>, ApiError> {
    gateway.quota.refresh(&context).await?;
    Ok(Json(QuotaAnswer {
        data: gateway.quota.report(context.key.hash()),
        format: Format::Json,
    }))
}
