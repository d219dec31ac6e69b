//! The checks: text becomes a value, or a mistake that names its setting.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use tracing_subscriber::EnvFilter;
use url::Url;

use super::{
    Allowance, Cache, Config, Limits, Log, Redis, RedisUrl, Server, Upstream, cli::Settings,
};
use crate::format::Format;

/// The longest duration that can be set: some are added to one another and to the time.
const LONGEST: Duration = Duration::from_hours(100 * 366 * 24);

/// The mistakes found so far; a value that can't be read counts as its default meanwhile.
#[derive(Default)]
pub(super) struct Check {
    pub(super) mistakes: Vec<String>,
}

impl Check {
    /// What was wrong, each with the name of its setting.
    pub(super) fn mistakes(self) -> Vec<String> {
        self.mistakes
    }

    pub(super) fn config(&mut self, settings: &Settings, server: Server) -> Config {
        let demo = self.flag("VT4AI_DEMO", settings.demo.as_deref());
        let config = Config {
            env_file: None,
            server,
            log: self.log(settings),
            collector: self.collector(settings),
            upstream: self.upstream(settings),
            limits: self.limits(settings, demo),
            cache: self.cache(settings),
            redis: self.redis(settings),
            max_waiting: self.read_as(
                "VT4AI_MAX_WAITING",
                settings.max_waiting.as_deref(),
                100,
                "a whole number, 0 for nobody",
            ),
            client_rate: self.limit(
                "VT4AI_CLIENT_RATE_PER_MINUTE",
                settings.client_rate_per_minute.as_deref(),
                if demo { 0 } else { 600 },
            ),
            default_format: self.read(
                "VT4AI_DEFAULT_FORMAT",
                settings.default_format.as_deref(),
                Format::Json,
            ),
            templates: given(settings.templates_dir.as_deref()).map(PathBuf::from),
            access: self.access(settings, demo),
            clients: given(settings.clients_file.as_deref()).map(PathBuf::from),
            demo,
        };
        self.mind_the_world(&config);
        config
    }

    pub(super) fn server(&mut self, settings: &Settings) -> Server {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let Host(host) = self.read(
            "VT4AI_HOST",
            settings.host.as_deref(),
            Host(Ipv4Addr::LOCALHOST.into()),
        );
        let a_port = "a port, 0 to 65535";
        let port = self.read_as("VT4AI_PORT", settings.port.as_deref(), 8000, a_port);
        let (name, text) = ("VT4AI_ADMIN_PORT", settings.admin_port.as_deref());
        let admin_port = given(text).map(|_| self.read_as(name, text, 0, a_port));
        if admin_port.is_some_and(|admin| admin == port && port != 0) {
            self.expected(name, "another port than VT4AI_PORT");
        }
        Server {
            host,
            port,
            admin_port,
            workers: self.read_as(
                "VT4AI_MAX_WORKERS",
                settings.max_workers.as_deref(),
                cores,
                "a number of threads, at least 1",
            ),
            max_connections: self.read_as(
                "VT4AI_MAX_CONNECTIONS",
                settings.max_connections.as_deref(),
                NonZeroUsize::MIN.saturating_add(1023),
                "a number of connections, at least 1",
            ),
            max_in_flight: self.read_as(
                "VT4AI_MAX_IN_FLIGHT",
                settings.max_in_flight.as_deref(),
                NonZeroUsize::MIN.saturating_add(511),
                "a number of requests, at least 1",
            ),
            shutdown_delay: self
                .duration(
                    "VT4AI_SHUTDOWN_DELAY",
                    settings.shutdown_delay.as_deref(),
                    "0s",
                )
                .unwrap_or_default(),
            shutdown_timeout: self
                .duration(
                    "VT4AI_SHUTDOWN_TIMEOUT",
                    settings.shutdown_timeout.as_deref(),
                    "30s",
                )
                .unwrap_or_default(),
        }
    }

    fn log(&mut self, settings: &Settings) -> Log {
        let filter = given(settings.log_level.as_deref()).unwrap_or("INFO");
        if EnvFilter::try_new(filter).is_err() {
            self.expected(
                "VT4AI_LOG_LEVEL",
                "a level such as `INFO` or directives such as `info,vt4ai=debug`",
            );
        }
        let LogFormat { json } = self.read(
            "VT4AI_LOG_FORMAT",
            settings.log_format.as_deref(),
            LogFormat { json: false },
        );
        Log {
            filter: filter.to_owned(),
            json,
        }
    }

    fn upstream(&mut self, settings: &Settings) -> Upstream {
        let UpstreamUrl(url) = self.read(
            "VT4AI_UPSTREAM_URL",
            settings.upstream_url.as_deref(),
            UpstreamUrl::virustotal(),
        );
        let name = "VT4AI_UPSTREAM_TIMEOUT";
        let timeout = self.duration(name, settings.upstream_timeout.as_deref(), "30s");
        if timeout == Some(Duration::ZERO) {
            self.expected(name, "a duration above zero");
        }
        let max_body = self.read_as(
            "VT4AI_UPSTREAM_MAX_BODY",
            settings.upstream_max_body.as_deref(),
            NonZeroUsize::MIN.saturating_add(32 * 1024 * 1024 - 1),
            "a number of bytes, at least 1",
        );
        Upstream {
            url,
            timeout: timeout.unwrap_or_default(),
            max_body: max_body.get(),
            ca_file: given(settings.upstream_ca_file.as_deref()).map(PathBuf::from),
        }
    }

