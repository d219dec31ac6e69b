//! When to ask VirusTotal what a key may spend, and who asks.

use std::time::{Duration, Instant};

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::Now;

/// How long an attempt to learn stands, whatever came of it, while the key is used.
const LEARN_EVERY: Duration = Duration::from_mins(10);

/// Whether VirusTotal is to be asked what a key may spend.
#[derive(Debug)]
pub enum Due {
    /// For the first time, by whoever got this, and its lookup waits for it.
    First(Attempt),
    /// Somebody else is asking for the first time; this lookup waits for that.
    Underway(Underway),
    /// Again, by whoever got this; its lookup need not wait.
    Again(Attempt),
    /// Not now.
    No,
}

/// The turn to ask VirusTotal; it ends when this is dropped.
///
/// Keep it until [`learn`](super::Quota::learn) is done or the reading has failed, in a task
/// that goes on when its caller hangs up: who waits is let go when it is dropped.
#[derive(Debug)]
#[must_use = "dropped, it lets those go who wait for what is learned"]
pub struct Attempt {
    _over: Option<DropGuard>,
}

/// The first attempt to learn of a key, made by somebody else.
#[derive(Clone, Debug)]
pub struct Underway(CancellationToken);

/// The last attempt to learn of a key.
#[derive(Debug)]
pub(super) struct Lesson {
    attempted: Instant,
    /// Cancelled when the first attempt is over.
    first: CancellationToken,
}

impl Underway {
    /// Waits until the attempt is over, whatever came of it. How long is the caller's business.
    pub async fn over(&self) {
        self.0.cancelled().await;
    }
}

impl Lesson {
    /// Says whose turn it is, and counts that as an attempt.
    pub(super) fn due(last: &mut Option<Self>, now: Now) -> Due {
        let Some(lesson) = last else {
            let first = CancellationToken::new();
            let over = first.clone().drop_guard();
            let attempted = now.steady;
            *last = Some(Self { attempted, first });
            return Due::First(Attempt { _over: Some(over) });
        };
        if !lesson.first.is_cancelled() {
            return Due::Underway(Underway(lesson.first.clone()));
        }
        if now.steady.saturating_duration_since(lesson.attempted) < LEARN_EVERY {
            return Due::No;
        }
        lesson.attempted = now.steady;
        Due::Again(Attempt { _over: None })
    }
}
