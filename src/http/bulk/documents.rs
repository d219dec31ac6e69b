//! The rows of a job in a format of SOC platforms (`docs/formats.md`).

use bytes::Bytes;
use serde::Serialize;

use super::{
    row::FinishedRow,
    run::Event,
    summary::{Ended, Summary},
};
use crate::{
    clock::Now,
    indicator::{Indicator, Kind, classify},
    render::interop::{
        Interop, MergedRows, RowPlace, Unreported, UnreportedReason, shown_text, unreported,
    },
};

/// The arrangement of the documents of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A document on each line, as its row is finished.
    Lines,
    /// One document of all rows, in an envelope with the summary.
    Envelope,
    /// One document of all rows.
    Bare,
}

/// A writer of the rows of a job as documents.
pub(super) struct DocumentRows {
    format: Interop,
    framing: Framing,
    merged: MergedRows,
    errors: Vec<RowProblem>,
    /// The time of the job, in Unix seconds.
    now: i64,
}

/// A row without an answer, in the metadata of an envelope.
#[derive(Serialize)]
struct RowProblem {
    row: usize,
    given: String,
    code: String,
    detail: String,
}

/// The metadata of an envelope.
#[derive(Serialize)]
struct DocumentMeta<'a> {
    summary: &'a Summary,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [RowProblem],
}

impl DocumentRows {
    /// Starts to write the rows of a job.
    pub(super) fn new(format: Interop, framing: Framing) -> Self {
        Self {
            format,
            framing,
            merged: MergedRows::new(format),
            errors: Vec::new(),
            now: Now::read().utc.unix_timestamp(),
        }
    }

    /// Returns the text before the first row, of a job with these texts.
    pub(super) fn start(&self, given: &[String]) -> Option<Bytes> {
        match self.framing {
            Framing::Lines => None,
            Framing::Envelope => Some(format!("{{\"data\":{}", self.merged.start(given)).into()),
            Framing::Bare => Some(self.merged.start(given).into()),
        }
    }

    /// Returns the text of an event, if the format shows it.
    pub(super) fn piece(&mut self, event: Event) -> Option<Bytes> {
        match event {
            Event::Row(row) => self.row(&row),
            // White space keeps the connection in use. A line of it would be no document.
            Event::Progress(_) => Some(Bytes::from_static(b" ")),
            Event::Summary(summary) => Some(self.end(&summary)),
        }
    }

    fn row(&mut self, row: &FinishedRow) -> Option<Bytes> {
        if self.framing == Framing::Envelope
            && let Some(error) = &row.error
        {
            self.errors.push(RowProblem {
                row: row.number,
                given: shown_text(&row.given),
                code: error.code().to_owned(),
                detail: shown_text(error.detail()),
            });
        }
        let place = RowPlace {
            number: row.number,
            given: &row.given,
        };
        let text = match &row.data {
            Some(document) => self.framed(document.get(), place),
            None => self.framed(&self.without_report(row), place),
        };
        (!text.is_empty()).then(|| text.into())
    }

    fn framed(&mut self, document: &str, place: RowPlace<'_>) -> String {
        match self.framing {
            Framing::Lines => format!("{}\n", place.add_to(document, self.format)),
            // Merged objects of MISP have no place for it.
            _ if self.format == Interop::Misp => self.merged.add(document),
            _ => self.merged.add(&place.add_to(document, self.format)),
        }
    }

    /// Returns the document of a row without a report.
    fn without_report(&self, row: &FinishedRow) -> String {
        let reason = match (&row.error, &row.finding.verdict) {
            (Some(error), _) => UnreportedReason::Failed {
                code: error.code(),
                detail: error.detail(),
            },
            (None, Some(verdict)) => UnreportedReason::Unknown(&verdict.reason),
            (None, None) => UnreportedReason::Unknown("no report"),
        };
        self.unreported(&row.given, row.kind.zip(row.id.as_deref()), reason)
    }

    fn unreported(
        &self,
        given: &str,
        indicator: Option<(Kind, &str)>,
        reason: UnreportedReason<'_>,
    ) -> String {
        let row = Unreported {
            given,
            indicator,
            reason,
            now: self.now,
        };
        unreported(self.format, &row)
    }

    /// Returns the documents of the rows that were not looked up, and the text behind them.
    fn end(&mut self, summary: &Summary) -> Bytes {
        let mut text = String::new();
        let ended = summary.ended.unwrap_or(Ended::Quota);
        let rows = summary.remaining_numbers.iter().zip(&summary.remaining);
        for (number, given) in rows {
            let classified = classify(given).ok();
            let indicator = classified.as_ref().map(|found| &found.indicator);
            let reason = UnreportedReason::Failed {
                code: ended.code(),
                detail: &format!("{}; send the same again", ended.words()),
            };
            let indicator = indicator.map(|it: &Indicator| (it.kind(), it.id()));
            let document = self.unreported(given, indicator, reason);
            let place = RowPlace {
                number: *number,
                given,
            };
            text.push_str(&self.framed(&document, place));
        }
        if self.framing == Framing::Lines {
            return text.into();
        }
        text.push_str(self.merged.end());
        if self.framing == Framing::Envelope {
            let meta = DocumentMeta {
                summary,
                errors: &self.errors,
            };
            // These types can be written: their keys are texts.
            let meta = serde_json::to_string(&meta).unwrap_or_default();
            text.push_str(",\"format\":\"");
            text.push_str(self.format.name());
            text.push_str("\",\"meta\":");
            text.push_str(&meta);
            text.push('}');
        }
        text.into()
    }
}
