//! Parsing of `Retry-After`, as VirusTotal or an intermediary may send it.

use std::time::SystemTime;

use reqwest::header::{self, HeaderMap};

use crate::clock::BackOff;

/// Returns the wait that `Retry-After` asks for, in seconds or as a date.
///
/// More than 24 hours count as 24 hours. Zero, a date that is not in the future, an unreadable
/// value, and two values, which may contradict each other, count as not given.
pub(super) fn read(headers: &HeaderMap, now: SystemTime) -> Option<BackOff> {
    let mut values = headers.get_all(header::RETRY_AFTER).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let text = value.to_str().ok()?.trim();
    let wait = match BackOff::parse_seconds(text) {
        Some(seconds) => seconds,
        None => until(text, now)?,
    };
    if wait.is_zero() {
        return None;
    }
    Some(wait)
}

/// Returns the time until an HTTP date, or `None` if it has passed.
fn until(date: &str, now: SystemTime) -> Option<BackOff> {
    let then = httpdate::parse_http_date(date).ok()?;
    let left = then.duration_since(now).ok()?;
    Some(BackOff::new(left))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;
    use rstest::rstest;

    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn now() -> SystemTime {
        httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").unwrap()
    }

    fn seconds(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(header::RETRY_AFTER, value);
        }
        read(&headers, now()).map(|wait| wait.get().as_secs())
    }

    #[rstest]
    #[case::seconds("17", Some(17))]
    #[case::blanks(" 17\t", Some(17))]
    #[case::a_day("86400", Some(DAY))]
    #[case::beyond_a_day("86401", Some(DAY))]
    #[case::beyond_the_calendar("253402300799", Some(DAY))]
    #[case::beyond_the_clock("9999999999999", Some(DAY))]
    #[case::beyond_64_bits("99999999999999999999999999999999", Some(DAY))]
    #[case::date("Wed, 21 Oct 2015 07:29:30 GMT", Some(90))]
    #[case::date_of_old("Wednesday, 21-Oct-15 07:29:30 GMT", Some(90))]
    #[case::date_of_c("Wed Oct 21 07:29:30 2015", Some(90))]
    #[case::in_the_year_9999("Fri, 31 Dec 9999 23:59:59 GMT", Some(DAY))]
    fn retry_after_is_clamped_to_a_day(#[case] value: &str, #[case] wait: Option<u64>) {
        assert_eq!(seconds(&[value]), wait);
    }

    #[rstest]
    #[case::zero("0")]
    #[case::zeros("000")]
    #[case::past("Wed, 21 Oct 2015 07:27:59 GMT")]
    #[case::now("Wed, 21 Oct 2015 07:28:00 GMT")]
    #[case::epoch("Thu, 01 Jan 1970 00:00:00 GMT")]
    #[case::before_the_epoch("Thu, 01 Jan 1925 00:00:00 GMT")]
    #[case::negative("-1")]
    #[case::signed("+30")]
    #[case::fraction("1.5")]
    #[case::exponent("1e400")]
    #[case::words("soon")]
    #[case::unit("30s")]
    #[case::list("30, 60")]
    #[case::no_such_day("Wed, 99 Oct 2015 07:29:30 GMT")]
    #[case::empty("")]
    fn value_without_a_future_time_counts_as_not_given(#[case] value: &str) {
        assert_eq!(seconds(&[value]), None);
    }

    #[test]
    fn two_values_count_as_not_given() {
        assert_eq!(seconds(&["30", "60"]), None);
        assert_eq!(seconds(&["30", "30"]), None);
        assert_eq!(seconds(&[]), None);
    }

    #[test]
    fn bytes_that_are_no_text_count_as_not_given() {
        let value = HeaderValue::from_bytes(b"3\xff0").unwrap();
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
        assert_eq!(read(&headers, now()), None);
    }

    proptest! {
        #[test]
        fn no_value_panics_or_lasts_longer_than_a_day(text in "[ -~]{0,40}") {
            prop_assert!(seconds(&[&text]).is_none_or(|wait| wait <= DAY));
        }

        #[test]
        fn no_date_panics_or_lasts_longer_than_a_day(
            day in 0_u8..=40, year in 0_u16..=9999, hour in 0_u8..=30,
        ) {
            let date = format!("Fri, {day:02} Dec {year:04} {hour:02}:59:60 GMT");
            prop_assert!(seconds(&[&date]).is_none_or(|wait| wait <= DAY));
        }
    }
}
