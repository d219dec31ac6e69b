//! An entry as bytes, for where other replicas find it.
//!
//! A line of JSON that says what it is, then VirusTotal's answer, packed. What can't be read
//! counts as not kept: another version of the gateway may have written it.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Entry, Said, Stamp};
use crate::vt::{Packed, Refusal};

/// What a kept answer may unpack to, in bytes; a larger one is not given to others.
const LARGEST: usize = 32 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Head {
    stamp: u64,
    fresh_ms: u64,
    said: Line,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// How many bytes the rest unpacks to.
    Found(usize),
    NotFound(Refusal),
}

impl Entry {
    /// This entry for others to read; none, where it is too large.
    pub fn to_bytes(&self) -> Option<Bytes> {
        let (said, body) = match &self.said {
            Said::Found(packed) if packed.length() > LARGEST => return None,
            Said::Found(packed) => (Line::Found(packed.length()), packed.bytes().as_ref()),
            Said::NotFound(refusal) => (Line::NotFound(refusal.clone()), &[][..]),
        };
        let head = Head {
            stamp: self.stamp.0,
            fresh_ms: u64::try_from(self.fresh_for.as_millis()).unwrap_or(u64::MAX),
            said,
        };
        let head = serde_json::to_vec(&head).ok()?;
        Some([&head, &b"\n"[..], body].concat().into())
    }

    /// What [`to_bytes`](Self::to_bytes) made of an entry.
    pub fn from_bytes(bytes: &Bytes) -> Option<Self> {
        let end = memchr::memchr(b'\n', bytes)?;
        let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
        let said = match head.said {
            Line::Found(length) if length > LARGEST => return None,
            Line::Found(length) => Said::Found(Packed::restore(bytes.slice(end + 1..), length)),
            Line::NotFound(refusal) => Said::NotFound(refusal),
        };
        Some(Self {
            said,
            stamp: Stamp(head.stamp),
            fresh_for: Duration::from_millis(head.fresh_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vt::Reason;

    fn same(entry: &Entry) {
        let again = Entry::from_bytes(&entry.to_bytes().unwrap()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{entry:?}"));
    }

    #[test]
    fn what_is_kept_comes_back() {
        same(&Entry {
            said: Said::Found(Packed::restore(Bytes::from_static(b"\n{}\0"), 7)),
            stamp: Stamp(1_700_000_000_123),
            fresh_for: Duration::from_hours(1),
        });
        same(&Entry {
            said: Said::NotFound(Refusal {
                reason: Reason::NotFound,
                code: "NotFoundError".into(),
                message: Some("File \"x\"\nnot found".to_owned()),
                retry_after: None,
            }),
            stamp: Stamp(0),
            fresh_for: Duration::ZERO,
        });
    }

    #[test]
    fn nobody_is_made_to_unpack_a_bomb() {
        let head =
            |length| format!("{{\"stamp\":1,\"fresh_ms\":1,\"said\":{{\"found\":{length}}}}}\n");
        assert!(Entry::from_bytes(&head(LARGEST).into()).is_some());
        assert!(Entry::from_bytes(&head(LARGEST + 1).into()).is_none());
    }

    proptest! {
        #[test]
        fn nonsense_is_not_kept(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(Entry::from_bytes(&Bytes::from(bytes)).is_none());
        }
    }
}
