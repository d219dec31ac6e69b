//! The reply of a lookup.

use bytes::Bytes;

use super::{Provenance, names::Rendered};
use crate::{
    cache::{RenderedView, ViewKey},
    render::{Detail, Document, RenderError, View},
};

/// The reply to a caller.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The body with its entity tag and cursor.
    pub view: RenderedView,
    /// The origin and age.
    pub provenance: Provenance,
}

/// The way to render an answer for a caller.
pub(super) struct Renderer<F> {
    /// The key by which the rendered view is cached.
    pub(super) key: ViewKey,
    /// The amount that the view shows.
    pub(super) detail: Detail,
    /// The function that renders the bytes of an answer.
    pub(super) render: F,
}

/// A function that renders the bytes of an answer, on any thread.
pub(super) trait RenderFn: Fn(&Bytes) -> Result<Rendered, RenderError> + Sync {}

impl<F: Fn(&Bytes) -> Result<Rendered, RenderError> + Sync> RenderFn for F {}

impl Reply {
    /// Builds a reply from a rendered answer.
    pub(super) fn new(document: Document, provenance: Provenance) -> Self {
        let hash = twox_hash::XxHash3_128::oneshot(&document.body);
        let view = RenderedView {
            // A weak tag, since the same document may also be sent compressed.
            etag: format!("W/\"{hash:032x}\"").into(),
            body: document.body.into(),
            cursor: document.cursor.map(Into::into),
            size: document.size,
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
        options: view.options_key(),
    }
}
