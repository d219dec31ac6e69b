//! The rows and the options of a request, from its query and its body.

use std::time::Duration;

use axum::http::HeaderMap;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::{answer::BulkFormat, batch::Batch, rows::Rows};
use crate::{
    http::{
        error::ApiError,
        extract::{
            Parameters,
            body::{self, JSON},
            format::AnswerFormat,
            freshness::{self, read_duration},
            list::read_flag,
            query::{FromQuery, StrictQuery},
            view::{ViewQuery, WantedView},
        },
        state::Gateway,
    },
    indicator::Kind,
    lookup::Freshness,
    render::{View, interop::Interop, template::Templates},
};

/// The media types of bodies.
pub const MEDIA_TYPES: [&str; 3] = [JSON, "text/plain", "text/csv"];

/// The largest body in bytes.
pub const MOST_BYTES: usize = 2 * 1024 * 1024;

/// The longest time that a job may wait for quota.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// The options of a job beside its view. In a body of JSON they may stand beside the indicators.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BulkQuery {
    /// The largest number of units of quota that the job spends.
    #[param(value_type = Option<u64>)]
    max_units: Option<u64>,
    /// Whether only to say what the job would cost: `true` answers with the summary alone, and costs nothing.
    #[param(default = false)]
    dry_run: Option<bool>,
    /// The time to wait for quota, such as `30m`, at most `24h`. Without it the job ends when quota runs out.
    #[param(value_type = Option<String>, pattern = "^(0|[1-9][0-9]?[smh]?)$")]
    wait: Option<Duration>,
    /// Only indicators of these types: `file`, `url`, `domain`, `ip`, separated by commas. Others are left out.
    #[param(value_type = Option<String>, pattern = "^(file|url|domain|ip)(,(file|url|domain|ip)){0,3}$")]
    only: Option<Vec<Kind>>,
    /// The column of a CSV body, by its name in the first line or by its number from 1, where every line is data.
    #[param(value_type = Option<String>)]
    column: Option<String>,
    /// A format of SOC platforms for the rows: a document of ECS 9, a STIX 2.1 bundle or MISP objects. Without it `Accept` alone
    /// chooses the form.
    #[param(inline)]
    format: Option<Interop>,
}

/// The options of a job.
#[derive(Debug)]
pub(super) struct JobOptions {
    pub(super) view: WantedView,
    /// Whether the rows are in a format of SOC platforms.
    pub(super) is_interop: bool,
    pub(super) max_units: Option<u64>,
    pub(super) wait: Duration,
    /// Whether the last unit of a minute is left to others.
    pub(super) leaves_last_unit: bool,
    pub(super) freshness: Freshness,
}

/// A request as it was read.
#[derive(Debug)]
pub struct BulkRequest {
    pub(super) batch: Batch,
    pub(super) options: JobOptions,
    /// Whether only the cost is asked for.
    pub dry_run: bool,
    /// The budget of a Markdown table.
    pub max_tokens: Option<usize>,
    /// The form of the answer.
    pub format: BulkFormat,
}

/// The indicators of a caller that waits for the answer to all of them.
#[derive(Clone, Copy, Debug)]
pub enum GivenText<'a> {
    /// One in each element.
    List(&'a [String]),
    /// In free text.
    Text(&'a str),
}

/// A body of JSON; the options are what is left.
#[derive(Deserialize)]
struct JsonBody {
    indicators: Option<Vec<Value>>,
    text: Option<String>,
    #[serde(flatten)]
    options: Map<String, Value>,
}

impl FromQuery for BulkQuery {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        ["max_units", "dry_run", "wait", "only", "column", "format"].into_iter()
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let whole = "expected a whole number";
        let wait = "expected a duration such as `30m` (a bare number is seconds), at most `24h`";
        let kinds = "expected `file`, `url`, `domain` or `ip`, separated by commas";
        let formats = "expected `ecs`, `stix` or `misp`; `Accept` chooses all other forms";
        Ok(Self {
            max_units: parameters.read("max_units", whole, |it| it.parse().ok())?,
            dry_run: parameters.read("dry_run", "expected `true` or `false`", read_flag)?,
            wait: parameters.read("wait", wait, |it| read_duration(it, LONGEST_WAIT))?,
            only: parameters.read("only", kinds, read_kinds)?,
            column: parameters.one("column")?.map(str::to_owned),
            format: parameters
                .read("format", formats, |it| it.to_ascii_lowercase().parse().ok())?,
        })
    }
}

fn read_kinds(text: &str) -> Option<Vec<Kind>> {
    let mut kinds = Vec::new();
    for name in text.split(',') {
        let name = name.trim().to_ascii_lowercase();
        kinds.push(Kind::ALL.into_iter().find(|kind| kind.name() == name)?);
    }
    Some(kinds)
}

impl JobOptions {
    /// Returns the view that rows show beside their verdict, if the caller named one.
    pub(super) fn shown<'a>(&'a self, templates: &'a Templates, kind: Kind) -> Option<View<'a>> {
        if !self.view.names_amount() && !self.is_interop {
            return None;
        }
        let view = self.view.of(templates, &[kind], None).ok()?;
        // The budget is that of the whole table.
        Some(View {
            max_tokens: None,
            ..view
        })
    }
}

