//! The message of OTLP with a batch of spans, as JSON.

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

use opentelemetry::{KeyValue, Value, trace::SpanId};
use opentelemetry_sdk::trace::SpanData;
use serde::Serialize;
use serde_json::json;

/// OTLP's kind of a span for a request that is served.
const KIND_SERVER: u8 = 2;

/// OTLP's kind of a span for a request that is sent.
const KIND_CLIENT: u8 = 3;

/// OTLP's status code of a failure.
const STATUS_ERROR: u8 = 2;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OtlpSpan<'a> {
    trace_id: String,
    span_id: String,
    /// Empty without a parent.
    parent_span_id: String,
    name: Cow<'a, str>,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<OtlpAttribute<'a>>,
    status: OtlpStatus,
}

#[derive(Serialize)]
struct OtlpStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
}

#[derive(Serialize)]
struct OtlpAttribute<'a> {
    key: &'a str,
    value: OtlpValue<'a>,
}

#[derive(Serialize)]
enum OtlpValue<'a> {
    #[serde(rename = "boolValue")]
    Bool(bool),
    /// Text, as 64-bit numbers are in protobuf's JSON.
    #[serde(rename = "intValue")]
    Int(String),
    #[serde(rename = "doubleValue")]
    Double(f64),
    #[serde(rename = "stringValue")]
    Text(Cow<'a, str>),
}

/// Returns an `ExportTraceServiceRequest` with these spans.
pub(super) fn export_request(batch: &[SpanData]) -> serde_json::Result<String> {
    let version = env!("CARGO_PKG_VERSION");
    let resource = json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": "vt4ai"}},
        {"key": "service.version", "value": {"stringValue": version}},
    ]});
    let scope = json!({"name": "vt4ai", "version": version});
    let spans: Vec<_> = batch.iter().map(OtlpSpan::of).collect();
    let spans = serde_json::to_string(&spans)?;
    // The spans are most of it, and would double their cost as a tree of values.
    Ok(format!(
        r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"scope":{scope},"spans":{spans}}}]}}]}}"#
    ))
}

impl<'a> OtlpSpan<'a> {
    fn of(span: &'a SpanData) -> Self {
        let is_server = span.name == "request";
        Self {
            trace_id: span.span_context.trace_id().to_string(),
            span_id: span.span_context.span_id().to_string(),
            parent_span_id: match span.parent_span_id {
                SpanId::INVALID => String::new(),
                parent => parent.to_string(),
            },
            name: name(span),
            kind: if is_server { KIND_SERVER } else { KIND_CLIENT },
            start_time_unix_nano: nanos(span.start_time),
            end_time_unix_nano: nanos(span.end_time),
            attributes: span.attributes.iter().map(OtlpAttribute::of).collect(),
            status: OtlpStatus {
                code: is_failure(span).then_some(STATUS_ERROR),
            },
        }
    }
}

impl<'a> OtlpAttribute<'a> {
    fn of(attribute: &'a KeyValue) -> Self {
        let value = match &attribute.value {
            Value::Bool(it) => OtlpValue::Bool(*it),
            Value::I64(it) => OtlpValue::Int(it.to_string()),
            Value::F64(it) => OtlpValue::Double(*it),
            it => OtlpValue::Text(it.as_str()),
        };
        Self {
            key: attribute.key.as_str(),
            value,
        }
    }
}

/// Returns a span's name, built from patterns so that the number of names is bounded.
fn name(span: &SpanData) -> Cow<'_, str> {
    if let Some(endpoint) = find(span, "upstream.endpoint") {
        return endpoint.as_str();
    }
    let (method, route) = (find(span, "http.request.method"), find(span, "http.route"));
    match (method, route) {
        (Some(method), Some(route)) => format!("{method} {route}").into(),
        _ => Cow::Borrowed(&span.name),
    }
}

fn is_failure(span: &SpanData) -> bool {
    matches!(find(span, "http.response.status_code"), Some(Value::I64(status)) if *status >= 500)
}

fn find<'s>(span: &'s SpanData, name: &str) -> Option<&'s Value> {
    let mut found = span.attributes.iter();
    let found = found.find(|it| it.key.as_str() == name)?;
    Some(&found.value)
}

fn nanos(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().to_string()
}
