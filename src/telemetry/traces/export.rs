//! The exporter of spans to a collector.
//!
//! OpenTelemetry's own exporter adds a second HTTP client and protobuf. The few fields of a span
//! are easily written as OTLP JSON, and reqwest is a dependency anyway.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry::{KeyValue, Value as Attribute, trace::SpanId};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};
use reqwest::{Client, header, redirect};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::{Collector, tls};

/// The time limit for one export.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// An exporter. Its requests run on the given runtime.
#[derive(Debug)]
pub(super) struct Exporter {
    client: Client,
    url: String,
    runtime: Handle,
    tasks: TaskTracker,
    is_failing: Arc<AtomicBool>,
}

impl Exporter {
    /// Creates an exporter, or returns `None` if no HTTP client can be built.
    ///
    /// The proxy variables apply, unless the collector is on this machine: its headers may contain
    /// credentials, which a proxy must not see.
    pub(super) fn new(collector: &Collector, runtime: Handle) -> Option<Self> {
        let base = collector.url.as_str().trim_end_matches('/');
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client(&[]).ok()?)
            .default_headers(collector.headers.clone())
            .redirect(redirect::Policy::none())
            .referer(false)
            .timeout(EXPORT_TIMEOUT);
        let client = if collector.is_local() {
            client.no_proxy()
        } else {
            client
        };
        Some(Self {
            client: client.build().ok()?,
            url: format!("{base}/v1/traces"),
            runtime,
            tasks: TaskTracker::new(),
            is_failing: Arc::default(),
        })
    }

    /// Logs the first failure and the first success after failures.
    fn log_change(&self, sent: &Result<(), String>) {
        let was_failing = self.is_failing.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Err(why) if !was_failing => warn!(error.message = why, "trace export failed"),
            Ok(()) if was_failing => info!("trace export recovered"),
            _ => {}
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let body = request(&batch).to_string();
        let request = self.client.post(&self.url);
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        // The batch processor calls this outside of any Tokio runtime, which reqwest needs even to
        // start.
        let sending = async { request.send().await };
        let sent = self.tasks.spawn_on(sending, &self.runtime).await;
        let sent = match sent {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(format!("the collector returned {}", answer.status())),
            Ok(Err(error)) if error.is_timeout() => {
                Err("the collector did not respond in time".to_owned())
            }
            Ok(Err(_)) | Err(_) => Err("the collector can't be reached".to_owned()),
        };
        self.log_change(&sent);
        sent.map_err(OTelSdkError::InternalFailure)
    }
}

/// Builds an `ExportTraceServiceRequest` of OTLP.
fn request(batch: &[SpanData]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let resource = [
        KeyValue::new("service.name", "vt4ai"),
        KeyValue::new("service.version", version),
    ];
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&resource)},
        "scopeSpans": [{
            "scope": {"name": "vt4ai", "version": version},
            "spans": batch.iter().map(span).collect::<Vec<_>>(),
        }],
    }]})
}

fn span(span: &SpanData) -> Value {
    // OTLP's constants: span kind 2 is a server, 3 a client; status code 2 is an error.
    let kind = if span.name == "request" { 2 } else { 3 };
    let status =
        find(span, "http.response.status_code").and_then(|status| status.parse::<u16>().ok());
    let status = if status.is_some_and(|status| status >= 500) {
        json!({"code": 2})
    } else {
        json!({})
    };
    json!({
        "traceId": span.span_context.trace_id().to_string(),
        "spanId": span.span_context.span_id().to_string(),
        "parentSpanId": match span.parent_span_id {
            SpanId::INVALID => String::new(),
            parent => parent.to_string(),
        },
        "name": name(span),
        "kind": kind,
        "startTimeUnixNano": nanos(span.start_time),
        "endTimeUnixNano": nanos(span.end_time),
        "attributes": attributes(&span.attributes),
        "status": status,
    })
}

/// Returns a span's name, built from patterns so that the number of names is bounded.
fn name(span: &SpanData) -> Cow<'_, str> {
    let (method, route) = (find(span, "http.request.method"), find(span, "http.route"));
    match (find(span, "upstream.endpoint"), method, route) {
        (Some(endpoint), ..) => endpoint,
        (None, Some(method), Some(route)) => format!("{method} {route}").into(),
        _ => Cow::Borrowed(&span.name),
    }
}

fn find<'s>(span: &'s SpanData, name: &str) -> Option<Cow<'s, str>> {
    let mut found = span.attributes.iter();
    let found = found.find(|it| it.key.as_str() == name)?;
    Some(found.value.as_str())
}

fn attributes(all: &[KeyValue]) -> Value {
    let value = |value: &Attribute| match value {
        Attribute::Bool(it) => json!({"boolValue": it}),
        Attribute::I64(it) => json!({"intValue": it.to_string()}),
        Attribute::F64(it) => json!({"doubleValue": it}),
        it => json!({"stringValue": it.as_str()}),
    };
    let all = all.iter();
    all.map(|it| json!({"key": it.key.as_str(), "value": value(&it.value)}))
        .collect()
}

fn nanos(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().to_string()
}
