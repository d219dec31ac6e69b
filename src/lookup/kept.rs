//! What is kept of VirusTotal's answers: here, and where all replicas keep it.

use std::sync::Arc;

use bytes::Bytes;

use super::{Lookup, Wish};
use crate::{
    access::RequestContext,
    cache::{Entry, Name, Said, Stamp},
    key::KeyHash,
    redis::{Lease, Patience},
    vt::Call,
};

impl Lookup {
    /// What an answer to this key is kept by: its own, or everybody's.
    pub(super) fn name(&self, context: &RequestContext, call: &Call) -> Name {
        Name {
            owner: (!self.rules.is_shared).then_some(context.key.hash()),
            path: call.path().into(),
        }
    }

    /// The key, where it may not yet see what others fetched.
    pub(super) async fn stranger(&self, context: &RequestContext, wish: &Wish) -> Option<KeyHash> {
        let hash = context.key.hash();
        if !self.rules.is_shared || self.cache.is_accepted(hash) {
            return None;
        }
        if !self.redis.is_accepted(hash, &wish.patience).await {
            return Some(hash);
        }
        self.cache.accept(hash, Stamp::now());
        None
    }

    /// Notes that VirusTotal has taken this key: it may see what others fetched.
    pub(super) fn accept(&self, key: KeyHash) {
        if self.rules.is_shared && !self.cache.is_accepted(key) {
            self.cache.accept(key, Stamp::now());
            self.redis
                .accept(key, self.rules.ttl.saturating_add(self.rules.max_stale));
        }
    }

    /// The newest that is kept; others are asked for it only where what is here won't do.
    pub(super) async fn kept(
        self: &Arc<Self>,
        name: &Name,
        call: &Call,
        wish: &Wish,
    ) -> Option<Arc<Entry>> {
        let here = self.here(name, call.object());
        let will_do = |entry| wish.takes(entry, Stamp::now(), &self.rules).is_some();
        if here.as_deref().is_some_and(will_do) || !self.is_shared_out() {
            return here;
        }
        let recall = || {
            let what = (name.clone(), call.object().to_owned());
            Arc::clone(self).recall(what, wish.patience.clone())
        };
        let (there, _) = self.recalls.join(name, recall).await;
        there.ok().flatten().or(here)
    }

    /// Whether what is kept here is kept where other replicas find it, too.
    pub(super) fn is_shared_out(&self) -> bool {
        self.rules.max_bytes > 0 && self.redis.is_up()
    }

    /// What another replica got while this one waited to ask; `known` is what was kept before.
    pub(super) fn landed(
        &self,
        (name, object): (&Name, &str),
        bytes: Option<Bytes>,
        known: Option<Stamp>,
    ) -> Option<Arc<Entry>> {
        let entry = read(&bytes?).filter(|entry| Some(entry.stamp) != known)?;
        self.cache.keep(name.clone(), entry);
        self.here(name, object)
    }

    /// Keeps an answer, here and for others, and lets those ask who waited for it.
    pub(super) fn keep(&self, name: Name, entry: &Arc<Entry>, lease: Option<Lease>) {
        let life = entry.fresh_for.saturating_add(self.rules.max_stale);
        let is_shared_out = self.is_shared_out();
        let bytes = is_shared_out.then(|| entry.to_bytes()).flatten();
        self.redis
            .land(name.pair(), bytes.map(|it| (it, life)), lease);
        self.cache.keep(name, Arc::clone(entry));
    }

    /// Forgets an answer, here and where others would find it.
    pub(super) fn forget(&self, name: &Name) {
        self.cache.forget(name);
        self.redis.forget(name.pair());
    }

    async fn recall(
        self: Arc<Self>,
        (name, object): (Name, String),
        patience: Patience,
    ) -> Option<Arc<Entry>> {
        let kept = self.redis.recall(name.pair(), &object, &patience).await?;
        if let Some(when) = kept.changed {
            self.cache.note_change(&object, Stamp(when));
        }
        let here = self.here(&name, &object);
        let there = kept.bytes.as_ref().and_then(read);
        let is_newer = |there: &Arc<Entry>| here.as_ref().is_none_or(|it| it.stamp < there.stamp);
        let Some(there) = there.filter(is_newer) else {
            return here;
        };
        self.cache.keep(name.clone(), there);
        self.here(&name, &object)
    }

    /// What is kept here, if nothing was written to its object since.
    fn here(&self, name: &Name, object: &str) -> Option<Arc<Entry>> {
        let changed = self.cache.changed(object);
        let entry = self.cache.answer(name);
        entry.filter(|entry| changed.is_none_or(|changed| changed < entry.stamp))
    }
}

/// Reads what another replica kept; what does not unpack is nothing.
fn read(bytes: &Bytes) -> Option<Arc<Entry>> {
    let entry = Entry::from_bytes(bytes)?;
    match &entry.said {
        Said::Found(packed) if packed.unpack().is_err() => None,
        _ => Some(Arc::new(entry)),
    }
}
