//! The exporter of spans to a collector.
//!
//! `docs/decisions/otlp-exporter.md` has the reasons against OpenTelemetry's own.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};
use reqwest::{Client, header, redirect};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::message::export_request;
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
    is_failing: AtomicBool,
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
            is_failing: AtomicBool::new(false),
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
        let body = export_request(&batch);
        let body = body.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))?;
        let request = self.client.post(&self.url);
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        // The batch processor calls this outside of any Tokio runtime, which reqwest needs even to
        // start.
        let sending = async { request.send().await };
        let sent = self.tasks.spawn_on(sending, &self.runtime).await;
        let sent = match sent {
            Ok(Ok(response)) if response.status().is_success() => Ok(()),
            Ok(Ok(response)) => Err(format!("the collector returned {}", response.status())),
            Ok(Err(error)) if error.is_timeout() => {
                Err("the collector did not respond in time".to_owned())
            }
            Ok(Err(_)) | Err(_) => Err("the collector can't be reached".to_owned()),
        };
        self.log_change(&sent);
        sent.map_err(OTelSdkError::InternalFailure)
    }
}
