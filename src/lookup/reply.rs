//! What a caller gets of a lookup, and where it says it comes from.

use std::time::Duration;

use crate::{
    answer::{Answer, View},
    cache::{Finished, ViewKey},
};

/// What a caller gets.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The bytes, and what names them.
    pub finished: Finished,
    /// Where they come from.
    pub seen: Seen,
}

/// Where an answer comes from, and how old it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whence.
    pub origin: Origin,
    /// How long ago VirusTotal gave it.
    pub age: Duration,
}

/// Whence an answer comes; what is put together of several is what the last of these is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// It was kept.
    Hit,
    /// VirusTotal has just given it.
    Miss,
    /// It was kept, is past its time, and the caller takes it so.
    Stale,
    /// The same, since no quota is left for a new one.
    StaleForQuota,
    /// The same, since VirusTotal gave nothing better.
    StaleForUpstream,
}

impl Origin {
    /// Its name in the log and in what is counted.
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
    /// What has been made of an answer that comes from there.
    pub(super) fn new(answer: Answer, seen: Seen) -> Self {
        let hash = twox_hash::XxHash3_128::oneshot(&answer.body);
        let finished = Finished {
            // Weak: the same bytes can be sent packed, too.
            etag: format!("W/\"{hash:032x}\"").into(),
            body: answer.body.into(),
            cursor: answer.cursor.map(Into::into),
        };
        Self { finished, seen }
    }
}

impl Seen {
    /// What is said of something put together of this and that.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            origin: self.origin.max(other.origin),
            age: self.age.max(other.age),
        }
    }
}

/// Returns the key of the finished view of an answer.
pub(super) fn view_key(view: &View<'_>) -> ViewKey {
    ViewKey {
        format: view.format,
        bare: view.bare,
        descriptors_only: view.descriptors_only,
        template: view.template.map(|template| template.name.as_str().into()),
    }
}
