//! The last writes to objects, which make earlier answers stale.
//!
//! The rules, of which the rest of the cache knows only [`Validity`]:
//!
//! - An answer's time is the time at which VirusTotal was *asked*, not the time at which the answer
//!   arrived: a change in between may or may not be in it.
//! - A write moves its object's *last change* to the time at which VirusTotal confirmed the write.
//!   So does the completion of an analysis that any caller sees. A refused write has no effect.
//! - A write without a confirmation (no answer, or a 5xx) moves the object's *last doubt*. Answers
//!   from before that time are fetched again, and served only if VirusTotal gives nothing better.
//! - The names of an object are joined as soon as a request or an answer shows that they belong
//!   together ([`Changes::join`]). A change of one of them applies to all.
//!
//! Times are stored in tables of a fixed size, indexed by a hash of the name, so that memory does
//! not grow with the number of writes. Two objects in the same slot share their times; at worst an
//! answer is fetched once more than necessary.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use lru::LruCache;
use parking_lot::Mutex;

use super::{moment::Moment, object::ObjectName};

/// The number of slots in a table. Each table takes 512 KiB, which the system allocates when
/// touched.
const SLOTS: usize = 65_536;

/// The maximum number of names that are remembered as belonging together.
const MAX_JOINED: NonZeroUsize = NonZeroUsize::new(60_000).unwrap();

/// The maximum number of names that one object may have. A URL has any number of spellings.
pub(super) const MAX_NAMES: usize = 16;

/// The maximum number of analyses that are remembered, in each of the tables.
const MAX_ANALYSES: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The time after a write in which "not found" is likely to change.
const SETTLING: Duration = Duration::from_hours(1);

/// The certainty with which an object was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// VirusTotal accepted the write, or an analysis was completed.
    Certain,
    /// The write may have been carried out: there was no answer, or a 5xx.
    Possible,
}

/// The state of an answer relative to the changes of its object.
///
/// The order matters: of two states the greater one applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Validity {
    /// No later change is known.
    Current,
    /// The object may have been written to since. The answer is served only if nothing better is
    /// available.
    Doubtful,
    /// The object was written to since. The answer is never served.
    Outdated,
}

/// The last changes of all objects.
#[derive(Debug)]
pub(super) struct Changes {
    certain: Table,
    possible: Table,
    joined: Mutex<JoinedNames>,
    /// The objects of analyses that were started through this gateway, by the hashed id of the
    /// analysis.
    begun: Mutex<LruCache<ObjectName, Box<[ObjectName]>>>,
    /// Analyses that were seen before they were completed.
    pending: Mutex<LruCache<ObjectName, ()>>,
    /// Analyses that were seen completed, with the time of it.
    completed: Mutex<LruCache<ObjectName, Moment>>,
}

/// The names that belong to the same object, under each of them.
#[derive(Debug)]
struct JoinedNames(LruCache<ObjectName, Arc<[ObjectName]>>);

/// The time of the last change of each object.
#[derive(Debug)]
struct Table(Box<[AtomicI64]>);

impl Table {
    fn new() -> Self {
        // Zero means "never": the allocator returns zeroed pages that take no memory until written
        // to.
        Self((0..SLOTS).map(|_| AtomicI64::new(0)).collect())
    }

    fn last(&self, name: ObjectName) -> Moment {
        match self.0[name.slot(SLOTS)].load(Ordering::Acquire) {
            0 => Moment::NEVER,
            moment => Moment(moment),
        }
    }

    fn latest(&self, names: &[ObjectName]) -> Moment {
        let mut latest = Moment::NEVER;
        for name in names {
            latest = latest.max(self.last(*name));
        }
        latest
    }

    fn raise(&self, names: &[ObjectName], moment: Moment) {
        if moment == Moment::NEVER {
            return;
        }
        for name in names {
            self.0[name.slot(SLOTS)].fetch_max(moment.0, Ordering::AcqRel);
        }
    }
}

