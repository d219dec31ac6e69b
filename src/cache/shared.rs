//! The part of the cache that replicas share through Redis: answers, leases, news of writes.

use std::{sync::Arc, time::Duration};

use super::{
    Answer, Cache, CacheKey, CachedAnswer, Certainty, Kept, Moment, ObjectName, changes::MAX_NAMES,
    stored,
};
use crate::{
    redis::{Change, Claimed, Lease, News, Patience, Recalled, Shared, SharedTime},
    single_flight::Progress,
};

/// The outcome of a claim to ask VirusTotal for something.
#[derive(Debug)]
pub enum Claim {
    /// The caller asks.
    Ask(Ticket),
    /// Another replica has asked meanwhile; this is its answer.
    Answered(Kept),
}

/// A caller's right to ask VirusTotal; to drop it gives it back without an answer.
#[derive(Debug)]
pub struct Ticket {
    lease: Option<Lease>,
    /// When it was given; none where Redis does not help, so that nothing can be shared.
    at: Option<SharedTime>,
}

impl Ticket {
    /// Returns when it was given, on the clock that all replicas share; none where Redis does not
    /// help.
    pub fn at(&self) -> Option<SharedTime> {
        self.at
    }

    /// Does the work, and keeps the right alive until it is done.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.lease {
            Some(lease) => lease.during(work).await,
            None => work.await,
        }
    }
}

impl Cache {
    /// Returns the newest answer that is kept in Redis or here, if Redis has to be asked at all;
    /// `names` are its object's. Callers at the same time share one look.
    pub async fn recall(
        &self,
        key: &CacheKey,
        names: &[ObjectName],
        patience: &Patience,
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
        // A look that was under way may have begun before a write.
        self.judge(kept.ok().flatten()?.answer)
    }

    async fn look(
        &self,
        key: &CacheKey,
        object: &[ObjectName],
        patience: &Patience,
    ) -> Option<Kept> {
        let names = hex(object);
        let recalled = self.0.redis.recall(key.pair(), &names, patience).await;
        if let Some(recalled) = recalled {
            self.learn_changes(object, &recalled);
            self.take_over(key, recalled);
        }
        self.answer(key)
    }

    /// Takes over when an object was last written to, as Redis knows it: this replica may not
    /// have run then.
    fn learn_changes(&self, names: &[ObjectName], recalled: &Recalled) {
        let looked = Moment::now().before(recalled.looked.elapsed());
        let known = [
            (recalled.changed, Certainty::Certain),
            (recalled.doubted, Certainty::Possible),
        ];
        for (at, certainty) in known.into_iter().filter(|(at, _)| *at > 0) {
            let ago = Duration::from_micros(recalled.now.saturating_sub(at));
            self.0.changes.learn(names, looked.before(ago), certainty);
        }
    }

    /// Claims the right to ask VirusTotal for an answer, and waits while another replica has it.
    ///
    /// `names` are the object's; `known` is the answer that will not do.
    pub async fn claim(
        &self,
        key: &CacheKey,
        names: &[ObjectName],
        known: Option<&CachedAnswer>,
        patience: &Patience,
    ) -> Claim {
        let nothing = Ticket {
            lease: None,
            at: None,
        };
        if !self.is_shared_out() {
            return Claim::Ask(nothing);
        }
        let claimed = self.0.redis.claim(key.pair(), &hex(names), patience).await;
        let Claimed::Ours(lease, recalled) = claimed else {
            return Claim::Ask(nothing);
        };
        self.learn_changes(names, &recalled);
        let at = Some(recalled.now);
        if let Some(kept) = self.take_over(key, recalled)
            && known.is_none_or(|known| kept.answer.is_newer_than(known))
        {
            return Claim::Answered(kept);
        }
        let lease = Some(lease);
        Claim::Ask(Ticket { lease, at })
    }

    /// Returns the right to ask for a caller that shares its call with no other.
    pub async fn begin_alone(&self, patience: &Patience) -> Ticket {
        let at = if self.is_shared_out() {
            self.0.redis.begin(patience).await
        } else {
            None
        };
        Ticket { lease: None, at }
    }

