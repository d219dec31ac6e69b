//! Writes to objects: those that this replica knows of, and those that replicas announce to one
//! another.

use super::{Cache, Certainty, Moment, ObjectName, changes::MAX_NAMES, shared::hex};
use crate::{
    access::RedisBudget,
    redis::{News, SharedChange},
};

impl Cache {
    /// Records a write to the object with these names, and notifies all replicas.
    pub fn note_write(&self, names: &[ObjectName], certainty: Certainty) {
        if names.is_empty() {
            return;
        }
        let all = self.note_change(names, certainty);
        self.notify_write(&all, certainty);
    }

    /// Records a write in memory and on disk. Returns all names of the object.
    fn note_change(&self, names: &[ObjectName], certainty: Certainty) -> Vec<ObjectName> {
        let all = self.0.changes.note(names, certainty);
        if let Some(disk) = &self.0.disk {
            disk.note_write(&all, certainty);
        }
        all
    }

    /// Reads further names of the object from disk and from Redis, and applies what is known of one
    /// name to all.
    ///
    /// Called before the answer to a write is returned, because another process may have learned
    /// names that this one has not, and because the write has to be on disk by then.
    pub async fn learn_names(&self, names: &[ObjectName]) {
        if names.is_empty() {
            return;
        }
        self.settle_on_disk(names).await;
        if !self.replicas_share() {
            return;
        }
        let budget = RedisBudget::default();
        let all = self.0.redis.names_of(&hex(names), &budget).await;
        self.0.changes.join(&read_names(&all.unwrap_or_default()));
    }

    fn notify_write(&self, names: &[ObjectName], certainty: Certainty) {
        let names = hex(names);
        let news = match certainty {
            Certainty::Certain => News::Changed(names),
            Certainty::Possible => News::Doubted(names),
        };
        self.notify(news);
    }

    /// Records that these names belong to one object, and shares that if it is new.
    pub fn join_names(&self, names: &[ObjectName]) {
        if !self.0.changes.join(names) {
            return;
        }
        if let Some(disk) = &self.0.disk {
            disk.join(names);
        }
        if self.replicas_share() {
            let life = self.0.rules.longest();
            self.0.redis.join_names(&hex(names), life);
        }
    }

    /// Remembers the object of an analysis that was started through this gateway, and notifies all
    /// replicas.
    pub fn note_begun(&self, analysis: &str, names: &[ObjectName]) {
        let analysis = ObjectName::analysis(analysis);
        self.note_begun_here(analysis, names);
        self.notify(News::Begun(hex(&[&[analysis], names].concat())));
    }

    /// Applies a change that another replica announced.
    ///
    /// If this replica knows more names of the object than the announcement contains, it announces
    /// the change under all of them.
    pub fn hear_change(&self, names: &[String], certainty: Certainty) {
        let names = read_names(names);
        self.0.changes.join(&names);
        let all = self.note_change(&names, certainty);
        // Each announcement has more names than the one before, so this terminates.
        if all.len() > names.len() && names.len() < MAX_NAMES {
            self.0.redis.join_names(&hex(&all), self.0.rules.longest());
            self.notify_write(&all, certainty);
        }
    }

    /// Joins the names of an object that was written to, some of which only other replicas knew.
    pub fn hear_names(&self, names: &[String]) {
        self.0.changes.join(&read_names(names));
    }

    /// Remembers the object of an analysis that another replica started.
    pub fn hear_begun(&self, names: &[String]) {
        if let [analysis, names @ ..] = read_names(names).as_slice() {
            self.note_begun_here(*analysis, names);
        }
    }

    fn note_begun_here(&self, analysis: ObjectName, names: &[ObjectName]) {
        self.0.changes.note_begun(analysis, names);
        if let Some(disk) = &self.0.disk {
            // The id may be that of an earlier analysis.
            disk.note_write(&[analysis], Certainty::Certain);
        }
    }

    fn notify(&self, news: News) {
        let life = self.0.rules.longest();
        self.0.redis.announce(SharedChange { news, life });
    }

    /// Returns the time of the last certain or possible write to the object.
    ///
    /// Requests from before and after that time do not coalesce.
    pub(super) fn last_change(&self, names: &[ObjectName]) -> Moment {
        self.0.changes.last(names)
    }
}

/// Parses names in the form used in Redis.
fn read_names(names: &[String]) -> Vec<ObjectName> {
    let names = names.iter();
    names
        .filter_map(|name| ObjectName::from_hex(name))
        .collect()
}
