//! Freshness: `Cache-Control` and the time that a caller waits.

use std::{iter, time::Duration};

use axum::http::{HeaderMap, header};
use utoipa::IntoParams;

use super::{parameters::Parameters, query::FromQuery};
use crate::{clock::Bounded, http::error::ApiError, lookup::Freshness};

/// The longest time that a caller may wait.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// An age that a caller names; more counts as 2^31 seconds (RFC 9111, 1.2.2).
type Age = Bounded<{ 1 << 31 }>;

/// The time that a caller waits.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    /// The time to wait for a unit of quota and, for an analysis, until it is completed, such as `60s`,
    /// or `60`, which is seconds, too; at most `5m`. Without it nothing waits.
    #[param(value_type = Option<String>, pattern = "^(0|[1-9][0-9]?s?|[1-4]m)$")]
    pub wait: Option<Duration>,
}

impl FromQuery for WaitQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        iter::once("wait")
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let expected = "expected a duration such as `30s` (a bare number is seconds), at most `5m`";
        let wait = parameters.read("wait", expected, read_wait)?;
        Ok(Self { wait })
    }
}

/// Returns the time that a caller with this query waits; zero if it can't be read.
pub fn wait_of(query: &str) -> Duration {
    if !query.contains("wait") {
        return Duration::ZERO;
    }
    match Parameters::parse(query).read("wait", "", read_wait) {
        Ok(Some(wait)) => wait,
        Ok(None) | Err(_) => Duration::ZERO,
    }
}

fn read_wait(text: &str) -> Option<Duration> {
    read_duration(text, LONGEST_WAIT)
}

/// Reads a duration of at most `most`, such as `30s`; a bare number is seconds.
pub fn read_duration(text: &str, most: Duration) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        Duration::from_secs(text.parse().ok()?)
    } else {
        humantime::parse_duration(text).ok()?
    };
    (wait <= most).then_some(wait)
}

/// Reads `Cache-Control`; unknown directives are ignored (RFC 9111, 5.2.3).
pub fn read_control(headers: &HeaderMap) -> Freshness {
    let mut freshness = Freshness::default();
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',') {
            apply(&mut freshness, directive);
        }
    }
    freshness
}

fn apply(freshness: &mut Freshness, directive: &str) {
    let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
    match name.trim().to_ascii_lowercase().as_str() {
        "no-cache" | "no-store" => freshness.no_cache = true,
        "only-if-cached" => freshness.only_kept = true,
        "max-age" => freshness.max_age = read_age(value).or(freshness.max_age),
        "max-stale" if value.is_empty() => freshness.max_stale = Some(Age::MAX.get()),
        "max-stale" => freshness.max_stale = read_age(value).or(freshness.max_stale),
        _ => {}
    }
}

fn read_age(value: &str) -> Option<Duration> {
    let age = Age::parse_seconds(value.trim().trim_matches('"'))?;
    Some(age.get())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[rstest]
    #[case("", false, None, None)]
    #[case("no-cache", true, None, None)]
    #[case("No-Cache, x=y", true, None, None)]
    #[case("max-age=60", false, Some(60), None)]
    #[case("max-age=\"60\" , max-stale=5", false, Some(60), Some(5))]
    #[case("max-stale", false, None, Some(1 << 31))]
    #[case("max-age=x, max-stale=-1", false, None, None)]
    #[case("max-age=+1, max-stale=1e400", false, None, None)]
    #[case("max-age=9999999999999, max-stale=99999999999999999999", false, Some(1 << 31), Some(1 << 31))]
    fn cache_control_is_read(
        #[case] value: &'static str,
        #[case] anew: bool,
        #[case] max_age: Option<u64>,
        #[case] max_stale: Option<u64>,
    ) {
        let freshness = read_control(&headers(header::CACHE_CONTROL, value));
        let seconds = |it: Option<Duration>| it.map(|it| it.as_secs());
        assert_eq!(freshness.no_cache, anew);
        assert_eq!(seconds(freshness.max_age), max_age);
        assert_eq!(seconds(freshness.max_stale), max_stale);
    }

    #[rstest]
    #[case("wait=0s", Some(0))]
    #[case("wait=5m", Some(300))]
    #[case("wait=301s", None)]
    #[case("wait=-1s", None)]
    #[case("wait=1e400s", None)]
    #[case("wait=18446744073709551615s", None)]
    #[case("wait=18446744073709551616s", None)]
    #[case("wait=9999999999999y", None)]
    #[case("wait=18446744073709551615s1s", None)]
    fn a_wait_is_five_minutes_at_most(#[case] query: &str, #[case] seconds: Option<u64>) {
        let wait = Parameters::parse(query).read("wait", "", read_wait);
        let wait = wait.ok().flatten().map(|wait| wait.as_secs());
        assert_eq!(wait, seconds);
        assert_eq!(wait_of(query).as_secs(), seconds.unwrap_or_default());
    }

    proptest! {
        #[test]
        fn no_control_or_wait_panics(text in "[ -~]{0,40}", digits in "[0-9]{1,40}") {
            let value = format!("max-age={digits}, max-stale={digits}, {text}");
            let value = HeaderValue::from_str(&value).unwrap();
            let freshness = read_control(&HeaderMap::from_iter([(header::CACHE_CONTROL, value)]));
            prop_assert!(freshness.max_age.is_some() && freshness.max_stale.is_some());
            prop_assert!(read_wait(&text).is_none_or(|wait| wait <= LONGEST_WAIT));
            let ages = format!("{digits}y {digits}s");
            prop_assert!(read_wait(&ages).is_none_or(|wait| wait.is_zero()));
        }
    }

    #[rstest]
    #[case("0", Some(0))]
    #[case("30", Some(30))]
    #[case("030", Some(30))]
    #[case("300", Some(300))]
    #[case("30s", Some(30))]
    #[case("5m", Some(300))]
    #[case("", None)]
    #[case("301", None)]
    #[case("301s", None)]
    #[case("1.5", None)]
    #[case("-1", None)]
    #[case("+1", None)]
    #[case(" 1", None)]
    #[case("1e1", None)]
    #[case("18446744073709551616", None)]
    #[case("99999999999999999999s", None)]
    fn a_wait_is_a_duration_or_seconds(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(read_wait(text), seconds.map(Duration::from_secs));
    }
}
