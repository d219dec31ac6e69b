//! Views of answers for models: Markdown as text, JSON as structured content.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::budget::{Budget, Rendered, spaced};
use crate::{
    clock::Now,
    http::{Gateway, error::ApiError},
    lookup::{LookupError, Origin, Reply, TwoReplies, TwoViews},
    render::{
        Detail, View,
        format::Format,
        hidden::escaped,
        template::{Templates, fields::Fields},
        untrusted::Untrusted,
    },
};

/// The smallest budget of a view.
const LEAST: usize = 50;

/// The choice of what an answer shows.
#[derive(Debug)]
pub(super) struct ModelView<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) templates: &'a Templates,
    pub(super) detail: Detail,
    pub(super) fields: Option<&'a Fields>,
    /// The cursor from which a list starts.
    pub(super) cursor: Option<&'a str>,
}

/// The limits of the two views of an answer, in tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most for structured content.
    pub(super) data: usize,
    /// The most for the text.
    pub(super) text: usize,
    /// The room for what is added to both.
    pub(super) reserve: usize,
    /// The room for the cursor of a list.
    pub(super) cursor: usize,
}

impl Limits {
    /// Returns the limits for a budget that may be larger than the default.
    pub(super) fn scaled(self, budget: Budget) -> Self {
        Self {
            data: budget.scaled(self.data),
            text: budget.scaled(self.text),
            ..self
        }
    }
}

/// An answer in both views.
#[derive(Debug)]
pub(super) struct TwoForms {
    /// The data as JSON.
    pub(super) data: String,
    /// The metadata of its envelope.
    pub(super) meta: FormsMeta,
    /// The Markdown.
    pub(super) text: String,
    /// The origin of the answer.
    pub(super) origin: Origin,
    /// The cursor of the next page.
    pub(super) cursor: Option<String>,
    /// The size of data, with a client's blanks, and text.
    pub(super) size: Rendered,
}

/// The facts about a view that its envelope holds.
#[derive(Debug, Default, Deserialize)]
pub(super) struct FormsMeta {
    #[serde(default)]
    pub(super) complete: Option<bool>,
    #[serde(default)]
    pub(super) shown: Option<usize>,
    #[serde(default)]
    pub(super) omitted: Vec<OmittedPath>,
    #[serde(default)]
    pub(super) relationships: Option<BTreeMap<String, Ids>>,
}

/// An attribute that a view leaves out.
#[derive(Debug, Deserialize)]
pub(super) struct OmittedPath {
    pub(super) path: String,
}

/// The related objects that came with a report.
#[derive(Debug, Deserialize)]
pub(super) struct Ids {
    pub(super) ids: Vec<String>,
    pub(super) count: u64,
}

#[derive(Deserialize)]
struct ViewEnvelope<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    meta: FormsMeta,
}

impl<'a> ModelView<'a> {
    /// Creates the choice of facts that decide.
    pub(super) fn brief(gateway: &'a Gateway, templates: &'a Templates) -> Self {
        Self {
            gateway,
            templates,
            detail: Detail::Brief,
            fields: None,
            cursor: None,
        }
    }

    /// Returns the view in a format, within a budget.
    pub(super) fn view(&self, format: Format, max_tokens: usize) -> View<'a> {
        View {
            bare: format == Format::Markdown,
            detail: self.detail,
            fields: self.fields,
            cursor: self.cursor,
            max_tokens: Some(max_tokens.max(LEAST)),
            untrusted: Untrusted::Withhold,
            escapes_hidden: true,
            verdicts: self.gateway.views.verdicts,
            now: Now::read().utc.unix_timestamp(),
            ..View::new(format, self.templates)
        }
    }

    /// Fetches an answer by a function that takes both views.
    pub(super) async fn shape(
        &self,
        budget: Budget,
        limits: Limits,
        fetch: impl AsyncFnOnce(&TwoViews<'_>) -> Result<TwoReplies, LookupError>,
    ) -> Result<TwoForms, LookupError> {
        let room = budget
            .whole()
            .saturating_sub(limits.reserve + limits.cursor);
        let half = TwoViews::half(room);
        let data = self.view(Format::Json, limits.data.min(half));
        let text = self.view(Format::Markdown, limits.text);
        let views = TwoViews {
            first: &data,
            most_of_first: limits.data,
            second: &text,
            room,
            reserve: limits.cursor,
        };
        fetch(&views).await.map(TwoForms::of)
    }
}

impl TwoForms {
    fn of(replies: TwoReplies) -> Self {
        let TwoReplies { first, second } = replies;
        let Reply { view, provenance } = first;
        let (mut data, mut meta) = ("null".to_owned(), FormsMeta::default());
        // The envelope is the gateway's own, so it can be read.
        if let Ok(envelope) = serde_json::from_slice::<ViewEnvelope<'_>>(&view.body) {
            envelope.data.get().clone_into(&mut data);
            meta = envelope.meta;
        }
        meta.escape_hidden();
        let mut text = String::from_utf8_lossy(&second.view.body).into_owned();
        text.truncate(text.trim_end().len());
        let size = Rendered {
            bytes: data.len() + text.len(),
            tokens: spaced(view.size.tokens) + second.view.size.tokens,
        };
        Self {
            data,
            meta,
            text,
            origin: provenance.origin,
            cursor: view.cursor.as_deref().map(str::to_owned),
            size,
        }
    }

    /// Whether nothing was left out of the data for size.
    pub(super) fn is_complete(&self) -> bool {
        self.meta.complete.unwrap_or(true)
    }
}

impl FormsMeta {
    /// Escapes invisible characters in paths and ids, as in the data and the text.
    fn escape_hidden(&mut self) {
        for omitted in &mut self.omitted {
            omitted.path = escaped(&omitted.path).into_owned();
        }
        let related = self.relationships.iter_mut().flatten();
        for id in related.flat_map(|(_, related)| &mut related.ids) {
            *id = escaped(id).into_owned();
        }
    }
}

/// Reads the fields that a caller chose.
pub(super) fn read_fields(text: Option<&str>) -> Result<Option<Fields>, ApiError> {
    let Some(text) = text else {
        return Ok(None);
    };
    match Fields::parse(text) {
        Ok(fields) => Ok(Some(fields)),
        Err(why) => Err(ApiError::bad_request(format!("argument `fields`: {why}"))),
    }
}
