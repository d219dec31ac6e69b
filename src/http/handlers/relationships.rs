//! Related objects of an indicator, for every collection by the same two handlers.

use axum::{
    Extension, Json, RequestPartsExt as _,
    extract::{FromRequestParts, State},
    http::request::Parts,
    response::Response,
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::RequestContext,
    http::{
        error::ApiError,
        extract::{
            MayRead, Parameters, StrictQuery, Wanted,
            format::ReportFormatQuery,
            freshness::WaitQuery,
            list::{self, ListQuery},
            path::{self, Segments},
            query::FromQuery,
            view::ViewQuery,
        },
        openapi::{
            answers::ListAnswer,
            errors::{OpenErrors, ReadErrors},
        },
        state::AppState,
    },
    indicator::{Indicator, Kind},
    lookup::{FetchError, LookupError, RelatedQuery},
    render::{View, spelling, template::Templates},
    virustotal::{
        Reason, UpstreamError,
        relationships::{self, Relationship},
    },
};

/// The parameters of a relationship beside those of every list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RelationshipQuery {
    /// A template for objects of its own type; the others keep their type's default.
    template_name: Option<String>,
    /// `true` gives types and ids only.
    #[param(default = false)]
    descriptors_only: Option<bool>,
}

/// The path of a relationship.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RelatedPath {
    /// The relationship's name; `…/relationships/types` lists those that are known, others are passed on to VirusTotal
    #[param(pattern = "^[a-z][a-z0-9_]{0,63}$", example = "comments")]
    relationship: String,
    #[param(ignore)]
    indicator: Indicator,
}

/// A caller that may read the relationship in the path, whose name is not reserved.
///
/// VirusTotal has an action or another resource behind a reserved name: passed on, it would spend
/// the key on what the scope for reading does not allow. Such a path is a 404 with a key or without,
/// so the name is checked before the caller.
#[derive(Debug)]
pub struct MayReadRelationship(RequestContext);

/// The relationships of a collection.
#[derive(Debug, Serialize, ToSchema)]
pub struct RelationshipTypes {
    /// Each with what it leads to and whose key may read it.
    relationships: &'static [Relationship],
}

impl FromQuery for RelationshipQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        ["template_name", "descriptors_only"].into_iter()
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            template_name: parameters.one("template_name")?.map(str::to_owned),
            descriptors_only: list::read_descriptors_only(parameters)?,
        })
    }
}

impl FromRequestParts<AppState> for RelatedPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        let kind = path::collection(parts).await?;
        let indicator = path::indicator(parts, gateway, kind).await?;
        let segments: Segments = parts.extract().await?;
        let relationship = segments.at(1);
        if !relationships::is_name(relationship) {
            return Err(unknown_relationship(kind, relationship));
        }
        Ok(Self {
            relationship: relationship.to_owned(),
            indicator,
        })
    }
}

impl FromRequestParts<AppState> for MayReadRelationship {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        let kind = path::collection(parts).await?;
        // A path that can't be decoded is the next extractors' to reject.
        if let Ok(segments) = parts.extract::<Segments>().await {
            let name = segments.at(1).to_ascii_lowercase();
            if relationships::is_reserved(&name) {
                return Err(reserved(kind, &name));
            }
        }
        let MayRead(context) = MayRead::from_request_parts(parts, gateway).await?;
        Ok(Self(context))
    }
}

impl RelatedPath {
    /// Combines the path with the parameters of the list.
    fn with(self, list: ListQuery) -> RelatedQuery {
        RelatedQuery {
            indicator: self.indicator,
            relationship: self.relationship,
            limit: list.limit,
            cursor: list.cursor,
        }
    }
}

impl Wanted<RelationshipQuery, ReportFormatQuery> {
    /// Returns the view of related objects.
    fn view_of<'a>(
        &'a self,
        templates: &'a Templates,
        asked: &'a RelatedQuery,
    ) -> Result<View<'a>, ApiError> {
        let name = self.query.template_name.as_deref();
        Ok(View {
            descriptors_only: self.query.descriptors_only.unwrap_or(false),
            cursor: asked.cursor.as_deref(),
            ..self.view.of(templates, &Kind::ALL, name)?
        })
    }
}

/// Related objects
///
/// The objects that a relationship leads to, or one object, or none. Each is filtered by the
/// template of its own type. Costs one lookup for every 40 objects asked for; where the key's
/// quota runs out on the way, or after ten pages, the list ends there with `meta.truncated` and a
/// cursor to go on.
#[utoipa::path(
    get,
    path = "/api/v1/{collection}/{id}/relationships/{relationship}",
    params(
        RelatedPath,
        ReportFormatQuery,
        ViewQuery,
        ListQuery,
        RelationshipQuery,
        WaitQuery
    ),
    responses(ListAnswer, ReadErrors)
)]
pub async fn get_relationship(
    State(gateway): State<AppState>,
    MayReadRelationship(context): MayReadRelationship,
    wanted: Wanted<(ListQuery, RelationshipQuery), ReportFormatQuery>,
    path: RelatedPath,
) -> Result<Response, ApiError> {
    let (list, wanted) = wanted.split_first();
    let asked = path.with(list);
    let templates = gateway.templates.current();
    let view = wanted.view_of(&templates, &asked)?;
    let freshness = &wanted.freshness;
    let reply = gateway.lookup.related(&context, &asked, &view, freshness);
    match reply.await {
        Ok(reply) => Ok(wanted.respond(reply)),
        Err(error) => Err(say_tier(error, &asked)),
    }
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
pub async fn list_relationship_types(
    Extension(kind): Extension<Kind>,
    _: StrictQuery<()>,
) -> Json<RelationshipTypes> {
    Json(RelationshipTypes {
        relationships: relationships::of(kind),
    })
}

/// Returns the 404 of a reserved name, with the path that may have been meant.
fn reserved(kind: Kind, name: &str) -> ApiError {
    let collection = kind.collection();
    let elsewhere = match name {
        "behaviour_mitre_trees" | "behaviour_summary" if kind == Kind::File => {
            format!("; it is at `/api/v1/{collection}/{{id}}/{name}`")
        }
        "analyse" => format!("; `POST /api/v1/{collection}/{{id}}/analyse` starts one"),
        _ => String::new(),
    };
    ApiError::not_found(format!(
        "`{name}` is no relationship; `/api/v1/{collection}/relationships/types` lists them\
         {elsewhere}"
    ))
}

/// Adds to VirusTotal's 403 the tier of keys that may read the relationship.
fn say_tier(error: LookupError, query: &RelatedQuery) -> ApiError {
    let known = relationships::named(query.indicator.kind(), &query.relationship);
    match (error, known) {
        (
            LookupError::Fetch(FetchError::Upstream(UpstreamError::Refused(refusal))),
            Some(known),
        ) if refusal.reason == Reason::Forbidden => ApiError::from(refusal).saying(tier_of(known)),
        (error, _) => error.into(),
    }
}

/// Returns a text that names the tier of keys for a relationship, and the way on without one.
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
    let given: String = given.to_lowercase().chars().take(64).collect();
    let mut names: Vec<_> = relationships::of(kind).iter().map(|row| row.name).collect();
    names.sort_by_cached_key(|name| spelling::distance(name, &given));
    names.truncate(3);
    ApiError::invalid_argument(format!(
        "a relationship is a lower-case name such as `{}`; \
         `/api/v1/{}/relationships/types` lists them",
        names.join("`, `"),
        kind.collection(),
    ))
}
