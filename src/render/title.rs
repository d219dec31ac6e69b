//! Names of answers in documents: titles and root elements (`docs/http-api.md`, "Formats").

use std::borrow::Cow;

use super::{View, format::json::NamedIndicator};
use crate::indicator::Indicator;

/// The title of an answer: its title and its root element.
#[derive(Debug)]
pub struct Title<'a> {
    /// The text, such as `File Report`, `File contacted_domains` or `Analysis`.
    pub(super) text: Cow<'a, str>,
    /// The root element of XML; must be a valid name.
    pub(super) root: Cow<'a, str>,
    /// The `type` of the object, which selects its template.
    pub(super) object_type: &'a str,
    /// The id in the text, used unless the object has an id of its own.
    pub(super) id: &'a str,
}

impl<'a> Title<'a> {
    /// Creates the title of a report on an indicator.
    pub fn report(indicator: &'a Indicator) -> Self {
        let kind = indicator.kind();
        Self {
            text: format!("{} Report", kind.title()).into(),
            root: format!("{}_report", kind.name()).into(),
            object_type: kind.object_type(),
            id: indicator.id(),
        }
    }

    /// Returns the indicator of a report for `meta`, if the view names it there.
    pub(super) fn indicator(&self, view: &View<'_>) -> Option<NamedIndicator<'_>> {
        if !view.names_indicator {
            return None;
        }
        Some(NamedIndicator {
            kind: self.object_type,
            id: self.id,
        })
    }

    /// Creates the title of a relationship or of a behaviour summary.
    pub fn part(indicator: &'a Indicator, name: &'a str) -> Self {
        Self {
            text: format!("{} {name}", indicator.kind().title()).into(),
            root: name.into(),
            object_type: name,
            id: indicator.id(),
        }
    }

    /// Creates the title of an object that is not an indicator, such as an `analysis`.
    pub fn other(object_type: &'a str, id: &'a str) -> Self {
        let (first, rest) = object_type.split_at(object_type.len().min(1));
        Self {
            text: format!("{}{rest}", first.to_ascii_uppercase()).into(),
            root: object_type.into(),
            object_type,
            id,
        }
    }

    /// Creates the title of a list of search results.
    pub fn search(text: &'a str, root: &'a str, query: &'a str) -> Self {
        Self {
            text: text.into(),
            root: root.into(),
            object_type: "",
            id: query,
        }
    }
}
