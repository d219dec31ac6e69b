//! `get_related`: the objects that a relationship leads to.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{ToolRun, budget, max_tokens};
use crate::{
    http::error::ApiError,
    indicator::Kind,
    lookup::{Freshness, RelatedQuery},
    mcp::{
        arguments::Arguments,
        budget::{Budget, ResultDraft, StructuredMember},
        results::{ToolResult, schema, string},
        views::{Limits, ModelView, TwoForms},
    },
    render::{estimated_tokens, inert_cell, spelling},
    virustotal::relationships,
};

const NAMES: [&str; 5] = ["indicator", "relationship", "limit", "cursor", "max_tokens"];

/// The objects on a page of VirusTotal's, which costs one lookup.
pub(super) const MOST: usize = 40;

/// The objects without a wish.
pub(super) const USUAL: usize = 10;

/// The tokens of an object in structured content and in the text.
const EACH: Limits = Limits {
    data: 65,
    text: 85,
    reserve: 0,
    cursor: 0,
};

/// The tokens of a list of few objects.
const FEW: Limits = Limits {
    data: 400,
    text: 700,
    reserve: 60,
    cursor: 120,
};

/// The note in place of a cursor that is too long for the budget.
const NO_ROOM_FOR_CURSOR: &str = "More: ask again with a larger `max_tokens` for the cursor.";

/// The way to the objects of a page that have no room. The cursor leads behind them.
const TO_SEE_ALL: &str = "For those, repeat with a larger `max_tokens` (free while cached) or a smaller \
    `limit`.";

/// The tokens around the known names in an error.
const AROUND_NAMES: usize = 10;

pub(super) fn definition() -> Value {
    json!({
        "title": "Get related objects",
        "description": "Objects connected to an indicator, one row each: a file's contacted_domains, \
            contacted_ips, dropped_files, execution_parents; a domain's or IP's resolutions, \
            communicating_files, urls; anything's comments. Costs one lookup a page.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "indicator": {"type": "string", "examples": ["evil[.]example"]},
                "relationship": {"type": "string", "examples": ["resolutions"]},
                "limit": limit(),
                "cursor": cursor(),
                "max_tokens": max_tokens(),
            },
            "required": ["indicator", "relationship"],
            "additionalProperties": false,
        },
        "outputSchema": list_schema(),
    })
}

/// Returns the schema of the number of objects.
pub(super) fn limit() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL})
}

/// Returns the schema of a cursor.
pub(super) fn cursor() -> Value {
    json!({"type": "string", "description": "From the page before"})
}

/// Returns the schema of a list.
pub(super) fn list_schema() -> Value {
    schema(
        &json!({
            "objects": {"type": "array", "items": {"type": "object"}},
            "cursor": {"type": "string"},
            "complete": {"type": "boolean"},
        }),
        &["objects"],
    )
}

pub(super) async fn run(
    call: &ToolRun<'_>,
    arguments: &Map<String, Value>,
) -> Result<ToolResult, ApiError> {
    let arguments = Arguments::of(arguments, &NAMES)?;
    let budget = budget(&arguments)?;
    let limit = arguments.number("limit", 1..=MOST)?.unwrap_or(USUAL);
    let given = arguments.required("indicator", "a hash, URL, domain or IP address")?;
    let indicator = call.indicator(given)?;
    let name = arguments.text("relationship")?.unwrap_or_default();
    let name = name.trim().to_ascii_lowercase();
    check_name(indicator.kind(), &name, budget)?;
    let query = RelatedQuery {
        indicator,
        relationship: name,
        limit,
        cursor: arguments
            .text("cursor")?
            .map(|cursor| cursor.trim().to_owned()),
    };
    let gateway = &call.visit.gateway;
    let templates = gateway.templates.current();
    let shown = ModelView {
        cursor: query.cursor.as_deref(),
        ..ModelView::brief(gateway, &templates)
    };
    let freshness = Freshness::default();
    let shape = shown
        .shape(budget, limits(budget, limit), async |views| {
            let lookup = &gateway.lookup;
            lookup
                .related_twice(&call.context, &query, views, &freshness)
                .await
        })
        .await;
    match shape {
        Ok(shape) => Ok(result(shape, budget, "")),
        Err(error) => Err(with_tier(error.into(), &query)),
    }
}

