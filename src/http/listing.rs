//! What lists have in common: how much of one is asked for, and where the next page is.

use std::fmt::Write as _;

use axum::http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use utoipa::IntoParams;

use super::{
    error::ApiError,
    extract::{Ask, Query},
};

/// How many related objects, comments or votes can be asked for at once.
pub const MOST: usize = 100;

/// How many objects a list holds where the query does not say.
const DEFAULT_LIMIT: usize = 10;

/// The query of a list; read by [`Listing::read`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "documents the query, which is read parameter by parameter"
)]
pub struct ListQuery {
    /// How many objects at most. VirusTotal's pages hold 40: above that each page costs a lookup.
    #[param(minimum = 1, maximum = 100, default = 10, example = 10)]
    limit: Option<u32>,
    /// `meta.cursor` of the page before, unchanged.
    cursor: Option<String>,
}

/// How much of a list is asked for.
#[derive(Debug)]
pub struct Listing {
    /// Objects at most.
    pub limit: usize,
    /// Where to begin, as the answer before said.
    pub cursor: Option<String>,
}

impl Listing {
    /// Reads `limit`, up to `most`, and `cursor`.
    pub fn read(query: &Query<'_>, most: usize) -> Result<Self, ApiError> {
        let expected = format!("expected a whole number from 1 to {most}");
        let limit = query.read("limit", &expected, |text| {
            text.parse().ok().filter(|limit| (1..=most).contains(limit))
        })?;
        let cursor = query.one("cursor")?.filter(|cursor| !cursor.is_empty());
        Ok(Self {
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            cursor: cursor.map(str::to_owned),
        })
    }
}

/// Whether only types and ids are wanted.
pub fn descriptors_only(query: &Query<'_>) -> Result<bool, ApiError> {
    let expected = "expected `true` or `false`";
    let given = query.read("descriptors_only", expected, |text| text.parse().ok())?;
    Ok(given.unwrap_or(false))
}

/// `Link` to the next page: this request with its cursor replaced.
pub fn next_page(ask: &Ask, cursor: &str) -> Option<HeaderValue> {
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
