//! The last writes to objects: an answer that was asked for before one of them is untrue.
//!
//! The rules, of which the rest of the cache knows only [`Standing`]:
//!
//! - An answer's time is the moment at which VirusTotal was *asked*, not the one at which the
//!   answer came: what happens in between may or may not be in it.
//! - A write moves its object's *last change* to the moment at which VirusTotal confirmed it.
//!   So does the completion of an analysis that any caller sees. A refused write moves nothing.
//! - A write without a confirmation (no answer, 5xx) moves the object's *last doubt*. Answers
//!   from before it are asked for anew, and served only where VirusTotal gives nothing better.
//! - The names of an object are joined as soon as a request or an answer tells that they belong
//!   together ([`Changes::join`]), and what is known of one of them holds for all.
//!
//! Moments stand in tables of a fixed size, indexed by a hash of the name, so that a million
//! writes take no more room than one. Two objects that share a place share their moments: at
//! worst an answer is asked for once more than it had to be.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use lru::LruCache;

use super::{moment::Moment, object::ObjectName};

/// The number of places in a table: 512 KiB each, which the system hands out when touched.
const PLACES: usize = 65_536;

/// The number of names of which it is remembered that they belong together.
const MAX_JOINED: NonZeroUsize = NonZeroUsize::new(60_000).unwrap();

/// The number of names that one object may have; a URL can be spelled in any number of ways.
pub(super) const MAX_NAMES: usize = 16;

/// The number of analyses that are remembered: those begun here, and those seen completed.
const MAX_ANALYSES: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The time after a write in which "not found" is likely to become untrue.
const SETTLING: Duration = Duration::from_hours(1);

/// The certainty with which an object was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// VirusTotal accepted it, or an analysis was completed.
    Certain,
    /// It may have been carried out: no answer came, or a 5xx.
    Possible,
}

/// The standing of an answer against the changes of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Nothing is known to have changed since it was asked for.
    Current,
    /// Its object may have been written to since: it serves only where nothing better does.
    Doubtful,
    /// Its object was written to since: it never serves.
    Outdated,
}

/// The last changes of all objects.
#[derive(Debug)]
pub(super) struct Changes {
    certain: Table,
    possible: Table,
    joined: Mutex<LruCache<ObjectName, Arc<[ObjectName]>>>,
    /// The objects of analyses that were begun through this gateway, by a hash of their ids.
    begun: Mutex<LruCache<ObjectName, Arc<[ObjectName]>>>,
    /// Analyses that were seen before they were completed.
    pending: Mutex<LruCache<ObjectName, ()>>,
    /// Analyses that were seen completed, and when.
    completed: Mutex<LruCache<ObjectName, Moment>>,
}

#[derive(Debug)]
struct Table(Box<[AtomicI64]>);

impl Table {
    fn new() -> Self {
        // Zero stands for "never": pages that nothing was written to stay the system's.
        Self((0..PLACES).map(|_| AtomicI64::new(0)).collect())
    }

    fn last(&self, name: ObjectName) -> Moment {
        match self.0[name.slot(PLACES)].load(Ordering::Acquire) {
            0 => Moment::NEVER,
            moment => Moment(moment),
        }
    }

    fn latest(&self, names: &[ObjectName]) -> Moment {
        let moments = names.iter().map(|name| self.last(*name));
        moments.max().unwrap_or(Moment::NEVER)
    }

    fn raise(&self, names: &[ObjectName], moment: Moment) {
        if moment == Moment::NEVER {
            return;
        }
        for name in names {
            self.0[name.slot(PLACES)].fetch_max(moment.0, Ordering::AcqRel);
        }
    }
}

impl Changes {
    pub(super) fn new() -> Self {
        Self {
            certain: Table::new(),
            possible: Table::new(),
            joined: Mutex::new(LruCache::unbounded()),
            begun: Mutex::new(LruCache::unbounded()),
            pending: Mutex::new(LruCache::unbounded()),
            completed: Mutex::new(LruCache::unbounded()),
        }
    }

