//! What stands in an answer: objects, whole or by name, and what goes around them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::{
    object::{Descriptor, Reference},
    page::{Links, Meta},
    stand_in::StandIn,
};

/// An answer with something in it.
#[derive(Serialize)]
pub(super) struct Envelope<T> {
    /// What was asked for.
    pub(super) data: T,
    /// What is to be said of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) meta: Option<Meta>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) links: Option<Links>,
}

impl<T> Envelope<T> {
    /// An answer with nothing else in it.
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
    /// By its type and id.
    Named(&'a Descriptor),
    /// With all that is known of it.
    Whole {
        /// Its id.
        id: &'a str,
        /// Its type.
        r#type: &'a str,
        /// Where it is.
        links: Links,
        /// What is known of it.
        attributes: Cow<'a, Value>,
        /// What is true of it in this list only.
        #[serde(skip_serializing_if = "Option::is_none")]
        context_attributes: Option<&'a Value>,
    },
    /// One that another names, and that isn't there.
    Missing {
        /// Its type and id.
        #[serde(flatten)]
        of: &'a Reference,
        /// Why.
        error: Value,
    },
}

impl<'a> Item<'a> {
    /// An object with these attributes.
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

    /// What a descriptor stands for.
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
