//! The answer to a job, in the format that the caller accepts.

use std::{
    fmt::Write as _,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Extension,
    body::{Body, HttpBody},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hyper::body::Frame;
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    documents::{DocumentRows, Framing},
    row::FinishedRow,
    run::{Event, Job},
    summary::{Ended, Summary},
};
use crate::{
    access::UsageMeter,
    http::{
        error::ApiError,
        extract::format::{STIX, media_ranges},
        outcome::LateOutcome,
    },
    render::{
        estimated_tokens,
        interop::Interop,
        rows::{TABLE_HEAD, csv_header},
    },
};

/// Asks nginx to pass each piece on at once.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkFormat {
    /// A row on each line, as it is finished.
    Ndjson,
    /// A row on each line, as it is finished.
    Csv,
    /// A table, once all rows are finished.
    Markdown,
    /// One document, in which a row appears as it is finished.
    Json,
    /// Documents for SOC platforms.
    Documents(Interop, Framing),
}

/// A body that sends each row as it is finished.
struct Rows {
    events: mpsc::Receiver<Event>,
    format: BulkFormat,
    /// The writer of documents for SOC platforms, if they are wanted.
    documents: Option<DocumentRows>,
    /// The text before the first row.
    start: Option<Bytes>,
    is_first: bool,
    /// The rows of a Markdown table, which is sent once all are finished.
    table: Vec<FinishedRow>,
    max_tokens: Option<usize>,
    /// The meter that counts the tokens of the rows.
    meter: UsageMeter,
}

impl BulkFormat {
    /// Returns the form of the answer to a request with these headers that asks for this format.
    pub fn wanted(headers: &HeaderMap, format: Option<Interop>) -> Result<Self, ApiError> {
        let accepted = Self::accepted(headers);
        let Some(format) = format else {
            return Ok(accepted);
        };
        match accepted {
            Self::Ndjson => Ok(Self::Documents(format, Framing::Lines)),
            Self::Json => Ok(Self::Documents(format, Framing::Envelope)),
            Self::Documents(of, _) if of == format => Ok(accepted),
            _ => Err(ApiError::bad_request(format!(
                "`format={}` and `Accept: {}` contradict each other: leave one of them out",
                format.name(),
                accepted.media_type(),
            ))),
        }
    }

    /// Returns the format of SOC platforms, if the answer is in one.
    pub fn interop(self) -> Option<Interop> {
        match self {
            Self::Documents(format, _) => Some(format),
            Self::Ndjson | Self::Csv | Self::Markdown | Self::Json => None,
        }
    }

    /// Returns the form that a caller accepts; lines of JSON without a wish.
    fn accepted(headers: &HeaderMap) -> Self {
        let mut best = Self::Ndjson;
        let mut best_quality = 0;
        for (media, quality) in media_ranges(headers) {
            let Some(format) = Self::of(media) else {
                continue;
            };
            if quality > best_quality {
                best_quality = quality;
                best = format;
            }
        }
        best
    }

    fn of(media: &str) -> Option<Self> {
        match media.to_ascii_lowercase().as_str() {
            "application/x-ndjson" | "application/jsonl" | "*/*" => Some(Self::Ndjson),
            "text/csv" => Some(Self::Csv),
            "text/markdown" => Some(Self::Markdown),
            "application/json" => Some(Self::Json),
            "application/stix+json" => Some(Self::Documents(Interop::Stix, Framing::Bare)),
            _ => None,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson | Self::Documents(_, Framing::Lines) => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Json | Self::Documents(_, Framing::Envelope) => "application/json",
            Self::Documents(_, Framing::Bare) => STIX,
        }
    }

    /// Runs a job and responds with its rows. A Markdown table takes at most `max_tokens` tokens.
    pub fn respond(self, job: Job, max_tokens: Option<usize>) -> Response {
        let mut documents = None;
        let start = match self {
            Self::Csv => Some(csv_header().into()),
            Self::Json => Some("{\"data\":[".into()),
            Self::Ndjson | Self::Markdown => None,
            Self::Documents(format, framing) => {
                let rows = documents.insert(DocumentRows::new(format, framing));
                rows.start(&job.texts())
            }
        };
        let meter = job.shared.context.cost.meter().clone();
        let body = Body::new(Rows {
            meter,
            events: job.start(),
            format: self,
            documents,
            start,
            is_first: true,
            table: Vec::new(),
            max_tokens,
        });
        let media = HeaderValue::from_static(self.media_type());
        let now = HeaderValue::from_static("no");
        let headers = [(header::CONTENT_TYPE, media), (NO_BUFFERING, now)];
        // The units of a job are known at its end.
        let outcome = Extension(LateOutcome::default());
        (outcome, headers, body).into_response()
    }
}

