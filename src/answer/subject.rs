//! What an answer is about, as documents name it (CONTRACT 4).

use std::borrow::Cow;

use crate::indicator::Indicator;

/// What an answer is about: the words in a document's first line, its root element.
#[derive(Debug)]
pub struct Subject<'a> {
    /// `File Report`, `File contacted_domains`, `Analysis`.
    pub(super) title: Cow<'a, str>,
    /// The root element of XML; must be a valid name.
    pub(super) root: Cow<'a, str>,
    /// The `type` of the object, by which its template is found.
    pub(super) object_type: &'a str,
    /// Stands in the first line, unless the object brings an id of its own.
    pub(super) id: &'a str,
}

impl<'a> Subject<'a> {
    /// The report on an indicator.
    pub fn report(indicator: &'a Indicator) -> Self {
        let kind = indicator.kind();
        Self {
            title: format!("{} Report", kind.title()).into(),
            root: format!("{}_report", kind.name()).into(),
            object_type: kind.object_type(),
            id: indicator.id(),
        }
    }

    /// What an indicator is related to, or something VirusTotal has put together of it.
    pub fn part(indicator: &'a Indicator, name: &'a str) -> Self {
        Self {
            title: format!("{} {name}", indicator.kind().title()).into(),
            root: name.into(),
            object_type: "",
            id: indicator.id(),
        }
    }

    /// An object of another type than the indicators', such as `analysis`.
    pub fn other(object_type: &'a str, id: &'a str) -> Self {
        let (first, rest) = object_type.split_at(object_type.len().min(1));
        Self {
            title: format!("{}{rest}", first.to_ascii_uppercase()).into(),
            root: object_type.into(),
            object_type,
            id,
        }
    }

    /// What a search has found.
    pub fn search(title: &'a str, root: &'a str, query: &'a str) -> Self {
        Self {
            title: title.into(),
            root: root.into(),
            object_type: "",
            id: query,
        }
    }
}