impl Changes {
    pub(super) fn new() -> Self {
        Self {
            certain: Table::new(),
            possible: Table::new(),
            joined: Mutex::new(JoinedNames(LruCache::unbounded())),
            begun: Mutex::new(LruCache::unbounded()),
            pending: Mutex::new(LruCache::unbounded()),
            completed: Mutex::new(LruCache::unbounded()),
        }
    }

    /// Returns the state of an answer about this object that was asked for at this time.
    pub(super) fn validity(&self, names: &[ObjectName], asked: Moment) -> Validity {
        // A change in the same microsecond counts as later.
        if self.certain.latest(names) >= asked {
            Validity::Outdated
        } else if self.possible.latest(names) >= asked {
            Validity::Doubtful
        } else {
            Validity::Current
        }
    }

    /// Returns the time of the last certain or possible write.
    pub(super) fn last(&self, names: &[ObjectName]) -> Moment {
        self.certain.latest(names).max(self.possible.latest(names))
    }

    /// Whether the object was written to within the last hour.
    pub(super) fn is_settling(&self, names: &[ObjectName]) -> bool {
        let last = self.last(names);
        last != Moment::NEVER && last.until(Moment::now()) < SETTLING
    }

    /// Records a write to the object with these names at the present time. Returns all of its
    /// names.
    pub(super) fn note(&self, names: &[ObjectName], certainty: Certainty) -> Vec<ObjectName> {
        let all = self.all_names(names);
        self.table(certainty).raise(&all, Moment::now());
        all
    }

    /// Records a write at this time, under these names only.
    pub(super) fn learn(&self, names: &[ObjectName], at: Moment, certainty: Certainty) {
        self.table(certainty).raise(names, at);
    }

    fn table(&self, certainty: Certainty) -> &Table {
        match certainty {
            Certainty::Certain => &self.certain,
            Certainty::Possible => &self.possible,
        }
    }

    /// Records that these names belong to one object. Returns whether that is new.
    pub(super) fn join(&self, names: &[ObjectName]) -> bool {
        let mut joined = self.joined.lock();
        if names.len() < 2 || joined.contains(names) {
            return false;
        }
        let all = joined.join(names);
        drop(joined);
        // A write that was recorded under one of the names now applies to all.
        for table in [&self.certain, &self.possible] {
            table.raise(&all, table.latest(&all));
        }
        true
    }

    /// Returns these names and those known to belong to them.
    fn all_names(&self, names: &[ObjectName]) -> Vec<ObjectName> {
        self.joined.lock().union(names)
    }

    /// Remembers the object of an analysis that was started here or by another replica.
    ///
    /// An analysis may reuse the id of an earlier one, so everything known about this id becomes
    /// stale.
    pub(super) fn note_begun(&self, analysis: ObjectName, names: &[ObjectName]) {
        self.certain.raise(&[analysis], Moment::now());
        let mut begun = self.begun.lock();
        begun.put(analysis, names.into());
        shrink(&mut begun, MAX_ANALYSES);
    }

    /// Returns the names of the object of an analysis that was started through the gateway, as far
    /// as is remembered.
    pub(super) fn begun(&self, analysis: &str) -> Vec<ObjectName> {
        let mut begun = self.begun.lock();
        match begun.get(&ObjectName::analysis(analysis)) {
            Some(names) => names.to_vec(),
            None => Vec::new(),
        }
    }

    /// Remembers that an analysis is not completed yet.
    pub(super) fn note_pending(&self, analysis: &str) {
        let mut pending = self.pending.lock();
        pending.put(ObjectName::analysis(analysis), ());
        shrink(&mut pending, MAX_ANALYSES);
    }

    /// Whether an analysis was seen before it was completed, as far as is remembered.
    pub(super) fn was_pending(&self, analysis: &str) -> bool {
        self.pending
            .lock()
            .contains(&ObjectName::analysis(analysis))
    }

    /// Records that an analysis is completed. Returns whether that is new.
    pub(super) fn note_completed(&self, analysis: &str) -> bool {
        let analysis = ObjectName::analysis(analysis);
        let begun = self.certain.last(analysis);
        let mut completed = self.completed.lock();
        let before = completed.put(analysis, Moment::now());
        shrink(&mut completed, MAX_ANALYSES);
        // A later analysis may reuse the id of an earlier one.
        before.unwrap_or(Moment::NEVER) <= begun
    }
}

