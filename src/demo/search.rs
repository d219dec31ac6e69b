//! The two searches: one for every key, and intelligence search with its query language.

use std::net::IpAddr;

use axum::extract::{RawQuery, State};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{
    answer::{DemoError, JsonAnswer},
    caller::{AccountTier, KeyHolder},
    digest::digest,
    item::{ObjectList, Shown},
    object::{Collection, Descriptor},
    page::{self, PageRequest},
    parameters::parameter,
    query::{self, DemoQuery},
    stand_in::StandIn,
};

/// The maximum number of items on a page of [`search_intelligence`].
const MOST: usize = 300;

/// The attributes by which results can be sorted.
const ORDERS: [&str; 9] = [
    "creation_date",
    "first_submission_date",
    "last_analysis_date",
    "last_modification_date",
    "last_submission_date",
    "positives",
    "reputation",
    "size",
    "times_submitted",
];

/// Finds the object that an indicator names, comments by `#tag`, or objects by words.
pub(super) async fn search(
    _: KeyHolder,
    State(site): State<StandIn>,
    RawQuery(parameters): RawQuery,
) -> Result<JsonAnswer, DemoError> {
    let parameters = parameters.unwrap_or_default();
    let text = read_query(&parameters)?;
    let found = if let Some(tag) = text.strip_prefix('#') {
        comments_with_tag(&site, tag)
    } else if let Some(found) = objects_named(&site, &text) {
        found
    } else {
        objects_with_words(&site, &text)
    };
    let name = format!("search-{}", digest(&text, 8));
    let page = PageRequest::parse(&name, &parameters, page::MOST)?;
    let list = ObjectList {
        path: &link("search", &[("query", &text)]),
        all: &found,
        shown: Shown::Whole,
    };
    Ok(list.answer(&site, &page))
}

/// Finds objects by their attributes, for keys with the privilege.
pub(super) async fn search_intelligence(
    caller: KeyHolder,
    State(site): State<StandIn>,
    RawQuery(parameters): RawQuery,
) -> Result<JsonAnswer, DemoError> {
    if caller.tier == AccountTier::Public {
        return Err(DemoError::forbidden());
    }
    let parameters = parameters.unwrap_or_default();
    let text = read_query(&parameters)?;
    let order = parameter(parameters.as_bytes(), "order").unwrap_or_default();
    let shown = match parameter(parameters.as_bytes(), "descriptors_only").as_deref() {
        Some("true" | "1") => Shown::Named,
        _ => Shown::Whole,
    };
    let hits = find_hits(&site, &DemoQuery::parse(&text), &order)?;
    let name = format!("intelligence-{}", digest(&format!("{order} {text}"), 8));
    let page = PageRequest::parse(&name, &parameters, MOST)?;
    let mut kept = vec![("query", &*text)];
    if !order.is_empty() {
        kept.push(("order", &order));
    }
    if shown == Shown::Named {
        kept.push(("descriptors_only", "true"));
    }
    let list = ObjectList {
        path: &link("intelligence/search", &kept),
        all: &hits,
        shown,
    };
    Ok(list.answer(&site, &page))
}

/// Returns the results of a query, sorted by id or in the requested order.
fn find_hits(site: &StandIn, query: &DemoQuery, order: &str) -> Result<Vec<Descriptor>, DemoError> {
    let mut found = site.objects(&[query.kind]);
    found.retain(|object| query.finds(&object.of, &object.attributes));
    if !order.is_empty() {
        let order = SortOrder::parse(order)?;
        // The sort is stable, so equal ranks stay sorted by id.
        found.sort_by_key(|object| order.rank(&object.attributes));
    }
    let mut hits = Vec::new();
    for object in found {
        let mut hit = Descriptor::from(object.of);
        if let Some(snippet) = query.snippet(&object.attributes) {
            let context =
                json!({ "confidence": 1.0, "match_in_subfile": false, "snippet": snippet });
            hit.context_attributes = Some(context);
        }
        hits.push(hit);
    }
    Ok(hits)
}

struct SortOrder {
    name: String,
    is_falling: bool,
}

impl SortOrder {
    fn parse(text: &str) -> Result<Self, DemoError> {
        // A plus sign that was not percent-encoded arrives as a space.
        let name = text.trim_end_matches(['+', '-', ' ']);
        // At most one sign follows the name.
        if !ORDERS.contains(&name) || text.len() > name.len() + 1 {
            let message = format!("Unknown order \"{text}\"");
            return Err(DemoError::invalid_argument(message));
        }
        Ok(Self {
            name: name.to_owned(),
            is_falling: text.ends_with('-'),
        })
    }

    fn rank(&self, attributes: &Value) -> i64 {
        let number = match &*self.name {
            "positives" => &attributes["last_analysis_stats"]["malicious"],
            name => &attributes[name],
        };
        let number = number.as_i64().unwrap_or_default();
        if self.is_falling { -number } else { number }
    }
}

/// Returns the object that a text names, or `None` if the text does not look like a hash, URL, IP
/// address or domain.
fn objects_named(site: &StandIn, text: &str) -> Option<Vec<Descriptor>> {
    let collections: &[Collection] = if is_hash(text) {
        &[Collection::FILES, Collection::URLS]
    } else if text.contains("://") {
        let found = site.find_url(text);
        return Some(Vec::from_iter(found.map(Descriptor::from)));
    } else if text.parse::<IpAddr>().is_ok() {
        &[Collection::IP_ADDRESSES]
    } else if is_domain(text) {
        &[Collection::DOMAINS]
    } else {
        return None;
    };
    for collection in collections {
        if let Ok(of) = site.find(*collection, text) {
            return Some(vec![of.into()]);
        }
    }
    Some(Vec::new())
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 32 | 40 | 64) && text.bytes().all(|it| it.is_ascii_hexdigit())
}

fn is_domain(text: &str) -> bool {
    let Some((_, top)) = text.rsplit_once('.') else {
        return false;
    };
    top.starts_with(|it: char| it.is_ascii_alphabetic()) && text.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let mut letters = label.chars();
    !label.is_empty() && letters.all(|it| it.is_ascii_alphanumeric() || "-_".contains(it))
}

fn comments_with_tag(site: &StandIn, tag: &str) -> Vec<Descriptor> {
    let tag = tag.to_lowercase();
    let mut found = Vec::new();
    for comment in site.objects(&["comment"]) {
        if query::list(&comment.attributes, "tags").contains(&tag) {
            found.push(comment.of.into());
        }
    }
    found
}

/// Returns the objects whose names or ids contain all words.
fn objects_with_words(site: &StandIn, text: &str) -> Vec<Descriptor> {
    let text = text.to_lowercase();
    let mut found = Vec::new();
    for object in site.objects(&["file", "url", "domain", "ip_address"]) {
        let mut names = query::names(&object.attributes);
        names.push(object.of.id.to_lowercase());
        let mut words = text.split_whitespace();
        if words.all(|word| query::is_within(&names, word)) {
            found.push(object.of.into());
        }
    }
    found
}

/// Returns the parameter `query`, which is required.
fn read_query(parameters: &str) -> Result<String, DemoError> {
    let text = parameter(parameters.as_bytes(), "query").unwrap_or_default();
    let text = text.trim();
    if text.is_empty() {
        return Err(DemoError::bad_request("Missing parameter \"query\""));
    }
    Ok(text.to_owned())
}

fn link(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters);
    let query = query.finish();
    format!("https://www.virustotal.com/api/v3/{path}?{query}")
}
