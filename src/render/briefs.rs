//! The briefs of the objects in an answer.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    Title, View,
    brief::{BriefContext, BriefObject, brief},
    parts::{Body, Row},
    raw_object::{Descriptor, RawBody, RawObject},
};
use crate::{
    indicator::{Kind, decode_base64},
    render::{
        format::{
            Format,
            json::{Unreadable, lexer::Lexer},
        },
        template::place::Place,
        untrusted::{self, UntrustedTexts},
    },
};

/// A maker of briefs for one view.
#[derive(Debug)]
pub(super) struct Briefs<'v> {
    view: &'v View<'v>,
    /// Whether lists of texts are kept short: in Markdown, and in rows.
    is_compact: bool,
    /// The texts from strangers in the briefs.
    pub(super) texts: UntrustedTexts,
}

impl<'v> Briefs<'v> {
    /// Starts the briefs of a view, which are rows of a list or stand alone.
    pub(super) fn new(view: &'v View<'v>, are_rows: bool) -> Self {
        Self {
            view,
            is_compact: are_rows || view.format == Format::Markdown,
            texts: UntrustedTexts::new(view.untrusted),
        }
    }

    /// Returns the brief of a report or of a value that is shown like one, as JSON, and adds the
    /// attributes that it does not use to `unused`.
    pub(super) fn of_report(
        &self,
        report: &RawObject<'_>,
        title: &Title<'_>,
        unused: &mut BTreeMap<String, usize>,
    ) -> String {
        let given = given(title);
        self.make(report, title.object_type, Some(&given), unused)
    }

    /// Returns the brief of any other object, in the same way.
    pub(super) fn of_object(
        &self,
        object: &RawObject<'_>,
        unused: &mut BTreeMap<String, usize>,
    ) -> String {
        let object_type = object.descriptor.object_type().unwrap_or_default();
        if self.view.descriptors_only {
            return descriptor(&object.descriptor);
        }
        self.make(object, &object_type, None, unused)
    }

    /// Returns the row of a brief.
    pub(super) fn row(brief: &str) -> Result<Row<'_>, Unreadable> {
        let members = RawBody::read(&mut Lexer::new(brief))?;
        Ok(Row::plain(Body::new(
            &members,
            Place::start(None, Some(untrusted::marked("brief"))),
        )))
    }

    fn make(
        &self,
        object: &RawObject<'_>,
        object_type: &str,
        given: Option<&str>,
        unused: &mut BTreeMap<String, usize>,
    ) -> String {
        let id = object.descriptor.id();
        let attributes = object.attributes.as_ref();
        let members = attributes.map_or(&[][..], RawBody::members);
        let brief = brief(
            &brief_object(object, object_type, id.as_deref()),
            members,
            &BriefContext {
                given,
                now: self.view.now,
                rules: &self.view.verdicts,
                domain_rank: self.view.domain_rank,
                is_compact: self.is_compact,
                texts: &self.texts,
            },
        );
        for omitted in brief.omitted {
            *unused.entry(omitted.path.into_owned()).or_default() += omitted.bytes;
        }
        brief.json
    }
}

/// Returns an object as a brief is made of it, with its decoded id.
pub(super) fn brief_object<'a>(
    object: &RawObject<'a>,
    object_type: &'a str,
    id: Option<&'a str>,
) -> BriefObject<'a> {
    let beside = |name| {
        let mut beside = object.beside.iter();
        let member = beside.find(|member| member.key.meant() == name)?;
        Some(member.raw)
    };
    BriefObject {
        object_type,
        id,
        attributes: object.attributes.as_ref().map(|attributes| attributes.raw),
        context_attributes: beside("context_attributes"),
        error: beside("error"),
    }
}

/// Returns an object's id and type, as JSON. Without attributes there is no verdict on it.
fn descriptor(descriptor: &Descriptor<'_>) -> String {
    json!({"id": descriptor.id(), "type": descriptor.object_type()}).to_string()
}

/// Returns the identifier by which the caller asked for a report: of a URL its text, unless it was
/// asked for by VirusTotal's id.
fn given(title: &Title<'_>) -> String {
    if title.object_type == Kind::Url.object_type()
        && title.id.len() != 64
        && let Some(url) = decode_base64(title.id)
        && let Ok(url) = String::from_utf8(url)
    {
        return url;
    }
    title.id.to_owned()
}
