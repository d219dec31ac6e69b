//! What changes while the stand-in runs, in memory, the oldest of each kind forgotten.

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

/// How many of each kind are remembered: the stand-in may run for days.
const KEPT: usize = 1_000;
/// How many of a file's names are remembered.
const NAMES_KEPT: usize = 20;

/// The latest of one kind, the newest first.
pub(super) struct Recent<T>(VecDeque<T>);

/// All that was sent, and what came of it.
#[derive(Default)]
pub(super) struct Live {
    files: Recent<Object>,
    urls: Recent<Object>,
    /// Comments on any object.
    pub(super) comments: Recent<Note>,
    /// Votes on any object.
    pub(super) votes: Recent<Note>,
    /// Analyses asked for, done or not.
    pub(super) analyses: Recent<Analysis>,
    /// The ends of upload URLs that nothing was sent to yet.
    pub(super) tokens: Recent<String>,
    /// How many calls each key has made.
    pub(super) calls: Recent<(KeyHash, u64)>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Recent<T> {
    /// Remembers one more.
    pub(super) fn add(&mut self, it: T) {
        self.0.push_front(it);
        self.0.truncate(KEPT);
    }

    /// Forgets those for which `is_gone`; whether there were any.
    pub(super) fn remove(&mut self, is_gone: impl Fn(&T) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|it| !is_gone(it));
        self.0.len() < before
    }

    /// All of them, the newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// The newest for which `is_it`, to change it.
    pub(super) fn find_mut(&mut self, is_it: impl Fn(&T) -> bool) -> Option<&mut T> {
        self.0.iter_mut().find(|it| is_it(it))
    }
}

impl Live {
    /// Remembers a file or URL that the world lacks, or that it was sent once more.
    pub(super) fn submit(&mut self, object: Object) {
        let all = self.submitted(&object.of.kind);
        match all.find_mut(|it| it.of == object.of) {
            Some(known) => submit_again(&mut known.attributes, &object.attributes),
            None => all.add(object),
        }
    }

    /// Notes when a submitted object was analysed.
    pub(super) fn date_analysis(&mut self, of: &Reference, date: u64) {
        if let Some(object) = self.submitted(&of.kind).find_mut(|it| it.of == *of) {
            object.attributes["last_analysis_date"] = json!(date);
        }
    }

    /// The object that a path names.
    pub(super) fn find(&self, kind: &str, id: &str) -> Option<Reference> {
        let id = match (kind, url_of(id)) {
            ("url", Some(url)) => urls::id_of(&url)?,
            ("url" | "file", _) => id.to_ascii_lowercase(),
            _ => id.to_owned(),
        };
        let of = Reference::new(kind, id);
        self.attributes(&of).is_some().then_some(of)
    }

    /// The attributes of an object, if it is there.
    pub(super) fn attributes(&self, of: &Reference) -> Option<&Value> {
        let mut objects = self.objects();
        objects.find(|it| it.of == *of).map(|it| &it.attributes)
    }

    /// Every object that was sent or made from what was.
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
