//! The place of a value in the filters of a view.

use super::pattern::{Filter, Step};
use crate::render::format::json::Quoted;

/// The steps of a value in the fields that a caller chose and in the rules of a template.
///
/// A value is shown if both show it.
#[derive(Clone, Copy, Debug)]
pub(in crate::render) struct Place<'t> {
    fields: &'t Step,
    rules: &'t Step,
}

impl<'t> Place<'t> {
    /// Returns the place where both filters start.
    pub(in crate::render) fn start(fields: Option<&'t Filter>, rules: Option<&'t Filter>) -> Self {
        Self {
            fields: fields.map_or(&Step::FREE, Filter::start),
            rules: rules.map_or(&Step::FREE, Filter::start),
        }
    }

    /// Returns a place where everything is shown, and all of it was written by strangers.
    pub(in crate::render) fn untrusted() -> Self {
        Self {
            fields: &Step::FREE,
            rules: &Step::UNTRUSTED,
        }
    }

    /// Returns the same place, with all of its value written by strangers.
    pub(in crate::render) fn in_untrusted(self) -> Self {
        Self {
            rules: &Step::UNTRUSTED,
            ..self
        }
    }

    /// Returns the place of the value of a key, or `None` if nothing of the value is shown.
    #[inline]
    pub(in crate::render) fn at_key(self, key: Quoted<'_>) -> Option<Self> {
        // Without patterns the key does not matter, so it is not decoded.
        if !self.fields.goes_on() && !self.rules.goes_on() {
            return Some(self);
        }
        let key = key.meant();
        Some(Self {
            fields: self.fields.at_key(&key)?,
            rules: self.rules.at_key(&key)?,
        })
    }

    /// Returns the same place in the rules, at the start of these fields.
    pub(super) fn choosing(self, fields: Option<&'t Filter>) -> Self {
        Self {
            fields: fields.map_or(&Step::FREE, Filter::start),
            ..self
        }
    }

    /// Returns the place of the elements of an array, or `None` if nothing of them is shown.
    pub(in crate::render) fn at_element(self) -> Option<Self> {
        Some(Self {
            fields: self.fields.at_element()?,
            rules: self.rules.at_element()?,
        })
    }

    /// Whether a value is shown, and not only searched for values that are.
    pub(in crate::render) fn is_shown(self) -> bool {
        self.fields.is_included && self.rules.is_included
    }

    /// Whether all of a value is shown, whatever it holds.
    pub(in crate::render) fn shows_all(self) -> bool {
        self.is_shown() && !self.fields.goes_on() && !self.rules.goes_on()
    }

    /// Whether strangers wrote the value.
    pub(super) fn is_untrusted(self) -> bool {
        self.rules.is_untrusted
    }
}
