//! Settings: flags, environment variables and `.env`, checked before anything starts.
//!
//! Every value is read as text first and checked by us, so that all mistakes are
//! reported at once and by name, and none of them repeats a key.

use std::{
    net::IpAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{CommandFactory, Parser};
use http::HeaderMap;
use ipnet::IpNet;
use url::{Host, Url};

use self::{
    check::Check,
    cli::{Cli, Subcommand, TokenCommand},
};
use crate::{format::Format, key::ApiKey};

pub use self::{
    redis_url::RedisUrl,
    secret::{UnusableKey, key_in_file, key_in_variable},
};

mod access;
mod check;
mod cli;
mod collector;
mod redis_url;
mod secret;

/// The exit status for settings that can't be used (BSD's `EX_USAGE`).
pub const EXIT_USAGE: u8 = 64;

/// What the process is to do.
#[derive(Debug)]
pub enum Command {
    /// Serve until told to stop.
    Serve(Box<Config>),
    /// Print the OpenAPI document.
    Openapi,
    /// Ask a gateway on this machine whether it lives.
    Healthcheck(Server),
    /// Make a token for a new client of this name.
    NewToken(String),
}

/// Every setting, an area each.
#[derive(Debug)]
pub struct Config {
    /// The `.env` file that was read, if there was one.
    pub env_file: Option<PathBuf>,
    /// Where to listen.
    pub server: Server,
    /// What is logged, and how.
    pub log: Log,
    /// Where traces go. `OTEL_EXPORTER_OTLP_ENDPOINT`, none.
    pub collector: Option<Collector>,
    /// VirusTotal, and how to reach it.
    pub upstream: Upstream,
    /// Who may spend what.
    pub access: Access,
    /// The file that says who the clients are. `VT4AI_CLIENTS_FILE`, none.
    pub clients: Option<PathBuf>,
    /// What a VirusTotal key may spend.
    pub limits: Limits,
    /// What is kept of VirusTotal's answers, and how long.
    pub cache: Cache,
    /// What replicas share answers and quota by; none without `VT4AI_REDIS_URL`.
    pub redis: Option<Redis>,
    /// The number of requests that may wait for a unit of one key, a quarter of them of one
    /// caller. `VT4AI_MAX_WAITING`, 100; 0: none.
    pub max_waiting: usize,
    /// Requests a minute by one caller; `None` is no limit. `VT4AI_CLIENT_RATE_PER_MINUTE`, 600.
    pub client_rate: Option<NonZeroU32>,
    /// The format where a request names none. `VT4AI_DEFAULT_FORMAT`, `json`.
    pub default_format: Format,
    /// More templates. `VT4AI_TEMPLATES_DIR`, none.
    pub templates: Option<PathBuf>,
    /// Whether a stand-in answers in VirusTotal's place. `VT4AI_DEMO`, `false`.
    pub demo: bool,
}

/// Where to listen.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// `VT4AI_HOST`, `127.0.0.1`.
    pub host: IpAddr,
    /// `VT4AI_PORT`, 8000; 0 takes any free one.
    pub port: u16,
    /// A port for `/metrics`, and for `/livez` and `/readyz` besides; none: they are where
    /// everything else is. `VT4AI_ADMIN_PORT`, none.
    pub admin_port: Option<u16>,
    /// Worker threads. `VT4AI_MAX_WORKERS`, the number of cores.
    pub workers: NonZeroUsize,
    /// Connections that are open at once. `VT4AI_MAX_CONNECTIONS`, 1,024.
    pub max_connections: NonZeroUsize,
    /// Requests under `/api/v1` that are answered at once, a quarter of them of one caller; more
    /// are a 503, or a 429 to that caller. As many again may only wait.
    /// `VT4AI_MAX_IN_FLIGHT`, 512.
    pub max_in_flight: NonZeroUsize,
    /// How long it serves on, once told to stop, while `/readyz` says that it will.
    /// `VT4AI_SHUTDOWN_DELAY`, 0 s.
    pub shutdown_delay: Duration,
    /// How long requests get to finish after that. `VT4AI_SHUTDOWN_TIMEOUT`, 30 s.
    pub shutdown_timeout: Duration,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct Log {
    /// A level or directives for each target. `VT4AI_LOG_LEVEL`, `INFO`.
    pub filter: String,
    /// Whether a line is a JSON object. `VT4AI_LOG_FORMAT`, `text`.
    pub json: bool,
}

/// A collector of traces that speaks OTLP over HTTP.
#[derive(Clone, Debug)]
pub struct Collector {
    /// To which `/v1/traces` is added. `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub url: Url,
    /// What it is sent besides, such as who we are; sensitive, so never printed.
    /// `OTEL_EXPORTER_OTLP_HEADERS`, none.
    pub headers: HeaderMap,
}

/// VirusTotal, and how to reach it.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// To which `/api/v3` is added. `VT4AI_UPSTREAM_URL`, `https://www.virustotal.com`.
    pub url: Url,
    /// For one lookup, further tries included, and for an upload without progress.
    /// `VT4AI_UPSTREAM_TIMEOUT`, 30 s.
    pub timeout: Duration,
    /// Bytes of one answer, decompressed. `VT4AI_UPSTREAM_MAX_BODY`, 32 MiB.
    pub max_body: usize,
    /// PEM file of authorities to trust beside the usual ones. `VT4AI_UPSTREAM_CA_FILE`, none.
    pub ca_file: Option<PathBuf>,
}

