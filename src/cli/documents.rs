//! Reports in full, and lists of related objects.

use axum::body::Bytes;
use http::{HeaderValue, Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use url::form_urlencoded::Serializer;

use super::{
    door::Door, failure::Failure, job::LOOKUP, output::Output, row::CliRow, source::GivenIndicator,
};
use crate::{
    config::{LookupFormat, LookupTask, RelatedTask},
    http::extract::format::STIX,
    indicator::classify,
};

/// The documents of a command.
pub(super) struct Documents<'a> {
    pub(super) door: &'a Door,
    pub(super) task: &'a LookupTask,
    pub(super) output: &'a Output,
}

impl Documents<'_> {
    /// Prints the report on an indicator whose row was read, from what the gateway has kept of it.
    pub(super) async fn print_report(
        &self,
        asked: &GivenIndicator,
        row: &CliRow,
    ) -> Result<(), Failure> {
        let mut query = Serializer::new(String::new());
        query.append_pair("indicator", &asked.sent);
        self.add_view(&mut query);
        let mut request = self.request(LOOKUP, &query.finish())?;
        // The lookup is paid for. A gateway without a cache may ask again for what is known to exist, where no bound
        // forbids that.
        let may_ask = self.task.max_units.is_none() && row.has_detections();
        let control = match (row.is_stale(), may_ask) {
            (true, _) => "only-if-cached, max-stale",
            (false, false) => "only-if-cached",
            (false, true) => "",
        };
        let control = HeaderValue::from_static(control);
        request.headers_mut().insert(header::CACHE_CONTROL, control);
        self.print(&self.door.fetch(request).await?)
    }

    /// Prints the objects of a relationship, or their ids.
    pub(super) async fn print_related(
        &self,
        asked: &GivenIndicator,
        related: &RelatedTask,
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
        let mut query = Serializer::new(String::new());
        if let Some(limit) = related.limit {
            query.append_pair("limit", &limit.to_string());
        }
        for (name, value) in [("cursor", &related.cursor), ("wait", &self.task.wait)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        if !self.task.ids_only {
            self.add_view(&mut query);
        }
        let body = self
            .door
            .fetch(self.request(&path, &query.finish())?)
            .await?;
        if self.task.ids_only {
            return self.output.print(&ids(&body));
        }
        self.print(&body)
    }

    fn add_view(&self, query: &mut Serializer<'_, String>) {
        // The others are asked for by `Accept`: a format in the query comes in an envelope of JSON.
        match self.task.format {
            LookupFormat::Markdown | LookupFormat::Xml | LookupFormat::Stix => {}
            LookupFormat::Raw => drop(query.append_pair("format", "raw")),
            LookupFormat::Ecs => drop(query.append_pair("format", "ecs")),
            LookupFormat::Misp => drop(query.append_pair("format", "misp")),
            LookupFormat::Table | LookupFormat::Json | LookupFormat::Csv => {
                query.append_pair("format", "json");
            }
        }
        let options = [
            ("view", &self.task.view),
            ("fields", &self.task.fields),
            ("template_name", &self.task.template),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
    }

    fn request(&self, path: &str, query: &str) -> Result<Request<Bytes>, Failure> {
        let accepted = match self.task.format {
            LookupFormat::Markdown if !self.task.ids_only => "text/markdown",
            LookupFormat::Xml if !self.task.ids_only => "application/xml",
            LookupFormat::Stix if !self.task.ids_only => STIX,
            _ => "application/json",
        };
        Request::builder()
            .uri(format!("{path}?{query}"))
            .header(header::ACCEPT, accepted)
            .body(Bytes::new())
            .map_err(|error| Failure::usage(error.to_string()))
    }

    fn print(&self, body: &Bytes) -> Result<(), Failure> {
        let is_bare = matches!(self.task.format, LookupFormat::Ecs | LookupFormat::Misp);
        if is_bare && let Ok(EnvelopedData { data }) = serde_json::from_slice(body) {
            // Programs that read these formats know no envelope.
            return self.output.print(&format!("{data}\n"));
        }
        let text = String::from_utf8_lossy(body);
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.output.print(&format!("{text}{end}"))
    }
}

/// An answer whose data alone is printed.
#[derive(Deserialize)]
struct EnvelopedData<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
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
