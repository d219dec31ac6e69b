//! The serialized form of an answer in Redis.
//!
//! A line of JSON with the metadata, followed by VirusTotal's compressed answer. An entry that
//! cannot be parsed counts as absent: a different version of the gateway may have written it.

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Answer, AnswerRecord, Moment, ObjectName};
use crate::virustotal::{Packed, Refusal};

/// The largest uncompressed size of an answer in Redis; larger ones are not shared.
const LARGEST: usize = 32 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Metadata {
    asked: u64,
    fresh_ms: u64,
    names: Vec<String>,
    answer: AnswerKind,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnswerKind {
    /// The uncompressed length of the bytes that follow.
    Found(usize),
    NotFound(Refusal),
}

/// An answer read from Redis.
#[derive(Debug)]
pub(super) struct StoredAnswer {
    /// The time at which VirusTotal was asked, in microseconds of the clock that replicas share.
    pub(super) asked: u64,
    answer: Answer,
    names: Box<[ObjectName]>,
    fresh_for: Duration,
}

impl AnswerRecord {
    /// Serializes the answer, or returns `None` if it is too large to share.
    ///
    /// `asked` is the time at which VirusTotal was asked, on the clock that replicas share.
    pub fn to_bytes(&self, asked: u64) -> Option<Bytes> {
        let (answer, body) = match &self.answer {
            Answer::Found(packed) if packed.length() > LARGEST => return None,
            Answer::Found(packed) => (AnswerKind::Found(packed.length()), packed.bytes().as_ref()),
            Answer::NotFound(refusal) => (AnswerKind::NotFound(refusal.clone()), &[][..]),
        };
        let metadata = Metadata {
            asked,
            fresh_ms: u64::try_from(self.fresh_for.as_millis()).unwrap_or(u64::MAX),
            names: self.names.iter().map(|name| name.hex()).collect(),
            answer,
        };
        // JSON escapes line feeds, so the first one in the result ends the metadata.
        let metadata = serde_json::to_vec(&metadata).ok()?;
        Some([&metadata, &b"\n"[..], body].concat().into())
    }
}

impl StoredAnswer {
    /// Parses the output of [`AnswerRecord::to_bytes`].
    pub(super) fn read(bytes: &Bytes) -> Option<Self> {
        let end = memchr::memchr(b'\n', bytes)?;
        let metadata: Metadata = serde_json::from_slice(&bytes[..end]).ok()?;
        let answer = match metadata.answer {
            AnswerKind::Found(length) if length > LARGEST => return None,
            AnswerKind::Found(length) => {
                Answer::Found(Packed::restore(bytes.slice(end + 1..), length))
            }
            AnswerKind::NotFound(refusal) => Answer::NotFound(refusal),
        };
        let mut names = Vec::with_capacity(metadata.names.len());
        for name in &metadata.names {
            names.push(ObjectName::from_hex(name)?);
        }
        Some(Self {
            asked: metadata.asked,
            answer,
            names: names.into(),
            fresh_for: Duration::from_millis(metadata.fresh_ms),
        })
    }

    /// Converts the answer for this replica's memory.
    ///
    /// `age` is its age at `as_of`, when all changes of its object were accounted for.
    pub(super) fn into_cached(self, age: Duration, as_of: Moment) -> AnswerRecord {
        AnswerRecord {
            answer: self.answer,
            asked: as_of.before(age),
            as_of,
            names: self.names,
            revealed: OnceLock::new(),
            shared_at: Some(self.asked),
            is_doubtful: false,
            fresh_for: self.fresh_for,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::virustotal::Reason;

    fn same(answer: Answer) {
        let as_of = Moment::now();
        let cached = AnswerRecord {
            answer,
            asked: as_of.before(Duration::from_secs(5)),
            as_of,
            names: [ObjectName::new("files", "a")].into(),
            revealed: OnceLock::new(),
            shared_at: Some(1_700_000_000_123_456),
            is_doubtful: false,
            fresh_for: Duration::from_hours(1),
        };
        let stored = StoredAnswer::read(&cached.to_bytes(1_700_000_000_123_456).unwrap()).unwrap();
        assert_eq!(stored.asked, 1_700_000_000_123_456);
        let again = stored.into_cached(Duration::from_secs(5), as_of);
        assert_eq!(again.names, cached.names);
        assert_eq!(format!("{again:?}"), format!("{cached:?}"));
    }

    #[test]
    fn a_stored_answer_survives_a_round_trip() {
        same(Answer::Found(Packed::restore(
            Bytes::from_static(b"\n{}\0"),
            7,
        )));
        same(Answer::NotFound(Refusal {
            reason: Reason::NotFound,
            code: "NotFoundError".into(),
            message: Some("File \"x\"\nnot found".to_owned()),
            retry_after: None,
            raw: None,
        }));
    }

    #[test]
    fn an_answer_that_decompresses_to_too_much_is_ignored() {
        let head = |length| {
            format!(
                "{{\"asked\":1,\"fresh_ms\":1,\"names\":[],\"answer\":{{\"found\":{length}}}}}\n"
            )
        };
        assert!(StoredAnswer::read(&head(LARGEST).into()).is_some());
        assert!(StoredAnswer::read(&head(LARGEST + 1).into()).is_none());
    }

    proptest! {
        #[test]
        fn malformed_entries_are_ignored(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(StoredAnswer::read(&Bytes::from(bytes)).is_none());
        }
    }
}
