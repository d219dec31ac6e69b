//! The state of the stand-in: the embedded table, and the data sent at run time.

use std::{
    borrow::Cow,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::{
    answer::Refusal,
    live::Live,
    object::{Collection, Reference},
    world::World,
};

/// The embedded table, which never changes. It is parsed once in a process.
static WORLD: LazyLock<World> = LazyLock::new(World::load);

/// The state shared by all handlers.
pub(super) struct StandIn {
    /// The embedded table.
    pub(super) world: &'static World,
    live: Mutex<Live>,
}

impl StandIn {
    /// Creates a stand-in to which nothing has been sent.
    pub(super) fn load() -> Self {
        Self {
            world: &WORLD,
            live: Mutex::default(),
        }
    }

    /// Locks the data that changes.
    ///
    /// The guard must not be held beyond a statement, since the other methods take the same lock.
    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the object that a path names, in any spelling that VirusTotal accepts.
    pub(super) fn find(&self, collection: &Collection, id: &str) -> Result<Reference, Refusal> {
        let embedded = self.world.find(collection, id);
        embedded.or_else(|refusal| self.live().find(collection.kind, id).ok_or(refusal))
    }

    /// Returns the attributes of an object, if it exists.
    pub(super) fn attributes(&self, of: &Reference) -> Option<Cow<'_, Value>> {
        match self.world.attributes(of) {
            Some(attributes) => Some(Cow::Borrowed(attributes)),
            None => self.live().attributes(of).cloned().map(Cow::Owned),
        }
    }

    /// Returns all objects of the kinds for which `is_wanted`, sorted by kind and id.
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

/// Returns the seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
