//! The reply of a lookup, with the origin and age that it reports.

use std::time::Duration;

use crate::{
    cache::{Finished, ViewKey},
    render::{Document, View},
};

/// The reply to a caller.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The body with its entity tag and cursor.
    pub finished: Finished,
    /// The origin and age.
    pub seen: Seen,
}

/// The origin and age of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
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

impl Reply {
    /// Builds a reply from a rendered answer.
    pub(super) fn new(answer: Document, seen: Seen) -> Self {
        let hash = twox_hash::XxHash3_128::oneshot(&answer.body);
        let finished = Finished {
            // A weak tag, since the same document may also be sent compressed.
            etag: format!("W/\"{hash:032x}\"").into(),
            body: answer.body.into(),
            cursor: answer.cursor.map(Into::into),
        };
        Self { finished, seen }
    }
}

impl Seen {
    /// Combines two pages: the worse origin and the greater age.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            origin: self.origin.max(other.origin),
            age: self.age.max(other.age),
        }
    }
}

/// Returns the key by which a rendered view is cached.
pub(super) fn view_key(view: &View<'_>) -> ViewKey {
    ViewKey {
        format: view.format,
        bare: view.bare,
        descriptors_only: view.descriptors_only,
        template: view.template_key(),
    }
}
