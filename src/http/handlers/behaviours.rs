//! What sandboxes saw a file do.

use axum::{extract::State, response::Response};

use crate::http::{
    extract::Ask,
    extract::caller,
    extract::format::{self, FormatQuery},
    extract::freshness::{self, WaitQuery},
    middleware::admission::with_context,
    openapi::{
        answers::{OneObject, ReadErrors},
        parameters,
    },
    state::Gateway,
    state::Shared,
};
use crate::{clients::Scope, indicator::Indicator};

/// Behaviour of a file
///
/// What all sandboxes together saw a file do: processes, files, registry, network. VirusTotal
/// gives it as it is, without templates; it can exceed a megabyte. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_hash}/behaviour_summary",
    tag = "Files",
    params(parameters::FileHash, FormatQuery, WaitQuery),
    responses(OneObject, ReadErrors)
)]
pub async fn get_behaviour_summary(State(gateway): State<Shared>, ask: Ask) -> Response {
    get_behaviour(&gateway, &ask, "behaviour_summary").await
}

/// Techniques of a file
///
/// The tactics and techniques of MITRE ATT&CK that each sandbox saw a file use. VirusTotal
/// gives them as they are, without templates. Costs one lookup.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_hash}/behaviour_mitre_trees",
    tag = "Files",
    params(parameters::FileHash, FormatQuery, WaitQuery),
    responses(OneObject, ReadErrors)
)]
pub async fn get_behaviour_mitre_trees(State(gateway): State<Shared>, ask: Ask) -> Response {
    get_behaviour(&gateway, &ask, "behaviour_mitre_trees").await
}

async fn get_behaviour(gateway: &Gateway, ask: &Ask, part: &str) -> Response {
    let context = caller::context_for(ask, gateway, Scope::Read).await;
    let doing = format!("retrieving file {part}");
    with_context(gateway, context, &doing, async |context| {
        let query = ask.query(&[FormatQuery::NAMES, WaitQuery::NAMES])?;
        let file = Indicator::file(ask.segment(0)?)?;
        let (wanted, view) = format::read(gateway, &ask.headers, &query, &[])?;
        let wish = freshness::read_wish(ask, &query)?;
        let lookup = &gateway.lookup;
        let reply = lookup.behaviour(context, &file, part, &view, &wish).await?;
        Ok(freshness::respond(ask, wanted, reply))
    })
    .await
}
