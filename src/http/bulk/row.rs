//! A finished row.

use std::{borrow::Cow, sync::Arc};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    http::error::ApiError,
    indicator::{Indicator, Kind},
    lookup::{FetchError, LookupError, Origin, RowReply},
    render::{rows::RowText, verdict::Level},
};

/// A finished row, as a caller reads it.
#[derive(Clone, Debug, Serialize)]
pub struct FinishedRow {
    /// The number, from 1.
    #[serde(rename = "row")]
    pub number: usize,
    /// The text as the caller gave it.
    pub given: String,
    /// The kind of indicator that the text is.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// The normalised id of the indicator.
    pub id: Option<String>,
    /// The facts that decide.
    #[serde(flatten)]
    pub finding: Arc<Finding>,
    /// The units of quota that the row cost.
    pub cost: u64,
    /// The view that the caller wants beside them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Arc<RawValue>>,
    /// The reason why there is no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<RowError>>,
}

/// The facts that decide, from a brief.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// The verdict.
    pub verdict: Option<RowVerdict>,
    /// The counts of engines, as a brief has them.
    pub detections: Option<Box<RawValue>>,
    /// The threat label that VirusTotal suggests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The date of the last analysis, as a brief has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysed: Option<Box<RawValue>>,
    /// The source of these facts.
    pub source: Source,
}

/// A verdict, as a brief has it.
#[derive(Debug, Deserialize, Serialize)]
pub struct RowVerdict {
    /// The level, such as `malicious`.
    pub level: Cow<'static, str>,
    /// The numbers behind it, in one line.
    pub reason: String,
    /// Whether the last analysis is old.
    pub stale: bool,
}

/// The source of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// An answer that was kept.
    Cache,
    /// VirusTotal.
    Upstream,
    /// An answer that was kept and is past its time.
    Stale,
    /// The gateway itself: nothing was to be looked up.
    Local,
}

/// The reason why a row has no verdict.
#[derive(Debug, Serialize)]
pub struct RowError {
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
}

/// The outcome of a subject, which all of its rows share.
#[derive(Clone, Debug)]
pub(super) struct RowOutcome {
    status: StatusCode,
    finding: Arc<Finding>,
    data: Option<Arc<RawValue>>,
    error: Option<Arc<RowError>>,
}

/// The members of a brief that a row shows.
#[derive(Deserialize)]
struct BriefFacts {
    verdict: Option<RowVerdict>,
    detections: Option<Box<RawValue>>,
    label: Option<String>,
    analysed: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

impl RowOutcome {
    /// Reads the outcome of a lookup.
    pub(super) fn of(reply: Result<RowReply, LookupError>) -> Self {
        match reply {
            Ok(reply) => Self::found(&reply),
            Err(LookupError::Fetch(FetchError::NotFound(_, provenance))) => {
                Self::unknown("VirusTotal does not know it", Source::of(provenance.origin))
            }
            Err(LookupError::Fetch(FetchError::Private(reason))) => {
                Self::unknown(&reason.to_string(), Source::Local)
            }
            Err(error) => Self::failed(error.into(), Source::Upstream),
        }
    }

    /// Returns the outcome of a subject that is not looked up for this reason.
    pub(super) fn unknown(reason: &str, source: Source) -> Self {
        let verdict = RowVerdict {
            level: Level::Unknown.name().into(),
            reason: reason.to_owned(),
            stale: false,
        };
        Self {
            status: StatusCode::NOT_FOUND,
            ..Self::without_data(Finding {
                verdict: Some(verdict),
                ..Finding::nothing(source)
            })
        }
    }

    /// Returns the outcome of a subject without an answer.
    pub(super) fn failed(error: ApiError, source: Source) -> Self {
        let status = error.status();
        let (code, detail) = error.into_parts();
        Self {
            status,
            error: Some(Arc::new(RowError { code, detail })),
            ..Self::without_data(Finding::nothing(source))
        }
    }

