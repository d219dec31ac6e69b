//! Parts of VirusTotal's answers besides their JSON: `Retry-After`, errors, compressed bodies.
//!
//! Two of the readers are private to the gateway: their sources are part of this target.

#![no_main]

use std::{
    borrow::Cow,
    io::{Read as _, Write as _},
    sync::LazyLock,
    time::{Duration, Instant, SystemTime},
};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use flate2::{Compression, GzBuilder, read::MultiGzDecoder};
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::json;
use time::OffsetDateTime;
use vt4ai::{
    clock::{self, BackOff, Bounded, Now},
    virustotal::{Reason, Refusal, UpstreamError},
};
use vt4ai_fuzz::is_hidden;

/// Stands in for the slots of large answers, which are not fuzzed.
mod large {
    pub type LargeSlot = ();
}
#[expect(dead_code, reason = "the gateway uses more of it")]
#[path = "../../src/virustotal/packed.rs"]
mod packed;
#[path = "../../src/virustotal/retry_after.rs"]
mod retry_after;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The number of bytes that a body may unpack to.
const LIMIT: usize = 1 << 16;

/// The number of consecutive characters of a key that must not be revealed.
const SHARED: usize = 12;

/// A fixed time, so that an input always has the same result.
static NOW: LazyLock<SystemTime> =
    LazyLock::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_770_000_000));

static STEADY: LazyLock<Instant> = LazyLock::new(Instant::now);

fn waits(values: &[&[u8]]) -> Option<BackOff> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(RETRY_AFTER, HeaderValue::from_bytes(value).ok()?);
    }
    retry_after::read(&headers, *NOW)
}

fn retry_after(value: &[u8]) {
    let wait = waits(&[value]).map(BackOff::get);
    assert!(wait.is_none_or(|wait| !wait.is_zero() && wait <= DAY));
    assert_eq!(waits(&[value, value]), None);
    // Headers can't contain other white space.
    let is_sent = |byte: &u8| *byte == b'\t' || matches!(*byte, b' '..=b'~');
    let Some(text) = str::from_utf8(value)
        .ok()
        .filter(|_| value.iter().all(is_sent))
    else {
        assert_eq!(wait, None);
        return;
    };
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = text.trim_start_matches('0');
        let seconds = match digits.len() {
            0..10 => digits.parse().unwrap_or_default(),
            _ => u64::MAX,
        };
        let meant = Duration::from_secs(seconds).min(DAY);
        assert_eq!(wait, Some(meant).filter(|wait| !wait.is_zero()), "{text:?}");
    } else if let Some(wait) = wait.filter(|wait| *wait < DAY) {
        // The resulting date is the one in the header.
        let date = httpdate::fmt_http_date(*NOW + wait);
        let read = [text, &date].map(|date| httpdate::parse_http_date(date).ok());
        assert_eq!(read[0], read[1]);
    }
}