    fn cache(&mut self, settings: &Settings) -> Cache {
        let scope = given(settings.cache_scope.as_deref()).unwrap_or("key");
        if !matches!(scope, "key" | "shared") {
            self.expected("VT4AI_CACHE_SCOPE", "`key` or `shared`");
        }
        let mut duration = |name, text: &Option<String>, default| {
            let duration = self.duration(name, text.as_deref(), default);
            duration.unwrap_or_default()
        };
        let ttl = duration("VT4AI_CACHE_TTL", &settings.cache_ttl, "1h");
        let (name, text) = ("VT4AI_CACHE_TTL_NOT_FOUND", &settings.cache_ttl_not_found);
        let ttl_not_found = duration(name, text, "5m");
        let max_stale = duration("VT4AI_CACHE_MAX_STALE", &settings.cache_max_stale, "7d");
        Cache {
            max_bytes: self.read_as(
                "VT4AI_CACHE_MAX_BYTES",
                settings.cache_max_bytes.as_deref(),
                256 * 1024 * 1024,
                "a number of bytes, 0 to keep nothing",
            ),
            ttl,
            ttl_not_found,
            max_stale,
            is_shared: scope == "shared",
        }
    }

    fn redis(&mut self, settings: &Settings) -> Option<Redis> {
        let timeout = settings.redis_timeout.as_deref();
        let timeout = self.duration("VT4AI_REDIS_TIMEOUT", timeout, "100ms");
        let ca_file = given(settings.redis_ca_file.as_deref()).map(PathBuf::from);
        let url: RedisUrl = self.read_given("VT4AI_REDIS_URL", settings.redis_url.as_deref())?;
        if ca_file.is_some() && !url.is_secure() {
            self.expected("VT4AI_REDIS_CA_FILE", "a `rediss://` URL with it");
        }
        Some(Redis {
            url,
            ca_file,
            timeout: timeout?,
        })
    }

    fn duration(&mut self, name: &str, text: Option<&str>, default: &str) -> Option<Duration> {
        let Ok(duration) = humantime::parse_duration(given(text).unwrap_or(default)) else {
            self.expected(name, "a duration such as `30s` or `500ms`");
            return None;
        };
        if duration > LONGEST {
            self.expected(name, "a duration of 100 years at most");
            return None;
        }
        Some(duration)
    }

    fn limits(&mut self, settings: &Settings, demo: bool) -> Limits {
        let unset = if demo {
            Allowance::Off
        } else {
            Allowance::Unset
        };
        let mut allowance = |name, text| self.allowance(name, text).unwrap_or(unset);
        Limits {
            per_minute: allowance(
                "VT4AI_RATE_LIMIT_PER_MINUTE",
                settings.rate_limit_per_minute.as_deref(),
            ),
            per_day: allowance(
                "VT4AI_RATE_LIMIT_PER_DAY",
                settings.rate_limit_per_day.as_deref(),
            ),
            per_month: allowance(
                "VT4AI_RATE_LIMIT_PER_MONTH",
                settings.rate_limit_per_month.as_deref(),
            ),
        }
    }

    fn limit(&mut self, name: &str, text: Option<&str>, default: u32) -> Option<NonZeroU32> {
        NonZeroU32::new(self.read_as(name, text, default, "a whole number, 0 for no limit"))
    }

    fn allowance(&mut self, name: &str, text: Option<&str>) -> Option<Allowance> {
        given(text)?;
        let limit = self.limit(name, text, 0);
        Some(limit.map_or(Allowance::Off, Allowance::AtMost))
    }

    pub(super) fn flag(&mut self, name: &str, text: Option<&str>) -> bool {
        match given(text).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "0" | "no" | "off") => false,
            Some("true" | "1" | "yes" | "on") => true,
            Some(_) => {
                self.expected(name, "`true` or `false`");
                false
            }
        }
    }

    fn read<T: FromStr<Err: fmt::Display>>(
        &mut self,
        name: &str,
        text: Option<&str>,
        default: T,
    ) -> T {
        self.read_given(name, text).unwrap_or(default)
    }

    /// What is set, read; none where it is not set or can't be read.
    pub(super) fn read_given<T: FromStr<Err: fmt::Display>>(
        &mut self,
        name: &str,
        text: Option<&str>,
    ) -> Option<T> {
        let value = given(text)?.parse();
        value
            .inspect_err(|error| self.mistakes.push(format!("{name}: {error}")))
            .ok()
    }

    fn read_as<T: FromStr>(
        &mut self,
        name: &str,
        text: Option<&str>,
        default: T,
        expected: &str,
    ) -> T {
        let Ok(value) = given(text).map(str::parse).transpose() else {
            self.expected(name, expected);
            return default;
        };
        value.unwrap_or(default)
    }

    pub(super) fn expected(&mut self, name: &str, what: &str) {
        self.mistakes.push(format!("{name}: expected {what}"));
    }
}

/// What is set: an empty variable, as compose files leave them, is not.
pub(super) fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

struct Host(IpAddr);

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if bare.eq_ignore_ascii_case("localhost") {
            return Ok(Self(Ipv4Addr::LOCALHOST.into()));
        }
        bare.parse()
            .map(Self)
            .map_err(|_| "expected an IP address such as `127.0.0.1` or `::`")
    }
}

struct LogFormat {
    json: bool,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "text" => Ok(Self { json: false }),
            "json" => Ok(Self { json: true }),
            _ => Err("expected `text` or `json`"),
        }
    }
}

pub(super) struct UpstreamUrl(pub(super) Url);

impl UpstreamUrl {
    #[expect(
        clippy::expect_used,
        reason = "a constant, read by every test that starts"
    )]
    fn virustotal() -> Self {
        Self(Url::parse("https://www.virustotal.com").expect("a valid URL"))
    }
}

impl FromStr for UpstreamUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        url.map(Self)
            .ok_or("expected an http or https URL without user, query or fragment")
    }
}
