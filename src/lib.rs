//! A gateway in front of VirusTotal API v3 for language models and SOC tools.
//!
//! A request goes one way. [`http`] reads it and finds out whose key it spends, that of one of
//! its [`clients`] for instance, and which caller it counts for ([`access`]); [`door`] limits how
//! often that caller may ask. [`lookup`] finds the answer in the [`cache`], or takes a unit from
//! [`quota`] ([`spend`]) and asks VirusTotal through [`vt`], once for all callers that ask for the
//! same at that time ([`single_flight`]). It hands the bytes to [`answer`], which reads them
//! through a [`template`] into a [`mod@format`]. [`submit`] does the same for what is written.
//! Replicas share what is kept and spent through [`mod@redis`]. What a request costs is written on
//! a [`bill`], and [`meter`] counts it. Nothing calls up:
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
//! [`demo`] is a VirusTotal of its own and uses nothing of ours.

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
