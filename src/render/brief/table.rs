//! A list of briefs as a Markdown table, one row an object.

use serde_json::{Map, Value};

use super::lines::{is_shown, write_fact};
use crate::render::format::{
    markdown::inert_text,
    sink::{DocumentText, WriteError},
};

/// The members of an indicator that have columns of their own, stand in the reason or are too long
/// for a row.
const NO_FACTS: [&str; 14] = [
    "indicator",
    "verdict",
    "detections",
    "analysed",
    "label",
    "families",
    "size",
    "last_seen",
    "submissions",
    "signature",
    "sandboxes",
    "rules",
    "distributors",
    "final_url",
];

/// The objects whose ids a caller needs to go on, although they contain a digest.
const NEEDED: [&str; 1] = ["analysis"];

/// The number of facts in a row.
const MAX_FACTS: usize = 4;

/// Writes briefs as a table, from their JSON texts. The rows are numbered from `first`.
///
/// Digests stand in a row only where a caller needs them to go on: the gateway takes a file's, but
/// a URL has a text, and comments and the like lead nowhere.
pub fn write_table(
    out: &mut DocumentText<'_>,
    briefs: &[String],
    first: usize,
) -> Result<(), WriteError> {
    let mut rows = Vec::with_capacity(briefs.len());
    for brief in briefs {
        if let Ok(Value::Object(members)) = serde_json::from_str(brief) {
            rows.push(members);
        }
    }
    let has_objects = rows.iter().any(|row| object(row).is_some());
    let has_verdicts = rows.iter().any(|row| verdict(row).is_some());
    let columns = [
        ("#", true),
        ("type", true),
        ("object", has_objects),
        ("verdict", has_verdicts),
        ("facts", true),
    ];
    let mut rule = String::from("|");
    out.push("|")?;
    for (name, is_there) in columns {
        if is_there {
            out.push(" ")?;
            out.push(name)?;
            out.push(" |")?;
            rule.push_str("---|");
        }
    }
    out.push("\n")?;
    out.push(&rule)?;
    out.push("\n")?;
    for (at, row) in rows.iter().enumerate() {
        out.push(&format!("| {} | ", first + at))?;
        write_cell(out, &Value::from(kind(row)))?;
        if has_objects {
            out.push(" | ")?;
            write_cell(out, &Value::from(object(row).unwrap_or_default()))?;
        }
        if has_verdicts {
            out.push(" | ")?;
            write_verdict(out, row)?;
        }
        out.push(" | ")?;
        write_facts(out, row)?;
        out.push(" |\n")?;
    }
    Ok(())
}

/// Returns the type of a row's object.
fn kind(row: &Map<String, Value>) -> &str {
    let own = row.get("indicator").and_then(|of| of.get("type"));
    own.or_else(|| row.get("type"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Returns the indicator, or the id of another object where a caller can use it.
fn object(row: &Map<String, Value>) -> Option<&str> {
    if let Some(indicator) = row.get("indicator") {
        return indicator.get("value").and_then(Value::as_str);
    }
    let id = row.get("id").and_then(Value::as_str)?;
    // A descriptor has nothing but its id.
    if NEEDED.contains(&kind(row)) || row.len() == 2 {
        return Some(id);
    }
    None
}

/// Returns the verdict on an indicator. That of a vote is a word.
fn verdict(row: &Map<String, Value>) -> Option<&Value> {
    row.get("verdict").filter(|verdict| verdict.is_object())
}

/// Returns whether a member stands among the facts of a row.
fn is_fact(row: &Map<String, Value>, name: &str) -> bool {
    if row.contains_key("indicator") {
        return !NO_FACTS.contains(&name);
    }
    !matches!(name, "id" | "type")
}

fn write_verdict(out: &mut DocumentText<'_>, row: &Map<String, Value>) -> Result<(), WriteError> {
    let Some(verdict) = verdict(row) else {
        return Ok(());
    };
    write_cell(out, &verdict["level"])?;
    out.push(", ")?;
    write_cell(out, &verdict["reason"])?;
    if verdict["stale"] == Value::Bool(true) {
        out.push(", stale")?;
    }
    Ok(())
}

/// Writes the facts that come first, and the first text of each kind that a stranger wrote.
fn write_facts(out: &mut DocumentText<'_>, row: &Map<String, Value>) -> Result<(), WriteError> {
    let mut separator = "";
    let mut written = 0;
    for (name, value) in row {
        if !is_fact(row, name) || !is_shown(name, value) {
            continue;
        }
        if name != "untrusted" {
            written += 1;
            if written > MAX_FACTS {
                continue;
            }
        }
        out.push(separator)?;
        separator = "; ";
        let mut value = value.clone();
        if name == "untrusted" {
            keep_first_texts(&mut value);
        }
        remove_bars(&mut value);
        write_fact(out, name, &value)?;
    }
    Ok(())
}

fn write_cell(out: &mut DocumentText<'_>, value: &Value) -> Result<(), WriteError> {
    let text = value.as_str().unwrap_or_default();
    inert_text(out, &without_bars(text))
}

/// Reduces each list of texts to its first one.
fn keep_first_texts(texts: &mut Value) {
    let Value::Object(texts) = texts else {
        return;
    };
    texts.retain(|name, _| !name.ends_with("_total"));
    for texts in texts.values_mut() {
        if let Value::Array(texts) = texts {
            texts.truncate(1);
        }
    }
}

/// Escapes the bars in all texts and keys below a value, which would end a cell, within a code span
/// as well.
fn remove_bars(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('|') => *text = without_bars(text),
        Value::Array(elements) => elements.iter_mut().for_each(remove_bars),
        Value::Object(members) => {
            let before = std::mem::take(members);
            for (key, mut value) in before {
                remove_bars(&mut value);
                members.insert(without_bars(&key), value);
            }
        }
        _ => {}
    }
}

/// Returns a text whose bars are escaped, since they would end a cell, within a code span as well.
pub fn without_bars(text: &str) -> String {
    text.replace('|', "\\u{7c}")
}
