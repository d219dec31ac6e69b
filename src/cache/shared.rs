//! Sharing among replicas through Redis: answers, leases and notifications of writes.

use std::{sync::Arc, time::Duration};

use super::{
    Answer, Cache, CacheKey, CachedAnswer, Certainty, Kept, Moment, ObjectName, changes::MAX_NAMES,
    stored,
};
use crate::{
    cache::single_flight::Progress,
    redis::{Claimed, Lease, News, Recalled, RedisBudget, SharedAnswer, SharedChange, SharedTime},
};

/// The outcome of claiming the right to ask VirusTotal.
#[derive(Debug)]
pub enum Claim {
    /// The caller has to ask.
    Ask(Ticket),
    /// Another replica has asked in the meantime; this is its answer.
    Answered(Kept),
}

/// The right to ask VirusTotal. Dropping it releases the lease without an answer.
#[derive(Debug)]
pub struct Ticket {
    lease: Option<Lease>,
    /// The time at which the right was granted, or `None` if Redis is unavailable and nothing is
    /// shared.
    at: Option<SharedTime>,
}

impl Ticket {
    /// Returns the time at which the right was granted, on the clock that replicas share.
    pub fn at(&self) -> Option<SharedTime> {
        self.at
    }

    /// Runs the work, renewing the lease until the work is done.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.lease {
            Some(lease) => lease.during(work).await,
            None => work.await,
        }
    }
}

impl Cache {
    /// Returns the newest answer in Redis or in memory, asking Redis only if answers are shared.
    ///
    /// `names` are the names of the object. Concurrent callers share one lookup in Redis.
    pub async fn recall(
        &self,
        key: &CacheKey,
        names: &[ObjectName],
        patience: &RedisBudget,
    ) -> Option<Kept> {
        if !self.is_shared_out() {
            return self.answer(key);
        }
        let look = |progress: Progress<CacheKey, Option<Kept>>| {
            let (cache, key, names) = (self.clone(), key.clone(), names.to_vec());
            let patience = patience.clone();
            async move {
                let kept = cache.look(&key, &names, &patience).await;
                progress.finish(kept);
            }
        };
        let kept = self.0.recalls.join(key, look).outcome().await;
        // The lookup may have begun before a write, so its answer is checked again.
        self.judge(kept.ok().flatten()?.answer)
    }

    async fn look(
        &self,
        key: &CacheKey,
        object: &[ObjectName],
        patience: &RedisBudget,
    ) -> Option<Kept> {
        let names = hex(object);
        let recalled = self.0.redis.recall(key.pair(), &names, patience).await;
        if let Some(recalled) = recalled {
            self.learn_changes(object, &recalled);
            self.take_over(key, recalled);
        }
        self.answer(key)
    }

