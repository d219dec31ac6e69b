//! Reports in full, and lists of related objects.

use axum::body::Bytes;
use http::{Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{
    door::Door, failure::Failure, job::LOOKUP, output::Output, row::CliRow, source::Asked,
};
use crate::{
    config::{LookupFormat, LookupTask, RelatedTask},
    indicator::classify,
};

/// Prints the report on an indicator whose row was read, from what the gateway has kept of it.
pub(super) async fn print_report(
    door: &Door,
    task: &LookupTask,
    output: &Output,
    (asked, row): (&Asked, &CliRow),
) -> Result<(), Failure> {
    let query = Query::new()
        .with("indicator", Some(&asked.sent))
        .of_task(task);
    let mut request = query.request(LOOKUP, task.format)?;
    if row.is_stale() {
        let value = header::HeaderValue::from_static("max-stale");
        request.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    print(output, &door.fetch(request).await?)
}

/// Prints the objects of a relationship.
pub(super) async fn print_related(
    door: &Door,
    task: &LookupTask,
    related: &RelatedTask,
    (asked, output): (&Asked, &Output),
) -> Result<(), Failure> {
    let indicator = match classify(&asked.sent) {
        Ok(classified) => classified.indicator,
        Err(error) => return Err(Failure::usage(error.to_string())),
    };
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let path = format!(
        "/api/v1/{}/{}/relationships/{}",
        indicator.kind().collection(),
        encode(indicator.id()),
        encode(&related.relationship),
    );
    let limit = related.limit.map(|limit| limit.to_string());
    let mut query = Query::new()
        .with("limit", limit.as_deref())
        .with("cursor", related.cursor.as_deref());
    if !task.ids_only {
        query = query.of_task(task);
    }
    let body = door.fetch(query.request(&path, task.format)?).await?;
    if task.ids_only {
        return output.print(&ids(&body));
    }
    print(output, &body)
}

/// Returns the ids of the objects in an answer, a line each.
fn ids(body: &Bytes) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let objects = match value.get("data") {
        Some(Value::Array(objects)) => objects.as_slice(),
        Some(object) => std::slice::from_ref(object),
        None => &[],
    };
    let ids = objects.iter().filter_map(|it| it.get("id")?.as_str());
    ids.flat_map(|id| [id, "\n"]).collect()
}

fn print(output: &Output, body: &Bytes) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(body);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    output.print(&format!("{text}{end}"))
}

/// The query of a request.
struct Query(String);

impl Query {
    fn new() -> Self {
        Self(String::new())
    }

    fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            let sign = if self.0.is_empty() { "?" } else { "&" };
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
            self.0.extend([sign, name, "=", &value]);
        }
        self
    }

    /// Adds the format and the view.
    fn of_task(self, task: &LookupTask) -> Self {
        // The others are asked for by `Accept`: a format in the query comes in an envelope of JSON.
        let format = match task.format {
            LookupFormat::Markdown | LookupFormat::Xml => None,
            LookupFormat::Raw => Some("raw"),
            LookupFormat::Table | LookupFormat::Json | LookupFormat::Csv => Some("json"),
        };
        self.with("format", format)
            .with("view", task.view.as_deref())
            .with("fields", task.fields.as_deref())
            .with("template_name", task.template.as_deref())
    }

    /// Returns a request for the document itself, without an envelope of JSON around it.
    fn request(&self, path: &str, format: LookupFormat) -> Result<Request<Bytes>, Failure> {
        let accepted = match format {
            LookupFormat::Markdown => "text/markdown",
            LookupFormat::Xml => "application/xml",
            _ => "application/json",
        };
        Request::builder()
            .uri(format!("{path}{}", self.0))
            .header(header::HOST, "localhost")
            .header(header::ACCEPT, accepted)
            .body(Bytes::new())
            .map_err(|error| Failure::usage(error.to_string()))
    }
}
