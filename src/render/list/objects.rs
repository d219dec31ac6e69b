//! The objects on the pages of a list.

use std::collections::HashSet;

use super::ListPage;
use crate::render::{
    format::json::{Unreadable, lexer::Lexer},
    raw_object::{Descriptor, RawObject},
};

/// The objects seen so far, by type and id.
#[derive(Default)]
pub(super) struct SeenObjects(HashSet<(String, String)>);

impl SeenObjects {
    /// Returns whether an object has not been seen yet. An object without a type or id counts as
    /// new.
    pub(super) fn is_new(&mut self, object: &Descriptor<'_>) -> bool {
        match object.name() {
            Some(name) => self.0.insert(name),
            None => true,
        }
    }
}

/// The objects on the pages of a list, without repeated ones.
pub(super) struct Objects<'p, 'a> {
    pages: std::slice::Iter<'p, ListPage<'a>>,
    has_values: bool,
    /// The rest of the page that is being read.
    elements: Elements<'a>,
    seen: SeenObjects,
}

impl<'p, 'a> Objects<'p, 'a> {
    /// Starts to read pages, whose elements may be other values than objects if `has_values`.
    /// Else a `null` is skipped.
    pub(super) fn of(pages: &'p [ListPage<'a>], has_values: bool) -> Self {
        Self {
            pages: pages.iter(),
            has_values,
            elements: Elements::none(),
            seen: SeenObjects::default(),
        }
    }

    /// Reads the next object that is not repeated.
    pub(super) fn next(&mut self) -> Result<Option<RawObject<'a>>, Unreadable> {
        loop {
            while let Some(found) = self.elements.next(|lexer| read(lexer, self.has_values))? {
                let Some(object) = found else {
                    continue;
                };
                if self.seen.is_new(&object.descriptor) {
                    return Ok(Some(object));
                }
            }
            let Some(page) = self.pages.next() else {
                return Ok(None);
            };
            self.elements = Elements::of(page.data)?;
        }
    }
}

/// Reads an object, or a value in place of one; `None` for a `null`, which stands for no object.
fn read<'a>(lexer: &mut Lexer<'a>, has_values: bool) -> Result<Option<RawObject<'a>>, Unreadable> {
    match lexer.peek() {
        b'{' => RawObject::read(lexer).map(Some),
        _ if has_values => RawObject::of_value(lexer.raw()?).map(Some),
        b'n' => lexer.skip().map(|()| None),
        _ => Err(Unreadable::Missing),
    }
}

/// The elements of an array that are still to be read.
pub(super) struct Elements<'a> {
    lexer: Lexer<'a>,
    has_more: bool,
}

impl<'a> Elements<'a> {
    fn none() -> Self {
        Self {
            lexer: Lexer::new(""),
            has_more: false,
        }
    }

    pub(super) fn of(array: &'a str) -> Result<Self, Unreadable> {
        let mut lexer = Lexer::new(array);
        let has_more = lexer.open(b'[', b']')?;
        Ok(Self { lexer, has_more })
    }

    /// Reads the next element with `read`, which has to consume it.
    pub(super) fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Lexer<'a>) -> Result<T, Unreadable>,
    ) -> Result<Option<T>, Unreadable> {
        if !self.has_more {
            return Ok(None);
        }
        let element = read(&mut self.lexer)?;
        self.has_more = self.lexer.more(b']')?;
        Ok(Some(element))
    }
}
