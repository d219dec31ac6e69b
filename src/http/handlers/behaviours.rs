//! The behaviour of files in sandboxes.

use axum::{extract::State, response::Response};

use crate::{
    access::RequestContext,
    http::{
        error::ApiError,
        extract::{
            FileHash, MayRead, Wanted, format::FormatQuery, freshness::WaitQuery, view::ViewQuery,
        },
        openapi::{answers::OneObject, errors::ReadErrors},
        state::{AppState, Gateway},
    },
    lookup::BehaviourQuery,
};

/// Behaviour of a file
///
/// The behaviour of a file in all sandboxes together: processes, files, registry, network. It is
/// VirusTotal's own, without templates, and can exceed a megabyte. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_hash}/behaviour_summary",
    tag = "Files",
    params(FileHash, FormatQuery, ViewQuery, WaitQuery),
    responses(OneObject, ReadErrors)
)]
pub async fn get_behaviour_summary(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<()>,
    FileHash(file): FileHash,
) -> Result<Response, ApiError> {
    let query = BehaviourQuery {
        file,
        part: "behaviour_summary",
    };
    behaviour(&gateway, &context, &wanted, &query).await
}

/// Techniques of a file
///
/// The tactics and techniques of MITRE ATT&CK that each sandbox saw a file use. They are
/// VirusTotal's own, without templates. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_hash}/behaviour_mitre_trees",
    tag = "Files",
    params(FileHash, FormatQuery, ViewQuery, WaitQuery),
    responses(OneObject, ReadErrors)
)]
pub async fn get_behaviour_mitre_trees(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<()>,
    FileHash(file): FileHash,
) -> Result<Response, ApiError> {
    let query = BehaviourQuery {
        file,
        part: "behaviour_mitre_trees",
    };
    behaviour(&gateway, &context, &wanted, &query).await
}

async fn behaviour(
    gateway: &Gateway,
    context: &RequestContext,
    wanted: &Wanted<()>,
    query: &BehaviourQuery,
) -> Result<Response, ApiError> {
    let templates = gateway.templates.current();
    let view = wanted.view.of(&templates, &[], None)?;
    let freshness = &wanted.freshness;
    let reply = gateway.lookup.behaviour(context, query, &view, freshness);
    Ok(wanted.respond(reply.await?))
}