impl BulkRequest {
    /// Reads a request from its query, its headers and its body.
    pub fn read(
        gateway: &Gateway,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, ApiError> {
        let media_type = body::require(headers, &MEDIA_TYPES)?;
        let (mut query, mut source) = (query.to_owned(), Source::Bytes(body));
        if media_type == JSON {
            source = read_json(body, &mut query)?;
        }
        let StrictQuery((bulk, view)) = StrictQuery::<(BulkQuery, ViewQuery)>::of_text(&query)?;
        let max_tokens = view.max_tokens;
        let format = BulkFormat::wanted(headers, bulk.format)?;
        let view = WantedView::of_now(AnswerFormat::enveloped(format.interop()), view, gateway);
        // Contradictions are found before anything is looked up.
        view.of(&gateway.templates.current(), &Kind::ALL, None)?;
        if bulk.column.is_some() && media_type != "text/csv" {
            return Err(ApiError::bad_request(
                "parameter `column`: only a body of `text/csv` has columns",
            ));
        }
        let mut rows = Rows {
            batch: Batch::default(),
            only: bulk.only,
        };
        match source {
            Source::List(list) => rows.add_list(&list)?,
            Source::Text(text) => rows.add_text(&text)?,
            Source::Bytes(bytes) if media_type == "text/csv" => {
                rows.add_csv(bytes, bulk.column.as_deref())?;
            }
            Source::Bytes(bytes) => rows.add_text(&String::from_utf8_lossy(bytes))?,
        }
        if rows.batch.rows.is_empty() {
            return Err(ApiError::bad_request(
                "nothing to look up: the body has no hash, URL, domain or IP address",
            ));
        }
        Ok(Self {
            batch: rows.batch,
            options: JobOptions {
                view,
                is_interop: format.interop().is_some(),
                max_units: bulk.max_units,
                wait: bulk.wait.unwrap_or_default(),
                leaves_last_unit: true,
                freshness: freshness::read_control(headers),
            },
            dry_run: bulk.dry_run.unwrap_or(false),
            max_tokens,
            format,
        })
    }
}

impl BulkRequest {
    /// Builds the request of a caller that waits for all rows, at most `most`. Of a text each
    /// indicator is a row once; the number of those beyond `most` is returned as well.
    ///
    /// It may spend the last unit of a minute, which a job leaves to such callers.
    pub fn interactive(
        gateway: &Gateway,
        given: GivenText<'_>,
        most: usize,
    ) -> Result<(Self, usize), ApiError> {
        let mut rows = Rows::default();
        let mut left_out = 0;
        match given {
            GivenText::List(list) => rows.add_list(list)?,
            GivenText::Text(text) => {
                rows.add_text(text)?;
                let mut different = rows.batch.different();
                left_out = different.len().saturating_sub(most);
                different.truncate(most);
                rows = Rows::default();
                rows.add_list(&different)?;
            }
        }
        let format = AnswerFormat::enveloped(None);
        let StrictQuery(view) = StrictQuery::<ViewQuery>::of_text("")?;
        let request = Self {
            batch: rows.batch,
            options: JobOptions {
                view: WantedView::of_now(format, view, gateway),
                is_interop: false,
                max_units: None,
                wait: Duration::ZERO,
                leaves_last_unit: false,
                freshness: Freshness::default(),
            },
            dry_run: false,
            max_tokens: None,
            format: BulkFormat::Ndjson,
        };
        Ok((request, left_out))
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.batch.rows.len()
    }

    /// Returns the texts of the rows, in their order.
    pub fn texts(&self) -> Vec<String> {
        self.batch.texts()
    }
}

/// The text with the indicators.
enum Source<'a> {
    /// One in each element.
    List(Vec<String>),
    /// In free text, or one on each line.
    Text(String),
    /// In the body itself.
    Bytes(&'a [u8]),
}

/// Reads a body of JSON, and adds its options to the query.
fn read_json<'a>(body: &[u8], query: &mut String) -> Result<Source<'a>, ApiError> {
    let expected =
        "an object with `indicators`, a list of texts, or with `text`, and options beside it";
    let JsonBody {
        indicators,
        text,
        options,
    } = body::json(body, expected)?;
    for (name, value) in options {
        let value = match value {
            Value::String(text) => text,
            Value::Array(list) => list_of_texts(&name, &list)?,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null => continue,
            Value::Object(_) => {
                return Err(ApiError::bad_request(format!(
                    "parameter `{name}`: expected a text, a number or a list"
                )));
            }
        };
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(utf8_percent_encode(&name, NON_ALPHANUMERIC));
        query.push('=');
        query.extend(utf8_percent_encode(&value, NON_ALPHANUMERIC));
    }
    match (indicators, text) {
        (Some(list), None) => {
            let mut texts = Vec::with_capacity(list.len());
            for value in list {
                texts.push(match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                });
            }
            Ok(Source::List(texts))
        }
        (None, Some(text)) => Ok(Source::Text(text)),
        (Some(_), Some(_)) => Err(ApiError::bad_request(
            "`indicators` and `text` contradict each other: leave one of them out",
        )),
        (None, None) => Err(ApiError::bad_request(format!(
            "the body can't be read: expected {expected}"
        ))),
    }
}

fn list_of_texts(name: &str, list: &[Value]) -> Result<String, ApiError> {
    let mut texts = Vec::with_capacity(list.len());
    for value in list {
        match value {
            Value::String(text) => texts.push(text.as_str()),
            _ => {
                return Err(ApiError::bad_request(format!(
                    "parameter `{name}`: expected a list of texts"
                )));
            }
        }
    }
    Ok(texts.join(","))
}
