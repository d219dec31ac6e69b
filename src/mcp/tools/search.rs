//! `search`: objects that match a query, in all of VirusTotal where the key may.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::{ToolRun, budget, max_tokens, related};
use crate::{
    access::{AcceptedKeys, KeyHash, KeyMemory},
    http::error::ApiError,
    indicator::{classify, refang},
    lookup::{Corpus, Freshness, LookupError, SearchQuery},
    mcp::{
        arguments::Arguments,
        budget::Budget,
        results::ToolResult,
        views::{ModelView, TwoForms},
    },
};

const NAMES: [&str; 4] = ["query", "limit", "cursor", "max_tokens"];

/// The time for which a refusal is remembered, so that it costs a lookup once.
const REMEMBER: Duration = Duration::from_hours(1);

/// The prefixes of cursors, which say where a list goes on.
const PREFIXES: [(&str, Corpus); 2] = [("i:", Corpus::Intelligence), ("s:", Corpus::Everything)];

/// The keys that VirusTotal did not let search all of it.
#[derive(Debug)]
pub(in crate::mcp) struct SearchRights(Mutex<KeyMemory<KeyHash, Option<Instant>>>);

impl SearchRights {
    /// Starts without any.
    pub(in crate::mcp) fn new(accepted: AcceptedKeys) -> Self {
        Self(Mutex::new(KeyMemory::new(accepted)))
    }

    fn is_refused(&self, key: KeyHash) -> bool {
        let keys = self.0.lock();
        let refused = keys.get(&key).copied().flatten();
        refused.is_some_and(|at| at.elapsed() < REMEMBER)
    }

    fn refuse(&self, key: KeyHash) {
        let mut keys = self.0.lock();
        *keys.get_or_default(key, |_| false) = Some(Instant::now());
    }
}

pub(super) fn definition() -> Value {
    json!({
        "title": "Search",
        "description": "Finds objects by hash, URL, domain, IP address or #tag of comments; with a \
            premium key by any VirusTotal Intelligence query. Costs one lookup.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "query": {"type": "string", "examples": ["entity:file p:5+ name:invoice"]},
                "limit": related::limit(),
                "cursor": related::cursor(),
                "max_tokens": max_tokens(),
            },
            "required": ["query"],
            "additionalProperties": false,
        },
        "outputSchema": related::list_schema(),
    })
}

pub(super) async fn run(
    call: &ToolRun<'_>,
    arguments: &Map<String, Value>,
) -> Result<ToolResult, ApiError> {
    let arguments = Arguments::of(arguments, &NAMES)?;
    let budget = budget(&arguments)?;
    let limit = arguments.number("limit", 1..=related::MOST)?;
    let limit = limit.unwrap_or(related::USUAL);
    let text = arguments.required("query", "the text to look for")?.trim();
    let access = &call.visit.access;
    access.note_subject(&call.visit.gateway, "search", text);
    let (corpus, cursor) = match arguments.text("cursor")? {
        None => (corpus_of(text), None),
        Some(cursor) => read_cursor(cursor.trim())?,
    };
    let mut query = SearchQuery {
        corpus,
        query: text.to_owned(),
        limit,
        cursor,
        order: None,
    };
    let key = call.context.key.hash();
    let rights = &call.visit.rights;
    if query.corpus == Corpus::Intelligence && !rights.is_refused(key) {
        match find(call, &query, budget).await {
            Ok(shape) => return Ok(related::result(shape, budget, "i:")),
            Err(error) => {
                let error = ApiError::from(error);
                if error.code() != "ForbiddenError" {
                    return Err(error);
                }
                rights.refuse(key);
            }
        }
    }
    query.corpus = Corpus::Everything;
    query.query = refang(text).into_owned();
    let shape = find(call, &query, budget).await?;
    Ok(related::result(shape, budget, "s:"))
}

async fn find(
    call: &ToolRun<'_>,
    query: &SearchQuery,
    budget: Budget,
) -> Result<TwoForms, LookupError> {
    let gateway = &call.visit.gateway;
    let templates = gateway.templates.current();
    let shown = ModelView {
        cursor: query.cursor.as_deref(),
        ..ModelView::brief(gateway, &templates)
    };
    let freshness = Freshness::default();
    let limits = related::limits(budget, query.limit);
    shown
        .shape(budget, limits, async |views| {
            let lookup = &gateway.lookup;
            lookup
                .search_twice(&call.context, query, views, &freshness)
                .await
        })
        .await
}

/// Returns the data to search: every key may look for an indicator and for a tag.
fn corpus_of(query: &str) -> Corpus {
    if query.starts_with('#') || classify(query).is_ok() {
        Corpus::Everything
    } else {
        Corpus::Intelligence
    }
}

fn read_cursor(cursor: &str) -> Result<(Corpus, Option<String>), ApiError> {
    for (prefix, corpus) in PREFIXES {
        if let Some(cursor) = cursor.strip_prefix(prefix) {
            return Ok((corpus, Some(cursor.to_owned())));
        }
    }
    Err(ApiError::bad_request(
        "argument `cursor`: expected the one of the page before, unchanged",
    ))
}
