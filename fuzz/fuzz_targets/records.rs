//! What comes from other replicas and with VirusTotal's errors: kept answers, quotas, refusals.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use vt4ai::{
    cache::{Entry, Said},
    quota::Truth,
    vt::{VtError, packed::Packed},
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

fn refusal(status: u16, bytes: &[u8]) {
    if let VtError::Refused(refusal) = VtError::of_response(status, bytes, None, KEY) {
        let message = refusal.message.as_deref().unwrap_or("-");
        assert!(!refusal.code.is_empty() && !refusal.code.contains(KEY));
        assert!(!message.is_empty() && !message.contains(KEY) && !message.contains('<'));
        assert!(!message.contains(char::is_control));
        refusal.wait();
    }
}

fuzz_target!(|bytes: &[u8]| {
    entry(&Bytes::copy_from_slice(bytes));
    Truth::read(bytes);
    if let Some((status, body)) = bytes.split_first_chunk() {
        refusal(u16::from_be_bytes(*status), body);
    }
    for status in [400, 404, 429] {
        refusal(status, bytes);
    }
    let packed = Packed::restore(Bytes::copy_from_slice(bytes), 1024);
    assert!(packed.unpack().is_ok_and(|plain| plain.len() <= 1024) || packed.unpack().is_err());
});
