//! The data that changes while the stand-in runs. It is kept in memory, and the oldest of each kind
//! is evicted.

use std::collections::VecDeque;

use serde_json::{Value, json};

pub(super) use self::{analysis::DemoAnalysis, note::Note};
use super::{
    caller::KeyDigest,
    object::{Descriptor, Object, Reference},
    url_id,
};

mod analysis;
mod note;

/// The maximum number of entries of each kind, since the stand-in may run for days.
const KEPT: usize = 1_000;
/// The maximum number of names of a file.
const NAMES_KEPT: usize = 20;

/// The latest entries of one kind, the newest first.
struct Newest<T>(VecDeque<T>);

/// All data that was sent, and what was made from it.
#[derive(Default)]
pub(super) struct Live {
    files: Newest<Object>,
    urls: Newest<Object>,
    comments: Newest<Note>,
    votes: Newest<Note>,
    /// Requested analyses, completed or not.
    analyses: Newest<DemoAnalysis>,
    /// The tokens of upload URLs that have not been used.
    tokens: Newest<String>,
    calls: Newest<CallCount>,
}

/// The number of calls by one key.
struct CallCount {
    key: KeyDigest,
    count: u64,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Newest<T> {
    /// Adds an entry, evicting the oldest if there are too many.
    fn add(&mut self, it: T) {
        self.0.push_front(it);
        self.0.truncate(KEPT);
    }

    /// Removes the entries for which `is_gone`. Returns whether there were any.
    fn remove(&mut self, is_gone: impl Fn(&T) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|it| !is_gone(it));
        self.0.len() < before
    }
}

impl Live {
    /// Adds a file or URL that the table lacks, or records that it was sent again.
    pub(super) fn submit(&mut self, object: Object) {
        match self.submitted(&object.of) {
            Some(known) => submit_again(&mut known.attributes, &object.attributes),
            None if object.of.kind == "url" => self.urls.add(object),
            None => self.files.add(object),
        }
    }

    /// Returns the object that a path names.
    pub(super) fn find(&self, kind: &str, id: &str) -> Option<Reference> {
        let id = match (kind, url_id::decode(id)) {
            ("url", Some(url)) => url_id::id_of(&url)?,
            ("url" | "file", _) => id.to_ascii_lowercase(),
            _ => id.to_owned(),
        };
        let of = Reference::new(kind, id);
        self.attributes(&of)?;
        Some(of)
    }

    /// Returns the attributes of an object, if it exists.
    pub(super) fn attributes(&self, of: &Reference) -> Option<&Value> {
        let object = self.objects().find(|it| it.of == *of)?;
        Some(&object.attributes)
    }

    /// Returns all objects that were sent or made from what was sent.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Object> {
        let notes = self.comments.0.iter().chain(&self.votes.0);
        let submitted = self.files.0.iter().chain(&self.urls.0);
        submitted.chain(notes.map(|note| &note.object))
    }

    fn submitted(&mut self, of: &Reference) -> Option<&mut Object> {
        let mut submitted = self.files.0.iter_mut().chain(&mut self.urls.0);
        submitted.find(|it| it.of == *of)
    }
}

/// Comments and votes.
impl Live {
    /// Returns the comments or votes sent for `of`, the newest first.
    pub(super) fn notes(&self, of: &Reference, relationship: &str) -> Vec<Descriptor> {
        let notes = match relationship {
            "comments" => &self.comments,
            "votes" => &self.votes,
            _ => return Vec::new(),
        };
        let mut found = Vec::new();
        for note in &notes.0 {
            if note.on == *of {
                found.push(note.object.of.clone().into());
            }
        }
        found
    }

    /// Adds a comment. Returns false if it repeats another.
    pub(super) fn add_comment(&mut self, note: Note) -> bool {
        if self.comments.0.iter().any(|it| it.repeats(&note)) {
            return false;
        }
        self.comments.add(note);
        true
    }

    /// Adds a vote. Returns false if it repeats another.
    pub(super) fn add_vote(&mut self, note: Note) -> bool {
        if self.votes.0.iter().any(|it| it.repeats(&note)) {
            return false;
        }
        // A key has one vote per object; a different one replaces it.
        self.votes.remove(|it| it.on == note.on && it.by == note.by);
        self.votes.add(note);
        true
    }
}

/// Analyses.
impl Live {
    /// Creates an analysis. If another one started in the same second, the date is advanced so that
    /// the ids differ.
    pub(super) fn start_analysis(
        &mut self,
        of: &Reference,
        md5: Option<&str>,
        now: u64,
    ) -> DemoAnalysis {
        let mut analysis = DemoAnalysis::new(of, md5, now);
        while self.analyses.0.iter().any(|it| it.id == analysis.id) {
            analysis = DemoAnalysis::new(of, md5, analysis.date + 1);
        }
        self.analyses.add(analysis.clone());
        analysis
    }

    /// Returns an analysis, and advances its status.
    pub(super) fn read_analysis(&mut self, id: &str, now: u64) -> Option<DemoAnalysis> {
        let analysis = self.analyses.0.iter_mut().find(|it| it.id == id)?;
        let before = analysis.status();
        analysis.reads = analysis.reads.saturating_add(1);
        let analysis = analysis.clone();
        if analysis.status() != before
            && analysis.status() == "completed"
            && let Some(object) = self.submitted(&analysis.of)
        {
            object.attributes["last_analysis_date"] = json!(now);
        }
        Some(analysis)
    }
}

/// Upload URLs, and the counts of calls.
impl Live {
    /// Adds the token of an upload URL.
    pub(super) fn add_token(&mut self, token: String) {
        self.tokens.add(token);
    }

    /// Removes the token of an upload URL. Returns false if it is unknown.
    pub(super) fn take_token(&mut self, token: &str) -> bool {
        self.tokens.remove(|it| it == token)
    }

    /// Counts a call with this key.
    pub(super) fn count_call(&mut self, key: KeyDigest) {
        match self.calls.0.iter_mut().find(|it| it.key == key) {
            Some(calls) => calls.count += 1,
            None => self.calls.add(CallCount { key, count: 1 }),
        }
    }

    /// Returns the number of calls with this key.
    pub(super) fn calls(&self, key: KeyDigest) -> u64 {
        match self.calls.0.iter().find(|it| it.key == key) {
            Some(calls) => calls.count,
            None => 0,
        }
    }
}

fn submit_again(known: &mut Value, sent: &Value) {
    let times = known["times_submitted"].as_u64().unwrap_or_default();
    known["times_submitted"] = json!(times + 1);
    known["last_submission_date"] = sent["last_submission_date"].clone();
    let name = &sent["meaningful_name"];
    if let Some(names) = known["names"].as_array_mut()
        && names.len() < NAMES_KEPT
        && !names.contains(name)
    {
        names.push(name.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_1_000_entries_are_kept() {
        let mut numbers = Newest::default();
        (0..1_234).for_each(|number| numbers.add(number));
        let kept: Vec<_> = numbers.0.iter().copied().collect();
        assert_eq!((kept.len(), kept[0], kept[999]), (1_000, 1_233, 234));
    }
}
