//! What is related to an indicator, for every collection by the same two handlers.

use axum::{Extension, Json, extract::State, response::Response};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::{
    error::ApiError,
    extract::caller,
    extract::format::{self, FormatQuery},
    extract::freshness::{self, WaitQuery},
    extract::list::{self, ListQuery, Listing},
    extract::{Ask, Query},
    middleware::admission::with_context,
    openapi::answers::{List, OpenErrors, ReadErrors},
    routes::collections,
    state::Shared,
};
use crate::{
    answer::View,
    clients::Scope,
    indicator::{Indicator, Kind},
    lookup::{LookupError, RelatedQuery},
    vt::{
        Reason, VtError,
        relationships::{self, Relationship},
    },
};

/// What the query of a relationship has beside that of every list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "documents the query, which is read parameter by parameter"
)]
pub struct RelationshipQuery {
    /// A template for objects of its own type; the others keep their type's default.
    template_name: Option<String>,
    /// `true` gives types and ids only.
    #[param(default = false)]
    descriptors_only: Option<bool>,
}

impl RelationshipQuery {
    /// The names of these parameters.
    pub const NAMES: &[&str] = &["template_name", "descriptors_only"];
}

/// The parameters that the query of a relationship may hold.
const QUERY: &[&[&str]] = &[
    FormatQuery::NAMES,
    ListQuery::NAMES,
    RelationshipQuery::NAMES,
    WaitQuery::NAMES,
];

/// The relationships of a collection.
#[derive(Debug, Serialize, ToSchema)]
pub struct RelationshipTypes {
    /// Each with what it leads to and whose key may read it.
    relationships: &'static [Relationship],
}

/// The routes of every collection that has a table of relationships.
pub fn routes() -> OpenApiRouter<Shared> {
    collections::of_each(relationships::kinds(), || {
        [routes!(list_relationship_types), routes!(get_relationship)]
    })
}

/// Related objects
///
/// The objects that a relationship leads to, or one object, or none. Each is filtered by the
/// template of its own type. Costs one lookup for every 40 objects asked for; where the key's
/// quota runs out on the way, or after ten pages, the list ends there with `meta.truncated` and a
/// cursor to go on.
#[utoipa::path(
    get, path = "/api/v1/{collection}/{id}/relationships/{relationship}",
    params(
        ("relationship" = String, Path, description = "The relationship's name; `…/relationships/types` \
          lists those that are known, others are passed on to VirusTotal",
         pattern = "^[a-z][a-z0-9_]{0,63}$", example = "comments"),
        FormatQuery,
        ListQuery,
        RelationshipQuery,
        WaitQuery,
    ),
    responses(List, ReadErrors),
)]
async fn get_relationship(
    Extension(kind): Extension<Kind>,
    State(gateway): State<Shared>,
    ask: Ask,
) -> Response {
    // There is no such path, with a key or without.
    let context = match refuse_reserved(kind, &ask) {
        Ok(()) => caller::context_for(&ask, &gateway, Scope::Read).await,
        Err(error) => Err(error),
    };
    let doing = format!("retrieving {} relationships", kind.noun());
    with_context(&gateway, context, &doing, async |context| {
        let query = ask.query(QUERY)?;
        let asked = read_query(kind, &ask, &query)?;
        let (wanted, view) = format::read(&gateway, &ask.headers, &query, &Kind::ALL)?;
        let view = View {
            descriptors_only: list::descriptors_only(&query)?,
            cursor: asked.cursor.as_deref(),
            ..view
        };
        let wish = freshness::read_wish(&ask, &query)?;
        let reply = gateway.lookup.related(context, &asked, &view, &wish).await;
        let reply = reply.map_err(|error| say_tier(error, &asked))?;
        Ok(freshness::respond(&ask, wanted, reply))
    })
    .await
}

