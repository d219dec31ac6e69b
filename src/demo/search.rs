//! The two searches: one for every key, and intelligence search with its query language.

use std::{net::IpAddr, sync::Arc};

use axum::extract::{RawQuery, State};
use serde_json::{Value, json};
use url::form_urlencoded::{self, Serializer};

use super::{
    answer::{Account, Answer, Caller, Refusal},
    digest::digest,
    object::{Collection, Descriptor, Reference},
    page::{self, Page},
    query::{self, Query},
    related::{Shown, answer_page},
    stand_in::StandIn,
    urls,
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
    _: Caller,
    State(site): State<Arc<StandIn>>,
    RawQuery(parameters): RawQuery,
) -> Result<Answer, Refusal> {
    let parameters = parameters.unwrap_or_default();
    let asked = asked(&parameters)?;
    let found = match asked.strip_prefix('#') {
        Some(tag) => tagged(&site, tag),
        None => named(&site, &asked).unwrap_or_else(|| with_words(&site, &asked)),
    };
    let found: Vec<_> = found.into_iter().map(Descriptor::from).collect();
    let list = format!("search-{}", digest(&asked, 8));
    let page = Page::parse(&list, &parameters, page::MOST)?;
    let path = link("search", &[("query", &asked)]);
    let found: Vec<_> = found.iter().collect();
    Ok(answer_page(&site, &found, &page, &path, Shown::Whole))
}

/// Finds objects by their attributes, for keys with the privilege.
pub(super) async fn search_intelligence(
    caller: Caller,
    State(site): State<Arc<StandIn>>,
    RawQuery(parameters): RawQuery,
) -> Result<Answer, Refusal> {
    if caller.account == Account::Public {
        return Err(Refusal::forbidden());
    }
    let parameters = parameters.unwrap_or_default();
    let asked = asked(&parameters)?;
    let order = parameter(&parameters, "order").unwrap_or_default();
    let shown = match parameter(&parameters, "descriptors_only").as_deref() {
        Some("true" | "1") => Shown::Named,
        _ => Shown::Whole,
    };
    let hits = hits(&site, &Query::parse(&asked), &order)?;
    let list = format!("intelligence-{}", digest(&format!("{order} {asked}"), 8));
    let page = Page::parse(&list, &parameters, MOST)?;
    let mut kept = vec![("query", &*asked)];
    if !order.is_empty() {
        kept.push(("order", &order));
    }
    if matches!(shown, Shown::Named) {
        kept.push(("descriptors_only", "true"));
    }
    let path = link("intelligence/search", &kept);
    let hits: Vec<_> = hits.iter().collect();
    Ok(answer_page(&site, &hits, &page, &path, shown))
}

/// Returns the results of a query, sorted by id or in the requested order.
fn hits(site: &StandIn, query: &Query, order: &str) -> Result<Vec<Descriptor>, Refusal> {
    let order = (!order.is_empty()).then(|| Order::parse(order));
    let order = order.transpose()?;
    let all = site.objects(|kind| kind == query.kind).into_iter();
    let hits = all.filter(|(of, attributes)| query.finds(of, attributes));
    let hits = hits.map(|(of, attributes)| {
        let rank = order.as_ref().map_or(0, |order| order.rank(&attributes));
        let snippet = query.snippet(&attributes);
        let context_attributes = snippet.map(
            |snippet| json!({ "confidence": 1.0, "match_in_subfile": false, "snippet": snippet }),
        );
        let hit = Descriptor {
            of,
            context_attributes,
        };
        (rank, hit)
    });
    let mut hits: Vec<_> = hits.collect();
    // The sort is stable, so equal ranks stay sorted by id.
    hits.sort_by_key(|(rank, _)| *rank);
    Ok(hits.into_iter().map(|(_, hit)| hit).collect())
}

struct Order {
    name: String,
    is_falling: bool,
}

impl Order {
    fn parse(text: &str) -> Result<Self, Refusal> {
        // A plus sign that was not percent-encoded arrives as a space.
        let name = text.trim_end_matches(['+', '-', ' ']);
        let order = Self {
            name: name.to_owned(),
            is_falling: text.ends_with('-'),
        };
        // At most one sign follows the name.
        let is_known = ORDERS.contains(&name) && text.len() <= name.len() + 1;
        let unknown = || Refusal::invalid_argument(&format!("Unknown order \"{text}\""));
        is_known.then_some(order).ok_or_else(unknown)
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

/// Returns the object that a text names, if it looks like a hash, URL, IP address or domain.
fn named(site: &StandIn, text: &str) -> Option<Vec<Reference>> {
    let is_hash =
        matches!(text.len(), 32 | 40 | 64) && text.chars().all(|it| it.is_ascii_hexdigit());
    let collections: &[&str] = if is_hash {
        &["files", "urls"]
    } else if text.contains("://") {
        return Some(urls::find(site, text).into_iter().collect());
    } else if text.parse::<IpAddr>().is_ok() {
        &["ip_addresses"]
    } else if is_domain(text) {
        &["domains"]
    } else {
        return None;
    };
    let collections = collections.iter().filter_map(|it| Collection::at(it).ok());
    let mut found = collections.filter_map(|it| site.find(it, text).ok());
    Some(found.next().into_iter().collect())
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let mut letters = label.chars();
        !label.is_empty() && letters.all(|it| it.is_ascii_alphanumeric() || "-_".contains(it))
    };
    let top = text.rsplit_once('.').map(|(_, top)| top);
    top.is_some_and(|top| top.starts_with(|it: char| it.is_ascii_alphabetic()))
        && text.split('.').all(is_label)
}

fn tagged(site: &StandIn, tag: &str) -> Vec<Reference> {
    let tag = tag.to_lowercase();
    let comments = site.objects(|kind| kind == "comment").into_iter();
    let has_tag = |attributes: &Value| query::list(attributes, "tags").any(|it| it == tag);
    let found = comments.filter(|(_, attributes)| has_tag(attributes));
    found.map(|(of, _)| of).collect()
}

/// Returns the objects whose names or ids contain all words.
fn with_words(site: &StandIn, text: &str) -> Vec<Reference> {
    let text = text.to_lowercase();
    let is_wanted = |kind: &str| matches!(kind, "file" | "url" | "domain" | "ip_address");
    let all = site.objects(is_wanted).into_iter();
    let found = all.filter(|(of, attributes)| {
        let mut names: Vec<_> = query::names(attributes).collect();
        names.push(of.id.to_lowercase());
        let is_there = |word: &str| names.iter().any(|name| name.contains(word));
        text.split_whitespace().all(is_there)
    });
    found.map(|(of, _)| of).collect()
}

fn asked(parameters: &str) -> Result<String, Refusal> {
    let asked = parameter(parameters, "query").unwrap_or_default();
    let asked = asked.trim();
    if asked.is_empty() {
        return Err(Refusal::bad_request("Missing parameter \"query\""));
    }
    Ok(asked.to_owned())
}

fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut all = form_urlencoded::parse(parameters.as_bytes());
    all.find(|(it, _)| it == name)
        .map(|(_, value)| value.into_owned())
}

fn link(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters);
    let query = query.finish();
    format!("https://www.virustotal.com/api/v3/{path}?{query}")
}
