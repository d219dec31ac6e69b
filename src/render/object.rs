//! Single objects: a report, an analysis, a comment, or a value without attributes.

use std::{borrow::Cow, cell::RefCell};

use super::{
    Document, MalformedAnswer, RenderError, Title, View,
    compose::untrusted_count,
    interop,
    parts::{Ledger, Row},
    raw_object::{RawObject, data, read_id, read_report},
    related_ids,
};
use crate::render::{
    format::{
        Format,
        json::{
            self, JsonWriter, Meta, Unreadable,
            lexer::Lexer,
            read::{find, text},
        },
        markdown::MarkdownWriter,
        xml::XmlWriter,
    },
    selection::{Arrangement, Selection},
    template::filter::{Filtered, Watch, compact_length},
    untrusted::Counts,
};

/// The attributes that name the object of a report.
const NAMES: &[&str] = &["md5", "sha1", "sha256", "url"];

/// Renders a report or an analysis: its attributes, filtered by the template of its type.
pub fn report(bytes: &[u8], title: &Title<'_>, view: &View<'_>) -> Result<Document, RenderError> {
    if let Some(format) = view.interop {
        return interop::report(bytes, title, view, format);
    }
    let json = str::from_utf8(bytes)?;
    if view.is_selective() {
        return selected_report(json, title, view);
    }
    // The names are collected while the report is copied, even if the template excludes them.
    let watch = Watch {
        beside: "id",
        within: NAMES,
        found: RefCell::default(),
    };
    let ledger = Ledger::new(view);
    let rules = view.rules(title.object_type);
    let attributes = Filtered::at(&["data", "attributes"], json, Some(rules))
        .choosing(view.chosen_fields())
        .treating(&ledger.texts)
        .watching(&watch);
    let size = bytes.len();
    let out = match view.format {
        Format::Json | Format::Raw => {
            let mut out = json::open_envelope(size);
            attributes.write(&mut out)?;
            out
        }
        Format::Markdown => {
            let id = own_id(json)?.unwrap_or(Cow::Borrowed(title.id));
            view.document(size, |out| {
                ledger.texts.restart(Counts::default());
                attributes.feed(&mut MarkdownWriter::new(out, &title.text, &id)?)
            })?
        }
        Format::Xml => view.document(size, |out| {
            ledger.texts.restart(Counts::default());
            attributes.feed(&mut XmlWriter::new(out, &title.root)?)
        })?,
    };
    let mut meta = Meta {
        untrusted: untrusted_count(view, &ledger.texts),
        ..Meta::default()
    };
    meta.indicator = title.indicator(view);
    if view.relationships {
        meta.relationships = related_ids::read(find(json, &["data", "relationships"])?)?;
    }
    Ok(Document {
        names: watch.found.into_inner(),
        ..view.finish(out, meta, false, compact_length(json))
    })
}

/// Renders a report of which a view shows parts.
fn selected_report(
    json: &str,
    title: &Title<'_>,
    view: &View<'_>,
) -> Result<Document, RenderError> {
    let report = read_report(json)?;
    let names = names(&report);
    let mut meta = Meta {
        indicator: title.indicator(view),
        ..Meta::default()
    };
    if view.relationships {
        meta.relationships = related_ids::read(report.relationships)?;
    }
    let selection = Selection {
        view,
        title,
        id: report.descriptor.id().unwrap_or(Cow::Borrowed(title.id)),
        arrangement: Arrangement::Report,
        answer: compact_length(json),
    };
    Ok(Document {
        names,
        ..selection.compose(vec![report], meta)?
    })
}