/// Who may spend the server's key (CONTRACT 8).
#[derive(Clone, Debug)]
pub struct Access {
    /// The server's own VirusTotal key. `VT4AI_API_KEY` or what is in the file that
    /// `VT4AI_API_KEY_FILE` names, none.
    pub key: Option<ApiKey>,
    /// Whether any caller without a key may spend it. `VT4AI_ALLOW_ANONYMOUS`, `false`.
    pub allow_anonymous: bool,
    /// The callers without a key that may spend it otherwise. `VT4AI_KEYLESS`, `local`.
    pub keyless: Keyless,
    /// Whether it may also be spent on what others can see: uploads, scans, comments, votes.
    /// `VT4AI_ALLOW_SUBMISSIONS`, `false`.
    pub allow_submissions: bool,
    /// `Host` values under which a caller without a key is served, in lower case.
    /// `VT4AI_ALLOWED_HOSTS`, `localhost,127.0.0.1,[::1]`.
    pub allowed_hosts: Vec<String>,
    /// Whether a VirusTotal key of the caller's own is taken where clients are set up.
    /// `VT4AI_ALLOW_OWN_KEYS`, `false`.
    pub allow_own_keys: bool,
    /// Whose web pages may call, as browsers write it in `Origin`. `VT4AI_CORS_ORIGINS`, none.
    pub origins: Vec<String>,
    /// Who is believed about the address of a caller. `VT4AI_TRUSTED_PROXIES`, nobody.
    pub trusted_proxies: Vec<IpNet>,
}

/// The callers without a key that may spend the server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keyless {
    /// The gateway's own user, from its own machine.
    #[default]
    Local,
    /// None.
    Off,
}

/// What a VirusTotal key may spend, as the operator says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Lookups in any 60 s. `VT4AI_RATE_LIMIT_PER_MINUTE`, unset.
    pub per_minute: Allowance,
    /// Lookups a day, in UTC. `VT4AI_RATE_LIMIT_PER_DAY`, unset.
    pub per_day: Allowance,
    /// Lookups a month, in UTC. `VT4AI_RATE_LIMIT_PER_MONTH`, unset.
    pub per_month: Allowance,
}

/// What the operator says of one of a key's windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Allowance {
    /// Nothing: VirusTotal is asked what it allows the key.
    #[default]
    Unset,
    /// There is no limit, whatever VirusTotal says (`0`).
    Off,
    /// At most so many lookups, fewer where VirusTotal allows fewer.
    AtMost(NonZeroU32),
}

/// What is kept of VirusTotal's answers, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    /// Bytes in all; 0 keeps nothing. `VT4AI_CACHE_MAX_BYTES`, 256 MiB.
    pub max_bytes: u64,
    /// How long an answer counts as fresh. `VT4AI_CACHE_TTL`, 1 h.
    pub ttl: Duration,
    /// The same for "not found". `VT4AI_CACHE_TTL_NOT_FOUND`, 5 min.
    pub ttl_not_found: Duration,
    /// How long after that it may still be given where nothing better can be had.
    /// `VT4AI_CACHE_MAX_STALE`, 7 d.
    pub max_stale: Duration,
    /// Whether keys share what they fetch. `VT4AI_CACHE_SCOPE`, `key`: they don't.
    pub is_shared: bool,
}

