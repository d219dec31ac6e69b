//! Comments and votes sent at run time.

use serde_json::Value;

use crate::demo::{
    answer::DemoError,
    caller::KeyDigest,
    digest::digest,
    object::{Object, Reference},
};

/// A comment or vote.
pub(in crate::demo) struct Note {
    /// The comment or vote as an object.
    pub(in crate::demo) object: Object,
    /// The object that it is about.
    pub(super) on: Reference,
    pub(super) by: KeyDigest,
    /// The comment's text or the vote's verdict.
    says: String,
}

impl Note {
    /// Creates a comment or vote, depending on `kind`, on an object that takes them. Attributes are
    /// added with [`with_attributes`](Self::with_attributes).
    pub(in crate::demo) fn new(
        kind: &str,
        on: Reference,
        by: KeyDigest,
        says: String,
    ) -> Result<Self, DemoError> {
        let Some(letter) = on.letter() else {
            return Err(DemoError::wrong_method());
        };
        let end = digest(&format!("{kind} by {}: {says}", by.hex()), 8);
        let id = format!("{letter}-{}-{end}", on.id);
        let of = Reference::new(kind, id);
        let attributes = Value::Null;
        Ok(Self {
            object: Object { of, attributes },
            on,
            by,
            says,
        })
    }

    /// Sets the attributes.
    pub(in crate::demo) fn with_attributes(mut self, attributes: Value) -> Self {
        self.object.attributes = attributes;
        self
    }

    /// Returns whether the same key said the same about the same object.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        self.on == other.on && self.by == other.by && self.says == other.says
    }
}
