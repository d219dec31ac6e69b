//! Sharing among replicas through Redis: answers, leases and notifications of writes.

use std::time::Duration;

use super::{
    Answer, Cache, CacheKey, CachedAnswer, Candidate, Certainty, Moment, ObjectName, stored,
};
use crate::{
    access::RedisBudget,
    cache::single_flight::Progress,
    redis::{Claimed, Lease, SharedAnswer, SharedLookup, SharedTime},
};

/// The outcome of claiming the right to ask VirusTotal.
#[derive(Debug)]
pub(super) enum LeaseResult {
    /// The caller has to ask.
    Ask(Ticket),
    /// Another replica has asked in the meantime; this is its answer.
    Answered(Candidate),
}

/// The right to ask VirusTotal. Dropping it releases the lease without an answer.
#[derive(Debug)]
pub(super) struct Ticket {
    lease: Option<Lease>,
    /// The time at which the right was granted, or `None` if Redis is unavailable and nothing is
    /// shared.
    at: Option<SharedTime>,
}

impl Ticket {
    /// Returns the time at which the right was granted, on the clock that replicas share.
    pub(super) fn at(&self) -> Option<SharedTime> {
        self.at
    }

    /// Runs the work, renewing the lease until the work is done.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.lease {
            Some(lease) => lease.during(work).await,
            None => work.await,
        }
    }
}

impl Cache {
    /// Returns the newest answer in Redis, in memory or on disk, asking Redis only if answers are
    /// shared, and the disk last.
    ///
    /// `names` are the names of the object. Concurrent callers share one lookup.
    pub(super) async fn get_newest(
        &self,
        key: &CacheKey,
        names: &[ObjectName],
        budget: &RedisBudget,
    ) -> Option<Candidate> {
        if !self.replicas_share() && !self.may_be_on_disk(key) {
            return self.get_local(key);
        }
        let look = |progress: Progress<CacheKey, Option<Candidate>>| {
            let (cache, key, names) = (self.clone(), key.clone(), names.to_vec());
            let budget = budget.clone();
            async move {
                let candidate = cache.look(&key, &names, &budget).await;
                progress.finish(candidate);
            }
        };
        let found = self.0.remote_lookups.join(key, look).outcome().await;
        let candidate = found.ok()??;
        // The lookup may have begun before a write, so its answer is checked again.
        self.judge(candidate.answer)
    }

    async fn look(
        &self,
        key: &CacheKey,
        object: &[ObjectName],
        budget: &RedisBudget,
    ) -> Option<Candidate> {
        if self.replicas_share() {
            let names = hex(object);
            let recalled = self.0.redis.look_up(key.entry_name(), &names, budget).await;
            if let Some(recalled) = recalled {
                self.learn_changes(object, &recalled);
                self.take_over(key, recalled);
            }
        }
        self.get_local_or_from_disk(key, object).await
    }

    /// Records the object's last writes as Redis knows them, since this replica may not have been
    /// running then.
    fn learn_changes(&self, names: &[ObjectName], recalled: &SharedLookup) {
        // Redis reports its own time with each write, so only differences of its clock are used.
        let looked = Moment::now().before(recalled.looked.elapsed());
        // Zero means that Redis knows of no such write.
        let known = [
            (recalled.changed, Certainty::Certain),
            (recalled.doubted, Certainty::Possible),
        ];
        for (at, certainty) in known.into_iter().filter(|(at, _)| *at > 0) {
            let ago = Duration::from_micros(recalled.now.saturating_sub(at));
            self.0.changes.learn(names, looked.before(ago), certainty);
        }
    }