/// What replicas share answers and quota by.
#[derive(Clone, Debug)]
pub struct Redis {
    /// Where it is. `VT4AI_REDIS_URL`.
    pub url: RedisUrl,
    /// Authorities to trust over TLS, in the place of the usual ones, as PEM.
    /// `VT4AI_REDIS_CA_FILE`, none.
    pub ca_file: Option<PathBuf>,
    /// How long one request may wait for it, in all. `VT4AI_REDIS_TIMEOUT`, 100 ms.
    pub timeout: Duration,
}

impl Collector {
    /// Whether it is on this machine, and never asked by way of a proxy.
    pub fn is_local(&self) -> bool {
        is_local(&self.url)
    }
}

impl Upstream {
    /// Whether it is on this machine, and never asked by way of a proxy.
    pub fn is_local(&self) -> bool {
        is_local(&self.url)
    }
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        None => false,
    }
}

impl Cache {
    /// How long anything is kept at most: no settings make a day of [`ttl`](Self::ttl) less
    /// for what is over and done with.
    pub fn longest(&self) -> Duration {
        let fresh = self
            .ttl
            .max(self.ttl_not_found)
            .max(Duration::from_hours(24));
        fresh.saturating_add(self.max_stale)
    }
}

/// Why the process can't do what it was asked; or, for `--help`, what it was asked for.
#[derive(Debug)]
pub enum Rejected {
    /// clap's own answer: help, the version, an unknown flag.
    Usage(clap::Error),
    /// Every setting that can't be used, with what is wrong with it.
    Mistakes(Vec<String>),
}

impl Command {
    /// Reads `.env`, the environment and the command line of this process.
    pub fn read() -> Result<Self, Rejected> {
        let file = Path::new(".env");
        let was_read = match dotenvy::from_path(file) {
            Ok(()) => true,
            Err(error) if error.not_found() => false,
            Err(_) => {
                // The library's message repeats the line, which may hold the key.
                let mistake =
                    "`.env` can't be read: a line is not `NAME=value`, or the file is unreadable";
                return Err(Rejected::Mistakes(vec![mistake.to_owned()]));
            }
        };
        let mut command = Self::parse(std::env::args_os())?;
        if let (Self::Serve(config), true) = (&mut command, was_read) {
            let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
            config.env_file = Some(file);
        }
        Ok(command)
    }

    /// Reads the given command line, and the environment for what it leaves out.
    pub fn parse<T>(arguments: impl IntoIterator<Item = T>) -> Result<Self, Rejected>
    where
        T: Into<std::ffi::OsString> + Clone,
    {
        let cli = Cli::try_parse_from(arguments).map_err(Rejected::Usage)?;
        let mut check = Check::default();
        let server = check.server(&cli.settings);
        let command = match cli.command {
            Some(Subcommand::Openapi) => return Ok(Self::Openapi),
            Some(Subcommand::Token {
                command: TokenCommand::New { name },
            }) => return Ok(Self::NewToken(name)),
            Some(Subcommand::Healthcheck) => Self::Healthcheck(server),
            Some(Subcommand::Serve) | None => {
                Self::Serve(Box::new(check.config(&cli.settings, server)))
            }
        };
        let mistakes = check.mistakes();
        if mistakes.is_empty() {
            Ok(command)
        } else {
            Err(Rejected::Mistakes(mistakes))
        }
    }
}

impl Rejected {
    /// Says on the terminal what is wrong, or what was asked for, and how to exit.
    pub fn report(&self) -> u8 {
        match self {
            Self::Usage(error) => {
                // A closed terminal is no reason to fail differently.
                let _ = error.print();
                if error.use_stderr() { EXIT_USAGE } else { 0 }
            }
            Self::Mistakes(mistakes) => {
                report_mistakes(mistakes.iter().cloned());
                EXIT_USAGE
            }
        }
    }
}

/// Lists what is wrong with the settings on standard error.
pub fn report_mistakes(mistakes: impl IntoIterator<Item = String>) {
    let mistakes: Vec<_> = mistakes.into_iter().collect();
    let list = mistakes.join("\n  ");
    let error = Cli::command().error(
        clap::error::ErrorKind::ValueValidation,
        format!("these settings can't be used:\n  {list}"),
    );
    let _ = error.print();
}
