//! The command line and the environment, as text.

use clap::{Args, Parser};

/// A gateway in front of VirusTotal for language models and SOC tools.
///
/// Without a subcommand it serves. `--demo` needs no key and no network.
#[derive(Parser)]
#[command(name = "vt4ai", version)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Subcommand>,
    #[command(flatten)]
    pub(super) settings: Settings,
}

#[derive(Clone, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Serve HTTP (what happens without a subcommand, too).
    Serve,
    /// Print the OpenAPI document.
    Openapi,
    /// Exit 0 if the gateway on this machine answers; for containers.
    Healthcheck,
    /// Client tokens.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
}

#[derive(Clone, clap::Subcommand)]
pub(super) enum TokenCommand {
    /// Print a new token, once, and the lines to keep in the file of clients.
    ///
    /// In these lines `scopes` says what the token is for: some of `read`, `search`, `submit` and
    /// `metrics` (`/metrics` on the public port).
    New {
        /// Who it is for: 1 to 64 letters, digits, `-`, `_`, `.`, `@`.
        #[arg(long)]
        name: String,
    },
}

/// Every setting as text. An empty one counts as not set.
#[derive(Args)]
pub(super) struct Settings {
    /// The server's VirusTotal key; better set as a variable, a flag is seen by `ps`.
    #[arg(
        long,
        global = true,
        env = "VT4AI_API_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub(super) api_key: Option<String>,
    /// A file with that key in it, in the variable's place; for what containers mount.
    #[arg(long, global = true, env = "VT4AI_API_KEY_FILE", value_name = "FILE")]
    pub(super) api_key_file: Option<String>,
    /// Address to listen on [default: 127.0.0.1].
    #[arg(long, global = true, env = "VT4AI_HOST")]
    pub(super) host: Option<String>,
    /// Port to listen on; 0 takes a free one [default: 8000].
    #[arg(long, global = true, env = "VT4AI_PORT")]
    pub(super) port: Option<String>,
    /// A port for /metrics, /livez and /readyz [default: none, they are with the rest: /metrics
    /// for the own user on loopback, else for tokens with the scope `metrics`].
    #[arg(long, global = true, env = "VT4AI_ADMIN_PORT", value_name = "PORT")]
    pub(super) admin_port: Option<String>,
    /// json, markdown, xml or raw, where a request names none [default: json].
    #[arg(
        long,
        global = true,
        env = "VT4AI_DEFAULT_FORMAT",
        value_name = "FORMAT"
    )]
    pub(super) default_format: Option<String>,
    /// Worker threads [default: the number of cores].
    #[arg(long, global = true, env = "VT4AI_MAX_WORKERS", value_name = "N")]
    pub(super) max_workers: Option<String>,
    /// Connections that are open at once [default: 1024].
    #[arg(long, global = true, env = "VT4AI_MAX_CONNECTIONS", value_name = "N")]
    pub(super) max_connections: Option<String>,
    /// Requests that are answered at once, a quarter of them of one caller; more are refused
    /// with a 503, or a 429 to that caller [default: 512].
    #[arg(long, global = true, env = "VT4AI_MAX_IN_FLIGHT", value_name = "N")]
    pub(super) max_in_flight: Option<String>,
    /// How long it serves on once told to stop, while `/readyz` fails [default: 0s].
    #[arg(
        long,
        global = true,
        env = "VT4AI_SHUTDOWN_DELAY",
        value_name = "DURATION"
    )]
    pub(super) shutdown_delay: Option<String>,
    /// How long requests get to finish after that [default: 30s].
    #[arg(
        long,
        global = true,
        env = "VT4AI_SHUTDOWN_TIMEOUT",
        value_name = "DURATION"
    )]
    pub(super) shutdown_timeout: Option<String>,
    /// A level, or directives such as `info,vt4ai=debug` [default: INFO].
    #[arg(long, global = true, env = "VT4AI_LOG_LEVEL", value_name = "LEVEL")]
    pub(super) log_level: Option<String>,
    /// text or json [default: text].
    #[arg(long, global = true, env = "VT4AI_LOG_FORMAT", value_name = "FORMAT")]
    pub(super) log_format: Option<String>,
    /// A collector of traces, by OTLP over HTTP as JSON [default: none].
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL"
    )]
    pub(super) otel_exporter_otlp_endpoint: Option<String>,
    /// What it wants in headers: `name=value`, after commas more; better set as a variable.
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        hide_env_values = true,
        value_name = "HEADERS"
    )]
    pub(super) otel_exporter_otlp_headers: Option<String>,
    /// A folder with more templates.
    #[arg(long, global = true, env = "VT4AI_TEMPLATES_DIR", value_name = "DIR")]
    pub(super) templates_dir: Option<String>,
    /// Where VirusTotal, or what stands in for it, is [default: VirusTotal itself].
    #[arg(long, global = true, env = "VT4AI_UPSTREAM_URL", value_name = "URL")]
    pub(super) upstream_url: Option<String>,
    /// Time for one lookup, and for an upload without progress [default: 30s].
    #[arg(
        long,
        global = true,
        env = "VT4AI_UPSTREAM_TIMEOUT",
        value_name = "DURATION"
    )]
    pub(super) upstream_timeout: Option<String>,
    /// Bytes of one answer from VirusTotal, decompressed [default: 33554432].
    #[arg(
        long,
        global = true,
        env = "VT4AI_UPSTREAM_MAX_BODY",
        value_name = "BYTES"
    )]
    pub(super) upstream_max_body: Option<String>,
    /// A PEM file of authorities to trust beside the usual ones.
    #[arg(
        long,
        global = true,
        env = "VT4AI_UPSTREAM_CA_FILE",
        value_name = "FILE"
    )]
    pub(super) upstream_ca_file: Option<String>,
    /// Bytes of the cache of VirusTotal's answers; 0 keeps nothing [default: 268435456].
    #[arg(
        long,
        global = true,
        env = "VT4AI_CACHE_MAX_BYTES",
        value_name = "BYTES"
    )]
    pub(super) cache_max_bytes: Option<String>,
    /// How long an answer counts as fresh [default: 1h].
    #[arg(long, global = true, env = "VT4AI_CACHE_TTL", value_name = "DURATION")]
    pub(super) cache_ttl: Option<String>,
    /// How long "not found" does [default: 5m].
    #[arg(
        long,
        global = true,
        env = "VT4AI_CACHE_TTL_NOT_FOUND",
        value_name = "DURATION"
    )]
    pub(super) cache_ttl_not_found: Option<String>,
    /// How long after that it is still given where nothing better can be had [default: 7d].
    #[arg(
        long,
        global = true,
        env = "VT4AI_CACHE_MAX_STALE",
        value_name = "DURATION"
    )]
    pub(super) cache_max_stale: Option<String>,
    /// key or shared: whether one key is given what another fetched [default: key].
    #[arg(long, global = true, env = "VT4AI_CACHE_SCOPE", value_name = "SCOPE")]
    pub(super) cache_scope: Option<String>,
    /// A Redis that replicas share answers and quota by; better set as a variable, if it has a
    /// password.
    #[arg(
        long,
        global = true,
        env = "VT4AI_REDIS_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(super) redis_url: Option<String>,
    /// PEM file of authorities to trust for `rediss://`, in the place of the usual ones.
    #[arg(long, global = true, env = "VT4AI_REDIS_CA_FILE", value_name = "FILE")]
    pub(super) redis_ca_file: Option<String>,
    /// How long one request may wait for Redis, in all [default: 100ms].
    #[arg(
        long,
        global = true,
        env = "VT4AI_REDIS_TIMEOUT",
        value_name = "DURATION"
    )]
    pub(super) redis_timeout: Option<String>,
    /// Lookups of each VirusTotal key in any 60 s; 0: no limit
    /// [default: what VirusTotal allows it].
    #[arg(
        long,
        global = true,
        env = "VT4AI_RATE_LIMIT_PER_MINUTE",
        value_name = "N"
    )]
    pub(super) rate_limit_per_minute: Option<String>,
    /// Lookups of each VirusTotal key a day (UTC); 0: no limit
    /// [default: what VirusTotal allows it].
    #[arg(
        long,
        global = true,
        env = "VT4AI_RATE_LIMIT_PER_DAY",
        value_name = "N"
    )]
    pub(super) rate_limit_per_day: Option<String>,
    /// Lookups of each VirusTotal key a month (UTC); 0: no limit
    /// [default: what VirusTotal allows it].
    #[arg(
        long,
        global = true,
        env = "VT4AI_RATE_LIMIT_PER_MONTH",
        value_name = "N"
    )]
    pub(super) rate_limit_per_month: Option<String>,
    /// Requests that may wait for one key's quota (`?wait=`), a quarter of them of one caller;
    /// 0: none [default: 100].
    #[arg(long, global = true, env = "VT4AI_MAX_WAITING", value_name = "N")]
    pub(super) max_waiting: Option<String>,
    /// Requests of any kind a minute by one caller; 0: no limit [default: 600].
    #[arg(
        long,
        global = true,
        env = "VT4AI_CLIENT_RATE_PER_MINUTE",
        value_name = "N"
    )]
    pub(super) client_rate_per_minute: Option<String>,
    /// Let any caller without a key spend the server's [default: false].
    #[arg(long, global = true, env = "VT4AI_ALLOW_ANONYMOUS", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true")]
    pub(super) allow_anonymous: Option<String>,
    /// Without that, who may spend it without a key: `local`, the gateway's own user from its
    /// own machine, or `off` [default: local].
    #[arg(long, global = true, env = "VT4AI_KEYLESS", value_name = "WHO")]
    pub(super) keyless: Option<String>,
    /// Let it be spent on uploads, scans, comments and votes too [default: false].
    #[arg(long, global = true, env = "VT4AI_ALLOW_SUBMISSIONS", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true")]
    pub(super) allow_submissions: Option<String>,
    /// `Host` values under which a caller without a key is served
    /// [default: `localhost,127.0.0.1,[::1]`].
    #[arg(long, global = true, env = "VT4AI_ALLOWED_HOSTS", value_name = "HOSTS")]
    pub(super) allowed_hosts: Option<String>,
    /// A TOML file of clients, who send tokens of their own and never see a key.
    #[arg(long, global = true, env = "VT4AI_CLIENTS_FILE", value_name = "FILE")]
    pub(super) clients_file: Option<String>,
    /// Take VirusTotal keys of callers' own beside clients' tokens [default: false].
    #[arg(long, global = true, env = "VT4AI_ALLOW_OWN_KEYS", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true")]
    pub(super) allow_own_keys: Option<String>,
    /// Origins whose web pages may call, such as `https://soc.example`, with commas between.
    #[arg(
        long,
        global = true,
        env = "VT4AI_CORS_ORIGINS",
        value_name = "ORIGINS"
    )]
    pub(super) cors_origins: Option<String>,
    /// Addresses or networks of proxies that are believed about a caller's address.
    #[arg(
        long,
        global = true,
        env = "VT4AI_TRUSTED_PROXIES",
        value_name = "NETWORKS"
    )]
    pub(super) trusted_proxies: Option<String>,
    /// No VirusTotal: a stand-in inside the binary answers [default: false].
    #[arg(long, global = true, env = "VT4AI_DEMO", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true")]
    pub(super) demo: Option<String>,
}
