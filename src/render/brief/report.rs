//! A report that is shown in brief: its attributes and the treatment of its texts.

use std::borrow::Cow;

use super::{
    BriefContext, BriefObject,
    attributes::Attributes,
    values::{
        Bounds, MAX_TEXT, ScaledBounds, add_distinct, beginning, date, field, number, short,
        shorten, string, time,
    },
};
use crate::render::verdict::EngineCounts;

/// An object, its attributes and the circumstances of its brief.
#[derive(Clone, Copy)]
pub(super) struct Report<'r, 'a> {
    /// The object.
    pub(super) object: &'r BriefObject<'a>,
    /// The circumstances.
    pub(super) context: &'r BriefContext<'r>,
    /// The attributes that the brief wants.
    pub(super) attributes: &'r Attributes<'a>,
}

impl<'a> Report<'_, 'a> {
    /// Returns a text that `VirusTotal` or a vendor wrote.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        short(self.attributes.raw(name)?)
    }

    /// Returns a text that a stranger may have written.
    pub(super) fn stranger(&self, raw: &str) -> Option<String> {
        self.treated(&string(raw)?, MAX_TEXT)
    }

    /// Treats a text from a stranger and shortens it.
    ///
    /// The treatment sees far more than is shown, so that an instruction cannot hide behind the cut
    /// or between invisible characters.
    pub(super) fn treated(&self, text: &str, limit: usize) -> Option<String> {
        let text = beginning(text);
        // A text without visible characters is not shown, so it is not counted.
        if shorten(text, 1).is_empty() {
            return None;
        }
        Some(shorten(&self.context.texts.treat(text), limit))
    }

    /// Returns the text of a URL: an attribute, or in some lists a member beside the attributes.
    pub(super) fn url(&self) -> Option<Cow<'a, str>> {
        let context = self.object.context_attributes.unwrap_or_default();
        let url = self.attributes.raw("url");
        string(url.or_else(|| field(context, "url"))?)
    }

    /// Returns a whole number of at least 0.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        number(self.attributes.raw(name)?)
    }

    /// Returns a time in Unix seconds.
    pub(super) fn time(&self, name: &str) -> Option<i64> {
        time(self.attributes.raw(name)?)
    }

    /// Returns a date.
    pub(super) fn date(&self, name: &str) -> Option<String> {
        date(self.time(name)?)
    }

    /// Returns the bounds of a list in this brief.
    pub(super) fn bounds(&self, bounds: ScaledBounds) -> Bounds {
        bounds.of(self.context.is_compact)
    }

    /// Returns the first texts of an array.
    pub(super) fn list(&self, name: &str, bounds: Bounds) -> Vec<String> {
        let mut texts = Vec::new();
        for raw in &self.attributes.elements(name).first {
            if texts.len() == bounds.texts {
                break;
            }
            add_distinct(&mut texts, short(raw).unwrap_or_default(), bounds);
        }
        texts
    }

    /// Returns the id of the object, or the one that the caller gave.
    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        let id = self.object.id.filter(|id| !id.is_empty())?;
        Some(Cow::Borrowed(id))
    }

    /// Returns the engines' opinions as `VirusTotal` counts them, or else as the report lists them.
    pub(super) fn counts(&self) -> EngineCounts {
        let Some(stats) = self.attributes.raw("last_analysis_stats") else {
            return self.attributes.engines.counts;
        };
        if !stats.starts_with('{') {
            return self.attributes.engines.counts;
        }
        let count = |key| field(stats, key).and_then(number).unwrap_or_default();
        EngineCounts {
            malicious: count("malicious"),
            suspicious: count("suspicious"),
            harmless: count("harmless"),
            undetected: count("undetected"),
        }
    }

    /// Returns the reason for which there is no report.
    pub(super) fn missing(&self) -> Option<String> {
        if self.object.attributes.is_some() {
            return None;
        }
        let Some(error) = self.object.error else {
            return Some("no report in this answer".to_owned());
        };
        match error_code(error) {
            Some(code) if code.to_ascii_lowercase().starts_with("notfound") => {
                Some("not found".to_owned())
            }
            Some(code) => Some(format!("no report: {code}")),
            None => Some("no report: an error in its place".to_owned()),
        }
    }
}

/// Returns the code of an error, if it looks like one of `VirusTotal`'s.
pub(super) fn error_code(error: &str) -> Option<Cow<'_, str>> {
    let code = string(field(error, "code")?)?;
    let is_code = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_code && code.len() <= 64 {
        Some(code)
    } else {
        None
    }
}
