//! The place of a document in a job: the row's number, and the text that was given.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{Interop, subject::clipped, written};

/// The characters of a text that was given, as long as a keyword of Elasticsearch.
const LONGEST_GIVEN: usize = 1024;

/// The place of a document in a job.
#[derive(Clone, Copy, Debug)]
pub struct RowPlace<'p> {
    /// The number of the row, from 1.
    pub number: usize,
    /// The text as it was given.
    pub given: &'p str,
}

impl RowPlace<'_> {
    /// Adds the place to the document of a row.
    ///
    /// STIX has no room for it: the same indicator has to be the same objects in every job.
    pub fn add_to<'d>(&self, document: &'d str, format: Interop) -> Cow<'d, str> {
        if format == Interop::Stix {
            return Cow::Borrowed(document);
        }
        // The gateway has written the document itself.
        let Ok(mut members) = serde_json::from_str::<Map<String, Value>>(document) else {
            return Cow::Borrowed(document);
        };
        let given = json!(shown_text(self.given));
        if format == Interop::Misp {
            members.insert("row".to_owned(), json!(self.number));
            members.insert("given".to_owned(), given);
        } else if let Some(Value::Object(event)) = members.get_mut("event") {
            event.insert("sequence".to_owned(), json!(self.number));
            event.insert("original".to_owned(), given);
        }
        Cow::Owned(written(&members))
    }
}

/// Returns a text that a caller gave on one line, without invisible characters, cut.
pub fn shown_text(given: &str) -> String {
    clipped(given, LONGEST_GIVEN)
}