/// Returns the limits of a list of briefs.
pub(super) fn limits(budget: Budget, objects: usize) -> Limits {
    let all = budget.planned();
    let limits = Limits {
        data: (EACH.data * objects).max(FEW.data),
        text: (EACH.text * objects).max(FEW.text),
        reserve: (all / 5).min(FEW.reserve),
        cursor: (all / 5).min(FEW.cursor),
    };
    limits.scaled(budget)
}

/// Returns a list; the cursor gets this prefix.
pub(super) fn result(shape: TwoForms, budget: Budget, prefix: &str) -> ToolResult {
    let complete = shape.is_complete();
    let TwoForms {
        data,
        meta,
        mut text,
        origin,
        cursor,
        size,
    } = shape;
    // One object, or none, where the relationship leads to one.
    let objects = match data.as_bytes().first() {
        Some(b'[') => data,
        Some(b'{') => format!("[{data}]"),
        _ => "[]".to_owned(),
    };
    if text.is_empty() || objects == "[]" && meta.shown.is_none() {
        "No objects.".clone_into(&mut text);
    }
    let mut text = vec![text];
    if meta.shown.is_some() {
        text.push(format!("\n\n{TO_SEE_ALL}"));
    }
    let mut members = vec![
        StructuredMember::new("objects", objects),
        StructuredMember::complete(complete),
    ];
    if let Some(cursor) = cursor {
        let cursor = format!("{prefix}{cursor}");
        text.push(format!(
            "\n\nMore: call again with `cursor` {}",
            inert_cell(&cursor)
        ));
        members.push(StructuredMember::first(
            "cursor",
            string(&cursor),
            NO_ROOM_FOR_CURSOR,
        ));
    }
    ToolResult::new(
        ResultDraft {
            text,
            members,
            rendered: Some(size),
        },
        budget,
    )
    .from(origin)
}

/// Rejects a relationship that the kind does not have: a model that invents a name learns the real
/// ones at no cost.
pub(super) fn check_name(kind: Kind, name: &str, budget: Budget) -> Result<(), ApiError> {
    match relationships::named(kind, name) {
        Some(_) => Ok(()),
        None => Err(unknown(kind, name, budget)),
    }
}

/// Returns the error of a relationship that there is not, with those there are, as far as there is
/// room.
fn unknown(kind: Kind, given: &str, budget: Budget) -> ApiError {
    let given: String = given.chars().take(64).collect();
    let known = || relationships::of(kind).iter().map(|row| row.name);
    let mut why = if given.is_empty() {
        "argument `relationship` is missing: ".to_owned()
    } else {
        format!("{given:?} is no relationship of {}: ", kind.with_article())
    };
    if let Some(near) = spelling::nearest(&given, known()) {
        // Writing to a `String` does not fail.
        let _ = write!(why, "did you mean `{near}`? ");
    }
    let taken = estimated_tokens(&why) + AROUND_NAMES;
    let mut room = budget.planned().saturating_sub(taken);
    let mut names = Vec::new();
    for name in known() {
        let tokens = estimated_tokens(name) + 1;
        if tokens > room {
            names.push("…");
            break;
        }
        room -= tokens;
        names.push(name);
    }
    ApiError::invalid_argument(format!("{why}there are {}", names.join(", ")))
}

/// Adds to a 403 of VirusTotal's the tier of keys that may read the relationship.
fn with_tier(error: ApiError, query: &RelatedQuery) -> ApiError {
    let known = relationships::named(query.indicator.kind(), &query.relationship);
    match known {
        Some(known) if error.code() == "ForbiddenError" => error.saying(format!(
            "VirusTotal keeps `{}` from this key (tier: {}); ask for another relationship",
            known.name, known.tier
        )),
        _ => error,
    }
}
