//! The settings of each area, declared once: name, type, default, text and check.
//!
//! `--help`, `.env.example` and `docs/configuration.md` are made from these declarations. The first
//! paragraph of a text is its short form. A default of `""` stands for the one that the text names.
//! A setting's variable and the name of its value are made from its flag.

use std::{
    net::IpAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use clap::{ArgAction, Args, builder::TypedValueParser as _};
use http::HeaderMap;
use ipnet::IpNet;
use url::{Host, Url};

use super::{
    RedisUrl,
    value::{
        COUNT, PORT, WHOLE, address, api_key, disk_bytes, duration, duration_above_zero, expect,
        header, host, http_url, keyless, list, log_filter, network, one_of_two, origin,
        quota_limit, workers,
    },
};
use crate::{access::ApiKey, render::verdict::VerdictRules};

/// A list that is one value, separated by commas; clap would read a `Vec` as many values.
type CommaList<T> = Vec<T>;

/// The rules for spending the server's key.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub struct Access {
    /// The server's own VirusTotal key.
    ///
    /// Without one, callers send theirs in `X-API-Key`. Prefer the variable: `ps` shows flags.
    #[arg(id = "api-key", long, value_parser = api_key)]
    pub key: Option<ApiKey>,
    /// A file that holds the key, such as one that a container mounts.
    #[arg(id = "api-key-file", long)]
    pub key_file: Option<PathBuf>,
    /// Whether any caller without a key may spend the server's.
    #[arg(long)]
    pub allow_anonymous: bool,
    /// Callers that may spend it without a key otherwise: `local` or `off`.
    ///
    /// `local` is a request that the gateway's own user, or root, sends from its own machine and
    /// that shows no sign of a proxy. With `VT4AI_CLIENTS_FILE` it is `off`.
    #[arg(long, value_name = "CALLERS", default_value = "local", value_parser = keyless)]
    pub keyless: Keyless,
    /// Whether the server's key may also be spent on uploads, scans, comments and votes.
    ///
    /// VirusTotal shows these to others.
    #[arg(long)]
    pub allow_submissions: bool,
    /// Whether callers may send VirusTotal keys of their own where clients are set up.
    #[arg(long)]
    pub allow_own_keys: bool,
    /// `Host` values under which a local caller without a key is served, separated by commas.
    #[arg(long, default_value = "localhost,127.0.0.1,[::1]", value_parser = list(host))]
    pub allowed_hosts: CommaList<String>,
    /// Origins whose web pages may call, separated by commas.
    ///
    /// For example `https://soc.example,http://localhost:3000`.
    #[arg(id = "cors-origins", long, default_value = "", value_parser = list(origin))]
    pub origins: CommaList<String>,
    /// Proxies that are trusted to name a caller's address, separated by commas.
    ///
    /// Addresses or networks, for example `127.0.0.1,10.0.0.0/8`.
    #[arg(long, default_value = "", value_parser = list(network))]
    pub trusted_proxies: CommaList<IpNet>,
}

/// The callers without a key that may spend the server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keyless {
    /// The gateway's own user, from its own machine.
    #[default]
    Local,
    /// No caller.
    Off,
}

