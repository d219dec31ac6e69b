//! The content of answers: objects or descriptors, and the envelope around them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::{
    object::{Descriptor, Reference},
    page::{Links, Meta},
    stand_in::StandIn,
};

/// An answer with data.
#[derive(Serialize)]
pub(super) struct Envelope<T> {
    /// The requested data.
    pub(super) data: T,
    /// The metadata of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) meta: Option<Meta>,
    /// The links to this answer and the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) links: Option<Links>,
}

impl<T> Envelope<T> {
    /// Wraps data without metadata and links.
    pub(super) fn of(data: T) -> Self {
        Self {
            data,
            meta: None,
            links: None,
        }
    }
}

/// An object as an answer shows it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Item<'a> {
    /// An object by its type and id.
    Named(&'a Descriptor),
    /// An object with its attributes.
    Whole {
        /// The id.
        id: &'a str,
        /// The type.
        r#type: &'a str,
        /// The link to the object.
        links: Links,
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

impl<'a> Item<'a> {
    /// Creates an item with these attributes.
    pub(super) fn whole(
        of: &'a Reference,
        attributes: Cow<'a, Value>,
        context_attributes: Option<&'a Value>,
    ) -> Self {
        let links = Links::to(of.link());
        Self::Whole {
            id: &of.id,
            r#type: &of.kind,
            links,
            attributes,
            context_attributes,
        }
    }

    /// Resolves a descriptor to the object that it names.
    pub(super) fn read(site: &'a StandIn, it: &'a Descriptor) -> Self {
        let of = &it.of;
        match site.attributes(of) {
            Some(attributes) => Self::whole(of, attributes, it.context_attributes.as_ref()),
            None => Self::Missing {
                of,
                error: of.not_found().error(),
            },
        }
    }
}
