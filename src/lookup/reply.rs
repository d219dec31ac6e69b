//! The reply of a lookup.

use super::Provenance;
use crate::{
    cache::{RenderedView, ViewKey},
    render::{Document, View},
};

/// The reply to a caller.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The body with its entity tag and cursor.
    pub view: RenderedView,
    /// The origin and age.
    pub provenance: Provenance,
}

impl Reply {
    /// Builds a reply from a rendered answer.
    pub(super) fn new(answer: Document, provenance: Provenance) -> Self {
        let hash = twox_hash::XxHash3_128::oneshot(&answer.body);
        let view = RenderedView {
            // A weak tag, since the same document may also be sent compressed.
            etag: format!("W/\"{hash:032x}\"").into(),
            body: answer.body.into(),
            cursor: answer.cursor.map(Into::into),
        };
        Self { view, provenance }
    }
}

/// Returns the key by which a rendered view is cached.
pub(super) fn view_key(view: &View<'_>) -> ViewKey {
    ViewKey {
        format: view.format,
        bare: view.bare,
        descriptors_only: view.descriptors_only,
        template: view.template_key(),
    }
}
