//! What lists have in common: how much of one is asked for, and where the next page is.

use std::fmt::Write as _;

use axum::http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use utoipa::IntoParams;

use crate::http::{
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
    /// `meta.cursor` of the page before, percent-encoded.
    cursor: Option<String>,
}

impl ListQuery {
    /// The names of these parameters.
    pub const NAMES: &[&str] = &["limit", "cursor"];
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
        Ok(Self {
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            cursor: read_cursor(query)?,
        })
    }
}

/// Reads a cursor, with each `+` that was not percent-encoded.
///
/// VirusTotal's cursors are base64, which holds no blank: one that is but for its blanks has lost
/// its `+` to the rules of forms. VirusTotal would answer it with an empty list.
fn read_cursor(query: &Query<'_>) -> Result<Option<String>, ApiError> {
    let Some(cursor) = query.pasted("cursor")?.filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    let is_of_base64 = |b: u8| b.is_ascii_alphanumeric() || b"-_+/= ".contains(&b);
    Ok(Some(if cursor.bytes().all(is_of_base64) {
        cursor.replace(' ', "+")
    } else {
        cursor.into_owned()
    }))
}

/// Whether only types and ids are wanted.
pub fn descriptors_only(query: &Query<'_>) -> Result<bool, ApiError> {
    let expected = "expected `true` or `false`";
    let given = query.read("descriptors_only", expected, read_flag)?;
    Ok(given.unwrap_or(false))
}

fn read_flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
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
    let name = pair.split('=').next().unwrap_or_default();
    percent_decode_str(name).eq(*b"cursor")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::encoded("a%2Bb%2Fc%3D", "a+b/c=")]
    #[case::not_encoded("a+b/c==", "a+b/c==")]
    #[case::nothing_but_a_plus("a+b", "a+b")]
    #[case::decoded_and_encoded_again("a%20b%3D", "a+b=")]
    #[case::url_safe("Cs8-_B", "Cs8-_B")]
    #[case::no_base64("a+%2B%26", "a +&")]
    #[case::no_base64_half_encoded("a+%20%26", "a+ &")]
    fn a_cursor_keeps_its_plus(#[case] given: &str, #[case] read: &str) {
        let query = format!("cursor={given}");
        let cursor = read_cursor(&Query::parse(&query)).unwrap();
        assert_eq!(cursor.as_deref(), Some(read));
    }

    #[rstest]
    #[case("true", Some(true))]
    #[case("TRUE", Some(true))]
    #[case("1", Some(true))]
    #[case("False", Some(false))]
    #[case("0", Some(false))]
    #[case("", None)]
    #[case("2", None)]
    #[case("yes", None)]
    fn a_flag_is_read_in_any_case(#[case] text: &str, #[case] read: Option<bool>) {
        assert_eq!(read_flag(text), read);
    }
}
