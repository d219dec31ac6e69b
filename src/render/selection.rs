//! The choice of a view from the objects of an answer: brief views, and views within a budget.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    Document, RenderError, Title, View,
    briefs::Briefs,
    compose::Composition,
    parts::Row,
    raw_object::{Descriptor, RawObject},
};
use crate::render::format::{Format, json::Meta};

/// The choice of a view from the objects of an answer.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) title: &'a Title<'a>,
    /// The id in the title.
    pub(super) id: Cow<'a, str>,
    pub(super) arrangement: Arrangement,
    /// The length of the answer without white space, in bytes.
    pub(super) answer: usize,
}

/// The arrangement of objects in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// One object, whose attributes are the document.
    Report,
    /// One object, whose id and type are shown as well.
    Object,
    /// At most one object, the target of a relationship: a section of the document.
    Section,
    /// A list of objects.
    List,
}

impl Selection<'_> {
    /// Writes the document of these objects, in an envelope unless it is bare.
    pub(super) fn compose(
        &self,
        objects: Vec<RawObject<'_>>,
        meta: Meta<'_>,
    ) -> Result<Document, RenderError> {
        let briefs = Briefs::new(self.view, self.arrangement == Arrangement::List);
        let mut unused = BTreeMap::new();
        let mut texts = Vec::new();
        let mut rows = Vec::with_capacity(objects.len());
        let are_briefs = self.shows_briefs(&objects);
        if are_briefs {
            for object in &objects {
                texts.push(match self.arrangement {
                    Arrangement::Report => briefs.of_report(object, self.title, &mut unused),
                    _ => briefs.of_object(object, &mut unused),
                });
            }
            for text in &texts {
                rows.push(Briefs::row(text)?);
            }
        } else {
            for object in objects {
                rows.push(match self.arrangement {
                    Arrangement::Report => {
                        Row::without_descriptor(object, self.title.object_type, self.view)
                    }
                    // Raw data of one object is its attributes.
                    Arrangement::Object | Arrangement::Section
                        if self.view.format == Format::Raw && object.attributes.is_some() =>
                    {
                        let object_type = object.descriptor.object_type().unwrap_or_default();
                        Row::without_descriptor(object, &object_type, self.view)
                    }
                    // An element of a raw list that is no object.
                    _ if object.descriptor == Descriptor::default()
                        && object.attributes.is_some() =>
                    {
                        Row::without_descriptor(object, "", self.view)
                    }
                    // Markdown of one object shows its attributes under its title.
                    Arrangement::Object if self.view.format == Format::Markdown => Row {
                        beside: Vec::new(),
                        ..Row::of(object, self.view)
                    },
                    _ => Row::of(object, self.view),
                });
            }
        }
        let composition = Composition {
            selection: self,
            rows,
            texts: are_briefs.then_some(&briefs.texts),
            unused,
            has_last_line: true,
            is_tight: false,
        };
        composition.render(meta)
    }

    /// Whether the objects are shown in brief: a value that is no object has no brief.
    fn shows_briefs(&self, objects: &[RawObject<'_>]) -> bool {
        let is_object = |object: &RawObject<'_>| match &object.attributes {
            Some(attributes) => attributes.is_object(),
            None => true,
        };
        let has_briefs = self.arrangement != Arrangement::Report || objects.iter().all(is_object);
        self.view.is_brief() && has_briefs
    }
}