/// Checks that an answer is JSON, and returns the names that a report contains of its object; none
/// if it has another shape.
pub fn checked_names(bytes: &[u8]) -> Result<Vec<String>, MalformedAnswer> {
    let json = str::from_utf8(bytes)?;
    validate(json)?;
    match read_report(json) {
        Ok(report) => Ok(names(&report)),
        Err(Unreadable::Missing) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Checks that an answer is JSON.
pub fn check(bytes: &[u8]) -> Result<(), MalformedAnswer> {
    validate(str::from_utf8(bytes)?)?;
    Ok(())
}

fn validate(json: &str) -> Result<(), Unreadable> {
    let mut lexer = Lexer::new(json);
    lexer.validate()?;
    lexer.finish()
}

/// Returns the names that a report contains of its object.
pub(super) fn names(report: &RawObject<'_>) -> Vec<String> {
    let mut names = Vec::new();
    names.extend(report.descriptor.id().map(Cow::into_owned));
    if let Some(attributes) = &report.attributes {
        for member in attributes.members() {
            if NAMES.contains(&&*member.key.meant())
                && let Some(name) = text(member.raw)
            {
                names.push(name.into_owned());
            }
        }
    }
    names
}

/// Renders any other object with its id and type. A value without attributes is rendered unchanged.
pub fn object(bytes: &[u8], title: &Title<'_>, view: &View<'_>) -> Result<Document, RenderError> {
    let data = data(bytes)?;
    let object = RawObject::read(&mut Lexer::new(data));
    let object = object.ok().filter(|object| object.attributes.is_some());
    if view.is_selective() {
        return selected_object(data, object, title, view);
    }
    let mut id = Cow::Borrowed(title.id);
    if let Some(object) = &object {
        id = object.descriptor.id().unwrap_or(id);
    }
    let row = match object {
        Some(object) => Row::of(object, view),
        // An object without attributes is rendered as a plain value.
        None => Row::without_descriptor(RawObject::of_value(data)?, title.object_type, view),
    };
    let ledger = Ledger::new(view);
    let size = bytes.len();
    let out = match view.format {
        Format::Json => {
            let mut out = json::open_envelope(size);
            row.feed(&mut JsonWriter::new(&mut out), &ledger)?;
            out
        }
        Format::Raw => {
            let mut out = json::open_envelope(size);
            row.feed_body(&mut JsonWriter::new(&mut out), &ledger)?;
            out
        }
        Format::Markdown => view.document(size, |out| {
            ledger.texts.restart(Counts::default());
            let mut out = MarkdownWriter::new(out, &title.text, &id)?;
            row.feed_body(&mut out, &ledger)
        })?,
        Format::Xml => view.document(size, |out| {
            ledger.texts.restart(Counts::default());
            row.feed(&mut XmlWriter::new(out, &title.root)?, &ledger)
        })?,
    };
    let meta = Meta {
        untrusted: untrusted_count(view, &ledger.texts),
        ..Meta::default()
    };
    Ok(view.finish(out, meta, false, compact_length(data)))
}

/// Renders an object of which a view shows parts.
fn selected_object(
    data: &str,
    object: Option<RawObject<'_>>,
    title: &Title<'_>,
    view: &View<'_>,
) -> Result<Document, RenderError> {
    let mut arrangement = Arrangement::Object;
    let object = if let Some(object) = object {
        object
    } else {
        arrangement = Arrangement::Report;
        RawObject::of_value(data)?
    };
    let selection = Selection {
        view,
        title,
        id: object.descriptor.id().unwrap_or(Cow::Borrowed(title.id)),
        arrangement,
        answer: compact_length(data),
    };
    selection.compose(vec![object], Meta::default())
}

/// Returns the `id` of the object in an answer, which is malformed without one.
pub fn id(bytes: &[u8]) -> Result<String, MalformedAnswer> {
    match own_id(str::from_utf8(bytes)?)? {
        Some(id) if !id.is_empty() => Ok(id.into_owned()),
        _ => Err(MalformedAnswer::Shape),
    }
}

/// Returns whether an analysis is completed.
pub fn is_completed(bytes: &[u8]) -> Result<bool, MalformedAnswer> {
    let path = ["data", "attributes", "status"];
    let Some(status) = find(str::from_utf8(bytes)?, &path)? else {
        return Err(Unreadable::Missing.into());
    };
    match text(status) {
        Some(status) => Ok(status == "completed"),
        None => Err(MalformedAnswer::Shape),
    }
}

/// Returns the `id` of the object in an answer, ignoring everything else.
///
/// The lookup follows the same path as that of the attributes, so that an answer is readable either
/// in every format or in none.
fn own_id(json: &str) -> Result<Option<Cow<'_, str>>, MalformedAnswer> {
    match find(json, &["data", "id"])? {
        Some(id) => Ok(read_id(id)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::template::Templates;

    fn shown(json: &str, format: Format) -> String {
        let templates = Templates::load(None).unwrap();
        let view = View {
            bare: true,
            ..View::new(format, &templates)
        };
        let answer = object(json.as_bytes(), &Title::other("analysis", "x"), &view);
        String::from_utf8(answer.unwrap().body).unwrap()
    }

    #[test]
    fn an_array_is_not_taken_for_an_object() {
        // The array has as many elements as `RawObject` has members.
        let json = r#"{"data":[1,2,{"a":1},null,5]}"#;
        let data = r#"{"data":[1,2,{"a":1},null,5],"format":"json"}"#;
        assert_eq!(shown(json, Format::Json), data);
        assert!(id(json.as_bytes()).is_err());
        assert!(is_completed(br#"[[["completed"]]]"#).is_err());
    }

    #[test]
    fn a_document_leaves_out_what_json_leaves_out() {
        let json =
            r#"{"data":{"id":"a","type":"file","attributes":{"sha256":"x","md5":"y","trid":[1]}}}"#;
        let names = |format| {
            let shown = shown(json, format).to_lowercase();
            ["sha256", "md5", "trid"].map(|name| shown.contains(name))
        };
        let kept = names(Format::Json);
        assert!(kept.contains(&false));
        assert_eq!(names(Format::Markdown), kept);
        assert_eq!(names(Format::Xml), kept);
    }

    #[test]
    fn an_id_is_found_where_the_attributes_are() {
        let twice = br#"{"data":{"id":1,"attributes":{}},"data":{"id":"y"}}"#;
        assert_eq!(id(twice), Ok("1".to_owned()));
        for none in [r#"{"data":{"id":null}}"#, r#"{"data":{"id":""}}"#, "{}"] {
            assert!(id(none.as_bytes()).is_err(), "{none}");
        }
    }
}
