//! A brief as lines of Markdown: `key: value`, one fact a line.

use serde_json::{Map, Value};

use crate::render::format::{
    json::Quoted,
    markdown::inert_text,
    sink::{DocumentText, WriteError},
};

/// The members whose names say nothing that their values do not say as well.
const PLAIN: [&str; 12] = [
    "type", "value", "level", "reason", "date", "name", "category", "list", "owner", "status",
    "signer", "top",
];

/// Writes a brief from its JSON text, one member a line. The page's link is left out.
pub fn write_lines(out: &mut DocumentText<'_>, brief: &str) -> Result<(), WriteError> {
    let Ok(Value::Object(members)) = serde_json::from_str(brief) else {
        return Ok(());
    };
    let mut members = members;
    drop_label(&mut members);
    for (name, value) in &members {
        if is_shown(name, value) {
            write_fact(out, name, value)?;
            out.push("\n")?;
        }
    }
    Ok(())
}

/// Writes a member of a brief as a line, from the JSON text of its value.
pub(in crate::render) fn write_line(
    out: &mut DocumentText<'_>,
    key: Quoted<'_>,
    json: &str,
) -> Result<(), WriteError> {
    let name = key.meant();
    let Ok(value) = serde_json::from_str(json) else {
        return Ok(());
    };
    if is_shown(&name, &value) {
        write_fact(out, &name, &value)?;
        out.push("\n")?;
    }
    Ok(())
}

/// Removes the threat label from the verdict's reason if a line of its own has it.
fn drop_label(members: &mut Map<String, Value>) {
    let Some(Value::String(label)) = members.get("label") else {
        return;
    };
    let suffix = format!("; label {label}");
    let reason = members
        .get_mut("verdict")
        .and_then(|it| it.get_mut("reason"));
    if let Some(Value::String(reason)) = reason
        && let Some(rest) = reason.strip_suffix(&suffix)
    {
        *reason = rest.to_owned();
    }
}

/// Returns whether a member is worth a line.
pub(super) fn is_shown(name: &str, value: &Value) -> bool {
    name != "link" && !matches!(value, Value::Bool(false) | Value::Null)
}

/// Writes a member as `name: value`.
pub(super) fn write_fact(
    out: &mut DocumentText<'_>,
    name: &str,
    value: &Value,
) -> Result<(), WriteError> {
    inert_text(out, name)?;
    out.push(": ")?;
    match value {
        Value::Object(members) if name == "untrusted" => write_quoted(out, members),
        Value::Object(members) if name == "rules" => write_rules(out, members),
        Value::Object(members) => write_members(out, members),
        Value::Array(elements) => write_elements(out, elements),
        _ => write_scalar(out, value),
    }
}

/// Writes the members of an object as `a, name b`.
fn write_members(
    out: &mut DocumentText<'_>,
    members: &Map<String, Value>,
) -> Result<(), WriteError> {
    let mut separator = "";
    for (name, value) in members {
        // A count of zero says nothing, but that nothing was found does.
        let is_zero = value.as_u64() == Some(0) && name != "malicious";
        if !is_shown(name, value) || is_zero {
            continue;
        }
        out.push(separator)?;
        separator = ", ";
        if name == "age_days" {
            write_scalar(out, value)?;
            out.push(" days")?;
            continue;
        }
        if matches!(value, Value::Bool(true)) {
            inert_text(out, name)?;
            continue;
        }
        if !PLAIN.contains(&name.as_str()) {
            inert_text(out, name)?;
            out.push(" ")?;
        }
        match value {
            Value::Object(members) => write_members(out, members)?,
            Value::Array(elements) => write_elements(out, elements)?,
            _ => write_scalar(out, value)?,
        }
    }
    Ok(())
}

/// Writes the elements of a list as `a, b`, or `a x; b y` if they are objects.
fn write_elements(out: &mut DocumentText<'_>, elements: &[Value]) -> Result<(), WriteError> {
    let mut separator = "";
    for element in elements {
        out.push(separator)?;
        if let Value::Object(members) = element {
            separator = "; ";
            write_members(out, members)?;
        } else {
            separator = ", ";
            write_scalar(out, element)?;
        }
    }
    Ok(())
}

/// Writes rules as `yara 6 (name, name), ids 2 (name)`.
fn write_rules(out: &mut DocumentText<'_>, kinds: &Map<String, Value>) -> Result<(), WriteError> {
    let mut separator = "";
    for (kind, matches) in kinds {
        out.push(separator)?;
        separator = ", ";
        inert_text(out, kind)?;
        out.push(" ")?;
        write_scalar(out, &matches["number"])?;
        if let Some(names) = matches["names"].as_array() {
            out.push(" (")?;
            write_elements(out, names)?;
            out.push(")")?;
        }
    }
    Ok(())
}

/// Writes texts from strangers, each in quotation marks.
fn write_quoted(out: &mut DocumentText<'_>, texts: &Map<String, Value>) -> Result<(), WriteError> {
    let mut separator = "";
    for (name, value) in texts {
        out.push(separator)?;
        separator = ", ";
        inert_text(out, name)?;
        let texts = match value {
            Value::Array(texts) => texts.as_slice(),
            other => std::slice::from_ref(other),
        };
        let mut comma = " ";
        for text in texts {
            out.push(comma)?;
            comma = ", ";
            if text.is_string() {
                out.push("\"")?;
                write_scalar(out, text)?;
                out.push("\"")?;
            } else {
                write_scalar(out, text)?;
            }
        }
    }
    Ok(())
}

/// Writes a text, made inert, or a number or word.
fn write_scalar(out: &mut DocumentText<'_>, value: &Value) -> Result<(), WriteError> {
    match value {
        Value::String(text) => inert_text(out, text),
        Value::Null | Value::Array(_) | Value::Object(_) => Ok(()),
        word => out.push(&word.to_string()),
    }
}
