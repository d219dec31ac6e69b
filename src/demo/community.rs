//! Comments and votes sent at run time, which are listed before those of the table.

use std::borrow::Cow;

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::{
    answer::{DemoError, JsonAnswer, ShortBody},
    caller::KeyHolder,
    item::{DataEnvelope, ShownObject},
    live::Note,
    object::Collection,
    stand_in::{StandIn, now},
};

/// Adds a comment to a file, URL, domain or IP address.
pub(super) async fn add_comment(
    caller: KeyHolder,
    State(site): State<StandIn>,
    Path((collection, id)): Path<(String, String)>,
    ShortBody(body): ShortBody,
) -> Result<JsonAnswer, DemoError> {
    let on = site.find(Collection::at(&collection)?, &id)?;
    let text = read_attribute(&body, "comment", "text")?;
    if text.trim().is_empty() {
        return Err(DemoError::invalid_argument("A comment can't be empty"));
    }
    let attributes = json!({
        "date": now(),
        "text": text,
        "html": escape(&text),
        "tags": tags(&text),
        "votes": { "positive": 0, "negative": 0, "abuse": 0 },
    });
    let note = Note::new("comment", on, caller.key, text)?.with_attributes(attributes);
    let answer = answer(&note);
    if !site.live().add_comment(note) {
        return Err(DemoError::already_exists("Duplicated comment"));
    }
    Ok(answer)
}

/// Adds a vote on such an object, replacing the key's previous one.
pub(super) async fn add_vote(
    caller: KeyHolder,
    State(site): State<StandIn>,
    Path((collection, id)): Path<(String, String)>,
    ShortBody(body): ShortBody,
) -> Result<JsonAnswer, DemoError> {
    let on = site.find(Collection::at(&collection)?, &id)?;
    let verdict = read_attribute(&body, "vote", "verdict")?;
    let value = match &*verdict {
        "malicious" => -1,
        "harmless" => 1,
        _ => {
            let message = "A verdict is either \"malicious\" or \"harmless\"";
            return Err(DemoError::invalid_argument(message));
        }
    };
    let attributes = json!({ "date": now(), "value": value, "verdict": verdict });
    let note = Note::new("vote", on, caller.key, verdict)?.with_attributes(attributes);
    let answer = answer(&note);
    if !site.live().add_vote(note) {
        return Err(DemoError::already_exists("You have already voted so"));
    }
    Ok(answer)
}

fn answer(note: &Note) -> JsonAnswer {
    let attributes = Cow::Borrowed(&note.object.attributes);
    let shown = ShownObject::whole(&note.object.of, attributes);
    JsonAnswer::ok(&DataEnvelope::of(shown))
}

/// Returns the only attribute that an object of this kind is sent with.
fn read_attribute(body: &[u8], kind: &str, attribute: &str) -> Result<String, DemoError> {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return Err(DemoError::bad_request("The request's body is not JSON"));
    };
    let Some(Value::Object(data)) = body.get("data") else {
        let message = "The request's body lacks \"data\"";
        return Err(DemoError::bad_request(message));
    };
    if data.get("type").and_then(Value::as_str) != Some(kind) {
        let message = format!("The type of \"data\" must be \"{kind}\"");
        return Err(DemoError::invalid_argument(message));
    }
    match &body["data"]["attributes"][attribute] {
        Value::String(text) => Ok(text.clone()),
        _ => Err(DemoError::bad_request(format!(
            "Missing attribute \"{attribute}\""
        ))),
    }
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns the words that begin with `#`, without duplicates.
fn tags(text: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    for word in text.split_whitespace() {
        let Some(tag) = word.strip_prefix('#') else {
            continue;
        };
        let end = tag.find(|it: char| !it.is_alphanumeric() && !"_-".contains(it));
        let tag = &tag[..end.unwrap_or(tag.len())];
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}