    /// Returns how an answer about this object stands that was asked for at this moment.
    pub(super) fn standing(&self, names: &[ObjectName], asked: Moment) -> Standing {
        // A change in the very microsecond of the question counts as after it.
        if self.certain.latest(names) >= asked {
            Standing::Outdated
        } else if self.possible.latest(names) >= asked {
            Standing::Doubtful
        } else {
            Standing::Current
        }
    }

    /// Returns the last change or doubt: requests from before and after it share no call.
    pub(super) fn last(&self, names: &[ObjectName]) -> Moment {
        self.certain.latest(names).max(self.possible.latest(names))
    }

    /// Whether the object was written to within the last hour.
    pub(super) fn is_settling(&self, names: &[ObjectName]) -> bool {
        let last = self.last(names);
        last != Moment::NEVER && last.until(Moment::now()) < SETTLING
    }

    /// Notes that the object with these names was written to just now. Returns all of its names.
    pub(super) fn note(&self, names: &[ObjectName], certainty: Certainty) -> Vec<ObjectName> {
        let all = self.all_names(names);
        self.table(certainty).raise(&all, Moment::now());
        all
    }

    /// Notes that the object with these names was written to at this moment, under no others.
    pub(super) fn learn(&self, names: &[ObjectName], at: Moment, certainty: Certainty) {
        self.table(certainty).raise(names, at);
    }

    fn table(&self, certainty: Certainty) -> &Table {
        match certainty {
            Certainty::Certain => &self.certain,
            Certainty::Possible => &self.possible,
        }
    }

    /// Notes that these names belong to one object. Returns whether that is new.
    pub(super) fn join(&self, names: &[ObjectName]) -> bool {
        let mut joined = lock(&self.joined);
        let known = names.first().and_then(|name| joined.get(name));
        if names.len() < 2
            || known.is_some_and(|known| names.iter().all(|name| known.contains(name)))
        {
            return false;
        }
        let mut all = union(&mut joined, names);
        // Those just told stay in; what else an object was called is of less use.
        all.truncate(MAX_NAMES);
        let all: Arc<[ObjectName]> = all.into();
        for name in all.iter() {
            joined.put(*name, Arc::clone(&all));
        }
        shrink(&mut joined, MAX_JOINED);
        drop(joined);
        for table in [&self.certain, &self.possible] {
            table.raise(&all, table.latest(&all));
        }
        true
    }

    /// Returns these names and those that are known to belong to them.
    fn all_names(&self, names: &[ObjectName]) -> Vec<ObjectName> {
        union(&mut lock(&self.joined), names)
    }

    /// Remembers which object an analysis is about that was begun here, or at another replica.
    /// All that was known of an analysis of this name is about an earlier one.
    pub(super) fn note_begun(&self, analysis: ObjectName, names: &[ObjectName]) {
        self.certain.raise(&[analysis], Moment::now());
        let mut begun = lock(&self.begun);
        begun.put(analysis, names.into());
        shrink(&mut begun, MAX_ANALYSES);
    }

    /// Returns the object of an analysis that was begun here, as far as is remembered.
    pub(super) fn begun(&self, analysis: &str) -> Vec<ObjectName> {
        let mut begun = lock(&self.begun);
        let names = begun.get(&ObjectName::analysis(analysis));
        names.map(|names| names.to_vec()).unwrap_or_default()
    }

    /// Remembers that an analysis is not completed yet.
    pub(super) fn note_pending(&self, analysis: &str) {
        let mut pending = lock(&self.pending);
        pending.put(ObjectName::analysis(analysis), ());
        shrink(&mut pending, MAX_ANALYSES);
    }

    /// Whether an analysis was seen before it was completed, as far as is remembered.
    pub(super) fn was_pending(&self, analysis: &str) -> bool {
        lock(&self.pending).contains(&ObjectName::analysis(analysis))
    }

    /// Notes that an analysis is completed. Returns whether that is new.
    pub(super) fn note_completed(&self, analysis: &str) -> bool {
        let analysis = ObjectName::analysis(analysis);
        let begun = self.certain.last(analysis);
        let mut completed = lock(&self.completed);
        let before = completed.put(analysis, Moment::now());
        shrink(&mut completed, MAX_ANALYSES);
        // A further analysis may have the name of the one before.
        before.is_none_or(|at| at <= begun)
    }
}

