//! The data that changes while the stand-in runs. It is kept in memory, and the oldest of each kind
//! is evicted.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{
    analyses::Analysis,
    answer::KeyHash,
    community::Note,
    object::{Object, Reference},
    urls,
    world::url_of,
};

/// The maximum number of entries of each kind, since the stand-in may run for days.
const KEPT: usize = 1_000;
/// The maximum number of names of a file.
const NAMES_KEPT: usize = 20;

/// The latest entries of one kind, the newest first.
pub(super) struct Recent<T>(VecDeque<T>);

/// All data that was sent, and what was made from it.
#[derive(Default)]
pub(super) struct Live {
    files: Recent<Object>,
    urls: Recent<Object>,
    /// Comments on any object.
    pub(super) comments: Recent<Note>,
    /// Votes on any object.
    pub(super) votes: Recent<Note>,
    /// Requested analyses, completed or not.
    pub(super) analyses: Recent<Analysis>,
    /// The tokens of upload URLs that have not been used.
    pub(super) tokens: Recent<String>,
    /// The number of calls by each key.
    pub(super) calls: Recent<(KeyHash, u64)>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Recent<T> {
    /// Adds an entry, evicting the oldest if there are too many.
    pub(super) fn add(&mut self, it: T) {
        self.0.push_front(it);
        self.0.truncate(KEPT);
    }

    /// Removes the entries for which `is_gone`. Returns whether there were any.
    pub(super) fn remove(&mut self, is_gone: impl Fn(&T) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|it| !is_gone(it));
        self.0.len() < before
    }

    /// Returns all entries, the newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// Returns the newest entry for which `is_it`, for modification.
    pub(super) fn find_mut(&mut self, is_it: impl Fn(&T) -> bool) -> Option<&mut T> {
        self.0.iter_mut().find(|it| is_it(it))
    }
}

impl Live {
    /// Adds a file or URL that the table lacks, or records that it was sent again.
    pub(super) fn submit(&mut self, object: Object) {
        let all = self.submitted(&object.of.kind);
        match all.find_mut(|it| it.of == object.of) {
            Some(known) => submit_again(&mut known.attributes, &object.attributes),
            None => all.add(object),
        }
    }

    /// Sets the date at which a submitted object was analysed.
    pub(super) fn date_analysis(&mut self, of: &Reference, date: u64) {
        if let Some(object) = self.submitted(&of.kind).find_mut(|it| it.of == *of) {
            object.attributes["last_analysis_date"] = json!(date);
        }
    }

    /// Returns the object that a path names.
    pub(super) fn find(&self, kind: &str, id: &str) -> Option<Reference> {
        let id = match (kind, url_of(id)) {
            ("url", Some(url)) => urls::id_of(&url)?,
            ("url" | "file", _) => id.to_ascii_lowercase(),
            _ => id.to_owned(),
        };
        let of = Reference::new(kind, id);
        self.attributes(&of).is_some().then_some(of)
    }

    /// Returns the attributes of an object, if it exists.
    pub(super) fn attributes(&self, of: &Reference) -> Option<&Value> {
        let mut objects = self.objects();
        objects.find(|it| it.of == *of).map(|it| &it.attributes)
    }

    /// Returns all objects that were sent or made from what was sent.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Object> {
        let notes = self.comments.iter().chain(self.votes.iter());
        let submitted = self.files.iter().chain(self.urls.iter());
        submitted.chain(notes.map(|note| &note.object))
    }

    fn submitted(&mut self, kind: &str) -> &mut Recent<Object> {
        if kind == "url" {
            &mut self.urls
        } else {
            &mut self.files
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
