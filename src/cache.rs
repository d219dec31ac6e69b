//! VirusTotal's answers, kept packed, and the views of them that were asked for.
//!
//! One bound in bytes holds for all of it. How old a thing is we say ourselves, by stamps
//! that are handed in; the library only keeps to the bound.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use moka::{notification::RemovalCause, sync::Cache as Moka};

use crate::{
    format::Format,
    key::KeyHash,
    vt::{Packed, Refusal},
};

mod stored;

/// What the map itself takes for an entry, about.
const OVERHEAD: usize = 512;

/// A point in time, in milliseconds since 1970: it means the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub u64);

/// What an entry is known by: who may see it, and what VirusTotal was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The key that fetched it; none where all keys share what they fetch.
    pub owner: Option<KeyHash>,
    /// Path and query below `/api/v3`.
    pub path: Arc<str>,
}

/// How an answer was looked at: a finished view differs by each of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Look {
    /// The form of the data.
    pub format: Format,
    /// Whether it is the bare document.
    pub bare: bool,
    /// Whether only types and ids are shown.
    pub descriptors_only: bool,
    /// The template that was asked for by name.
    pub template: Option<Arc<str>>,
}

/// An answer of VirusTotal's.
#[derive(Debug)]
pub struct Entry {
    /// What it said.
    pub said: Said,
    /// When.
    pub stamp: Stamp,
    /// How long it counts as fresh.
    pub fresh_for: Duration,
}

/// What VirusTotal said.
#[derive(Debug)]
pub enum Said {
    /// This.
    Found(Packed),
    /// That it knows no such object.
    NotFound(Refusal),
}

/// A view, ready to be sent.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The bytes as the caller gets them.
    pub body: Bytes,
    /// Names exactly these bytes, quotes included (RFC 9110, 8.8.3).
    pub etag: Arc<str>,
    /// Where the next page of a list begins; none for one object and on the last page.
    pub cursor: Option<Arc<str>>,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Bytes in all, as they count against the bound.
    pub bytes: u64,
    /// The bound.
    pub max_bytes: u64,
    /// How many things.
    pub entries: u64,
    /// How many had to go for others, since the start.
    pub evictions: u64,
}

/// Everything that is kept.
#[derive(Debug)]
pub struct Cache {
    /// None where nothing is to be kept.
    held: Option<Moka<Slot, Held>>,
    /// Whether anything has ever been written to: most gateways only read, and each hit asks.
    has_changes: AtomicBool,
    max_bytes: u64,
    evictions: Arc<AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Slot {
    Answer(Name),
    View(Name, Look),
    /// What was written to, and made older answers about it untrue, whoever got them.
    Changed(Arc<str>),
    /// A key that VirusTotal has taken.
    Accepted(KeyHash),
}

#[derive(Clone, Debug)]
enum Held {
    Answer(Arc<Entry>),
    /// A view of the answer with this stamp.
    View(Stamp, Finished),
    Since(Stamp),
}

impl Name {
    /// Owner and path.
    pub fn pair(&self) -> (Option<KeyHash>, &str) {
        (self.owner, &self.path)
    }
}

impl Stamp {
    /// The time it is.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis();
        Self(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// How long before `now` this was; nothing, where the clock has been set back.
    pub fn age(self, now: Self) -> Duration {
        Duration::from_millis(now.0.saturating_sub(self.0))
    }
}

impl Cache {
    /// Keeps up to so many bytes; 0 keeps nothing.
    pub fn new(max_bytes: u64) -> Self {
        let evictions = Arc::new(AtomicU64::new(0));
        let evicted = Arc::clone(&evictions);
        let held = Moka::builder()
            .max_capacity(max_bytes)
            .weigher(|slot: &Slot, held: &Held| {
                let bytes = slot.len() + held.len();
                // An allocator loses about a quarter in gaps between what comes and goes.
                u32::try_from(bytes + bytes / 4 + OVERHEAD).unwrap_or(u32::MAX)
            })
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    evicted.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build();
        let held = (max_bytes > 0).then_some(held);
        Self {
            held,
            has_changes: AtomicBool::new(false),
            max_bytes,
            evictions,
        }
    }