fn durations(bytes: &[u8]) {
    let Some((seconds, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let seconds = u64::from_le_bytes(*seconds);
    let nanos = rest.first_chunk().map_or(0, |it| u32::from_le_bytes(*it)) % 1_000_000_000;
    let wait = Duration::new(seconds, nanos);
    is_bounded::<0>(wait);
    is_bounded::<60>(wait);
    is_bounded::<{ 24 * 60 * 60 }>(wait);
    is_bounded::<{ u64::MAX }>(wait);
    let now = Now {
        steady: *STEADY,
        utc: OffsetDateTime::UNIX_EPOCH,
    };
    let then = now.after(wait);
    assert!(then.steady >= now.steady && then.utc >= now.utc);
    assert!(now.unix_after(wait) >= 0 && clock::whole_seconds(wait) >= seconds);
    let (day, month, minute) = (Duration::from_hours(24), Duration::from_hours(24 * 31), 60);
    assert!(then.until_tomorrow() <= day && then.until_next_month() <= month);
    let minute_left = then.until_next_minute();
    assert!(!minute_left.is_zero() && minute_left.as_secs() <= minute);
    then.after(wait).until_next_month();
}

fn is_bounded<const MAX: u64>(wait: Duration) {
    let bounded = Bounded::<MAX>::new(wait);
    let most = Duration::from_secs(MAX);
    assert_eq!(bounded.get(), wait.min(most));
    assert!(bounded.doubled().get() <= most && bounded.doubled() >= bounded);
    assert!(bounded.after(*STEADY) >= *STEADY);
    assert_eq!(bounded.is_zero(), bounded.get().is_zero());
    // Another process may have written a larger value.
    let read: Bounded<MAX> = serde_json::from_value(json!(wait)).unwrap();
    assert_eq!(read, bounded);
    let millis = Bounded::<MAX>::from_millis(wait.as_secs());
    assert!(millis.get() <= most);
    let text = wait.as_secs().to_string();
    let parsed = Bounded::<MAX>::parse_seconds(&text).map(Bounded::get);
    assert_eq!(parsed, Some(Duration::from_secs(wait.as_secs()).min(most)));
}

/// Returns whether a text reveals a part of the key.
fn shows(text: &str, key: &str) -> bool {
    let (text, key) = (text.to_ascii_lowercase(), key.to_ascii_lowercase());
    let mut parts = key.as_bytes().windows(SHARED.min(key.len()));
    parts.any(|part| text.contains(str::from_utf8(part).unwrap()))
}

fn refusal(status: u16, body: &[u8], key: &str) -> Option<Refusal> {
    let error = UpstreamError::of_response(status, body, None, key);
    assert!(!error.to_string().contains(is_hidden));
    let UpstreamError::Refused(refusal) = error else {
        return None;
    };
    let code = &refusal.code;
    assert!((1..=64).contains(&code.len()) && code.bytes().all(|it| it.is_ascii_graphic()));
    let is_for_later = matches!(refusal.reason, Reason::TooManyRequests | Reason::Transient);
    assert_eq!(refusal.wait().is_some(), is_for_later);
    let Some(message) = refusal.message.as_deref() else {
        return Some(refusal);
    };
    assert!(!message.trim().is_empty() && message.chars().count() <= 300);
    assert!(!message.contains(is_hidden) && !message.contains('<') && !message.contains("]("));
    let mut layer = Cow::Borrowed(message);
    loop {
        assert!(!shows(&layer, key), "{message} shows {key}");
        let plain = percent_decode_str(&layer).decode_utf8_lossy().into_owned();
        if plain == layer {
            break;
        }
        layer = plain.into();
    }
    Some(refusal)
}

/// Encodes a part of the key in some way, between two texts.
fn disguised(part: &str, how: u8, before: &str, after: &str) -> String {
    let cased = match how >> 3 & 3 {
        0 => part.to_owned(),
        1 => part.to_ascii_uppercase(),
        2 => part.to_ascii_lowercase(),
        _ => {
            let is_upper = |at: usize| how.rotate_left(at as u32 % 8) & 1 == 1;
            let recased = part.chars().enumerate().map(|(at, letter)| {
                if is_upper(at) {
                    letter.to_ascii_uppercase()
                } else {
                    letter.to_ascii_lowercase()
                }
            });
            recased.collect()
        }
    };
    let percent = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let hex: String = cased.bytes().map(|byte| format!("{byte:02x}")).collect();
    let all: String = cased.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let part = match how & 7 {
        0 => cased,
        1 => percent(&cased),
        2 => percent(&percent(&cased)),
        3 => all,
        4 => hex,
        5 => hex.to_uppercase(),
        6 => BASE64_STANDARD_NO_PAD.encode(cased),
        _ => BASE64_URL_SAFE_NO_PAD.encode(cased),
    };
    format!("{before}{part}{after}")
}

/// Checks errors. The input is a key, an encoding and a message, separated by NUL; or a whole body.
fn errors(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let [key, how, message] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let is_key = |key: &&str| {
        (1..=512).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = str::from_utf8(key).ok().filter(is_key).unwrap_or("secret");
    for status in [400, 401, 404, 429, 502, 503] {
        refusal(status, bytes, key);
        refusal(status, message, key);
    }
    let Ok(message) = str::from_utf8(message) else {
        return;
    };
    let body = |message: &str| json!({"error": {"code": "NotFoundError", "message": message}});
    let passed = refusal(404, body(message).to_string().as_bytes(), key).unwrap();
    assert!(passed.message.is_none_or(|passed| passed == message));
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric();
    let [how, from, length, at, ..] = *how else {
        return;
    };
    // A shorter part of a key can't be distinguished from other text.
    if key.len() < SHARED || !key.bytes().any(is_letter) {
        return;
    }
    let length = SHARED + usize::from(length) % (key.len() - SHARED + 1);
    let from = usize::from(from) % (key.len() - length + 1);
    let at = message.floor_char_boundary(usize::from(at));
    let (before, after) = message.split_at(at);
    let hidden = disguised(&key[from..from + length], how, before, after);
    let told = refusal(404, body(&hidden).to_string().as_bytes(), key).unwrap();
    assert_eq!(
        told.message,
        None,
        "{:?} of {key}",
        &key[from..from + length]
    );
}

/// Decompresses with another library, up to the bound.
fn members(gzip: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let most = u64::try_from(limit).unwrap() + 1;
    let read = MultiGzDecoder::new(gzip).take(most).read_to_end(&mut plain);
    read.ok().map(|_| plain)
}

fn unpacks(gzip: &[u8], limit: usize) -> Result<Bytes, UpstreamError> {
    let body = packed::Body::gunzip(Bytes::copy_from_slice(gzip), limit)?;
    assert!(body.plain.len() <= limit);
    // The gateway treats zeros behind the last member as padding; the other library does not.
    let end = gzip
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    let trailer_zeros = (0..=9).map(|zeros| (end + zeros).min(gzip.len()));
    let read = trailer_zeros.map(|end| members(&gzip[..end], limit));
    assert!(read.flatten().any(|plain| plain == body.plain), "{gzip:?}");
    let packed = body.pack();
    assert_eq!(packed.length(), body.plain.len());
    assert_eq!(packed.unpack().as_ref(), Ok(&body.plain));
    Ok(body.plain)
}

fn member(plain: &[u8], how: u8) -> Vec<u8> {
    let mut builder = GzBuilder::new();
    if how & 8 != 0 {
        builder = builder.extra(plain);
    }
    if how & 16 != 0 {
        builder = builder.filename("report.json");
    }
    let mut encoder = builder.write(Vec::new(), Compression::new(u32::from(how & 7)));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Checks bodies of several members: the parts between NUL, some of them repeated.
fn packed_in_members(bytes: &[u8]) {
    let (mut gzip, mut plain) = (Vec::new(), Vec::new());
    for part in bytes.split(|byte| *byte == 0) {
        let (how, part) = part.split_first().unwrap_or((&0, &[]));
        let times = if how & 0x80 != 0 { 20 } else { 1 };
        let member = member(part, *how);
        if gzip.len() + member.len() * times < 8 * LIMIT {
            gzip.extend(member.repeat(times));
            plain.extend(part.repeat(times));
        }
    }
    gzip.resize(gzip.len() + bytes.len() % 5, 0);
    match unpacks(&gzip, LIMIT) {
        Ok(read) => assert!(read == plain),
        Err(error) => assert!(
            plain.len() > LIMIT && error == UpstreamError::TooLarge,
            "{error}"
        ),
    }
    if let Some(less) = plain.len().checked_sub(1) {
        assert_eq!(unpacks(&gzip, less), Err(UpstreamError::TooLarge));
    }
}

// The first byte selects the parser of the rest.
fuzz_target!(|bytes: &[u8]| {
    let Some((what, bytes)) = bytes.split_first() else {
        return;
    };
    match what & 7 {
        0 => retry_after(bytes),
        1 => durations(bytes),
        2..=4 => errors(bytes),
        5 => {
            let _ = unpacks(bytes, LIMIT);
        }
        _ => packed_in_members(bytes),
    }
});