/// Known relationships
///
/// Every relationship that VirusTotal documents for this collection, with the tier of key
/// that may read it and the type of object it leads to. Costs nothing.
#[utoipa::path(
    get, path = "/api/v1/{collection}/relationships/types",
    responses(
        (status = 200, description = "Every known relationship", body = RelationshipTypes),
        OpenErrors,
    ),
    security(()),
)]
async fn list_relationship_types(
    Extension(kind): Extension<Kind>,
    ask: Ask,
) -> Result<Json<RelationshipTypes>, ApiError> {
    ask.query(&[])?;
    Ok(Json(RelationshipTypes {
        relationships: relationships::of(kind),
    }))
}

/// Refuses a name behind which VirusTotal has an action or another resource.
///
/// Passed on, it would spend the key on what no scope for reading allows.
fn refuse_reserved(kind: Kind, ask: &Ask) -> Result<(), ApiError> {
    let Ok(given) = ask.segment(1) else {
        return Ok(());
    };
    let name = given.to_ascii_lowercase();
    if !relationships::is_reserved(&name) {
        return Ok(());
    }
    let collection = kind.collection();
    let elsewhere = match name.as_str() {
        "behaviour_mitre_trees" | "behaviour_summary" if kind == Kind::File => {
            format!("; it is at `/api/v1/{collection}/{{id}}/{name}`")
        }
        "analyse" => format!("; `POST /api/v1/{collection}/{{id}}/analyse` starts one"),
        _ => String::new(),
    };
    Err(ApiError::not_found(format!(
        "`{name}` is no relationship; `/api/v1/{collection}/relationships/types` lists them\
         {elsewhere}"
    )))
}

fn read_query(kind: Kind, ask: &Ask, query: &Query<'_>) -> Result<RelatedQuery, ApiError> {
    let indicator = Indicator::parse(kind, ask.segment(0)?)?;
    let relationship = ask.segment(1)?;
    if !relationships::is_name(relationship) {
        return Err(unknown_relationship(kind, relationship));
    }
    let Listing { limit, cursor } = Listing::read(query, list::MOST)?;
    Ok(RelatedQuery {
        indicator,
        relationship: relationship.to_owned(),
        limit,
        cursor,
    })
}

/// What VirusTotal forbids, it forbids without saying which key would do.
fn say_tier(error: LookupError, query: &RelatedQuery) -> ApiError {
    let known = relationships::named(query.indicator.kind(), &query.relationship);
    match (error, known) {
        (LookupError::Upstream(VtError::Refused(refusal)), Some(known))
            if refusal.reason == Reason::Forbidden =>
        {
            ApiError::from(refusal).saying(tier_of(known))
        }
        (error, _) => error.into(),
    }
}

/// Says whose key may read a relationship, and what to do without such a key.
fn tier_of(Relationship { name, tier, .. }: &Relationship) -> String {
    match *tier {
        "everyone" | "signed-in" => format!(
            "VirusTotal keeps the relationship `{name}` from this key, although every key may read \
             it: the object may be another account's, or the account restricted; ask for another \
             object or with another key in `X-API-Key`"
        ),
        "undocumented" => format!(
            "VirusTotal keeps the relationship `{name}` from this key and documents no tier that \
             may read it; it may take a premium key in `X-API-Key`"
        ),
        tier => format!(
            "send a key with more privileges in `X-API-Key`, or do without: the relationship \
             `{name}` is for keys of the tier `{tier}`"
        ),
    }
}

fn unknown_relationship(kind: Kind, given: &str) -> ApiError {
    // Comparing costs the product of both lengths.
    let given: String = given
        .chars()
        .take(64)
        .flat_map(char::to_lowercase)
        .collect();
    let mut names: Vec<_> = relationships::of(kind).iter().map(|row| row.name).collect();
    names.sort_by_cached_key(|name| strsim::osa_distance(name, &given));
    names.truncate(3);
    ApiError::invalid_argument(format!(
        "a relationship is a lower-case name such as `{}`; \
         `/api/v1/{}/relationships/types` lists them",
        names.join("`, `"),
        kind.collection(),
    ))
}
