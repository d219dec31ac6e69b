//! Answers in the formats of SOC platforms: ECS, STIX 2.1 and MISP (`docs/formats.md`).
//!
//! Each format is a mapping of the same `subject`: the brief of an indicator, with its verdict,
//! and a few exact values such as digests. Nothing is judged here.

use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use self::subject::{Maker, Subject};
use super::{
    Document, MAX_DOCUMENT, RenderError, Title, View,
    compose::untrusted_count,
    format::json::{self, Meta, read::find},
    raw_object::{RawObject, read_report},
    related_ids, rough_tokens,
    template::filter::compact_length,
    untrusted::UntrustedTexts,
};

pub use self::{
    merged::MergedRows,
    place::{RowPlace, shown_text},
    unreported::{Unreported, UnreportedReason, unreported},
};

mod ecs;
mod ids;
mod merged;
mod misp;
mod place;
mod stix;
mod subject;
mod unreported;

/// A format of SOC platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum Interop {
    /// A document of the Elastic Common Schema.
    Ecs,
    /// A bundle of STIX 2.1.
    Stix,
    /// Objects for an event of MISP.
    Misp,
}

/// The error for a name that is not such a format.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected one of `ecs`, `stix`, `misp`")]
pub struct UnknownInterop;

impl Interop {
    /// All formats, in the order in which clients see them.
    pub const ALL: [Self; 3] = [Self::Ecs, Self::Stix, Self::Misp];

    /// Returns the name used in queries and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Stix => "stix",
            Self::Misp => "misp",
        }
    }

    /// Returns the JSON text of one indicator in this format.
    fn one(self, subject: &Subject) -> String {
        match self {
            Self::Ecs => written(&ecs::document(subject)),
            Self::Stix => written(&stix::bundle(std::slice::from_ref(subject))),
            Self::Misp => written(&misp::objects(std::slice::from_ref(subject))),
        }
    }

    /// Returns the JSON text of several indicators in this format.
    fn many(self, subjects: &[Subject]) -> String {
        match self {
            Self::Ecs => {
                let documents: Vec<_> = subjects.iter().map(ecs::document).collect();
                written(&documents)
            }
            Self::Stix => written(&stix::bundle(subjects)),
            Self::Misp => written(&misp::objects(subjects)),
        }
    }
}

impl FromStr for Interop {
    type Err = UnknownInterop;

    fn from_str(name: &str) -> Result<Self, UnknownInterop> {
        for format in Self::ALL {
            if format.name() == name {
                return Ok(format);
            }
        }
        Err(UnknownInterop)
    }
}

/// Renders a report in a format of SOC platforms.
pub(super) fn report(
    bytes: &[u8],
    title: &Title<'_>,
    view: &View<'_>,
    format: Interop,
) -> Result<Document, RenderError> {
    let json = str::from_utf8(bytes)?;
    let report = read_report(json)?;
    let names = super::object::names(&report);
    let texts = UntrustedTexts::new(view.untrusted);
    let maker = Maker {
        view,
        texts: &texts,
    };
    let subject = maker.subject(&report, title.object_type, Some(title.id));
    let mut meta = Meta {
        indicator: title.indicator(view),
        untrusted: untrusted_count(view, &texts),
        ..Meta::default()
    };
    if view.relationships {
        meta.relationships = related_ids::read(find(json, &["data", "relationships"])?)?;
    }
    let data = subject.map_or_else(|| format.many(&[]), |subject| format.one(&subject));
    let frame = Frame::of(view, format, compact_length(json));
    Ok(Document {
        names,
        ..document(&data, meta, &frame)?
    })
}

/// The objects of a list.
pub(super) struct ListedObjects<'l, 'a> {
    /// The objects. Those that are no indicators have no place in these formats.
    pub(super) objects: &'l [RawObject<'a>],
    /// Whether they are a list, not the target of a relationship that leads to at most one.
    pub(super) is_list: bool,
    /// The length of the answer, in bytes.
    pub(super) answer: usize,
}

impl ListedObjects<'_, '_> {
    /// Renders the indicators of the list.
    pub(super) fn render(
        &self,
        mut meta: Meta<'_>,
        view: &View<'_>,
        format: Interop,
    ) -> Result<Document, RenderError> {
        let texts = UntrustedTexts::new(view.untrusted);
        let maker = Maker {
            view,
            texts: &texts,
        };
        let mut subjects = Vec::with_capacity(self.objects.len());
        for object in self.objects {
            let object_type = object.descriptor.object_type();
            subjects.extend(maker.subject(object, &object_type.unwrap_or_default(), None));
        }
        if subjects.len() < self.objects.len() {
            meta.shown = Some(subjects.len());
        }
        meta.untrusted = untrusted_count(view, &texts);
        let frame = Frame {
            is_list: self.is_list,
            ..Frame::of(view, format, self.answer)
        };
        let data = match (format, subjects.as_slice()) {
            // The target of a relationship that leads to at most one object is no list.
            (Interop::Ecs, []) if !self.is_list => "null".to_owned(),
            (Interop::Ecs, [only]) if !self.is_list => format.one(only),
            _ => format.many(&subjects),
        };
        document(&data, meta, &frame)
    }
}

/// The circumstances of a document.
struct Frame {
    format: Interop,
    /// Whether the data is the whole body.
    is_bare: bool,
    is_list: bool,
    /// The length of the answer, in bytes.
    answer: usize,
}

impl Frame {
    fn of(view: &View<'_>, format: Interop, answer: usize) -> Self {
        Self {
            format,
            is_bare: view.bare,
            is_list: false,
            answer,
        }
    }
}

fn document(data: &str, meta: Meta<'_>, frame: &Frame) -> Result<Document, RenderError> {
    if data.len() > MAX_DOCUMENT {
        return Err(RenderError::TooLarge);
    }
    let mut body = Vec::new();
    if frame.is_bare {
        body.extend_from_slice(data.as_bytes());
    } else {
        body = json::open_envelope(data.len() + 256);
        body.extend_from_slice(data.as_bytes());
        json::close_envelope(&mut body, frame.format.name(), &meta, frame.is_list);
    }
    Ok(Document {
        size: super::ViewSize {
            tokens: rough_tokens(body.len()),
            full: rough_tokens(frame.answer),
            withheld: meta.untrusted.map_or(0, |texts| texts.withheld),
            is_cut: false,
        },
        body,
        cursor: meta.cursor,
        names: Vec::new(),
    })
}

/// Returns the JSON text of a value whose serialization cannot fail.
fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