/// The ports, and the bounds of what they serve.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Server")]
pub struct Server {
    /// The address to listen on.
    ///
    /// Beyond loopback, a server with a key needs `VT4AI_CLIENTS_FILE` or `VT4AI_ALLOW_ANONYMOUS`.
    #[arg(long, default_value = "127.0.0.1", value_parser = address)]
    pub host: IpAddr,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value = "8000", value_parser = expect::<u16>(PORT))]
    pub port: u16,
    /// A port of its own for `/metrics`, with `/livez` and `/readyz`.
    ///
    /// Without one, `/metrics` is on the public port: for the gateway's own user on its own
    /// machine, and for client tokens with the scope `metrics`.
    #[arg(long, value_parser = expect::<u16>(PORT))]
    pub admin_port: Option<u16>,
    /// Worker threads; by default one for each core.
    #[arg(id = "max-workers", long, value_name = "N", default_value = "")]
    #[arg(value_parser = workers)]
    pub workers: NonZeroUsize,
    /// The page for browsers at `/`: `on` or `off`.
    ///
    /// Turned off, browsers get a page of links there.
    #[arg(long, value_name = "SWITCH", action = ArgAction::Set)]
    #[arg(default_value = "on", value_parser = one_of_two("off", "on"))]
    pub console: bool,
    /// Connections that may be open at once.
    ///
    /// One address (IPv6: its /64) may hold a quarter of them, except the trusted proxies. At the
    /// cap, connections without progress are closed first. The cap is lower where the system
    /// allows fewer descriptors.
    #[arg(long, value_name = "N", default_value = "1024")]
    #[arg(value_parser = expect::<NonZeroUsize>(COUNT))]
    pub max_connections: NonZeroUsize,
    /// Requests under `/api/v1` and `/api/v3` that are answered at once; more are a 503.
    ///
    /// One caller may hold a quarter of them; more are a 429 to that caller. As many again may
    /// only wait (`?wait=`).
    #[arg(long, value_name = "N", default_value = "512")]
    #[arg(value_parser = expect::<NonZeroUsize>(COUNT))]
    pub max_in_flight: NonZeroUsize,
    /// The time for which the gateway serves on after SIGTERM or SIGINT while `/readyz` fails.
    ///
    /// Each answer is then the last on its connection. Behind a proxy, set more than the time for
    /// which the proxy keeps an idle connection.
    #[arg(long, default_value = "0s", value_parser = duration)]
    pub shutdown_delay: Duration,
    /// The time that requests get to finish after that.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub shutdown_timeout: Duration,
}

