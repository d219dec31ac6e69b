//! The behaviour of files in sandboxes.

use axum::{extract::State, response::Response};

use crate::{
    access::RequestContext,
    http::{
        error::ApiError,
        extract::{FileHash, MayRead, Wanted, format::FormatQuery, freshness::WaitQuery},
        openapi::{answers::OneObject, errors::ReadErrors},
        state::{AppState, Gateway},
    },
    indicator::Indicator,
};

/// Behaviour of a file
///
/// The behaviour of a file in all sandboxes together: processes, files, registry, network. It is
/// VirusTotal's own, without templates, and can exceed a megabyte. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_hash}/behaviour_summary",
    tag = "Files",
    params(FileHash, FormatQuery, WaitQuery),
    responses(OneObject, ReadErrors)
)]
pub async fn get_behaviour_summary(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<()>,
    FileHash(file): FileHash,
) -> Result<Response, ApiError> {
    let part = Behaviour {
        file: &file,
        part: "behaviour_summary",
    };
    behaviour(&gateway, &context, &wanted, part).await
}

/// Techniques of a file
///
/// The tactics and techniques of MITRE ATT&CK that each sandbox saw a file use. They are
/// VirusTotal's own, without templates. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_hash}/behaviour_mitre_trees",
    tag = "Files",
    params(FileHash, FormatQuery, WaitQuery),
    responses(OneObject, ReadErrors)
)]
pub async fn get_behaviour_mitre_trees(
    State(gateway): State<AppState>,
    MayRead(context): MayRead,
    wanted: Wanted<()>,
    FileHash(file): FileHash,
) -> Result<Response, ApiError> {
    let part = Behaviour {
        file: &file,
        part: "behaviour_mitre_trees",
    };
    behaviour(&gateway, &context, &wanted, part).await
}

/// One of the parts into which VirusTotal puts together all sandboxes' observations of a file.
struct Behaviour<'a> {
    file: &'a Indicator,
    /// Its name in VirusTotal's path.
    part: &'static str,
}

async fn behaviour(
    gateway: &Gateway,
    context: &RequestContext,
    wanted: &Wanted<()>,
    behaviour: Behaviour<'_>,
) -> Result<Response, ApiError> {
    let Behaviour { file, part } = behaviour;
    let templates = gateway.templates.current();
    let view = wanted.format.view(&templates);
    let freshness = &wanted.freshness;
    let reply = gateway
        .lookup
        .behaviour(context, file, part, &view, freshness);
    Ok(wanted.respond(reply.await?))
}