    /// Claims the right to ask VirusTotal, and waits while another replica holds the lease.
    ///
    /// `names` are the names of the object; `known` is the cached answer that is not fresh enough.
    pub(super) async fn claim_lease(
        &self,
        key: &CacheKey,
        names: &[ObjectName],
        known: Option<&CachedAnswer>,
        budget: &RedisBudget,
    ) -> LeaseResult {
        let nothing = Ticket {
            lease: None,
            at: None,
        };
        if !self.replicas_share() {
            return LeaseResult::Ask(nothing);
        }
        // If Redis fails here, each replica asks for itself.
        let claimed = self
            .0
            .redis
            .claim(key.entry_name(), &hex(names), budget)
            .await;
        let Claimed::Ours(lease, recalled) = claimed else {
            return LeaseResult::Ask(nothing);
        };
        self.learn_changes(names, &recalled);
        let at = Some(recalled.now);
        // An answer from before a write that may have happened is no reason not to ask.
        if let Some(candidate) = self.take_over(key, recalled)
            && !candidate.is_doubtful
            && known.is_none_or(|known| candidate.answer.is_newer_than(known))
        {
            return LeaseResult::Answered(candidate);
        }
        let lease = Some(lease);
        LeaseResult::Ask(Ticket { lease, at })
    }

    /// Returns the right to ask for a caller that does not coalesce: it holds no lease.
    pub(super) async fn begin_alone(&self, budget: &RedisBudget) -> Ticket {
        let at = if self.replicas_share() {
            self.0.redis.shared_now(budget).await
        } else {
            None
        };
        Ticket { lease: None, at }
    }

    /// Stores a new answer in memory, on disk and in Redis, and releases the lease.
    pub(super) fn publish(&self, key: &CacheKey, answer: &CachedAnswer, ticket: Ticket) {
        self.put(key, answer);
        self.put_on_disk(key, answer);
        let Ticket { lease, at } = ticket;
        // Without a shared time, replicas could not tell whether the answer predates a write.
        let bytes = at.and_then(|at| answer.to_bytes(at));
        let (Some(asked), Some(bytes)) = (at, bytes) else {
            return;
        };
        let shared = SharedAnswer {
            name: key.entry_name(),
            asked,
            bytes,
            // Redis keeps an answer for as long as it may be served stale.
            life: answer.fresh_for.saturating_add(self.0.rules.max_stale),
            names: &hex(&answer.names),
        };
        self.0.redis.store_answer(&shared, lease);
    }

    /// Whether answers are shared through Redis at present.
    pub(super) fn replicas_share(&self) -> bool {
        self.0.rules.max_bytes > 0 && self.0.redis.is_up()
    }

    /// Stores an answer from Redis in memory if it is newer. Returns the answer that may be served.
    fn take_over(&self, key: &CacheKey, recalled: SharedLookup) -> Option<Candidate> {
        // Redis knew of all changes at that time: no change of this replica's was still to be
        // announced.
        let as_of = Moment::now().before(recalled.looked.elapsed());
        let stored = stored::StoredAnswer::read(&recalled.bytes?)?;
        // The object was written to after the answer was asked for.
        if recalled.changed >= stored.asked {
            return None;
        }
        let is_doubtful = recalled.doubted >= stored.asked;
        let age = Duration::from_micros(recalled.now.saturating_sub(stored.asked));
        let mut answer = stored.into_cached(age, as_of);
        answer.is_doubtful = is_doubtful;
        let answer = CachedAnswer::from(answer);
        if !is_readable(&answer) {
            return None;
        }
        let here = self.get_local(key);
        if here.is_none_or(|here| answer.is_newer_than(&here.answer)) {
            self.put(key, &answer);
        }
        self.get_local(key)
    }
}

/// Whether an answer decompresses. One that does not counts as not cached.
fn is_readable(answer: &CachedAnswer) -> bool {
    match &answer.answer {
        Answer::Found(packed) => packed.unpack().is_ok(),
        Answer::NotFound(_) => true,
    }
}

/// Returns names in the form used in Redis.
pub(super) fn hex(names: &[ObjectName]) -> Vec<String> {
    names.iter().map(|name| name.hex()).collect()
}