    /// Records the object's last writes as Redis knows them, since this replica may not have been
    /// running then.
    fn learn_changes(&self, names: &[ObjectName], recalled: &Recalled) {
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
    pub async fn claim(
        &self,
        key: &CacheKey,
        names: &[ObjectName],
        known: Option<&CachedAnswer>,
        patience: &RedisBudget,
    ) -> Claim {
        let nothing = Ticket {
            lease: None,
            at: None,
        };
        if !self.is_shared_out() {
            return Claim::Ask(nothing);
        }
        // If Redis fails here, each replica asks for itself.
        let claimed = self.0.redis.claim(key.pair(), &hex(names), patience).await;
        let Claimed::Ours(lease, recalled) = claimed else {
            return Claim::Ask(nothing);
        };
        self.learn_changes(names, &recalled);
        let at = Some(recalled.now);
        // An answer from before a write that may have happened is no reason not to ask.
        if let Some(kept) = self.take_over(key, recalled)
            && !kept.is_doubtful
            && known.is_none_or(|known| kept.answer.is_newer_than(known))
        {
            return Claim::Answered(kept);
        }
        let lease = Some(lease);
        Claim::Ask(Ticket { lease, at })
    }

    /// Returns the right to ask for a caller that does not coalesce: it holds no lease.
    pub async fn begin_alone(&self, patience: &RedisBudget) -> Ticket {
        let at = if self.is_shared_out() {
            self.0.redis.begin(patience).await
        } else {
            None
        };
        Ticket { lease: None, at }
    }

    /// Stores a new answer in memory and in Redis, and releases the lease.
    pub fn land(&self, key: &CacheKey, answer: &Arc<CachedAnswer>, ticket: Ticket) {
        self.put(key, answer);
        let Ticket { lease, at } = ticket;
        // Without a shared time, replicas could not tell whether the answer predates a write.
        let bytes = at.and_then(|at| answer.to_bytes(at));
        let (Some(asked), Some(bytes)) = (at, bytes) else {
            return;
        };
        let shared = SharedAnswer {
            name: key.pair(),
            asked,
            bytes,
            // Redis keeps an answer for as long as it may be served stale.
            life: answer.fresh_for.saturating_add(self.0.rules.max_stale),
            names: &hex(&answer.names),
        };
        self.0.redis.land(&shared, lease);
    }

    /// Records a write to the object with these names, and notifies all replicas.
    pub fn note_write(&self, names: &[ObjectName], certainty: Certainty) {
        if names.is_empty() {
            return;
        }
        let all = self.0.changes.note(names, certainty);
        self.tell_write(&all, certainty);
    }

    /// Reads further names of the object from Redis, and applies what is known of one name to all.
    ///
    /// Called before the answer to a write is returned, because another replica may have learned
    /// names that this one has not.
    pub async fn learn_names(&self, names: &[ObjectName]) {
        if names.is_empty() || !self.is_shared_out() {
            return;
        }
        let patience = RedisBudget::default();
        let all = self.0.redis.names_of(&hex(names), &patience).await;
        self.0.changes.join(&read_names(&all.unwrap_or_default()));
    }

    fn tell_write(&self, names: &[ObjectName], certainty: Certainty) {
        let names = hex(names);
        let news = match certainty {
            Certainty::Certain => News::Changed(names),
            Certainty::Possible => News::Doubted(names),
        };
        self.tell(news);
    }

    /// Records that these names belong to one object, and shares that if it is new.
    pub fn join_names(&self, names: &[ObjectName]) {
        if self.0.changes.join(names) && self.is_shared_out() {
            let life = self.0.rules.longest();
            self.0.redis.join_names(&hex(names), life);
        }
    }

    /// Remembers the object of an analysis that was started through this gateway, and notifies all
    /// replicas.
    pub fn note_begun(&self, analysis: &str, names: &[ObjectName]) {
        let analysis = ObjectName::analysis(analysis);
        self.0.changes.note_begun(analysis, names);
        self.tell(News::Begun(hex(&[&[analysis], names].concat())));
    }

    /// Applies a change that another replica announced.
    ///
    /// If this replica knows more names of the object than the announcement contains, it announces
    /// the change under all of them.
    pub fn hear_change(&self, names: &[String], certainty: Certainty) {
        let names = read_names(names);
        self.0.changes.join(&names);
        let all = self.0.changes.note(&names, certainty);
        // Each announcement has more names than the one before, so this terminates.
        if all.len() > names.len() && names.len() < MAX_NAMES {
            self.0.redis.join_names(&hex(&all), self.0.rules.longest());
            self.tell_write(&all, certainty);
        }
    }

    /// Joins the names of an object that was written to, some of which only other replicas knew.
    pub fn hear_names(&self, names: &[String]) {
        self.0.changes.join(&read_names(names));
    }

    /// Remembers the object of an analysis that another replica started.
    pub fn hear_begun(&self, names: &[String]) {
        if let [analysis, names @ ..] = read_names(names).as_slice() {
            self.0.changes.note_begun(*analysis, names);
        }
    }

    fn tell(&self, news: News) {
        let life = self.0.rules.longest();
        self.0.redis.tell_change(SharedChange { news, life });
    }

    /// Whether answers are shared through Redis at present.
    fn is_shared_out(&self) -> bool {
        self.0.rules.max_bytes > 0 && self.0.redis.is_up()
    }

    /// Stores an answer from Redis in memory if it is newer. Returns the answer that may be served.
    fn take_over(&self, key: &CacheKey, recalled: Recalled) -> Option<Kept> {
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
        if !is_readable(&answer) {
            return None;
        }
        let here = self.answer(key);
        if here.is_none_or(|here| answer.is_newer_than(&here.answer)) {
            self.put(key, &Arc::new(answer));
        }
        self.answer(key)
    }
}

/// Whether an answer decompresses. One that does not counts as not cached.
fn is_readable(answer: &CachedAnswer) -> bool {
    match &answer.answer {
        Answer::Found(packed) => packed.unpack().is_ok(),
        Answer::NotFound(_) => true,
    }
}

/// Parses names in the form used in Redis.
fn read_names(names: &[String]) -> Vec<ObjectName> {
    let names = names.iter();
    names
        .filter_map(|name| ObjectName::from_hex(name))
        .collect()
}

fn hex(names: &[ObjectName]) -> Vec<String> {
    names.iter().map(|name| name.hex()).collect()
}
