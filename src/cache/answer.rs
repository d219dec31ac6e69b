//! The entries of the cache: answers of VirusTotal, and views of them.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;

use super::{Moment, ObjectName};
use crate::{
    access::KeyHash,
    redis::{EntryName, SharedTime},
    render::{ViewSize, format::Format},
    virustotal::{Packed, Refusal},
};

/// The identity of a cached answer: the key that may see it, and the request to VirusTotal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// The key that fetched it, or `None` where all keys share what they fetch.
    pub owner: Option<KeyHash>,
    /// The path and query below `/api/v3`.
    pub path: Arc<str>,
}

/// The properties in which rendered views of one answer differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ViewKey {
    /// The format of the data.
    pub format: Format,
    /// Whether it is the bare document, without the JSON envelope.
    pub bare: bool,
    /// Whether only types and ids are shown.
    pub descriptors_only: bool,
    /// Everything else that the view depends on, as text; `None` for the defaults.
    pub options: Option<Arc<str>>,
}

/// An answer from VirusTotal. Clones share it.
#[derive(Clone, Debug)]
pub struct CachedAnswer(Arc<AnswerRecord>);

/// The fields of a [`CachedAnswer`].
#[derive(Debug)]
pub struct AnswerRecord {
    /// The content.
    pub answer: Answer,
    /// The time at which VirusTotal was asked.
    pub asked: Moment,
    /// The time up to which all changes of the object are accounted for.
    ///
    /// This is the time at which VirusTotal was asked, or at which Redis confirmed that the answer
    /// is current.
    pub as_of: Moment,
    /// The names of the object that the answer is about; empty where it is about no object.
    pub names: Box<[ObjectName]>,
    /// Further names of the object that the answer itself reveals, set once the answer has been
    /// read.
    pub revealed: OnceLock<Box<[ObjectName]>>,
    /// The time at which VirusTotal was asked, on the clock that replicas share; `None` if the
    /// answer is not shared. Answers with the same time are the same answer.
    pub shared_at: Option<SharedTime>,
    /// Whether the object may have been written to before `as_of`.
    pub is_doubtful: bool,
    /// The TTL.
    pub fresh_for: Duration,
}

/// The content of an answer.
#[derive(Debug)]
pub enum Answer {
    /// An object or a list.
    Found(Packed),
    /// VirusTotal does not know the object.
    NotFound(Refusal),
}

/// A cached answer that may be served: its object was not written to since, for certain.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The answer.
    pub answer: CachedAnswer,
    /// Whether the object may have been written to since.
    pub is_doubtful: bool,
}

/// A rendered view, ready to be sent.
#[derive(Clone, Debug)]
pub struct RenderedView {
    /// The body as the client receives it.
    pub body: Bytes,
    /// The entity tag of exactly this body, with its quotes (RFC 9110, section 8.8.3).
    pub etag: Arc<str>,
    /// The cursor of the next page of a list; `None` for a single object and on the last page.
    pub cursor: Option<Arc<str>>,
    /// The size in tokens.
    pub size: ViewSize,
}

impl CacheKey {
    /// Returns the name of the entry in the shared cache.
    pub(super) fn entry_name(&self) -> EntryName<'_> {
        EntryName {
            owner: self.owner,
            path: &self.path,
        }
    }
}

impl CachedAnswer {
    /// Returns the time since VirusTotal was asked.
    pub fn age(&self, now: Moment) -> Duration {
        self.asked.until(now)
    }

    /// Whether this is another answer than `other` and was asked for later.
    ///
    /// The times of other replicas' answers are only as exact as the round trip to Redis is short.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        let is_same = self.shared_at.is_some() && self.shared_at == other.shared_at;
        !is_same && self.asked > other.asked
    }

    /// Returns the number of bytes that the answer occupies.
    pub(super) fn size(&self) -> usize {
        let content = match &self.answer {
            Answer::Found(packed) => packed.size(),
            Answer::NotFound(refusal) => {
                let raw = refusal.raw.as_ref().map_or(0, |raw| raw.body.len());
                raw + refusal.message.as_deref().map_or(0, str::len)
            }
        };
        size_of_val::<[ObjectName]>(&self.names) + content
    }
}

impl From<AnswerRecord> for CachedAnswer {
    fn from(record: AnswerRecord) -> Self {
        Self(Arc::new(record))
    }
}

impl Deref for CachedAnswer {
    type Target = AnswerRecord;

    fn deref(&self) -> &AnswerRecord {
        &self.0
    }
}