/// VirusTotal, and the way to it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "VirusTotal")]
pub struct Upstream {
    /// The upstream's URL, to which `/api/v3` is added.
    ///
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` apply, except to an upstream on
    /// this machine.
    #[arg(id = "upstream-url", long)]
    #[arg(default_value = "https://www.virustotal.com", value_parser = http_url)]
    pub url: Url,
    /// The time for one lookup, retries included, and for an upload without progress.
    #[arg(id = "upstream-timeout", long, default_value = "30s")]
    #[arg(value_parser = duration_above_zero)]
    pub timeout: Duration,
    /// The bytes of one answer at most, decompressed.
    #[arg(id = "upstream-max-body", long, default_value = "33554432")]
    #[arg(value_parser = expect("expected a number of bytes, at least 1").map(NonZeroUsize::get))]
    pub max_body: usize,
    /// A PEM file of certificate authorities to trust in addition to the usual ones.
    #[arg(id = "upstream-ca-file", long)]
    pub ca_file: Option<PathBuf>,
}

/// The lookups that each VirusTotal key may spend.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Quota")]
pub struct QuotaLimits {
    /// Lookups of each VirusTotal key in any 60 s; 0 is no limit.
    ///
    /// A number is an upper bound. Without one, the limit is the one that VirusTotal reports for
    /// the key, else 4.
    #[arg(id = "rate-limit-per-minute", long, value_name = "N")]
    #[arg(default_value = "", value_parser = quota_limit)]
    pub per_minute: QuotaLimit,
    /// Lookups of each VirusTotal key a day, in UTC; 0 is no limit.
    ///
    /// Without a number, the limit is the one that VirusTotal reports for the key, else 500.
    #[arg(id = "rate-limit-per-day", long, value_name = "N")]
    #[arg(default_value = "", value_parser = quota_limit)]
    pub per_day: QuotaLimit,
    /// Lookups of each VirusTotal key a month, in UTC; 0 is no limit.
    ///
    /// Without a number, the limit is the one that VirusTotal reports for the key, else 15500.
    #[arg(id = "rate-limit-per-month", long, value_name = "N")]
    #[arg(default_value = "", value_parser = quota_limit)]
    pub per_month: QuotaLimit,
}

/// The operator's limit for one of a key's windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuotaLimit {
    /// The limit that VirusTotal reports for the key.
    #[default]
    Unset,
    /// No limit, whatever VirusTotal reports (`0`).
    Off,
    /// At most this many lookups, or fewer if VirusTotal reports fewer.
    AtMost(NonZeroU32),
}

/// The cache of VirusTotal's answers.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Cache")]
pub struct Cache {
    /// The bytes of the cache at most; 0 caches nothing.
    #[arg(id = "cache-max-bytes", long, default_value = "268435456")]
    #[arg(value_parser = expect::<u64>("expected a number of bytes"))]
    pub max_bytes: u64,
    /// The time for which an answer is fresh.
    #[arg(id = "cache-ttl", long, default_value = "1h", value_parser = duration)]
    pub ttl: Duration,
    /// The time for which "not found" is fresh.
    #[arg(id = "cache-ttl-not-found", long, default_value = "5m")]
    #[arg(value_parser = duration)]
    pub ttl_not_found: Duration,
    /// The time after that for which a stale answer is served if quota is exhausted or VirusTotal
    /// fails.
    #[arg(id = "cache-max-stale", long, default_value = "7d")]
    #[arg(value_parser = duration)]
    pub max_stale: Duration,
    /// Whether keys share cached answers: `key` or `shared`.
    ///
    /// `key`: an answer is served to the key that fetched it only. `shared`: to every key that
    /// VirusTotal has accepted and not refused since. VirusTotal's terms forbid showing others
    /// what a premium key sees.
    #[arg(id = "cache-scope", long, action = ArgAction::Set)]
    #[arg(default_value = "key", value_parser = one_of_two("key", "shared"))]
    pub is_shared: bool,
}

/// The part of the cache that survives a restart.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cache")]
pub struct CacheDisk {
    /// A directory to keep answers in across restarts, in one file, with the usage of callers in another.
    ///
    /// It is created with mode 0700 if it does not exist. Gateways on one machine may share it.
    #[arg(id = "cache-dir", long)]
    pub dir: Option<PathBuf>,
    /// The bytes of the files in `VT4AI_CACHE_DIR` at most, at least 1048576.
    #[arg(id = "cache-disk-max-bytes", long, default_value = "1073741824")]
    #[arg(value_parser = disk_bytes)]
    pub max_bytes: u64,
}

/// The Redis through which replicas share answers and quota.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Redis")]
pub struct Redis {
    /// The URL of a Redis through which replicas share answers, quota and back-off.
    ///
    /// `redis://[user][:password@]host[:port][/database]`, or `rediss://` over TLS. If it has a
    /// password, prefer the variable: `ps` shows flags.
    #[arg(id = "redis-url", long, required = false)]
    pub url: RedisUrl,
    /// A PEM file of the certificate authorities to trust for `rediss://`, instead of the usual
    /// ones.
    #[arg(id = "redis-ca-file", long)]
    pub ca_file: Option<PathBuf>,
    /// The time for which one request may wait for Redis, in all.
    #[arg(id = "redis-timeout", long, default_value = "100ms")]
    #[arg(value_parser = duration)]
    pub timeout: Duration,
}

