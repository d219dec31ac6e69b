//! A job: the lookups of all indicators, by `POST /api/v1/lookup`.

use std::ops::Range;

use axum::body::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    door::{self, Door},
    failure::Failure,
    row::CliRow,
    source::GivenIndicator,
};
use crate::{
    config::LookupTask,
    http::bulk::{self, MOST_ROWS, Summary},
};

/// The path of one door.
pub(super) const LOOKUP: &str = "/api/v1/lookup";

/// The largest body, in bytes, with room for the options.
const MOST_BYTES: usize = bulk::MOST_BYTES - 64 * 1024;

/// The longest line of an answer, in bytes. `view=full` of a large report has a few megabytes.
const MAX_LINE: usize = 64 * 1024 * 1024;

/// An event of a job.
#[derive(Debug)]
pub(super) enum JobEvent {
    /// A finished row, and its place among the indicators.
    Row(usize, Box<CliRow>),
    /// The seconds for which the job waits for quota, or none.
    Waiting(Option<u64>),
}

/// A line of an answer.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Summary { summary: Summary },
    Progress { progress: LineProgress },
    Row(Map<String, Value>),
}

#[derive(Deserialize)]
struct LineProgress {
    waiting: Option<u64>,
}

/// Looks up all indicators, and tells of each event in turn. The summary names none that remain.
///
/// More than one request takes are sent in several, one after another, while units are to be had.
pub(super) async fn run(
    door: &Door,
    task: &LookupTask,
    asked: &[GivenIndicator],
    mut tell: impl FnMut(JobEvent) -> Result<(), Failure>,
) -> Result<Summary, Failure> {
    let mut total = Summary {
        complete: true,
        ..Summary::default()
    };
    for (place, given) in asked.iter().enumerate() {
        if let Some(row) = CliRow::withheld(given, place + 1) {
            tell(JobEvent::Row(place, Box::new(row)))?;
        }
    }
    for range in requests(asked) {
        let mut left = task.max_units.map(|most| most.saturating_sub(total.units));
        if !total.complete {
            // What is kept costs nothing.
            left = Some(0);
        }
        let part = Part { asked, range, left };
        let summary = run_one(door, task, part, &mut tell).await?;
        add(&mut total, &summary);
    }
    Ok(total)
}

/// Asks what all lookups would cost.
pub(super) async fn forecast(
    door: &Door,
    task: &LookupTask,
    asked: &[GivenIndicator],
) -> Result<Vec<Value>, Failure> {
    let mut forecasts = Vec::new();
    for range in requests(asked) {
        let mut request = request(task, asked.get(range).unwrap_or_default(), None)?;
        request.headers_mut().remove(header::ACCEPT);
        let body = door.fetch(request).await?;
        let value: Value = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        forecasts.push(value.get("summary").cloned().unwrap_or_default());
    }
    Ok(forecasts)
}

/// Returns the places of the indicators of each request.
fn requests(asked: &[GivenIndicator]) -> Vec<Range<usize>> {
    let (mut all, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, asked) in asked.iter().enumerate() {
        if asked.withheld.is_some() {
            all.push(start..at);
            (start, bytes) = (at + 1, 0);
            continue;
        }
        // With quotes, escapes and a comma.
        let more = serde_json::to_string(&asked.sent).map_or(0, |text| text.len() + 1);
        if at - start == MOST_ROWS || (at > start && bytes + more > MOST_BYTES) {
            all.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += more;
    }
    all.push(start..asked.len());
    all.retain(|range| !range.is_empty());
    all
}

/// The indicators of one request.
struct Part<'a> {
    asked: &'a [GivenIndicator],
    range: Range<usize>,
    /// The units that may be spent.
    left: Option<u64>,
}

async fn run_one(
    door: &Door,
    task: &LookupTask,
    part: Part<'_>,
    tell: &mut impl FnMut(JobEvent) -> Result<(), Failure>,
) -> Result<Summary, Failure> {
    let Part { asked, range, left } = part;
    let start = range.start;
    let asked = asked.get(range).unwrap_or_default();
    let response = door.send(request(task, asked, left)?).await?;
    let mut lines = Lines::of(response).await?;
    while let Some(line) = lines.next().await? {
        match serde_json::from_slice(&line).map_err(|_| unreadable())? {
            Line::Progress { progress } => tell(JobEvent::Waiting(progress.waiting))?,
            Line::Row(row) => {
                let number = row.get("row").and_then(Value::as_u64).unwrap_or_default();
                let place = usize::try_from(number).unwrap_or_default().wrapping_sub(1);
                let given = &asked.get(place).ok_or_else(unreadable)?.given;
                let place = start + place;
                let row = CliRow::read(row, place + 1, given).map_err(|_| unreadable())?;
                tell(JobEvent::Row(place, Box::new(row)))?;
            }
            Line::Summary { summary } => return Ok(summary),
        }
    }
    Err(Failure::unavailable("the gateway's answer ended early"))
}

