//! The attributes that a brief is made from.

use super::{
    engines::Engines,
    omitted::{LargestOmitted, Omitted},
};
use crate::render::format::json::{Unreadable, lexer::Lexer, read::RawMember};

/// The number of elements that are kept of an array.
const MAX_ELEMENTS: usize = 256;

/// The values of the attributes that a brief wants.
#[derive(Debug, Default)]
pub(super) struct Attributes<'a> {
    values: Vec<Wanted<'a>>,
    /// The opinions of the engines, from `last_analysis_results`.
    pub(super) engines: Engines<'a>,
    omitted: LargestOmitted<'a>,
}

/// The value of an attribute.
#[derive(Debug)]
struct Wanted<'a> {
    name: &'static str,
    raw: &'a str,
    elements: Elements<'a>,
}

/// The first elements of an array.
#[derive(Debug, Default)]
pub(super) struct Elements<'a> {
    /// The JSON texts of the first elements.
    pub(super) first: Vec<&'a str>,
    /// The number of all elements.
    pub(super) total: u64,
}

/// The elements of a value that is not an array.
const NO_ELEMENTS: &Elements<'static> = &Elements {
    first: Vec::new(),
    total: 0,
};

impl<'a> Attributes<'a> {
    /// Reads the attributes with these names. Of equal names the first one counts.
    pub(super) fn read(members: &[RawMember<'a>], names: &[&'static str]) -> Self {
        let mut attributes = Self::default();
        for RawMember { key, raw } in members {
            let key = key.meant();
            match attributes.wanted(&key, names) {
                Some(name) => {
                    // A fault has been reported by now: the members were read before.
                    let _ = attributes.read_value(raw, name);
                    attributes.omitted.push_used(key, raw);
                }
                None => attributes.omitted.push(key, raw),
            }
        }
        attributes
    }

    fn wanted(&self, key: &str, names: &[&'static str]) -> Option<&'static str> {
        let name = names.iter().find(|name| **name == key)?;
        if self.get(name).is_some() {
            return None;
        }
        Some(name)
    }

    fn read_value(&mut self, raw: &'a str, name: &'static str) -> Result<(), Unreadable> {
        let mut elements = Elements::default();
        let mut lexer = Lexer::new(raw);
        match lexer.peek() {
            b'{' if name == "last_analysis_results" => self.engines.read(&mut lexer)?,
            b'[' => elements = Elements::read(&mut lexer)?,
            _ => {}
        }
        self.values.push(Wanted {
            name,
            raw,
            elements,
        });
        Ok(())
    }

    /// Returns the JSON text of an attribute. `null` counts as absent.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        let wanted = self.get(name)?;
        if wanted.raw == "null" {
            return None;
        }
        Some(wanted.raw)
    }

    /// Returns the elements of an attribute, none if it is not an array.
    pub(super) fn elements(&self, name: &str) -> &Elements<'a> {
        match self.get(name) {
            Some(wanted) => &wanted.elements,
            None => NO_ELEMENTS,
        }
    }

    fn get(&self, name: &str) -> Option<&Wanted<'a>> {
        self.values.iter().find(|wanted| wanted.name == name)
    }

    /// Returns the attributes that were left out, the largest first.
    pub(super) fn into_omitted(self) -> Vec<Omitted<'a>> {
        self.omitted.finish()
    }
}

impl<'a> Elements<'a> {
    /// Consumes an array and keeps its first elements.
    pub(super) fn read(lexer: &mut Lexer<'a>) -> Result<Self, Unreadable> {
        let mut elements = Self::default();
        let mut more = lexer.open(b'[', b']')?;
        while more {
            let element = lexer.raw()?;
            elements.total += 1;
            if elements.first.len() < MAX_ELEMENTS {
                elements.first.push(element);
            }
            more = lexer.more(b']')?;
        }
        Ok(elements)
    }
}