impl JoinedNames {
    /// Returns whether these names are known to belong together.
    fn contains(&mut self, names: &[ObjectName]) -> bool {
        let Some(first) = names.first() else {
            return true;
        };
        let Some(known) = self.0.get(first) else {
            return false;
        };
        names.iter().all(|name| known.contains(name))
    }

    /// Joins these names with those that each of them already belongs to. Returns all of them.
    fn join(&mut self, names: &[ObjectName]) -> Vec<ObjectName> {
        let mut all = self.union(names);
        // The names just given stay; older spellings are of less use.
        all.truncate(MAX_NAMES);
        let shared = Arc::from(&*all);
        for name in &all {
            self.0.put(*name, Arc::clone(&shared));
        }
        shrink(&mut self.0, MAX_JOINED);
        all
    }

    /// Returns these names, then those joined with one of them, without duplicates.
    fn union(&mut self, names: &[ObjectName]) -> Vec<ObjectName> {
        let mut all = Vec::with_capacity(names.len() + 4);
        add_new(&mut all, names);
        for name in names {
            if let Some(others) = self.0.get(name) {
                add_new(&mut all, others);
            }
        }
        all
    }
}

fn add_new(all: &mut Vec<ObjectName>, names: &[ObjectName]) {
    for name in names {
        if !all.contains(name) {
            all.push(*name);
        }
    }
}

/// Evicts the least recently used entries down to `most`.
///
/// The maps are unbounded because a bounded `LruCache` allocates its full capacity at once.
fn shrink<V>(map: &mut LruCache<ObjectName, V>, most: NonZeroUsize) {
    while map.len() > most.get() {
        map.pop_lru();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: &str) -> ObjectName {
        ObjectName::new("files", id)
    }

    fn validity(changes: &Changes, id: &str, asked: Moment) -> Validity {
        changes.validity(&[name(id)], asked)
    }

    #[test]
    fn answers_from_before_a_write_are_outdated() {
        let changes = Changes::new();
        let before = Moment::now();
        assert_eq!(validity(&changes, "a", before), Validity::Current);
        changes.note(&[name("a")], Certainty::Certain);
        assert_eq!(validity(&changes, "a", before), Validity::Outdated);
        assert_eq!(validity(&changes, "b", before), Validity::Current);
        assert!(changes.is_settling(&[name("a")]) && !changes.is_settling(&[name("b")]));
        let after = Moment(Moment::now().0 + 1);
        assert_eq!(validity(&changes, "a", after), Validity::Current);
    }

    #[test]
    fn answers_from_before_a_possible_write_are_doubtful() {
        let changes = Changes::new();
        let before = Moment::now();
        changes.note(&[name("a")], Certainty::Possible);
        assert_eq!(validity(&changes, "a", before), Validity::Doubtful);
        changes.note(&[name("a")], Certainty::Certain);
        assert_eq!(validity(&changes, "a", before), Validity::Outdated);
    }

    #[test]
    fn a_write_under_one_name_applies_to_all_names() {
        let changes = Changes::new();
        let before = Moment::now();
        assert!(changes.join(&[name("md5"), name("sha256")]));
        assert!(changes.join(&[name("sha1"), name("sha256")]));
        assert!(!changes.join(&[name("sha256"), name("md5"), name("sha1")]));
        let all = changes.note(&[name("md5")], Certainty::Certain);
        assert_eq!(all.len(), 3);
        for id in ["md5", "sha1", "sha256"] {
            assert_eq!(validity(&changes, id, before), Validity::Outdated, "{id}");
        }
    }

    #[test]
    fn names_joined_later_share_an_earlier_write() {
        let changes = Changes::new();
        let before = Moment::now();
        changes.note(&[name("md5")], Certainty::Certain);
        assert_eq!(validity(&changes, "sha256", before), Validity::Current);
        changes.join(&[name("sha256"), name("md5")]);
        assert_eq!(validity(&changes, "sha256", before), Validity::Outdated);
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