/// Responds with what a job would cost.
pub async fn forecast(job: &Job) -> Result<Response, ApiError> {
    let forecast = job.forecast().await?;
    Ok(axum::Json(json!({"summary": forecast})).into_response())
}

impl HttpBody for Rows {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(start) = self.start.take() {
            return Poll::Ready(Some(Ok(Frame::data(start))));
        }
        loop {
            let Some(event) = std::task::ready!(self.events.poll_recv(context)) else {
                return Poll::Ready(None);
            };
            if let Some(piece) = self.piece(event) {
                let text = String::from_utf8_lossy(&piece);
                self.meter.count_tokens(estimated_tokens(&text));
                self.meter.settle();
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
    }
}

impl Rows {
    /// Returns the text of an event, if the format shows it.
    fn piece(&mut self, event: Event) -> Option<Bytes> {
        if let Some(documents) = &mut self.documents {
            return documents.piece(event);
        }
        let is_first = self.is_first;
        match (self.format, event) {
            (BulkFormat::Markdown, Event::Row(row)) => {
                self.table.push(*row);
                None
            }
            (BulkFormat::Markdown, Event::Summary(summary)) => {
                let rows = std::mem::take(&mut self.table);
                Some(table(rows, &summary, self.max_tokens).into())
            }
            (BulkFormat::Ndjson, Event::Row(row)) => Some(line(&row)),
            (BulkFormat::Ndjson, Event::Progress(progress)) => {
                Some(line(&json!({"progress": progress})))
            }
            (BulkFormat::Ndjson, Event::Summary(summary)) => {
                Some(line(&json!({"summary": summary})))
            }
            (BulkFormat::Csv, Event::Row(row)) => Some(row.text().to_csv().into()),
            (BulkFormat::Json, Event::Row(row)) => {
                self.is_first = false;
                let mut piece = if is_first { Vec::new() } else { vec![b','] };
                piece.extend(json_of(&row));
                Some(piece.into())
            }
            // White space keeps the connection in use.
            (BulkFormat::Json, Event::Progress(_)) => Some(Bytes::from_static(b"\n")),
            (BulkFormat::Json, Event::Summary(summary)) => {
                let mut piece = b"],\"meta\":{\"summary\":".to_vec();
                piece.extend(json_of(&summary));
                piece.extend(b"}}");
                Some(piece.into())
            }
            _ => None,
        }
    }
}

fn json_of(value: &impl Serialize) -> Vec<u8> {
    // These types can be written: their keys are texts, and writing to memory does not fail.
    serde_json::to_vec(value).unwrap_or_default()
}

fn line(value: &impl Serialize) -> Bytes {
    let mut line = json_of(value);
    line.push(b'\n');
    line.into()
}

/// Returns all rows as a Markdown table, in the order given, with as many as the budget has room for.
fn table(mut rows: Vec<FinishedRow>, summary: &Summary, max_tokens: Option<usize>) -> String {
    rows.sort_by_key(|row| row.number);
    let mut text = TABLE_HEAD.to_owned();
    let most = max_tokens.unwrap_or(usize::MAX);
    // The line at the end takes about as much.
    let mut left = most.saturating_sub(estimated_tokens(TABLE_HEAD) + 60);
    let mut missing = 0;
    for row in &rows {
        let line = row.text().to_markdown();
        let tokens = estimated_tokens(&line);
        if missing > 0 || tokens > left {
            missing += 1;
            continue;
        }
        left -= tokens;
        text.push_str(&line);
    }
    text.push_str(&last_line(summary, missing));
    text
}

fn last_line(summary: &Summary, missing: usize) -> String {
    let Summary {
        rows,
        unique,
        units,
        failed,
        remaining,
        ..
    } = summary;
    let mut text = format!("\n{rows} rows, {unique} different, {units} lookups");
    // Writing to a `String` does not fail.
    if *failed > 0 {
        let _ = write!(text, ", {failed} failed");
    }
    if missing > 0 {
        let _ = write!(text, ", {missing} left out for size");
    }
    if !remaining.is_empty() {
        let why = summary.ended.unwrap_or(Ended::Quota).words();
        let count = remaining.len();
        let _ = write!(text, ", {count} remain: {why}; send the same again");
    }
    text.push('\n');
    text
}
