//! The state of the stand-in: the embedded table, and the data sent at run time.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::{
    answer::DemoError,
    live::Live,
    object::{Collection, Descriptor, Reference},
    url_id,
    world::World,
};

/// The embedded table, which never changes. It is parsed once in a process.
static WORLD: LazyLock<World> = LazyLock::new(|| World::load(now()));

/// A handle to the state that all handlers share. Clones share the same state.
#[derive(Clone)]
pub(super) struct StandIn(Arc<StandInState>);

struct StandInState {
    world: &'static World,
    live: Mutex<Live>,
}

/// An object of the table, or one that was sent.
pub(super) struct StoredObject<'a> {
    /// The type and id.
    pub(super) of: Reference,
    /// The attributes.
    pub(super) attributes: Cow<'a, Value>,
}

impl StandIn {
    /// Creates a stand-in to which nothing has been sent.
    pub(super) fn load() -> Self {
        Self(Arc::new(StandInState {
            world: &WORLD,
            live: Mutex::default(),
        }))
    }

    /// Returns the embedded table, which never changes.
    pub(super) fn world(&self) -> &World {
        self.0.world
    }

    /// Locks the data that changes.
    ///
    /// The guard must not be held beyond a statement, since the other methods take the same lock.
    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the object that a path names, in any spelling that VirusTotal accepts.
    pub(super) fn find(&self, collection: Collection, id: &str) -> Result<Reference, DemoError> {
        if let Some(of) = self.world().find(collection, id) {
            return Ok(of);
        }
        match self.live().find(collection.kind, id) {
            Some(of) => Ok(of),
            None => Err(Reference::new(collection.kind, id).not_found()),
        }
    }

    /// Returns the object of a URL, if it exists.
    pub(super) fn find_url(&self, url: &str) -> Option<Reference> {
        self.find(Collection::URLS, &url_id::encode(url)).ok()
    }

    /// Returns the attributes of an object, if it exists.
    pub(super) fn attributes(&self, of: &Reference) -> Option<Cow<'_, Value>> {
        if let Some(attributes) = self.world().attributes(of) {
            return Some(Cow::Borrowed(attributes));
        }
        let attributes = self.live().attributes(of)?.clone();
        Some(Cow::Owned(attributes))
    }

    /// Returns the content of a relationship: the comments or votes sent at run time, then those of
    /// the table.
    pub(super) fn with_notes(
        &self,
        of: &Reference,
        relationship: &str,
        embedded: &[Descriptor],
    ) -> Vec<Descriptor> {
        let mut all = self.live().notes(of, relationship);
        all.extend_from_slice(embedded);
        all
    }

    /// Returns all objects of these types, sorted by type and id.
    pub(super) fn objects(&self, kinds: &[&str]) -> Vec<StoredObject<'_>> {
        let mut all = Vec::new();
        for object in self.live().objects() {
            if kinds.contains(&&*object.of.kind) {
                all.push(StoredObject {
                    of: object.of.clone(),
                    attributes: Cow::Owned(object.attributes.clone()),
                });
            }
        }
        for (of, attributes) in self.world().objects() {
            if kinds.contains(&&*of.kind) {
                all.push(StoredObject {
                    of: of.clone(),
                    attributes: Cow::Borrowed(attributes),
                });
            }
        }
        all.sort_by(|one, other| one.of.cmp(&other.of));
        all
    }
}

/// Returns the seconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
