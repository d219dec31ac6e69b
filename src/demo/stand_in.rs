//! The whole stand-in: the world it starts with, and what was sent to it since.

use std::{
    borrow::Cow,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::{
    answer::Refusal,
    live::Live,
    object::{Collection, Reference},
    world::World,
};

/// What every handler is given.
pub(super) struct StandIn {
    /// What is embedded, and stays as it is.
    pub(super) world: World,
    live: Mutex<Live>,
}

impl StandIn {
    /// A stand-in to which nothing has been sent.
    pub(super) fn load() -> Self {
        Self {
            world: World::load(),
            live: Mutex::default(),
        }
    }

    /// What changes.
    ///
    /// Held no longer than a statement: the other methods take the same lock.
    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object that a path names, in any spelling that VirusTotal reads.
    pub(super) fn find(&self, collection: &Collection, id: &str) -> Result<Reference, Refusal> {
        let embedded = self.world.find(collection, id);
        embedded.or_else(|refusal| self.live().find(collection.kind, id).ok_or(refusal))
    }

    /// The attributes of an object, if it is there.
    pub(super) fn attributes(&self, of: &Reference) -> Option<Cow<'_, Value>> {
        match self.world.attributes(of) {
            Some(attributes) => Some(Cow::Borrowed(attributes)),
            None => self.live().attributes(of).cloned().map(Cow::Owned),
        }
    }

    /// Every object of the kinds for which `is_wanted`, by kind and id.
    pub(super) fn objects(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Vec<(Reference, Cow<'_, Value>)> {
        let mut all: Vec<_> = self
            .live()
            .objects()
            .filter(|it| is_wanted(&it.of.kind))
            .map(|it| (it.of.clone(), Cow::Owned(it.attributes.clone())))
            .collect();
        let embedded = self.world.objects();
        let embedded = embedded.filter(|(of, _)| is_wanted(&of.kind));
        all.extend(embedded.map(|(of, attributes)| (of.clone(), Cow::Borrowed(attributes))));
        all.sort_by(|(one, _), (other, _)| (&one.kind, &one.id).cmp(&(&other.kind, &other.id)));
        all
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
