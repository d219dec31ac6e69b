//! One document of many that are finished one after the other.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Interop, ids, misp};

/// The rows of a job as one document, which is written as they are finished.
#[derive(Debug)]
pub struct MergedRows {
    format: Interop,
    /// The identifiers of the objects that have been written.
    seen: HashSet<String>,
    follows: bool,
}

/// The members of a row's document that hold its objects.
#[derive(Deserialize)]
struct RowObjects<'a> {
    #[serde(borrow, alias = "Object")]
    objects: Vec<&'a RawValue>,
}

/// The identifier of an object.
#[derive(Deserialize)]
struct ObjectId {
    #[serde(alias = "uuid")]
    id: String,
}

impl MergedRows {
    /// Starts a document in this format.
    pub fn new(format: Interop) -> Self {
        Self {
            format,
            seen: HashSet::new(),
            follows: false,
        }
    }

    /// Returns the text before the first row, of a job with these texts.
    pub fn start(&self, given: &[String]) -> String {
        match self.format {
            Interop::Ecs => "[".to_owned(),
            Interop::Stix => {
                let parts: Vec<_> = given.iter().map(String::as_str).collect();
                let id = ids::of_stix("bundle", &parts);
                format!("{{\"type\":\"bundle\",\"id\":\"{id}\",\"objects\":[")
            }
            Interop::Misp => format!("{{\"info\":\"{}\",\"Object\":[", misp::SEVERAL),
        }
    }

    /// Returns the text of a row, whose document is given: its objects that have not been written.
    pub fn add(&mut self, document: &str) -> String {
        let mut text = String::new();
        if self.format == Interop::Ecs {
            self.push(&mut text, document);
            return text;
        }
        // The gateway has written the document itself.
        let Ok(RowObjects { objects }) = serde_json::from_str(document) else {
            return text;
        };
        for object in objects {
            let is_new = match serde_json::from_str::<ObjectId>(object.get()) {
                Ok(ObjectId { id }) => self.seen.insert(id),
                Err(_) => false,
            };
            if is_new {
                self.push(&mut text, object.get());
            }
        }
        text
    }

    fn push(&mut self, text: &mut String, object: &str) {
        if self.follows {
            text.push(',');
        }
        self.follows = true;
        text.push_str(object);
    }

    /// Returns the text behind the last row.
    pub fn end(&self) -> &'static str {
        match self.format {
            Interop::Ecs => "]",
            Interop::Stix | Interop::Misp => "]}",
        }
    }
}
