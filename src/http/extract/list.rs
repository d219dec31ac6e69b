//! Parameters of lists: the number of objects, and the cursor of the next page.

use std::fmt::Write as _;

use axum::http::{HeaderValue, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use utoipa::IntoParams;

use super::{parameters::Parameters, query::FromQuery};
use crate::http::error::ApiError;

/// The number of related objects, comments or votes that can be asked for at once.
const MAX_LIMIT: usize = 100;

/// The number of objects in a list whose query does not say.
const DEFAULT_LIMIT: usize = 10;

/// The query of a list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The largest number of objects. VirusTotal's pages hold 40: above that each page costs a lookup.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 10, example = 10)]
    pub limit: usize,
    /// `meta.cursor` of the page before, percent-encoded.
    pub cursor: Option<String>,
}

impl FromQuery for ListQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        ["limit", "cursor"].into_iter()
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            limit: read_limit(parameters, MAX_LIMIT)?,
            cursor: read_cursor(parameters)?,
        })
    }
}

/// Reads `limit`, which is at least one and at most `max`.
pub fn read_limit(parameters: &Parameters<'_>, max: usize) -> Result<usize, ApiError> {
    let expected = format!("expected a whole number from 1 to {max}");
    let limit = parameters.read("limit", &expected, |text| {
        text.parse().ok().filter(|limit| (1..=max).contains(limit))
    })?;
    Ok(limit.unwrap_or(DEFAULT_LIMIT))
}

/// Reads a cursor, with each `+` that was not percent-encoded.
///
/// VirusTotal's cursors are base64, which holds no blank. A blank in one was a `+` before it was
/// decoded as in a form; VirusTotal would answer the blank with an empty list.
pub fn read_cursor(parameters: &Parameters<'_>) -> Result<Option<String>, ApiError> {
    match parameters.pasted("cursor")? {
        None => Ok(None),
        Some(cursor) if cursor.is_empty() => Ok(None),
        Some(cursor) if cursor.bytes().all(is_of_base64) => Ok(Some(cursor.replace(' ', "+"))),
        Some(cursor) => Ok(Some(cursor.into_owned())),
    }
}

/// Returns whether a byte may stand in base64, or is a blank that was a `+`.
fn is_of_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_+/= ".contains(&byte)
}

/// Reads `descriptors_only`; without it the objects come with their attributes.
pub fn read_descriptors_only(parameters: &Parameters<'_>) -> Result<Option<bool>, ApiError> {
    parameters.read("descriptors_only", "expected `true` or `false`", read_flag)
}

/// Reads a truth value in any case.
pub fn read_flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Returns the value of `Link` for the next page: the same request with its cursor replaced.
pub fn next_page(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let mut target = String::from(uri.path());
    for pair in uri.query().unwrap_or_default().split('&') {
        if pair.is_empty() || is_cursor(pair) {
            continue;
        }
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
        let cursor = read_cursor(&Parameters::parse(&query)).unwrap();
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
