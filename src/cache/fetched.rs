//! The result of a fetch, with the origin and age that the reply states.

use std::time::Duration;

use bytes::Bytes;

use super::{Answer, CacheKey, CachedAnswer, Candidate, FetchError, Moment, ObjectName};

/// An answer from VirusTotal that serves a caller.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The origin and age.
    pub provenance: Provenance,
    pub(super) key: CacheKey,
    pub(super) answer: CachedAnswer,
    /// The uncompressed bytes, if the answer has just arrived and is not large.
    pub(super) plain: Option<Bytes>,
    /// Whether it was fetched for this caller, and not cached here or by another replica.
    pub(super) is_new: bool,
    /// The cached answer that this one replaced.
    pub(super) replaced: Option<Candidate>,
    /// The time at which the caller asked, or at which a cached answer was found for it.
    pub(super) requested: Moment,
}

/// The origin and age of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The origin.
    pub origin: Origin,
    /// The time since VirusTotal was asked.
    pub age: Duration,
}

/// The source of an answer.
///
/// The order matters: a list gathered from several pages reports the greatest of their origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The cache.
    Hit,
    /// VirusTotal, for this request.
    Miss,
    /// The cache; the answer is past its TTL and the caller accepts that.
    Stale,
    /// The cache; the answer is past its TTL and no quota is left for a new one.
    StaleForQuota,
    /// The cache; the answer is past its TTL and VirusTotal failed.
    StaleForUpstream,
}

impl Fetched {
    /// Wraps an answer. "Not found" becomes an error.
    pub(super) fn new(
        key: CacheKey,
        answer: CachedAnswer,
        origin: Origin,
    ) -> Result<Self, FetchError> {
        let requested = Moment::now();
        let provenance = Provenance {
            origin,
            age: answer.age(requested),
        };
        if let Answer::NotFound(refusal) = &answer.answer {
            return Err(FetchError::NotFound(refusal.clone(), provenance));
        }
        Ok(Self {
            provenance,
            key,
            answer,
            plain: None,
            is_new: false,
            replaced: None,
            requested,
        })
    }

    /// Returns the uncompressed size in bytes.
    pub fn size(&self) -> usize {
        match &self.answer.answer {
            Answer::Found(packed) => packed.length(),
            Answer::NotFound(_) => 0,
        }
    }

    /// Returns the uncompressed bytes.
    pub fn plain(&self) -> Result<Bytes, FetchError> {
        if let Some(plain) = &self.plain {
            return Ok(plain.clone());
        }
        match &self.answer.answer {
            Answer::Found(packed) => Ok(packed.unpack()?),
            Answer::NotFound(refusal) => {
                Err(FetchError::NotFound(refusal.clone(), self.provenance))
            }
        }
    }

    /// Records further names of the answer's object, which its content reveals.
    ///
    /// If the answer was read before, it revealed the same names then.
    pub fn note_revealed(&self, names: Vec<ObjectName>) {
        let _ = self.answer.revealed.set(names.into());
    }

    /// Whether the answer is cached: an analysis that is not completed never is.
    pub fn is_cacheable(&self) -> bool {
        !self.answer.fresh_for.is_zero()
    }
}

impl Provenance {
    /// Combines two pages: the worse origin and the greater age.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            origin: self.origin.max(other.origin),
            age: self.age.max(other.age),
        }
    }
}

impl Origin {
    /// Returns the name used in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::StaleForQuota => "stale_quota",
            Self::StaleForUpstream => "stale_upstream",
        }
    }
}