    /// Keeps an answer that has just come, here and for other replicas, and ends the right to ask
    /// for it.
    pub fn land(&self, key: &CacheKey, answer: &Arc<CachedAnswer>, ticket: Ticket) {
        self.put(key, answer);
        let Ticket { lease, at } = ticket;
        let bytes = at.and_then(|at| answer.to_bytes(at));
        let (Some(asked), Some(bytes)) = (at, bytes) else {
            return;
        };
        let shared = Shared {
            name: key.pair(),
            asked,
            bytes,
            life: answer.fresh_for.saturating_add(self.0.rules.max_stale),
            names: &hex(&answer.names),
        };
        self.0.redis.land(&shared, lease);
    }

    /// Notes that the object with these names was written to, and tells all replicas.
    pub fn note_write(&self, names: &[ObjectName], certainty: Certainty) {
        if names.is_empty() {
            return;
        }
        let all = self.0.changes.note(names, certainty);
        self.tell_write(&all, certainty);
    }

    /// Learns from Redis which further names the object with these names has, and takes what was
    /// written to it for written to under all of them.
    ///
    /// For a write, before its caller has the answer: other replicas may have been told the names.
    pub async fn learn_names(&self, names: &[ObjectName]) {
        if names.is_empty() || !self.is_shared_out() {
            return;
        }
        let patience = Patience::default();
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

    /// Notes that these names belong to one object, and tells it to all replicas if it is new.
    pub fn join_names(&self, names: &[ObjectName]) {
        if self.0.changes.join(names) && self.is_shared_out() {
            let life = self.0.rules.longest();
            self.0.redis.join_names(&hex(names), life);
        }
    }

    /// Remembers which object an analysis is about that was begun through this gateway, and
    /// tells all replicas.
    pub fn note_begun(&self, analysis: &str, names: &[ObjectName]) {
        let analysis = ObjectName::analysis(analysis);
        self.0.changes.note_begun(analysis, names);
        self.tell(News::Begun(hex(&[&[analysis], names].concat())));
    }

    /// Takes in a change that another replica told.
    ///
    /// If this one knows more names of the object, as Redis does not any more or never did, it
    /// tells the change under all of them.
    pub fn hear_change(&self, names: &[String], certainty: Certainty) {
        let names = read_names(names);
        self.0.changes.join(&names);
        let all = self.0.changes.note(&names, certainty);
        // Each telling has more names than the one before, so that it ends.
        if all.len() > names.len() && names.len() < MAX_NAMES {
            self.0.redis.join_names(&hex(&all), self.0.rules.longest());
            self.tell_write(&all, certainty);
        }
    }

    /// Takes in all names of an object that was written to: other replicas may have been told
    /// more of them.
    pub fn hear_names(&self, names: &[String]) {
        self.0.changes.join(&read_names(names));
    }

    /// Takes in that another replica began an analysis of an object.
    pub fn hear_begun(&self, names: &[String]) {
        if let [analysis, names @ ..] = read_names(names).as_slice() {
            self.0.changes.note_begun(*analysis, names);
        }
    }

    fn tell(&self, news: News) {
        let life = self.0.rules.longest();
        self.0.redis.tell_change(Change { news, life });
    }

    /// Whether what is kept here is kept where other replicas find it, too.
    fn is_shared_out(&self) -> bool {
        self.0.rules.max_bytes > 0 && self.0.redis.is_up()
    }

    /// Keeps what was found in Redis, if it is newer than what is here. Returns the newer one.
    fn take_over(&self, key: &CacheKey, recalled: Recalled) -> Option<Kept> {
        // Redis knew of all changes then: none of this replica's waited to be told.
        let as_of = Moment::now().before(recalled.looked.elapsed());
        let stored = stored::StoredAnswer::read(&recalled.bytes?)?;
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

/// Whether an answer unpacks; one that does not counts as not kept.
fn is_readable(answer: &CachedAnswer) -> bool {
    match &answer.answer {
        Answer::Found(packed) => packed.unpack().is_ok(),
        Answer::NotFound(_) => true,
    }
}

/// Reads names as Redis has them.
fn read_names(names: &[String]) -> Vec<ObjectName> {
    let names = names.iter();
    names
        .filter_map(|name| ObjectName::from_hex(name))
        .collect()
}

fn hex(names: &[ObjectName]) -> Vec<String> {
    names.iter().map(|name| name.hex()).collect()
}
