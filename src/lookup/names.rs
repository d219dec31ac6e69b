//! The names of objects that an answer reveals, in addition to those in its question.
//!
//! A file has three digests and a URL two ids. A write under one name must invalidate answers
//! cached under the others, so names that belong to one object are joined.

use super::Lookup;
use crate::{
    cache::ObjectName,
    indicator::{Indicator, Kind},
    render::{self, Document, ListedObject, RenderError},
};

/// The maximum number of names taken from one answer.
const MAX_NAMES: usize = 100;

/// A rendered answer, and the names of objects in it.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) document: Document,
    pub(super) revealed: Vec<ObjectName>,
}

impl Rendered {
    /// Wraps a rendered answer that reveals no names.
    pub(super) fn plain(document: Result<Document, RenderError>) -> Result<Self, RenderError> {
        Ok(Self {
            document: document?,
            revealed: Vec::new(),
        })
    }
}

impl Lookup {
    /// Joins the names that a report on a file or URL reveals with the indicator's, and returns
    /// them.
    pub(super) fn join_names_of_report(
        &self,
        indicator: &Indicator,
        document: &Document,
    ) -> Vec<ObjectName> {
        let revealed = match indicator.kind() {
            Kind::File => ObjectName::of_file(document.names.iter().map(String::as_str)),
            Kind::Url => document
                .names
                .iter()
                .flat_map(|name| url_names(name))
                .collect(),
            Kind::Domain | Kind::Ip => return Vec::new(),
        };
        self.join(&ObjectName::of(indicator), &revealed);
        revealed
    }

    /// Joins the names that a list of comments or votes reveals of its object, and returns them.
    ///
    /// The id of each comment or vote contains a name of the object.
    pub(super) fn join_names_of_contributions(
        &self,
        indicator: &Indicator,
        page: &[u8],
    ) -> Vec<ObjectName> {
        let contributions = render::listed(page);
        // All contributions on the page are about the same object, so one is enough.
        let Some(first) = contributions.first() else {
            return Vec::new();
        };
        let revealed = ObjectName::of_analysis(&first.id);
        self.join(&ObjectName::of(indicator), &revealed);
        revealed
    }

    /// Joins the other names of an object that was searched for (`names`) with them, and returns
    /// the names of all objects that a search found, since the answer is about each of them.
    pub(super) fn join_names_of_search(
        &self,
        names: &[ObjectName],
        page: &[u8],
    ) -> Vec<ObjectName> {
        let mut revealed = Vec::new();
        for found in render::listed(page) {
            let of_found = listed_names(&found);
            if of_found.iter().any(|name| names.contains(name)) {
                self.join(names, &of_found);
            }
            revealed.extend(of_found);
        }
        revealed.truncate(MAX_NAMES);
        revealed
    }

    fn join(&self, names: &[ObjectName], revealed: &[ObjectName]) {
        if !revealed.is_empty() {
            self.0.cache.join_names(&[names, revealed].concat());
        }
    }
}

fn listed_names(found: &ListedObject) -> Vec<ObjectName> {
    match Kind::of_object_type(&found.object_type) {
        Some(Kind::File) => ObjectName::of_file(found.digests().chain([&*found.id])),
        Some(Kind::Url) => {
            let mut names = match found.url() {
                Some(url) => url_names(url),
                None => Vec::new(),
            };
            names.extend(url_names(&found.id));
            names
        }
        Some(kind) => vec![ObjectName::new(kind.upstream_collection(), &found.id)],
        None => Vec::new(),
    }
}

/// Returns the names of a URL given by its id or its text.
fn url_names(name: &str) -> Vec<ObjectName> {
    match Indicator::parse(Kind::Url, name).or_else(|_| Indicator::url(name)) {
        Ok(url) => ObjectName::of(&url),
        Err(_) => Vec::new(),
    }
}
