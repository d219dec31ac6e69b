//! Tracing: exports the spans of requests to a collector, as OTLP over HTTP with JSON.
//!
//! Without a collector every function returns after a check for one.

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
mod message;

/// The time limit for exporting the last spans at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Returns the layer that exports spans, or `None` without a collector.
pub(super) fn layer<S>(collector: Option<&Collector>, runtime: &Handle) -> Option<impl Layer<S>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let exporter = Exporter::new(collector?, runtime.clone())?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("vt4ai");
    // A second start in one process has no effect.
    PROVIDER.set(provider).ok()?;
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    // INFO only, since DEBUG spans contain indicators.
    Some(layer.with_filter(Targets::new().with_target("vt4ai", Level::INFO)))
}

/// Exports the remaining spans.
///
/// Blocks, so it must not be called on the runtime that sends the spans.
pub fn finish() {
    if let Some(provider) = PROVIDER.get() {
        // Ignored: the collector may be gone.
        let _ = provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
    }
}

/// Attaches a span to the trace named by a request's `traceparent` header (W3C).
pub fn join(span: &Span, traceparent: Option<&str>) {
    if let Some(traceparent) = traceparent.filter(|_| PROVIDER.get().is_some()) {
        let context = TraceContextPropagator::new().extract(&TraceParent(traceparent));
        // Fails for a span that the filter disabled, which needs no parent.
        let _ = span.set_parent(context);
    }
}

/// Returns the `traceparent` header for a request sent within the current span.
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

/// Sets an attribute on a span in its trace, but not in the log.
pub fn note<V: Into<Value>>(span: &Span, name: &'static str, value: impl FnOnce() -> V) {
    if PROVIDER.get().is_some() {
        span.set_attribute(name, value());
    }
}

/// Ends a span in its trace.
///
/// The `Span` itself can live much longer: a connection that was opened within it keeps a
/// reference.
pub fn end(span: &Span) {
    if PROVIDER.get().is_some() {
        span.context().span().end();
    }
}

/// A carrier with only the `traceparent` header.
struct TraceParent<'a>(&'a str);

impl Extractor for TraceParent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}
