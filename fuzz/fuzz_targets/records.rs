//! Records in Redis and answers that describe objects: cached answers, names, quotas.
//!
//! The reader of cached answers is private to the gateway: its source is part of this target.

#![no_main]

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;
use vt4ai::{
    cache::{Moment, ObjectName},
    quota::accounts::UpstreamQuota,
    virustotal::{self, Packed, Refusal},
};

#[path = "../../src/cache/stored.rs"]
mod stored;

/// A copy of the gateway's type, for the source of the reader.
#[derive(Debug)]
struct AnswerRecord {
    answer: Answer,
    asked: Moment,
    as_of: Moment,
    names: Box<[ObjectName]>,
    #[expect(dead_code, reason = "it repeats the gateway's fields")]
    revealed: OnceLock<Box<[ObjectName]>>,
    shared_at: Option<u64>,
    is_doubtful: bool,
    fresh_for: Duration,
}

#[derive(Debug)]
enum Answer {
    Found(Packed),
    NotFound(Refusal),
}

/// The number of bytes that an input may unpack to. Each entry declares its size.
const LIMIT: usize = 1 << 20;

fn kept(bytes: &Bytes) {
    let age = Duration::from_millis(bytes.len().try_into().unwrap());
    let as_of = Moment::now();
    let read = |bytes: &Bytes| {
        let stored = stored::StoredAnswer::read(bytes)?;
        let asked = stored.asked;
        Some((asked, stored.into_cached(age, as_of)))
    };
    let Some((asked, answer)) = read(bytes) else {
        return;
    };
    assert!(!answer.is_doubtful && answer.shared_at == Some(asked));
    assert_eq!(answer.asked.until(answer.as_of), age);
    // Writing and reading again changes nothing.
    let (again, copy) = read(&answer.to_bytes(asked).unwrap()).unwrap();
    assert_eq!((again, &copy.names), (asked, &answer.names));
    assert_eq!(format!("{copy:?}"), format!("{answer:?}"));
    match &answer.answer {
        Answer::Found(packed) if packed.length() <= LIMIT => {
            let plain = packed.unpack().map_or(0, |plain| plain.len());
            assert!(plain <= packed.length().max(1));
        }
        Answer::Found(_) => {}
        Answer::NotFound(refusal) => {
            let day = Duration::from_hours(24);
            assert!(refusal.wait().is_none_or(|wait| wait <= day));
        }
    }
}

/// Asserts that an answer about an analysis names a limited number of objects.
fn names(bytes: &[u8]) {
    let names = ObjectName::in_analysis(bytes);
    assert!(names.len() <= 7);
    if serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
        assert!(names.is_empty());
    }
}

/// Asserts that each quota was stated for the user or for the group.
fn truth(bytes: &[u8]) {
    let Some(truth) = UpstreamQuota::read(bytes) else {
        return;
    };
    let said: Value = serde_json::from_slice(bytes).unwrap();
    let known = [
        ("hourly", truth.hourly),
        ("daily", truth.daily),
        ("monthly", truth.monthly),
    ];
    for (window, usage) in known {
        let Some(usage) = usage else { continue };
        let quota = &said["data"][format!("api_requests_{window}")];
        let is_said = |whose| {
            let allowed = &quota[whose]["allowed"];
            allowed.as_u64().or(allowed.as_f64().map(|_| u64::MAX)) == Some(usage.allowed)
        };
        assert!(is_said("user") || is_said("group"), "{usage:?} of {said}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    kept(&Bytes::copy_from_slice(bytes));
    truth(bytes);
    names(bytes);
    let packed = Packed::restore(Bytes::copy_from_slice(bytes), 1024);
    assert!(packed.unpack().is_ok_and(|plain| plain.len() <= 1024) || packed.unpack().is_err());
});
