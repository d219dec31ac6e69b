//! A gateway in front of VirusTotal API v3 for language models and SOC tools.
//!
//! A request passes through the layers from top to bottom, and its answer comes back as a return
//! value:
//!
//! 1. [`http`] parses the request. It determines the API key to spend, possibly that of one of the
//!    configured [`clients`], and the caller to attribute the request to ([`access`]). [`door`]
//!    limits the rate of requests per caller.
//! 2. [`lookup`] returns a fresh answer from the [`cache`]. Otherwise it acquires a unit of
//!    [`quota`] through [`spend`], and calls VirusTotal through [`vt`]. Concurrent lookups of the
//!    same object share one call ([`single_flight`]). [`submit`] handles uploads and other writes.
//! 3. [`answer`] renders the bytes of the answer: a [`template`] filters them, and a
//!    [`mod@format`] writes them.
//!
//! Replicas share answers, quota and back-offs through [`mod@redis`]. A [`bill`] collects the cost
//! of each request, and [`meter`] exposes the metrics. Each module may use only those in the third
//! column:
//!
//! | line | modules | may use |
//! |---|---|---|
//! | 0 | `main` | app, config, telemetry |
//! | 1 | [`app`] | everything below |
//! | 2 | [`http`] | access, lookup, submit, spend, answer, quota, redis, door, clients, template, format, indicator, key, clock, config, meter, bill, telemetry, vt's names |
//! | 3 | [`lookup`], [`submit`] | access, answer, spend, cache, `single_flight`, quota, redis, vt, indicator, key, config, meter, bill; not one another |
//! | 4 | [`answer`] | template, format, indicator |
//! | 4 | [`spend`] | access, quota, closed, redis, vt, key, clock, bill |
//! | 5 | [`cache`], [`closed`] | access, vt's answers, format, indicator, key, clock, config, redis, `single_flight`; not one another |
//! | 6 | [`vt`], [`quota`], [`mod@redis`], [`door`], [`clients`], [`single_flight`], [`template`] | access, format, indicator, key, clock, tls, config, meter, bill, telemetry, hidden; not one another |
//! | 7 | [`access`] | key |
//! | 8 | [`indicator`], [`key`], [`clock`], [`tls`], [`mod@format`], [`config`], [`telemetry`], [`meter`], [`bill`] | hidden; config may name `Format`, `ApiKey` and `InvalidKey`; telemetry may name `Log`, `Collector` and `tls` |
//! | 9 | [`hidden`] | nothing |
//!
//! [`demo`] is a stand-in for VirusTotal, and uses no other module.

pub mod access;
pub mod answer;
pub mod app;
pub mod bill;
pub mod cache;
pub mod clients;
pub mod clock;
pub mod closed;
pub mod config;
pub mod demo;
pub mod door;
pub mod format;
pub mod hidden;
pub mod http;
pub mod indicator;
pub mod key;
pub mod lookup;
pub mod meter;
pub mod quota;
pub mod redis;
pub mod single_flight;
pub mod spend;
pub mod submit;
pub mod telemetry;
pub mod template;
pub mod tls;
pub mod vt;

#[cfg(test)]
mod testing;
