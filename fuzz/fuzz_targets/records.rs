//! What comes from other replicas and with VirusTotal's errors: kept answers, quotas, refusals.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use vt4ai::{
    cache::{Entry, Said},
    quota::Truth,
    vt::{Reason, Refusal, VtError, packed::Packed},
};

const KEY: &str = "secret";

fn entry(bytes: &Bytes) {
    let Some(entry) = Entry::from_bytes(bytes) else {
        return;
    };
    let again = Entry::from_bytes(&entry.to_bytes().unwrap()).unwrap();
    assert_eq!(format!("{again:?}"), format!("{entry:?}"));
    if let Said::Found(packed) = &entry.said
        && let Ok(plain) = packed.unpack()
    {
        assert!(plain.len() <= packed.length().max(1));
    }
}

fn is_for_later(refusal: &Refusal) -> bool {
    matches!(refusal.reason, Reason::TooManyRequests | Reason::Transient)
}

fn refusal(status: u16, bytes: &[u8]) {
    if let VtError::Refused(refusal) = VtError::of_response(status, bytes, None, KEY) {
        let message = refusal.message.as_deref().unwrap_or("-");
        assert!(!refusal.code.is_empty() && !refusal.code.contains(KEY));
        assert!(!message.is_empty() && !message.contains(KEY) && !message.contains('<'));
        assert!(!message.contains(char::is_control));
        assert!(message.chars().count() <= 300 && refusal.code.len() <= 64);
        assert_eq!(refusal.wait().is_some(), is_for_later(&refusal));
    }
}

/// Whatever is known of a key was said of its user or its group.
fn truth(bytes: &[u8]) {
    let Some(truth) = Truth::read(bytes) else {
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
    entry(&Bytes::copy_from_slice(bytes));
    truth(bytes);
    if let Some((status, body)) = bytes.split_first_chunk() {
        refusal(u16::from_be_bytes(*status), body);
    }
    for status in [400, 404, 429] {
        refusal(status, bytes);
    }
    let packed = Packed::restore(Bytes::copy_from_slice(bytes), 1024);
    assert!(packed.unpack().is_ok_and(|plain| plain.len() <= 1024) || packed.unpack().is_err());
});
