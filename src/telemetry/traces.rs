//! Traces: the spans of a request, sent to a collector by OTLP over HTTP, as JSON.
//!
//! Nothing of it runs where no collector is set up, but for looking whether there is one.

use std::{sync::OnceLock, time::Duration};

use opentelemetry::{
    Value,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use self::export::Exporter;
use crate::config::Collector;

mod export;

/// How long the last spans may take on their way when the process ends.
const LAST: Duration = Duration::from_secs(5);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// The layer that makes spans of ours into traces; none where there is no collector.
pub(super) fn layer<S>(collector: Option<&Collector>, runtime: &Handle) -> Option<impl Layer<S>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let exporter = Exporter::new(collector?, runtime.clone())?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("vt4ai");
    // A second start in one process changes nothing.
    PROVIDER.set(provider).ok()?;
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    // Not at DEBUG: indicators stand there.
    Some(layer.with_filter(Targets::new().with_target("vt4ai", Level::INFO)))
}

/// Sends what is still to be sent.
///
/// Waits for that; not to be called on the runtime that sends it.
pub fn finish() {
    if let Some(provider) = PROVIDER.get() {
        // Whoever collects may be gone.
        let _ = provider.shutdown_with_timeout(LAST);
    }
}

/// Makes a span part of the trace that a caller's `traceparent` (W3C) names.
pub fn join(span: &Span, traceparent: Option<&str>) {
    if let Some(traceparent) = traceparent.filter(|_| PROVIDER.get().is_some()) {
        let context = TraceContextPropagator::new().extract(&Parent(traceparent));
        // A span that the filter leaves out has no parent either.
        let _ = span.set_parent(context);
    }
}

/// The `traceparent` to send along from within the current span.
pub fn traceparent() -> Option<String> {
    PROVIDER.get()?;
    let context = Span::current().context();
    let span = context.span();
    let context = span.span_context();
    context.is_valid().then(|| {
        let flags = context.trace_flags();
        format!(
            "00-{}-{}-{flags:02x}",
            context.trace_id(),
            context.span_id()
        )
    })
}

/// Says something of a span in its trace, but not in the log.
pub fn note<V: Into<Value>>(span: &Span, name: &'static str, value: impl FnOnce() -> V) {
    if PROVIDER.get().is_some() {
        span.set_attribute(name, value());
    }
}

/// Ends a span in its trace.
///
/// Its own end may be long after: a connection that was opened within it holds on to it.
pub fn end(span: &Span) {
    if PROVIDER.get().is_some() {
        span.context().span().end();
    }
}

struct Parent<'a>(&'a str);

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}