/// The thresholds of the verdict.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Verdicts")]
pub struct Verdicts {
    /// Engines with an opinion below which the verdict is `unknown`.
    #[arg(id = "verdict-min-engines", long, value_name = "N")]
    #[arg(default_value = "10", value_parser = expect::<u64>(WHOLE))]
    pub min_engines: u64,
    /// Engines that call an object malicious from which the verdict is `malicious`.
    #[arg(id = "verdict-malicious", long, value_name = "N")]
    #[arg(default_value = "5", value_parser = expect::<u64>(WHOLE))]
    pub malicious: u64,
    /// The same where VirusTotal suggests a threat label.
    #[arg(id = "verdict-malicious-with-label", long, value_name = "N")]
    #[arg(default_value = "3", value_parser = expect::<u64>(WHOLE))]
    pub malicious_with_label: u64,
    /// The worst rank of a popular domain.
    #[arg(id = "verdict-popular-rank", long, value_name = "N")]
    #[arg(default_value = "10000", value_parser = expect::<u64>(WHOLE))]
    pub popular_rank: u64,
    /// Engines that may be wrong about a popular domain or a file of a known distributor.
    #[arg(id = "verdict-popular-malicious", long, value_name = "N")]
    #[arg(default_value = "2", value_parser = expect::<u64>(WHOLE))]
    pub popular_malicious: u64,
    /// Days after which an analysis is stale.
    #[arg(id = "verdict-stale-days", long, value_name = "N")]
    #[arg(default_value = "90", value_parser = expect::<u32>(WHOLE))]
    pub stale_days: u32,
}

impl Verdicts {
    /// Returns the thresholds.
    pub fn rules(&self) -> VerdictRules {
        VerdictRules {
            min_engines: self.min_engines,
            malicious: self.malicious,
            malicious_with_label: self.malicious_with_label,
            popular_rank: self.popular_rank,
            popular_malicious: self.popular_malicious,
            stale_days: self.stale_days,
        }
    }
}

/// The log on standard error.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs and traces")]
pub struct Log {
    /// The level of the log, or directives such as `info,vt4ai=debug`.
    ///
    /// Levels are ERROR, WARN, INFO, DEBUG and TRACE.
    #[arg(id = "log-level", long, default_value = "INFO")]
    #[arg(value_parser = log_filter)]
    pub filter: String,
    /// The format of the log's lines: `text` or `json`.
    #[arg(id = "log-format", long, action = ArgAction::Set)]
    #[arg(default_value = "text", value_parser = one_of_two("text", "json"))]
    pub json: bool,
    /// A file to record each request under `/api/v1` and `/api/v3` in, as a line of JSON.
    ///
    /// A record says who asked about which indicator, when, with what outcome and at what cost. The
    /// file is created with mode 0600 and opened anew on SIGHUP.
    #[arg(id = "audit-log", long)]
    pub audit: Option<PathBuf>,
}

/// A collector of traces that takes OTLP over HTTP.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs and traces")]
pub struct Collector {
    /// The URL of a collector of traces, which takes OTLP over HTTP as JSON.
    ///
    /// For example `http://127.0.0.1:4318`; `/v1/traces` is added. Without one there are no traces.
    #[arg(id = "otel-exporter-otlp-endpoint", long, required = false)]
    #[arg(value_name = "URL", value_parser = http_url)]
    pub url: Url,
    /// Headers for the collector: `name=value`, separated by commas, values percent-encoded.
    ///
    /// If they hold a credential, prefer the variable: `ps` shows flags.
    #[arg(id = "otel-exporter-otlp-headers", long)]
    #[arg(default_value = "", value_parser = list(header).map(HeaderMap::from_iter))]
    pub headers: HeaderMap,
}

impl Collector {
    /// Returns whether it is on this machine and so never asked through a proxy.
    pub fn is_local(&self) -> bool {
        is_local(&self.url)
    }
}

impl Upstream {
    /// Returns whether it is on this machine and so never asked through a proxy.
    pub fn is_local(&self) -> bool {
        is_local(&self.url)
    }
}

/// Returns whether a URL names this machine.
pub(super) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        None => false,
    }
}

impl Cache {
    /// Returns the time after which no entry is of use.
    ///
    /// It is at least a day: a finished analysis is fresh for so long, whatever
    /// [`ttl`](Self::ttl) says.
    pub fn longest(&self) -> Duration {
        let fresh = self
            .ttl
            .max(self.ttl_not_found)
            .max(Duration::from_hours(24));
        fresh.saturating_add(self.max_stale)
    }
}