/// Returns these names, then those that were joined with one of them, each once.
fn union(
    joined: &mut LruCache<ObjectName, Arc<[ObjectName]>>,
    names: &[ObjectName],
) -> Vec<ObjectName> {
    let mut all = Vec::with_capacity(names.len() + 4);
    let mut add = |name: &ObjectName| {
        if !all.contains(name) {
            all.push(*name);
        }
    };
    names.iter().for_each(&mut add);
    for name in names {
        if let Some(others) = joined.get(name) {
            others.iter().for_each(&mut add);
        }
    }
    all
}

/// Evicts what was used least recently, down to so many entries.
///
/// A bound of the map's own would allocate all of its room at once.
fn shrink<V>(map: &mut LruCache<ObjectName, V>, most: NonZeroUsize) {
    while map.len() > most.get() {
        map.pop_lru();
    }
}

/// A panic elsewhere leaves a map behind that is still true.
fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: &str) -> ObjectName {
        ObjectName::new("files", id)
    }

    fn standing(changes: &Changes, id: &str, asked: Moment) -> Standing {
        changes.standing(&[name(id)], asked)
    }

    #[test]
    fn answers_from_before_a_write_are_outdated() {
        let changes = Changes::new();
        let before = Moment::now();
        assert_eq!(standing(&changes, "a", before), Standing::Current);
        changes.note(&[name("a")], Certainty::Certain);
        assert_eq!(standing(&changes, "a", before), Standing::Outdated);
        assert_eq!(standing(&changes, "b", before), Standing::Current);
        assert!(changes.is_settling(&[name("a")]) && !changes.is_settling(&[name("b")]));
        let after = Moment(Moment::now().0 + 1);
        assert_eq!(standing(&changes, "a", after), Standing::Current);
    }

    #[test]
    fn answers_from_before_a_possible_write_are_doubtful() {
        let changes = Changes::new();
        let before = Moment::now();
        changes.note(&[name("a")], Certainty::Possible);
        assert_eq!(standing(&changes, "a", before), Standing::Doubtful);
        changes.note(&[name("a")], Certainty::Certain);
        assert_eq!(standing(&changes, "a", before), Standing::Outdated);
    }

    #[test]
    fn a_write_by_one_name_holds_for_all() {
        let changes = Changes::new();
        let before = Moment::now();
        assert!(changes.join(&[name("md5"), name("sha256")]));
        assert!(changes.join(&[name("sha1"), name("sha256")]));
        assert!(!changes.join(&[name("sha256"), name("md5"), name("sha1")]));
        let all = changes.note(&[name("md5")], Certainty::Certain);
        assert_eq!(all.len(), 3);
        for id in ["md5", "sha1", "sha256"] {
            assert_eq!(standing(&changes, id, before), Standing::Outdated, "{id}");
        }
    }

    #[test]
    fn names_that_are_joined_later_share_an_earlier_write() {
        let changes = Changes::new();
        let before = Moment::now();
        changes.note(&[name("md5")], Certainty::Certain);
        assert_eq!(standing(&changes, "sha256", before), Standing::Current);
        changes.join(&[name("sha256"), name("md5")]);
        assert_eq!(standing(&changes, "sha256", before), Standing::Outdated);
    }

    #[test]
    fn an_object_has_a_bounded_number_of_names() {
        let changes = Changes::new();
        for spelling in 0..100 {
            changes.join(&[name(&spelling.to_string()), name("sha256")]);
        }
        let all = changes.note(&[name("sha256")], Certainty::Certain);
        assert_eq!(all.len(), MAX_NAMES);
        assert!(all.contains(&name("99")));
    }

    #[test]
    fn an_analysis_is_completed_once() {
        let changes = Changes::new();
        changes.note_begun(ObjectName::analysis("u-1"), &[name("a")]);
        assert_eq!(changes.begun("u-1"), [name("a")]);
        assert!(changes.begun("u-2").is_empty());
        assert!(changes.note_completed("u-1") && !changes.note_completed("u-1"));
    }
}