    /// How much is kept just now.
    pub fn held(&self) -> Extent {
        let (bytes, entries) = self.held.as_ref().map_or((0, 0), |held| {
            // It reckons some time after things come and go.
            held.run_pending_tasks();
            (held.weighted_size(), held.entry_count())
        });
        Extent {
            bytes,
            max_bytes: self.max_bytes,
            entries,
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }

    /// What VirusTotal last said to this, however long ago.
    pub fn answer(&self, name: &Name) -> Option<Arc<Entry>> {
        match self.get(&Slot::Answer(name.clone()))? {
            Held::Answer(entry) => Some(entry),
            _ => None,
        }
    }

    /// Keeps an answer.
    pub fn keep(&self, name: Name, entry: Arc<Entry>) {
        self.insert(Slot::Answer(name), Held::Answer(entry));
    }

    /// A finished view of the answer with this stamp.
    pub fn view(&self, name: &Name, look: &Look, stamp: Stamp) -> Option<Finished> {
        match self.get(&Slot::View(name.clone(), look.clone()))? {
            Held::View(of, finished) if of == stamp => Some(finished),
            _ => None,
        }
    }

    /// Keeps a finished view of the answer with this stamp.
    pub fn keep_view(&self, name: Name, look: Look, stamp: Stamp, finished: &Finished) {
        let finished = Finished {
            // Copied: it was written with room for all that VirusTotal said.
            body: Bytes::copy_from_slice(&finished.body),
            ..finished.clone()
        };
        self.insert(Slot::View(name, look), Held::View(stamp, finished));
    }

    /// Forgets an answer.
    pub fn forget(&self, name: &Name) {
        if let Some(held) = &self.held {
            held.invalidate(&Slot::Answer(name.clone()));
        }
    }

    /// Notes that something was written to this object: what was said before is untrue now.
    pub fn note_change(&self, object: &str, when: Stamp) {
        if self.changed(object).is_none_or(|before| before < when) {
            self.insert(Slot::Changed(object.into()), Held::Since(when));
            self.has_changes.store(true, Ordering::Release);
        }
    }

    /// When something was last written to this object, if it is known.
    pub fn changed(&self, object: &str) -> Option<Stamp> {
        if !self.has_changes.load(Ordering::Acquire) {
            return None;
        }
        match self.get(&Slot::Changed(object.into()))? {
            Held::Since(stamp) => Some(stamp),
            _ => None,
        }
    }

    /// Notes that VirusTotal has taken this key: it may read what others fetched.
    pub fn accept(&self, key: KeyHash, now: Stamp) {
        let slot = Slot::Accepted(key);
        if self.get(&slot).is_none() {
            self.insert(slot, Held::Since(now));
        }
    }

    /// Whether VirusTotal has taken this key, as far as is known.
    pub fn is_accepted(&self, key: KeyHash) -> bool {
        self.get(&Slot::Accepted(key)).is_some()
    }

    fn get(&self, slot: &Slot) -> Option<Held> {
        self.held.as_ref()?.get(slot)
    }

    fn insert(&self, slot: Slot, held: Held) {
        if let Some(all) = &self.held {
            all.insert(slot, held);
        }
    }
}

impl Slot {
    fn len(&self) -> usize {
        match self {
            Self::Answer(name) | Self::View(name, _) => name.path.len(),
            Self::Changed(object) => object.len(),
            Self::Accepted(_) => 0,
        }
    }
}

impl Held {
    fn len(&self) -> usize {
        match self {
            Self::Answer(entry) => match &entry.said {
                Said::Found(packed) => packed.size(),
                Said::NotFound(refusal) => refusal.message.as_deref().map_or(0, str::len),
            },
            Self::View(_, finished) => finished.body.len() + finished.etag.len(),
            Self::Since(_) => 0,
        }
    }
}
