//! A gateway in front of VirusTotal API v3 for language models and SOC tools.
//!
//! A request passes through the layers from top to bottom, and its answer comes back as a return
//! value:
//!
//! 1. [`server`] accepts the connection. [`http`] parses the request and determines the API key to
//!    spend and the caller to attribute the request to ([`access`]). [`mcp`] does the same for models
//!    that call tools.
//! 2. [`lookup`] asks the [`cache`], which returns a fresh answer, or acquires a unit of [`quota`]
//!    and calls VirusTotal ([`virustotal`]). Concurrent lookups of the same object share one call.
//!    [`submit`] handles uploads and other writes.
//! 3. [`render`] turns the bytes of the answer into the document that was asked for.
//!
//! Replicas share answers, quota and back-offs through [`mod@redis`]. Each module may use only those
//! in the third column:
//!
//! | layer | modules | may use |
//! |---|---|---|
//! | 0 | `main` | app, cli, config, telemetry |
//! | 0 | [`cli`] | app, mcp, access, cache, http, render, indicator, config, telemetry |
//! | 1 | [`app`] | everything below |
//! | 2 | [`server`] | http, access, metrics, telemetry |
//! | 2 | [`mcp`] | http, access, lookup, quota, render, indicator, clock, metrics, virustotal |
//! | 2 | [`compat`] | http, access, cache, lookup, submit, quota, render, indicator, clock, virustotal |
//! | 3 | [`http`] | access, lookup, submit, quota, redis, usage, render, indicator, clock, config, metrics, telemetry, virustotal |
//! | 4 | [`lookup`], [`submit`] | access, cache, quota, redis, virustotal, render, indicator, config, metrics; not one another |
//! | 5 | [`cache`] | access, quota, redis, virustotal, render, indicator, clock, config, metrics, telemetry |
//! | 6 | [`quota`] | access, redis, virustotal, clock, config, metrics |
//! | 6 | [`usage`] | access, redis, clock, telemetry |
//! | 7 | [`virustotal`], [`mod@redis`] | access, render, indicator, clock, config, metrics, telemetry; not one another |
//! | 8 | [`config`] | access, render, indicator |
//! | 8 | [`telemetry`] | config, metrics |
//! | 9 | [`access`] | clock |
//! | 9 | [`render`] | indicator |
//! | 10 | [`indicator`], [`clock`], [`metrics`] | nothing |
//!
//! [`demo`] is a stand-in for VirusTotal, and uses no other module.

pub mod access;
pub mod app;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod compat;
pub mod config;
pub mod demo;
pub mod http;
pub mod indicator;
pub mod lookup;
pub mod mcp;
pub mod metrics;
pub mod quota;
pub mod redis;
pub mod render;
pub mod server;
pub mod submit;
pub mod telemetry;
pub mod usage;
pub mod virustotal;

#[cfg(test)]
mod testing;
