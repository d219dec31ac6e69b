//! What the caller's key may still spend.

use axum::{Json, extract::State, response::IntoResponse as _, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{
    extract::Ask, extract::caller, middleware::admission::with_context,
    openapi::answers::ReadErrors, state::Shared,
};
use crate::{clients::Scope, clock::Now, format::Format, quota::Report};

/// Where a key stands.
#[derive(Serialize, ToSchema)]
struct Quota {
    data: Report,
    format: Format,
}

/// Quota
///
/// What VirusTotal allows the caller's key in any minute, a day and a month, what of that is
/// spent, here or elsewhere, and when it is back; and the lookups that the cache saved it
/// today. Costs nothing.
#[utoipa::path(
    get,
    path = "/api/v1/quota",
    tag = "Service",
    responses((status = 200, description = "Where the key stands", body = Quota), ReadErrors),
)]
pub async fn get_quota(State(gateway): State<Shared>, ask: Ask) -> Response {
    let context = caller::context_for(&ask, &gateway, Scope::Read).await;
    with_context(&gateway, context, "retrieving quota", async |context| {
        ask.query(&[])?;
        gateway.purse.look(context).await?;
        let data = gateway.quota.report(context.key.hash(), Now::read());
        let format = Format::Json;
        Ok(Json(Quota { data, format }).into_response())
    })
    .await
}
