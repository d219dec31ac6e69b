//! The content of answers: objects or descriptors, and the envelope around them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::{
    answer::JsonAnswer,
    object::{Descriptor, Reference},
    page::{PageLinks, PageMeta, PageRequest},
    stand_in::StandIn,
};

/// An answer with data.
#[derive(Serialize)]
pub(super) struct DataEnvelope<T> {
    /// The requested data.
    pub(super) data: T,
    /// The metadata of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) meta: Option<PageMeta>,
    /// The links to this answer and the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) links: Option<PageLinks>,
}

impl<T> DataEnvelope<T> {
    /// Wraps data without metadata and links.
    pub(super) fn of(data: T) -> Self {
        Self {
            data,
            meta: None,
            links: None,
        }
    }
}

/// The form in which a list shows its objects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// With their attributes.
    Whole,
    /// By type and id.
    Named,
}

/// An object as an answer shows it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ShownObject<'a> {
    /// An object by its type and id.
    Named(&'a Descriptor),
    /// An object with its attributes.
    Whole {
        /// The id.
        id: &'a str,
        /// The type.
        r#type: &'a str,
        /// The link to the object.
        links: PageLinks,
        /// The attributes.
        attributes: Cow<'a, Value>,
        /// The attributes that apply to this list only.
        #[serde(skip_serializing_if = "Option::is_none")]
        context_attributes: Option<&'a Value>,
    },
    /// An object that a relationship names and that does not exist.
    Missing {
        /// The type and id.
        #[serde(flatten)]
        of: &'a Reference,
        /// The reason.
        error: Value,
    },
}

impl<'a> ShownObject<'a> {
    /// Creates an item with these attributes.
    pub(super) fn whole(of: &'a Reference, attributes: Cow<'a, Value>) -> Self {
        Self::Whole {
            id: &of.id,
            r#type: &of.kind,
            links: PageLinks::to(of.link()),
            attributes,
            context_attributes: None,
        }
    }

    /// Shows the object that a descriptor names, in this form.
    pub(super) fn read(site: &'a StandIn, it: &'a Descriptor, shown: Shown) -> Self {
        if shown == Shown::Named {
            return Self::Named(it);
        }
        let of = &it.of;
        let Some(attributes) = site.attributes(of) else {
            let error = of.not_found().error();
            return Self::Missing { of, error };
        };
        Self::Whole {
            id: &of.id,
            r#type: &of.kind,
            links: PageLinks::to(of.link()),
            attributes,
            context_attributes: it.context_attributes.as_ref(),
        }
    }
}

/// A list and its address.
pub(super) struct ObjectList<'a> {
    /// The address of the list, which may have a query of its own.
    pub(super) path: &'a str,
    /// The objects.
    pub(super) all: &'a [Descriptor],
    /// The form in which they are shown.
    pub(super) shown: Shown,
}

impl ObjectList<'_> {
    /// Renders one page of the list.
    pub(super) fn answer(&self, site: &StandIn, page: &PageRequest<'_>) -> JsonAnswer {
        let mut data = Vec::new();
        for it in page.of(self.all) {
            data.push(ShownObject::read(site, it, self.shown));
        }
        JsonAnswer::ok(&DataEnvelope {
            data,
            meta: Some(page.meta(self.all.len())),
            links: Some(page.links(self.path, self.all.len())),
        })
    }
}
