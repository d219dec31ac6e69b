//! What is related to an indicator, for every collection by the same two handlers.

use std::fmt::Write as _;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

use super::{
    Shared, caller,
    error::ApiError,
    extract::Ask,
    negotiate::Wanted,
    openapi::{
        self,
        answers::{List, OpenErrors, ReadErrors},
        parameters,
    },
    reports::{finish, view},
};
use crate::{
    format::Format,
    indicator::{Indicator, Kind},
    lookup::{LookupError, RelatedQuery},
    vt::{
        Reason, Refusal, VtError,
        relationships::{self, Relationship},
    },
};

/// How many objects a list holds where the query does not say, and how many at most.
const LIMITS: (usize, usize) = (10, 100);

/// The query of a relationship; read by `read_query`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "documents the query, which is read parameter by parameter"
)]
pub struct RelationshipQuery {
    /// The form of `data`: a filtered list as JSON, a Markdown or XML document in a string,
    /// or VirusTotal's list as it is. Without it `Accept: text/markdown` and
    /// `Accept: application/xml` give the document itself.
    #[param(inline, example = "json")]
    format: Option<Format>,
    /// A template for objects of its own type; the others keep their type's default.
    template_name: Option<String>,
    /// How many objects at most. VirusTotal's pages hold 40: above that each page costs a lookup.
    #[param(minimum = 1, maximum = 100, default = 10, example = 10)]
    limit: Option<u32>,
    /// `meta.cursor` of the page before, unchanged.
    cursor: Option<String>,
    /// `true` gives types and ids only.
    #[param(default = false)]
    descriptors_only: Option<bool>,
}

/// The relationships of a collection.
#[derive(Debug, Serialize, ToSchema)]
pub struct RelationshipTypes {
    /// Each with what it leads to and whose key may read it.
    relationships: &'static [Relationship],
}

/// The routes of every collection that has a table of relationships.
pub fn routes() -> OpenApiRouter<Shared> {
    relationships::kinds().fold(OpenApiRouter::new(), |router, kind| {
        router
            .routes(of_kind(kind, routes!(list_relationship_types)))
            .routes(of_kind(kind, routes!(get_relationship)))
    })
}

/// Related objects
///
/// The objects that a relationship leads to, or one object, or none. Each is filtered by the
/// template of its own type. Costs one lookup for every 40 objects asked for; where the key's
/// quota runs out on the way, the list ends there with `meta.truncated` and a cursor to go on.
#[utoipa::path(
    get, path = "/api/v1/{collection}/{id}/relationships/{relationship}",
    params(
        ("relationship" = String, Path, description = "The relationship's name; `…/relationships/types` \
          lists those that are known, others are passed on to VirusTotal",
         pattern = "^[a-z][a-z0-9_]{0,63}$", example = "comments"),
        RelationshipQuery,
    ),
    responses(List, ReadErrors),
)]
async fn get_relationship(
    Extension(kind): Extension<Kind>,
    State(gateway): State<Shared>,
    ask: Ask,
) -> Response {
    let key = caller::key_for(&ask, &gateway.access);
    let answer = async {
        let key = key.as_ref().map_err(Clone::clone)?;
        let query = read_query(kind, &ask)?;
        let wanted = Wanted::read(&ask.query(), &ask.headers, gateway.default_format)?;
        let view = view(&gateway, &ask.query(), &Kind::ALL, wanted)?;
        let answer = gateway.lookup.related(key, &query, &view).await;
        let answer = answer.map_err(|error| say_tier(error, &query))?;
        let mut response = wanted.respond(answer.body);
        if let Some(link) = answer.cursor.and_then(|cursor| next_page(&ask, &cursor)) {
            response.headers_mut().insert(header::LINK, link);
        }
        Ok(response)
    };
    finish(
        &gateway,
        key.as_ref().ok(),
        answer.await,
        &format!("{} relationships", kind.noun()),
    )
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
async fn list_relationship_types(Extension(kind): Extension<Kind>) -> Json<RelationshipTypes> {
    Json(RelationshipTypes {
        relationships: relationships::of(kind),
    })
}

fn read_query(kind: Kind, ask: &Ask) -> Result<RelatedQuery, ApiError> {
    let indicator = Indicator::parse(kind, ask.segment(0)?)?;
    let relationship = ask.segment(1)?;
    if !relationships::is_name(relationship) {
        return Err(unknown_relationship(kind, relationship));
    }
    let query = ask.query();
    let (default, most) = LIMITS;
    let limit = query.read(
        "limit",
        &format!("expected a whole number from 1 to {most}"),
        |text| text.parse().ok().filter(|limit| (1..=most).contains(limit)),
    )?;
    let descriptors_only =
        query.read("descriptors_only", "expected `true` or `false`", |text| {
            text.parse().ok()
        })?;
    let cursor = query.one("cursor")?.filter(|cursor| !cursor.is_empty());
    Ok(RelatedQuery {
        indicator,
        relationship: relationship.to_owned(),
        limit: limit.unwrap_or(default),
        cursor: cursor.map(str::to_owned),
        descriptors_only: descriptors_only.unwrap_or(false),
    })
}

/// What VirusTotal forbids, it forbids without saying which key would do.
fn say_tier(error: LookupError, query: &RelatedQuery) -> ApiError {
    let known = relationships::named(query.indicator.kind(), &query.relationship);
    match (error, known) {
        (LookupError::Upstream(VtError::Refused(refusal)), Some(known))
            if refusal.reason == Reason::Forbidden =>
        {
            let Relationship { name, tier, .. } = known;
            let message = format!("the relationship `{name}` is for keys of the tier `{tier}`");
            Refusal {
                message: Some(message),
                ..refusal
            }
            .into()
        }
        (error, _) => error.into(),
    }
}

fn unknown_relationship(kind: Kind, given: &str) -> ApiError {
    let given = given.to_lowercase();
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

/// `Link` to the next page: this request with its cursor replaced.
fn next_page(ask: &Ask, cursor: &str) -> Option<HeaderValue> {
    let mut target = String::from(ask.uri.path());
    let kept = ask.uri.query().unwrap_or_default().split('&');
    for pair in kept.filter(|pair| !pair.is_empty() && !is_cursor(pair)) {
        let mark = if target.contains('?') { '&' } else { '?' };
        // Writing to a `String` does not fail.
        let _ = write!(target, "{mark}{pair}");
    }
    let mark = if target.contains('?') { '&' } else { '?' };
    let cursor = utf8_percent_encode(cursor, NON_ALPHANUMERIC);
    HeaderValue::try_from(format!("<{target}{mark}cursor={cursor}>; rel=\"next\"")).ok()
}

fn is_cursor(pair: &str) -> bool {
    pair.split('=').next() == Some("cursor")
}

/// One collection's form of a route that is written for all.
///
/// OpenAPI can't describe a `{collection}` on which the form of `{id}` depends, so each
/// has a path of its own; the handler is told its kind.
fn of_kind(
    kind: Kind,
    (schemas, mut paths, handler): UtoipaMethodRouter<Shared>,
) -> UtoipaMethodRouter<Shared> {
    let id = parameters::path_parameter(kind);
    paths.paths = std::mem::take(&mut paths.paths)
        .into_iter()
        .map(|(path, mut item)| {
            let path = path.replace("{collection}", kind.collection());
            if let Some(operation) = &mut item.get {
                openapi::adapt(operation, kind, path.contains("{id}").then(|| id.clone()));
            }
            (path.replace("{id}", &format!("{{{}}}", id.name)), item)
        })
        .collect();
    (schemas, paths, handler.layer(Extension(kind)))
}