    fn found(reply: &RowReply) -> Self {
        let source = Source::of(reply.provenance.origin);
        let Ok(Envelope { data: facts }) =
            serde_json::from_slice::<Envelope<BriefFacts>>(&reply.brief)
        else {
            let error = ApiError::internal("a brief that can't be read".to_owned());
            return Self::failed(error, source);
        };
        let mut data = None;
        if let Some(shown) = &reply.shown
            && let Ok(Envelope { data: shown }) =
                serde_json::from_slice::<Envelope<Box<RawValue>>>(shown)
        {
            data = Some(Arc::from(shown));
        }
        let finding = Finding {
            verdict: facts.verdict,
            detections: facts.detections,
            label: facts.label,
            analysed: facts.analysed,
            source,
        };
        Self {
            data,
            ..Self::without_data(finding)
        }
    }

    fn without_data(finding: Finding) -> Self {
        Self {
            status: StatusCode::OK,
            finding: Arc::new(finding),
            data: None,
            error: None,
        }
    }

    /// Returns the status that a request about the subject alone would have.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the error's code, as the error of a single lookup has it.
    pub(super) fn code(&self) -> Option<&str> {
        self.error.as_ref().map(|error| &*error.code)
    }

    /// Returns the row with this number that asked for the subject.
    pub(super) fn row(
        &self,
        number: usize,
        given: &str,
        indicator: Option<&Indicator>,
    ) -> FinishedRow {
        FinishedRow {
            number,
            given: given.to_owned(),
            kind: indicator.map(Indicator::kind),
            id: indicator.map(|indicator| indicator.id().to_owned()),
            finding: Arc::clone(&self.finding),
            cost: 0,
            data: self.data.clone(),
            error: self.error.clone(),
        }
    }
}

impl Finding {
    fn nothing(source: Source) -> Self {
        Self {
            verdict: None,
            detections: None,
            label: None,
            analysed: None,
            source,
        }
    }
}

impl Source {
    /// Returns the source of an answer of this origin.
    pub fn of(origin: Origin) -> Self {
        match origin {
            Origin::Hit => Self::Cache,
            Origin::Miss => Self::Upstream,
            Origin::Stale | Origin::StaleForQuota | Origin::StaleForUpstream => Self::Stale,
        }
    }

    /// Returns the name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Upstream => "upstream",
            Self::Stale => "stale",
            Self::Local => "local",
        }
    }
}

impl RowError {
    /// Returns the code, as the error of a single lookup has it.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the way on, in a sentence.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// The counts of engines in a row.
#[derive(Debug, Default, Deserialize)]
pub struct RowCounts {
    /// Those that found it malicious.
    pub malicious: Option<u64>,
    /// Those that found it suspicious.
    pub suspicious: Option<u64>,
    /// Those that have looked at it.
    pub engines: Option<u64>,
}

impl FinishedRow {
    /// Returns the row for CSV and tables.
    pub fn text(&self) -> RowText<'_> {
        let finding = &self.finding;
        let verdict = finding.verdict.as_ref();
        let counts = finding.detections.as_ref();
        let counts: RowCounts = counts
            .and_then(|counts| serde_json::from_str(counts.get()).ok())
            .unwrap_or_default();
        RowText {
            number: self.number,
            given: &self.given,
            kind: self.kind.map_or("", Kind::name),
            id: self.id.as_deref().unwrap_or_default(),
            level: verdict.map_or("", |verdict| &verdict.level),
            reason: verdict.map_or("", |verdict| &verdict.reason),
            stale: verdict.map(|verdict| verdict.stale),
            malicious: counts.malicious,
            suspicious: counts.suspicious,
            engines: counts.engines,
            label: finding.label.as_deref().unwrap_or_default(),
            source: finding.source.name(),
            cost: self.cost,
            error: self.error.as_ref().map_or("", |error| &error.code),
            detail: self.error.as_ref().map_or("", |error| &error.detail),
        }
    }
}