/// Returns the request about these indicators.
fn request(
    task: &LookupTask,
    asked: &[GivenIndicator],
    left: Option<u64>,
) -> Result<Request<Bytes>, Failure> {
    let texts: Vec<_> = asked.iter().map(|asked| &asked.sent).collect();
    let mut body = json!({"indicators": texts});
    let options = [
        ("view", task.view.clone().map(Value::from)),
        ("fields", task.fields.clone().map(Value::from)),
        ("max_units", left.map(Value::from)),
        ("wait", task.wait.clone().map(Value::from)),
        ("dry_run", task.dry_run.then_some(true.into())),
    ];
    for (name, value) in options {
        if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
            body.insert(name.to_owned(), value);
        }
    }
    Request::builder()
        .method(Method::POST)
        .uri(LOOKUP)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/x-ndjson")
        .body(body.to_string().into())
        .map_err(|error| Failure::usage(error.to_string()))
}

fn unreadable() -> Failure {
    Failure::unavailable("the answer can't be read: is it a gateway of this version?")
}

/// Adds the summary of a later request.
fn add(total: &mut Summary, later: &Summary) {
    total.rows = total.rows.saturating_add(later.rows);
    total.unique = total.unique.saturating_add(later.unique);
    total.units = total.units.saturating_add(later.units);
    total.cached = total.cached.saturating_add(later.cached);
    total.local = total.local.saturating_add(later.local);
    total.failed = total.failed.saturating_add(later.failed);
    total.complete &= later.complete;
    total.ended = total.ended.or(later.ended);
}

/// The lines of an answer as they arrive.
struct Lines {
    body: axum::body::Body,
    read: Vec<u8>,
    /// The length of what was searched for the end of a line.
    searched: usize,
}

impl Lines {
    /// Returns the lines of a successful answer.
    async fn of(response: Response<axum::body::Body>) -> Result<Self, Failure> {
        let (parts, body) = response.into_parts();
        if !parts.status.is_success() {
            let body = door::read(body).await?;
            return Err(Failure::of_answer(parts.status, &body));
        }
        if !is_ndjson(&parts.headers) {
            return Err(unreadable());
        }
        Ok(Self {
            body,
            read: Vec::new(),
            searched: 0,
        })
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let rest = self.read.get(self.searched..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', rest) {
                let line = self.read.drain(..=self.searched + end).collect();
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.read.len();
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame =
                frame.map_err(|_| Failure::unavailable("the gateway's answer ended early"))?;
            if let Ok(data) = frame.into_data() {
                self.read.extend_from_slice(&data);
            }
            if self.read.len() > MAX_LINE {
                return Err(unreadable());
            }
        }
    }
}

fn is_ndjson(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/x-ndjson"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(texts: impl Iterator<Item = String>) -> Vec<GivenIndicator> {
        let asked = |text: String| GivenIndicator {
            given: text.clone(),
            sent: text,
            is_named: false,
            withheld: None,
        };
        texts.map(asked).collect()
    }

    #[test]
    fn requests_have_as_much_as_a_gateway_takes() {
        let many = asked((0..25_000).map(|at| format!("{at}.example")));
        assert_eq!(requests(&many), [0..10_000, 10_000..20_000, 20_000..25_000]);
        let long = asked((0..40).map(|_| "\"".repeat(50_000)));
        let requests = requests(&long);
        assert_eq!(requests.iter().map(Range::len).sum::<usize>(), 40);
        for range in requests {
            let texts: Vec<_> = long[range].iter().map(|it| &it.sent).collect();
            let body = json!({"indicators": texts}).to_string();
            assert!(body.len() < bulk::MOST_BYTES, "{}", body.len());
        }
        assert!(super::requests(&[]).is_empty());
    }
}
