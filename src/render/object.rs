//! Single objects: a report, an analysis, a comment, or a value without attributes.

use std::{borrow::Cow, cell::RefCell};

use super::{
    Document, MalformedAnswer, RenderError, Title, View,
    raw_object::{RawObject, data, read_id, whole},
};
use crate::render::{
    format::{
        Format,
        json::{
            self, JsonWriter, Unreadable,
            lexer::Lexer,
            read::{find, text},
        },
        markdown::MarkdownWriter,
        xml::XmlWriter,
    },
    template::filter::{Filtered, Watch},
};

/// Renders a report or an analysis: its attributes, filtered by the template of its type.
pub fn report(bytes: &[u8], title: &Title<'_>, view: &View<'_>) -> Result<Document, RenderError> {
    let json = str::from_utf8(bytes)?;
    let attributes = Filtered::at(
        &["data", "attributes"],
        json,
        view.filter(title.object_type),
    );
    // The names are collected while the report is copied, even if the template excludes them.
    let watch = Watch {
        beside: "id",
        within: &["md5", "sha1", "sha256", "url"],
        found: RefCell::default(),
    };
    let attributes = attributes.watching(&watch);
    let size = bytes.len();
    let body = match view.format {
        Format::Json | Format::Raw => {
            json::envelope(view.format, None, size, |out| attributes.write(out))?
        }
        Format::Markdown => {
            let id = own_id(json)?.unwrap_or(Cow::Borrowed(title.id));
            view.document(size, None, |out| {
                attributes.feed(&mut MarkdownWriter::new(out, &title.text, &id)?)
            })?
        }
        Format::Xml => view.document(size, None, |out| {
            attributes.feed(&mut XmlWriter::new(out, &title.root)?)
        })?,
    };
    Ok(Document {
        body,
        cursor: None,
        names: watch.found.into_inner(),
    })
}

/// Renders any other object with its id and type. A value without attributes is rendered unchanged.
pub fn object(bytes: &[u8], title: &Title<'_>, view: &View<'_>) -> Result<Document, RenderError> {
    let data = data(bytes)?;
    // An object without attributes is rendered as a plain value.
    let object = match RawObject::read(&mut Lexer::new(data)) {
        Ok(object) if object.attributes.is_some() => Some(object),
        _ => None,
    };
    // Formats other than JSON leave out the enclosing object: they show the attributes or, without
    // attributes, the whole value.
    let attributes = object.as_ref().and_then(|object| object.filtered(view));
    let shown = attributes.unwrap_or(whole(data));
    let size = bytes.len();
    let body = match (view.format, &object) {
        (Format::Json, Some(object)) => json::envelope(view.format, None, size, |out| {
            object.feed(view, &mut JsonWriter::new(out))
        })?,
        (Format::Json | Format::Raw, _) => {
            json::envelope(view.format, None, size, |out| shown.write(out))?
        }
        (Format::Markdown, object) => {
            let own = object.as_ref().and_then(RawObject::id);
            let id = own.unwrap_or(Cow::Borrowed(title.id));
            view.document(size, None, |out| {
                shown.feed(&mut MarkdownWriter::new(out, &title.text, &id)?)
            })?
        }
        (Format::Xml, object) => view.document(size, None, |out| {
            let mut out = XmlWriter::new(out, &title.root)?;
            match object {
                Some(object) => object.feed(view, &mut out),
                None => shown.feed(&mut out),
            }
        })?,
    };
    Ok(Document {
        body,
        cursor: None,
        names: Vec::new(),
    })
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
            format,
            bare: true,
            template: None,
            templates: &templates,
            descriptors_only: false,
            cursor: None,
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
