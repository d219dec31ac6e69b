//! Comments and votes sent at run time, which are listed before those of the table.

use std::{borrow::Cow, sync::Arc};

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Caller, KeyHash, Refusal, Sent},
    digest::digest,
    item::{Envelope, Item},
    live::{Live, Recent},
    object::{Collection, Descriptor, Object, Reference},
    stand_in::{StandIn, now},
};

/// A comment or vote.
pub(super) struct Note {
    /// The comment or vote as an object.
    pub(super) object: Object,
    /// The object that it is about.
    on: Reference,
    by: KeyHash,
    /// The comment's text or the vote's verdict.
    says: String,
}

/// Adds a comment to a file, URL, domain or IP address.
pub(super) async fn add_comment(
    caller: Caller,
    State(site): State<Arc<StandIn>>,
    Path((collection, id)): Path<(String, String)>,
    Sent(body): Sent,
) -> Result<Answer, Refusal> {
    let on = site.find(Collection::at(&collection)?, &id)?;
    let text = posted(&body, "comment", "text")?;
    if text.trim().is_empty() {
        return Err(Refusal::invalid_argument("A comment can't be empty"));
    }
    let attributes = json!({
        "date": now(),
        "text": text,
        "html": escape(&text),
        "tags": tags(&text),
        "votes": { "positive": 0, "negative": 0, "abuse": 0 },
    });
    let note = Note::new("comment", on, caller.key, text, attributes)?;
    let answer = note.answer();
    if !site.live().add_comment(note) {
        return Err(Refusal::already_exists("Duplicated comment"));
    }
    Ok(answer)
}

/// Adds a vote on such an object, replacing the key's previous one.
pub(super) async fn add_vote(
    caller: Caller,
    State(site): State<Arc<StandIn>>,
    Path((collection, id)): Path<(String, String)>,
    Sent(body): Sent,
) -> Result<Answer, Refusal> {
    let on = site.find(Collection::at(&collection)?, &id)?;
    let verdict = posted(&body, "vote", "verdict")?;
    let value = match &*verdict {
        "malicious" => -1,
        "harmless" => 1,
        _ => {
            let message = "A verdict is either \"malicious\" or \"harmless\"";
            return Err(Refusal::invalid_argument(message));
        }
    };
    let attributes = json!({ "date": now(), "value": value, "verdict": verdict });
    let note = Note::new("vote", on, caller.key, verdict, attributes)?;
    let answer = note.answer();
    if !site.live().add_vote(note) {
        return Err(Refusal::already_exists("You have already voted so"));
    }
    Ok(answer)
}

impl Note {
    fn new(
        kind: &str,
        on: Reference,
        by: KeyHash,
        says: String,
        attributes: Value,
    ) -> Result<Self, Refusal> {
        let letter = letter(&on).ok_or_else(Refusal::wrong_method)?;
        let end = digest(&format!("{kind} by {}: {says}", by.hex()), 8);
        let id = format!("{letter}-{}-{end}", on.id);
        let of = Reference::new(kind, id);
        Ok(Self {
            object: Object { of, attributes },
            on,
            by,
            says,
        })
    }

    fn answer(&self) -> Answer {
        let Object { of, attributes } = &self.object;
        Answer::ok(&Envelope::of(Item::whole(
            of,
            Cow::Borrowed(attributes),
            None,
        )))
    }

    fn repeats(&self, other: &Self) -> bool {
        self.on == other.on && self.by == other.by && self.says == other.says
    }
}

impl Live {
    /// Returns the comments or votes sent for `of`, the newest first.
    pub(super) fn notes(&self, of: &Reference, relationship: &str) -> Vec<Descriptor> {
        let on = |notes: &Recent<Note>| {
            let notes = notes.iter().filter(|note| note.on == *of);
            notes.map(|note| note.object.of.clone().into()).collect()
        };
        match relationship {
            "comments" => on(&self.comments),
            "votes" => on(&self.votes),
            _ => Vec::new(),
        }
    }

    /// Adds a comment. Returns false if it repeats another.
    fn add_comment(&mut self, note: Note) -> bool {
        let is_new = !self.comments.iter().any(|it| it.repeats(&note));
        if is_new {
            self.comments.add(note);
        }
        is_new
    }

    /// Adds a vote. Returns false if it repeats another.
    fn add_vote(&mut self, note: Note) -> bool {
        let is_new = !self.votes.iter().any(|it| it.repeats(&note));
        if is_new {
            // A key has one vote per object; a different one replaces it.
            self.votes.remove(|it| it.on == note.on && it.by == note.by);
            self.votes.add(note);
        }
        is_new
    }
}

/// Returns the first letter of the ids of an object's comments, or `None` if it takes none.
pub(super) fn letter(of: &Reference) -> Option<char> {
    match &*of.kind {
        "file" => Some('f'),
        "url" => Some('u'),
        "domain" => Some('d'),
        "ip_address" => Some('i'),
        _ => None,
    }
}

/// Returns the only attribute that an object of this kind is sent with.
fn posted(body: &[u8], kind: &str, attribute: &str) -> Result<String, Refusal> {
    let unreadable = |_| Refusal::bad_request("The request's body is not JSON");
    let body: Value = serde_json::from_slice(body).map_err(unreadable)?;
    let data = body.get("data").filter(|it| it.is_object());
    let data = data.ok_or_else(|| Refusal::bad_request("The request's body lacks \"data\""))?;
    if data["type"] != kind {
        let message = format!("The type of \"data\" must be \"{kind}\"");
        return Err(Refusal::invalid_argument(&message));
    }
    let sent = data["attributes"][attribute].as_str().map(str::to_owned);
    sent.ok_or_else(|| Refusal::bad_request(&format!("Missing attribute \"{attribute}\"")))
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns the words that begin with `#`, without duplicates.
fn tags(text: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    for word in text.split_whitespace() {
        let tag = word.strip_prefix('#').unwrap_or_default();
        let end = tag.find(|it: char| !it.is_alphanumeric() && !"_-".contains(it));
        let tag = end.map_or(tag, |end| &tag[..end]);
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}
